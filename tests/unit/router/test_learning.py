"""What verdicts teach: labels, priors, calibration."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import VerdictKind
from services.router.learning import (
    STRENGTH,
    Label,
    expected_calibration_error,
    finding,
    fit_calibration,
    fit_priors,
    pooled,
)
from services.router.tracing.model import PARTS, SymptomScore


def label(
    cause: str | None = None,
    *,
    not_cause: str | None = None,
    leading: str | None = None,
    raw: int = 5_000,
    symptom: str = "late_delivery",
    probability: float = 1.0,
) -> Label:
    return Label((SymptomScore(symptom, probability),), cause, not_cause, leading, raw)


def test_a_time_out_is_never_a_label() -> None:
    """Nobody answered: nothing is found."""
    assert finding(VerdictKind.TIMED_OUT, "packing", "packing") == (None, None)


def test_each_verdict_says_what_it_found() -> None:
    """Accepted and own fault name the department, an upheld rejection excludes it, a ruling names its cause."""
    assert finding(VerdictKind.ACCEPTED, "packing", None) == ("packing", None)
    assert finding(VerdictKind.OWN_FAULT, "packing", None) == ("packing", None)
    assert finding(VerdictKind.REJECTION_UPHELD, "packing", "courier") == ("courier", "packing")
    assert finding(VerdictKind.REJECTION_UPHELD, "packing", None) == (None, "packing")
    assert finding(VerdictKind.RULED, "packing", "promise") == ("promise", None)


def test_priors_are_the_mean_of_the_posterior() -> None:
    """The worked example of docs/evaluation.md: labels and present priors add up like counts."""
    labels = [label("packing")] * 60 + [label("courier")] * 10
    found = fit_priors(labels, {"late_delivery": {"courier": 0.5}}, ["packing", "courier"])
    total = 70 + STRENGTH
    assert found["late_delivery"]["packing"] == pytest.approx(60 / total, abs=0.001)
    assert found["late_delivery"]["courier"] == pytest.approx(
        (10 + 0.5 * STRENGTH) / total, abs=0.001
    )


def test_a_cause_that_is_no_department_stays_unknown() -> None:
    """Nobody's doing and the promise take weight from everybody, and have no prior of their own."""
    found = fit_priors([label("nobody")] * 70 + [label("packing")] * 30, {}, ["packing"])
    assert found["late_delivery"] == {"packing": pytest.approx(30 / (100 + STRENGTH), abs=0.001)}


def test_an_open_rejection_counts_for_the_others() -> None:
    """Who it was not gains nothing; the others gain in the proportion of the present priors."""
    present = {"late_delivery": {"packing": 0.4, "courier": 0.4}}
    found = fit_priors([label(not_cause="packing")] * 100, present, ["packing", "courier"])
    row = found["late_delivery"]
    assert row["courier"] > 0.55
    assert row["packing"] == pytest.approx(0.4 * STRENGTH / (100 + STRENGTH), abs=0.001)


@given(
    st.lists(
        st.tuples(st.sampled_from(["packing", "courier", "nobody"]), st.floats(0.1, 1.0)),
        min_size=1,
        max_size=40,
    )
)
def test_priors_never_add_up_to_more_than_one(rows: list[tuple[str, float]]) -> None:
    """Whatever the labels, the registry's rule for priors holds."""
    labels = [label(cause, probability=weight) for cause, weight in rows]
    present = {"late_delivery": {"packing": 0.6, "courier": 0.4}}
    for row in fit_priors(labels, present, ["packing", "courier"]).values():
        assert sum(row.values()) <= 1.0 + 1e-9


def test_pooling_gives_the_nearest_ascending_values() -> None:
    """A dip is shared with its neighbour, by weight; what ascends stays."""
    blocks = [(1, 0.2, 1.0), (2, 0.8, 1.0), (3, 0.5, 3.0), (4, 0.9, 1.0)]
    assert [round(value, 3) for _, value, _ in pooled(blocks)] == [0.2, 0.575, 0.575, 0.9]


@given(st.lists(st.tuples(st.integers(0, PARTS), st.booleans()), min_size=50, max_size=200))
def test_a_calibration_ascends_and_can_be_loaded(rows: list[tuple[int, bool]]) -> None:
    """Points ascend strictly in raw and never fall in what they say: the registry refuses others."""
    labels = [label("a", leading="a" if right else "b", raw=raw) for raw, right in rows]
    points = fit_calibration(labels)
    assert [raw for raw, _ in points] == sorted({raw for raw, _ in points})
    assert [kept for _, kept in points] == sorted(kept for _, kept in points)
    assert all(0 <= kept <= PARTS for _, kept in points)


def test_few_labels_give_no_calibration() -> None:
    """Below the least number of labels nothing is concluded."""
    assert fit_calibration([label("a", leading="a")] * 49) == ()


def test_a_fit_lowers_the_error_of_an_overconfident_core() -> None:
    """Raw 0.95 that is right in 7 of 10, and raw 0.6 in 6 of 10, become 0.7 and 0.6."""
    labels = [
        label("a", leading="a" if index % 10 < 7 else "b", raw=9_500) for index in range(400)
    ] + [label("a", leading="a" if index % 10 < 6 else "b", raw=6_000) for index in range(400)]
    points = dict(fit_calibration(labels))
    assert points[9_500] == pytest.approx(7_000, abs=60)
    assert points[6_000] == pytest.approx(6_000, abs=60)


def test_the_calibration_error_is_the_mean_gap() -> None:
    """Two bins: 0.9 right always, 0.5 never: (0.1 + 0.5) / 2."""
    answers = [(0.9, True)] * 10 + [(0.5, False)] * 10
    assert expected_calibration_error(answers) == pytest.approx(0.3)
    assert expected_calibration_error([]) == 0.0


def test_what_was_not_told_counts_only_below_what_was() -> None:
    """Abstentions at a high raw confidence had other reasons; those below all that was told keep the map from ending high."""
    told = [label("a", leading="a", raw=9_000 + index) for index in range(60)]
    quiet = [
        replace(label("a", leading="b", raw=raw), told=False) for raw in [9_030] * 60 + [4_000] * 60
    ]
    points = fit_calibration([*told, *quiet])
    assert points[-1][1] > 9_000
    assert points[0][0] == 4_000
    assert points[0][1] < 200
