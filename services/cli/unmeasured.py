"""Activities in process events that the company does not have: nothing counts them, and nobody would say so.

It stands apart because intake takes any activity, on purpose: systems report more than a company measures.  Whoever posts a
file by hand wants to hear of a slip of the pen at once.  Pure.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator

from services.registry import Company


def told(activities: Iterable[str], company: Company) -> Iterator[str]:
    """One sentence for each activity that the company does not know, in the order of names."""
    known = sorted({key for process in company.processes.values() for key in process.activities})
    for name, count in sorted(Counter(activities).items()):
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f'Did you mean "{near[0]}"?' if near else f"It has: {', '.join(known)}."
        events = "1 event counts" if count == 1 else f"{count} events count"
        yield f'{company.company.name} has no activity "{name}": {events} for nothing. {hint}'
