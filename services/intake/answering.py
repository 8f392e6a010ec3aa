"""What a department's tap becomes: a process event by a person, stored as any other before anybody is thanked.

It stands apart from the channels' calls because the link is the permission: signed, for one question, until its deadline.
Hazard: mail programs and chat open links to look at them, so only a POST answers.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from schemas.times import rfc3339
from schemas.vocabulary import Transition
from services.chassis import answers
from services.chassis.answers import ForgedLink, OpenQuestion
from services.intake import answer_page as page
from services.intake.bodies import ProcessEventBody
from services.intake.handlers import Intake

CHANNEL: Final = "answers"
_AHEAD: Final = timedelta(minutes=1)
"""A browser gives whole minutes: the present one may not be over."""
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


class Unusable(ValueError):
    """The answer cannot be taken; its text is the key of what to say."""


def router(intake: Intake, secret: bytes) -> APIRouter:
    """The pages behind links that were signed with this secret."""
    routes = APIRouter(include_in_schema=False)

    def opened(request: Request, token: str) -> OpenQuestion | HTMLResponse:
        """The question, or the page that says why there is none."""
        try:
            asked = answers.read(token, secret)
        except ForgedLink:
            return _html(page.forged(_language(request)), 404)
        if asked.answer_by <= intake.now():
            return _html(page.over(asked), 410)
        return asked

    @routes.get(answers.PATH + "{token}")
    async def show(request: Request, token: str) -> HTMLResponse:
        asked = opened(request, token)
        if isinstance(asked, HTMLResponse):
            return asked
        return _html(page.asking(asked, now=intake.now()))

    @routes.post(answers.PATH + "{token}")
    async def answer(request: Request, token: str) -> HTMLResponse:
        asked = opened(request, token)
        if isinstance(asked, HTMLResponse):
            return asked
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        try:
            event = event_of(
                asked, form.get("answer", [""])[-1], form.get("at", [""])[-1], intake.now()
            )
        except Unusable as wrong:
            return _html(page.asking(asked, now=intake.now(), wrong=str(wrong)), 422)
        problem = await intake.answer(event, CHANNEL)
        if problem is not None:
            headers = (
                {} if problem.retry_after is None else {"retry-after": str(problem.retry_after)}
            )
            return _html(page.not_stored(asked), problem.status, headers)
        return _html(page.stored(asked))

    return routes


def event_of(asked: OpenQuestion, answer: str, at: str, now: datetime) -> ProcessEventBody:
    """The event that an answer is: done at a time, not done yet, or promised by a time; by the department that was asked.

    Args:
        asked: The question.
        answer: `confirm`, `finished` or `not_done`; of a question by when something was due, `due`.
        at: For `finished` and `due`, a wall time of the question's zone, as a browser's form gives it.
        now: The present time.

    Raises:
        Unusable: there is no such answer, or the time is none, or not over where it has to be.
    """
    promised: dict[str, str] = {}
    if asked.fact == "due":
        if answer != "due":
            raise Unusable("choose")
        transition, done = Transition.SCHEDULE, now
        promised = {"due_at": rfc3339(_moment(at, ZoneInfo(asked.zone)))}
    elif answer == "confirm" and asked.claimed is not None:
        transition, done = Transition.COMPLETE, asked.claimed
    elif answer == "finished":
        transition, done = Transition.COMPLETE, _over(at, ZoneInfo(asked.zone), now)
    elif answer == "not_done":
        transition, done = Transition.START, now
    else:
        raise Unusable("choose")
    return ProcessEventBody.model_validate(
        {
            "case_id": asked.case_id,
            "activity": asked.activity,
            "transition": transition,
            "at": rfc3339(done),
            **promised,
            "event_id": asked.event_id,
            "attributes": {"answered_by": asked.department},
        }
    )


def _over(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    try:
        at = _moment(text, zone)
    except Unusable:
        raise Unusable("time") from None
    if at > now + _AHEAD:
        raise Unusable("time")
    return min(at, now)


def _moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable("moment") from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    if not _EARLIEST <= at <= _LATEST:
        raise Unusable("moment")
    return at.astimezone(UTC)


def _language(request: Request) -> str:
    """The first language that the browser wants and there are words in."""
    wanted = request.headers.get("accept-language", "")
    spoken = (
        part.partition(";")[0].strip().partition("-")[0].lower() for part in wanted.split(",")
    )
    return next((one for one in spoken if one in page.WORDS), "en")


def _html(content: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    return HTMLResponse(content, status, headers={**page.HEADERS, **(headers or {})})
