"""Which company decides: by partition, from the record of its activation on, and after a restart."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas import codec, topics
from schemas.envelope import Contract
from schemas.registry import RegistryActivatedV1
from services.chassis.errors import BrokerUnavailable
from services.registry import Files, RegistryError, contents, example_folder, load
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import Output
from services.router.registrar import Edition, Registrar
from services.router.stages.companies import ActiveCompanies, NoCompany, RegistryStage
from services.router.working import default_company
from tests.support import companies
from tests.support.stage_pipeline import FakeRecord

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
SHOP = companies.company("shop")


class FakeShelf(dict[str, Files]):
    """A library whose contents are given."""

    away = False

    def texts(self, digest: str) -> Files | None:
        if self.away:
            raise BrokerUnavailable("away")
        return self.get(digest)


class World:
    """Two partitions of one worker."""

    def __init__(self, folder: Path) -> None:
        self.shelf = FakeShelf()
        self.outputs: list[Output] = []
        memory = SharedMemory(1 << 20, 1 << 20)
        self.partitions = [
            Partition(number, PartitionStore(folder / str(number), memory), self.outputs)
            for number in range(2)
        ]
        self.restart()

    def restart(self) -> None:
        """A new process over the same rows."""
        for partition in self.partitions:
            partition.memory.clear()
        self.companies = ActiveCompanies(SHOP, self.shelf)
        self.stage = RegistryStage(self.companies, physical=str, partitions=2)

    def activate(self, digest: str, number: int, told: int | None = None) -> None:
        data = RegistryActivatedV1(
            partition=number if told is None else told,
            digest=digest,
            activated_at=NOW,
            reason="folder",
        )
        self.write(data, number)

    def write(self, data: Contract, number: int) -> None:
        record = codec.encode(codec.wrap(data, id="a1", source="/test", time=NOW))
        self.stage.handle(
            self.partitions[number],
            FakeRecord(
                topics.REGISTRY_ACTIVATED.name,
                number,
                7,
                record.key,
                record.value,
                record.headers,
                int(NOW.timestamp() * 1000),
            ),
        )

    def digests(self) -> list[str]:
        return [self.companies.active(partition).rules.digest for partition in self.partitions]

    def close(self) -> None:
        for partition in self.partitions:
            partition.store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterable[World]:
    made = World(tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shop that a test may change."""
    copy = tmp_path / "company"
    shutil.copytree(example_folder("shop"), copy)
    return copy


def allow(folder: Path, hours: str) -> None:
    """Give picking other hours."""
    path = folder / "processes/order.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('allowance = "12h"', f'allowance = "{hours}"', 1), encoding="utf-8"
    )


def other(world: World, folder: Path) -> str:
    """Publish contents that differ from the shop's; returns their digest."""
    allow(folder, "11h")
    digest = load(folder).digest
    world.shelf[digest] = contents(folder)
    return digest


def test_the_folder_decides_until_something_is_activated(world: World) -> None:
    """A pipeline that nobody ever told anything works."""
    assert world.digests() == [SHOP.rules.digest] * 2


def test_an_activation_changes_its_partition_only(world: World, folder: Path) -> None:
    """The others go on as they are until they have read theirs."""
    digest = other(world, folder)
    world.activate(digest, 1)
    assert world.digests() == [SHOP.rules.digest, digest]
    assert world.companies.active(world.partitions[1]).rules.activities["picked"].allowance == (
        11 * 3_600_000_000
    )
    assert world.outputs == []


def test_a_restart_keeps_what_is_active(world: World, folder: Path) -> None:
    """Whatever the folder says by then."""
    digest = other(world, folder)
    world.activate(digest, 0)
    world.restart()
    assert world.digests() == [digest, SHOP.rules.digest]


def test_a_rolled_back_record_takes_its_activation_with_it(world: World, folder: Path) -> None:
    """Rows and memory alike."""
    digest = other(world, folder)
    partition = world.partitions[0]
    partition.begin()
    world.companies.activate(partition, digest)
    partition.roll_back()
    assert world.digests() == [SHOP.rules.digest] * 2


@pytest.mark.parametrize("reason", ["unknown", "unusable", "elsewhere"])
def test_what_cannot_be_used_is_put_aside(world: World, folder: Path, reason: str) -> None:
    """A digest that nobody published, contents that do not load, another partition's: the old one stays."""
    digest = other(world, folder)
    if reason == "unknown":
        del world.shelf[digest]
    if reason == "unusable":
        world.shelf[digest] = {"company.toml": "schema = 2"}
    world.activate(digest, 0, told=1 if reason == "elsewhere" else 0)
    assert world.digests() == [SHOP.rules.digest] * 2
    (letter,) = world.outputs
    assert letter.topic == topics.ROUTER_DLQ.name


def test_a_broker_that_is_away_puts_nothing_aside(world: World) -> None:
    """The process ends instead, and meets the record again."""
    world.shelf.away = True
    with pytest.raises(BrokerUnavailable):
        world.activate("0" * 64, 0)
    assert world.outputs == []


