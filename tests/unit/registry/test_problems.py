"""What a person is told of a folder that does not load: file, line, field, remedy; everything at once, and each thing once."""

from pathlib import Path

import pytest

from services.registry import RegistryError, load

from .spoiling import change, refused


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "departments.toml",
            'managed_by = "logistics"',
            'managed_by = "logistic"',
            (
                "departments.toml: departments.courier.managed_by: there is no department inside "
                '"logistic". Did you mean "logistics"?'
            ),
        ),
        (
            "departments.toml",
            'managed_by = "logistics"\n',
            "",
            "departments.courier.managed_by: a party outside needs a department that manages it",
        ),
        (
            "departments.toml",
            "outside = true",
            "outsid = true",
            'departments.courier.outsid: there is no such field. Did you mean "outside"?',
        ),
        (
            "processes/order.toml",
            'owner = "warehouse"',
            'owner = "warehous"',
            'processes/order.toml: activities.picked.owner: there is no department "warehous"',
        ),
        (
            "processes/order.toml",
            'owner = "warehouse"\n',
            "",
            "processes/order.toml: activities.picked.owner: the field is missing. Add owner = …",
        ),
        (
            "processes/order.toml",
            'allowance = "2h"',
            'allowance = "2 hours"',
            'activities.payment_verified.allowance: write a duration such as "48h"',
        ),
        (
            "processes/order.toml",
            'allowance = "2h"',
            "allowance = 2",
            "activities.payment_verified.allowance: write a duration with its unit",
        ),
        (
            "processes/order.toml",
            'after = ["confirmed"]',
            'after = ["handed_over"]',
            "activities wait for each other",
        ),
        (
            "processes/order.toml",
            'within = "148h"',
            'within = "100h"',
            (
                "promises.delivery.within: the allowances on the way add up to 138 h, beyond the "
                "promised 100 h"
            ),
        ),
        (
            "processes/order.toml",
            "wrong_item = 0.95",
            "wrong_itm = 0.95",
            (
                'faults.wrong_item_picked.explains.wrong_itm: there is no symptom "wrong_itm". Did you mean '
                '"wrong_item"?'
            ),
        ),
        (
            "symptoms.toml",
            'remedy = "logistics"',
            'remedy = "courier"',
            'symptoms.late_delivery.remedy: there is no department inside "courier"',
        ),
        (
            "symptoms.toml",
            'promises = ["delivery"]',
            'promises = ["arrival"]',
            'symptoms.late_delivery.promises: there is no promise "arrival"',
        ),
        (
            "sources.toml",
            '"UTC"',
            '"Mars/Olympus"',
            "sources.payment-gateway.timezone: name an IANA",
        ),
        (
            "symptoms.toml",
            'remedy = "logistics"',
            'remedy = "logistics"\nvague = true',
            (
                "symptoms.toml: symptoms.unclear.vague: more than one symptom is marked vague: late_delivery, "
                "unclear. Keep vague = true for one"
            ),
        ),
        (
            "processes/order.toml",
            'from = "order_placed"\nwithin = "148h"\n',
            "",
            (
                "processes/order.toml: promises.delivery.withins: there are promised times by attribute but "
                "neither `from` nor `within`, so none of them counts. Add from = "
            ),
        ),
        (
            "calendars.toml",
            'holidays = "ID"',
            'holidays = "ID"\nholiday_kinds = ["bank"]',
            (
                "calendars.toml: calendars.finance.holiday_kinds: ID has no holidays of the kind bank. Use one "
                "of: government, public."
            ),
        ),
        (
            "calendars.toml",
            'holidays = "ID"',
            'holidays = "ID"\nholiday_kinds = []',
            "calendars.finance.holiday_kinds: no kind of holiday is named, so that none is free",
        ),
        (
            "processes/order.toml",
            'left = "order_placed.amount"',
            'left = "order_placed"',
            (
                "contradictions.invoiced_not_ordered.differs.left: it is not written as it should be. Name a "
                'fact as activity.attribute, such as "delivered.distance_m".'
            ),
        ),
        (
            "processes/order.toml",
            'after = ["confirmed"]',
            'after = "confirmed"',
            "Write a list: […].",
        ),
        ("calendars.toml", "[2026-12-25]", '["Christmas"]', "Write a date without quotes"),
        ("symptoms.toml", "vague = true", 'vague = "so"', "Write true or false, without quotes."),
        ("company.toml", "schema = 1", "schema = 2", "company.toml: schema: "),
        ("company.toml", '"pt"', '"fr"', 'there is no language pack "fr"'),
        ("company.toml", "assign_at = 0.6", "assign_at = 6", "company.toml: policy.assign_at"),
        ("company.toml", 'name = "', "name = ", "company.toml: not valid TOML"),
    ],
)
def test_a_problem_names_file_field_and_remedy(
    folder: Path, file: str, old: str, new: str, said: str
) -> None:
    """What is wrong, where, and what to do about it."""
    change(folder, file, old, new)
    assert said in refused(folder)


