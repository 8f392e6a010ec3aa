"""Numbers that a complaint names: references of cases, amounts of money, how long the customer has waited.

It stands apart because it reads digits where `symptoms` reads words. Pure: a text in, facts out, the same everywhere.

Hazard: real complaints rarely name a reference, and a telephone number or an amount looks like one. What could be a phone
number is left out, on purpose also where an all-digit order number begins like one: a wrong case is worse than none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from services.router.tracing.model import Clues

_LONGEST: Final = 4_000
_NEAR: Final = 40
"""Letters before and after a span that are looked at."""
_MOST_AMOUNTS: Final = 4
_LABEL: Final = (
    r"(?:no(?:mor|mer|\.)?|number|n[uú]mero|kode|code|c[oó]digo|id)?[\s.]*"
    r"(?:resi|awb|invoice|inv|faktur|nota|order|pesanan|pedido|booking|transaksi|transaction|trx|tracking|rastreio|"
    r"tiket|ticket|case|kasus|ref(?:erensi|erence)?)"
    r"(?:\s*(?:id|no|nomor|number|n[uú]mero|code|kode))?"
)
_LABELLED: Final = re.compile(
    _LABEL + r"\s*(?:[:#.=]|nya|saya|my|is|adalah|é)*\s*#?\s*([A-Z0-9][A-Z0-9/_-]{4,39})\b",
    re.IGNORECASE,
)
_SHAPED: Final = re.compile(
    r"(?<![\w/-])#?((?:INV|ORD|ORDER|SPX|SPXID|JP|JX|JT|TRX|TLJ|AWB|PO|SO|REF|CASE|TKT|BK|PAY)[-/]?[A-Z0-9][A-Z0-9/_-]{3,36})(?![\w])",
    re.IGNORECASE,
)
_MIXED: Final = re.compile(r"(?<![\w/.@-])#?([A-Z0-9]+(?:[-/][A-Z0-9]+)*)(?![\w@])", re.IGNORECASE)
_PHONE: Final = re.compile(r"^(?:\+?62|0062|0)8\d{7,12}$|^\+\d{9,15}$|^55\d{10,11}$|^0\d{9,11}$")
_SPACED_PHONE: Final = re.compile(r"(?<!\d)(?:\+?62|0)[\s-]?8\d{1,3}(?:[\s-]?\d{3,5}){2}(?!\d)")
_LONG_DIGITS: Final = 10

_NUMBER: Final = r"(\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?)"
_UNIT: Final = r"(rb|ribu(?:an)?|rbu|k|jt|juta(?:an)?|jutan|mil|thousand)"
_MONEY: Final = re.compile(
    rf"(?:(?P<sign>rp\.?|idr|r\$|brl|us\$|\$|usd|€|eur|£|gbp)\s*{_NUMBER}\s*{_UNIT}?\b)"
    rf"|(?:(?<![\w.,]){_NUMBER}\s*(?P<unit2>rb|ribu(?:an)?|rbu|jt|juta(?:an)?|rupiah|perak|reais|real|euros?|dollars?|pounds?)\b)",
    re.IGNORECASE,
)
_SIGNS: Final = {
    "rp": "IDR", "idr": "IDR", "r$": "BRL", "brl": "BRL", "us$": "USD", "$": "USD", "usd": "USD", "€": "EUR", "eur": "EUR",
    "£": "GBP", "gbp": "GBP",
}  # fmt: skip
_WORDS: Final = {
    "reais": "BRL", "real": "BRL", "euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "pound": "GBP",
    "pounds": "GBP",
}  # fmt: skip
_TIMES: Final = {
    "rb": 1_000,
    "ribu": 1_000,
    "ribuan": 1_000,
    "rbu": 1_000,
    "k": 1_000,
    "thousand": 1_000,
    "mil": 1_000,
}
_MILLIONS: Final = {"jt", "juta", "jutaan", "jutan"}

_COUNTS: Final = {
    "se": 1, "satu": 1, "dua": 2, "tiga": 3, "empat": 4, "lima": 5, "enam": 6, "tujuh": 7, "delapan": 8, "sembilan": 9,
    "sepuluh": 10, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10, "a": 1, "um": 1,
    "uma": 1, "dois": 2, "duas": 2, "três": 3, "tres": 3, "quatro": 4, "cinco": 5, "dez": 10,
}  # fmt: skip
_SPANS: Final = {
    "jam": 1, "hour": 1, "hours": 1, "hora": 1, "horas": 1, "hari": 24, "hr": 24, "day": 24, "days": 24, "dia": 24, "dias": 24,
    "minggu": 168, "mgg": 168, "mggu": 168, "mg": 168, "week": 168, "weeks": 168, "semana": 168, "semanas": 168,
    "bulan": 720, "bln": 720, "month": 720, "months": 720, "mês": 720, "mes": 720, "meses": 720,
}  # fmt: skip
_SPAN: Final = re.compile(
    r"(?<![\w.,])(\d{1,3}|" + "|".join(sorted(_COUNTS, key=len, reverse=True)) + r")\s*-?\s*("
    + "|".join(sorted(_SPANS, key=len, reverse=True)) + r")(?:an|nya)?(?![a-z])",
    re.IGNORECASE,
)  # fmt: skip


_WORD: Final = r"[^\W\d_]+"
_BEFORE: Final = re.compile(
    r"\b(?:udah|udh|sudah|sdh|dah|uda|hampir|hampr|selama|nunggu|menunggu|tunggu|already|waited|waiting|over|almost|been|for|"
    rf"há|faz|já|esperando|espero)\W+(?:(?:lebih|lbh|lewat|dari|dr|mau|mo|more|than|mais|de|quase|about|nearly|{_WORD})\W+)?"
    r"(?:(?:dari|dr|than|de)\W+)?$",
    re.IGNORECASE,
)
"""What stands before a span that has been waited: "udah lebih dari 10 hari", "waiting for 3 weeks", "há 5 dias"."""
_AFTER: Final = re.compile(
    rf"^\W*(?:{_WORD}\W+)?(?:lalu|ago|atrás|belum|blm|blom|belom|gak|ga|nggak|ngga|tidak|tdk|still|and\W+nothing|e\W+nada)\b",
    re.IGNORECASE,
)
_OTHERWISE: Final = re.compile(
    r"\b(?:estimasi\w*|biasanya|dulu|garansi\w*|dalam|maksimal|maks|max|janji\w*|dijanjikan|cuma|cuman|within|usually|warranty|"
    rf"promised|garantia|prazo|normalmente)\W+(?:{_WORD}\W+)?(?:{_WORD}\W+)?$",
    re.IGNORECASE,
)
"""What says that a span was promised, or is usual: no wait of this customer's."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Money that is named: ISO 4217 code, and hundredths of its unit."""

    currency: str
    cents: int


