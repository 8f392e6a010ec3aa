"""Split shipments: what runs through some activities once per object (a parcel, a claim's item).

It stands apart because such a case has one timeline per object: the promise is kept when the last part
has come, and that part's own way says why.

Hazard: an event without the object's id belongs to every part. An object that is named only later than where the
case splits (a transit scan with the carrier's own number) is none of its parts.
"""

from __future__ import annotations

from services.router.tracing.company import Rules
from services.router.tracing.members import CANCEL
from services.router.tracing.observed import Observed


def parts_of(observed: Observed, rules: Rules) -> tuple[tuple[str, str], ...]:
    """Return the objects (type, id) that the case was split into; empty when it was not."""
    found: set[tuple[str, str]] = set()
    for event in observed.events:
        if not event.objects or event.transition is CANCEL:
            continue
        rule = rules.activities.get(event.activity)
        if rule is None:
            continue
        if rule.splits_by is not None and rule.splits_by in event.objects:
            found.add((rule.splits_by, event.objects[rule.splits_by]))
            continue
        # Who does the last thing before the case splits may say for which part.
        for after in rules.following(rule.id):
            kind = after.splits_by
            if kind is not None and kind in event.objects:
                found.add((kind, event.objects[kind]))
    kinds = {kind for kind, _ in found}
    if len(found) < 2 or len(kinds) != 1:
        return ()
    return tuple(sorted(found))
