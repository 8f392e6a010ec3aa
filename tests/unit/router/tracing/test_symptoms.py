"""What customers mean, in sentences of our own."""

import time
from dataclasses import replace

import pytest

from services.registry import load_example
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.packs import Cue, compile_pack
from services.router.tracing.symptoms import classify, read, words

SAID = [
    ("id", "paket saya blm nyampe juga, udah 10 hari", "late_delivery"),
    ("id", "pengirimannya lamaaaa banget, gak dateng dateng", "late_delivery"),
    ("id", "status sudah diterima padahal saya belum terima apa apa", "delivered_not_received"),
    ("id", "pesan 3 cuma dikirim 2, sisanya mana", "incomplete_order"),
    ("id", "pesan warna biru yang datang malah merah", "wrong_item"),
    ("id", "gelasnya pecah waktu sampai, packing asal asalan", "damaged_item"),
    ("id", "kualitas jelek, bahan tipis, tidak sesuai gambar", "defective_product"),
    ("id", "baru dipakai sehari udah gak nyala", "defective_product"),
    ("id", "uang refund saya belum dikembalikan sampai sekarang", "refund_overdue"),
    ("id", "saldo saya kepotong dua kali, tolong", "wrong_charge"),
    ("id", "cod saya dinonaktifkan tanpa alasan", "payment_failed"),
    ("id", "pesanan saya dibatalkan sepihak sama penjual", "order_cancelled"),
    ("id", "akun saya dibekukan, gak bisa login", "account_access"),
    ("id", "aplikasinya error terus, sering keluar sendiri", "app_failure"),
    ("id", "voucher gratis ongkir gak bisa dipakai, bohong", "promo_not_honoured"),
    ("id", "kurirnya kasar dan gak sopan sama sekali", "staff_conduct"),
    ("id", "chat cs gak pernah dibalas, cuma bot yang jawab", "unreachable_service"),
    ("id", "kecewa", "unclear"),
    ("en", "my parcel still hasn't arrived, it was due last week", "late_delivery"),
    ("en", "tracking says delivered but I never got it", "delivered_not_received"),
    ("en", "one of the two lamps is missing from the box", "incomplete_order"),
    ("en", "you sent the wrong size", "wrong_item"),
    ("en", "the vase arrived broken", "damaged_item"),
    ("en", "poor quality, not as described", "defective_product"),
    ("en", "where is my refund? the money is not back yet", "refund_overdue"),
    ("en", "I was charged twice for the same thing", "wrong_charge"),
    ("en", "my payment was declined again", "payment_failed"),
    ("en", "the courier was rude and shouted at me", "staff_conduct"),
    ("en", "hello", "unclear"),
    ("pt", "ainda não recebi o meu pedido e o prazo já passou", "late_delivery"),
    ("pt", "consta como entregue mas não recebi nada", "delivered_not_received"),
    ("pt", "comprei duas canecas e só veio uma", "incomplete_order"),
    ("pt", "veio o modelo errado", "wrong_item"),
    ("pt", "o prato chegou quebrado", "damaged_item"),
    ("pt", "produto com defeito, não funciona", "defective_product"),
    ("pt", "quero o estorno do valor, não devolveram", "refund_overdue"),
    ("pt", "bom", "unclear"),
]


@pytest.fixture(scope="module")
def olist() -> Rules:
    return rules_from(load_example("olist"))


@pytest.mark.parametrize(("language", "text", "symptom"), SAID)
def test_the_first_symptom_is_what_the_text_is_about(
    shop: Rules, language: str, text: str, symptom: str
) -> None:
    """Slang, abbreviations and stretched letters included."""
    assert classify(text, language, shop)[0].symptom == symptom


@pytest.mark.parametrize(("language", "text", "symptom"), SAID)
def test_the_language_need_not_be_told(shop: Rules, language: str, text: str, symptom: str) -> None:
    """Without a language from the channel the text is read the same."""
    if len(text.split()) > 3:
        assert read(((text, None),), shop)[0].language == language
        assert classify(text, None, shop) == classify(text, language, shop)


def test_several_symptoms_are_found_and_ordered(shop: Rules) -> None:
    """Late and damaged: both, and their probabilities leave room for doubt."""
    scores = classify("paketnya lama banget sampainya, pas datang isinya pecah", "id", shop)
    assert {s.symptom for s in scores} >= {"late_delivery", "damaged_item"}
    assert sum(s.probability for s in scores) < 1
    assert [s.probability for s in scores] == sorted((s.probability for s in scores), reverse=True)


def test_negation_turns_a_word_around(shop: Rules) -> None:
    """Not broken is no damage; fast is not slow."""
    assert classify("gelasnya tidak pecah", "id", shop)[0].symptom != "damaged_item"
    assert classify("pengiriman cepat sekali", "id", shop)[0].symptom == "unclear"


@pytest.mark.parametrize(
    ("text", "symptom"),
    [
        ("barangnya ga rusak tapi telat", "late_delivery"),
        ("tidak ada yang rusak cuma isinya kurang 2 pcs", "incomplete_order"),
        ("pengirimannya ga telat tapi kardusnya sobek isinya pecah", "damaged_item"),
    ],
)
def test_what_is_denied_is_not_what_a_text_is_about(shop: Rules, text: str, symptom: str) -> None:
    """A trouble that a customer denies gives way to the one that is named beside it, or to none."""
    assert classify(text, "id", shop)[0].symptom == symptom


def test_words_are_read_without_accents_case_or_stretching() -> None:
    """The same complaint typed in three moods."""
    assert words("NÃO chegooou!!! até 12") == ["nao", "chegou", "ate", "12"]
    assert words("") == []


def test_a_company_s_own_symptom_counts_beside_the_model(shop: Rules) -> None:
    """The model was never taught it: the cues of the company's pack speak for it, and the model for the rest."""
    pack = shop.packs[0]
    cue = Cue("internet_down", ("net", "dead"), 4, ordered=False, without=(), weight=4.5)
    own = compile_pack(
        pack.language,
        pack.common,
        pack.spell,
        {"net": ("internet", "wifi"), "dead": ("mati",)},
        [cue],
    )
    rule = replace(shop.symptoms["late_delivery"], id="internet_down")
    rules = replace(
        shop,
        packs=(own, *shop.packs[1:]),
        symptoms={**shop.symptoms, "internet_down": rule},
    )
    scores = classify("wifi di rumah mati total dari kemarin", pack.language, rules)
    assert scores[0].symptom == "internet_down"
    assert 0.9 < scores[0].probability < 1
    assert sum(score.probability for score in scores) <= 1


def test_nothing_readable_is_the_vague_symptom(shop: Rules, olist: Rules) -> None:
    """Emoji, digits, another script: unclear, never a guess."""
    for text in ("", "😡😡😡", "12345", "申し訳ありません", "\x00" * 50):
        for rules in (shop, olist):
            assert [s.symptom for s in classify(text, None, rules)] == ["unclear"]


def test_a_very_long_text_takes_bounded_time(shop: Rules) -> None:
    """Twenty thousand hostile characters are read in a fraction of a second."""
    begin = time.perf_counter()
    classify("belum sampai " * 2_000, "id", shop)
    assert time.perf_counter() - begin < 0.5


def test_only_the_company_s_symptoms_are_given(shop: Rules) -> None:
    """A symptom that the registry does not define is not made up by the pack."""
    for _, text, _ in SAID:
        assert all(s.symptom in shop.symptoms for s in classify(text, None, shop))
