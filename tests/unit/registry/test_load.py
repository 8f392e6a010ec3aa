"""What of a company's folder loads, and what its digest follows."""

from pathlib import Path

import pytest

from services.registry import (
    RegistryError,
    contents,
    example_folder,
    load,
    load_example,
    load_files,
    warnings,
)

from .spoiling import change, refused


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


def test_contents_load_the_same_elsewhere(folder: Path) -> None:
    """What is published is all that decides: no folder, no shipped pack is needed to read it again."""
    texts = contents(folder)
    assert "packs/id.toml" in texts
    assert load_files(texts) == load(folder)
    assert load_files(texts).digest == load(folder).digest
