"""What verdicts have taught: checked like anything else in the folder, and it replaces the priors."""

from pathlib import Path

import pytest

from services.registry import load
from services.router.rules import rules_from

from .spoiling import refused


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('version = "1"\ncalibration = [[0, 0], [5000, 4000], [5000, 6000]]', "must ascend"),
        ('version = "1"\n[priors.late_deliver]\ncourier = 0.5', 'no symptom "late_deliver"'),
        ('version = "1"\n[priors.late_delivery]\ncourir = 0.5', 'no department "courir"'),
        ('version = "1"\n[priors.late_delivery]\ncourier = 0.7\npacking = 0.7', "more than 1"),
        ("calibration = [[0, 0]]", "version: the field is missing"),
    ],
)
def test_what_was_learned_is_checked_too(folder: Path, written: str, said: str) -> None:
    """A person promotes it, so a person may have mistyped it."""
    (folder / "learned").mkdir()
    (folder / "learned/verdicts.toml").write_text(written, encoding="utf-8")
    assert said in refused(folder)


def test_what_was_learned_replaces_the_priors(folder: Path) -> None:
    """For the symptoms it names; the rest and the version stay visible."""
    (folder / "learned").mkdir()
    (folder / "learned/verdicts.toml").write_text(
        'version = "2026-11-a"\ncalibration = [[0, 0], [6000, 7000], [10000, 9500]]\n'
        "[priors.late_delivery]\npacking = 0.9\n",
        encoding="utf-8",
    )
    rules = rules_from(load(folder))
    assert rules.symptoms["late_delivery"].priors == {"packing": 0.9}
    assert rules.symptoms["wrong_item"].priors == {"warehouse": 0.6, "packing": 0.25}
    assert rules.calibration == ((0, 0), (6000, 7000), (10000, 9500))
    assert rules.learned == {"verdicts": "2026-11-a"}
