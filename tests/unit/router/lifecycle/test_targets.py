"""Who is asked for what by a decision."""

from schemas.vocabulary import CauseKind, Outcome, Role
from services.router.lifecycle.targets import Findings, verdict_of
from services.router.tracing.model import Cause, Recovery

DEPARTMENTS = ("packing", "warehouse", "digital", "logistics")


def a_finding(*causes: Cause, **changes: object) -> Findings:
    """A decision with these causes that logistics can help with."""
    values: dict[str, object] = {
        "outcome": Outcome.ASSIGNED,
        "causes": causes,
        "recovery": Recovery("logistics", None, "remedy"),
        "material": "m",
        "waiting_until": None,
        "customer_words": {},
        **changes,
    }
    return Findings(**values)  # type: ignore[arg-type]


def roles(findings: Findings) -> dict[str, tuple[tuple[Role, ...], bool]]:
    """Department -> roles, and whether it leads."""
    verdict = verdict_of(findings, departments=DEPARTMENTS, floor_parts=1_500)
    return {target.department: (target.roles, target.lead) for target in verdict.targets}


def test_every_department_above_the_floor_is_asked_and_one_leads() -> None:
    """Three quarters, a fifth, a twentieth: two of them prevent, whoever can help leads."""
    found = roles(
        a_finding(
            Cause("warehouse", CauseKind.DELAY, "picked", 7_500),
            Cause("packing", CauseKind.DELAY, "packed", 2_000),
            Cause("digital", CauseKind.FAULT, "order_placed", 500),
        )
    )
    assert found == {
        "warehouse": ((Role.CAUSE,), False),
        "packing": ((Role.CAUSE,), False),
        "logistics": ((Role.RECOVERY,), True),
    }


def test_the_publisher_of_a_promise_too_short_is_asked_to_prevent_the_next() -> None:
    """Nobody was late; whoever promises can promise what can be kept."""
    found = roles(
        a_finding(Cause(None, CauseKind.PROMISE, "delivered", 10_000, publisher="digital"))
    )
    assert found["digital"] == ((Role.CAUSE,), False)


def test_whoever_is_asked_for_a_fact_is_told_so_and_nobody_is_named() -> None:
    """Asking is neither a cause nor a help; the causes are told to nobody before the answer."""
    found = roles(
        a_finding(
            Cause("packing", CauseKind.DELAY, "packed", 6_000),
            outcome=Outcome.ASKED,
            asked=("warehouse", "picked"),
            waiting_until=99,
        )
    )
    assert found == {
        "warehouse": ((Role.ANSWER,), False),
        "logistics": ((Role.RECOVERY,), True),
    }


def test_a_question_has_its_end() -> None:
    """An answer is waited for until a known time, like anything else that is awaited."""
    findings = a_finding(outcome=Outcome.ASKED, asked=("packing", "packed"), waiting_until=99)
    assert verdict_of(findings, departments=DEPARTMENTS, floor_parts=0).waiting_until == 99
