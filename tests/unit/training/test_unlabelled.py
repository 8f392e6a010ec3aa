"""Texts without labels: each once, long enough, and never one on which a language is judged."""

from __future__ import annotations

import csv
from pathlib import Path

from training import public, unlabelled


def _spelled(text: str) -> tuple[str, ...]:
    return tuple(text.lower().split())


def test_judged_texts_and_short_ones_are_left_out(tmp_path: Path) -> None:
    """A judged text in another case is not learned from, a text that is met twice counts once, and the source says how many."""
    one = public.sources("id", public.UNLABELLED)[0]
    told = ["Paket belum sampai juga", "barang bagus sekali kak", "barang bagus sekali kak", "ok"]
    with one.local(tmp_path, one.files[0]).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[one.column], *([text] for text in told)])
    found, sources = unlabelled.gather(
        "id",
        tmp_path,
        _spelled,
        known=["kurirnya ramah dan sopan"],
        judged=["paket belum sampai JUGA"],
    )
    assert found == [_spelled(told[1]), _spelled("kurirnya ramah dan sopan")]
    assert [(source.texts, one.commit in source.name) for source in sources] == [(1, True)]


def test_without_public_texts_there_is_nothing(tmp_path: Path) -> None:
    """A few hundred known texts alone say too little of which words are alike."""
    assert unlabelled.gather("id", tmp_path, _spelled, known=["a b c d"], judged=[]) == ([], [])
