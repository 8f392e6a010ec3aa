"""The small pages behind a link to a question: the question with its answers, the thanks, and why a link does not work.  Pure.

They stand apart from the console's pages because whoever is asked has no key to the console, and should read nothing there
but the question.  No script: a tap is a form, and looking at a page changes nothing.  Hazard: case ids and questions are
other people's words; everything is escaped here.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from html import escape
from typing import Final
from zoneinfo import ZoneInfo

from services.chassis.answers import OpenQuestion

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "question": "One question",
        "case": "Case {case}",
        "by": "Please answer by {at}.",
        "confirm": "Yes, finished at {at}",
        "at": "It was finished at",
        "finished": "Finished at this time",
        "not_done": "Not done yet",
        "once": "One tap answers it; the first answer counts.",
        "back": (
            "If we have taken the question back meanwhile, nothing more is needed from you: an answer is then kept as one "
            "more fact of the case."
        ),
        "promised": "It was promised by",
        "due": "Promised by this time",
        "moment": "This time cannot be used: give a day and a time, in {zone}.",
        "time": "This time cannot be used: give one that is over, in {zone}.",
        "choose": "Choose one of the answers.",
        "thanks": "Thank you",
        "stored": "Your answer is stored. Should there have been an answer before, that one counts.",
        "later": "Not stored yet",
        "again": "Please tap again in a moment: nothing is lost, and it does not count twice.",
        "over": "The time for this answer is over",
        "decides": "It ended at {at}; a person decides without it. Nothing more is needed from you.",
        "forged": "This link does not work",
        "whole": (
            "It is not one of ours, or a part of it was lost on the way: open it again from the "
            "message, in full."
        ),
    },
    "id": {
        "question": "Satu pertanyaan",
        "case": "Kasus {case}",
        "by": "Mohon dijawab paling lambat {at}.",
        "confirm": "Ya, selesai pada {at}",
        "at": "Selesai pada",
        "finished": "Selesai pada waktu ini",
        "not_done": "Belum dikerjakan",
        "once": "Cukup satu ketukan; jawaban pertama yang berlaku.",
        "back": (
            "Bila pertanyaan ini sudah kami tarik, tidak ada lagi yang perlu Anda lakukan: jawaban kemudian disimpan "
            "sebagai satu fakta lagi dari kasus ini."
        ),
        "promised": "Dijanjikan paling lambat",
        "due": "Dijanjikan sampai waktu ini",
        "moment": "Waktu ini tidak dapat dipakai: isi tanggal dan jam, menurut {zone}.",
        "time": "Waktu ini tidak dapat dipakai: isi waktu yang sudah lewat, menurut {zone}.",
        "choose": "Pilih salah satu jawaban.",
        "thanks": "Terima kasih",
        "stored": "Jawaban Anda sudah disimpan. Bila sebelumnya sudah ada jawaban, itu yang berlaku.",
        "later": "Belum tersimpan",
        "again": "Mohon ketuk lagi sebentar lagi: tidak ada yang hilang, dan tidak dihitung dua kali.",
        "over": "Waktu untuk menjawab sudah lewat",
        "decides": (
            "Berakhir pada {at}; seseorang memutuskan tanpa jawaban ini. Tidak ada lagi yang perlu "
            "Anda lakukan."
        ),
        "forged": "Tautan ini tidak berfungsi",
        "whole": (
            "Tautan ini bukan dari kami, atau sebagian hilang di jalan: buka lagi dari pesannya, "
            "secara utuh."
        ),
    },
    "pt": {
        "question": "Uma pergunta",
        "case": "Caso {case}",
        "by": "Responda até {at}.",
        "confirm": "Sim, concluído em {at}",
        "at": "Foi concluído em",
        "finished": "Concluído nessa hora",
        "not_done": "Ainda não foi feito",
        "once": "Um toque responde; vale a primeira resposta.",
        "back": (
            "Se já retiramos a pergunta, não é preciso fazer mais nada: uma resposta fica então guardada como mais um "
            "fato do caso."
        ),
        "promised": "Foi prometido até",
        "due": "Prometido até essa hora",
        "moment": "Essa hora não pode ser usada: informe um dia e uma hora, em {zone}.",
        "time": "Essa hora não pode ser usada: informe uma que já passou, em {zone}.",
        "choose": "Escolha uma das respostas.",
        "thanks": "Obrigado",
        "stored": "Sua resposta foi guardada. Se já havia uma resposta, vale aquela.",
        "later": "Ainda não foi guardada",
        "again": "Toque de novo daqui a pouco: nada se perde, e não conta duas vezes.",
        "over": "O prazo desta resposta terminou",
        "decides": "Terminou em {at}; uma pessoa decide sem ela. Não é preciso fazer mais nada.",
        "forged": "Este link não funciona",
        "whole": (
            "Ele não é nosso, ou uma parte se perdeu no caminho: abra de novo a partir da "
            "mensagem, por inteiro."
        ),
    },
}
"""By language, then by what is said."""
_STYLE: Final = """\
:root {
  color-scheme: light dark;
  --ink: #1d2320; --soft: #5c6661; --ground: #f6f5f1; --card: #fff; --line: #e3e2db; --brand: #1f6b4f;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ece9; --soft: #9aa5a0; --ground: #121614; --card: #1a201d; --line: #2b332f; --brand: #2f8f6b; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 17px/1.5 system-ui, sans-serif; }
main { max-width: 34rem; margin: 0 auto; padding: 24px 20px; overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 8px; }
.big { font-size: 1.15rem; }
.soft { color: var(--soft); font-size: .9rem; }
.wrong { border-left: 4px solid #c8553d; padding-left: 10px; }
form { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px; margin: 14px 0; }
label { display: block; margin-bottom: 6px; }
input, button { font: inherit; width: 100%; min-height: 48px; padding: 8px 12px; }
input, button { border-radius: 10px; border: 1px solid var(--line); }
input { background: var(--ground); color: var(--ink); margin-bottom: 10px; }
button { background: var(--brand); color: #fff; font-weight: 600; cursor: pointer; }
button.plain { background: transparent; color: var(--ink); }
"""
HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # The link is the key: it must not travel on to where somebody goes from here.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}


def asking(asked: OpenQuestion, *, now: datetime, wrong: str | None = None) -> str:
    """The question and its answers; with what was wrong (a key of `WORDS`) about an answer that was refused."""
    words = WORDS.get(asked.language, WORDS["en"])
    zone = ZoneInfo(asked.zone)
    about = [
        words["case"].format(case=asked.case_id),
        asked.activity,
        words["by"].format(at=_moment(asked.answer_by, zone)),
    ]
    parts = [
        f"<h1>{escape(words['question'])}</h1>",
        f'<p class="big">{escape(asked.text)}</p>',
        f'<p class="soft">{escape(" · ".join(about))}</p>',
    ]
    if wrong is not None:
        parts.append(
            f'<p class="wrong" role="alert">{escape(words[wrong].format(zone=asked.zone))}</p>'
        )
    if asked.fact == "due":
        parts += [
            _form("due", words["due"], before=_field(words["promised"], asked), plain=False),
            _closing(words),
        ]
        return _page(asked.language, words["question"], "\n".join(parts))
    if asked.claimed is not None:
        parts.append(
            _form("confirm", words["confirm"].format(at=_moment(asked.claimed, zone)), plain=False)
        )
    moment = _field(words["at"], asked, f' max="{now.astimezone(zone):%Y-%m-%dT%H:%M}"')
    parts += [
        _form("finished", words["finished"], before=moment, plain=asked.claimed is not None),
        _form("not_done", words["not_done"], plain=True),
        _closing(words),
    ]
    return _page(asked.language, words["question"], "\n".join(parts))


def _field(label: str, asked: OpenQuestion, latest: str = "") -> str:
    """Left empty: a time that is already there would be tapped, true or not."""
    return (
        f'<label for="at">{escape(label)} ({escape(asked.zone)})</label>'
        f'<input id="at" name="at" type="datetime-local"{latest} required>'
    )


def _closing(words: Mapping[str, str]) -> str:
    return f'<p class="soft">{escape(words["once"])} {escape(words["back"])}</p>'


def stored(asked: OpenQuestion) -> str:
    """Kafka has it."""
    return _said(asked.language, "thanks", "stored", "back")


def not_stored(asked: OpenQuestion) -> str:
    """Kafka has not confirmed it."""
    return _said(asked.language, "later", "again")


def over(asked: OpenQuestion) -> str:
    """Its time is over."""
    return _said(
        asked.language, "over", "decides", at=_moment(asked.answer_by, ZoneInfo(asked.zone))
    )


def forged(language: str) -> str:
    """Nobody here made that link."""
    return _said(language, "forged", "whole")


def _said(language: str, title: str, *texts: str, **values: str) -> str:
    words = WORDS.get(language, WORDS["en"])
    lines = [f"<p>{escape(words[text].format(**values))}</p>" for text in texts]
    return _page(language, words[title], "\n".join([f"<h1>{escape(words[title])}</h1>", *lines]))


def _form(answer: str, label: str, *, before: str = "", plain: bool) -> str:
    return (
        f'<form method="post"><input type="hidden" name="answer" value="{answer}">{before}'
        f"<button{' class=plain' if plain else ''}>{escape(label)}</button></form>"
    )


def _page(language: str, title: str, body: str) -> str:
    spoken = language if language in WORDS else "en"
    return (
        f'<!doctype html>\n<html lang="{spoken}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · Akar</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M %Z}"
