"""Which partition a key belongs to: murmur2, as the Java client and kafka-python do it.

It stands apart because every writer has to agree on it (librdkafka needs `partitioner=murmur2_random`, its own default
puts most keys elsewhere) and because a reader checks with it that a record lies where it belongs.
"""

from __future__ import annotations

from functools import lru_cache

from kafka.partitioner.default import murmur2


# The events of one case come in bursts, and murmur2 in Python takes longer than a record's other checks together.
@lru_cache(maxsize=16_384)
def partition_for(key: bytes, count: int) -> int:
    """The partition, 0 .. `count` - 1, of `key`."""
    if count < 1:
        raise ValueError("a topic has at least one partition")
    return int(murmur2(key) & 0x7FFFFFFF) % count
