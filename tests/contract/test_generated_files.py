"""What is generated is committed, fresh, and the same on every machine."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from schemas import generate
from schemas.json_schema import DIALECT, contracts, schema_of
from services.chassis.settings import Settings
from services.cli import configuration


def test_generated_files_are_fresh() -> None:
    """`make generate` would change nothing."""
    assert generate.stale(generate.render()) == []


def test_the_configuration_page_is_fresh() -> None:
    """docs/configuration.md says what the settings classes say."""
    assert configuration.PAGE.read_text(encoding="utf-8") == configuration.page()


def test_no_settings_class_is_left_out_of_the_configuration_page() -> None:
    """Each class that reads the environment has a section."""
    shown = {settings for _, settings in configuration.SECTIONS}
    for path in sorted((generate.HERE.parent / "services").rglob("settings.py")):
        name = ".".join(path.relative_to(generate.HERE.parent).with_suffix("").parts)
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and issubclass(value, Settings) and value is not Settings:
                assert value in shown


def test_output_is_the_same_in_another_process() -> None:
    """Another process, with other hash seeds, writes the same bytes."""
    script = (
        "import hashlib; from schemas import generate;"
        "files = generate.render();"
        "print(hashlib.sha256(''.join(files[path] for path in sorted(files)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed},
            cwd=generate.HERE.parent,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(digests) == 1


def test_a_stale_missing_or_left_over_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` names each file that is not as it should be."""
    monkeypatch.setattr(generate, "HERE", tmp_path / "schemas")
    monkeypatch.setattr(generate, "GENERATED", tmp_path / "schemas" / "generated")
    folder = tmp_path / "schemas" / "generated"
    folder.mkdir(parents=True)
    (folder / "old.json").write_text("{}")
    (folder / "gone.json").write_text("{}")

    problems = generate.stale({folder / "old.json": "[]", folder / "new.json": "{}"})

    assert problems == [
        "schemas/generated/old.json is out of date",
        "schemas/generated/new.json is missing",
        "schemas/generated/gone.json is generated no more",
    ]


@pytest.mark.parametrize("contract", list(contracts()), ids=lambda contract: contract.dataschema())
def test_each_json_schema_is_valid_and_says_what_each_field_is_for(contract: type) -> None:
    """Each schema keeps the 2020-12 dialect, has its event's name as `$id`, and has no dangling reference."""
    schema = schema_of(contract)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["$id"] == contract.dataschema()
    assert schema["description"]
    for reference in _references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"]


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []


def test_generated_json_ends_with_one_newline_and_keeps_its_letters() -> None:
    """Committed files read well in a diff: real letters, one newline at the end."""
    text = generate.to_json({"a": "é"})

    assert text == '{\n  "a": "é"\n}\n'
    assert json.loads(text) == {"a": "é"}
