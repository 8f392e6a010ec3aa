"""The report on real orders: its classes, its simple rule, and what counts as right."""

from pathlib import Path
from typing import Any

import pytest

from services.chassis.errors import ConfigurationError
from services.cli.olist_report import Judged, Truth, blame_the_last_event, read_truth, report


def decision(
    department: str | None = None, kind: str = "delay", outcome: str = "assigned"
) -> dict[str, Any]:
    causes = [{"department": department or "unknown", "share": 1.0, "activity": None, "kind": kind}]
    return {"outcome": outcome, "causes": causes, "symptoms": [], "explanation": {}}


def judged(truth: Truth, *decisions: dict[str, Any], rule: str | None = "carrier") -> Judged:
    return Judged("k", truth, rule, decisions, "texto")


CLEAN = Truth("seller", "clean", "delivery")


@pytest.mark.parametrize(
    ("done", "blamed"),
    [
        ([], None),
        (["order_placed"], "payment"),
        (["order_placed", "payment_approved"], "seller"),
        (["payment_approved", "order_placed", "handed_to_carrier"], "carrier"),
    ],
)
def test_the_simple_rule_blames_whoever_should_act_next(
    done: list[str], blamed: str | None
) -> None:
    """Schedules do not count; at the same instant the later activity does."""
    events = [
        {"activity": name, "transition": "complete", "at": "2026-01-01T00:00:00Z"} for name in done
    ]
    events.append(
        {
            "activity": "delivered_to_customer",
            "transition": "schedule",
            "at": "2026-01-02T00:00:00Z",
        }
    )
    assert blame_the_last_event(events) == blamed


def test_right_means_another_thing_in_each_class() -> None:
    """Determined: the department.  Undetermined: nobody.  Not late: nobody for a delay."""
    assert judged(CLEAN).right(decision("seller"))
    assert not judged(CLEAN).right(decision("carrier"))
    assert not judged(CLEAN).right(decision(outcome="triage"))
    none = judged(Truth("undetermined", "none", "delivery"))
    assert none.right(decision(outcome="waiting"))
    assert not none.right(decision("seller"))
    text = judged(Truth("none_late", "text", "product"))
    assert text.right(decision("seller", kind="fault"))
    assert not text.right(decision("seller", kind="delay"))
    assert not judged(CLEAN).right(None)


def test_first_and_last_decision_are_scored_apart_and_misses_listed() -> None:
    """A corrected answer is right in the end and a miss all the same."""
    corrected = judged(CLEAN, decision("carrier"), decision("seller"))
    good = judged(Truth("carrier", "clean", "delivery"), decision("carrier"))
    found = report([corrected, good])
    goal = found["goals"]["clean, text about delivery (goal 0.98)"]
    assert (goal["count"], goal["first"], goal["last"], goal["rule"]) == (2, 1, 2, 1)
    assert found["goals"]["of these, last event points elsewhere (goal 0.85)"]["count"] == 1
    assert [miss["truth"] for miss in found["misses"]] == ["seller"]


def test_truth_is_read_by_its_columns(tmp_path: Path) -> None:
    """And a folder without it is named."""
    (tmp_path / "truth.csv").write_text(
        "complaint_id,dept,certainty,text_gate\nO1,seller,clean,delivery\n"
    )
    assert read_truth(tmp_path) == {"O1": CLEAN}
    with pytest.raises(ConfigurationError, match=r"truth\.csv"):
        read_truth(tmp_path / "none")
