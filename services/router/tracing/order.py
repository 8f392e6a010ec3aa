"""What cannot have happened in that order: hand-overs told twice, clocks that disagree, times that are wrong.

It stands apart because it decides whose word about a time counts. A hand-over is settled against the
interest of whoever tells it; two clocks that disagree a little make both times uncertain by as much;
a time that contradicts its neighbours is not used.

Hazard: nothing here may clear one department by naming another. Where it is open who is right, the
time in question is marked uncertain, and `delays` charges nobody for it.
"""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import Finding
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR, Evidence
from services.router.tracing.step import Step

SKEW: Final = 3 * HOUR // 2
"""Clocks of two systems differ by at most this much (90 min); beyond, one of the times is wrong."""
NEVER: Final = 2**55
"""Uncertain beyond any duration (1,100 years): such a time charges nobody."""


def settle(steps: dict[str, Step], rules: Rules) -> list[Evidence]:
    """Settle the steps in place; return what was found doubtful."""
    flags: list[Evidence] = []
    crossed = False
    for key, step in steps.items():
        if step.receipt is not None:
            flags.append(_hand_over(step, rules)) if _differs(step, rules) else _received(step)
        if step.finish is not None:
            for before in rules.activities[key].after:
                other = steps.get(before)
                if other is not None and other.finish is not None and other.finish > step.finish:
                    crossed = True
    if crossed:
        flags.extend(_uncross(steps, rules))
    flags.sort(key=lambda flag: (flag.activity, flag.finding.value, flag.event_id or ""))
    return flags


def _received(step: Step) -> None:
    """Giver and receiver agree, or only the receiver speaks, against its own interest."""
    if step.finish is None and step.receipt is not None:
        step.finish, step.finish_event = step.receipt
        step.source = step.receipt_source


def _differs(step: Step, rules: Rules) -> bool:
    if step.finish is None or step.receipt is None:
        return False
    return abs(step.receipt[0] - step.finish) > _tolerance(step.source, step.receipt_source, rules)


def _hand_over(step: Step, rules: Rules) -> Evidence:
    """Settle a hand-over that giver and receiver date differently."""
    assert step.finish is not None
    assert step.receipt is not None
    at, event = step.receipt
    off = at - step.finish
    taken = _automatic(step.receipt_source, rules) and not _automatic(step.source, rules)
    if off < 0 or taken:
        # The receiver says so against its own interest, or by a machine: it had the goods from then on.
        step.finish, step.finish_event = at, event
    else:
        step.gap = off
    owner = rules.activities[step.activity].owner
    return Evidence(event, step.activity, Finding.DISPUTED, owner, round(off / HOUR, 2))


def _uncross(steps: dict[str, Step], rules: Rules) -> list[Evidence]:
    """Settle steps that were finished before what must precede them."""
    flags: list[Evidence] = []
    while pairs := _pairs(steps, rules):
        close = [pair for pair in pairs if _near(steps, rules, *pair, flags)]
        if close:
            continue
        counts: dict[str, int] = {}
        for before, after in pairs:
            counts[before] = counts.get(before, 0) + 1
            counts[after] = counts.get(after, 0) + 1
        most = max(counts.values())
        worst = sorted(key for key, count in counts.items() if count == most)
        if len(worst) == 1:
            flags.append(_drop(steps, worst[0], rules))
            continue
        # As many reasons against the one as against the other: the earlier step's scan may have come
        # late, the later step's clock may be wrong.
        before, after = min(pairs, key=lambda pair: (pair[0] not in worst, pair))
        first, second = steps[before].finish, steps[after].finish
        assert first is not None
        assert second is not None
        steps[after].blur = max(steps[after].blur, first - second)
        flags.append(_drop(steps, before, rules))
    return flags


def _pairs(steps: dict[str, Step], rules: Rules) -> list[tuple[str, str]]:
    """Return which finished steps are the wrong way round, whatever lies between them."""
    found: list[tuple[str, str]] = []
    for key, step in steps.items():
        if step.finish is None:
            continue
        open_, seen = list(rules.activities[key].after), set[str]()
        while open_:
            before = open_.pop()
            if before in seen:
                continue
            seen.add(before)
            open_.extend(rules.activities[before].after)
            other = steps.get(before)
            if other is None or other.finish is None:
                continue
            tolerance = _tolerance(other.source, step.source, rules)
            if other.finish > step.finish + max(tolerance, step.blur, other.blur):
                found.append((before, key))
    return sorted(found)


def _near(
    steps: dict[str, Step], rules: Rules, before: str, after: str, flags: list[Evidence]
) -> bool:
    """Settle what has a plain reason: it was done twice, the receiver's own event proves it, or the clocks differ."""
    one, other = steps[before], steps[after]
    if one.finish is None or other.finish is None:
        return True
    off = one.finish - other.finish
    for at, event in reversed(one.earlier):
        if at <= other.finish:
            # Done again afterwards; what followed built on the time before.
            one.finish, one.finish_event = at, event
            return True
    rule, owner = rules.activities[before], rules.activities[after].owner
    if rule.receiver is not None and rule.receiver == owner:
        flags.append(
            Evidence(one.finish_event, before, Finding.DISPUTED, rule.owner, round(off / HOUR, 2))
        )
        one.finish, one.finish_event = other.finish, other.finish_event
        return True
    if off <= SKEW and one.source != other.source:
        flags.append(
            Evidence(other.finish_event, after, Finding.CLOCK_SKEW, owner, round(off / HOUR, 2))
        )
        one.blur, other.blur = max(one.blur, off), max(other.blur, off)
        return True
    return False


def _drop(steps: dict[str, Step], key: str, rules: Rules) -> Evidence:
    """Take a time out of use. The end of the way stays finished, at a time that charges nobody."""
    step = steps[key]
    assert step.finish is not None
    assert step.finish_event is not None
    step.doubt = (step.finish, step.finish_event)
    flag = Evidence(step.finish_event, key, Finding.DISORDERED, rules.activities[key].owner)
    followed = any(
        key in rules.activities[other].after and steps[other].finish is not None for other in steps
    )
    step.finish = step.finish_event = None
    if not followed:
        known = [s.finish for s in steps.values() if s.finish is not None]
        step.finish, step.finish_event = max(known), step.doubt[1]
        step.blur = NEVER
    return flag


def _tolerance(one: str | None, other: str | None, rules: Rules) -> int:
    found = [
        rules.sources[key].clock_tolerance
        for key in (one, other)
        if key is not None and key in rules.sources
    ]
    return max(found, default=HOUR // 6)


def _automatic(source: str | None, rules: Rules) -> bool:
    return source is not None and source in rules.sources and rules.sources[source].automatic
