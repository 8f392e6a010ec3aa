"""Which pipeline a command talks to: by its options, else the environment, else the one that runs on the data folder.

It stands apart so that `akar send` in the folder of `akar up` needs no argument.  Hazard: a key given for one pipeline must
not go to another, so an option or variable for the address never brings the running pipeline's key with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.chassis.errors import ConfigurationError, PermanentError, TransientError
from services.cli.instance import Folder, Running
from services.cli.settings import CliSettings


@dataclass(frozen=True, slots=True)
class Address:
    """A service's URL and the key for it."""

    url: str
    key: str | None


def running_here(data_dir: Path | None) -> Running | None:
    """The pipeline that runs on the data folder, if one does."""
    return Folder(data_dir if data_dir is not None else CliSettings().data_dir).running()


def intake_address(data_dir: Path | None, url: str | None, key: str | None) -> Address:
    """Where to post and with which key.

    Raises:
        ConfigurationError: No pipeline is named and none runs here, or its key is not given.
    """
    settings = CliSettings()
    chosen = url or settings.url
    secret = key or (settings.key.get_secret_value() if settings.key else None)
    if chosen is None:
        here = running_here(data_dir)
        if here is None:
            raise ConfigurationError(
                _NOBODY.format(option="--intake URL --key KEY", env="AKAR_URL and AKAR_KEY")
            )
        return Address(here.intake, secret or here.channel_key)
    if secret is None:
        raise ConfigurationError(f"no key for {chosen}: give --key KEY or set AKAR_KEY")
    return Address(chosen, secret)


def console_address(data_dir: Path | None, url: str | None) -> Address:
    """Where to ask about complaints.

    Raises:
        ConfigurationError: No console is named and no pipeline runs here.
    """
    settings = CliSettings()
    chosen = url or settings.console_url
    secret = settings.console_key.get_secret_value() if settings.console_key else None
    if chosen is None:
        here = running_here(data_dir)
        if here is None:
            raise ConfigurationError(
                _NOBODY.format(option="--console URL", env="AKAR_CONSOLE_URL and AKAR_CONSOLE_KEY")
            )
        return Address(here.console, secret or here.console_key)
    return Address(chosen, secret)


class ConsoleClient:
    """Asks the console about complaints."""

    def __init__(self, address: Address, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {address.key}"} if address.key else {}
        self._client = httpx.Client(
            base_url=address.url.rstrip("/"),
            headers=headers,
            timeout=10.0,
            transport=transport,
            trust_env=False,
        )

    def close(self) -> None:
        """Free the connections."""
        self._client.close()

    def status(self, complaint_id: str) -> dict[str, Any] | None:
        """`GET /v1/complaints/{id}`; None while the console does not know it."""
        return self._get(f"/v1/complaints/{complaint_id}")

    def story(self, complaint_id: str) -> dict[str, Any] | None:
        """`GET /v1/complaints/{id}/story`; None while the console does not know it."""
        return self._get(f"/v1/complaints/{complaint_id}/story")

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            answer = self._client.get(path)
        except httpx.TransportError as error:
            raise TransientError(
                "console_unreachable",
                f"{self._client.base_url} does not answer ({error}): is akar up running?",
            ) from error
        if answer.status_code == 404:
            return None
        if answer.status_code in (401, 403):
            raise ConfigurationError(
                "the console refuses the key: set AKAR_CONSOLE_KEY to secrets/console_key"
            )
        if answer.status_code >= 500:
            raise TransientError(
                "console_failing", f"the console answers {answer.status_code}: {answer.text[:200]}"
            )
        if not answer.is_success:
            raise PermanentError(
                "console_refused", f"the console answers {answer.status_code}: {answer.text[:200]}"
            )
        found: dict[str, Any] = answer.json()
        return found


_NOBODY = (
    "no pipeline is running here: start one with akar up (in this folder, or name its --data-dir), "
    "or give {option}, or set {env}"
)