def references(text: str) -> tuple[str, ...]:
    """Return what looks like an order, waybill, invoice or ticket number, in order, each once, in capitals.

    Telephone numbers, amounts and dates are not references. An empty tuple is the usual answer.
    """
    read = _SPACED_PHONE.sub(lambda match: " " * len(match[0]), text[:_LONGEST])
    read = _MONEY.sub(lambda match: " " * len(match[0]), read)
    found: dict[int, str] = {}
    for pattern, sure in ((_LABELLED, True), (_SHAPED, True), (_MIXED, False)):
        for match in pattern.finditer(read):
            name = match[1].upper().rstrip("-/_")
            if _is_reference(name, sure=sure) and not any(
                name in other for other in found.values()
            ):
                found[match.start(1)] = name
    return tuple(dict.fromkeys(found[place] for place in sorted(found)))


def _is_reference(name: str, *, sure: bool) -> bool:
    digits = sum(letter.isdigit() for letter in name)
    if _PHONE.match(name) or digits < 4 or len(name) < 5:
        return False
    if sure:
        return True
    if name.isdigit():
        return len(name) >= _LONG_DIGITS
    letters = sum(letter.isalpha() for letter in name)
    # Dates (2026-11-22) and sizes (1080P) have few letters; codes have several, or are long.
    return digits >= 6 and letters >= 2 and len(name) >= 9


def amounts(text: str) -> tuple[Amount, ...]:
    """Return the amounts of money that a text names, in order: ``Rp 150.000``, ``150rb``, ``1,5jt``, ``R$ 89,90``, ``$12``."""
    found: list[Amount] = []
    for match in _MONEY.finditer(text[:_LONGEST]):
        sign = match["sign"]
        number = match[2] if sign else match[4]
        unit = ((match[3] if sign else match["unit2"]) or "").lower()
        currency = _SIGNS[sign.lower().rstrip(".")] if sign else _WORDS.get(unit, "IDR")
        times = 1_000_000 if unit in _MILLIONS else _TIMES.get(unit, 1)
        found.append(Amount(currency, _hundredths(number) * times))
    return tuple(found)


def _hundredths(number: str) -> int:
    """Read a number whose last separator is a decimal one when other than three digits follow it."""
    whole, fraction = number, ""
    place = max(number.rfind("."), number.rfind(","))
    if place >= 0 and len(number) - place - 1 != 3:
        whole, fraction = number[:place], number[place + 1 :]
    digits = re.sub(r"\D", "", whole) or "0"
    return int(digits) * 100 + int((fraction + "00")[:2])


def waited_hours(text: str) -> int | None:
    """Return the longest span that the customer says to have waited, in hours; None when none is named.

    "udah 10 hari belum sampai" is 240. What was promised, is usual or is under warranty ("estimasi 3 hari") is no wait.
    """
    read = text[:_LONGEST]
    waited = [
        _hours(match)
        for match in _SPAN.finditer(read)
        if not _OTHERWISE.search(read, max(0, match.start() - _NEAR), match.start())
        and (
            _BEFORE.search(read, max(0, match.start() - _NEAR), match.start())
            or _AFTER.match(read[match.end() : match.end() + _NEAR])
        )
    ]
    return max(waited, default=None)


def clues(text: str) -> Clues:
    """Return what the words tell of the case in numbers."""
    sums = dict.fromkeys(amount.cents for amount in amounts(text))
    return Clues(waited_hours(text), tuple(sums)[:_MOST_AMOUNTS])


def _hours(match: re.Match[str]) -> int:
    count = int(match[1]) if match[1].isdigit() else _COUNTS[match[1].lower()]
    return count * _SPANS[match[2].lower()]
