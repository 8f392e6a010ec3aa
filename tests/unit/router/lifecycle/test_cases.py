"""The choice among cases and the question to the customer, by themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import LocatedBy
from services.router.lifecycle import which
from services.router.lifecycle.cases import (
    FLOOR,
    MARGIN,
    MOST_OPTIONS,
    NOBODY,
    Choice,
    Possible,
    Search,
    choose,
)

PARTS = st.integers(0, 10_000)
NAMES = st.text("ABC0123456789-", min_size=5, max_size=12).filter(
    lambda name: sum(letter.isalnum() for letter in name) >= 5
)


def search(**parts: int) -> Search:
    """Cases that all fit so well."""
    return Search(possible={case: Possible(1, parts=each) for case, each in parts.items()})


def test_nothing_is_chosen_before_all_is_known() -> None:
    """A customer whose cases are not known yet, or a case that is not weighed, may still be the one."""
    assert choose(Search(awaited=("c",), possible={"A": Possible(1, parts=9_000)})) is None
    assert choose(Search(possible={"A": Possible(1, parts=9_000), "B": Possible(2)})) is None
    assert choose(Search()) == NOBODY


def test_the_best_has_to_lead_by_the_margin() -> None:
    """One part less, and the customer is asked; the options come best first."""
    assert choose(search(A=5_000, B=5_000 + MARGIN)) == Choice("B", LocatedBy.CUSTOMER)
    assert choose(search(A=5_000, B=5_000 + MARGIN - 1)) == Choice(options=("B", "A"))


def test_what_hardly_fits_is_not_meant() -> None:
    """Below the floor a case is none, also when it is the only one."""
    assert choose(search(A=FLOOR)) == Choice("A", LocatedBy.CUSTOMER)
    assert choose(search(A=FLOOR - 1)) == NOBODY


def test_nobody_is_asked_to_choose_from_many() -> None:
    """More than a few would be no question but a puzzle."""
    few = {f"C{n}": 8_000 for n in range(MOST_OPTIONS)}
    assert choose(search(**few)) == Choice(options=tuple(sorted(few)))
    assert choose(search(**few, Z=8_000)) == NOBODY


def test_a_named_case_goes_before_one_that_fits() -> None:
    """The answer before the first text, both before the telephone; a named case that began later is not meant."""
    possible = {
        "fits": Possible(1, parts=10_000),
        "text": Possible(2, LocatedBy.TEXT, parts=1),
        "answer": Possible(3, LocatedBy.ANSWERED, parts=1),
    }
    assert choose(Search(possible=possible)) == Choice("answer", LocatedBy.ANSWERED)
    del possible["answer"]
    assert choose(Search(possible=possible)) == Choice("text", LocatedBy.TEXT)
    possible["text"] = Possible(2, LocatedBy.TEXT, parts=0)
    assert choose(Search(possible=possible)) == Choice("fits", LocatedBy.CUSTOMER)


@given(st.dictionaries(NAMES, PARTS, max_size=6), st.randoms(use_true_random=False))
def test_the_order_in_which_cases_came_makes_no_difference(parts: dict[str, int], chance) -> None:  # type: ignore[no-untyped-def]
    """The same weights, the same choice."""
    shuffled = list(parts.items())
    chance.shuffle(shuffled)
    assert choose(search(**dict(shuffled))) == choose(search(**parts))


@given(st.sets(NAMES, min_size=2, max_size=4).map(sorted))
def test_each_option_can_be_named(found: list[str]) -> None:
    """By its letter, by its number, and by the end that was shown, unless two numbers are the same but for their signs."""
    options = tuple(found)
    plain = {"".join(letter for letter in each if letter.isalnum()) for each in options}
    if len(plain) < len(options):
        return
    ends = which.endings(options)
    assert len(set(ends)) == len(options)
    for place, (option, end) in enumerate(zip(options, ends, strict=True)):
        assert which.chosen(options, chr(ord("A") + place)) == option
        assert which.chosen(options, f"yang {option} ya") == option
        assert which.chosen(options, f"(…{end})") == option


def test_only_ends_of_numbers_are_shown() -> None:
    """In every language, and in English for one that has no words."""
    options = ("ORD-20261103-0042", "ORD-20261103-0057")
    asked = which.question(options, ("id", "en", "pt", "fr"))
    assert asked["fr"] == asked["en"]
    for (words,) in asked.values():
        assert "A (…0042)" in words
        assert "B (…0057)" in words
        assert "2026" not in words


def test_what_names_none_or_several_is_no_answer() -> None:
    """Nothing is guessed from a word, a part of a number or two of them."""
    options = ("ORD-20261103-0042", "ORD-20261103-0057")
    for text in ("", "C", "yang itu", "42", "0042 atau 0057", "a atau b", "2026"):
        assert which.chosen(options, text) is None, text
    for text in ("A encomenda", "a", "yang nomor pesanan itu yang a"):
        assert which.chosen(options, text) is (options[0] if text == "a" else None), text
    assert which.chosen(options, "yang B kak") is None
    assert which.chosen(options, "yang B") == options[1]
    assert which.chosen((), "A") is None
