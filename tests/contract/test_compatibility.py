"""Released contracts can still be read; and the check for it sees each kind of break."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas import compatibility
from schemas.compatibility import compare, compare_all, present, released

Schema = dict[str, Any]

OLD: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 64},
        "count": {"type": "integer", "minimum": 0},
        "score": {"type": "number"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "state": {"$ref": "#/$defs/State"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "words": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "part": {"$ref": "#/$defs/Part"},
        "time": {"type": "string", "format": "date-time"},
    },
    "required": ["id", "state"],
    "$defs": {
        "State": {"enum": ["open", "closed"], "type": "string"},
        "Part": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "inner": {"$ref": "#/$defs/Part"}},
            "required": ["name"],
        },
    },
}

Change = Callable[[Schema], Any]


def changed(change: Change) -> Schema:
    schema = copy.deepcopy(OLD)
    change(schema)
    return schema


def test_released_contracts_are_kept() -> None:
    """No contract of this tree breaks a promise that was made."""
    assert [str(one) for one in compare_all(released(), present())] == []


def test_every_contract_was_promised() -> None:
    """A new contract is promised on purpose: `python -m schemas.compatibility --release`."""
    assert set(released()) == set(present())


@pytest.mark.parametrize(
    ("change", "rule", "path"),
    [
        (lambda s: s["properties"].pop("note"), "removed_field", "/note"),
        (lambda s: s["properties"].pop("id"), "removed_field", "/id"),
        (lambda s: s["required"].append("note"), "new_required_field", "/note"),
        (
            lambda s: (
                s["properties"].update(extra={"type": "string"}),
                s["required"].append("extra"),
            ),
            "new_required_field",
            "/extra",
        ),
        (lambda s: s["properties"]["count"].update(type="string"), "narrowed_type", "/count"),
        (lambda s: s["properties"]["score"].update(type="integer"), "narrowed_type", "/score"),
        (lambda s: s["properties"].update(note={"type": "string"}), "narrowed_type", "/note"),
        (
            lambda s: s["properties"]["tags"]["items"].update(type="integer"),
            "narrowed_type",
            "/tags/*",
        ),
        (
            lambda s: s["properties"]["words"]["additionalProperties"]["items"].update(
                type="integer"
            ),
            "narrowed_type",
            "/words/*/*",
        ),
        (lambda s: s["$defs"]["Part"]["properties"].pop("name"), "removed_field", "/part/name"),
        (
            lambda s: s["$defs"]["Part"]["required"].append("inner"),
            "new_required_field",
            "/part/inner",
        ),
        (lambda s: s["$defs"]["State"].update(enum=["open"]), "narrowed_enum", "/state"),
        (lambda s: s["properties"]["id"].update(enum=["a", "b"]), "narrowed_enum", "/id"),
        (lambda s: s["properties"]["id"].update(maxLength=32), "narrowed_bound", "/id"),
        (lambda s: s["properties"]["id"].update(minLength=2), "narrowed_bound", "/id"),
        (lambda s: s["properties"]["id"].update(pattern="^a"), "narrowed_bound", "/id"),
        (lambda s: s["properties"]["count"].update(minimum=1), "narrowed_bound", "/count"),
        (lambda s: s["properties"]["time"].update(format="date"), "narrowed_bound", "/time"),
        (lambda s: s.update(additionalProperties=False), "narrowed_type", ""),
    ],
)
def test_a_break_is_seen_and_named(change: Change, rule: str, path: str) -> None:
    """Each way to break a reader or an old record is reported with its rule and its place."""
    breaks = compare(OLD, changed(change), name="e.v1")

    assert (rule, path) in {(one.rule, one.path) for one in breaks}


@pytest.mark.parametrize(
    "change",
    [
        lambda s: None,
        lambda s: s["properties"].update(extra={"type": "string"}),
        lambda s: s["required"].remove("state"),
        lambda s: s["properties"]["count"].update(type="number"),
        lambda s: s["properties"].update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda s: s["properties"].update(score={}),
        lambda s: s["$defs"]["State"].update(enum=["open", "closed", "merged"]),
        lambda s: s["$defs"]["State"].pop("enum"),
        lambda s: s["properties"]["id"].update(maxLength=128),
        lambda s: s["properties"]["id"].pop("minLength"),
        lambda s: s["properties"]["time"].pop("format"),
        lambda s: s["properties"]["id"].update(description="other words"),
        lambda s: s["$defs"]["Part"]["properties"].update(more={"type": "string"}),
    ],
)
def test_a_wider_contract_is_allowed(change: Change) -> None:
    """Optional fields, wider values, more enum members and other words break nobody."""
    assert compare(OLD, changed(change), name="e.v1") == []


def test_a_removed_version_is_a_break() -> None:
    """A version stays while records of it may lie anywhere."""
    breaks = compare_all({"e.v1": OLD}, {"e.v2": OLD})

    assert [one.rule for one in breaks] == ["removed_version"]


def test_a_release_refuses_to_break_a_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--release` writes nothing while a promise is broken, and says which one."""
    monkeypatch.setattr(compatibility, "RELEASED", tmp_path)
    monkeypatch.setattr(compatibility, "released", lambda: {"e.v1": OLD})
    monkeypatch.setattr(
        compatibility, "present", lambda: {"e.v1": changed(lambda s: s["properties"].pop("note"))}
    )

    assert compatibility.main(["--release"]) == 1
    assert "e.v1 /note: removed_field" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_release_writes_what_is_promised_from_now_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a release the snapshot and the contracts are the same."""
    monkeypatch.setattr(compatibility, "RELEASED", tmp_path)

    assert compatibility.main(["--release"]) == 0
    assert released(tmp_path) == present()
