"""`akar evaluate symptoms`: its figures and its errors, on sentences of our own."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.chassis.errors import ConfigurationError
from services.cli.app import app
from services.cli.evaluate_symptoms import read
from services.cli.scoring import Reading, curve, figures

KNOWN = frozenset({"late_delivery", "wrong_item", "unclear"})


def written(folder: Path, text: str) -> Path:
    path = folder / "texts.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_figures_are_those_of_the_textbook() -> None:
    """Accuracy, F1 by label and their mean, coverage, any label; all by hand."""
    readings = [
        Reading(("late_delivery",), (("late_delivery", 0.9),)),
        Reading(("late_delivery", "wrong_item"), (("wrong_item", 0.6), ("late_delivery", 0.3))),
        Reading(("wrong_item",), (("wrong_item", 0.7),)),
        Reading(("unclear",), ()),
    ]
    found = figures(readings, vague="unclear")
    assert (found["accuracy"], found["accuracy_any_label"], found["coverage"]) == (0.75, 1.0, 0.75)
    assert found["labels"]["late_delivery"] == {
        "support": 2,
        "precision": 1.0,
        "recall": 0.5,
        "f1": 0.6667,
    }
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3, abs=1e-4)
    assert found["confusion"]["late_delivery"] == {"late_delivery": 1, "wrong_item": 1}


def test_fewer_are_named_from_a_higher_threshold() -> None:
    """The curve falls in coverage, and ends where nothing is named any more."""
    readings = [Reading(("a",), (("a", 0.9),)), Reading(("a",), (("b", 0.35),))]
    points = curve(readings, vague="unclear")
    assert [point["coverage"] for point in points] == [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert (points[0]["accuracy"], points[-1]["accuracy"]) == (0.5, 1.0)


def test_json_has_what_scripts_rely_on(tmp_path: Path) -> None:
    """`accuracy`, `macro_f1`, `coverage`, a row for each label, and the time for one text."""
    path = written(
        tmp_path,
        "text,label\npaket saya belum sampai udah 10 hari,late_delivery\npesan biru yang datang merah,wrong_item\n",
    )
    result = CliRunner().invoke(
        app, ["evaluate", "symptoms", str(path), "--language", "id", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert (found["accuracy"], found["macro_f1"], found["coverage"]) == (1.0, 1.0, 1.0)
    assert set(found["labels"]) == {"late_delivery", "wrong_item"}
    assert found["microseconds_per_text"] > 0
    assert found["batched"] is False


def test_tables_are_printed_for_people(tmp_path: Path) -> None:
    """Without `--json` come the figures, the table, the confusion and the curve; misses when asked for."""
    path = written(tmp_path, "text,label\npaket belum sampai,wrong_item\n")
    result = CliRunner().invoke(app, ["evaluate", "symptoms", str(path), "--misses", "1"])
    assert result.exit_code == 0, result.output
    for expected in ("accuracy", "macro-F1", "late_delivery", "if it named only from", "read as"):
        assert expected in result.output


def test_several_labels_may_be_given(tmp_path: Path) -> None:
    """label1 to label3, most important first; rows without any are left out; `language` may be a column."""
    path = written(
        tmp_path,
        "text,label1,label2,language\nsatu,late_delivery,wrong_item,id\ndua,,,id\ntiga,Unclear,,\n",
    )
    rows = read(path, None, known=KNOWN)
    assert [row.labels for row in rows] == [("late_delivery", "wrong_item"), ("unclear",)]
    assert [row.language for row in rows] == ["id", None]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("body,label\nx,unclear\n", "no column `text`"),
        ("text,kind\nx,unclear\n", "no column `label`"),
        ("text,label\nx,lateness\n", 'line 2, column `label`: "lateness" is no symptom'),
        ("text,label\nx,\n", "no row with a label"),
    ],
)
def test_errors_name_the_column_and_the_remedy(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong, where, and what to write instead."""
    with pytest.raises(ConfigurationError, match=says):
        read(written(tmp_path, text), None, known=KNOWN)
