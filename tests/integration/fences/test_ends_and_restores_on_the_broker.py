"""Fences around a worker's end and its next start, on the real broker, each with it and without it.

As in test_fences_on_the_broker.py: all stories run side by side, and each test looks at its own.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from services.chassis.partitioner import partition_for
from services.chassis.provision import provision
from tests.support.fence_story import KEY, Play, Story, Told, counted, side_by_side

STANDS_STILL_SECONDS = 3.0
"""After which whoever waits for what never comes is believed; what is waited for takes milliseconds."""
NO_POINT = "no point"
"""A worker that stops at no point, and whose transactions the broker does not give up for a minute."""


def start_again(story: Story, *, folder: bool = True, stop: str = "") -> None:
    """The same worker once more, with what it had on its disk or without."""
    for name in ("asked", "answered"):
        (story.folder / "w0" / name).unlink()
    if not folder:
        shutil.rmtree(story.folder / "w0" / "state")
    story.start(stop=stop)


def its_offsets_went_out_and_its_outputs_did_not(story: Story) -> Told:
    """E1 to E5: a worker ends between its offsets and its commit."""
    story.feed(["v0"])
    story.until_ended(story.start(fault="transaction.offsets_sent:1"), 137)
    story.start()
    story.feed(["v1"])
    return story.until_out("v1"), counted(["v0", "v1"])


def an_open_transaction_among_the_rows(story: Story) -> Told:
    """P3, E7: behind a record that is undecided lie rows that are committed."""
    # Whoever loses its session on a busy machine would take its partitions over behind that record.
    story.session_seconds = 30.0
    changelog = story.kafka.topic("router.state")
    other = Producer(
        {
            **story.kafka.for_librdkafka(),
            "transactional.id": f"{story.prefix}other",
            "transaction.timeout.ms": 60_000,
        }
    )
    other.init_transactions(30)
    story.feed(["v0"])
    first = story.start()
    story.until_out("v0")
    other.begin_transaction()
    other.produce(changelog, b"", b"undecided", partition=partition_for(KEY, story.partitions))
    assert other.flush(30) == 0
    story.feed(["v1"])
    story.until_out("v1")
    first.kill()
    first.join(10)
    start_again(story, folder=False)
    story.feed(["v2"])
    story.until("the takeover", (story.folder / "w0" / "answered").exists)
    if not story.without:
        # With the fence it waits for the decision.
        time.sleep(0.5)
        assert len(story.values()) == 2
        other.abort_transaction(30)
    return story.until_out("v2"), counted(["v0", "v1", "v2"])


def a_changelog_that_ends_in_a_marker(story: Story) -> Told:
    """P16, E8: a worker without a folder restores from its beginning to its end."""
    story.feed(["v0"])
    first = story.start()
    story.until_out("v0")
    first.kill()
    first.join(10)
    start_again(story, folder=False)
    story.feed(["v1"])
    story.until("the takeover", (story.folder / "w0" / "answered").exists)
    if story.without:
        time.sleep(STANDS_STILL_SECONDS)
    else:
        story.until_out("v1")
    return story.values(), counted(["v0", "v1"])


def a_commit_that_the_coordinator_refuses(story: Story) -> Told:
    """P10: a transaction fails, and more records come."""
    story.feed(["v0"])
    first = story.start(refused=True)
    story.until("the refusal", (story.folder / "w0" / "refused").exists)
    if not story.without:
        story.until_ended(first, 70)
        story.start(refused=True)
        story.until_out("v0")
    story.feed(["v1"])
    return story.until_out("v1"), counted(["v0", "v1"])


def a_start_behind_its_own_open_transaction(story: Story) -> Told:
    """P18: a worker ended inside its transaction, which the broker would keep open for a minute."""
    story.feed(["v0"])
    ends = "transaction.offsets_sent:1"
    story.until_ended(story.start(fault=ends, stop=NO_POINT), 137)
    start_again(story, stop=NO_POINT)
    story.until("the start", (story.folder / "w0" / "asked").exists)
    if story.without:
        time.sleep(STANDS_STILL_SECONDS)
        assert not (story.folder / "w0" / "answered").exists()
    else:
        story.until_out("v0")
    return story.values(), counted(["v0"])


def a_changelog_that_was_made_anew(story: Story) -> Told:
    """P15: the rows on the disk are of a changelog that is gone."""
    story.feed(["v0"])
    first = story.start()
    story.until_out("v0")
    first.kill()
    first.join(10)
    changelog = story.kafka.topic("router.state")
    admin = AdminClient(story.kafka.for_librdkafka())
    admin.delete_topics([changelog])[changelog].result(30)
    story.until_gone(changelog)
    provision(story.kafka, ["a"])
    story.start()
    story.feed(["v1"])
    # What the changelog does not know has not been: counting begins again.
    return story.until_out("v1"), ["v0 1", "v1 1"]


STORIES: dict[str, tuple[Play, int]] = {
    "one transaction": (its_offsets_went_out_and_its_outputs_did_not, 4),
    "up to the high watermark": (an_open_transaction_among_the_rows, 4),
    "markers count": (a_changelog_that_ends_in_a_marker, 4),
    "the end after an error": (a_commit_that_the_coordinator_refuses, 4),
    "the predecessor is fenced": (a_start_behind_its_own_open_transaction, 4),
    "rows of another life are dropped": (a_changelog_that_was_made_anew, 4),
}


@pytest.fixture(scope="module")
def told(
    broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, bool], Told]]:
    """What each story came to, with and without its fence."""
    with side_by_side(broker, tmp_path_factory.mktemp("ends"), STORIES) as tell:
        yield tell


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", STORIES)
def test_with_the_fence(name: str, told: Callable[[str, bool], Told]) -> None:
    """Every input comes out once, counted once."""
    found, wanted = told(name, True)

    assert found == wanted


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", STORIES)
def test_without_the_fence(name: str, told: Callable[[str, bool], Told]) -> None:
    """The same story without it loses, miscounts or stands still: the trap is real, and the fence is what holds."""
    found, wanted = told(name, False)

    assert found != wanted
