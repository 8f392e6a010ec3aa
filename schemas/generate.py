"""Writes everything that is generated from the contracts: `python -m schemas.generate [--check]`.

JSON Schema per event version, the AsyncAPI document and the topic page go to `schemas/generated/`; they are committed,
so that a reader in another language needs no Python, and a test runs `--check`.  Hazard: output has to be the same on
every machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from schemas import asyncapi, topic_table
from schemas.json_schema import contracts, schema_of

HERE: Final = Path(__file__).parent
GENERATED: Final = HERE / "generated"
EXAMPLES: Final = HERE / "examples"


def render() -> dict[Path, str]:
    """Every generated file: its path and its text."""
    files = {
        GENERATED / "jsonschema" / f"{contract.dataschema()}.json": to_json(schema_of(contract))
        for contract in contracts()
    }
    files[GENERATED / "asyncapi.json"] = to_json(
        asyncapi.document(examples(), version=project_version())
    )
    files[GENERATED / "topics.md"] = topic_table.page()
    return files


def examples(folder: Path = EXAMPLES) -> dict[str, list[dict[str, Any]]]:
    """The golden records by `dataschema`, each with its file's name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*/v*/*.json")):
        name = f"{path.parts[-3]}.{path.parts[-2]}"
        record = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(name, []).append({"name": path.stem} | record)
    return found


def project_version() -> str:
    """The version that pyproject.toml gives."""
    with (HERE.parent / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def stale(files: Mapping[Path, str]) -> list[str]:
    """What differs on disk: missing, outdated or left over."""
    problems = []
    for path, text in files.items():
        if not path.exists():
            problems.append(f"{path.relative_to(HERE.parent)} is missing")
        elif path.read_text(encoding="utf-8") != text:
            problems.append(f"{path.relative_to(HERE.parent)} is out of date")
    problems += [
        f"{path.relative_to(HERE.parent)} is generated no more" for path in _left_over(files)
    ]
    return problems


def write(files: Mapping[Path, str]) -> None:
    """Bring the folder to exactly these files."""
    for path in _left_over(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def to_json(value: Any) -> str:
    """JSON as it is committed: two spaces, in the order given, one newline at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m schemas.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is not up to date"
    )
    options = parser.parse_args(arguments)
    files = render()
    if not options.check:
        write(files)
        return 0
    problems = stale(files)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("Run `make generate` and commit the result.", file=sys.stderr)
    return 1 if problems else 0


def _left_over(files: Mapping[Path, str]) -> list[Path]:
    return sorted(path for path in GENERATED.rglob("*") if path.is_file() and path not in files)


if __name__ == "__main__":
    sys.exit(main())
