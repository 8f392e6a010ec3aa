"""The notifier on a real broker with real receivers: what is asked for arrives once, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from services.chassis import ids
from services.local.ports import free_port
from tests.support.notifier_bench import (
    EXAMPLE,
    Bench,
    assignment,
    ends,
    eventually,
    withdrawal,
)
from tests.support.webhook_receiver import Call, Reply, WebhookReceiver


def test_a_lost_ledger_learns_what_was_delivered(bench: Bench) -> None:
    """With its database deleted, the notifier reads every inbox again and calls nobody twice."""
    with WebhookReceiver() as packing:
        bench.configure({"packing": packing.url})
        with bench.notifier():
            bench.put([assignment(n) for n in range(20)])
            packing.wait(lambda calls: len(calls) >= 20)
            eventually(lambda: len(bench.recorded()) == 20, "all are recorded")
        for file in bench.folder.glob("notifier.sqlite3*"):
            file.unlink()
        with bench.notifier():
            bench.put([assignment(100)])
            packing.wait(
                lambda calls: any(call.id not in {c.id for c in calls[:20]} for call in calls)
            )
            eventually(lambda: len(bench.recorded()) == 21, "the new one is recorded")
    assert len(packing.calls) == 21
    assert len(set(ends(bench.recorded()))) == 21


def test_killed_between_request_and_bookkeeping_nothing_is_lost_and_no_second_id_appears(
    bench: Bench,
) -> None:
    """Killed from inside the receiver again and again, each assignment is delivered under exactly one id."""
    count, kills = 24, 6
    running: list[subprocess.Popen[bytes]] = []
    killed: list[str] = []
    lock = threading.Lock()

    def answer(call: Call, nth: int) -> Reply:
        with lock:
            if nth == 1 and len(killed) < kills and len(packing.calls) >= 3 * (len(killed) + 1):
                killed.append(call.id)
                running[-1].send_signal(signal.SIGKILL)
                running[-1].wait(10)
        return Reply()

    with WebhookReceiver(answer) as packing:
        bench.configure({"packing": packing.url})
        bench.put([assignment(n) for n in range(count)])
        bench.put([withdrawal(n) for n in range(0, count, 4)])
        wanted = count + len(range(0, count, 4))
        deadline = time.monotonic() + 90
        running.append(bench.start(ready=False))
        try:
            while len(set(ends(bench.recorded()))) < wanted:
                assert time.monotonic() < deadline, f"{len(ends(bench.recorded()))} of {wanted}"
                if running[-1].poll() is not None:
                    assert running[-1].returncode == -signal.SIGKILL
                    with lock:
                        running.append(bench.start(ready=False))
                time.sleep(0.1)
            eventually(bench.outbox_is_empty, "the outbox is empty")
            running[-1].terminate()
            assert running[-1].wait(20) == 0
        finally:
            running[-1].kill()
            running[-1].wait(10)
    assert len(killed) == kills
    expected = {
        ids.notification_id(assignment(n).assignment_id, 1, "packing", "opened")
        for n in range(count)
    } | {
        ids.notification_id(assignment(n).assignment_id, 2, "packing", "withdrawn")
        for n in range(0, count, 4)
    }
    assert {call.id for call in packing.calls} == expected
    told = bench.recorded()
    assert ends(told) == sorted(expected)
    latest = {
        event.notification_id: event for event in sorted(told, key=lambda event: event.attempt)
    }
    assert bench.ledger() == {
        id_: (event.outcome.value, event.attempt) for id_, event in latest.items()
    }
    assert len({(event.notification_id, event.attempt) for event in told}) == len(told)
    # Whoever was killed for answering was called again, with the same bytes.
    for id_ in killed:
        assert len({call.body for call in packing.calls if call.id == id_}) == 1
        assert sum(call.id == id_ for call in packing.calls) >= 2


def test_the_ledger_may_be_postgresql(bench: Bench, postgres: str) -> None:
    """With a PostgreSQL URL: delivered once, through a kill -9 and a second life."""
    running: list[subprocess.Popen[bytes]] = []

    def answer(_call: Call, _nth: int) -> Reply:
        if len(packing.calls) == 5:
            running[0].send_signal(signal.SIGKILL)
            running[0].wait(10)
        return Reply()

    with WebhookReceiver(answer) as packing:
        bench.configure({"packing": packing.url})
        bench.put([assignment(n) for n in range(12)])
        environment = {"NOTIFIER_DATABASE_URL": postgres}
        running.append(bench.start(ready=False, environment=environment))
        assert running[0].wait(60) == -signal.SIGKILL
        with bench.notifier(environment=environment):
            eventually(lambda: len(ends(bench.recorded())) == 12, "all are recorded")
    assert len({call.id for call in packing.calls}) == 12
    assert len(set(ends(bench.recorded()))) == 12


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_second_notifier_stands_by_and_takes_over(
    bench: Bench, database: str, request: pytest.FixtureRequest
) -> None:
    """Two with one ledger never both send: the second waits, unready, until the first is gone."""
    environment = {"NOTIFIER_HEALTH_PORT": str(free_port(f"second {bench.folder}"))}
    common: dict[str, str] = {}
    if database == "postgresql":
        common["NOTIFIER_DATABASE_URL"] = request.getfixturevalue("postgres")
    with WebhookReceiver() as packing:
        bench.configure({"packing": packing.url})
        with bench.notifier(common) as first:
            second = bench.start(ready=False, environment=common | environment)
            try:
                eventually(
                    lambda: "standing by" in bench.readiness(environment["NOTIFIER_HEALTH_PORT"]),
                    "the second stands by",
                )
                bench.put([assignment(n) for n in range(10)])
                eventually(lambda: len(set(ends(bench.recorded()))) == 10, "all are recorded")
                assert len(packing.calls) == 10
                first.kill()
                bench.put([assignment(n) for n in range(10, 20)])
                eventually(lambda: len(set(ends(bench.recorded()))) == 20, "the second goes on")
            finally:
                second.kill()
                second.wait(10)
    assert len(packing.calls) == 20
    assert len(ends(bench.recorded())) == 20


def test_told_to_stop_while_the_broker_is_away_it_ends_at_once(tmp_path: Path) -> None:
    """SIGTERM ends a notifier that waits for Kafka, with exit code 0; until then it is live and not ready."""
    port = free_port(str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-m", "services.notifier"],
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port(f'nobody {tmp_path}')}",
            "AKAR_REGISTRY": str(EXAMPLE),
            "AKAR_DATA_DIR": str(tmp_path),
            "NOTIFIER_HEALTH_PORT": str(port),
        },
        stderr=subprocess.DEVNULL,
    )

    def answers(path: str, status: int) -> bool:
        try:
            return (
                httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).status_code == status
            )
        except httpx.HTTPError:
            return False

    try:
        eventually(lambda: answers("/livez", 200), "it is live")
        assert answers("/readyz", 503)
        process.terminate()
        assert process.wait(25) == 0
    finally:
        process.kill()
        process.wait(10)
