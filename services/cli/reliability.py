"""The reliability diagram: how often an answer of a given confidence is right, as a picture (SVG) and as bars.

It stands apart because it knows only bins.  The picture is written by hand: a diagonal, dots as large as their bin, and the
numbers, needs no plotting library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

SIZE: Final = 320
MARGIN: Final = 46
COLOURS: Final = ("#0b5c8f", "#b45309", "#4d7c0f", "#86198f")
_LEVELS: Final = " ▁▂▃▄▅▆▇█"

Bins = Sequence[Mapping[str, float]]


def svg(series: Mapping[str, Bins], *, title: str) -> str:
    """A standalone SVG with one line of dots for each named series."""
    width, height = SIZE + 2 * MARGIN + 150, SIZE + 2 * MARGIN
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{MARGIN}" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        *_axes(),
    ]
    for index, (name, bins) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        total = sum(row["cases"] for row in bins) or 1
        points = " ".join(f"{_x(row['confidence'])},{_y(row['right'])}" for row in bins)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" opacity="0.6"/>')
        for row in bins:
            radius = 3 + 9 * (row["cases"] / total) ** 0.5
            parts.append(
                f'<circle cx="{_x(row["confidence"])}" cy="{_y(row["right"])}" r="{radius:.1f}" '
                f'fill="{colour}" opacity="0.8"><title>{row["cases"]:.0f} answers, confidence '
                f"{row['confidence']:.3f}, right {row['right']:.3f}</title></circle>"
            )
        y = MARGIN + 20 * index + 10
        x = MARGIN + SIZE + 16
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{x + 12}" y="{y}">{escape(name)}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def bars(bins: Bins) -> str:
    """One line for a terminal: under each tenth of confidence, how often it was right (blank: no answers)."""
    by_bin = {round(row["from"] * 10): row["right"] for row in bins}
    return "".join(_LEVELS[max(1, round(by_bin[i] * 8))] if i in by_bin else "·" for i in range(10))


def _axes() -> list[str]:
    parts = [
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{SIZE}" height="{SIZE}" fill="none" stroke="#999"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#999" stroke-dasharray="4 4"/>',
        f'<text x="{MARGIN + SIZE / 2}" y="{MARGIN + SIZE + 36}" text-anchor="middle">confidence</text>',
        (
            f'<text x="14" y="{MARGIN + SIZE / 2}" text-anchor="middle" '
            f'transform="rotate(-90 14 {MARGIN + SIZE / 2})">right</text>'
        ),
    ]
    for tenth in range(0, 11, 2):
        value = tenth / 10
        parts.append(
            f'<text x="{_x(value)}" y="{MARGIN + SIZE + 18}" text-anchor="middle">{value}</text>'
        )
        parts.append(f'<text x="{MARGIN - 8}" y="{_y(value) + 4}" text-anchor="end">{value}</text>')
    return parts


def _x(value: float) -> float:
    return round(MARGIN + SIZE * value, 1)


def _y(value: float) -> float:
    return round(MARGIN + SIZE * (1 - value), 1)
