"""The pages: the same as the API shows, for people; rendered here, without a script and without anything from elsewhere.

They stand apart from the API's handlers because they may change from day to day.  Hazard: customers write what they like;
every value is escaped by the templates, and what a person wrote stands isolated from the direction of its surroundings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Header, Query
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Engine
from starlette.responses import HTMLResponse, Response

from schemas.vocabulary import ComplaintState
from services.chassis.answers import link
from services.console import readmodel
from services.console.handlers import RETRY_SECONDS, decode_cursor, encode_cursor
from services.console.projection import Fact, Kind, Summary
from services.console.story import (
    Labels,
    alerts,
    bars,
    hours,
    instant,
    line,
    percent,
    speak,
    steps,
)
from services.console.texts import preferred

ON_ONE_PAGE: Final = 50
Wanted = Annotated[str, Header(max_length=400)]
"""Which languages a browser likes."""
TONES: Final = {
    "assigned": "active",
    "notified": "active",
    "acknowledged": "active",
    "escalated": "alarm",
    "disputed": "alarm",
    "reopened": "alarm",
    "triage": "open",
    "asked": "open",
    "waiting": "open",
    "external": "open",
    "resolved": "done",
    "closed": "done",
    "withdrawn": "done",
    "delivered": "done",
    "attempted": "open",
    "abandoned": "alarm",
    "suppressed": "quiet",
}
"""Colours by meaning, for states and for what became of a notification."""


@dataclass(frozen=True, slots=True)
class Answering:
    """How a page leads to the answers of an open question; without both there is no such link."""

    intake_url: str | None = None
    secret: bytes | None = field(default=None, repr=False)


def router_for(
    engine: Engine,
    voices: Mapping[str, Labels],
    languages: Sequence[str],
    zone: ZoneInfo,
    answering: Answering | None = None,
) -> APIRouter:
    """The pages, reading from `engine`, each in the one of `voices` that its reader's browser likes best.

    The router's sentences are in that language too if the company writes in it, else in the first of `languages`; times in `zone`.
    """
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    reading = engine.execution_options(readonly=True)
    templates = {name: _environment(labels, zone) for name, labels in voices.items()}
    style = files("services.console").joinpath("static/console.css").read_text(encoding="utf-8")

    def render(
        name: str,
        language: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> Response:
        content = templates[language].get_template(name).render(**values)
        plain = {"cache-control": "no-store", "vary": "accept-language"}
        return HTMLResponse(content, status, headers={**plain, **(headers or {})})

    @router.get("/")
    def index(
        department: Annotated[str | None, Query(max_length=64)] = None,
        state: str | None = None,
        cursor: Annotated[str | None, Query(max_length=600)] = None,
        accept_language: Wanted = "",
    ) -> Response:
        """The newest complaints, and how many there are."""
        wanted = state if state in {one.value for one in ComplaintState} else None
        before = None if cursor is None else decode_cursor(cursor)
        with reading.connect() as connection:
            found = readmodel.latest(
                connection,
                limit=ON_ONE_PAGE + 1,
                department=department or None,
                state=wanted,
                before=before,
            )
            by_state = readmodel.counts(connection)
            by_department = readmodel.counts_by_department(connection)
        page = found[:ON_ONE_PAGE]
        last = page[-1] if len(found) > ON_ONE_PAGE else None
        return render(
            "index.html",
            preferred(accept_language),
            complaints=page,
            total=sum(by_state.values()),
            by_state=sorted(by_state.items(), key=lambda item: (-item[1], item[0])),
            by_department=sorted(by_department.items(), key=lambda item: (-item[1], item[0])),
            department=department or None,
            state=wanted,
            following=None if last is None else encode_cursor((last.opened_at, last.complaint_id)),
        )

    @router.get("/complaints/{complaint_id}")
    def complaint(
        complaint_id: str,
        language: Annotated[str | None, Query(max_length=16)] = None,
        accept_language: Wanted = "",
    ) -> Response:
        """One complaint's story, its sentences in a language that the company writes in."""
        spoken = preferred(accept_language)
        with reading.connect() as connection:
            summary = readmodel.summary(connection, complaint_id)
            facts = readmodel.story(connection, complaint_id)
        if summary is None:
            return render(
                "missing.html",
                spoken,
                404,
                {"retry-after": str(RETRY_SECONDS)},
                complaint_id=complaint_id,
            )
        wanted = (*([] if language is None else [language]), spoken, *languages)
        url = _answer_url(summary, facts, wanted, zone, answering or Answering())
        told = _story(summary, facts, voices[spoken], wanted)
        return render("complaint.html", spoken, **told, answer_url=url)

    @router.get("/static/console.css")
    def stylesheet() -> Response:
        """The one style sheet."""
        return Response(style, media_type="text/css", headers={"cache-control": "max-age=300"})

    return router


