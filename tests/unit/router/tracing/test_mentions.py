"""Numbers in complaints, in sentences of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.tracing.mentions import Amount, amounts, clues, references, waited_hours
from services.router.tracing.model import NO_CLUES, Clues


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("paket INV/20260301/0042 belum sampai", ("INV/20260301/0042",)),
        ("no resi SPXID04512345678 stuck di gudang", ("SPXID04512345678",)),
        ("resi: JP1234567890, tolong dicek", ("JP1234567890",)),
        ("order #240315ABCDEF12 was never sent", ("240315ABCDEF12",)),
        ("pedido 203847561 não chegou", ("203847561",)),
        ("invoice number 8812345 is wrong", ("8812345",)),
        ("pesanan 250101XK29QW dan 250102ZZ18PL", ("250101XK29QW", "250102ZZ18PL")),
        ("INV-1001 lalu inv-1001 lagi", ("INV-1001",)),
    ],
)
def test_references_are_found(text: str, found: tuple[str, ...]) -> None:
    """Labelled or shaped like a number of a case, in capitals, each once."""
    assert references(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "hubungi saya di 081234567890",
        "wa +62 812-3456-7890 tidak dibalas",
        "call me on +6281234567890",
        "harganya Rp 150.000 jadi Rp1.500.000",
        "dari tanggal 2026-11-22 sampai sekarang",
        "pesan 11.11 belum sampai, 10 hari",
        "order saya belum dikirim",
        "nomor pesanan saya hilang",
        "videonya 1080p dan 4G",
        "tulis ke budi123456@example.com",
    ],
)
def test_phones_amounts_and_dates_are_no_references(text: str) -> None:
    """What looks like a telephone number, money or a date names no case."""
    assert references(text) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("harga Rp 150.000", [Amount("IDR", 15_000_000)]),
        ("Rp150.000,50", [Amount("IDR", 15_000_050)]),
        ("kena 150rb dan 1,5jt", [Amount("IDR", 15_000_000), Amount("IDR", 150_000_000)]),
        ("800 ribuan", [Amount("IDR", 80_000_000)]),
        ("paguei R$ 89,90", [Amount("BRL", 8_990)]),
        ("I paid $12.50 and £3", [Amount("USD", 1_250), Amount("GBP", 300)]),
        ("$1,299.00", [Amount("USD", 129_900)]),
        ("udah 10 hari", []),
    ],
)
def test_amounts_are_read(text: str, found: list[Amount]) -> None:
    """Thousands and decimals as each country writes them."""
    assert list(amounts(text)) == found


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("udah 10 hari belum nyampe", 240),
        ("sudah lebih dari seminggu", 168),
        ("sebulan gak sampai sampai", 720),
        ("saya pesan 12 hari lalu", 288),
        ("nunggu 3 minggu tanpa kabar, padahal estimasi 2 hari", 504),
        ("I have been waiting for 2 weeks and 3 days", 336),
        ("ordered ten days ago", 240),
        ("já faz três semanas", 504),
        ("há 5 dias e nada", 120),
        ("estimasi 3 hari", None),
        ("biasanya 4 hari udah nyampe", None),
        ("garansi 1 bulan, sudah rusak", None),
        ("promised within 3 days", None),
        ("baru 5 hari barang sudah rusak", None),
        ("lama banget", None),
    ],
)
def test_a_wait_is_read(text: str, hours: int | None) -> None:
    """The longest span that the customer waited; not what was promised, is usual or under warranty."""
    assert waited_hours(text) == hours


def test_clues_hold_each_sum_once() -> None:
    """Whatever the currency, in hundredths."""
    found = clues("udah 10 hari, uang saya Rp 150.000 belum balik, 150rb! ongkir 9rb")
    assert found == Clues(240, (15_000_000, 900_000))
    assert clues("lama banget") == NO_CLUES


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    """Nothing raises; the same text gives the same facts; no reference is a telephone number."""
    assert references(text) == references(text)
    assert all(not name.startswith("08") for name in references(text))
    assert all(amount.cents >= 0 for amount in amounts(text))
    waited_hours(text)
