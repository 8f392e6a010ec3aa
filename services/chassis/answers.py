"""Links by which a department answers its question: the question itself, signed, so that nobody has to look it up.

It stands apart because three services share it: the notifier and the console make such links, intake honours them.  Pure.
Hazard: who holds a link may answer, so it ends with the question's deadline; and every link to one question must give the
same event id, or two taps would count as two answers.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from hashlib import sha256
from typing import Any, Final

from schemas.times import rfc3339
from services.chassis import ids

PATH: Final = "/answers/"
LONGEST_TEXT: Final = 400
"""Characters of the question that a link carries: a URL has to fit into what mail and chat take."""
_PURPOSE: Final = b"akar.answer.v1\0"
"""Signed with the rest, so that no other use of the same secret makes a link."""
_LONGEST: Final = 4096


class ForgedLink(ValueError):
    """It was not made with this secret, or something of it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenQuestion:
    """What a link asks; everything that its page needs."""

    assignment_id: str
    department: str
    case_id: str
    activity: str
    claimed: datetime | None
    """When it was done, as somebody else tells it: to be confirmed."""
    answer_by: datetime
    """From then on the link leads nowhere."""
    text: str
    language: str
    zone: str
    """IANA name: in which times are told and read."""
    fact: str = "finished"
    """What is asked for, as in the decision: `due` is by when it was promised, all else when it was done."""

    @property
    def event_id(self) -> str:
        """Of the answer, whatever it says: the first one counts."""
        return ids.event_id("answer", self.assignment_id, self.activity)


def link(
    base: str | None,
    secret: bytes | None,
    *,
    assignment_id: str,
    department: str,
    case_id: str | None,
    activity: str,
    claimed: datetime | None,
    answer_by: datetime | None,
    texts: Mapping[str, str],
    language: str,
    zone: tzinfo,
    fact: str = "finished",
) -> str | None:
    """The URL, the same each time; None where there is no secret, no intake, or no end to the question."""
    if base is None or secret is None or case_id is None or answer_by is None:
        return None
    text = texts.get(language) or texts.get("en") or next(iter(texts.values()), "")
    asked = OpenQuestion(
        assignment_id=assignment_id,
        department=department,
        case_id=case_id,
        activity=activity,
        claimed=claimed,
        answer_by=answer_by,
        text=text[:LONGEST_TEXT],
        language=language,
        zone=str(getattr(zone, "key", "UTC")),
        fact="due" if fact == "due" else "finished",
    )
    return f"{base.rstrip('/')}{PATH}{sign(asked, secret)}"


def sign(asked: OpenQuestion, secret: bytes) -> str:
    """The question as one word of a URL."""
    content = {
        "q": asked.assignment_id,
        "d": asked.department,
        "c": asked.case_id,
        "a": asked.activity,
        "m": None if asked.claimed is None else rfc3339(asked.claimed),
        "x": rfc3339(asked.answer_by),
        "t": asked.text,
        "l": asked.language,
        "z": asked.zone,
        # Only where it is not the usual: links that were sent before stay the same.
        **({} if asked.fact == "finished" else {"f": asked.fact}),
    }
    payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return f"{_word(payload)}.{_word(_signature(payload, secret))}"


def read(token: str, secret: bytes) -> OpenQuestion:
    """The question that was signed; whether its time is over is for the caller to see.

    Raises:
        ForgedLink: it was not signed with this secret.
    """
    if len(token) > _LONGEST:
        raise ForgedLink("it is too long")
    payload_word, _, signature_word = token.partition(".")
    try:
        payload, signature = _bytes(payload_word), _bytes(signature_word)
    except (binascii.Error, ValueError):
        raise ForgedLink("it is not written as a link is") from None
    if not hmac.compare_digest(_signature(payload, secret), signature):
        raise ForgedLink("its signature is another")
    content: dict[str, Any] = json.loads(payload)
    return OpenQuestion(
        assignment_id=content["q"],
        department=content["d"],
        case_id=content["c"],
        activity=content["a"],
        claimed=None if content["m"] is None else _time(content["m"]),
        answer_by=_time(content["x"]),
        text=content["t"],
        language=content["l"],
        zone=content["z"],
        fact=content.get("f", "finished"),
    )


def _signature(payload: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + payload, sha256)


def _word(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(word: str) -> bytes:
    return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
