"""Finds, makes and checks the company's folder: `akar registry new`, `check`, `schema`, and what every other command needs.

It stands apart from `company_stream` because nothing here talks to a broker.  Hazard: `new` never writes over anything.
"""

from __future__ import annotations

import json
from pathlib import Path

import typer

from services.chassis.errors import BrokerUnavailable, ConfigurationError
from services.cli.digests import beginning, described, looks_like_one, unpublished
from services.cli.settings import CliSettings
from services.registry import (
    Company,
    Problem,
    RegistryError,
    example_folder,
    inspect,
    load,
)
from services.registry.schema import schemas, text
from services.registry.schema import write as write_schemas
from services.registry.template import write as write_template

DEFAULT = "shop"


def folder_of(named: str | None) -> Path:
    """The folder that `--registry`, AKAR_REGISTRY or, without either, the default means: a path, or an example's name.

    Raises:
        ConfigurationError: It is neither.
    """
    name = named or CliSettings().registry or DEFAULT
    path = Path(name).expanduser()
    if (path / "company.toml").is_file():
        return path
    if path.name == name and not path.exists():
        try:
            return example_folder(name)
        except RegistryError as error:
            remedy = error.problems[0].remedy
        if looks_like_one(name):
            raise ConfigurationError(_a_digest(name))
        raise ConfigurationError(
            f"there is no folder {name}, and no example of that name. {remedy} "
            f"A company of your own: akar registry new {name}"
        )
    if path.is_dir():
        raise ConfigurationError(
            f"{path} has no company.toml: name a company's folder, or begin one with akar registry new FOLDER"
        )
    if path.is_file():
        raise ConfigurationError(f"{path} is a file: name the folder that it is in, {path.parent}")
    raise ConfigurationError(f"there is no folder {path}: begin one with akar registry new {path}")


def _a_digest(name: str) -> str:
    """What to say to a digest where a folder is needed: what was published, if a pipeline that runs can tell."""
    # Imported here because it needs a broker's client, which a check of a folder does not.
    from services.cli.company_stream import cluster, past

    folder = "Here a folder or an example is needed; akar registry activate takes a digest"
    try:
        known = past(cluster(None)).published
    except (ConfigurationError, BrokerUnavailable):
        return (
            f"{name} looks like a digest, and no pipeline is in reach that could say what was published. "
            f"{folder}, and akar registry history lists them"
        )
    found = beginning(name, known)
    if not found:
        return f"{unpublished(name, known)}. {folder}"
    return f"{name} is the digest of {described(known[found[0]])}. {folder}"


def load_company(folder: Path) -> Company:
    """The validated company.

    Raises:
        ConfigurationError: With every problem, one a line.
    """
    try:
        return load(folder)
    except RegistryError as error:
        raise ConfigurationError(
            f"the company in {folder} cannot be used:\n{error}\nCheck it with: akar registry check {folder}"
        ) from None


def run_check(*, folder: str | None, as_json: bool) -> None:
    """Print what is wrong with a folder and what it holds; exit code 1 when it cannot be used."""
    path = folder_of(folder)
    company, problems = inspect(path)
    errors = [problem for problem in problems if not problem.warning]
    good = company is not None and not errors
    if as_json:
        print(
            json.dumps(
                {
                    "folder": str(path),
                    "ok": good,
                    "digest": company.digest if company is not None and good else None,
                    "problems": [_as_dict(problem) for problem in problems],
                }
            )
        )
    else:
        for problem in problems:
            _show(problem)
        if company is not None and good:
            activities = sum(len(process.activities) for process in company.processes.values())
            print(
                f"{path}: good. {company.company.name}: {len(company.inboxes())} departments with an inbox, "
                f"{activities} activities, {len(company.symptoms)} symptoms. Digest {company.digest[:16]}."
            )
        else:
            print(f"{path}: {len(errors)} to put right.")
    if not good:
        raise typer.Exit(1)


def run_new(folder: Path) -> None:
    """Write a small company to start from.

    Raises:
        ConfigurationError: The folder holds one already.
    """
    folder = folder.expanduser()
    if any(folder.glob("*.toml")):
        raise ConfigurationError(f"{folder} has TOML files already: name another folder")
    for path in write_template(folder):
        print(path)
    write_schemas(folder / ".schema")
    print(
        f"Read the files in the order of their steps, from {folder / 'company.toml'} on, and change what is marked.\n"
        f"Check it at any time:  akar registry check {folder}\n"
        f"Try it:                akar up --registry {folder}"
    )


def run_schema(folder: Path | None) -> None:
    """Write the schemas, or print all of them as one JSON object."""
    if folder is None:
        print(text(schemas()), end="")
        return
    for path in write_schemas(folder.expanduser()):
        print(path)


def _show(problem: Problem) -> None:
    """Print a problem with the line it is about."""
    print(problem)
    if problem.shown:
        print(f"{problem.line:>6} | {problem.shown.strip()}")


def _as_dict(problem: Problem) -> dict[str, str | bool | int | None]:
    return {
        "file": problem.file,
        "line": problem.line,
        "field": problem.field,
        "text": problem.text,
        "remedy": problem.remedy,
        "shown": problem.shown,
        "warning": problem.warning,
    }
