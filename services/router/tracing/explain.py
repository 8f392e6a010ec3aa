"""Say in words what was found: for colleagues with names and events, for the customer without.

It stands apart because a decision is made before it is worded: nothing here changes one. What is said is chosen once
(`telling`), and written here in each language, with its `phrases` and the company's names.

Hazard: a phrase's placeholders say by their names what they stand for; a new name needs its line in `_WRITTEN`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from services.router.tracing.company import Rules
from services.router.tracing.model import Candidate, Missing, Question, Recovery, Sentence
from services.router.tracing.phrases import MONTHS, PHRASES
from services.router.tracing.reasoning import Look
from services.router.tracing.telling import Moment, Said, Span, Teller

_NAMED_FIRST: Final = frozenset({"asked", "finish", "remedy", "manage", "decide"})
"""Phrases that begin with a department: its name stays as the company writes it, also if that is in small letters."""


class Writer:
    """Writes what is said in one language; one without phrases is written in English."""

    __slots__ = ("activities", "departments", "language", "months", "phrases", "rules")

    def __init__(self, rules: Rules, language: str) -> None:
        """Choose the phrases and the company's names."""
        written = language if language in PHRASES else "en"
        self.rules = rules
        self.language = language
        self.phrases = PHRASES[written]
        self.months = MONTHS[written]
        self.activities, self.departments = rules.names_in(language)

    def sentences(self, told: Iterable[Said]) -> tuple[Sentence, ...]:
        """Write sentence for sentence."""
        return tuple([Sentence(self.text(said), said.events) for said in told])

    def text(self, said: Said) -> str:
        """Write one sentence."""
        phrase, facts, _ = said
        words = {name: _WRITTEN[name](self, fact) for name, fact in facts.items()}
        text = self.phrases[phrase].format_map(words)
        if text[0].isupper() or phrase in _NAMED_FIRST:
            return text
        return text[0].upper() + text[1:]

    def activity(self, activity: str) -> str:
        """Return the company's name for an activity."""
        return self.activities[activity]

    def owner(self, department: str | None) -> str:
        """Return a department's name; None is for several who share a stretch."""
        return self.phrases["anyone"] if department is None else self.departments[department]

    def owners(self, departments: Iterable[str]) -> str:
        """Return several departments' names."""
        return ", ".join([self.departments[each] for each in departments])

    def named(self, names: Mapping[str, str]) -> str:
        """Return what the company calls a thing that has no id in a decision."""
        return self.rules.name(names, self.language)

    def time(self, moment: Moment) -> str:
        """Return a wall time such as ``3 Mar 14:05``."""
        return f"{moment.day} {self.months[moment.month]} {moment.clock}"

    def span(self, span: Span) -> str:
        """Return a duration such as ``5 h``."""
        return self.phrases[span.unit].format(span.amount)

    def question(self, question: Question) -> str:
        """Return a question, which has been put into words (`question_text`)."""
        return question.text[self.language]


_WRITTEN: Final[Mapping[str, Callable[[Writer, Any], str]]] = {
    "activity": Writer.activity,
    "at": Writer.time,
    "begin": Writer.time,
    "by": Writer.time,
    "due": Writer.time,
    "end": Writer.time,
    "fault": Writer.named,
    "late": Writer.span,
    "name": Writer.named,
    "names": Writer.owners,
    "owner": Writer.owner,
    "question": Writer.question,
}
"""How a fact is written, by the name of its placeholder."""


def explanations(
    rules: Rules,
    now: Look,
    missing: tuple[Missing, ...],
    *,
    recovery: Recovery,
    waiting_until: int | None,
    question: Question | None,
    candidates: tuple[Candidate, ...],
) -> tuple[Mapping[str, tuple[Sentence, ...]], Mapping[str, tuple[str, ...]]]:
    """Return the sentences for colleagues and for the customer, by language.

    A question must have been put into words (`question_text`).
    """
    teller = Teller(rules, now)
    told = teller.colleagues(
        missing,
        recovery=recovery,
        waiting_until=waiting_until,
        question=question,
        candidates=candidates,
    )
    promised = teller.customer()
    colleagues: dict[str, tuple[Sentence, ...]] = {}
    customer: dict[str, tuple[str, ...]] = {}
    for language in rules.write_in:
        writer = Writer(rules, language)
        colleagues[language] = writer.sentences(told)
        customer[language] = (writer.text(promised),)
    return colleagues, customer


def question_text(question: Question, rules: Rules, now: Look) -> Question:
    """Return the question in each of the company's languages; the registry's own words stay."""
    asked = Teller(rules, now).question(question)
    texts = dict(question.text)
    for language in rules.write_in:
        if language not in texts:
            texts[language] = Writer(rules, language).text(asked)
    return replace(question, text=texts)
