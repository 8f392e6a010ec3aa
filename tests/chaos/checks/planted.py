"""What a scenario wrote by hand that breaks its contract or lies in a wrong partition: D.

It stands apart because only here a dead letter is right; everywhere else it is a violation.
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import Final

from tests.chaos.checks.base import FORWARDED, Result
from tests.chaos.journal import Evidence

MOST_BYTES: Final = 700_000
"""Of a value that fits into a dead letter; a larger one stays where it lies, and the letter says where."""


def put_aside(evidence: Evidence) -> Result:
    """D: a broken record becomes one dead letter, whole; one in a wrong partition is sent on once."""
    result = Result(
        "D", "what breaks its contract is put aside, whole and once; nothing is in its way"
    )
    letters: dict[str, list[str | None]] = {}
    for record in evidence.topics.get("router.dlq", []):
        letters.setdefault(record.data["origin"], []).append(record.data.get("value"))
    forwarded = Counter(
        (record.topic, record.headers[FORWARDED])
        for record in evidence.records()
        if FORWARDED in record.headers
    )
    for planted in evidence.client.planted:
        result.examined += 1
        result.count(f"planted: {planted.kind}")
        if planted.misplaced:
            times = forwarded[planted.topic, f"{planted.partition}:{planted.offset}"]
            if times == 0:
                result.broken("record that was not sent on", planted.origin, planted.kind)
            elif times > 1:
                result.broken("record that was sent on twice", planted.origin, planted.kind)
            continue
        found = letters.get(planted.origin, [])
        if not found:
            result.broken("broken record that was not put aside", planted.origin, planted.kind)
        elif len(found) > 1:
            result.broken("broken record that was put aside twice", planted.origin, planted.kind)
        elif found[0] != _whole(evidence, planted.origin):
            result.broken("broken record that was put aside in part", planted.origin, planted.kind)
    return result


def _whole(evidence: Evidence, origin: str) -> str | None:
    topic, partition, offset = origin.rsplit(":", 2)
    for record in evidence.topics.get(topic, []):
        if (record.partition, record.offset) == (int(partition), int(offset)):
            if record.value is None or len(record.value) > MOST_BYTES:
                return None
            return base64.b64encode(record.value).decode()
    return ""
