"""The HTTP calls: JSON for programs.

They stand apart from the pages, which show the same.  Handlers are plain functions, so that the framework runs them on its
threads: each waits for the database.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Engine
from starlette.responses import Response

from schemas.vocabulary import ComplaintState
from services.console import readmodel
from services.console.problems import problem
from services.console.story import Labels, status_document, story_document

RETRY_SECONDS = 1
MOST = 200


def encode_cursor(cursor: readmodel.Cursor) -> str:
    """An opaque word for where a page ended."""
    return base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode().rstrip("=")


def decode_cursor(text: str) -> readmodel.Cursor | None:
    """Where a page ended; None if nobody here wrote that word."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None
    match found:
        case [int(at), str(id_)] if not isinstance(at, bool) and abs(at) < 1 << 62:
            return at, id_
    return None


def missing(complaint_id: str) -> Response:
    """404: it does not exist, or it has not arrived here yet."""
    return problem(
        404,
        "not_found",
        "No such complaint here",
        f"No complaint {complaint_id!r} is known here. One that was accepted a moment ago may take a second to show.",
        headers={"retry-after": str(RETRY_SECONDS)},
    )


def router_for(engine: Engine, labels: Labels) -> APIRouter:
    """The calls, reading from `engine`."""
    router = APIRouter(prefix="/v1", tags=["complaints"])
    reading = engine.execution_options(readonly=True)

    @router.get("/complaints", summary="Complaints, the newest first")
    def complaints(
        department: Annotated[str | None, Query(max_length=64)] = None,
        state: ComplaintState | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        cursor: Annotated[str | None, Query(max_length=600)] = None,
    ) -> Any:
        """Those that a department is involved in, or in one state; `next` leads to older ones."""
        before = None if cursor is None else decode_cursor(cursor)
        if cursor is not None and before is None:
            return problem(
                422,
                "invalid_cursor",
                "The cursor cannot be used",
                "Use `next` of the page before, unchanged.",
            )
        with reading.connect() as connection:
            found = readmodel.latest(
                connection,
                limit=limit + 1,
                department=department,
                state=None if state is None else state.value,
                before=before,
            )
        page = found[:limit]
        following = (
            encode_cursor((page[-1].opened_at, page[-1].complaint_id))
            if len(found) > limit
            else None
        )
        return {"complaints": [status_document(one) for one in page], "next": following}

    @router.get("/complaints/{complaint_id}", summary="Where a complaint stands")
    def complaint(complaint_id: str) -> Any:
        """Its state, who can help, since when, what to tell the customer, and the open question if there is one."""
        with reading.connect() as connection:
            summary = readmodel.summary(connection, complaint_id)
        return missing(complaint_id) if summary is None else status_document(summary)

    @router.get("/complaints/{complaint_id}/story", summary="Everything that happened")
    def story(complaint_id: str) -> Any:
        """Every event of it in order, with causes, evidence and notifications."""
        with reading.connect() as connection:
            summary = readmodel.summary(connection, complaint_id)
            facts = readmodel.story(connection, complaint_id)
        return missing(complaint_id) if summary is None else story_document(summary, facts, labels)

    return router
