"""Decisions against the planted truth."""

import pytest

from services.simulator.model import Fault, Truth
from services.simulator.verdict import Verdict, judge, named

ONE = Truth(Fault.LATE_PACKING, ("packing",), "delay", ("packed",))
TWO = Truth(Fault.SEVERAL_LATE, ("warehouse", "back-office"), "delay", ("picked", "confirmed"))
NOBODY = Truth(Fault.IMPATIENT, (), "none", ())


def decision(outcome: str = "assigned", **shares: float) -> dict[str, object]:
    causes = [
        {"department": name.replace("_", "-"), "share": share} for name, share in shares.items()
    ]
    return {"outcome": outcome, "causes": causes}


@pytest.mark.parametrize(
    ("truth", "found", "verdict"),
    [
        (ONE, decision(packing=1.0), Verdict.RIGHT),
        (ONE, decision(packing=0.6, warehouse=0.4), Verdict.RIGHT),
        (ONE, decision(packing=0.4, warehouse=0.6), Verdict.WRONG),
        (ONE, decision("waiting", packing=1.0), Verdict.ABSTAINED),
        (ONE, decision("triage", unknown=1.0), Verdict.ABSTAINED),
        (ONE, decision(unknown=1.0), Verdict.ABSTAINED),
        (ONE, None, Verdict.MISSING),
        (TWO, decision(back_office=0.6, warehouse=0.4), Verdict.RIGHT),
        (TWO, decision(warehouse=0.9, back_office=0.1), Verdict.WRONG),
        (TWO, decision(warehouse=1.0), Verdict.WRONG),
        (NOBODY, decision("waiting"), Verdict.RIGHT),
        (NOBODY, decision(courier=1.0), Verdict.WRONG),
    ],
)
def test_a_decision_is_held_against_the_truth(
    truth: Truth, found: dict[str, object] | None, verdict: Verdict
) -> None:
    """One cause has to lead, several have to be named all, nobody's must name nobody."""
    assert judge(truth, found) is verdict


def test_shares_of_one_department_count_once_and_the_largest_leads() -> None:
    """The order of the causes on the wire does not matter."""
    found = {
        "outcome": "assigned",
        "causes": [
            {"department": "packing", "share": 0.3},
            {"department": "warehouse", "share": 0.4},
            {"department": "packing", "share": 0.3},
        ],
    }
    assert named(found) == ["warehouse", "packing"]
