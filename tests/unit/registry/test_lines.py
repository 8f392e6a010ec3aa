"""Lines of fields, in every file that is shipped and in the forms TOML allows."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.registry import example_folder
from services.registry.files import SHIPPED
from services.registry.lines import Lines

FILES = sorted(
    [
        *(
            path
            for name in ("shop", "olist", "bank")
            for path in example_folder(name).rglob("*.toml")
        ),
        *(SHIPPED / "packs").glob("*.toml"),
    ]
)


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, str(index)))
    else:
        yield path


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_field_is_found_on_a_line_that_names_it(path: Path) -> None:
    """The parser of the standard library says which fields there are; the line must hold the key."""
    text = path.read_text(encoding="utf-8")
    lines, shown = Lines(text), text.splitlines()
    count = 0
    for leaf in leaves(tomllib.loads(text)):
        line = lines.of(".".join(leaf))
        assert line is not None, leaf
        assert leaf[-1] in shown[line - 1], (leaf, line)
        count += 1
    assert count


FORMS = '''# a remark with [brackets] = "and" """quotes"""
title = """
three = "lines"
here"""
dotted.key."with space" = 1
list = [
  { name = "a", deep = { x = 1 } },   # one
  { name = "b" }, [1, 2],
]

[[steps]]
id = "first # not a remark"
[steps.when]
region = 'outer'

[[steps]]
id = "second"
[[steps.also]]
n = 1
[[steps.also]]
n = 2
'''


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("title", 2),
        ("dotted.key", 5),
        ("dotted.key.with space", 5),
        ("list", 6),
        ("list.0.name", 7),
        ("list.0.deep.x", 7),
        ("list.1.name", 8),
        ("list.2.1", 8),
        ("steps.0.id", 12),
        ("steps.0.when.region", 14),
        ("steps.1.id", 17),
        ("steps[2].id", 17),
        ("steps.1.also.1.n", 21),
        ("steps.1.missing", 16),
        ("steps.1.also.1.missing", 20),
        ("nothing.of.this", None),
    ],
)
def test_forms(field: str, line: int | None) -> None:
    """Dotted keys, arrays of tables, inline tables, texts over several lines."""
    tomllib.loads(FORMS)
    assert Lines(FORMS).of(field) == line