def test_a_worker_that_cannot_read_what_is_active_decides_nothing(
    world: World, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a restart with the broker away: it says so and ends; once it is back the active company decides."""
    digest = other(world, folder)
    world.activate(digest, 0)
    world.restart()
    world.shelf.away = True
    with pytest.raises(BrokerUnavailable):
        world.companies.active(world.partitions[0])
    said = capsys.readouterr()
    assert "registry.unreadable" in said.out + said.err
    assert digest[:12] in said.out + said.err
    world.shelf.away = False
    assert world.digests() == [digest, SHOP.rules.digest]


def test_without_any_company_a_worker_says_what_to_do(world: World) -> None:
    """Neither the folder nor what was activated can be used: no decision is made up."""
    world.companies = ActiveCompanies(None, world.shelf)
    with pytest.raises(NoCompany, match="akar registry check"):
        world.companies.active(world.partitions[1])


@dataclass
class FakeLibrary:
    """What was published, and whether it can be read: from the first wait on, from a later one, or never."""

    readable_after: int | None
    empty: bool = False
    waits: int = 0

    def complete(self, *, seconds: float) -> bool:
        assert seconds > 0
        self.waits += 1
        return self.readable_after is not None and self.waits > self.readable_after


def test_a_broken_folder_waits_for_what_was_activated(folder: Path) -> None:
    """At the start of a worker: a broker that is slow is waited for, one that is away is no mistake of the folder's."""
    assert default_company(folder, FakeLibrary(None)) is not None
    (folder / "company.toml").write_text("schema = 2", encoding="utf-8")
    assert default_company(folder, FakeLibrary(0)) is None
    assert default_company(folder, FakeLibrary(1)) is None
    with pytest.raises(BrokerUnavailable, match="cannot be used"):
        default_company(folder, FakeLibrary(None))
    with pytest.raises(RegistryError):
        default_company(folder, FakeLibrary(0, empty=True))


def test_decisions_name_the_digest_that_was_published(world: World, folder: Path) -> None:
    """An engine that reads old contents anew may take another digest over them."""
    texts = contents(folder)
    world.shelf["a" * 64] = texts
    world.activate("a" * 64, 0)
    assert world.digests()[0] == "a" * 64


class FakeRegistry:
    """The two topics in memory."""

    def __init__(self, history: dict[int, list[str]] | None = None) -> None:
        self.past = history or {}
        self.done: list[tuple[str, str]] = []
        self.away = False

    def publish(self, edition: Edition) -> None:
        if self.away:
            raise BrokerUnavailable("away")
        self.done.append(("published", edition.digest))

    def activate(self, digest: str, departments: Iterable[str], *, reason: str) -> None:
        assert reason == "folder"
        assert "packing" in departments
        self.done.append(("activated", digest))

    def history(self) -> dict[int, list[str]]:
        return self.past


def registrar(folder: Path, registry: FakeRegistry) -> Registrar:
    return Registrar(2, folder, registry)


def test_a_new_folder_is_published_then_activated_once(folder: Path) -> None:
    """Looking again does nothing more."""
    registry = FakeRegistry()
    watching = registrar(folder, registry)
    for _ in range(3):
        watching.look()
    digest = load(folder).digest
    assert registry.done == [("published", digest), ("activated", digest)]


def test_a_change_is_taken_up_when_it_has_come_to_rest(folder: Path) -> None:
    """A file that is still being written is left alone for a moment."""
    registry = FakeRegistry()
    watching = registrar(folder, registry)
    watching.look()
    allow(folder, "13h")
    watching.look()
    assert len(registry.done) == 2
    watching.look()
    assert registry.done[2:] == [
        ("published", load(folder).digest),
        ("activated", load(folder).digest),
    ]


def test_a_broken_folder_changes_nothing_until_it_is_mended(folder: Path) -> None:
    """Neither published nor activated; a later change is looked at again."""
    registry = FakeRegistry()
    watching = registrar(folder, registry)
    watching.look()
    allow(folder, "broken")
    for _ in range(3):
        watching.look()
    assert len(registry.done) == 2
    path = folder / "processes/order.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"broken"', '"14h"'), encoding="utf-8")
    for _ in range(3):
        watching.look()
    assert registry.done[2:] == [
        ("published", load(folder).digest),
        ("activated", load(folder).digest),
    ]


def test_a_restart_does_not_undo_a_way_back(folder: Path) -> None:
    """Contents that were active in every partition before are not activated by a mere start."""
    digest = load(folder).digest
    registry = FakeRegistry({0: [digest, "b" * 64], 1: [digest, "b" * 64]})
    watching = registrar(folder, registry)
    watching.look()
    assert registry.done == []
    allow(folder, "13h")
    watching.look()
    watching.look()
    assert [kind for kind, _digest in registry.done] == ["published", "activated"]


def test_a_start_completes_what_was_cut_off(folder: Path) -> None:
    """Activated in one partition of two only: activated again."""
    registry = FakeRegistry({0: [load(folder).digest]})
    registrar(folder, registry).look()
    assert [kind for kind, _digest in registry.done] == ["published", "activated"]


def test_a_broker_that_is_away_is_waited_for(folder: Path) -> None:
    """The change is not forgotten."""
    registry = FakeRegistry()
    registry.away = True
    watching = registrar(folder, registry)
    with pytest.raises(BrokerUnavailable):
        watching.look()
    registry.away = False
    watching.look()
    assert [kind for kind, _digest in registry.done] == ["published", "activated"]
