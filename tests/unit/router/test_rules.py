"""From the registry to the rules of the core."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from schemas.vocabulary import Transition
from services.registry import load_example
from services.router.rules import rules_from
from services.router.tracing.company import chosen
from services.router.tracing.model import HOUR


@pytest.mark.parametrize("name", ["shop", "olist", "bank"])
def test_wall_times_agree_with_the_time_zone_database(name: str) -> None:
    """Every six hours for twelve years, summer time and its end included."""
    company = load_example(name)
    rules, zone = rules_from(company), ZoneInfo(company.company.timezone)
    for step in range(12 * 366 * 4):
        seconds = 1_420_070_400 + step * 6 * 3600
        expected = datetime.fromtimestamp(seconds, UTC).astimezone(zone).replace(tzinfo=None)
        assert rules.local(seconds * 1_000_000) == expected


def test_chains_put_predecessors_first() -> None:
    """The promised activity is last, and each activity comes after what precedes it."""
    rules = rules_from(load_example("shop"))
    for promise in rules.promises.values():
        assert promise.chain[-1] == promise.activity
        seen: set[str] = set()
        for key in promise.chain:
            assert set(rules.activities[key].after) <= seen
            seen.add(key)


def test_allowances_are_chosen_by_attribute() -> None:
    """Outer islands get more time; any other case the general allowance."""
    delivered = rules_from(load_example("shop")).activities["delivered"]
    assert chosen(delivered.allowances, {"region": "outer"}) == 120 * HOUR
    assert chosen(delivered.allowances, {"region": "java"}) is None
    assert delivered.allowance == 72 * HOUR


def test_a_fault_without_a_department_is_its_activity_s_owner_s() -> None:
    """Unless the registry names somebody else."""
    rules = rules_from(load_example("shop"))
    found = {f.id: f for fs in rules.faults.values() for f in fs}
    assert found["wrong_item_picked"].department == "warehouse"
    assert found["address_incomplete"].department == "customer"
    assert rules.faults["confirmed", Transition.CANCEL][0].id == "cancelled_in_error"
