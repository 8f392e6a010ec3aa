"""What stories about orders share: companies changed, words given by hand, decisions read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from schemas.vocabulary import Finding
from services.registry import load_example
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR, Decision
from services.router.tracing.worktime import WorkingTime

from .conftest import PLACED, Order

SHOP = rules_from(load_example("shop"))


def findings(decision: Decision) -> set[Finding]:
    """What was noticed, whichever events it is about."""
    return {piece.finding for piece in decision.evidence}


def shares(decision: Decision) -> dict[str | None, int]:
    """Parts of each department, all its causes together; None: nobody."""
    found: dict[str | None, int] = {}
    for cause in decision.causes:
        found[cause.department] = found.get(cause.department, 0) + cause.parts
    return found


def office(days: int = 200) -> WorkingTime:
    """Monday to Friday, 02:00 to 10:00 UTC (09 to 17 in Jakarta), around the order."""
    first = datetime(2026, 1, 1, 2, tzinfo=UTC)
    starts = [first + timedelta(days=day) for day in range(days)]
    return WorkingTime.of(
        (
            round(start.timestamp()) * 1_000_000,
            round((start + timedelta(hours=8)).timestamp()) * 1_000_000,
        )
        for start in starts
        if start.weekday() < 5
    )


def in_office_hours(shop: Rules, *activities: str) -> Rules:
    """The shop with these activities' allowances counted in office hours."""
    return replace(
        shop,
        calendars={**shop.calendars, "office": office()},
        activities={
            **shop.activities,
            **{key: replace(shop.activities[key], calendar="office") for key in activities},
        },
    )


def change(shop: Rules, source: str, **changes: object) -> Rules:
    """The shop with another rule for one source."""
    changed = replace(shop.sources[source], **changes)  # type: ignore[arg-type]
    return replace(shop, sources={**shop.sources, source: changed})


def by_hand(order: Order, activity: str, hour: float, recorded: float, by: str) -> Order:
    """A department enters an event; times are hours after the order was placed."""
    order.event(activity, hour, answered_by=by)
    order.events[-1] = replace(
        order.events[-1],
        event_id=f"{activity}-by-{by}",
        recorded_at=PLACED + round(recorded * HOUR),
    )
    return order
