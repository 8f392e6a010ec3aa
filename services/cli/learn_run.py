"""`akar learn`: fit priors and calibration from verdicts, try them in shadow beside the live ones, promote them by a person's word.

It stands apart from the arithmetic (`services.router.learning`).  Hazard: nothing here ever changes what is live but `promote`, and
that only with a shadow report about exactly this candidate and exactly this registry.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from schemas.vocabulary import CauseKind
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import ConfigurationError
from services.cli.backtest_files import chunks, samples
from services.cli.backtest_run import compare
from services.cli.company import folder_of, load_company
from services.registry import Company
from services.router.backtest import decide, leading
from services.router.learning import (
    Label,
    expected_calibration_error,
    fit_calibration,
    fit_priors,
)
from services.router.rules import rules_from
from services.router.tracing.choice import calibrated
from services.router.tracing.company import Rules
from services.router.tracing.members import NAMING
from services.router.tracing.model import PARTS
from services.router.tracing.symptoms import classify

FOLDS: Final = 5
FILE: Final = "learned.toml"
"""The name that a promoted file gets in the registry's folder `learned`."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labels of a file, and how many complaints had none."""

    labels: list[Label]
    complaints: int


def fit(
    *,
    cases: list[Path],
    registry: str | None,
    output: Path,
    version: str | None,
    note: str,
    as_json: bool,
    clock: Clock | None = None,
) -> None:
    """Fit from complaints with verdicts and write a candidate.

    Raises:
        ConfigurationError: No complaint has a verdict, or a file cannot be used.
    """
    company = load_company(folder_of(registry))
    rules = rules_from(company)
    found = labelled(cases, rules)
    if not found.labels:
        raise ConfigurationError(
            f"no complaint of {', '.join(str(path) for path in cases)} has a verdict: "
            "join them by akar backtest export --verdicts FILE"
        )
    present = {symptom: rule.priors for symptom, rule in rules.symptoms.items()}
    fitted = fit_priors(found.labels, present, rules.departments)
    # One that verdicts emptied is written all the same: left out, the company's first guess would be back.
    priors = {symptom: row for symptom, row in fitted.items() if row or present[symptom]}
    points = fit_calibration(found.labels)
    kept = kept_of(company, rules, priors, points)
    day = (clock or SystemClock()).now().date().isoformat()
    note = note or f"fitted on {len(found.labels)} verdicts of {found.complaints} complaints"
    text = written(
        version=version or f"{day}-{len(found.labels)}",
        note=f"{note}; {kept.said}" if kept.said else note,
        priors={**kept.priors, **priors},
        points=points or kept.points,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    told = {
        "output": str(output),
        "complaints": found.complaints,
        "labels": len(found.labels),
        "symptoms": len(priors),
        "calibration_points": len(points),
        "kept_priors": sorted(kept.priors),
        "kept_calibration_points": len(kept.points),
        "ece_raw": _rounded(_error(found.labels, ())),
        "ece_cross_validated": _rounded(cross_validated(found.labels)),
    }
    if as_json:
        print(json.dumps(told))
        return
    rest = f"Too few verdicts for the rest: {kept.said}. " if kept.said else ""
    print(
        f"{output}: priors of {told['symptoms']} symptoms, {told['calibration_points']} points of calibration from "
        f"{told['labels']} verdicts. Calibration error raw {told['ece_raw']}, calibrated and cross-validated "
        f"{told['ece_cross_validated']}. {rest}Next: akar learn shadow {output} --file CASES"
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """What is live, was learned, and nothing new is known about."""

    priors: dict[str, dict[str, float]]
    points: tuple[tuple[int, int], ...]
    said: str
    """The same in words; empty for nothing."""


def kept_of(
    company: Company,
    rules: Rules,
    priors: Mapping[str, Mapping[str, float]],
    points: tuple[tuple[int, int], ...],
) -> Kept:
    """What a candidate takes over from the learned files that it replaces: symptoms and a calibration that were not fitted."""
    learned = {symptom for each in company.learned.values() for symptom in each.priors}
    older = {
        symptom: dict(rules.symptoms[symptom].priors) for symptom in sorted(learned - priors.keys())
    }
    calibration = () if points else rules.calibration
    what = [f"priors of {', '.join(older)}"] if older else []
    what += ["the calibration"] if calibration else []
    versions = ", ".join(dict.fromkeys(rules.learned.values()))
    said = f"kept of {versions}: {' and '.join(what)}" if what else ""
    return Kept(older, calibration, said)


def labelled(cases: list[Path], rules: Rules) -> Labelled:
    """What the verdicts of some files say about raw decisions (no calibration) by these rules."""
    raw = replace(rules, calibration=())
    labels: list[Label] = []
    complaints = 0
    for path in cases:
        for chunk in chunks(path):
            for sample, row in samples(chunk):
                complaints += 1
                verdict = row.get("verdict") or {}
                if "cause" not in verdict and "not_cause" not in verdict:
                    continue
                symptoms = classify(sample.text, sample.language, raw)
                decision = decide(sample, raw, symptoms)
                first = decision.causes[0]
                named = None if first.kind is CauseKind.UNKNOWN else first
                labels.append(
                    Label(
                        symptoms=symptoms,
                        cause=verdict.get("cause"),
                        not_cause=verdict.get("not_cause"),
                        leading=None if named is None else named.department or named.kind.value,
                        raw=decision.confidence_parts,
                        told=decision.outcome in NAMING,
                    )
                )
    return Labelled(labels, complaints)


def cross_validated(labels: list[Label]) -> float | None:
    """The calibration error of labels by a map that was fitted on the others."""
    answers: list[tuple[float, bool]] = []
    for fold in range(FOLDS):
        points = fit_calibration(
            label for index, label in enumerate(labels) if index % FOLDS != fold
        )
        if not points:
            return None
        answers += _answers(labels[fold::FOLDS], points)
    return expected_calibration_error(answers)


def _error(labels: list[Label], points: tuple[tuple[int, int], ...]) -> float:
    return expected_calibration_error(_answers(labels, points))


def _answers(labels: list[Label], points: tuple[tuple[int, int], ...]) -> list[tuple[float, bool]]:
    map_ = _Points(points)
    return [
        (map_(label.raw), label.leading == label.cause)
        for label in labels
        if label.leading is not None and label.cause is not None and label.told
    ]


class _Points:
    """Reads a calibration as the core does."""

    def __init__(self, points: tuple[tuple[int, int], ...]) -> None:
        self._rules: Any = _OnlyCalibration(points)

    def __call__(self, raw: int) -> float:
        return calibrated(raw, self._rules) / PARTS


@dataclass(frozen=True, slots=True)
class _OnlyCalibration:
    calibration: tuple[tuple[int, int], ...]


def written(
    *,
    version: str,
    note: str,
    priors: dict[str, dict[str, float]],
    points: tuple[tuple[int, int], ...],
) -> str:
    """A learned file as TOML."""
    lines = [
        "# Written by `akar learn fit`; promoted by a person. Do not edit by hand: fit again.",
        f"version = {json.dumps(version)}",
        f"note = {json.dumps(note, ensure_ascii=False)}",
    ]
    if points:
        pairs = [f"    [{raw}, {kept}]," for raw, kept in points]
        lines += [
            "",
            "# raw confidence, calibrated confidence, in ten-thousandths",
            "calibration = [",
        ]
        lines += [*pairs, "]"]
    for symptom, row in sorted(priors.items()):
        lines += ["", f"[priors.{symptom}]"]
        lines += [f"{department} = {weight}" for department, weight in sorted(row.items())]
    return "\n".join(lines) + "\n"


def shadow(
    *, candidate: Path, registry: str | None, file: Path, workers: int, as_json: bool
) -> None:
    """Decide past complaints by the live registry and by the same with the candidate; write the report beside the candidate.

    Raises:
        ConfigurationError: The candidate, the registry or the file cannot be used.
    """
    live = folder_of(registry)
    with trial(live, candidate) as folder:
        found = compare(live=str(live), candidate=str(folder), file=file, workers=workers)
        errors = {
            side: calibration_error(file, rules_from(load_company(where)))
            for side, where in (("live", live), ("candidate", folder))
        }
    found["candidate"]["registry"] = str(candidate)
    found["calibration_error"] = errors
    found["learned_sha256"] = _digest(candidate)
    report = report_of(candidate)
    report.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps(found))
        return
    from services.cli.backtest_run import show

    show(found)
    Console(highlight=False).print(
        f"Calibration error: live {_rounded(errors['live'])}, candidate {_rounded(errors['candidate'])}.\n"
        f"The report is {report}. If you want it live: akar learn promote {candidate} --by NAME --reason WHY"
    )


def calibration_error(file: Path, rules: Rules) -> float | None:
    """The calibration error of whatever these rules would tell somebody, where a verdict is known."""
    answers = []
    for chunk in chunks(file):
        for sample, _ in samples(chunk):
            if sample.cause is None:
                continue
            decision = decide(sample, rules, classify(sample.text, sample.language, rules))
            if decision.outcome in NAMING:
                answers.append((decision.confidence, leading(decision) == sample.cause))
    return expected_calibration_error(answers) if answers else None


def promote(
    *, candidate: Path, registry: str | None, by: str, reason: str, clock: Clock | None = None
) -> None:
    """Copy a candidate into the registry, with who wanted it and why.

    Raises:
        ConfigurationError: There is no shadow report about this candidate and this registry, or nobody stands behind it.
    """
    live = folder_of(registry)
    company = load_company(live)
    if not by.strip() or not reason.strip():
        raise ConfigurationError("a person promotes: give --by NAME and --reason WHY")
    report = report_of(candidate)
    try:
        seen = json.loads(report.read_text(encoding="utf-8"))
    except OSError:
        raise ConfigurationError(
            f"there is no {report}: first try it in shadow, akar learn shadow {candidate} --file CASES"
        ) from None
    if seen.get("learned_sha256") != _digest(candidate):
        raise ConfigurationError(
            f"{report} is about another candidate: {candidate} has changed since; run akar learn shadow again"
        )
    if seen["live"]["digest"] != company.digest:
        raise ConfigurationError(
            f"{report} is about another state of {live}: run akar learn shadow again"
        )
    day = (clock or SystemClock()).now().date().isoformat()
    with trial(live, candidate):
        # Loads: a candidate that the company cannot be read with never gets there.
        pass
    target = live / "learned" / FILE
    target.parent.mkdir(exist_ok=True)
    promoted = candidate.read_text(encoding="utf-8").splitlines()
    before = target.read_text(encoding="utf-8").splitlines()[:1] if target.is_file() else []
    # What tells an editor the file's schema stays.
    kept = [line for line in before if line.startswith("#:schema")]
    said = json.dumps(f"promoted {day} by {by.strip()}: {reason.strip()}", ensure_ascii=False)
    text = "\n".join([*kept, *(_noted(line, said) for line in promoted)]) + "\n"
    for other in (live / "learned").glob("*.toml"):
        if other != target:
            other.unlink()
    target.write_text(text, encoding="utf-8")
    after = load_company(live)
    print(
        f"{target}: version {_version(target)} is live from the next start or reload. Digest {company.digest[:16]} "
        f"becomes {after.digest[:16]}."
    )
    pairs = (
        ("cost per complaint", seen["cost_per_complaint"]),
        ("calibration error", seen["calibration_error"]),
    )
    rises = [
        f"the {what} rises from {_rounded(sides['live'])} to {_rounded(sides['candidate'])}"
        for what, sides in pairs
        if (sides["candidate"] or 0.0) > (sides["live"] or 0.0)
    ]
    if rises:
        print(
            f"By its report {', '.join(rises)}. Back: akar registry activate {company.digest[:12]}. "
            "A folder that is put back while nothing runs is not taken up again."
        )


def _noted(line: str, said: str) -> str:
    if not line.startswith("note = "):
        return line
    return f"note = {json.dumps(json.loads(line.removeprefix('note = ')) + '; ' + json.loads(said), ensure_ascii=False)}"


@contextmanager
def trial(live: Path, candidate: Path) -> Iterator[Path]:
    """A copy of the registry in which the candidate is what was learned.

    Raises:
        ConfigurationError: The candidate does not exist or does not fit the company.
    """
    if not candidate.is_file():
        raise ConfigurationError(
            f"there is no {candidate}: akar learn fit -o {candidate} writes it"
        )
    with tempfile.TemporaryDirectory(prefix="akar-shadow-") as holder:
        folder = Path(holder) / live.name
        shutil.copytree(live, folder)
        shutil.rmtree(folder / "learned", ignore_errors=True)
        (folder / "learned").mkdir()
        shutil.copyfile(candidate, folder / "learned" / FILE)
        load_company(folder)
        yield folder


def report_of(candidate: Path) -> Path:
    """Where the shadow report of a candidate lies."""
    return candidate.with_suffix(".shadow.json")


def _version(path: Path) -> str:
    import tomllib

    return str(tomllib.loads(path.read_text(encoding="utf-8"))["version"])


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
