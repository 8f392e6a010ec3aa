"""The body of a webhook: Standard Webhooks' `type`, `timestamp`, `data`, thin and always the same bytes.  Pure.

It stands apart because these bytes are what a department's system is built against.  What the customer wrote and who the
customer is are not in it; a receiver that may know asks for them with the complaint's id.  Hazard: a retry in another
life of the service must send the same bytes, so nothing here may depend on when or where it runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from schemas.times import rfc3339
from services.chassis.answers import link
from services.notifier import words
from services.notifier.words import Asked

LARGEST: Final = 20_000
"""Bytes (Standard Webhooks, "Payload size")."""
_MOST_SYMPTOMS: Final = 3
_MOST_EVIDENCE: Final = 12
_MOST_SENTENCES: Final = 12
_LONGEST_SENTENCE: Final = 400


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of evidence as a reader needs it."""

    event_id: str | None
    activity: str
    finding: str
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """All that a message may say about an assignment; fields that a stage does not have are None or empty."""

    stage: str
    timestamp: str
    """RFC 3339, UTC; the time of the event, not of an attempt."""
    assignment_id: str
    complaint_id: str
    case_id: str | None
    department: str
    revision: int
    decision_id: str
    explanation: Mapping[str, Sequence[str]]
    """language -> sentences."""
    roles: Sequence[str] = ()
    lead: bool | None = None
    share: float | None = None
    kind: str | None = None
    activity: str | None = None
    action: str | None = None
    confidence: float | None = None
    symptoms: Sequence[tuple[str, float]] = ()
    evidence: Sequence[Finding] = ()
    reason: str | None = None
    asked: Asked | None = None
    """What the department is asked, with the role `answer`."""


def speak(
    explanation: Mapping[str, Sequence[str]], languages: Sequence[str]
) -> tuple[str | None, Sequence[str]]:
    """The sentences in the first of `languages` there are any in; else in English, else in the first there is."""
    for wanted in (*languages, "en"):
        for candidate in (wanted, wanted.partition("-")[0]):
            if explanation.get(candidate):
                return candidate, explanation[candidate]
    for language in sorted(explanation):
        if explanation[language]:
            return language, explanation[language]
    return None, ()


def body(
    notice: Notice,
    *,
    languages: Sequence[str],
    console_url: str | None = None,
    intake_url: str | None = None,
    zone: tzinfo = UTC,
    answer_secret: bytes | None = None,
) -> bytes:
    """The bytes to sign and send: at most `LARGEST`, with `truncated` set if something had to go.

    Args:
        notice: what to say.
        languages: the department's, the preferred one first.
        console_url: where people read the whole story, without a slash at the end.
        intake_url: where answers to questions are posted, without a slash at the end.
        zone: the company's, for times in sentences.
        answer_secret: signs the link by which a question is answered; without it, or without `intake_url`, there is none.
    """
    url = None
    if notice.asked is not None:
        url = link(
            intake_url,
            answer_secret,
            assignment_id=notice.assignment_id,
            department=notice.department,
            case_id=notice.case_id,
            activity=notice.asked.activity,
            claimed=notice.asked.claimed,
            answer_by=notice.asked.answer_by,
            texts=notice.asked.text,
            language=_language(notice, languages),
            zone=zone,
            fact=notice.asked.fact,
        )
    language, sentences = _said(notice, languages, zone, one_tap=url is not None)
    answers = None
    if notice.asked is not None:
        answers = words.answers(
            notice.asked,
            department=notice.department,
            case_id=notice.case_id,
            zone=zone,
            url=intake_url,
        )
        if url is not None:
            answers = {"answer_url": url, **answers}
    cut = len(notice.evidence) > _MOST_EVIDENCE or len(sentences) > _MOST_SENTENCES
    evidence = list(notice.evidence[:_MOST_EVIDENCE])
    spoken = [_shorten(sentence) for sentence in sentences[:_MOST_SENTENCES]]
    cut = cut or any(len(sentence) > _LONGEST_SENTENCE for sentence in sentences[:_MOST_SENTENCES])
    while True:
        rendered = _render(notice, language, spoken, evidence, console_url, answers, truncated=cut)
        if len(rendered) <= LARGEST or not (evidence or spoken):
            return rendered
        cut = True
        if evidence:
            evidence.pop()
        else:
            spoken.pop()


def _language(notice: Notice, languages: Sequence[str]) -> str:
    """The language of what the notifier says itself: the explanation's, if there is any."""
    return speak(notice.explanation, languages)[0] or next(iter(languages), "en")


def _said(
    notice: Notice, languages: Sequence[str], zone: tzinfo, *, one_tap: bool
) -> tuple[str | None, Sequence[str]]:
    """The router's sentences, after what the notifier has to say itself: the question, or why it is taken back."""
    language, sentences = speak(notice.explanation, languages)
    spoken = _language(notice, languages)
    if notice.asked is not None:
        asked = words.question(notice.asked, spoken, zone, one_tap=one_tap)
        # Asked for one fact and nothing else: what is known otherwise is for those whom it concerns.
        context = sentences[:1] if tuple(notice.roles) == ("answer",) else sentences
        return spoken, (*asked, *context)
    if notice.reason is not None and (why := words.taken_back(notice.reason, spoken)) is not None:
        return spoken, (why, *sentences)
    return language, sentences


def _render(
    notice: Notice,
    language: str | None,
    sentences: Sequence[str],
    evidence: Sequence[Finding],
    console_url: str | None,
    answers: Mapping[str, object] | None,
    *,
    truncated: bool,
) -> bytes:
    data: dict[str, Any] = {
        "assignment_id": notice.assignment_id,
        "complaint_id": notice.complaint_id,
        "case_id": notice.case_id,
        "department": notice.department,
        "revision": notice.revision,
        "decision_id": notice.decision_id,
    }
    if notice.roles:
        data |= {
            "roles": list(notice.roles),
            "lead": notice.lead,
            "share": notice.share,
            "kind": notice.kind,
            "activity": notice.activity,
            "action": notice.action,
            "confidence": notice.confidence,
            "symptoms": [
                {"symptom": symptom, "probability": probability}
                for symptom, probability in notice.symptoms[:_MOST_SYMPTOMS]
            ],
            "evidence": [
                {
                    "event_id": item.event_id,
                    "activity": item.activity,
                    "finding": item.finding,
                    "hours": item.hours,
                }
                for item in evidence
            ],
        }
    if notice.asked is not None:
        data["question"] = _question(notice.asked, language)
        data |= answers or {}
    if notice.reason is not None:
        data["reason"] = notice.reason
    data["language"] = language
    data["explanation"] = list(sentences)
    if console_url is not None:
        data["story_url"] = f"{console_url}/complaints/{notice.complaint_id}"
    if truncated:
        data["truncated"] = True
    message = {"type": f"assignment.{notice.stage}", "timestamp": notice.timestamp, "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _question(asked: Asked, language: str | None) -> dict[str, Any]:
    return {
        "activity": asked.activity,
        "fact": asked.fact,
        "claimed": None if asked.claimed is None else rfc3339(asked.claimed),
        "text": asked.text.get(language or "") or next(iter(asked.text.values()), None),
        "answer_by": None if asked.answer_by is None else rfc3339(asked.answer_by),
    }


def _shorten(sentence: str) -> str:
    return (
        sentence if len(sentence) <= _LONGEST_SENTENCE else sentence[: _LONGEST_SENTENCE - 1] + "…"
    )
