"""Read a company's folder: files in, one validated `Company` out.

It stands apart because it is the only part of the registry that turns text into tables. All problems are
reported together, each with its file, line, field and remedy; nothing half-valid ever gets out.

Hazard: an unknown key is an error, not ignored. A misspelt `managed_by` that was ignored would send
the courier's complaints to nobody.
"""

from __future__ import annotations

import copy
import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from services.registry import additions
from services.registry.calendars import Calendar
from services.registry.check import check
from services.registry.errors import Problem, RegistryError
from services.registry.fields import FACT
from services.registry.files import OPTIONAL, SHIPPED, Files, read_folder, shipped_packs
from services.registry.lines import Lines
from services.registry.model import (
    Company,
    CompanyFile,
    Department,
    Learned,
    Pack,
    PackAdditions,
    Process,
    Source,
    Symptom,
)
from services.registry.models import digests

Table = TypeVar("Table", bound=BaseModel)

TABLES: Final[tuple[tuple[str, str, type[BaseModel]], ...]] = (
    ("departments.toml", "departments", Department),
    ("sources.toml", "sources", Source),
    ("symptoms.toml", "symptoms", Symptom),
    ("calendars.toml", "calendars", Calendar),
)
"""File, its only table, what each entry of it is."""
_SPELLED: Final = {
    r"^[a-z0-9][a-z0-9_-]*$": "An id has small letters, digits, - and _ only.",
    r"^[a-z]{2}$": 'Write a language as two small letters, such as "id".',
    FACT: 'Name a fact as activity.attribute, such as "delivered.distance_m".',
}
_REMEDIES: Final = {
    "string_type": 'Write it in quotes: "…".',
    "bool_type": "Write true or false, without quotes.",
    "bool_parsing": "Write true or false, without quotes.",
    "int_type": "Write a whole number, without quotes.",
    "int_parsing": "Write a whole number, without quotes.",
    "int_from_float": "Write a whole number, without quotes.",
    "float_type": "Write a number, without quotes.",
    "float_parsing": "Write a number, without quotes.",
    "date_type": "Write a date without quotes, such as 2026-08-17.",
    "date_from_datetime_parsing": "Write a date without quotes, such as 2026-08-17.",
    "list_type": "Write a list: […].",
    "dict_type": "Write a table: { … }.",
    "model_type": "Write a table: { … }.",
    "too_short": "Give at least one.",
    "literal_error": "Use a value that is named here.",
    "enum": "Use a value that is named here.",
    "greater_than": "Give a number within this limit.",
    "greater_than_equal": "Give a number within this limit.",
    "less_than": "Give a number within this limit.",
    "less_than_equal": "Give a number within this limit.",
}
"""What to do about a value, by pydantic's type of the error."""
_MISSPELT: Final = "it is not written as it should be"
_AT_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")


def load(folder: Path | str) -> Company:
    """Read, validate and cross-check the company in ``folder``.

    Language packs come with the product; a file ``packs/<language>.toml`` in the folder replaces
    the one of that language, ``packs/<language>.more.toml`` adds to it.

    Raises:
        RegistryError: anything is wrong; warnings alone do not raise (see `warnings`).
    """
    return _sound(*inspect(folder))


def load_files(files: Files) -> Company:
    """As `load`, from texts: what `contents` returned, on whatever machine.

    Raises:
        RegistryError: anything is wrong.
    """
    return _sound(*inspect_files(files))


def warnings(folder: Path | str) -> tuple[Problem, ...]:
    """Return what deserves a look in a folder that loads."""
    return tuple(problem for problem in inspect(folder)[1] if problem.warning)


def inspect(folder: Path | str) -> tuple[Company | None, tuple[Problem, ...]]:
    """Return the company, or None when it cannot be built, with every problem found."""
    files, problems = read_folder(Path(folder))
    if any(not problem.warning for problem in problems) and not files:
        return None, tuple(problems)
    company, found = inspect_files(files)
    unread = {problem.file for problem in problems if not problem.warning}
    together = [*problems, *(problem for problem in found if problem.file not in unread)]
    return None if unread else company, tuple(sorted(together, key=Problem.place))


def contents(folder: Path | str) -> dict[str, str]:
    """Return all texts that make up the company, the shipped language packs that it uses included.

    Raises:
        RegistryError: the folder does not hold a sound company.
    """
    company = load(folder)
    files, _ = read_folder(Path(folder))
    languages = company.company.languages
    used = {name: text for name, text in files.items() if _used(name, languages)}
    return used | dict(shipped_packs(languages, files))


