"""A company's folder: what loads, and what a person is told when it does not."""

import re
import shutil
from pathlib import Path

import pytest

from services.registry import (
    RegistryError,
    contents,
    example_folder,
    inspect,
    load,
    load_example,
    load_files,
    warnings,
)
from services.router.rules import rules_from
from services.router.tracing.symptoms import classify


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shop that a test may spoil."""
    copy = tmp_path / "company"
    shutil.copytree(example_folder("shop"), copy, ignore=shutil.ignore_patterns("learned"))
    return copy


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(folder: Path) -> str:
    """What is said, without the line numbers: those have their own tests."""
    with pytest.raises(RegistryError) as caught:
        load(folder)
    return re.sub(r"\.toml:\d+: ", ".toml: ", str(caught.value))


@pytest.mark.parametrize("name", ["shop", "olist", "bank"])
def test_examples_load_without_a_word(name: str) -> None:
    """Every shipped company is valid, has inboxes and deserves no warning."""
    company = load_example(name)
    assert company.id == name
    assert company.inboxes()
    assert not warnings(example_folder(name))


def test_outside_parties_have_no_inbox() -> None:
    """The courier and the customer are managed by someone inside."""
    inboxes = load_example("shop").inboxes()
    assert "courier" not in inboxes
    assert "customer" not in inboxes
    assert "logistics" in inboxes


def test_an_unknown_example_names_those_that_exist() -> None:
    """A wrong name says which names there are."""
    with pytest.raises(RegistryError, match="shop"):
        load_example("shoop")


def test_a_missing_folder_is_said_plainly(tmp_path: Path) -> None:
    """The variable to check is named."""
    assert "AKAR_REGISTRY" in refused(tmp_path / "nowhere")


def test_the_digest_follows_the_contents_only(folder: Path) -> None:
    """Comments and blank lines change nothing; an allowance does."""
    original = load(folder).digest
    assert len(original) == 64
    change(folder, "processes/order.toml", 'id = "order"', '# a remark\nid = "order"\n')
    assert load(folder).digest == original
    change(folder, "processes/order.toml", 'allowance = "12h"', 'allowance = "11h"')
    assert load(folder).digest != original


def test_the_digest_follows_the_language_packs(folder: Path) -> None:
    """A pack in the folder replaces the shipped one and is part of what decides."""
    original = load(folder).digest
    shipped = Path(example_folder("shop")).parents[1] / "services/registry/packs/en.toml"
    (folder / "packs").mkdir()
    text = shipped.read_text(encoding="utf-8")
    (folder / "packs/en.toml").write_text(text + "\n# same\n", encoding="utf-8")
    assert load(folder).digest == original
    extra = '\n[[cues]]\nsymptom = "late_delivery"\nwords = ["late"]\nweight = 2.0\n'
    (folder / "packs/en.toml").write_text(text + extra, encoding="utf-8")
    assert load(folder).digest != original


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


def test_a_symptom_that_no_pack_has_words_for_is_a_warning(folder: Path) -> None:
    """It would never be read out of any complaint."""
    with (folder / "symptoms.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[symptoms.internet_down]\nnames = { id = "mati", en = "down" }\nremedy = "logistics"\n'
        )
    (problem,) = warnings(folder)
    assert problem.field == "symptoms.internet_down"
    assert "no language pack" in str(problem)


MORE = """
[spell]
rontgn = "rontgen"

[words]
queue = ["antre*", "antri*"]
notyet = ["durung"]

