"""The checker itself on trial: a flawless history passes, and each way to break a promise is planted and found."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.checker import document, sources_of, table, violations
from tests.chaos.checks.base import FORWARDED
from tests.chaos.checks.state import partition_of
from tests.chaos.fabricated import INBOX, OTHER_INBOX, START, flawless
from tests.chaos.invariants import judge
from tests.chaos.journal import Stood
from tests.chaos.plants import (
    OBSERVED,
    STATUS,
    TOLD,
    TRACED,
    Plant,
    again,
    both,
    call,
    call_again,
    change,
    client,
    dead_letter,
    drop,
    ended_before,
    long_ago,
    no_status,
    one_id,
    refused,
    row,
    seen,
    sent_on_twice,
    two_ids,
    unanswered,
    undecided,
    unreadable,
)

ROOT = Path(__file__).parents[2]
PLANTED: list[tuple[str, str, Plant]] = [
    ("I1", "two ids for one key", client(two_ids)),
    ("I1", "one id for two keys", client(one_id)),
    ("I1", "lost complaint", drop("complaint.received")),
    ("I1", "stored with other content", change("complaint.received", text="else")),
    ("I1", "stored with other content", change(OBSERVED, at="2026-03-02T02:00:01Z")),
    ("I1", "lost process event", drop(OBSERVED)),
    ("I1", "lost message", drop("complaint.messaged")),
    ("I1", "nothing to judge", client(dict.clear)),
    ("I2", "complaint without a decision", undecided),
    (
        "I2",
        "dead letter instead of a decision",
        both(undecided, dead_letter("complaint.received", "b")),
    ),
    ("I2", "decision without a complaint", drop("complaint.received")),
    ("I2", "one decision id twice", change(TRACED, decision_id="decision-b-1")),
    ("I2", "question without an answer", unanswered),
    ("I2", "decision under another key", change(TRACED, complaint_id="a")),
    ("I2", "two decisions for one revision", again(TRACED)),
    ("I2", "two decisions for one revision", again(TRACED, identity="other", decision_id="other")),
    ("I2", "gap in the revisions", change(TRACED, revision=3)),
    ("I2", "gap in the revisions", change(TRACED, 1, revision=0)),
    (
        "I2",
        "revisions out of order",
        both(change(TRACED, 2, revision=2), change(TRACED, 3, revision=1)),
    ),
    ("I2", "revision without a change", change(TRACED, material="m1")),
    ("I3", "in limbo", drop(TOLD)),
    ("I3", "in limbo", change(TOLD, outcome="attempted")),
    ("I3", "not delivered", change(TOLD, outcome="abandoned")),
    ("I3", "not delivered", change(TOLD, 2, outcome="suppressed")),
    ("I3", "recorded as delivered, not received", call(status=503)),
    ("I3", "recorded as delivered, not received", lambda e: e.calls.pop()),
    ("I3", "assignment without its decision", change(INBOX, decision_id="other")),
    ("I3", "assigned to nobody", drop(INBOX, 0)),
    ("I3", "assigned while waiting", change(TRACED, outcome="waiting")),
    ("I3", "assigned after its end", ended_before),
    ("I3", "transaction left open", lambda e: e.open_transactions.append("t[0]")),
    (
        "I4",
        "a repeat says something else",
        call_again(
            body=json.dumps(
                {
                    "type": "x",
                    "data": {"assignment_id": "1", "revision": 1, "department": "packing"},
                }
            )
        ),
    ),
    ("I4", "call that cannot be read", call_again(body="")),
    ("I4", "one id for two alerts", call(webhook_id="n-opened-assignment-a-packing-1")),
    ("I4", "an alert nobody asked for", drop(INBOX)),
    ("I4", "an alert nobody asked for", change(TOLD, revision=9)),
    (
        "I4",
        "two open assignments of one department",
        again(INBOX, identity="other", assignment_id="other"),
    ),
    ("I4", "second id for one alert", call_again(webhook_id="another")),
    ("I4", "second id for one alert", again(TOLD, identity="x", notification_id="another")),
    ("I4", "webhook and topic name other ids", call(webhook_id="another")),
    ("I4", "called, never recorded", drop(TOLD)),
    ("I4", "recorded as delivered twice", again(TOLD, identity="told-again", attempt=2)),
    ("I5", "effect without a cause", change(TRACED, _headers={"ce_causationid": None})),
    ("I5", "cause is not in the log", change(TRACED, _headers={"ce_causationid": "nowhere"})),
    ("I5", "effect before its cause", change(TRACED, _timestamp=START)),
    ("I5", "correlated with another complaint", change(TRACED, _headers={"ce_correlationid": "a"})),
    ("I5", "status after an end", again(STATUS, 1, identity="late")),
    ("I5", "event after an end", again(TRACED, 1, identity="late", revision=2, decision_id="d")),
    (
        "I5",
        "assignment lives on after its withdrawal",
        again(OTHER_INBOX, 0, identity="late", revision=3),
    ),
    ("I5", "inbox out of order", again(OTHER_INBOX, 0, identity="late")),
    ("I7", "complaint that nobody sent", client(lambda requests: requests.pop("key-b"))),
    ("I7", "complaint that nobody sent", change("complaint.received", case_id="other")),
    ("I7", "refused and stored all the same", client(refused)),
    ("I7", "process event that nobody sent", client(lambda requests: requests.pop("case-b/1"))),
    ("I8", "event without an id", change(TRACED, _headers={"ce_id": None})),
    ("I8", "event twice", again(TRACED)),
    ("I8", "event twice", again(INBOX)),
    ("I8", "event twice", again(TOLD)),
    ("I8", "stored more often than sent", again("complaint.received")),
    ("I8", "stored more often than sent", again(OBSERVED)),
    ("I8", "a repeat says something else", again("complaint.received", text="else")),
    ("I10", "decided before evidence that was there", client(long_ago)),
    ("I11", "another cause", change(TRACED, causes=[{"department": "courier", "share": 1.0}])),
    ("I12", "message without effect", drop(STATUS)),
    ("I12", "dead letter", dead_letter("complaint.messaged", "a")),
    ("O", "event that the router does not have", row(b"e:case-a", b"case-a-1")),
    ("O", "event that the router has otherwise", row(b"e:case-a", b"case-a-1", to=b"12345678{}")),
    ("O", "event that is in no topic", row(b"e:case-a", b"other", to=b"12345678{}")),
    ("O", "another watermark", row(b"w", b"wms", to=b"7")),
    ("O", "another watermark", row(b"w", b"ledger", to=b"7")),
    ("O", "evidence that is in no topic", change(TRACED, evidence=[{"event_id": "nowhere"}])),
    ("O", "evidence that came later", change(OBSERVED, _timestamp=START + 1_000_000)),
    ("O", "complaint that the router does not have", row(b"c:b")),
    ("O", "complaint that the router has otherwise", row(b"c:b", case_id="other")),
    ("O", "complaint that is in no topic", row(b"c:z", to=b"{}")),
    ("O", "another decision", row(b"c:b", revision=1)),
    ("O", "another decision", row(b"c:b", material="other")),
    ("O", "other assignments", row(b"c:b", assignments=[])),
    ("O", "another state", row(b"c:b", state="assigned")),
    ("O", "another state", row(b"c:a", state="notified")),
    ("O", "waits for another time", row(b"c:c", due=None)),
    ("O", "waits for another time", row(b"c:b", due=7)),
    ("O", "complaint without a status", no_status),
    ("O", "status says something else", change(STATUS, departments=[])),
    ("O", "question that the router does not have", row(b"t:case-b", b"b")),
    ("O", "question about no complaint", row(b"t:case-b", b"z", to=b"m\n{}")),
    ("O", "the two stages disagree", row(b"t:case-b", b"b", to=b"other\n{}")),
    ("O", "due index differs", row(b"d", b"1", to=b"1")),
    ("O", "due and forgotten", change("clock.tick", _timestamp=2_000_000_000_000)),
    ("O", "message that still waits for its complaint", row(b"m:b", b"7", to=b"{}")),
    ("O", "row in another partition", lambda e: setattr(e, "partitions", 5)),
    ("O", "row that cannot be read", unreadable),
    ("D", "broken record that was not put aside", drop("router.dlq")),
    ("D", "broken record that was put aside twice", again("router.dlq")),
    ("D", "broken record that was put aside in part", change("router.dlq", value="")),
    (
        "D",
        "record that was not sent on",
        lambda e: e.topics["process.observed"][1].headers.pop(FORWARDED),
    ),
    ("D", "record that was sent on twice", sent_on_twice),
    (
        "S",
        "stood still for too long",
        lambda e: e.stood.append(Stood("kill -9 kafka", 1.0, 11.0, 10.0)),
    ),
    (
        "S",
        "stood still for too long",
        lambda e: e.stood.append(Stood("kill -9 kafka", 11.0, 1.0, 10.0)),
    ),
    ("R", "seen and taken back", lambda e: e.topics[TRACED].pop()),
    ("R", "seen and changed", seen(lambda rows: rows.append(replace(rows.pop(), digest="other")))),
    ("R", "read out of order", seen(lambda rows: rows.append(rows[0]))),
    ("R", "hidden from the reader", seen(lambda rows: rows.pop(0))),
]


def test_a_flawless_history_passes() -> None:
    """Nothing is broken, and every check had something to look at."""
    results = judge(flawless())

    assert violations(results) == []
    assert [result.check for result in results if not result.examined] == []
    assert "I2" in table(results)
    assert document(results)["broken"] == 0


@pytest.mark.parametrize(
    ("check", "what", "plant"),
    PLANTED,
    ids=[f"{check}-{what}-{n}" for n, (check, what, _) in enumerate(PLANTED)],
)
def test_a_planted_violation_is_found(check: str, what: str, plant: Plant) -> None:
    """Whoever breaks this promise is told which one it was."""
    evidence = flawless()
    plant(evidence)

    found = violations(judge(evidence))

    assert (check, what) in {(each.check, each.what) for each in found}


def test_every_violation_that_the_checker_knows_is_planted_here() -> None:
    """A check that was never seen to fail proves nothing."""
    rooms = (Path(__file__).parent / "checks").glob("*.py")
    known = {
        node.args[0].value
        for room in rooms
        for node in ast.walk(ast.parse(room.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "broken"
        and isinstance(node.args[0], ast.Constant)
    }

    assert known == {what for _, what, _ in PLANTED}


def test_a_repeat_that_a_client_sent_twice_is_no_violation() -> None:
    """A complaint sent again for want of an answer may be stored twice; it is counted, not blamed."""
    evidence = flawless()
    evidence.client.requests["key-b"].sent_at.append(2.0)
    again("complaint.received", received_at="later", occurred_at="later")(evidence)

    results = judge(evidence)

    assert violations(results) == []
    facts = {name: count for result in results for name, count in result.facts.items()}
    assert facts["repeats in complaint.received after a missing answer"] == 1


def test_an_alert_that_was_called_twice_under_one_id_is_no_violation() -> None:
    """A notifier that was killed between the answer and its own note calls again, with the same id and bytes."""
    evidence = flawless()
    call_again()(evidence)

    results = judge(evidence)

    assert violations(results) == []
    facts = {name: count for result in results for name, count in result.facts.items()}
    assert facts["repeated calls"] == 1


def test_a_complaint_that_was_ended_before_its_decision_is_told_to_nobody() -> None:
    """Its decision is published with its end, by the same cause; no department hears of it."""
    evidence = flawless()
    ended_before(evidence)
    evidence.topics["complaint.status"].pop(-1 - 1)  # `a` was not closed meanwhile
    found = {each.what for each in violations(judge(evidence)) if "-b-" not in each.subject}

    assert "assigned after its end" in found
    assert "complaint without a decision" not in found


def test_a_record_that_is_young_or_late_enough_is_no_haste() -> None:
    """What was stored a moment before the complaint, or answered after a minute, is counted and not blamed."""
    facts = {
        name: count
        for result in judge(flawless())
        if result.check == "I10"
        for name, count in result.facts.items()
    }

    assert facts["decided before evidence that was there"] == 1
    assert facts["alerts withdrawn for it"] == 1


def test_the_partitioner_is_the_java_clients() -> None:
    """Values of Kafka's own tests of murmur2, as partitions of a topic with very many."""
    most = 2**31 - 1
    assert partition_of("21", most) == (-973932308 & 0x7FFFFFFF) % most
    assert partition_of("foobar", most) == (-790332482 & 0x7FFFFFFF) % most
    assert partition_of("a-little-bit-long-string", most) == (-985981536 & 0x7FFFFFFF) % most


def test_the_company_says_which_system_attests_what() -> None:
    """The oracle's own reading of the registry: an event without a source belongs to its activity's."""
    sources = sources_of(ROOT / "examples" / "shop")

    assert sources["packed"] == "wms"
    assert sources["delivered"] == "courier-api"
