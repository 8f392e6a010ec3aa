"""Sentences of our own, written as patterns, spelled out.

It stands apart because a pattern says once what customers say in many ways: `{a|b|}` is a choice, `<NAME>` a word of a list.

Hazard: the choices are drawn by a seeded generator in the order of the file; a new line changes what later lines become.
"""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Final

_CHOICE: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"<([A-Z]+)>")


def read(path: Path) -> tuple[dict[str, list[str]], list[tuple[tuple[str, ...], str]]]:
    """Return the word lists, and each pattern with its labels.

    Raises:
        ValueError: A line is neither a list nor a pattern.
    """
    lists: dict[str, list[str]] = {}
    patterns: list[tuple[tuple[str, ...], str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        head, mark, rest = line.removeprefix("= ").partition(": ")
        if not mark:
            raise ValueError(f"{path} line {number}: write `label: pattern` or `= NAME: a|b`")
        if line.startswith("= "):
            lists[head] = rest.split("|")
        else:
            patterns.append((tuple(head.split("+")), rest))
    return lists, patterns


def spell_out(path: Path, each: int, seed: int = 1) -> list[tuple[tuple[str, ...], str]]:
    """Return up to ``each`` different sentences of every pattern, with their labels."""
    lists, patterns = read(path)
    draw = random.Random(seed)
    found: list[tuple[tuple[str, ...], str]] = []
    for labels, pattern in patterns:
        sentences = dict.fromkeys(_one(pattern, lists, draw) for _ in range(each))
        found.extend((labels, sentence) for sentence in sentences)
    return found


def _one(pattern: str, lists: dict[str, list[str]], draw: random.Random) -> str:
    text = pattern
    while match := _CHOICE.search(text):
        text = text[: match.start()] + draw.choice(match[1].split("|")) + text[match.end() :]
    while match := _NAME.search(text):
        text = text[: match.start()] + draw.choice(lists[match[1]]) + text[match.end() :]
    return " ".join(text.split())
