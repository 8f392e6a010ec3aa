"""The numbers of docs/tracing.md are the core's."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from services.router.tracing.choice import sending, triaging
from services.router.tracing.company import Costs, Rules
from services.router.tracing.model import PARTS

from .conftest import Order

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "tracing.md").read_text(encoding="utf-8")


def table(header: str) -> list[list[str]]:
    """The rows of the documented table that begins with this header."""
    found = re.search(rf"^{re.escape(header)}.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert found is not None, header
    rows = found.group(1).strip().splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.fixture
def order(shop: Rules) -> Order:
    """An order of a company with the page's priors, whatever it has learned since."""
    priors = {"courier": 0.7, "packing": 0.1}
    assert "priors: courier 0.7, packing 0.1, so n = 2" in PAGE
    symptom = replace(shop.symptoms["delivered_not_received"], priors=priors)
    return Order(replace(shop, symptoms={**shop.symptoms, symptom.id: symptom}))


def test_the_worked_posterior(order: Order) -> None:
    """Swapped labels against the courier's scan: the documented odds give the documented shares, and so does the core."""
    rows = table("| cause | likelihood odds | prior τ | explained away | odds | share |")
    odds: dict[str, float] = {}
    for cause, likelihood, prior, away, product, _share in rows:
        odds[cause] = float(likelihood) * float(prior) * float(away)
        assert odds[cause] == pytest.approx(float(product)), cause
    for cause, *_, share in rows:
        assert odds[cause] / sum(odds.values()) == pytest.approx(float(share), abs=5e-5), cause
    order.usual().event("packed", 17, "fail", fault="label_swapped")
    decision = order.complain(90, "delivered_not_received")
    documented = {row[0]: round(float(row[-1]) * PARTS) for row in rows}
    assert {c.department or "unknown": c.parts for c in decision.causes} == documented


def test_one_piece_of_evidence_has_its_own_likelihood_as_share(order: Order) -> None:
    """Without the swapped labels: 8.4 of 9.4, as the page says."""
    decision = order.usual().complain(90, "delivered_not_received")
    assert "8.4 of 9.4: 0.8936" in PAGE
    assert decision.causes[0].parts == round(8.4 / 9.4 * PARTS)


def test_the_table_of_costs(shop: Rules) -> None:
    """The documented costs are those of the default company, and the cheapest is the cheapest."""
    costs = Costs()
    assert f"wrong {costs.wrong:g}, missed {costs.missed:g}," in PAGE
    assert f"wait {costs.wait_per_day:g} a day, triage {costs.triage:g}" in PAGE
    assert shop.policy.costs.wrong > 0
    for confidence, send, triage, cheapest in table("| P | send | triage | cheapest |"):
        parts = round(float(confidence) * PARTS)
        assert sending(parts, costs) == pytest.approx(float(send))
        assert triaging(parts, costs) == pytest.approx(float(triage))
        assert cheapest == ("send" if float(send) <= float(triage) else "triage")
