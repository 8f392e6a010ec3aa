"""How often a source loses an event, and what that makes of a step that nobody reported.

It stands apart because it is about sources, not about departments: an activity whose successor was completed
though its own completion was never seen shows that its source drops events. Where sources drop events, a step
that looks undone may have been done, and the case may stand further on.

Hazard: everything is counted in whole numbers and bounded, so that the same stream gives the same counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from services.router.tracing.company import Rules
from services.router.tracing.members import CANCEL, COMPLETE, SKIP
from services.router.tracing.model import PARTS, ProcessEvent

Losses = Mapping[str, tuple[int, int]]
"""By source: completions that must have happened since something followed them, and how many of these were never seen."""

MOST: Final = 400
"""Completions that are remembered of a source; then old ones fade by half."""
_USUAL: Final = (1, 100)
"""Before anything is known of a source: one event in a hundred is lost, as if this many had been seen."""
_POOLED: Final = 10
"""All of a company's sources together count for one of them like this many completions of its own."""
LEAST: Final = 200
"""Less than this (parts) is not worth a doubt: two in a hundred."""


def counted(events: Iterable[ProcessEvent], rules: Rules, as_of: int) -> dict[str, tuple[int, int]]:
    """Count, by source, what must have happened in a case as known at ``as_of`` (µs UTC), and what of it was not told.

    Only sources whose silence would be held against somebody (`assumed`) are counted: of the others it is
    known that they are behind.
    """
    done: set[str] = set()
    passed: set[str] = set()
    for event in events:
        if event.at > as_of or event.activity not in rules.activities:
            continue
        if event.transition is COMPLETE:
            done.add(event.activity)
        elif event.transition in {SKIP, CANCEL}:
            passed.add(event.activity)
    found: dict[str, tuple[int, int]] = {}
    seen: set[str] = set()
    waiting = sorted(done)
    while waiting:
        for before in rules.activities[waiting.pop()].after:
            if before in seen:
                continue
            seen.add(before)
            waiting.append(before)
            rule = rules.activities[before]
            told = before in done
            if not told and (rule.optional or before in passed):
                continue
            if rules.sources[rule.source].assumed:
                happened, lost = found.get(rule.source, (0, 0))
                found[rule.source] = (happened + 1, lost + (not told))
    return found


def added(losses: Losses, more: Losses) -> dict[str, tuple[int, int]]:
    """Return the counts with those of another case; a source's own are halved when they grow beyond `MOST`."""
    total = dict(losses)
    for source, (happened, lost) in more.items():
        known = total.get(source, (0, 0))
        sum_ = (known[0] + happened, known[1] + lost)
        total[source] = (sum_[0] // 2, sum_[1] // 2) if sum_[0] > MOST else sum_
    return total


def rates(sources: Sequence[str], losses: Losses) -> tuple[float, ...]:
    """Return how likely each source loses an event (0..1): its own count, drawn to that of all together."""
    happened = sum(each[0] for each in losses.values()) + _USUAL[1]
    lost = sum(each[1] for each in losses.values()) + _USUAL[0]
    usual = lost / happened
    found: list[float] = []
    for source in sources:
        own = losses.get(source, (0, 0))
        found.append((own[1] + _POOLED * usual) / (own[0] + _POOLED))
    return tuple(found)


def still(unseen: Iterable[tuple[str, float]], weigh: Callable[[str], float]) -> int:
    """Return how likely (parts) the first of some unseen steps, or another of its owner, is where the case stands.

    The steps (owner, how likely its completion is lost) follow one another, and nothing is known of any. The
    case stands at the *j*-th if all before it were done and their completions lost: with odds of the product
    of their sources' rates, times how readily its owner is late (``weigh``).
    """
    odds = 1.0
    total = own = 0.0
    first, same = None, True
    for owner, lost in unseen:
        first = first or owner
        same = same and owner == first
        here = odds * weigh(owner)
        total += here
        if same:
            own += here
        odds *= lost
    return round(PARTS * own / total)
