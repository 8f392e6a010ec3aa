"""The company as the running pipeline knows it: what was published, what is active; `akar registry activate` and `history`.

It stands apart from `company` because it talks to a broker.  Hazard: what is active is a fact of each partition; right
after an activation they may differ until each has read its own.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from schemas import topics
from schemas.registry import RegistryPublishedV1
from services.chassis.clock import SystemClock
from services.chassis.errors import ConfigurationError
from services.chassis.producer import EventPublisher
from services.chassis.settings import KafkaSettings
from services.cli.company import folder_of
from services.cli.connection import running_here
from services.cli.digests import beginning, looks_like_one, unpublished
from services.cli.logs import to_stderr
from services.registry import RegistryError
from services.router.library import published, read_all
from services.router.registrar import Edition, Registry

SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Past:
    """What the two topics say."""

    published: Mapping[str, RegistryPublishedV1]
    """By digest, the oldest first."""
    active: Mapping[int, str]
    """Partition -> the digest that was activated last."""


def cluster(data_dir: Path | None) -> KafkaSettings:
    """The cluster of the environment, else of the pipeline that runs on the data folder.

    Raises:
        ConfigurationError: there is neither.
    """
    settings = KafkaSettings()
    if "bootstrap_servers" in settings.model_fields_set:
        return settings
    running = running_here(data_dir)
    if running is None:
        raise ConfigurationError(
            "no pipeline runs here: start akar up, give --data-dir, or set KAFKA_BOOTSTRAP_SERVERS"
        )
    return settings.model_copy(
        update={"bootstrap_servers": running.kafka, "topic_prefix": running.topic_prefix}
    )


def past(kafka: KafkaSettings) -> Past:
    """Read both topics.

    Raises:
        BrokerUnavailable: they cannot be read.
    """
    records = read_all(kafka, topics.REGISTRY_PUBLISHED, seconds=SECONDS)
    found = sorted(published(records), key=lambda data: (data.published_at, data.digest))
    publisher = EventPublisher(kafka, name="registry-history")
    history = Registry(kafka, publisher, SystemClock()).history()
    return Past(
        {data.digest: data for data in found},
        {number: digests[-1] for number, digests in sorted(history.items())},
    )


def run_activate(what: str, *, data_dir: Path | None) -> None:
    """Publish a folder if need be, and activate it; or a digest that was published before."""
    to_stderr()
    kafka = cluster(data_dir)
    publisher = EventPublisher(kafka, name="registry-activate").start()
    registry = Registry(kafka, publisher, SystemClock())
    try:
        known = past(kafka).published
        matching = beginning(what, known)
        if len(matching) > 1:
            raise ConfigurationError(f"{what} begins several digests: give more of it")
        if matching:
            digest, departments = matching[0], known[matching[0]].departments
        elif looks_like_one(what) and not Path(what).expanduser().exists():
            raise ConfigurationError(unpublished(what, known))
        else:
            edition = _edition(folder_of(what))
            digest, departments = edition.digest, edition.company.inboxes()
            registry.publish(edition)
        registry.activate(digest, departments, reason="command")
    finally:
        publisher.close()
    print(
        f"{digest[:12]} is active from now on in each of {kafka.partitions} partitions. "
        "What was decided before stays as it is until something new happens."
    )


def run_history(*, data_dir: Path | None, as_json: bool) -> None:
    """Print every edition and where it is active."""
    to_stderr()
    found = past(cluster(data_dir))
    if as_json:
        print(
            json.dumps(
                {
                    "published": [
                        {
                            "digest": digest,
                            "company": data.company,
                            "departments": list(data.departments),
                            "published_at": data.published_at.isoformat(),
                            "learned": learned(data),
                        }
                        for digest, data in found.published.items()
                    ],
                    "active": {str(number): digest for number, digest in found.active.items()},
                }
            )
        )
        return
    for digest, data in found.published.items():
        where = sorted(number for number, active in found.active.items() if active == digest)
        taught = ", ".join(dict.fromkeys(learned(data).values())) or "nothing"
        marks = f"  active in partition {', '.join(map(str, where))}" if where else ""
        print(
            f"{digest[:12]}  {data.published_at:%Y-%m-%d %H:%M:%S} UTC  {data.company}  learned: {taught}{marks}"
        )
    if not found.published:
        print("Nothing was published yet: workers decide by their own folder.")


def learned(data: RegistryPublishedV1) -> dict[str, str]:
    """Name -> version of the learned priors and calibration in what was published.

    Read from the text itself: contents that an older or newer version published need not load here to be told of.
    """
    found = {}
    for name, text in sorted(data.files.items()):
        path = PurePosixPath(name)
        if path.parts[0] != "learned":
            continue
        try:
            found[path.stem] = str(tomllib.loads(text).get("version", "?"))
        except tomllib.TOMLDecodeError:
            found[path.stem] = "?"
    return found


def _edition(folder: Path) -> Edition:
    try:
        return Edition.of(folder)
    except RegistryError as error:
        raise ConfigurationError(
            f"the company in {folder} cannot be used, nothing was changed:\n{error}"
        ) from None
