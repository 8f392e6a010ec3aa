"""Who is told: the receivers' file, and its newest valid content.

It stands apart from the registry because it holds secrets and addresses of one installation, which change while the
service runs.  Hazard: a mistake in a file that is edited live must not silence anyone, so what cannot be read leaves the
last good content in place, and says so until it is put right.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from services.chassis.errors import ConfigurationError
from services.chassis.logs import get_logger
from services.notifier.signing import Secret

_KNOWN: Final = frozenset({"url", "secret", "previous_secret"})

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Receiver:
    """A department's webhook."""

    name: str
    """The department's; part of every webhook id, so it never follows the URL."""
    url: str
    secrets: tuple[Secret, ...]
    """The newest first; two while one replaces the other."""

    @property
    def fingerprint(self) -> str:
        """Changes with the URL: an address that was gone is forgotten when another takes its place."""
        return sha256(self.url.encode()).hexdigest()[:16]


def parse(text: str, *, where: str, allow_plain: bool) -> dict[str, Receiver]:
    """Read `[receivers.<department>]` tables with `url`, `secret` and, while it is replaced, `previous_secret`.

    Args:
        text: TOML.
        where: the file's name, for error messages.
        allow_plain: whether `http://` will do; addresses are checked when they are connected to.

    Raises:
        ConfigurationError: with every problem, without any secret.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where}: is not TOML: {error}") from None
    tables = content.get("receivers", {})
    if not isinstance(tables, dict):
        raise ConfigurationError(f"{where}: `receivers` has to hold one table for each department")
    problems: list[str] = []
    found = {
        name: _receiver(name, table, problems, allow_plain=allow_plain)
        for name, table in sorted(tables.items())
    }
    problems += [
        f"`{name}` is not known: only [receivers.<department>]"
        for name in content
        if name != "receivers"
    ]
    if problems:
        raise ConfigurationError("; ".join(f"{where}: {problem}" for problem in problems))
    return {name: receiver for name, receiver in found.items() if receiver is not None}


def _receiver(name: str, table: Any, problems: list[str], *, allow_plain: bool) -> Receiver | None:
    at = f"receivers.{name}"
    if not isinstance(table, dict):
        problems.append(f"{at}: has to be a table with `url` and `secret`")
        return None
    before = len(problems)
    problems += [f"{at}.{field}: is not known" for field in sorted(set(table) - _KNOWN)]
    url = table.get("url")
    if not isinstance(url, str) or (why := _url_problem(url, allow_plain=allow_plain)):
        problems.append(f"{at}.url: {why if isinstance(url, str) else 'is needed'}")
    secrets = []
    for field in ("secret", "previous_secret"):
        value = table.get(field)
        if value is None and field == "previous_secret":
            continue
        try:
            secrets.append(Secret.parse(str(value or "")))
        except ValueError as error:
            problems.append(f"{at}.{field}: {error}")
    if len(problems) > before:
        return None
    return Receiver(name, str(url), tuple(secrets))


def _url_problem(url: str, *, allow_plain: bool) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "has to be https://host/path"
    if parts.scheme == "http" and not allow_plain:
        return "has to be https:// (http:// only with NOTIFIER_ALLOW_PRIVATE=true, within a private network)"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password"
    if parts.fragment:
        return "must not have a fragment"
    return "has port 0" if port == 0 else None


class ReceiversFile:
    """The receivers by department, read again when the file changes.

    Args:
        path: The file; None for no receivers at all.
        allow_plain: As in `parse`.

    Raises:
        ConfigurationError: The file cannot be read at the start.
    """

    def __init__(self, path: Path | None, *, allow_plain: bool) -> None:
        self._path = path
        self._allow_plain = allow_plain
        self._seen: tuple[int, int, int] | None = None
        self._current: Mapping[str, Receiver] = {}
        self._problem: str | None = None
        if path is not None:
            self._read(path)

    def current(self) -> Mapping[str, Receiver]:
        """The newest valid content."""
        return self._current

    def refresh(self) -> bool:
        """Look at the file; True when the receivers are others than before."""
        if self._path is None:
            return False
        before = self._current
        try:
            if self._stamp(self._path) != self._seen:
                self._read(self._path)
        except ConfigurationError as error:
            if error.detail != self._problem:
                log.error(
                    "the receivers' file is not valid; keeping what was read before",
                    problem=error.detail,
                )
            self._problem = error.detail
        return self._current != before

    def check(self) -> str | None:
        """A ready check: why the file as it is now does not count."""
        return self._problem

    def _read(self, path: Path) -> None:
        try:
            stamp = self._stamp(path)
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: cannot be read: {error}") from error
        # Noted before it is parsed: a broken file is complained about once, not at each look.
        self._seen = stamp
        self._current = parse(text, where=str(path), allow_plain=self._allow_plain)
        self._problem = None

    @staticmethod
    def _stamp(path: Path) -> tuple[int, int, int]:
        try:
            found = path.stat()
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot be read: {error}") from error
        return found.st_mtime_ns, found.st_size, found.st_ino
