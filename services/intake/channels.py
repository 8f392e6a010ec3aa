"""Who may send: channel keys, kept as SHA-256, in a file that is read again when it changes.

It stands apart because nothing but this module sees a key.  A key is 256 random bits, so a plain hash is right: a slow one
would be a lever to stop the service with.  Hazard: a file that cannot be read leaves the keys that were valid before.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.chassis.errors import ConfigurationError
from services.chassis.logs import get_logger

SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
HEX: Final = re.compile(r"[0-9a-f]{64}")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Channel:
    """A sender.

    Attributes:
        name: Part of every complaint id: the same key of another channel is another complaint.
        process_events: Whether it may say what happened in a case.
        digests: SHA-256 of its keys; two while one replaces the other.
    """

    name: str
    process_events: bool
    digests: tuple[bytes, ...]


def key_digest(key: str) -> str:
    """What stands in the file for a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_channels(text: str) -> tuple[Channel, ...]:
    """The channels of a TOML document.

    Raises:
        ConfigurationError: With the entry and the remedy.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"channels file: {error}") from error
    entries = document.get("channels")
    if not isinstance(entries, dict) or not entries:
        raise ConfigurationError("channels file: has no [channels.NAME]; add one per sender")
    return tuple(_channel(name, entry) for name, entry in sorted(entries.items()))


def _channel(name: str, entry: Any) -> Channel:
    where = f"channels file: [channels.{name}]"
    if not SLUG.fullmatch(name):
        raise ConfigurationError(f"{where}: a name has lower-case letters, digits, _ and -")
    if not isinstance(entry, dict) or (unknown := set(entry) - {"key_sha256", "process_events"}):
        more = ", ".join(sorted(unknown)) if isinstance(entry, dict) else "not a table"
        raise ConfigurationError(f"{where}: takes key_sha256 and process_events ({more})")
    keys = entry.get("key_sha256")
    listed = [keys] if isinstance(keys, str) else keys
    if (
        not isinstance(listed, list)
        or not 1 <= len(listed) <= 2
        or not all(isinstance(key, str) and HEX.fullmatch(key) for key in listed)
    ):
        raise ConfigurationError(
            f"{where}: key_sha256 is one hex SHA-256, or two while a key is being replaced"
        )
    allowed = entry.get("process_events", False)
    if not isinstance(allowed, bool):
        raise ConfigurationError(f"{where}: process_events is true or false")
    return Channel(name, allowed, tuple(bytes.fromhex(key) for key in listed))


class ChannelKeys:
    """The channels of one file.

    Raises:
        ConfigurationError: The file cannot be used at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._channels = self._read()

    def authenticate(self, authorization: str | None) -> Channel | None:
        """The channel of an `Authorization: Bearer KEY` header; None for any other header.

        Takes the same time whichever channel it is.
        """
        self._refresh()
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return None
        given = hashlib.sha256(key.strip().encode("utf-8", "surrogateescape")).digest()
        found = None
        for channel in self._channels:
            for digest in channel.digests:
                if hmac.compare_digest(given, digest):
                    found = channel
        return found

    def _refresh(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._channels = self._read()
        except ConfigurationError as error:
            log.warning("channels file not taken; the keys of before stay valid", error=str(error))
        else:
            log.info(
                "channels file read again", channels=[channel.name for channel in self._channels]
            )

    def _read(self) -> tuple[Channel, ...]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"INTAKE_CHANNELS_FILE: cannot read {self._path} ({error})"
            ) from error
        return read_channels(text)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
