"""The demo's figures: counted, not flattered."""

from datetime import UTC, datetime
from typing import Any

from services.cli.demo import Case
from services.cli.demo_view import percentile, summarise
from services.simulator.model import Fault, Grievance, Truth
from services.simulator.player import Sent
from services.simulator.verdict import Verdict
from services.simulator.webhooks import Delivery

TRUTH = Truth(Fault.LATE_PACKING, ("packing",), "delay", ("packed",))


def traced(department: str, revision: int = 1) -> dict[str, Any]:
    cause = {"department": department, "share": 1.0, "kind": "delay"}
    return {"revision": revision, "outcome": "assigned", "causes": [cause], "explanation": {}}


def delivery(
    at: float, *, revision: int = 1, kind: str = "assignment.opened", repeated: bool = False
) -> Delivery:
    return Delivery("packing", "msg", kind, "c", {"revision": revision}, at, repeated)


def case(*decisions: dict[str, Any], deliveries: tuple[Delivery, ...] = ()) -> Case:
    grievance = Grievance("key-0001", "INV-1", "telat", "id", datetime(2026, 3, 1, tzinfo=UTC))
    return Case(1, Sent(grievance, "c", 10.0, 10.01), TRUTH, list(decisions), list(deliveries))


def test_the_last_decision_is_judged_and_every_miss_is_listed() -> None:
    """Right, wrong and without an answer each count."""
    cases = [case(traced("finance"), traced("packing", 2)), case(traced("finance")), case()]
    found = summarise(cases, [], {})
    assert found["all"] == {"right": 1, "wrong": 1, "abstained": 0, "missing": 1}
    assert found["by_fault"]["late packing"]["wrong"] == 1
    assert [miss["verdict"] for miss in found["misses"]] == [Verdict.WRONG, Verdict.MISSING]
    assert found["traced_again"] == 1


def test_time_runs_from_the_post_to_the_first_webhook_of_the_first_decision() -> None:
    """A webhook that waited for later evidence says nothing about speed."""
    quick = case(traced("packing"), deliveries=(delivery(10.25), delivery(11.0, repeated=True)))
    late = case(traced("packing"), deliveries=(delivery(99.0, revision=2),))
    found = summarise([quick, late], [], {"intake": 1})
    assert found["post_to_webhook_ms"] == {"count": 1, "p50": 250.0, "p99": 250.0}
    assert (found["webhooks"], found["repeated_webhooks"], found["restarts"]) == (3, 1, 1)


def test_alerts_taken_back_are_counted() -> None:
    """They cost a department its attention."""
    taken = case(
        traced("packing"), deliveries=(delivery(11), delivery(12, kind="assignment.withdrawn"))
    )
    assert summarise([taken], [], {})["withdrawn"] == 1


def test_percentiles_of_little_are_what_there_is() -> None:
    """Nearest rank; nothing of nothing."""
    assert percentile([], 0.5) is None
    assert percentile([1.0], 0.99) == 1.0
    assert percentile([float(n) for n in range(1, 101)], 0.5) == 51.0
