"""One data folder: its secrets, the files made from them, and the note about the pipeline that runs on it.

It stands apart so that `up`, which writes these, and `send`, `trace` and `topics`, which only look them up, agree on where
they lie.  Hazard: every file here may hold a key, so each is made with mode 0600 from its first byte on.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from services.chassis.errors import ConfigurationError
from services.chassis.ids import random_id

CHANNEL: Final = "default"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the pipeline of one folder is opened with."""

    channel_key: str
    customer_salt: str
    console_key: str
    webhook_secret: str
    answer_secret: str


@dataclass(frozen=True, slots=True)
class Running:
    """Where a running pipeline is; what `--ready-json` prints and `run/up.json` holds."""

    intake: str
    console: str
    kafka: str
    channel_key: str
    console_key: str
    webhook_secret: str
    data_dir: str
    registry: str
    topic_prefix: str
    pid: int
    health: dict[str, str] = field(default_factory=dict)
    """Process -> its `/readyz`."""

    def line(self) -> str:
        """As JSON on one line."""
        return json.dumps(asdict(self))


class Folder:
    """The layout below one data folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.secrets = self.root / "secrets"
        self.run = self.root / "run"
        self.logs = self.root / "logs"
        self.kafka = self.root / "kafka"
        self.channels = self.root / "channels.toml"
        self.receivers = self.root / "receivers.toml"
        self.note = self.run / "up.json"
        self._lock = self.run / "lock"

    def secret_file(self, name: str) -> Path:
        """Where one secret lies, alone in its file, as `*_FILE` settings want it."""
        return self.secrets / name

    def prepare(self) -> Secrets:
        """Make folders, secrets and the channels' file, each once; what is there stays as it is."""
        for folder in (self.root, self.secrets, self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        secrets = Secrets(
            channel_key=self._secret("channel_key", "ak_" + _random_hex()),
            customer_salt=self._secret("customer_salt", _random_hex()),
            console_key=self._secret("console_key", "ck_" + _random_hex()),
            webhook_secret=self._secret("webhook_secret", "whsec_" + _random_base64()),
            answer_secret=self._secret("answer_secret", _random_hex()),
        )
        if not self.channels.exists():
            digest = hashlib.sha256(secrets.channel_key.encode()).hexdigest()
            write_private(self.channels, _CHANNELS.format(channel=CHANNEL, digest=digest))
        return secrets

    def receivers_for(self, departments: Iterable[str], webhooks: str | None, secret: str) -> Path:
        """The receivers' file.

        Args:
            departments: Those with an inbox.
            webhooks: Base URL under which every department gets its webhook, for a demo or a test; the file is then made
                anew in `run/`, and the one that people edit is left alone.
            secret: For signatures.
        """
        names = sorted(departments)
        if webhooks is not None:
            path = self.run / "receivers.toml"
            base = webhooks.rstrip("/")
            write_private(
                path,
                "".join(
                    f'[receivers.{name}]\nurl = "{base}/{name}"\nsecret = "{secret}"\n\n'
                    for name in names
                ),
            )
            return path
        if not self.receivers.exists():
            write_private(
                self.receivers,
                _RECEIVERS
                + "".join(
                    f'# [receivers.{name}]\n# url = "https://example.com/hooks/{name}"\n'
                    f'# secret = "{secret}"\n\n'
                    for name in names
                ),
            )
        return self.receivers

    def hold(self) -> int:
        """Hold the folder until the returned descriptor is closed, which the end of the process does by itself.

        Raises:
            ConfigurationError: Another `akar up` holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.run.mkdir(exist_ok=True, mode=0o700)
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise ConfigurationError(
                f"a pipeline runs on {self.root} already, as process {holder}: use it (akar send, akar topics), stop it "
                f"(kill {holder}), or choose another folder with --data-dir"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return handle

    def note_running(self, running: Running) -> None:
        """Say where the pipeline is, for the other commands."""
        write_private(self.note, running.line() + "\n")

    def forget_running(self) -> None:
        """Take the note away; the pipeline is going down."""
        self.note.unlink(missing_ok=True)

    def running(self) -> Running | None:
        """The pipeline that runs on this folder; None when there is none, or only the note of one that was killed."""
        try:
            found = Running(**json.loads(self.note.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{self.note} cannot be read ({error}): delete it and start akar up again"
            ) from None
        return found if alive(found.pid) else None

    def _secret(self, name: str, fresh: str) -> str:
        path = self.secret_file(name)
        if not path.exists():
            write_private(path, fresh + "\n")
        value = path.read_text(encoding="utf-8").strip()
        if not value:
            raise ConfigurationError(f"{path} is empty: delete it to have a new one made")
        return value


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all, whatever happens to the power a moment later."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        # A rename may reach the disk before the content: an empty secret would be no pipeline's any more.
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def alive(pid: int) -> bool:
    """Whether a process with that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _random_hex() -> str:
    return (UUID(random_id()).bytes + UUID(random_id()).bytes).hex()


def _random_base64() -> str:
    return base64.b64encode(UUID(random_id()).bytes + UUID(random_id()).bytes).decode()


_CHANNELS = """\
# Who may post to intake.  Each channel has a key of its own; here is only its SHA-256:
#   printf %s "$KEY" | sha256sum
[channels.{channel}]
key_sha256 = "{digest}"
process_events = true
"""

_RECEIVERS = """\
# Where each department is told.  Take the # away and put in the department's own address; the file is read again
# as soon as it is saved.  Requests carry a Standard Webhooks signature made with the secret.

"""
