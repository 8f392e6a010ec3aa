"""Which cases a text may name: its references, as the company may spell them.

Pure.  It stands apart from `tracing.mentions`, which reads references in capitals, because a case id is compared letter by letter.
"""

from __future__ import annotations

import re

from services.router.lifecycle.cases import MOST_NAMED
from services.router.tracing.mentions import references


def named_cases(text: str) -> tuple[str, ...]:
    """Each reference in capitals and, where that differs, as it was written; in order, each once."""
    found: dict[str, None] = {}
    for reference in references(text)[:MOST_NAMED]:
        found[reference] = None
        written = re.search(re.escape(reference), text, re.IGNORECASE)
        if written is not None:
            found[written[0]] = None
    return tuple(found)
