"""The words: true, pointing to events, free of accusation, and safe for the customer."""

import re
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings

from schemas.vocabulary import Outcome
from services.registry import load_example
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR, Case, Complaint
from services.router.tracing.phrases import MONTHS, PHRASES
from services.router.tracing.tracer import trace

from .conftest import PLACED, Order
from .test_properties import situations

ACCUSING = re.compile(
    r"\b(fault|blame|guilty|guilt|culprit|failed|failure|careless|negligen\w*|wrongdoing|offender|"
    r"salah|kesalahan|lalai|kelalaian|bersalah|ceroboh|gagal|penyebab|"
    r"culpa\w*|falha\w*|erro|negligen\w*|responsável|descuido)\b",
    re.IGNORECASE,
)


def fields(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


def test_every_language_says_everything_with_the_same_facts() -> None:
    """A translation has each phrase, and each phrase the same fields."""
    assert set(PHRASES) == set(MONTHS)
    for language, phrases in PHRASES.items():
        assert set(phrases) == set(PHRASES["en"]), language
        for key, phrase in phrases.items():
            assert fields(phrase) == fields(PHRASES["en"][key]), (language, key)
        assert len(MONTHS[language]) == 12


def test_no_phrase_accuses() -> None:
    """No sentence holds a word of blame, in any language."""
    for phrases in PHRASES.values():
        for phrase in phrases.values():
            assert not ACCUSING.search(re.sub(r"{.*?}", "", phrase)), phrase


@settings(max_examples=80, deadline=None)
@given(situations())
def test_no_explanation_of_any_case_accuses(
    situation: tuple[Complaint, Case, Rules, int],
) -> None:
    """Whatever a case holds: no word of blame in three languages, and as many sentences in each."""
    complaint, case, rules, as_of = situation
    names = {
        text for found in rules.faults.values() for fault in found for text in fault.names.values()
    }
    decision = trace(complaint, case, replace(rules, write_in=("id", "en", "pt")), as_of)
    assert len({len(sentences) for sentences in decision.explanation.values()}) == 1
    assert len({tuple(s.events for s in each) for each in decision.explanation.values()}) == 1
    for sentences in decision.explanation.values():
        for sentence in sentences:
            text = sentence.text
            for name in names:  # what the company itself calls a fault is checked below
                text = text.replace(name, "")
            assert not ACCUSING.search(text), sentence.text
            assert "{" not in text


@pytest.mark.parametrize("name", ["shop", "olist", "bank"])
def test_no_fault_is_named_by_an_accusation(name: str) -> None:
    """What the example companies call their faults is not an accusation either."""
    for process in load_example(name).processes.values():
        for fault in process.faults.values():
            for text in fault.names.values():
                found = ACCUSING.search(text)
                assert found is None or found.group().lower() in {"gagal", "failed"}, text


def test_a_delay_is_told_with_its_events_and_what_would_have_kept_the_promise(order: Order) -> None:
    """Promise, own delay, what came before, the counterfactual, who can help; each with events."""
    order.usual(confirmed=120)
    decision = order.complain(200)
    sentences = decision.explanation["en"]
    said = [sentence.text for sentence in sentences]
    assert said == [
        "Promised by 7 Mar 13:00; delivery was done 45 h later.",
        "Order confirmation (Back Office) took 5 days longer than planned, until 6 Mar 14:00.",
        "Before that, all steps were within their plan.",
        "Had order confirmation been finished by 4 Mar 17:00, the promise would have been kept.",
        "Logistics can help now with a remedy.",
    ]
    confirmed = next(e.event_id for e in order.events if e.activity == "confirmed")
    assert sentences[1].events == (confirmed,)
    assert len(sentences[2].events) == 2


def test_the_counterfactual_is_true(order: Order) -> None:
    """With confirmation by that time and all else as it was, the order is in time."""
    order.usual(confirmed=120)
    decision = order.complain(200)
    assert decision.causes[0].hours == 117.0
    kept = Order(order.rules).usual(confirmed=120 - 45.0)
    assert [cause.hours for cause in kept.complain(200).causes] == [0.0]
    assert kept.complain(200).outcome is Outcome.TRIAGE


def test_indonesian_is_written_too(order: Order) -> None:
    """The shop writes in Indonesian first."""
    decision = order.usual(until="picked").complain(160)
    first = decision.explanation["id"][1].text
    assert first.startswith("Pengemasan (Pengemasan) berjalan sejak 1 Mar 22:00, ")


def test_customers_hear_what_was_promised_and_nobody_s_name(shop: Rules) -> None:
    """Whatever happened, the words for the customer name no department."""
    names = {
        name
        for key, department in shop.departments.items()
        if key != "customer"
        for name in department.names.values()
    }
    stories = (
        Order(shop).usual(until="picked").complain(160),
        Order(shop).usual(delivered=150).complain(230),
        Order(shop).usual(until="packed").complain(48),
        Order(shop).usual().complain(90, "defective_product"),
        Order(shop).complain(0),
    )
    for decision in stories:
        for sentences in decision.customer_words.values():
            assert sentences
            for sentence in sentences:
                assert not any(name in sentence for name in names - {"Pengemasan"})
                assert not ACCUSING.search(sentence)


def test_times_are_the_company_s_own(shop: Rules) -> None:
    """02:00 UTC on 1 March is 09:00 in Jakarta."""
    local = shop.local(PLACED)
    assert (local.day, local.hour) == (1, 9)
    assert (shop.local(PLACED + 16 * HOUR).day) == 2
