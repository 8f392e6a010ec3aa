"""Who can help this customer now.

It stands apart from the causes on purpose: the department that caused a delay has often handed on
long ago, and only whoever holds the open activity, or grants the remedy, can do anything today.

Hazard: an outside party is never asked directly; whoever manages it is.
"""

from __future__ import annotations

from services.router.tracing.company import Rules
from services.router.tracing.fusion import Support
from services.router.tracing.model import Recovery


def recover(found: tuple[Support, ...], rules: Rules, *, known: bool) -> Recovery:
    """Return who can help, by the likeliest symptom that says anything.

    The open activity of the promise in question goes first; then the symptom's remedy; for words
    that name nothing, or a case of which nothing is ``known``, the department that reads complaints:
    nobody can grant a remedy for an order that has yet to be found.
    """
    if not known:
        return Recovery(rules.policy.triage, None, "decide")
    for support in found:
        lateness = support.lateness
        if lateness is not None and lateness.open is not None:
            activity = rules.activities[lateness.open]
            owner = rules.departments[activity.owner]
            if not owner.outside:
                return Recovery(owner.id, activity.id, "finish")
            return Recovery(owner.managed_by or rules.policy.triage, activity.id, "manage")
        if not support.rule.vague:
            return Recovery(support.rule.remedy, None, "remedy")
    return Recovery(rules.policy.triage, None, "decide")
