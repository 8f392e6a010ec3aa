"""How often an answer of a given confidence is right, and how many alerts go wrong when fewer are sent, as pictures (SVG).

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


def curve(series: Mapping[str, Bins], *, title: str) -> str:
    """A standalone SVG: to the right how many cases are named, upwards how many alerts go to the wrong department."""
    width, height = SIZE + 2 * MARGIN + 150, SIZE + 2 * MARGIN
    left, bottom = MARGIN, MARGIN + SIZE
    worst = max([row["wrong_department_rate"] for rows in series.values() for row in rows] + [0.1])
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        f'<rect x="{left}" y="{MARGIN}" width="{SIZE}" height="{SIZE}" fill="none" stroke="#999"/>',
        f'<text x="{left + SIZE / 2}" y="{bottom + 34}" text-anchor="middle">cases named</text>',
    ]
    for step in range(0, 11, 2):
        x = left + SIZE * step / 10
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{step * 10} %</text>')
    for step in range(5):
        share = worst * step / 4
        y = bottom - SIZE * step / 4
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{share:.1%}</text>')
    goal = bottom - SIZE * 0.05 / worst
    parts.append(
        f'<line x1="{left}" y1="{goal:.1f}" x2="{left + SIZE}" y2="{goal:.1f}" stroke="#999" stroke-dasharray="4"/>'
    )
    for index, (name, rows) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        places = [
            (left + SIZE * row["named"], bottom - SIZE * row["wrong_department_rate"] / worst)
            for row in rows
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
        for (x, y), row in zip(places, rows, strict=True):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>from {row["from"]} on: named '
                f"{row['named']:.3f}, wrong {row['wrong_department_rate']:.3f}</title></circle>"
            )
        y, x = MARGIN + 20 * index + 10, left + SIZE + 16
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