def inspect_files(files: Files) -> tuple[Company | None, tuple[Problem, ...]]:
    """As `inspect`, from texts by file name."""
    problems: list[Problem] = []
    parts: dict[str, Any] = {}
    head = _read(files, "company.toml", problems)
    if head is not None:
        parts["company"] = _valid(CompanyFile, head, "company.toml", "", problems)
    for file, table, kind in TABLES:
        if file in OPTIONAL and file not in files:
            continue
        content = _read(files, file, problems)
        if content is None:
            continue
        problems.extend(
            Problem(file, extra, "unexpected table", f"Write [{table}.<id>] tables only.")
            for extra in sorted(set(content) - {table})
        )
        entries = content.get(table, {})
        if not isinstance(entries, dict):
            problems.append(Problem(file, table, "not a table", f"Write [{table}.<id>] tables."))
            continue
        parts[table] = {
            key: _valid(kind, value, file, f"{table}.{key}", problems)
            for key, value in entries.items()
        }
    parts["processes"] = dict(_processes(files, problems))
    languages = parts["company"].languages if parts.get("company") else ()
    texts = dict(files) | dict(shipped_packs(languages, files))
    parts["packs"] = dict(_packs(texts, languages, problems))
    parts["learned"] = dict(_learned(files, problems))
    parts["models"] = digests(languages)
    company: Company | None = None
    spoilt = bool(problems)
    if not spoilt or _complete(parts):
        try:
            company = Company.model_validate(parts)
        except ValidationError as error:
            problems.extend(_whole(error))
        else:
            problems.extend(check(company))
    return None if spoilt else company, tuple(sorted(_located(problems, texts), key=Problem.place))


def example_folder(name: str) -> Path:
    """Return the folder of an example company, from a checkout or an installed wheel.

    Raises:
        RegistryError: there is no such example.
    """
    places = (SHIPPED / "examples", SHIPPED.parent.parent / "examples")
    for place in places:
        if (place / name / "company.toml").is_file():
            return place / name
    known = sorted({p.parent.name for place in places for p in place.glob("*/company.toml")})
    raise RegistryError(
        (Problem(f"examples/{name}", "", "there is no such example", f"Use: {', '.join(known)}."),)
    )


def load_example(name: str) -> Company:
    """Load an example company by its name: ``shop``, ``bank``, ``olist``."""
    return load(example_folder(name))


def _sound(company: Company | None, problems: tuple[Problem, ...]) -> Company:
    errors = tuple(problem for problem in problems if not problem.warning)
    if company is None or errors:
        raise RegistryError(errors)
    return company


def _complete(parts: dict[str, Any]) -> bool:
    """Return whether every table can be looked at, be it without what is wrong in it."""
    tables = [parts.get(name) for name in ("departments", "sources", "symptoms", "processes")]
    optional = parts.get("calendars", {})
    return (
        parts.get("company") is not None
        and all(table and None not in table.values() for table in tables)
        and None not in optional.values()
    )


def _used(name: str, languages: Iterable[str]) -> bool:
    return PurePosixPath(name).parts[0] != "packs" or additions.language_of(name) in languages


def _read(files: Files, file: str, problems: list[Problem]) -> dict[str, Any] | None:
    if file not in files:
        problems.append(
            Problem(file, "", "the file is missing", "Copy it from examples/shop and adapt it.")
        )
        return None
    try:
        return tomllib.loads(files[file])
    except tomllib.TOMLDecodeError as error:
        match = _AT_LINE.search(str(error))
        problems.append(
            Problem(
                file,
                "",
                f"not valid TOML: {error}",
                "Correct that line.",
                line=int(match[1]) if match else None,
            )
        )
    return None


def _in(files: Files, folder: str) -> Iterator[tuple[str, str]]:
    """Yield name and stem of the files in one of the company's folders."""
    for file in sorted(files):
        path = PurePosixPath(file)
        if path.parts[0] == folder and len(path.parts) == 2:
            yield file, path.stem


def _processes(files: Files, problems: list[Problem]) -> Iterator[tuple[str, Process | None]]:
    found = list(_in(files, "processes"))
    if not found:
        problems.append(
            Problem("processes/", "", "there is no process", "Add processes/<id>.toml.")
        )
    for file, stem in found:
        content = _read(files, file, problems)
        process = None if content is None else _valid(Process, content, file, "", problems)
        if process is None:
            yield stem, None
            continue
        if process.id != stem:
            problems.append(
                Problem(file, "id", f'the id is "{process.id}"', "Name the file like the id.")
            )
            process = process.model_copy(update={"id": stem})
        yield stem, process


def _learned(files: Files, problems: list[Problem]) -> Iterator[tuple[str, Learned]]:
    for file, stem in _in(files, "learned"):
        content = _read(files, file, problems)
        learned = None if content is None else _valid(Learned, content, file, "", problems)
        if learned is not None:
            yield stem, learned


def _packs(
    texts: Files, languages: Iterable[str], problems: list[Problem]
) -> Iterator[tuple[str, Pack]]:
    for language in languages:
        file = f"packs/{language}.toml"
        if file not in texts:
            continue
        content = _read(texts, file, problems)
        pack = None if content is None else _valid(Pack, content, file, "", problems)
        if pack is None:
            continue
        own = additions.file_of(language)
        content = _read(texts, own, problems) if own in texts else None
        more = None if content is None else _valid(PackAdditions, content, own, "", problems)
        if more is not None:
            pack, wrong = additions.together(pack, more, own)
            problems.extend(wrong)
        yield language, pack