def test_all_problems_are_told_at_once(folder: Path) -> None:
    """Two files, three mistakes, one answer."""
    change(folder, "departments.toml", 'managed_by = "logistics"', 'managed_by = "logistic"')
    change(folder, "processes/order.toml", 'owner = "warehouse"', 'owner = "warehous"')
    change(folder, "symptoms.toml", 'remedy = "logistics"', 'remedy = "nobody"')
    with pytest.raises(RegistryError) as caught:
        load(folder)
    assert len(caught.value.problems) == 3
    assert {p.file for p in caught.value.problems} == {
        "departments.toml",
        "processes/order.toml",
        "symptoms.toml",
    }


def test_a_bad_value_does_not_hide_what_does_not_fit_together(folder: Path) -> None:
    """One table cannot be read as it is; the others are checked against the rest of it in the same go."""
    change(folder, "processes/order.toml", 'allowance = "12h"', 'allowance = "12 hours"')
    change(folder, "departments.toml", 'managed_by = "logistics"', 'managed_by = "logistic"')
    change(folder, "processes/order.toml", 'owner = "warehouse"', 'owner = "warehous"')
    with pytest.raises(RegistryError) as caught:
        load(folder)
    assert [(p.file, p.field) for p in caught.value.problems] == [
        ("departments.toml", "departments.courier.managed_by"),
        ("processes/order.toml", "activities.picked.owner"),
        ("processes/order.toml", "activities.picked.allowance"),
    ]


def test_a_missing_file_is_named(folder: Path) -> None:
    """So that nobody has to guess which one."""
    (folder / "sources.toml").unlink()
    assert "sources.toml: the file is missing" in refused(folder)


def test_a_limit_that_is_no_fact_is_told_once(folder: Path) -> None:
    """It may be a fact or a number; that it is no number either need not be said."""
    with (folder / "processes/order.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[contradictions.far]\nnames = { id = "jauh", en = "far" }\nexplains = { wrong_item = 0.9 }\n'
            'exceeds = { value = "delivered.distance_m", limit = "delivered" }\n'
        )
    (line,) = refused(folder).splitlines()
    assert "processes/order.toml: contradictions.far.exceeds.limit: " in line
    assert "Name a fact as activity.attribute" in line


def test_a_problem_shows_its_line(folder: Path) -> None:
    """The line of the field, or of the table that lacks one."""
    change(folder, "processes/order.toml", 'owner = "warehouse"', 'owner = "warehous"')
    change(folder, "departments.toml", 'managed_by = "logistics"\n', "")
    with pytest.raises(RegistryError) as caught:
        load(folder)
    table, owner = caught.value.problems
    assert (table.line, table.shown) == (31, "[departments.courier]")
    assert owner.shown == 'owner = "warehous"'
    text = (folder / "processes/order.toml").read_text(encoding="utf-8").splitlines()
    assert owner.line is not None
    assert text[owner.line - 1] == owner.shown
    assert f"order.toml:{owner.line}: activities.picked.owner" in str(owner)


def test_what_is_not_toml_shows_its_line(folder: Path) -> None:
    """As the parser says it."""
    change(folder, "company.toml", 'name = "', "name = ")
    with pytest.raises(RegistryError) as caught:
        load(folder)
    (problem,) = caught.value.problems
    assert problem.line == 5
    assert problem.shown.startswith("name = Toko")


def test_an_unknown_field_deep_inside_has_a_hint(folder: Path) -> None:
    """The names that may stand there, not those of the table around it."""
    change(folder, "processes/order.toml", "tolerance = 1", "tolerence = 1")
    assert 'no such field. Did you mean "tolerance"?' in refused(folder)
    change(folder, "processes/order.toml", "tolerence = 1", "tolerance = 1")
    change(folder, "company.toml", "wait_per_day", "wait_a_day")
    assert 'policy.costs.wait_a_day: there is no such field. Did you mean "wait_per_day"?' in (
        refused(folder)
    )
