"""Long complaints put together from our own sentences: real ones name several troubles, ours name one each.

It stands apart because it holds what was learned from the labelled texts about order: people who name two troubles are
labelled by the one that was mentioned first, except that whoever served badly comes after what went wrong
(late before unanswered 35 to 3, late before rude 23 to 6, faulty before rude 22 to 0).

Hazard: sentences are drawn by a seeded generator in the order of the files, as in `phrases`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final

AFTER: Final[Mapping[str, int]] = {
    "unclear": 9,
    "unreachable_service": 2,
    "staff_conduct": 2,
    "app_failure": 1,
    "refund_overdue": 1,
}
"""Which labels come after others, whatever was mentioned first; all others are 0."""
TOGETHER: Final = (
    ("late_delivery", "unreachable_service"),
    ("late_delivery", "staff_conduct"),
    ("damaged_item", "defective_product"),
    ("damaged_item", "late_delivery"),
    ("damaged_item", "staff_conduct"),
    ("damaged_item", "unreachable_service"),
    ("defective_product", "staff_conduct"),
    ("defective_product", "unreachable_service"),
    ("defective_product", "wrong_item"),
    ("defective_product", "refund_overdue"),
    ("defective_product", "late_delivery"),
    ("wrong_item", "staff_conduct"),
    ("wrong_item", "refund_overdue"),
    ("wrong_item", "late_delivery"),
    ("wrong_item", "unreachable_service"),
    ("incomplete_order", "unreachable_service"),
    ("incomplete_order", "staff_conduct"),
    ("incomplete_order", "late_delivery"),
    ("incomplete_order", "damaged_item"),
    ("order_cancelled", "late_delivery"),
    ("order_cancelled", "staff_conduct"),
    ("order_cancelled", "promo_not_honoured"),
    ("order_cancelled", "payment_failed"),
    ("delivered_not_received", "late_delivery"),
    ("delivered_not_received", "refund_overdue"),
    ("delivered_not_received", "staff_conduct"),
    ("refund_overdue", "staff_conduct"),
    ("refund_overdue", "unreachable_service"),
    ("promo_not_honoured", "late_delivery"),
    ("wrong_charge", "promo_not_honoured"),
    ("wrong_charge", "late_delivery"),
    ("wrong_charge", "unreachable_service"),
    ("account_access", "unreachable_service"),
    ("account_access", "app_failure"),
    ("payment_failed", "app_failure"),
    ("app_failure", "late_delivery"),
    ("staff_conduct", "unreachable_service"),
)
"""Troubles that are named together."""
JOINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (
        ". ", ", ", " ", ".. ", " udah gitu ", ", mana ", ". terus ", ", ", " dan ", ". Belum lagi ", ", trus ", "!! ",
    ),
}  # fmt: skip
_LONGEST: Final = 26
"""Words of a sentence that is taken."""


def mix(
    sentences: Sequence[tuple[tuple[str, ...], str]], language: str, each: int, seed: int = 1
) -> list[tuple[tuple[str, ...], str]]:
    """Return ``each`` texts of two or three sentences for every pair of `TOGETHER`, with their labels in order."""
    joints = JOINTS.get(language)
    if not joints:
        return []
    by: dict[str, list[str]] = {}
    for labels, text in sentences:
        if len(labels) == 1 and len(text.split()) <= _LONGEST:
            by.setdefault(labels[0], []).append(text)
    draw = random.Random(seed)
    found: list[tuple[tuple[str, ...], str]] = []
    for pair in TOGETHER:
        for _ in range(each):
            order = list(pair) if draw.random() < 0.6 else [pair[1], pair[0]]
            if draw.random() < 0.35:
                order.insert(0 if draw.random() < 0.6 else 2, "unclear")
            if any(name not in by for name in order):
                continue
            text = ""
            for name in order:
                text += (draw.choice(joints) if text else "") + draw.choice(by[name]).rstrip(".! ")
            named = [name for name in order if name != "unclear"]
            found.append((tuple(sorted(named, key=lambda name: AFTER.get(name, 0))), text))
    return found
