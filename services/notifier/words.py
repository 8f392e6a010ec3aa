"""What a department reads beside the router's explanation: a question in full, and why something is taken back.  Pure.

It stands apart because these sentences are the notifier's own: they say what to do with a message, not what happened to the
case.  Hazard: people read them who fear to be scolded; a test keeps words that blame out of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final

_MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    "pt": ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"),
}
WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "question": "One question: {text}",
        "by": "Please answer by {at}; after that a person decides without it.",
        "why": "No department is named yet: your answer decides who can put it right.",
        "how": (
            "How to answer: post the event under `answer` with the time when it was really done; "
            "if it has not been done yet, the one under `not_done`."
        ),
        "how_due": (
            "How to answer: post the event under `answer`, with the time by which it was promised as `due_at`."
        ),
        "tap": "How to answer: open `answer_url` and tap once; it needs no password.",
        "retraced": (
            "Later news has changed the picture: this is taken back, and nothing more is needed "
            "from you. We are sorry for the trouble."
        ),
        "answered": "The question has been answered, thank you; nothing more is needed from you.",
        "unanswered": (
            "The time for an answer is over and a person decides without it; nothing more is "
            "needed from you."
        ),
        "withdrawn_by_customer": (
            "The customer has withdrawn the complaint; nothing more is needed from you."
        ),
    },
    "id": {
        "question": "Satu pertanyaan: {text}",
        "by": "Mohon dijawab paling lambat {at}; setelah itu seseorang memutuskan tanpa jawaban ini.",
        "why": "Belum ada bagian yang disebut: jawaban Anda menentukan siapa yang dapat membereskannya.",
        "how": (
            "Cara menjawab: kirim peristiwa pada `answer` dengan waktu selesai yang sebenarnya; "
            "bila belum dikerjakan, kirim yang pada `not_done`."
        ),
        "how_due": (
            "Cara menjawab: kirim peristiwa pada `answer`, dengan batas waktu yang dijanjikan pada `due_at`."
        ),
        "tap": "Cara menjawab: buka `answer_url` dan ketuk sekali; tidak perlu kata sandi.",
        "retraced": (
            "Kabar yang datang kemudian mengubah gambaran: penugasan ini ditarik kembali dan tidak "
            "ada lagi yang perlu Anda lakukan. Mohon maaf atas kerepotannya."
        ),
        "answered": (
            "Pertanyaannya sudah terjawab, terima kasih; tidak ada lagi yang perlu Anda lakukan."
        ),
        "unanswered": (
            "Batas waktu jawaban sudah lewat dan seseorang memutuskan tanpa jawaban ini; tidak ada "
            "lagi yang perlu Anda lakukan."
        ),
        "withdrawn_by_customer": (
            "Pelanggan sudah menarik keluhannya; tidak ada lagi yang perlu Anda lakukan."
        ),
    },
    "pt": {
        "question": "Uma pergunta: {text}",
        "by": "Por favor, responda até {at}; depois disso uma pessoa decide sem a resposta.",
        "why": "Nenhum setor foi apontado ainda: a sua resposta decide quem pode resolver.",
        "how": (
            "Como responder: envie o evento em `answer` com a hora em que foi realmente feito; "
            "se ainda não foi feito, o que está em `not_done`."
        ),
        "how_due": (
            "Como responder: envie o evento em `answer`, com a hora prometida em `due_at`."
        ),
        "tap": "Como responder: abra `answer_url` e toque uma vez; não é preciso senha.",
        "retraced": (
            "Notícias posteriores mudaram o quadro: isto é retirado e nada mais é preciso da sua "
            "parte. Pedimos desculpas pelo incômodo."
        ),
        "answered": "A pergunta já foi respondida, obrigado; nada mais é preciso da sua parte.",
        "unanswered": (
            "O prazo da resposta terminou e uma pessoa decide sem ela; nada mais é preciso da sua "
            "parte."
        ),
        "withdrawn_by_customer": (
            "O cliente retirou a reclamação; nada mais é preciso da sua parte."
        ),
    },
}
"""By language, then by what is said; the last four by the reason of a withdrawal."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The one fact that a department is asked for."""

    activity: str
    fact: str
    claimed: datetime | None = None
    """For `confirm`: when it was done, as somebody else tells it."""
    text: Mapping[str, str] = field(default_factory=dict)
    """language -> the question."""
    answer_by: datetime | None = None


def moment(at: datetime, language: str, zone: tzinfo) -> str:
    """A wall time with its zone, such as `3 Mei 14:05 WIB`."""
    local = at.astimezone(zone)
    months = _MONTHS.get(language, _MONTHS["en"])
    return f"{local.day} {months[local.month - 1]} {local:%H:%M %Z}"


def question(asked: Asked, language: str, zone: tzinfo, *, one_tap: bool = False) -> list[str]:
    """What is asked, by when, what for and how to answer: by the link where there is one, else by an event."""
    words = WORDS.get(language, WORDS["en"])
    text = asked.text.get(language) or asked.text.get("en") or next(iter(asked.text.values()), "")
    said = [words["question"].format(text=text)]
    if asked.answer_by is not None:
        said.append(words["by"].format(at=moment(asked.answer_by, language, zone)))
    how = "how_due" if asked.fact == "due" else "how"
    return [*said, words["why"], words["tap" if one_tap else how]]


def taken_back(reason: str, language: str) -> str | None:
    """Why an assignment is taken back; None for a reason that has no words here."""
    return WORDS.get(language, WORDS["en"]).get(reason)


def answers(
    asked: Asked, *, department: str, case_id: str | None, zone: tzinfo, url: str | None
) -> dict[str, object]:
    """The process events that an answer is: where to post them, and what only has to be filled in."""
    event: dict[str, object] = {"case_id": case_id, "activity": asked.activity}
    by = {"attributes": {"answered_by": department}}
    known = asked.answer_by or asked.claimed
    offset = "Z" if known is None else known.astimezone(zone).isoformat()[-6:]
    now = f"YYYY-MM-DDThh:mm:ss{offset}"
    done = now if asked.claimed is None else asked.claimed.astimezone(zone).isoformat()
    if asked.fact == "due":
        return {
            "post_to": f"{url or ''}/v1/process-events",
            "answer": {**event, "transition": "schedule", "at": now, "due_at": now, **by},
        }
    return {
        "post_to": f"{url or ''}/v1/process-events",
        "answer": {**event, "transition": "complete", "at": done, **by},
        "not_done": {**event, "transition": "start", "at": now, **by},
    }
