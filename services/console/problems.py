"""What the console answers when it cannot answer: RFC 9457 problem details."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

CONTENT_TYPE = "application/problem+json"


def problem(
    status: int, code: str, title: str, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """A problem document; `code` becomes the last part of its type."""
    document = {
        "type": f"urn:akar:problem:{code.replace('_', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    return Response(
        json.dumps(document),
        status,
        media_type=CONTENT_TYPE,
        headers={"cache-control": "no-store", **(headers or {})},
    )