def _valid(
    kind: type[Table], content: object, file: str, field: str, problems: list[Problem]
) -> Table | None:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        problems.extend(_problems(error, kind, content, file, field))
        return _without_errors(kind, content, error)


def _without_errors(kind: type[Table], content: object, error: ValidationError) -> Table | None:
    """Leave out what is wrong, so that the rest can be checked in the same go; None when it cannot be."""
    rest = copy.deepcopy(content)
    for detail in error.errors(include_url=False, include_input=False):
        *path, last = detail["loc"] or (None,)
        holder: Any = rest
        for part in path:
            holder = holder.get(part) if isinstance(holder, dict) else None
        # Without a required field, or a whole activity, everything that names it would look wrong.
        if detail["type"] == "missing" or not isinstance(holder, dict) or last not in holder:
            return None
        if path == ["activities"]:
            return None
        del holder[last]
    try:
        return kind.model_validate(rest)
    except ValidationError:
        return None


def _problems(
    error: ValidationError, kind: type[BaseModel], content: object, file: str, field: str
) -> Iterator[Problem]:
    no_facts: set[str] = set()
    for detail in error.errors(include_url=False, include_input=False):
        loc = list(_written(detail["loc"], content))
        path = ".".join(str(part) for part in loc)
        where = ".".join(part for part in (field, path) if part)
        if where in no_facts:
            continue  # a limit may be a number too; that it is none need not be told
        text = detail["msg"].removeprefix("Value error, ")
        remedy = _REMEDIES.get(detail["type"], "Correct the value.")
        if detail["type"] == "missing":
            text, remedy = "the field is missing", f"Add {loc[-1]} = …"
        elif detail["type"] == "string_pattern_mismatch":
            text, pattern = _MISSPELT, str(detail.get("ctx", {}).get("pattern"))
            remedy = _SPELLED.get(pattern, remedy)
            if pattern == FACT:
                no_facts.add(where)
        elif detail["type"] == "extra_forbidden":
            known = _fields_at(kind, loc[:-1])
            near = difflib.get_close_matches(str(loc[-1]), known, n=1)
            text = "there is no such field"
            remedy = (
                f'Did you mean "{near[0]}"?'
                if near
                else f"Remove it. Fields here: {', '.join(sorted(known))}."
            )
        yield Problem(file, where, text, remedy)


def _written(loc: Iterable[int | str], content: object) -> Iterator[int | str]:
    """Yield the part of an error's place that the file has: below a value pydantic goes on with the kinds it tried."""
    at: Any = content
    for part in loc:
        if part == "[key]":
            continue
        if not isinstance(at, dict | list):
            return
        yield part
        at = (at if isinstance(at, dict) else dict(enumerate(at))).get(part)


def _fields_at(kind: type[BaseModel], path: list[int | str]) -> list[str]:
    """Return the names of the fields that a table inside ``kind`` may have."""
    whole = kind.model_json_schema()
    at: dict[str, Any] = whole
    for part in path:
        at = _resolved(at, whole)
        if isinstance(part, int):
            at = at.get("items", {})
        else:
            entries = [at.get("additionalProperties"), *at.get("patternProperties", {}).values()]
            at = at.get("properties", {}).get(part) or next(filter(None, entries), {})
    return list(_resolved(at, whole).get("properties", {}))


def _resolved(schema: Any, whole: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference, and of alternatives the one that is a table."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            schema = choice
            break
    reference = schema.get("$ref")
    found = whole["$defs"][reference.rpartition("/")[2]] if reference else schema
    return dict(found)


def _whole(error: ValidationError) -> Iterator[Problem]:
    """Say in which file a problem lies that only showed when everything was put together."""
    files = {table: file for file, table, _ in TABLES}
    for detail in error.errors(include_url=False, include_input=False):
        loc = [str(part) for part in detail["loc"] if part != "[key]"]
        first = loc[0] if loc else ""
        if first in {"processes", "packs", "learned"} and len(loc) > 1:
            file, field = f"{first}/{loc[1]}.toml", ".".join(loc[2:])
        else:
            file, field = files.get(first, "company.toml"), ".".join(loc)
        text, remedy = detail["msg"], "Correct the value."
        if detail["type"] == "string_pattern_mismatch":
            text, remedy = _MISSPELT, "An id has small letters, digits, - and _ only."
        yield Problem(file, field, text, remedy)


def _located(problems: list[Problem], texts: Files) -> Iterator[Problem]:
    """Add line and text to each problem that has a place in a file."""
    lines: dict[str, Lines] = {}
    for problem in problems:
        text = texts.get(problem.file)
        line = problem.line
        if text is None:
            yield problem
            continue
        if line is None and problem.field:
            if problem.file not in lines:
                lines[problem.file] = Lines(text)
            line = lines[problem.file].of(problem.field)
        if line is None:
            yield problem
            continue
        shown = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
        yield replace(problem, line=line, shown=shown)
