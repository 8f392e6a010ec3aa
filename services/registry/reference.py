"""The reference page of the company's files, made from the models by `python -m services.registry.reference`.

It stands apart so that the page cannot say other than the loader does; a test holds the committed page to it.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from services.registry.calendars import Calendar, Period
from services.registry.model import (
    Activity,
    Allowance,
    CompanyFile,
    Contradiction,
    Costs,
    Cue,
    Department,
    Differs,
    Exceeds,
    Fault,
    Learned,
    Pack,
    PackAdditions,
    Policy,
    Process,
    Promise,
    Source,
    Symptom,
    Unfollowed,
    Within,
)

_SECTIONS: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("company.toml", CompanyFile),
    ("company.toml: [policy]", Policy),
    ("company.toml: [policy.costs]", Costs),
    ("departments.toml: [departments.ID]", Department),
    ("calendars.toml: [calendars.ID]", Calendar),
    ("calendars.toml: [[calendars.ID.periods]]", Period),
    ("sources.toml: [sources.ID]", Source),
    ("processes/ID.toml", Process),
    ("processes/ID.toml: [activities.ID]", Activity),
    ("processes/ID.toml: [[activities.ID.allowances]]", Allowance),
    ("processes/ID.toml: [promises.ID]", Promise),
    ("processes/ID.toml: [[promises.ID.withins]]", Within),
    ("processes/ID.toml: [faults.ID]", Fault),
    ("processes/ID.toml: [contradictions.ID]", Contradiction),
    ("processes/ID.toml: differs", Differs),
    ("processes/ID.toml: unfollowed", Unfollowed),
    ("processes/ID.toml: exceeds", Exceeds),
    ("symptoms.toml: [symptoms.ID]", Symptom),
    ("packs/LANGUAGE.toml", Pack),
    ("packs/LANGUAGE.more.toml", PackAdditions),
    ("packs/LANGUAGE.toml: [[cues]]", Cue),
    ("learned/NAME.toml", Learned),
)
_HEAD: Final = """\
<!-- Written by `python -m services.registry.reference` from services/registry/model.py; edit that. -->
# The company's files, field by field

What each file is for, with examples: [registry.md](registry.md).
A first company: [describe-your-company.md](describe-your-company.md).
An *id* has small letters, digits, `-` and `_`. A *duration* has units: `90m`, `48h`, `1d12h`.
*Names* are texts by language: `{ id = "Gudang", en = "Warehouse" }`.
A field without a default has to be given; any other name is refused.
"""


def page() -> str:
    """The whole page, as Markdown."""
    return _HEAD + "".join(_section(title, kind) for title, kind in _SECTIONS)


def _section(title: str, kind: type[BaseModel]) -> str:
    schema = kind.model_json_schema()
    rows = [
        f"\n## {title}\n",
        _flat(inspect.getdoc(kind) or ""),
        "",
        "| field | value | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in kind.model_fields.items():
        shown = field.alias or name
        value = _value(schema["properties"][shown], schema)
        rows.append(
            f"| `{shown}` | {value} | {_default(field)} | {_flat(field.description or '')} |"
        )
    return "\n".join(rows) + "\n"


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("``", "`").replace("|", "\\|").strip()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ([], {}):
        return "–"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int) and value >= 1_000_000:
        return f"`{value // 60_000_000}m`"
    return f"`{getattr(value, 'value', value)}`"


def _value(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """A field's kind in a few words."""
    if "$ref" in schema:
        return _value(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    if "anyOf" in schema:
        return " or ".join(
            _value(one, whole) for one in schema["anyOf"] if one.get("type") != "null"
        )
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list: {_value(schema['items'], whole)}" if "items" in schema else "pair"
    if kind == "object":
        entries = [
            schema.get("additionalProperties"),
            *schema.get("patternProperties", {}).values(),
        ]
        inner = next((one for one in entries if isinstance(one, dict)), None)
        return "table" if inner is None else f"table: {_value(inner, whole)}"
    if kind == "string":
        return _text(schema)
    return {"integer": "whole number", "number": "number", "boolean": "yes or no"}.get(
        str(kind), "any"
    )


def _text(schema: dict[str, Any]) -> str:
    pattern = str(schema.get("pattern", ""))
    if "dhms" in pattern:
        return "duration"
    if schema.get("format") == "date":
        return "date"
    if pattern.startswith("^[a-z0-9][a-z0-9_-]*$"):
        return "id"
    if pattern == "^[a-z]{2}$":
        return "language"
    if "\\." in pattern:
        return "`activity.attribute`"
    return "text"


if __name__ == "__main__":
    sys.stdout.write(page())
