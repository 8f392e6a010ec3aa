"""What loads, and is most likely not what was meant."""

from pathlib import Path

from services.registry import inspect, load, warnings

from .spoiling import change


def test_a_missing_name_is_a_warning_only(folder: Path) -> None:
    """A company may start in one language."""
    change(folder, "departments.toml", ', en = "Warehouse (Picking)"', "")
    company, problems = inspect(folder)
    assert company is not None
    assert [problem.warning for problem in problems] == [True]
    assert load(folder).id == "shop"


def test_a_contradiction_without_a_name_is_a_warning_as_for_a_fault(folder: Path) -> None:
    """Its name stands in explanations too, in each language that the company writes in."""
    named = 'names = { id = "tagihan pada faktur berbeda dari pesanan", en = '
    change(folder, "processes/order.toml", named, "names = { en = ")
    (problem,) = warnings(folder)
    assert problem.field == "contradictions.invoiced_not_ordered.names"
    assert problem.line is not None
    assert 'there is no name in "id"' in str(problem)


def test_a_kind_of_holiday_that_a_country_has_not_is_a_warning_beside_one_that_it_has(
    folder: Path,
) -> None:
    """The calendar has holidays all the same; none of them because of that word."""
    kinds = 'holidays = "ID"\nholiday_kinds = ["bank", "public"]'
    change(folder, "calendars.toml", 'holidays = "ID"', kinds)
    (problem,) = warnings(folder)
    assert (problem.field, problem.shown) == (
        "calendars.finance.holiday_kinds",
        'holiday_kinds = ["bank", "public"]',
    )
    assert "ID has no holidays of the kind bank. Use one of: government, public." in str(problem)


def test_a_symptom_that_no_pack_has_words_for_is_a_warning(folder: Path) -> None:
    """It would never be read out of any complaint."""
    with (folder / "symptoms.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[symptoms.internet_down]\nnames = { id = "mati", en = "down" }\nremedy = "logistics"\n'
        )
    (problem,) = warnings(folder)
    assert problem.field == "symptoms.internet_down"
    assert "no language pack" in str(problem)


def test_a_file_that_nobody_reads_is_a_warning(folder: Path) -> None:
    """A misspelt name would otherwise be a calendar that does not count."""
    (folder / "calendar.toml").write_text("", encoding="utf-8")
    company, problems = inspect(folder)
    assert company is not None
    assert [str(problem) for problem in problems] == [
        'calendar.toml: warning: nobody reads this file. Did you mean "calendars.toml"?'
    ]
