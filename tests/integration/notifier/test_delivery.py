"""The notifier on a real broker with real receivers: what is asked for arrives, signed, and whatever becomes of it is recorded."""

from __future__ import annotations

import base64
import threading
import time

from standardwebhooks.webhooks import Webhook

from schemas.dead_letter import DeadLetterV1
from schemas.topics import DEPARTMENT_INBOX, NOTIFIER_DLQ
from schemas.vocabulary import NotificationOutcome
from services.chassis import ids
from services.chassis.records import Outgoing
from tests.support.notifier_bench import SECRET, Bench, assignment, eventually, record_of
from tests.support.webhook_receiver import Call, Reply, WebhookReceiver


def test_an_assignment_reaches_its_department_signed_and_is_recorded(bench: Bench) -> None:
    """One inbox record becomes one signed webhook with the explanation, and one delivered event."""
    with WebhookReceiver() as packing, bench.notifier():
        bench.configure({"packing": packing.url})
        eventually(bench.read_again, "the file is read again")
        bench.put([assignment(1)])
        call = packing.wait(lambda calls: len(calls) >= 1)[0]
        Webhook(SECRET).verify(call.body, call.headers)
        assert call.message["type"] == "assignment.opened"
        assert call.message["data"]["explanation"] == [
            "Pengemasan selesai 9,5 jam setelah waktunya."
        ]
        assert call.id == ids.notification_id(assignment(1).assignment_id, 1, "packing", "opened")
        eventually(lambda: len(bench.recorded()) == 1, "the attempt is recorded")
    event = bench.recorded()[0]
    assert (event.outcome, event.attempt, event.status_code) == (
        NotificationOutcome.DELIVERED,
        1,
        204,
    )
    assert event.notification_id == call.id


def test_a_failure_is_tried_again_under_the_same_id(bench: Bench) -> None:
    """A receiver that fails twice gets the same bytes under the same id three times, each attempt recorded."""
    with WebhookReceiver(lambda _call, nth: Reply(500 if nth < 3 else 200)) as packing:
        bench.configure({"packing": packing.url})
        with bench.notifier():
            bench.put([assignment(1)])
            calls = packing.wait(lambda calls: len(calls) >= 3)
            eventually(lambda: len(bench.recorded()) == 3, "three attempts are recorded")
    assert len({(call.id, call.body) for call in calls}) == 1
    told = sorted(bench.recorded(), key=lambda event: event.attempt)
    assert [(event.outcome.value, event.attempt) for event in told] == [
        ("attempted", 1),
        ("attempted", 2),
        ("delivered", 3),
    ]


def test_what_has_no_receiver_is_recorded_as_suppressed(bench: Bench) -> None:
    """A department without a receiver loses nothing silently: the event says why nobody was told."""
    with bench.notifier():
        bench.put([assignment(1, "finance")])
        eventually(lambda: len(bench.recorded()) == 1, "it is recorded")
    event = bench.recorded()[0]
    assert (event.outcome, event.attempt, event.detail) == (
        NotificationOutcome.SUPPRESSED,
        0,
        "no_receiver",
    )


def test_a_record_that_cannot_be_read_is_put_aside_and_the_next_is_delivered(bench: Bench) -> None:
    """Poison goes to the dead letters whole, with its coordinates, and holds nobody up."""
    topic = DEPARTMENT_INBOX.for_department("packing").name
    good = record_of(assignment(1))
    with WebhookReceiver() as packing:
        bench.configure({"packing": packing.url})
        bench.publisher.publish_sync(Outgoing(topic, good.key, b"\xff not json", good.headers))
        bench.put([assignment(1)])
        with bench.notifier():
            packing.wait(lambda calls: len(calls) == 1)
            eventually(
                lambda: len(bench.read(NOTIFIER_DLQ.name, NOTIFIER_DLQ.contracts)) == 1,
                "the dead letter is there",
            )
    letter = bench.read(NOTIFIER_DLQ.name, NOTIFIER_DLQ.contracts)[0]
    assert isinstance(letter, DeadLetterV1)
    assert letter.reason == "invalid_data"
    assert base64.b64decode(letter.value or "") == b"\xff not json"


def test_a_dead_department_delays_no_other(bench: Bench) -> None:
    """While one receiver answers nothing at all, another's messages arrive within a second."""
    release = threading.Event()

    def hang(_call: Call, _nth: int) -> Reply:
        release.wait(60)
        return Reply()

    with WebhookReceiver(hang) as packing, WebhookReceiver() as finance:
        bench.configure({"packing": packing.url, "finance": finance.url})
        with bench.notifier():
            bench.put([assignment(n) for n in range(40)])
            packing.wait(lambda calls: len(calls) >= 8)
            began = time.monotonic()
            bench.put([assignment(n, "finance") for n in range(10)])
            finance.wait(lambda calls: len(calls) >= 10)
            assert time.monotonic() - began < 2.0
        release.set()


def test_gone_means_gone_until_the_address_changes(bench: Bench) -> None:
    """After 410 nothing more is sent there, and every alert is recorded; another URL gets the next one."""
    with WebhookReceiver(lambda _call, _nth: Reply(410)) as old, WebhookReceiver() as new:
        bench.configure({"packing": old.url})
        with bench.notifier():
            bench.put([assignment(1)])
            eventually(lambda: len(bench.recorded()) == 1, "the first is recorded")
            bench.put([assignment(2)])
            eventually(lambda: len(bench.recorded()) == 2, "the second is recorded")
            bench.configure({"packing": new.url})
            eventually(bench.read_again, "the file is read again")
            bench.put([assignment(3)])
            new.wait(lambda calls: len(calls) == 1)
        assert len(old.calls) == 1
    assert sorted((event.outcome.value, event.detail) for event in bench.recorded())[:2] == [
        ("abandoned", "receiver_gone"),
        ("suppressed", "receiver_gone"),
    ]
