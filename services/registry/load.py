"""Read a company's folder: files in, one validated `Company` out.

It stands apart because it is the only part of the registry that touches files. All problems are
reported together, each with its file, field and remedy; nothing half-valid ever gets out.

Hazard: an unknown key is an error, not ignored. A misspelt `managed_by` that was ignored would send
the courier's complaints to nobody.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from services.registry.calendars import Calendar
from services.registry.check import check
from services.registry.errors import Problem, RegistryError
from services.registry.model import (
    Company,
    CompanyFile,
    Department,
    Learned,
    Pack,
    Process,
    Source,
    Symptom,
)

Table = TypeVar("Table", bound=BaseModel)

_HERE: Final = Path(__file__).parent
_PACKS: Final = _HERE / "packs"
_OPTIONAL: Final = {"calendars.toml"}
_TABLES: Final[tuple[tuple[str, str, type[BaseModel]], ...]] = (
    ("departments.toml", "departments", Department),
    ("sources.toml", "sources", Source),
    ("symptoms.toml", "symptoms", Symptom),
    ("calendars.toml", "calendars", Calendar),
)


def load(folder: Path | str) -> Company:
    """Read, validate and cross-check the company in ``folder``.

    Language packs come with the product; a file ``packs/<language>.toml`` in the folder replaces
    the one of that language.

    Raises:
        RegistryError: anything is wrong; warnings alone do not raise (see `warnings`).
    """
    company, problems = inspect(folder)
    errors = tuple(problem for problem in problems if not problem.warning)
    if company is None or errors:
        raise RegistryError(errors)
    return company


def warnings(folder: Path | str) -> tuple[Problem, ...]:
    """Return what deserves a look in a folder that loads."""
    return tuple(problem for problem in inspect(folder)[1] if problem.warning)


def inspect(folder: Path | str) -> tuple[Company | None, tuple[Problem, ...]]:
    """Return the company, or None when it cannot be built, with every problem found."""
    root = Path(folder)
    problems: list[Problem] = []
    if not root.is_dir():
        missing = Problem(str(root), "", "there is no such folder", "Check AKAR_REGISTRY.")
        return None, (missing,)
    parts: dict[str, Any] = {}
    head = _read(root, "company.toml", problems)
    if head is not None:
        parts["company"] = _valid(CompanyFile, head, "company.toml", "", problems)
    for file, table, kind in _TABLES:
        if file in _OPTIONAL and not (root / file).is_file():
            continue
        content = _read(root, file, problems)
        if content is None:
            continue
        problems.extend(
            Problem(file, extra, "unexpected table", f"Write [{table}.<id>] tables only.")
            for extra in sorted(set(content) - {table})
        )
        parts[table] = {
            key: _valid(kind, value, file, f"{table}.{key}", problems)
            for key, value in content.get(table, {}).items()
        }
    parts["processes"] = dict(_processes(root, problems))
    parts["packs"] = _packs(root, parts.get("company"), problems)
    parts["learned"] = dict(_learned(root, problems))
    if any(not problem.warning for problem in problems):
        return None, tuple(sorted(problems))
    try:
        company = Company.model_validate(parts)
    except ValidationError as error:
        return None, tuple(sorted(_problems(error, Company, "(folder)", "")))
    return company, check(company)


def example_folder(name: str) -> Path:
    """Return the folder of an example company, from a checkout or an installed wheel.

    Raises:
        RegistryError: there is no such example.
    """
    places = (_HERE / "examples", _HERE.parent.parent / "examples")
    for place in places:
        if (place / name / "company.toml").is_file():
            return place / name
    known = sorted({p.parent.name for place in places for p in place.glob("*/company.toml")})
    raise RegistryError(
        (Problem(f"examples/{name}", "", "there is no such example", f"Use: {', '.join(known)}."),)
    )


def load_example(name: str) -> Company:
    """Load an example company by its name: ``shop``, ``olist``."""
    return load(example_folder(name))


def _read(root: Path, file: str, problems: list[Problem]) -> dict[str, Any] | None:
    path = root / file
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(
            Problem(file, "", "the file is missing", "Copy it from examples/shop and adapt it.")
        )
    except tomllib.TOMLDecodeError as error:
        problems.append(Problem(file, "", f"not valid TOML: {error}", "Correct that line."))
    except UnicodeDecodeError as error:
        problems.append(Problem(file, "", f"not UTF-8: {error}", "Save the file as UTF-8."))
    return None


def _processes(root: Path, problems: list[Problem]) -> Iterator[tuple[str, Process]]:
    paths = sorted((root / "processes").glob("*.toml"))
    if not paths:
        problems.append(
            Problem("processes/", "", "there is no process", "Add processes/<id>.toml.")
        )
    for path in paths:
        file = f"processes/{path.name}"
        content = _read(root, file, problems)
        if content is None:
            continue
        process = _valid(Process, content, file, "", problems)
        if process is None:
            continue
        if process.id != path.stem:
            problems.append(
                Problem(file, "id", f'the id is "{process.id}"', "Name the file like the id.")
            )
        yield process.id, process


def _learned(root: Path, problems: list[Problem]) -> Iterator[tuple[str, Learned]]:
    for path in sorted((root / "learned").glob("*.toml")):
        file = f"learned/{path.name}"
        content = _read(root, file, problems)
        learned = None if content is None else _valid(Learned, content, file, "", problems)
        if learned is not None:
            yield path.stem, learned


def _packs(root: Path, head: CompanyFile | None, problems: list[Problem]) -> dict[str, Pack]:
    packs: dict[str, Pack] = {}
    for language in head.languages if head else ():
        file = f"packs/{language}.toml"
        place = root if (root / file).is_file() else _HERE
        if not (place / file).is_file():
            continue
        content = _read(place, file, problems)
        pack = content and _valid(Pack, content, file, "", problems)
        if pack:
            packs[language] = pack
    return packs


def _valid(
    kind: type[Table], content: object, file: str, field: str, problems: list[Problem]
) -> Table | None:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems.extend(_problems(error, kind, file, field))
        return None


def _problems(
    error: ValidationError, kind: type[BaseModel], file: str, field: str
) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in detail["loc"])
        where = ".".join(part for part in (field, path) if part)
        text, remedy = detail["msg"].removeprefix("Value error, "), "Correct the value."
        if detail["type"] == "missing":
            text, remedy = "the field is missing", f"Add {detail['loc'][-1]} = …"
        elif detail["type"] == "extra_forbidden":
            known = [f.alias or name for name, f in kind.model_fields.items()]
            near = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1)
            text = "there is no such field"
            remedy = f'Did you mean "{near[0]}"?' if near else "Remove it."
        yield Problem(file, where, text, remedy)
