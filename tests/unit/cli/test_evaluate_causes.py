"""The core against planted truth: what has to hold, and what the command prints."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from services.cli.app import app
from services.cli.causes_scoring import Answer, Judged, calibration_error, figures, reliability
from services.cli.reliability import bars, curve, svg
from services.simulator.proof.model import Expect, Truth

ORDERS = 156
"""Of each company: three of every kind of the shop, and more of the others."""


@cache
def found() -> Mapping[str, Any]:
    result = CliRunner().invoke(
        app, ["evaluate", "causes", "--orders", str(ORDERS), "--seed", "2000", "--json"]
    )
    assert result.exit_code == 0, result.output
    values: Mapping[str, Any] = json.loads(result.stdout)
    return values


def figure(run: str, name: str, who: str = "akar") -> float:
    value = found()["runs"][run][who][name]
    assert isinstance(value, float)
    return value


@pytest.mark.parametrize(
    ("run", "name", "goal"),
    [
        # Goals of the whole evaluation, less what a slice of this size may be off by.
        ("complete", "top1", 0.93),
        ("missing or late", "top1", 0.76),
        ("missing", "top1", 0.68),
        ("late", "top1", 0.80),
        ("missing", "top1_known", 0.85),
    ],
)
def test_the_true_cause_is_named_first(run: str, name: str, goal: float) -> None:
    """Where the evidence is whole, and where a fifth of it is missing or late."""
    assert figure(run, name) >= goal


@pytest.mark.parametrize(
    ("run", "most"),
    [("complete", 0.03), ("missing or late", 0.08), ("missing", 0.12), ("late", 0.07)],
)
def test_few_alerts_go_to_the_wrong_department(run: str, most: float) -> None:
    """Of those alerted as a cause, hardly any had no part in it."""
    assert figure(run, "wrong_department_rate") <= most


@pytest.mark.parametrize(
    ("run", "most"),
    [("complete", 0.05), ("missing or late", 0.05), ("missing", 0.07), ("late", 0.05)],
)
def test_confidence_is_what_it_says(run: str, most: float) -> None:
    """The expected calibration error is within its goal with all evidence, and stays small without."""
    assert figure(run, "ece") <= most


@pytest.mark.parametrize("rule", ["text_only", "last_event"])
def test_both_simple_rules_do_far_worse(rule: str) -> None:
    """Neither words alone nor the last event come near."""
    assert figure("complete", "top1", rule) < figure("complete", "top1") - 0.3
    assert figure("complete", "wrong_department_rate", rule) > 0.3


def test_every_complaint_gets_an_outcome() -> None:
    """Named, asked, waiting or in triage: nothing falls through."""
    akar = found()["runs"]["complete"]["akar"]
    assert akar["coverage"] == 1.0
    assert sum(akar["outcomes"].values()) == 3 * ORDERS


def test_the_json_has_the_first_run_s_figures_on_top() -> None:
    """A script that asks for one number finds it without knowing the runs."""
    assert found()["top1"] == figure("complete", "top1")
    assert {"top2", "share_error", "wrong_department_rate", "coverage", "ece"} <= set(found())


def test_real_orders_that_are_not_there_are_named(tmp_path: Path) -> None:
    """A folder without the files is an error with a remedy, not a traceback."""
    result = CliRunner().invoke(
        app,
        [
            "evaluate",
            "causes",
            "--company",
            "olist",
            "--orders",
            "5",
            "--missing",
            "0",
            "--olist",
            str(tmp_path),
        ],
    )
    assert result.exit_code != 0


def test_a_threshold_is_an_exit_code() -> None:
    """An impossible threshold ends with 1."""
    words = ["evaluate", "causes", "--company", "olist", "--orders", "34", "--missing", "0.5"]
    assert CliRunner().invoke(app, [*words, "--fail-under", "0.01"]).exit_code == 0
    assert CliRunner().invoke(app, [*words, "--fail-under", "1"]).exit_code == 1


def judged(
    expect: Expect, truth: dict[str, float], named: dict[str, float], confidence: float = 0.9
) -> Judged:
    answer = Answer(tuple(named.items()), confidence, "assigned" if named else "triage")
    return Judged("shop", "kind", "key", Truth(truth, expect), answer)


def test_an_abstention_is_right_only_where_it_is_honest() -> None:
    """Where somebody is nameable silence is not right; where an honest system asks, it is, and a wrong name is wrong."""
    assert not judged(Expect.NAME, {"a": 1.0}, {}).right
    assert judged(Expect.ASK, {"a": 1.0}, {}).right
    assert judged(Expect.ASK, {"a": 1.0}, {"a": 1.0}).right
    assert judged(Expect.ASK, {"a": 1.0}, {"b": 1.0}).wrong
    assert judged(Expect.NOBODY, {}, {"a": 1.0}).wrong


def test_the_figures_of_a_few_cases_by_hand() -> None:
    """Two right, one wrong, one abstained: every figure can be checked with a pencil."""
    rows = [
        judged(Expect.NAME, {"a": 1.0}, {"a": 1.0}),
        judged(Expect.NAME, {"a": 0.6, "b": 0.4}, {"a": 0.5, "b": 0.5}),
        judged(Expect.NAME, {"a": 1.0}, {"b": 0.8, "a": 0.2}),
        judged(Expect.NAME, {"a": 1.0}, {}),
    ]
    values = figures(rows)
    assert values["top1"] == 0.5
    assert values["top2"] == 0.75
    assert values["alerts"] == 5
    assert values["wrong_department_rate"] == 0.2
    assert values["share_error"] == pytest.approx((0 + 0.1 + 0.8) / 3, abs=1e-4)
    assert values["ece"] == pytest.approx(0.9 - 2 / 3, abs=1e-4)


def test_the_curve_shows_what_naming_less_would_give() -> None:
    """From 0.9 on one of three is named, and rightly; all of them cost one wrong alert of three. The picture has a dot for each."""
    rows = [
        judged(Expect.NAME, {"a": 1.0}, {"a": 1.0}, 0.92),
        judged(Expect.NAME, {"a": 1.0}, {"a": 1.0}, 0.75),
        judged(Expect.NAME, {"a": 1.0}, {"b": 1.0}, 0.72),
        judged(Expect.NAME, {"a": 1.0}, {}),
    ]
    found = figures(rows)["curve"]
    assert [(row["from"], row["named"], row["wrong_department_rate"]) for row in found] == [
        (0.0, 0.75, 0.3333),
        (0.7, 0.75, 0.3333),
        (0.8, 0.25, 0.0),
        (0.85, 0.25, 0.0),
        (0.9, 0.25, 0.0),
    ]
    tree = ET.fromstring(curve({"complete": found}, title="a < b"))
    assert len([each for each in tree.iter() if each.tag.endswith("title")]) == len(found)


def test_the_reliability_diagram_is_a_picture() -> None:
    """The SVG is well-formed and has a dot for each bin that has answers; the bars leave the others blank."""
    rows = [judged(Expect.NAME, {"a": 1.0}, {"a": 1.0}, confidence) for confidence in (0.55, 0.95)]
    bins = reliability(rows)
    assert calibration_error(bins) == pytest.approx(0.25)
    tree = ET.fromstring(svg({"complete": bins}, title="a < b"))
    titles = [each for each in tree.iter() if each.tag.endswith("title")]
    assert len(titles) == 2
    assert bars(bins) == "·····█···█"
