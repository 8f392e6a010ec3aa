"""One look at a case: from what was observed to causes, without deciding what to do about them.

It stands apart because a case is looked at more than once: without the word of somebody who speaks for
themselves (`trust`), as it would be if a question were answered (`asking`), and, in a backtest, for
companies that would decide otherwise about the same (`rules.policy` is not asked here).

Hazard: everything here must be a function of its arguments; the looks are compared with each other.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple, TypedDict

from services.router.tracing import trust
from services.router.tracing.choice import calibrated, raw_confidence
from services.router.tracing.company import Rules
from services.router.tracing.contradictions import Contradiction, contradiction
from services.router.tracing.delays import horizon
from services.router.tracing.fusion import Support, denying, supports
from services.router.tracing.lateness import Lateness, measure
from services.router.tracing.members import UNKNOWN
from services.router.tracing.mixing import mix
from services.router.tracing.model import (
    HOUR,
    Case,
    Cause,
    Complaint,
    Evidence,
    Missing,
    ProcessEvent,
    SymptomScore,
)
from services.router.tracing.observed import Observed, observe
from services.router.tracing.parts import parts_of
from services.router.tracing.timeline import Timeline, lay_out

_SKEW = HOUR // 6
"""Clocks of a channel and of a source may differ by this much (ten minutes)."""
_NOTHING = Timeline({}, {}, (), None, {})


class Claim(NamedTuple):
    """A completion that its sender alone attests, and who would be named if it held."""

    sender: str
    event: ProcessEvent
    blamed: str


class Part(NamedTuple):
    """One part of a split case, measured by its own timeline."""

    timeline: Timeline
    lateness: Lateness


class Look(NamedTuple):
    """What one look at a case gives."""

    timeline: Timeline
    found: tuple[Support, ...]
    causes: tuple[Cause, ...]
    named: int
    """The parts of all causes but *unknown*."""
    flags: tuple[Evidence, ...]
    missing: tuple[Missing, ...]
    confidence: int
    claims: tuple[Claim, ...] = ()
    broken: tuple[Contradiction, ...] = ()
    lateness: Lateness | None = None
    """The measured promise of the likeliest symptom that has one."""
    parts: tuple[Part, ...] = ()
    """That promise of each part of a split case, the part that decides first; empty where nothing was split."""


class Looks:
    """The looks at one complaint's case at ``as_of``: as it is known, and as it would be. Each is taken once."""

    __slots__ = ("_taken", "as_of", "case", "complaint", "rules")

    def __init__(self, complaint: Complaint, case: Case, rules: Rules, as_of: int) -> None:
        self.complaint = complaint
        self.case = case
        self.rules = rules
        self.as_of = as_of
        self._taken: dict[object, Look] = {}

    def now(self) -> Look:
        """Look at the case as it is known."""
        return self._look(None, self.case)

    def told(self, event: ProcessEvent) -> Look:
        """Look at the case as if this had happened too."""
        case = self.case
        return self._look(
            (event.event_id, event.transition, event.at, event.due_at),
            replace(case, events=(*case.events, event)),
        )

    def spoken(self, source: str, event: ProcessEvent | None = None) -> Look:
        """Look at the case as if a source had spoken up to ``as_of``, and told of nothing but this."""
        case = self.case
        events = case.events if event is None else (*case.events, event)
        return self._look(
            (source, None if event is None else (event.event_id, event.transition, event.at)),
            replace(case, events=events, watermarks={**case.watermarks, source: self.as_of}),
        )

    def _look(self, key: object, case: Case) -> Look:
        taken = self._taken.get(key)
        if taken is None:
            taken = self._taken[key] = look(self.complaint, case, self.rules, self.as_of)
        return taken


def look(complaint: Complaint, case: Case, rules: Rules, as_of: int) -> Look:
    """Look at a case as known at ``as_of``; words given afterwards count as `trust` says."""
    observed = observe(case, rules, as_of)
    if observed.events and observed.events[0].at > complaint.occurred_at + _SKEW:
        # The case began after the complaint: it is another one.
        return _see(complaint, case, Observed((), (), {}), rules, as_of)
    heard_at = complaint.heard_at
    if not [1 for event in observed.events if event.recorded_at > heard_at]:
        return _see(complaint, case, observed, rules, as_of)
    unsworn = trust.unsworn(observed.events, complaint.occurred_at, heard_at, rules)
    if not unsworn:
        return _see(complaint, case, observed, rules, as_of)
    return _weighed(complaint, case, observed, rules, as_of, unsworn)


