"""JSON Schema of every file of a company's folder, for editors.

It stands apart because editors read it and nothing here does: it is made from the same models that load the files,
so that what an editor underlines is what `akar registry check` refuses, as far as one file alone can tell.

Hazard: references between files, units of durations and loops are beyond it; only the check knows those.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any, Final

from pydantic import BaseModel

from services.registry.load import TABLES
from services.registry.model import CompanyFile, Learned, Pack, PackAdditions, Process

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_WHOLE: Final[tuple[tuple[str, type[BaseModel]], ...]] = (
    ("company", CompanyFile),
    ("process", Process),
    ("pack", Pack),
    ("pack-more", PackAdditions),
    ("learned", Learned),
)
_BY_FOLDER: Final = {"processes": "process", "packs": "pack", "learned": "learned"}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas by name: one per top-level file, ``process``, ``pack`` and ``learned``."""
    found = {name: _finished(name, kind.model_json_schema()) for name, kind in _WHOLE}
    for file, table, kind in TABLES:
        entry = kind.model_json_schema()
        definitions = entry.pop("$defs", {})
        name = PurePosixPath(file).stem
        found[name] = _finished(
            name,
            {
                "type": "object",
                "description": f"{file}: one [{table}.<id>] for each.",
                "properties": {
                    table: {
                        "type": "object",
                        "patternProperties": {"^[a-z0-9][a-z0-9_-]*$": entry},
                        "additionalProperties": False,
                    }
                },
                "additionalProperties": False,
                "$defs": definitions,
            },
        )
    return dict(sorted(found.items()))


def schema_name(file: str) -> str:
    """The name of the schema for a file of the folder."""
    path = PurePosixPath(file)
    if path.parts[0] == "packs" and path.name.endswith(".more.toml"):
        return "pack-more"
    return path.stem if len(path.parts) == 1 else _BY_FOLDER[path.parts[0]]


def write(folder: Path) -> list[Path]:
    """Write every schema as ``<name>.json``; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / f"{name}.json"
        path.write_text(text(schema), encoding="utf-8")
        written.append(path)
    return written


def text(schema: dict[str, Any]) -> str:
    """A schema as it is written: two spaces, one newline at the end."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _finished(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    closed: dict[str, Any] = _closed(schema)
    return {"$schema": DIALECT, "title": f"Akar: {name}"} | {
        key: value for key, value in closed.items() if key != "title"
    }


def _closed(schema: Any) -> Any:
    """Refuse keys that fit no pattern: pydantic checks them, but leaves its schemas open there."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    if "patternProperties" in found:
        found.setdefault("additionalProperties", False)
    return found
