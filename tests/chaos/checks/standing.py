"""How long everybody stood still for what was done to the pipeline: S.

It stands apart because it is the only promise about time.  Hazard: a machine that is busy with other things is slow at
everything; the bound grows with the load average per core, as it was at that time, and the report shows both.
"""

from __future__ import annotations

from tests.chaos.checks.base import Result
from tests.chaos.journal import Evidence


def standing(evidence: Evidence) -> Result:
    """S: whatever is killed is back, and complaints and alerts flow, within its bound."""
    result = Result("S", "nobody stands still for longer than promised")
    for stood in evidence.stood:
        result.examined += 1
        if stood.bound is None:
            continue
        for what, seconds in (("202s", stood.accepted), ("webhooks", stood.delivered)):
            if seconds > stood.bound:
                detail = f"{seconds:.1f} s without {what}; {stood.bound:.1f} s are allowed"
                result.broken("stood still for too long", stood.name, detail)
    return result
