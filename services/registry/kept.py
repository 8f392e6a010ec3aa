"""The company as it last was sound, for a service that starts while somebody is editing the folder.

It stands apart from loading because it is about restarts: what decides is in the stream, and a service that only shows names
or reads inboxes must not end the pipeline over a file that is refused anyway.

Hazard: the copy is a convenience, never the truth.  Whoever changes what a company holds need not care for old copies: one
that cannot be read any more is as good as none.
"""

from __future__ import annotations

import json
from pathlib import Path

import structlog

from services.registry.errors import RegistryError
from services.registry.load import contents, load_files
from services.registry.model import Company

log = structlog.get_logger(__name__)


def load_kept(folder: Path, copy: Path) -> Company:
    """Return the folder's company; while the folder cannot be used, the one that was loaded from it last.

    Args:
        folder: the company's.
        copy: a file of the service's own, written after each success.

    Raises:
        RegistryError: the folder cannot be used, and there is no copy that can.
    """
    try:
        texts = contents(folder)
    except RegistryError as error:
        company = _kept(copy)
        if company is None:
            raise
        log.error(
            "registry.refused",
            folder=str(folder),
            problems=[str(problem) for problem in error.problems[:20]],
            goes_on_with=company.digest[:12],
            remedy=f"akar registry check {folder}; until then the company stays as it was",
        )
        return company
    _keep(copy, json.dumps(texts, ensure_ascii=False, sort_keys=True))
    return load_files(texts)


def _kept(copy: Path) -> Company | None:
    try:
        return load_files(json.loads(copy.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RegistryError) as error:
        log.warning("registry.copy_unusable", copy=str(copy), reason=str(error))
        return None


def _keep(copy: Path, text: str) -> None:
    try:
        if copy.is_file() and copy.read_text(encoding="utf-8") == text:
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        half = copy.with_suffix(".new")
        half.write_text(text, encoding="utf-8")
        half.replace(copy)
    except (OSError, UnicodeDecodeError) as error:
        # A data folder that cannot be written costs this convenience and nothing else.
        log.warning("registry.copy_not_kept", copy=str(copy), reason=str(error))