def _story(
    summary: Summary, facts: Sequence[Fact], labels: Labels, languages: Sequence[str]
) -> dict[str, Any]:
    decision = summary.decision or {}
    return {
        "one": summary,
        "decision": decision,
        "said": [
            {"text": fact.data["text"], "at": fact.at}
            for fact in facts
            if fact.kind in (Kind.RECEIVED, Kind.MESSAGED) and fact.data.get("text")
        ],
        "steps": steps(decision, labels),
        "bars": bars(decision, labels),
        "open_question": summary.open_question,
        "question_text": _question(summary.open_question, languages),
        "spoken": next(
            (one for one in languages if (decision.get("explanation") or {}).get(one)), None
        ),
        "written": sorted(decision.get("explanation") or {}),
        "explanation": speak(decision.get("explanation"), languages),
        "customer_words": speak(summary.customer_words, languages),
        "alerts": alerts(facts),
        "events": [(fact, line(fact, labels)) for fact in facts],
    }


def _answer_url(
    summary: Summary,
    facts: Sequence[Fact],
    languages: Sequence[str],
    zone: ZoneInfo,
    answering: Answering,
) -> str | None:
    """Where the open question can be answered: what its department was sent, in the language of this page."""
    asked = summary.open_question or {}
    assignment = next(
        (
            fact.data
            for fact in reversed(facts)
            if fact.kind is Kind.OPENED
            and fact.data.get("question")
            and fact.data["department"] == asked.get("owner")
        ),
        None,
    )
    if assignment is None or not assignment.get("answer_by"):
        return None
    question = assignment["question"]
    texts = dict(question.get("text") or {})
    claimed = question.get("claimed")
    return link(
        answering.intake_url,
        answering.secret,
        assignment_id=assignment["assignment_id"],
        department=assignment["department"],
        case_id=assignment.get("case_id"),
        activity=question["activity"],
        claimed=None if claimed is None else datetime.fromisoformat(claimed),
        answer_by=datetime.fromisoformat(assignment["answer_by"]),
        texts=texts,
        language=next((one for one in languages if one in texts), "en"),
        zone=zone,
        fact=question["fact"],
    )


def _question(asked: Mapping[str, Any] | None, languages: Sequence[str]) -> str | None:
    texts = (asked or {}).get("text") or {}
    return next((texts[one] for one in (*languages, *sorted(texts)) if one in texts), None)


def _environment(labels: Labels, zone: ZoneInfo) -> Environment:
    said = labels.say
    months = said("page.months").split()

    def moment(value: str | int | None) -> str:
        if value is None:
            return ""
        at = datetime.fromisoformat(instant(value) if isinstance(value, int) else value).astimezone(
            zone
        )
        return f"{at.day} {months[at.month - 1]} {at:%Y, %H:%M:%S %Z}"

    environment = Environment(
        loader=PackageLoader("services.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": moment,
        "iso": lambda value: instant(value) if isinstance(value, int) else value,
        "percent": lambda share: percent(share, said),
        "hours": lambda value, signed=False: hours(value, said, signed=signed),
        "department": labels.department,
        "activity": labels.activity,
        "symptom": labels.symptom,
        "kind": lambda word: said.word("kind", word),
        "action": lambda word: said.word("action", word),
        "finding": lambda word: said.word("finding", word),
        "state": lambda state: said.word("state", state),
        "nobody": lambda decision, group: said(f"{group}.{_unnamed(decision)}"),
        "tone": lambda word: TONES.get(word, "quiet"),
        "of": lambda word, group: said.word(group, word),
    }
    environment.globals |= {"t": said, "chrome": said.language}
    return environment


def _unnamed(decision: Mapping[str, Any] | None) -> str:
    """Why nobody is named, as a key of texts."""
    outcome = (decision or {}).get("outcome")
    if outcome in ("waiting", "asked", "triage"):
        return str(outcome)
    return "other" if decision else "untraced"
