"""Say in words what was found: for colleagues with names and events, for the customer without.

It stands apart because a decision is made before it is worded: nothing here changes one. Sentences
come from `phrases`; each points to the events that it rests on.

Hazard: only facts of this trace may be said. A sentence without an event says what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from schemas.vocabulary import CauseKind, Finding
from services.router.tracing.company import Rules
from services.router.tracing.contradictions import Contradiction
from services.router.tracing.delays import OwnDelay
from services.router.tracing.fusion import Support
from services.router.tracing.lateness import Lateness
from services.router.tracing.model import (
    HOUR,
    Candidate,
    Cause,
    Evidence,
    Missing,
    Question,
    Recovery,
    Sentence,
)
from services.router.tracing.phrases import MONTHS, PHRASES
from services.router.tracing.reasoning import leading
from services.router.tracing.timeline import Timeline

_TIMED = {CauseKind.DELAY, CauseKind.EXTERNAL, CauseKind.CUSTOMER}


class Writer:
    """Writes one decision's sentences in one language."""

    __slots__ = ("known", "language", "months", "phrases", "rules")

    def __init__(self, rules: Rules, language: str, known: dict[int, datetime]) -> None:
        """Choose the phrases; a language without phrases is written in English.

        ``known`` keeps wall times that were already worked out, for the next language.
        """
        self.rules = rules
        self.known = known
        self.language = language
        written = language if language in PHRASES else "en"
        self.phrases = PHRASES[written]
        self.months = MONTHS[written]

    def departments(
        self,
        found: tuple[Support, ...],
        timeline: Timeline,
        causes: tuple[Cause, ...],
        missing: tuple[Missing, ...],
        *,
        recovery: Recovery | None,
        waiting_until: int | None,
        flags: tuple[Evidence, ...] = (),
        question: Question | None = None,
        candidates: tuple[Candidate, ...] = (),
        broken: tuple[Contradiction, ...] = (),
    ) -> tuple[Sentence, ...]:
        """Explain to colleagues: the promise, the causes, what is not known, who can help."""
        sentences: list[Sentence] = []
        lateness = leading(found)
        if timeline.first is None:
            sentences.append(Sentence(self.phrases["no_events"]))
        elif lateness is not None:
            sentences.append(self._promise(lateness))
        for cause in causes:
            sentences.extend(self._cause(cause, lateness, timeline, broken))
        if lateness is not None and (lateness.late or 0) > 0:
            sentences.extend(self._joint(lateness))
        sentences.extend(self._doubts(flags))
        named = [cause for cause in causes if cause.department is not None]
        if not named and timeline.first is not None and not (lateness and lateness.late):
            sentences.append(Sentence(self.phrases["text_only"]))
        for fact in missing:
            phrase = "silent" if fact.finding is Finding.SILENT else "missing"
            owner = self._department(fact.department)
            text = self.phrases[phrase].format(activity=self._activity(fact.activity), owner=owner)
            sentences.append(Sentence(_upper(text)))
        open_ = [fact.activity for fact in missing if fact.finding is not Finding.SILENT]
        if open_ and lateness is not None and any(s.owner is None for s in lateness.path):
            text = self.phrases["would_change"].format(activity=self._activity(open_[0]))
            sentences.append(Sentence(_upper(text)))
        if question is not None:
            sentences.extend(self._question(question, timeline))
        if candidates and not named:
            names = ", ".join(self._department(each.department) for each in candidates)
            sentences.append(Sentence(self.phrases["candidates"].format(names=names)))
        if recovery is not None:
            activity = self._activity(recovery.activity) if recovery.activity else ""
            owner = self._department(recovery.department)
            text = self.phrases[recovery.action].format(owner=owner, activity=activity)
            sentences.append(Sentence(text))
        if waiting_until is not None:
            sentences.append(Sentence(self.phrases["again"].format(at=self.time(waiting_until))))
        return tuple(sentences)

    def customer(self, found: tuple[Support, ...]) -> tuple[str, ...]:
        """Say to the customer what was promised and what comes next; nobody is named."""
        lateness = leading(found)
        if lateness is None or lateness.due is None or lateness.late is None:
            return (self.phrases["customer_else"],)
        activity, due = self._activity(lateness.promise.activity), self.time(lateness.due)
        if lateness.late > 0 and lateness.finished_at is not None:
            end = self.time(lateness.finished_at)
            text = self.phrases["customer_missed_done"].format(activity=activity, due=due, end=end)
        elif lateness.foreseen:
            text = self.phrases["customer_foreseen"].format(activity=activity, due=due)
        elif lateness.late > 0:
            text = self.phrases["customer_missed_open"].format(activity=activity, due=due)
        elif lateness.finished_at is None:
            text = self.phrases["customer_running"].format(activity=activity, due=due)
        else:
            text = self.phrases["customer_else"]
        return (_upper(text),)

    def time(self, at: int) -> str:
        """Return a wall time such as ``3 Mar 14:05``."""
        local = self.known.get(at)
        if local is None:
            local = self.known[at] = self.rules.local(at)
        return f"{local.day} {self.months[local.month - 1]} {local.hour:02}:{local.minute:02}"

    def span(self, duration: int) -> str:
        """Return a duration in the unit that reads best."""
        if duration < HOUR:
            return self.phrases["minutes"].format(max(1, round(duration * 60 / HOUR)))
        if duration < 72 * HOUR:
            return self.phrases["hours"].format(round(duration / HOUR))
        return self.phrases["days"].format(round(duration / (24 * HOUR)))

    def _promise(self, lateness: Lateness) -> Sentence:
        activity = self._activity(lateness.promise.activity)
        events = tuple(e for e in (lateness.due_event,) if e is not None)
        args: dict[str, str] = {}
        if lateness.cancelled:
            key = "cancelled"
        elif lateness.due is None or lateness.late is None:
            key = "no_promise"
        else:
            args["due"] = self.time(lateness.due)
            if lateness.late > 0:
                args["late"] = self.span(lateness.late)
                key = "missed_open" if lateness.finished_at is None else "missed_done"
                key = "foreseen" if lateness.foreseen else key
            elif lateness.finished_at is not None:
                args["end"] = self.time(lateness.finished_at)
                key = "kept"
            else:
                key = "running"
        return Sentence(_upper(self.phrases[key].format(activity=activity, **args)), events)

    def _cause(
        self,
        cause: Cause,
        lateness: Lateness | None,
        timeline: Timeline,
        broken: tuple[Contradiction, ...],
    ) -> list[Sentence]:
        if cause.kind is CauseKind.UNKNOWN or cause.activity is None:
            return []
        activity = self._activity(cause.activity)
        owner = self._department(cause.department)
        if cause.kind is CauseKind.PROMISE:
            late = self.span(round(cause.hours * HOUR))
            return [Sentence(self.phrases["promise"].format(late=late), cause.events)]
        sentences: list[Sentence] = []
        stretch = _stretch(lateness, cause) if cause.hours > 0 else None
        if stretch is not None and lateness is not None:
            sentences.extend(self._delay(cause, stretch, lateness))
        told = set(cause.events)
        for fault, event in timeline.faults:
            if event.event_id in told and fault.activity == cause.activity:
                name = self.rules.name(fault.names, self.language)
                text = self.phrases["fault"].format(
                    activity=activity, owner=owner, fault=name, at=self.time(event.at)
                )
                sentences.append(Sentence(_upper(text), (event.event_id,)))
        for found in broken:
            if found.rule.department == cause.department and told.issuperset(found.events):
                name = self.rules.name(found.rule.names, self.language)
                text = self.phrases["contradiction"].format(
                    activity=activity, owner=owner, name=name
                )
                sentences.append(Sentence(_upper(text), found.events))
        step = timeline.steps.get(cause.activity)
        if step is not None and step.attempts and cause.hours > 0:
            at, attempt = step.attempts[0]
            text = self.phrases["attempt"].format(activity=activity, at=self.time(at))
            sentences.append(Sentence(_upper(text), (attempt,)))
        if not sentences and step is not None and step.finish is not None:
            text = self.phrases["denied"].format(
                activity=activity, owner=owner, at=self.time(step.finish)
            )
            sentences.append(Sentence(_upper(text), cause.events))
        return sentences

    def _delay(self, cause: Cause, stretch: OwnDelay, lateness: Lateness) -> list[Sentence]:
        activity = self._activity(stretch.members[-1])
        owner = self._department(cause.department)
        late = self.span(stretch.charged)
        key = "delay_open" if stretch.unfinished else "delay_done"
        text = self.phrases[key].format(
            activity=activity,
            owner=owner,
            late=late,
            begin=self.time(stretch.begin),
            end=self.time(stretch.end),
        )
        sentences = [Sentence(_upper(text), cause.events)]
        earlier = [s for s in lateness.path if s.end <= stretch.begin and s is not stretch]
        if earlier and all(s.own is not None and s.charged == 0 for s in earlier):
            events = tuple(s.event for s in earlier if s.event is not None)
            sentences.append(Sentence(self.phrases["upstream"], events))
        if lateness.late is not None and 0 < lateness.late <= stretch.charged:
            by = self.time(stretch.end - lateness.late)
            text = self.phrases["would_keep"].format(activity=activity, by=by)
        else:
            text = self.phrases["would_gain"].format(activity=activity, late=late)
        sentences.append(Sentence(_upper(text), cause.events))
        return sentences

    def _doubts(self, flags: tuple[Evidence, ...]) -> list[Sentence]:
        """Say which times are doubtful and what was done about it; of one kind and activity once."""
        told: dict[tuple[str, str], Evidence] = {}
        for flag in flags:
            if flag.finding.value in self.phrases:
                told.setdefault((flag.activity, flag.finding.value), flag)
        return [
            Sentence(
                _upper(
                    self.phrases[finding].format(
                        activity=self._activity(activity),
                        owner=self._department(flag.department),
                        late=self.span(round(abs(flag.hours or 0.0) * HOUR)),
                    )
                ),
                () if flag.event_id is None else (flag.event_id,),
            )
            for (activity, finding), flag in told.items()
        ]

    def _question(self, question: Question, timeline: Timeline) -> list[Sentence]:
        text = question.text.get(self.language)
        if text is None:
            text = self.question(question)
        owner = self._department(question.department)
        step = timeline.steps.get(question.activity)
        events = (step.doubt[1],) if step is not None and step.doubt is not None else ()
        return [Sentence(self.phrases["asked"].format(owner=owner, question=text), events)]

    def question(self, question: Question) -> str:
        """Return a question in words."""
        at = "" if question.claimed is None else self.time(question.claimed)
        activity = self._activity(question.activity)
        return _upper(self.phrases[f"ask_{question.fact}"].format(activity=activity, at=at))

    def _joint(self, lateness: Lateness) -> list[Sentence]:
        return [
            Sentence(
                self.phrases["joint"].format(
                    activity=self._activity(stretch.members[-1]),
                    late=self.span(stretch.charged),
                    end=self.time(stretch.end),
                ),
                (stretch.event,) if stretch.event else (),
            )
            for stretch in lateness.path
            if stretch.owner is None and stretch.charged > 0
        ]

    def _activity(self, activity: str) -> str:
        return self.rules.name(self.rules.activities[activity].names, self.language)

    def _department(self, department: str | None) -> str:
        if department is None:
            return self.phrases["anyone"]
        return self.rules.name(self.rules.departments[department].names, self.language)


