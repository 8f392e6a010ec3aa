"""Partitions: what the Java client computes."""

from __future__ import annotations

import pytest
from kafka.partitioner import murmur2

from services.chassis.partitioner import partition_for


@pytest.mark.parametrize(
    ("key", "java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_hash_is_the_java_clients(key: bytes, java: int) -> None:
    """The values are those of the Java client's own test (UtilsTest.testMurmur2)."""
    signed = murmur2(key) - (1 << 32) if murmur2(key) >= 1 << 31 else murmur2(key)
    assert signed == java
    assert partition_for(key, 12) == (java & 0x7FFFFFFF) % 12


def test_no_partitions_is_an_error() -> None:
    """A topic without partitions cannot take a key."""
    with pytest.raises(ValueError):
        partition_for(b"k", 0)
