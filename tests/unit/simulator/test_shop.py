"""The simulator's shop and the registry's example are two statements of the same company."""

import tomllib
from pathlib import Path

from services.simulator import shop

SHOP = Path(__file__).parents[3] / "examples" / "shop"
ORDER = tomllib.loads((SHOP / "processes" / "order.toml").read_text(encoding="utf-8"))
ACTIVITIES = ORDER["activities"]


def hours(text: str) -> int:
    assert text.endswith("h")
    return int(text.removesuffix("h"))


def test_owners_and_sources_are_the_registry_s() -> None:
    """The same department answers for each activity, the same system reports it."""
    assert {name: one["owner"] for name, one in ACTIVITIES.items()} == shop.OWNERS
    assert {name: one["source"] for name, one in ACTIVITIES.items()} == shop.SOURCES


def test_allowances_are_the_registry_s() -> None:
    """What counts as late is the same on both sides."""
    stated = {
        name: hours(one["allowance"]) for name, one in ACTIVITIES.items() if "allowance" in one
    }
    assert stated == shop.ALLOWED_HOURS
    (outer,) = ACTIVITIES["delivered"]["allowances"]
    assert outer == {"when": {"region": "outer"}, "allowance": f"{shop.OUTER_DELIVERY_HOURS}h"}
    (transfer,) = ACTIVITIES["payment_verified"]["allowances"]
    assert transfer["when"] == {"payment_method": "bank_transfer"}
    assert hours(transfer["allowance"]) == shop.TRANSFER_VERIFIED_HOURS


def test_promises_are_the_registry_s() -> None:
    """The customer is told the same."""
    delivery = ORDER["promises"]["delivery"]
    assert hours(delivery["within"]) == shop.PROMISE_HOURS["java"]
    assert hours(delivery["withins"][0]["within"]) == shop.PROMISE_HOURS["outer"]
    assert hours(ORDER["promises"]["refund"]["within"]) == shop.REFUND_PROMISE_HOURS
