"""Whose word was given after the complaint, and how far it goes.

It stands apart because it is about people: whoever enters, once a customer has complained, that their
step had been done in time may be right, and is not the only one to ask. Such an event counts as far as
it goes against the interest of whoever entered it, or somebody else attests the same.

Hazard: an export that comes every night is recorded after the complaint too. Only what is later than
its source's rhythm, and entered by people, is looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.vocabulary import Finding
from services.router.tracing.company import Rules
from services.router.tracing.members import PROMISE, SCHEDULE, UNKNOWN
from services.router.tracing.model import HOUR, Cause, Evidence, ProcessEvent
from services.router.tracing.observed import SAME_TIME, source_of

Unsworn = Mapping[str, tuple[ProcessEvent, ...]]
"""By attester, what was entered after the complaint about a time before it."""

_TOLERATED = 100
"""Shares (ten-thousandths) that move by less have not moved."""


def attester(event: ProcessEvent, rules: Rules) -> str | None:
    """Return who speaks for themselves in an event; None where a machine did, or nobody knows.

    Whoever answers for an outside party that they manage speaks in its interest.
    """
    owner = rules.departments[rules.activities[event.activity].owner]
    by = event.attributes.get("answered_by")
    if by is not None:
        return owner.id if owner.outside and owner.managed_by == by else str(by)
    if event.attributes.get("entered") == "manual":
        # Typed in beside the machine: by the step's own people, unless the source says whose.
        run_by = None if (source := source_of(event, rules)) is None else source.run_by
        return run_by or owner.id
    source = source_of(event, rules)
    return None if source is None or source.automatic else source.run_by


def unsworn(
    events: tuple[ProcessEvent, ...], occurred_at: int, heard_at: int, rules: Rules
) -> Unsworn:
    """Return, by attester, what was entered after the complaint about a time before it, and nobody else attests.

    The complaint was written at ``occurred_at`` and received at ``heard_at`` (µs UTC): nobody speaks with
    it in mind before that. A history that is told again comes with its complaints, and is recorded before.
    """
    found: dict[str, list[ProcessEvent]] = {}
    if all(event.recorded_at > heard_at for event in events):
        # The whole case became known only afterwards (a replay, an import): that says nothing of anybody.
        return {}
    for event in events:
        if event.recorded_at <= heard_at or event.activity not in rules.activities:
            continue
        if _dates(event):
            # Whoever has no part in the way to a promise can only shorten their own by a date.
            if not _takes_part(event, rules):
                continue
        elif event.at > occurred_at:
            continue
        if (by := attester(event, rules)) is None:
            continue
        source = source_of(event, rules)
        if source is not None and "answered_by" not in event.attributes:
            rhythm = 0 if source.every is None else source.every + source.silent_after
            usual = rhythm + source.clock_tolerance
            if event.recorded_at - max(event.at, 0) <= usual:
                continue
            if event.recorded_at <= heard_at + source.clock_tolerance:
                continue
        if not any(_attests(other, event, by, rules) for other in events):
            found.setdefault(by, []).append(event)
    return {by: tuple(found[by]) for by in sorted(found)}


def _dates(event: ProcessEvent) -> bool:
    """Say whether somebody answers by when something had been promised: it is about the time before the complaint."""
    return event.transition is SCHEDULE and "answered_by" in event.attributes


def _takes_part(event: ProcessEvent, rules: Rules) -> bool:
    """Say whether whoever dates a promise owns a step on the way to it, or manages who does."""
    by = event.attributes["answered_by"]
    owners = {
        rules.activities[key].owner
        for promise in rules.promises.values()
        if promise.activity == event.activity
        for key in promise.chain
    }
    return any(by in (owner, rules.departments[owner].managed_by) for owner in owners)


def _attests(other: ProcessEvent, event: ProcessEvent, by: str, rules: Rules) -> bool:
    """Say whether somebody else says the same: the same happening, or what follows it, at that time."""
    if other.activity not in rules.activities or abs(other.at - event.at) > SAME_TIME:
        return False
    same = other.activity == event.activity and other.transition is event.transition
    follows = event.activity in rules.activities[other.activity].after
    if not same and not follows:
        return False
    witness = attester(other, rules)
    if witness is None:
        # A machine's word, or one that came by another way than the sender's.
        return other.event_id != event.event_id and other.source != event.source
    return witness != by


def believable(before: tuple[Cause, ...], after: tuple[Cause, ...], sender: str) -> bool:
    """Say whether events that move shares so may be taken from their sender alone.

    They may if nobody else's share rises by more than the sender's own, and the sender does not clear
    itself of what it was named for.
    """
    one, two = _shares(before), _shares(after)
    own = two.get(sender, 0) - one.get(sender, 0)
    if own < -_TOLERATED:
        return False
    return all(
        two[key] - one.get(key, 0) <= max(own, 0) + _TOLERATED for key in two if key != sender
    )


def blamed(before: tuple[Cause, ...], after: tuple[Cause, ...], sender: str) -> str | None:
    """Return the department whose share rises most, if any does: who should be heard."""
    one, two = _shares(before), _shares(after)
    rises = [
        (two[key] - one.get(key, 0), key)
        for key in sorted(two)
        if key not in {sender, PROMISE.value} and two[key] > one.get(key, 0)
    ]
    return max(rises)[1] if rises else None


def _shares(causes: tuple[Cause, ...]) -> dict[str, int]:
    shares: dict[str, int] = {}
    for cause in causes:
        if cause.kind is not UNKNOWN:
            key = cause.department or cause.kind.value
            shares[key] = shares.get(key, 0) + cause.parts
    return shares


def flag(event: ProcessEvent, rules: Rules, *, believed: bool) -> Evidence:
    """Say that an event was entered afterwards, and whether it counts."""
    finding = Finding.BACKDATED if believed else Finding.SELF_SERVING
    late = round((event.recorded_at - event.at) / HOUR, 2)
    return Evidence(event.event_id, event.activity, finding, attester(event, rules), late)
