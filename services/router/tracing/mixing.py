"""From what the case says about each symptom to causes whose shares add up.

It stands apart from `fusion`, which asks one symptom after the other: here they meet, by their probability. Symptoms that nothing
supports do not dilute the others unless they outweigh them.
"""

from __future__ import annotations

import math
from typing import Final

from services.router.tracing.fusion import Support
from services.router.tracing.members import UNKNOWN
from services.router.tracing.model import PARTS, Cause
from services.router.tracing.weights import Weight

BY_CHANCE: Final = 0.35
"""How much a reading of the words still counts that nothing supports, where the case supports another."""


def mix(found: tuple[Support, ...]) -> tuple[Cause, ...]:
    """Mix the symptoms' weights into causes whose parts add up to `PARTS`, largest first."""
    shares: dict[tuple[str, str, str], list[float]] = {}
    pieces: dict[tuple[str, str, str], list[Weight]] = {}
    supported: list[float] = []
    without: list[float] = []
    unknown: list[float] = []
    for support in found:
        probability = support.score.probability
        if not (support.weights or support.unknown):
            without.append(probability)
            continue
        supported.append(probability)
        unknown.append(probability * support.unknown)
        for weight in support.weights:
            key = (weight.department or "", weight.kind, weight.activity or "")
            shares.setdefault(key, []).append(probability * weight.weight)
            pieces.setdefault(key, []).append(weight)
    known = math.fsum(supported)
    unknown.append(max(0.0, BY_CHANCE * math.fsum(without) - known) if known else 1.0)
    keys = sorted(shares)
    parts = largest_remainder([*[math.fsum(shares[key]) for key in keys], math.fsum(unknown)])
    causes = [_cause(pieces[key], part) for key, part in zip(keys, parts, strict=False) if part > 0]
    if parts[-1] > 0:
        causes.append(Cause(None, UNKNOWN, None, parts[-1]))
    if len(causes) > 1:
        causes.sort(key=_rank)
    return tuple(causes)


def _cause(pieces: list[Weight], parts: int) -> Cause:
    """Return what several symptoms' pieces about one department, kind and activity come to."""
    first, hours, events = pieces[0], pieces[0].hours, pieces[0].events
    if len(pieces) > 1:
        hours = max([piece.hours for piece in pieces])
        events = tuple([event for piece in pieces for event in piece.events])
    if len(events) > 1:
        events = tuple(sorted(set(events)))
    return Cause(
        first.department, first.kind, first.activity, parts, hours, events, first.publisher
    )


def _rank(cause: Cause) -> tuple[int, bool, str, str, str]:
    """Largest first; of equals, not knowing goes before naming anybody."""
    named = cause.kind is not UNKNOWN
    return (-cause.parts, named, cause.department or "", cause.kind, cause.activity or "")


def largest_remainder(amounts: list[float]) -> list[int]:
    """Split `PARTS` in proportion to the amounts (at least one positive), to the last part.

    Hamilton's method: round down, then give what is left to the largest remainders, ties to the
    earlier position.
    """
    total = math.fsum(amounts)
    exact = [amount * PARTS / total for amount in amounts]
    parts = [math.floor(value) for value in exact]
    left = PARTS - sum(parts)
    if left:
        order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
        for position in order[:left]:
            parts[position] += 1
    return parts
