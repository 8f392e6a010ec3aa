"""A company's folder: what loads, and what a person is told when it does not."""

import shutil
from pathlib import Path

import pytest

from services.registry import (
    RegistryError,
    example_folder,
    inspect,
    load,
    load_example,
    warnings,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shop that a test may spoil."""
    copy = tmp_path / "company"
    shutil.copytree(example_folder("shop"), copy)
    return copy


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(folder: Path) -> str:
    with pytest.raises(RegistryError) as caught:
        load(folder)
    return str(caught.value)


@pytest.mark.parametrize("name", ["shop", "olist"])
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
