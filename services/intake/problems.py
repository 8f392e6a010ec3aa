"""Errors as RFC 9457 problem details, each saying where, what and how to put it right.

They stand apart from HTTP's framework because middleware, handlers and batch lines all answer with them.  Hazard: a
problem goes to whoever sent the request and into logs; it never repeats what was sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

CONTENT_TYPE: Final = "application/problem+json"

TITLES: Final = {
    "invalid_body": "The body is not what this call takes",
    "invalid_json": "The body is not JSON",
    "invalid_key": "The Idempotency-Key cannot be used",
    "key_reused": "This Idempotency-Key was used with another body",
    "unauthorized": "A valid channel key is needed",
    "forbidden": "This channel may not do that",
    "not_found": "There is nothing here",
    "method_not_allowed": "This method is not served here",
    "body_too_large": "The body is too large",
    "too_many_lines": "The batch has too many lines",
    "body_timeout": "The body did not arrive in time",
    "content_encoding": "Compressed bodies are not taken",
    "content_type": "This content type is not taken",
    "broker_unavailable": "Not stored: try again",
    "overloaded": "Too much is under way: try again",
    "record_too_large": "The record is larger than the broker takes",
    "internal": "The service failed",
}
"""One sentence for each code; the code is the last part of the problem's `type`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a body."""

    pointer: str
    """JSON pointer into the body; empty for the whole of it."""
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a request, or with one line of a batch."""

    code: str
    status: int
    detail: str
    faults: tuple[Fault, ...] = ()
    retry_after: int | None = None
    """Whole seconds."""
    headers: tuple[tuple[str, str], ...] = field(default=())
    """Further response headers, such as `Allow`."""

    def document(self) -> dict[str, Any]:
        """The problem as RFC 9457 has it, with `errors` as in its example."""
        document: dict[str, Any] = {
            "type": f"urn:akar:problem:{self.code.replace('_', '-')}",
            "title": TITLES[self.code],
            "status": self.status,
            "detail": self.detail,
        }
        if self.faults:
            document["errors"] = [
                {"pointer": f"#{fault.pointer}", "detail": fault.detail, "remedy": fault.remedy}
                for fault in self.faults
            ]
        return document

    def body(self) -> bytes:
        """The document as JSON."""
        return json.dumps(self.document()).encode()

    def response_headers(self) -> dict[str, str]:
        """Every header of the response but its length."""
        headers = {"content-type": CONTENT_TYPE, "cache-control": "no-store", **dict(self.headers)}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return headers


class Refusal(Exception):
    """Ends the handling of a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem
