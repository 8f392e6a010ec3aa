"""A partition that moves to another worker and comes back to one that has kept its folder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from services.chassis.partitioner import partition_for
from tests.support.fence_story import Story
from tests.support.following import Following

PARTITIONS = 4
KEYS = [b"key-%d" % number for number in range(24)]


@pytest.fixture
def story(broker: str, tmp_path: Path) -> Iterator[Story]:
    """Workers that count, on topics of their own."""
    made = Story(broker, tmp_path / "story", "", PARTITIONS, session_seconds=6.0)
    yield made
    made.end()


def feed(story: Story, rounds: int) -> None:
    """Some records of every key; returns when each has come out."""
    before = len(story.outputs())
    for key in KEYS:
        story.feed([f"v{number}" for number in range(rounds)], key=key)
    wanted = before + rounds * len(KEYS)
    story.until("all come out", lambda: len(story.outputs()) >= wanted)


def rows_written(story: Story) -> dict[int, int]:
    """How many records each partition of the changelog has."""
    topic = story.kafka.topic(topics.ROUTER_STATE.name)
    following = Following(story.kafka.for_librdkafka(), topic)
    try:
        found = dict.fromkeys(range(PARTITIONS), 0)
        for message in following.messages():
            found[message.partition() or 0] += 1
        return found
    finally:
        following.close()


def restored(story: Story, name: str) -> list[dict[str, Any]]:
    """How the worker brought each of its partitions up, in order."""
    lines = (story.folder / f"{name}.log").read_text().splitlines()
    return [json.loads(line) for line in lines if '"router.restored"' in line]


def assigned(story: Story, name: str) -> set[int]:
    """The partitions of the worker's latest generation."""
    lines = (story.folder / f"{name}.log").read_text().splitlines()
    last = [json.loads(line) for line in lines if '"router.assigned"' in line][-1]
    return set(last["partitions"])


@pytest.mark.timeout(240)
def test_what_comes_back_catches_up_with_the_difference(story: Story) -> None:
    """Counts go on without a gap or a repeat; of each partition only what another worker wrote meanwhile is read."""
    story.start("w0")
    feed(story, 3)
    second = story.start("w1")
    story.until_shared(("w0", "w1"))
    # What w0 has written by now is in its folder.
    left = rows_written(story)
    moved = assigned(story, "w1")
    assert moved
    assert moved < set(range(PARTITIONS))
    feed(story, 2)
    written = rows_written(story)
    before = len(restored(story, "w0"))
    second.kill()
    second.join(10)
    feed(story, 2)

    back: dict[int, dict[str, Any]] = {}
    for each in restored(story, "w0")[before:]:
        # A second rebalance on a busy machine finds nothing more to read.
        back.setdefault(each["partition"], each)
    assert back.keys() == set(range(PARTITIONS))
    for number in range(PARTITIONS):
        missed = written[number] - left[number] if number in moved else 0
        assert (back[number]["records"], back[number]["started_over"]) == (missed, None), number
    assert any(back[number]["records"] for number in moved)
    counts: dict[bytes, list[int]] = defaultdict(list)
    for partition, key, value in story.outputs():
        assert partition == partition_for(key, PARTITIONS)
        counts[key].append(int(value.split()[1]))
    assert counts == {key: list(range(1, 8)) for key in KEYS}
