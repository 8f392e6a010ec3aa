"""A digest that is not one: recognised, and answered with those that may have been meant."""

from datetime import UTC, datetime

import pytest

from schemas.registry import RegistryPublishedV1
from services.cli.company_stream import learned
from services.cli.digests import beginning, looks_like_one, nearest, unpublished

FIRST = "5b99d8891fbd" + "0" * 52
SECOND = "8166dcc68275" + "1" * 52


def published(digest: str, *, day: int = 1, **files: str) -> RegistryPublishedV1:
    return RegistryPublishedV1(
        digest=digest,
        company="shop",
        departments=("packing",),
        files={
            "company.toml": "",
            **{name.replace("__", "/"): text for name, text in files.items()},
        },
        published_at=datetime(2026, 3, day, 9, tzinfo=UTC),
    )


KNOWN = {FIRST: published(FIRST), SECOND: published(SECOND, day=2)}


@pytest.mark.parametrize("name", ["5b99d8891fbd", "5b99d889lfbd", "5B99D8", FIRST, "3149ebd1"])
def test_a_digest_is_recognised_with_a_slip_in_it(name: str) -> None:
    """Short or whole, in capitals, with a letter for a figure."""
    assert looks_like_one(name)


@pytest.mark.parametrize(
    "name",
    ["shop", "next", "facade", "my-company", "bank2", "branch-2026", "./5b99d8891fbd", "toko2026"],
)
def test_a_folder_is_not_taken_for_a_digest(name: str) -> None:
    """What reads as a word, or holds what a digest never does, is a folder's name."""
    assert not looks_like_one(name)


def test_the_beginning_of_a_digest_names_it_in_either_case() -> None:
    """From six characters on."""
    assert beginning("5B99D8", KNOWN) == [FIRST]
    assert beginning("5b99d", KNOWN) == []


@pytest.mark.parametrize("slip", ["5b99d8891fbe", "5b9d8891fbd", "5b99d88891fbd", "b599d8891fbd"])
def test_a_mistyped_digest_is_answered_with_the_nearest(slip: str) -> None:
    """One letter wrong, missing, doubled or two of them exchanged."""
    assert nearest(slip, KNOWN) == [FIRST]
    said = unpublished(slip, KNOWN)
    assert f"{slip} looks like a digest, but nothing of that name was published" in said
    assert "5b99d8891fbd (shop, 2026-03-01 09:00:00 UTC)" in said
    assert "8166dcc68275" not in said


def test_without_any_that_resembles_the_latest_are_named() -> None:
    """The last published first; and nothing is promised when nothing was published."""
    assert nearest("777777777777", KNOWN) == [SECOND, FIRST]
    assert "nothing was published at all" in unpublished("5b99d8", {})


def test_what_was_learned_is_read_from_what_was_published() -> None:
    """Also when the rest of it could not be loaded any more; broken text is not hidden."""
    data = published(
        FIRST,
        learned__learned_toml='version = "spring-2"\nunheard_of = 1',
        learned__x_toml="version =",
    )
    data = data.model_copy(
        update={
            "files": {name.replace("_toml", ".toml"): text for name, text in data.files.items()}
        }
    )
    assert learned(data) == {"learned": "spring-2", "x": "?"}
    assert learned(KNOWN[FIRST]) == {}