[[cues]]
symptom = "late_result"
words = ["queue", "notyet"]
weight = 4.5
"""


def test_own_words_are_added_to_the_shipped_pack(folder: Path) -> None:
    """Two concepts and a cue, without a copy of the pack; published with both, and part of the digest."""
    before = load(folder)
    with (folder / "symptoms.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[symptoms.late_result]\nnames = { id = "hasil", en = "result" }\nremedy = "logistics"\n'
        )
    (folder / "packs").mkdir()
    (folder / "packs" / "id.more.toml").write_text(MORE, encoding="utf-8")
    assert not warnings(folder)
    company = load(folder)
    assert company.packs["id"].words["notyet"] == [*before.packs["id"].words["notyet"], "durung"]
    assert company.packs["id"].spell == {**before.packs["id"].spell, "rontgn": "rontgen"}
    assert company.packs["id"].cues[:-1] == before.packs["id"].cues
    assert company.packs["en"] == before.packs["en"]
    read = classify("antrean durung selesai", "id", rules_from(company))
    assert read[0].symptom == "late_result"

    texts = contents(folder)
    assert {"packs/id.toml", "packs/id.more.toml"} <= texts.keys()
    assert load_files(texts).digest == company.digest
    change(folder, "packs/id.more.toml", "4.5", "4.0")
    assert load(folder).digest != company.digest


def test_what_is_wrong_in_own_words_is_told_where_it_stands(folder: Path) -> None:
    """With the line in the company's own short file, not in the pack that it adds to."""
    (folder / "packs").mkdir()
    (folder / "packs" / "id.more.toml").write_text(
        MORE.replace('words = ["queue", "notyet"]', 'words = ["queue", "notyt"]'), encoding="utf-8"
    )
    (problem,) = [one for one in inspect(folder)[1] if not one.warning]
    assert (problem.file, problem.line) == ("packs/id.more.toml", 9)
    assert 'there is no concept "notyt". Did you mean "notyet"?' in str(problem)
    change(folder, "packs/id.more.toml", "[words]", "[word]")
    assert "packs/id.more.toml: word: there is no such field" in refused(folder)


def test_a_file_that_nobody_reads_is_a_warning(folder: Path) -> None:
    """A misspelt name would otherwise be a calendar that does not count."""
    (folder / "calendar.toml").write_text("", encoding="utf-8")
    company, problems = inspect(folder)
    assert company is not None
    assert [str(problem) for problem in problems] == [
        'calendar.toml: warning: nobody reads this file. Did you mean "calendars.toml"?'
    ]


def test_days_in_a_calendar_are_refused(folder: Path) -> None:
    """Two working days are as many hours as their shifts have, not 48."""
    change(
        folder,
        "processes/order.toml",
        'owner = "finance"\n',
        'owner = "finance"\ncalendar = "owner"\n',
    )
    change(
        folder,
        "processes/order.toml",
        'allowance = "24h"\n\n[activities.refund',
        'allowance = "1d"\n\n[activities.refund',
    )
    assert "a working day has as many hours as its shifts" in refused(folder)


def test_an_owner_without_a_calendar_cannot_lend_it(folder: Path) -> None:
    """Where to add it is said."""
    change(
        folder,
        "processes/order.toml",
        'owner = "payments"\n',
        'owner = "payments"\ncalendar = "owner"\n',
    )
    assert 'Add calendar = "…" to [departments.payments]' in refused(folder)


def test_a_calendar_may_be_named_before_there_is_any(tmp_path: Path) -> None:
    """Departments come before calendars when one writes them: the check says where to write it, and does not end."""
    folder = tmp_path / "bank"
    shutil.copytree(example_folder("bank"), folder)
    (folder / "calendars.toml").unlink()
    said = refused(folder)
    assert 'there is no calendar "' in said
    assert "There is none yet: write [calendars." in said
    assert "in calendars.toml" in said


def test_a_broken_calendar_is_told_once(tmp_path: Path) -> None:
    """Only what is written wrong is named, not the table that it spoils, nor those who use it."""
    folder = tmp_path / "bank"
    shutil.copytree(example_folder("bank"), folder)
    change(folder, "calendars.toml", "mon-fri", "senin-jumat")
    (line,) = refused(folder).splitlines()
    assert 'name a day ("sat") or a range ("mon-fri")' in line


def test_the_worst_moment_of_the_week_must_keep_the_promise(tmp_path: Path) -> None:
    """Working hours fit on a Monday morning and not on a Friday afternoon: that one is named."""
    folder = tmp_path / "bank"
    shutil.copytree(example_folder("bank"), folder)
    change(
        folder,
        "processes/account.toml",
        'within = "24h"\ncalendar = "office"\n',
        'within = "72h"\n',
    )
    said = refused(folder)
    assert "promises.account_ready.within: the allowances on the way add up to" in said
    assert "begun on a Friday at" in said or "begun on a Thursday at" in said


def test_contents_load_the_same_elsewhere(folder: Path) -> None:
    """What is published is all that decides: no folder, no shipped pack is needed to read it again."""
    texts = contents(folder)
    assert "packs/id.toml" in texts
    assert load_files(texts) == load(folder)
    assert load_files(texts).digest == load(folder).digest


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
