"""Say in words what was found: for colleagues with names and events, for the customer without.

It stands apart because a decision is made before it is worded: nothing here changes one. What is said is chosen once
(`telling`), and written here in each language, with its `phrases` and the company's names.

Hazard: a phrase's placeholders say by their names what they stand for; a new name needs its line in `Writer`.
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

    __slots__ = ("_departments", "_language", "_months", "_phrases", "_rules", "_written")

    def __init__(self, rules: Rules, language: str) -> None:
        """Choose the phrases and the company's names."""
        written = language if language in PHRASES else "en"
        self._rules = rules
        self._language = language
        self._phrases = PHRASES[written]
        self._months = MONTHS[written]
        activities: dict[str, str] = {
            key: self.name(rule.names) for key, rule in rules.activities.items()
        }
        self._departments: dict[str | None, str] = {
            key: self.name(rule.names) for key, rule in rules.departments.items()
        }
        self._departments[None] = self._phrases["anyone"]
        self._written: Mapping[str, Callable[[Any], str]] = {
            "activity": activities.__getitem__,
            "at": self.time,
            "begin": self.time,
            "by": self.time,
            "due": self.time,
            "end": self.time,
            "fault": self.name,
            "late": self.span,
            "name": self.name,
            "names": self.departments,
            "owner": self._departments.__getitem__,
            "question": self.question,
        }

    def sentences(self, told: Iterable[Said]) -> tuple[Sentence, ...]:
        """Write sentence for sentence."""
        return tuple([Sentence(self.text(said), said.events) for said in told])

    def text(self, said: Said) -> str:
        """Write one sentence."""
        phrase, facts, _ = said
        written = self._written
        text = self._phrases[phrase].format_map({n: written[n](facts[n]) for n in facts})
        if text[0].isupper() or phrase in _NAMED_FIRST:
            return text
        return text[0].upper() + text[1:]

    def departments(self, departments: Iterable[str]) -> str:
        """Return several departments' names."""
        return ", ".join([self._departments[each] for each in departments])

    def name(self, names: Mapping[str, str]) -> str:
        """Return what the company calls a thing."""
        return self._rules.name(names, self._language)

    def time(self, moment: Moment) -> str:
        """Return a wall time such as ``3 Mar 14:05``."""
        return f"{moment.day} {self._months[moment.month]} {moment.clock}"

    def span(self, span: Span) -> str:
        """Return a duration such as ``5 h``."""
        return self._phrases[span.unit].format(span.amount)

    def question(self, question: Question) -> str:
        """Return a question, which has been put into words (`question_text`)."""
        return question.text[self._language]


def writer_of(rules: Rules, language: str) -> Writer:
    """Return the company's writer of a language, made once."""
    known: Writer | None = rules.writers.get(language)
    if known is None:
        known = rules.writers[language] = Writer(rules, language)
    return known


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
    # Who asks has told whom it asks; who only waits has told nobody.
    promised = teller.customer(waiting_until if question is None else None)
    colleagues: dict[str, tuple[Sentence, ...]] = {}
    customer: dict[str, tuple[str, ...]] = {}
    for language in rules.write_in:
        writer = writer_of(rules, language)
        colleagues[language] = writer.sentences(told)
        customer[language] = (writer.text(promised),)
    return colleagues, customer


def question_text(question: Question, rules: Rules, now: Look) -> Question:
    """Return the question in each of the company's languages; the registry's own words stay."""
    asked = Teller(rules, now).question(question)
    texts = dict(question.text)
    for language in rules.write_in:
        if language not in texts:
            texts[language] = writer_of(rules, language).text(asked)
    return replace(question, text=texts)
