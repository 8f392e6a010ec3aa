"""What editors are told agrees with what the loader takes."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from services.registry import example_folder
from services.registry.files import SHIPPED
from services.registry.reference import page
from services.registry.schema import schema_name, schemas, text

SCHEMAS = {
    name: Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name, schema in schemas().items()
}
EXAMPLES = {name: example_folder(name) for name in ("shop", "olist", "bank")}
FILES = sorted(
    (folder, path.relative_to(folder).as_posix())
    for folder in (*EXAMPLES.values(), SHIPPED / "template")
    for path in folder.rglob("*.toml")
)
COMMITTED = EXAMPLES["shop"].parent / "schema"


def plain(value: Any) -> Any:
    """TOML as an editor hands it to a JSON Schema: dates are texts."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def problems(file: str, written: str) -> list[str]:
    found = SCHEMAS[schema_name(file)].iter_errors(plain(tomllib.loads(written)))
    return [error.message for error in found]


@pytest.mark.parametrize(("folder", "file"), FILES, ids=lambda value: str(value)[-30:])
def test_shipped_files_satisfy_their_schema(folder: Path, file: str) -> None:
    """And say at their first line where it lies."""
    written = (folder / file).read_text(encoding="utf-8")
    assert not problems(file, written)
    first = written.splitlines()[0]
    assert first.startswith("#:schema ")
    if folder.name != "template":
        assert ((folder / file).parent / first.removeprefix("#:schema ")).resolve() == (
            COMMITTED / f"{schema_name(file)}.json"
        )


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_committed_schemas_are_up_to_date(name: str) -> None:
    """`akar registry schema examples/schema` writes them."""
    Draft202012Validator.check_schema(schemas()[name])
    assert (COMMITTED / f"{name}.json").read_text(encoding="utf-8") == text(schemas()[name])


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("departments.toml", "managed_by", "manged_by"),
        ("departments.toml", "outside = true", 'outside = "yes"'),
        ("departments.toml", "[departments.", "[department."),
        ("processes/order.toml", 'allowance = "24h"', "allowance = 24"),
        ("processes/order.toml", 'allowance = "24h"', 'allowance = "24 hours"'),
        ("processes/order.toml", 'owner = "customer"', ""),
        ("processes/order.toml", "wrong_item = 0.95", "wrong_item = 1.95"),
        ("processes/order.toml", 'transition = "cancel"', 'transition = "cancelled"'),
        ("processes/order.toml", "tolerance = 1", "tolerance = -1"),
        ("company.toml", "schema = 1", "schema = 2"),
        ("company.toml", "wrong = 5", "wrongs = 5"),
        ("sources.toml", 'completeness = "assumed"', 'completeness = "complete"'),
        ("symptoms.toml", "vague = true", "vague = 1"),
        ("calendars.toml", "mon-sun", "every-day"),
        ("departments.toml", "[departments.courier]", "[departments.Courier]"),
        ("calendars.toml", '"07:00-14:30"', '"7-14"'),
        ("calendars.toml", "[2026-12-25]", '["Christmas"]'),
    ],
)
def test_planted_mistakes_are_underlined(file: str, old: str, new: str) -> None:
    """Each of these the loader refuses, too."""
    written = (EXAMPLES["shop"] / file).read_text(encoding="utf-8")
    assert old in written
    assert problems(file, written.replace(old, new))


REFERENCE = COMMITTED.parents[1] / "docs/registry-reference.md"


def test_the_reference_page_is_up_to_date() -> None:
    """`python -m services.registry.reference > docs/registry-reference.md` writes it."""
    assert REFERENCE.read_text(encoding="utf-8") == page()


def test_every_field_has_a_meaning() -> None:
    """In words, for whoever writes these files."""
    fields = [line for line in page().splitlines() if line.startswith("| `")]
    assert len(fields) > 90
    assert not [line for line in fields if line.endswith("|  |")]