def explanations(
    rules: Rules,
    found: tuple[Support, ...],
    timeline: Timeline,
    causes: tuple[Cause, ...],
    missing: tuple[Missing, ...],
    *,
    recovery: Recovery | None,
    waiting_until: int | None,
    flags: tuple[Evidence, ...] = (),
    question: Question | None = None,
    candidates: tuple[Candidate, ...] = (),
    broken: tuple[Contradiction, ...] = (),
) -> tuple[Mapping[str, tuple[Sentence, ...]], Mapping[str, tuple[str, ...]]]:
    """Return the sentences for colleagues and for the customer, by language."""
    colleagues: dict[str, tuple[Sentence, ...]] = {}
    customer: dict[str, tuple[str, ...]] = {}
    known: dict[int, datetime] = {}
    for language in rules.write_in:
        writer = Writer(rules, language, known)
        colleagues[language] = writer.departments(
            found,
            timeline,
            causes,
            missing,
            recovery=recovery,
            waiting_until=waiting_until,
            flags=flags,
            question=question,
            candidates=candidates,
            broken=broken,
        )
        customer[language] = writer.customer(found)
    return colleagues, customer


def question_text(question: Question, rules: Rules) -> Question:
    """Return the question in each of the company's languages; the registry's own words stay."""
    texts = dict(question.text)
    for language in rules.write_in:
        if language not in texts:
            texts[language] = Writer(rules, language, {}).question(question)
    return replace(question, text=texts)


def _stretch(lateness: Lateness | None, cause: Cause) -> OwnDelay | None:
    if lateness is None:
        return None
    for stretch in lateness.path:
        if stretch.members[-1] == cause.activity and stretch.charged > 0:
            return stretch
    return None


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
