"""Writes docs/configuration.md from the settings classes: `python -m services.cli.configuration [--check]`.

It lives here because only the command line sees every service.  The sentences are the classes' own: what stands below a
field in code stands beside its variable on the page.  Hazard: a default shown must not come from this machine.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from services.chassis.settings import AkarSettings, KafkaSettings, Settings
from services.cli.settings import CliSettings
from services.console.settings import ConsoleSettings
from services.intake.settings import IntakeSettings
from services.local.settings import LocalSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings

PAGE: Final = Path(__file__).parents[2] / "docs" / "configuration.md"

SECTIONS: Final[tuple[tuple[str, type[Settings]], ...]] = (
    ("Kafka (every service)", KafkaSettings),
    ("Every service", AkarSettings),
    ("Intake", IntakeSettings),
    ("Router", RouterSettings),
    ("Notifier", NotifierSettings),
    ("Console", ConsoleSettings),
    ("The pipeline on one machine", LocalSettings),
    ("Commands", CliSettings),
)

_HEAD: Final = """\
<!-- Written by `python -m services.cli.configuration` from the settings classes; edit those. -->
# Configuration

Everything is read from the environment, once, when a process starts.
A value that cannot be used ends the process at once, with the variable and the remedy.
A secret may be handed over in a file: `NAME_FILE` names it.
"""


def page() -> str:
    """The whole page, as Markdown."""
    parts = [_HEAD]
    for title, settings in SECTIONS:
        parts.append(f"## {title}\n\n{inspect.cleandoc(settings.__doc__ or '')}\n")
        rows = ["| variable | default | meaning |", "|---|---|---|"]
        words = _docstrings(settings)
        rows += [
            f"| {_variable(settings, name, info)} | {_default(info)} | {_meaning(words.get(name), info)} |"
            for name, info in settings.model_fields.items()
        ]
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.cli.configuration")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if out of date")
    if not parser.parse_args(arguments).check:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page():
        sys.stderr.write(f"{PAGE.name} is out of date: run `make generate` and commit the result\n")
        return 1
    return 0


def _variable(settings: type[Settings], name: str, info: FieldInfo) -> str:
    variable = f"{settings.model_config.get('env_prefix', '')}{name}".upper()
    return f"`{variable}`" + (f", `{variable}_FILE`" if _is_secret(info) else "")


def _default(info: FieldInfo) -> str:
    if info.default_factory is not None:
        return "(of this machine)"
    if info.is_required():
        return "**needed**"
    if info.default is None or info.default == "":
        return "–"
    return f"`{info.default}`"


def _meaning(words: str | None, info: FieldInfo) -> str:
    choices = _choices(info.annotation)
    sentence = " ".join((words or "").split())
    if choices:
        sentence = f"{sentence} One of: {', '.join(f'`{choice}`' for choice in choices)}.".strip()
    return sentence.replace("|", "\\|")


def _choices(annotation: object) -> list[str]:
    """The words of a `Literal`, also of an optional one."""
    found = []
    for part in get_args(annotation):
        found += [part] if isinstance(part, str) else _choices(part)
    return found


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr.__name__ in str(info.annotation)


def _docstrings(settings: type[Settings]) -> dict[str, str]:
    """The sentence below each field."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{settings} is no class")
    found = {}
    for field, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        ):
            found[field.target.id] = following.value.value
    return found


if __name__ == "__main__":
    sys.exit(main())
