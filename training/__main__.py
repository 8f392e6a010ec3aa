"""`python -m training`: fit the symptom models and write them where the product reads them.

It stands apart as the wiring: texts, features, fit, figures, file. Hazard: the date is an argument, so that the same texts give the
same file on any day.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.router.tracing.linear import parse
from training import artefact, fit, meaning, public, texts, unlabelled, vectors, windows
from training.meaning import Meaning
from training.readers import Readers
from training.texts import Source, Text

ROOT: Final = Path(__file__).parents[1]
OUT: Final = ROOT / "services" / "registry" / "packs"
JUDGED: Final = {"id": "dev", "en": "banking", "pt": "corpus"}
"""The source on which a language is judged."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--texts", type=Path, default=ROOT.parent / "shared" / "data" / "texts")
    parser.add_argument(
        "--reviews", type=Path, default=ROOT / "build" / "reviews", help="public reviews, if any"
    )
    parser.add_argument("--language", action="append", choices=sorted(JUDGED), help="default: all")
    parser.add_argument(
        "--date", help="written into the model, such as 2026-11-22; with it, files are written"
    )
    chosen = parser.parse_args(arguments)
    for language in chosen.language or sorted(JUDGED):
        one(language, chosen.texts, chosen.reviews, chosen.date)
    return 0


def one(language: str, shared: Path, reviews: Path, date: str | None) -> None:
    """Judge one language on texts left out, then fit it on all; write the file when there is a date."""
    if lacking := public.missing(language, reviews):
        print(
            f"{language}: these public reviews are not here, and the model is worse without them:"
        )
        print("  " + "\n  ".join([f"mkdir -p {reviews}", *lacking]))
    gathered, sources = texts.gather(language, shared, reviews)
    words_mean, more = meaning_of(language, reviews, gathered)
    sources += more
    labels = sorted({label for text in gathered for label in text.labels})
    seen = [vectors.look(text.text, language, labels) for text in gathered]
    print(
        f"{language}: {len(gathered)} texts; " + ", ".join(f"{s.name} {s.texts}" for s in sources)
    )

    def kept(text: Text) -> bool:
        return language != "id" or text.source != "dev" or not texts.held_out(text.key)

    here = [n for n, text in enumerate(gathered) if kept(text)]
    away = [n for n, text in enumerate(gathered) if not kept(text)]
    judged = [n for n in here if gathered[n].source == JUDGED[language]]
    small = [gathered[n] for n in here]
    place = {n: position for position, n in enumerate(here)}
    reader = Readers.of([seen[n] for n in here], small, language, labels, words_mean)
    margins = fit.left_out(
        lambda rows: reader.learn(rows).margins, small, [place[n] for n in judged]
    )
    crossed = fit.figures(margins, [gathered[n] for n in judged], labels)
    heat = fit.temperature(margins, [gathered[n] for n in judged], labels)
    print(f"{language}: cross-validated {crossed}, temperature {heat}")
    print(
        f"  calibration error, coverage curve: {fit.sureness(margins, [gathered[n] for n in judged], labels, heat)}"
    )
    found: dict[str, object] = {"cross-validated": crossed}
    if away:
        learned = reader.learn(range(len(here)))
        held = learned.of_texts([seen[n] for n in away])
        found["held out"] = fit.figures(held, [gathered[n] for n in away], labels)
        error, points = fit.sureness(held, [gathered[n] for n in away], labels, heat)
        found["held out, calibration error"] = error
        print(f"{language}: held out {found['held out']}, calibration error {error}")
        print("  (threshold, coverage, accuracy): " + " ".join(map(str, points)))
    if not date:
        return
    final = Readers.of(seen, gathered, language, labels, words_mean)
    learned = final.learn(range(len(seen)))
    text = artefact.write(
        language=language,
        fitted=learned.fitted,
        vocabulary=final.words,
        letters=final.letters,
        networks=learned.networks,
        heat=heat,
        sources=sources,
        counts=texts.counts(gathered),
        figures=found,
        date=date,
        command=f"make train TRAIN_ARGS='--language {language} --date {date}'",
    )
    path = OUT / f"{language}.model"
    path.write_text(text, encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(parse(text).rows)} features, {len(text) / 1e6:.1f} MB")


def meaning_of(
    language: str, reviews: Path, gathered: Sequence[Text]
) -> tuple[Meaning | None, list[Source]]:
    """Return the vectors of words of a language whose network starts from them, and their sources; nothing without sources."""
    if language not in windows.SEEDS:
        return None, []
    judged = JUDGED[language]
    told, sources = unlabelled.gather(
        language,
        reviews,
        lambda text: vectors.spelled(text, language),
        known=[text.text for text in gathered if text.source != judged and windows.teaches(text)],
        judged=[text.text for text in gathered if text.source == judged],
    )
    return (meaning.learn(told, windows.VECTOR) if sources else None), sources


if __name__ == "__main__":
    sys.exit(main())