def _weighed(
    complaint: Complaint,
    case: Case,
    observed: Observed,
    rules: Rules,
    as_of: int,
    unsworn: trust.Unsworn,
) -> Look:
    """Take each sender's late word only as far as it may count."""
    aside = {event.event_id for events in unsworn.values() for event in events}
    base = _see(complaint, case, observed, rules, as_of, aside)
    flags: list[Evidence] = []
    claims: list[Claim] = []
    for sender, events in unsworn.items():
        without = aside - {event.event_id for event in events}
        seen = _see(complaint, case, observed, rules, as_of, without)
        believed = trust.believable(base.causes, seen.causes, sender)
        flags += [trust.flag(event, rules, believed=believed) for event in events]
        if believed:
            base, aside = seen, without
            continue
        other = trust.blamed(base.causes, seen.causes, sender)
        if other is not None:
            claims += [Claim(sender, event, other) for event in events]
    flags += base.flags
    confidence = calibrated(
        raw_confidence(
            base.causes,
            _scores(complaint, rules),
            flags,
            base.missing,
            **_resting(base.causes, base.lateness),
            claims=len(claims),
        ),
        rules,
    )
    return base._replace(flags=tuple(flags), claims=tuple(claims), confidence=confidence)


def _see(
    complaint: Complaint,
    case: Case,
    observed: Observed,
    rules: Rules,
    as_of: int,
    without: Collection[str] = (),
) -> Look:
    timeline = lay_out(observed, rules, complaint.occurred_at, without=without)
    if timeline.first is None:
        timeline = _NOTHING
    parts = parts_of(observed, rules)
    lines = [timeline]
    if parts:
        lines = [
            lay_out(observed, rules, complaint.occurred_at, without=without, part=part)
            for part in parts
        ]

    def heard(source: str) -> int:
        return horizon(source, case, timeline, rules, as_of)

    measured: dict[tuple[str, bool], Lateness] = {}
    split: dict[tuple[str, bool], tuple[Part, ...]] = {}

    def ask(promise: str, denied: bool) -> Lateness:  # noqa: FBT001 - a cache key, not an option
        key = (promise, denied)
        if key not in measured:
            rule = rules.promises[promise]
            looks = [measure(rule, case, line, rules, as_of, denied=denied) for line in lines]
            if len(looks) > 1:
                split[key] = _last_first(lines, looks)
                looks = [split[key][0].lateness]
            measured[key] = looks[0]
        return measured[key]

    scores = _scores(complaint, rules)
    asked = {score.symptom for score in scores}
    vague = rules.vague in asked
    broken = tuple(
        [
            shown
            for rule in rules.contradictions
            if (vague or not asked.isdisjoint(rule.explains))
            and (shown := contradiction(rule, timeline, rules, heard)) is not None
        ]
    )
    found = supports(scores, timeline, rules, complaint.occurred_at, ask, broken, parts=lines)
    causes = mix(found)
    timed = next((support for support in found if support.lateness is not None), None)
    lateness = None if timed is None else timed.lateness
    missing = lateness.missing if lateness is not None else ()
    own: tuple[Part, ...] = ()
    if split and timed is not None and lateness is not None:
        own = split[lateness.promise.id, denying(timed.rule)]
    flags = timeline.flags
    return Look(
        timeline=timeline,
        found=found,
        causes=causes,
        named=sum([cause.parts for cause in causes if cause.kind is not UNKNOWN]),
        flags=flags,
        missing=missing,
        broken=broken,
        lateness=lateness,
        parts=own,
        confidence=calibrated(
            raw_confidence(causes, scores, flags, missing, **_resting(causes, lateness)),
            rules,
        ),
    )


class _Resting(TypedDict):
    unfinished: bool
    doubt: float


def _resting(causes: tuple[Cause, ...], lateness: Lateness | None) -> _Resting:
    """Say whether the first cause is charged for something that has not happened, and how likely it has all the same."""
    if lateness is not None and causes[0].hours > 0:
        for stretch in lateness.path:
            if stretch.unfinished and stretch.members[-1] == causes[0].activity:
                doubt = stretch.doubted / max(1, stretch.charged + stretch.doubted)
                return {"unfinished": True, "doubt": doubt}
    return {"unfinished": False, "doubt": 0.0}


def _last_first(lines: list[Timeline], looks: list[Lateness]) -> tuple[Part, ...]:
    """Return the parts, the one that decides first: the latest against the promise.

    Of parts that are as late, the one whose delay is on record and not only inferred from nothing having been
    heard of it; ties to the first by id.
    """
    parts = [Part(line, look) for line, look in zip(lines, looks, strict=True)]
    last = max(
        parts,
        key=lambda part: (
            -(2**62) if part.lateness.late is None else part.lateness.late,
            sum(stretch.charged for stretch in part.lateness.path if not stretch.unfinished),
        ),
    )
    return (last, *[part for part in parts if part is not last])


def _scores(complaint: Complaint, rules: Rules) -> tuple[SymptomScore, ...]:
    return complaint.symptoms or (SymptomScore(rules.vague, 1.0),)
