"""The sentences that explanations are made of, by language.

They stand apart so that a translator can read them without the code. Every language has every key.
The words are chosen to inform a colleague: no one is accused, steps *took longer than planned*.

Hazard: `docs/tracing.md` and a test keep a list of words that must not appear here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "id": ("Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    "pt": ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"),
}

PHRASES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "hours": "{0} h",
        "minutes": "{0} min",
        "days": "{0} days",
        "missed_open": "Promised by {due}; {late} later {activity} is still open.",
        "missed_done": "Promised by {due}; {activity} was done {late} later.",
        "foreseen": "Promised by {due}; by plan, {activity} will now be about {late} later.",
        "kept": "{activity} was promised by {due} and done by {end}.",
        "running": "The promise runs until {due}; {activity} is still open.",
        "no_promise": "No promised time for {activity} is known.",
        "cancelled": "The case was cancelled before {activity}.",
        "delay_done": "{activity} ({owner}) took {late} longer than planned, until {end}.",
        "delay_open": "{activity} ({owner}) is open since {begin}, {late} longer than planned.",
        "fault": "{activity}: {fault} was recorded on {at} ({owner}).",
        "joint": "Up to {activity} took {late} longer than planned, until {end}; nothing tells the steps apart.",
        "denied": "{activity} ({owner}) is recorded as done on {at}; the customer says otherwise.",
        "promise": "Every step kept to its plan; the promised time itself was {late} too short.",
        "promise_too": "The promised time itself was {late} too short.",
        "upstream": "Before that, all steps were within their plan.",
        "would_keep": "Had {activity} been finished by {by}, the promise would have been kept.",
        "would_gain": "Had {activity} kept to its plan, the customer would have waited {late} less.",
        "missing": "Not known: {activity}; {owner} can tell.",
        "silent": "Nothing newer has come about {activity} from its system; {owner} can tell.",
        "no_events": "No event of this case was known when the customer wrote.",
        "text_only": "Only the words of the complaint say so; no event of the case does.",
        "finish": "{owner} can help now: {activity} is in their hands.",
        "remedy": "{owner} can help now with a remedy.",
        "manage": "{owner} can help now: {activity} is with a partner they manage.",
        "decide": "{owner} reads the complaint and decides.",
        "again": "It will be traced again at {at}.",
        "candidates": "No event of the case tells who; a person may begin with {names}.",
        "asked": "{owner} is asked: {question}",
        "ask_finished": "When was {activity} done? If it is not done yet, please say so.",
        "ask_due": "By when was {activity} promised to the customer?",
        "ask_confirm": "Was {activity} done on {at}, as we have been told?",
        "duplicate": "{activity} came twice with the same content; it counts once.",
        "zone_error": "The time of {activity} is {late} off, as if of another time zone; this was taken into account.",
        "clock_skew": "The clocks around {activity} differ by {late}; time within that is put to nobody.",
        "disordered": "The recorded time of {activity} does not fit its neighbours and is not used.",
        "disputed": "Giver and receiver date {activity} {late} apart; that time is put to neither.",
        "self_serving": "{activity} was entered {late} after its time, once the complaint was known ({owner}); until "
        "somebody else confirms it, it moves nothing.",
        "backdated": "{activity} was entered {late} after its time ({owner}).",
        "answered": "{owner} answered about {activity}.",
        "contradiction": "{activity}: {name} ({owner}).",
        "would_change": "Only with {activity} known can the steps be told apart.",
        "attempt": "A first try at {activity} on {at} did not succeed.",
        "anyone": "several departments",
        "customer_missed_open": "We promised {activity} by {due}, and it is not done yet. We are sorry; "
        "those who can help now have been told.",
        "customer_missed_open_again": "We promised {activity} by {due}, and it is not done yet. We are sorry; we look "
        "into it again on {at}.",
        "customer_missed_done": "We promised {activity} by {due}; it was done on {end}. We are sorry "
        "for the wait.",
        "customer_foreseen": "We promised {activity} by {due}, and it may come later. We are sorry; those "
        "who can help now have been told.",
        "customer_foreseen_again": "We promised {activity} by {due}, and it may come later. We are sorry; we look into "
        "it again on {at}.",
        "customer_running": "{activity} is expected by {due}. If it is not done by then, we look into "
        "it ourselves; you need not ask again.",
        "customer_else": "Thank you for telling us. Somebody who can help is looking into it.",
        "customer_else_again": "Thank you for telling us. We look into it again on {at}.",
    },
    "id": {
        "hours": "{0} jam",
        "minutes": "{0} menit",
        "days": "{0} hari",
        "missed_open": "Dijanjikan paling lambat {due}; {late} kemudian {activity} masih berjalan.",
        "missed_done": "Dijanjikan paling lambat {due}; {activity} selesai {late} kemudian.",
        "foreseen": "Dijanjikan paling lambat {due}; menurut rencana {activity} kini sekitar {late} kemudian.",
        "kept": "{activity} dijanjikan paling lambat {due} dan selesai {end}.",
        "running": "Janji berlaku sampai {due}; {activity} masih berjalan.",
        "no_promise": "Waktu yang dijanjikan untuk {activity} tidak diketahui.",
        "cancelled": "Kasus dibatalkan sebelum {activity}.",
        "delay_done": "{activity} ({owner}) memakan waktu {late} lebih lama dari rencana, sampai {end}.",
        "delay_open": "{activity} ({owner}) berjalan sejak {begin}, {late} lebih lama dari rencana.",
        "fault": "{activity}: {fault} tercatat pada {at} ({owner}).",
        "joint": "Sampai {activity} memakan waktu {late} lebih lama dari rencana, hingga {end}; langkahnya "
        "tidak dapat dibedakan.",
        "denied": "{activity} ({owner}) tercatat selesai pada {at}; pelanggan menyatakan lain.",
        "promise": "Semua langkah sesuai rencana; waktu yang dijanjikan sendiri {late} terlalu singkat.",
        "promise_too": "Waktu yang dijanjikan sendiri {late} terlalu singkat.",
        "upstream": "Sebelum itu semua langkah sesuai rencana.",
        "would_keep": "Bila {activity} selesai paling lambat {by}, janji kepada pelanggan terpenuhi.",
        "would_gain": "Bila {activity} sesuai rencana, pelanggan menunggu {late} lebih singkat.",
        "missing": "Belum diketahui: {activity}; {owner} dapat memberi tahu.",
        "silent": "Belum ada kabar terbaru tentang {activity} dari sistemnya; {owner} dapat memberi tahu.",
        "no_events": "Belum ada peristiwa kasus ini yang diketahui saat pelanggan menulis.",
        "text_only": "Hanya kata-kata keluhan yang menyatakannya; belum ada peristiwa yang mendukung.",
        "finish": "{owner} dapat membantu sekarang: {activity} ada di tangan mereka.",
        "remedy": "{owner} dapat membantu sekarang dengan penyelesaian untuk pelanggan.",
        "manage": "{owner} dapat membantu sekarang: {activity} ada pada mitra yang mereka kelola.",
        "decide": "{owner} membaca keluhan ini dan memutuskan.",
        "again": "Akan ditelusuri lagi pada {at}.",
        "candidates": "Belum ada peristiwa yang menunjukkan siapa; pemeriksaan dapat dimulai dari {names}.",
        "asked": "{owner} ditanya: {question}",
        "ask_finished": "Kapan {activity} selesai? Bila belum, mohon beri tahu.",
        "ask_due": "Paling lambat kapan {activity} dijanjikan kepada pelanggan?",
        "ask_confirm": "Apakah {activity} selesai pada {at}, seperti yang kami terima?",
        "duplicate": "{activity} tercatat dua kali dengan isi yang sama; dihitung sekali.",
        "zone_error": "Waktu {activity} bergeser {late}, seperti dari zona waktu lain; ini sudah diperhitungkan.",
        "clock_skew": "Jam di sekitar {activity} berbeda {late}; waktu di dalamnya tidak dibebankan kepada siapa pun.",
        "disordered": "Waktu {activity} yang tercatat tidak cocok dengan langkah di sekitarnya dan tidak dipakai.",
        "disputed": "Pemberi dan penerima mencatat {activity} dengan selisih {late}; waktu itu tidak dibebankan kepada "
        "keduanya.",
        "self_serving": "{activity} baru dimasukkan {late} setelah waktunya, ketika keluhan sudah diketahui ({owner}); "
        "sebelum ada pihak lain yang membenarkan, jawaban tidak berubah.",
        "backdated": "{activity} dimasukkan {late} setelah waktunya ({owner}).",
        "answered": "{owner} sudah menjawab tentang {activity}.",
        "contradiction": "{activity}: {name} ({owner}).",
        "would_change": "Langkah-langkahnya baru dapat dibedakan bila {activity} diketahui.",
        "attempt": "Upaya pertama untuk {activity} pada {at} belum berhasil.",
        "anyone": "beberapa bagian",
        "customer_missed_open": "Kami menjanjikan {activity} paling lambat {due}, dan sampai sekarang "
        "belum selesai. Mohon maaf; pihak yang dapat membantu sudah diberi tahu.",
        "customer_missed_open_again": "Kami menjanjikan {activity} paling lambat {due}, dan sampai sekarang belum "
        "selesai. Mohon maaf; kami akan memeriksanya lagi pada {at}.",
        "customer_missed_done": "Kami menjanjikan {activity} paling lambat {due}, dan baru selesai "
        "{end}. Mohon maaf atas penantiannya.",
        "customer_foreseen": "Kami menjanjikan {activity} paling lambat {due}, dan mungkin lebih lama. "
        "Mohon maaf; pihak yang dapat membantu sudah diberi tahu.",
        "customer_foreseen_again": "Kami menjanjikan {activity} paling lambat {due}, dan mungkin lebih lama. Mohon "
        "maaf; kami akan memeriksanya lagi pada {at}.",
        "customer_running": "{activity} diperkirakan selesai paling lambat {due}. Bila sampai saat itu "
        "belum, kami sendiri yang menelusuri; Anda tidak perlu bertanya lagi.",
        "customer_else": "Terima kasih sudah memberi tahu. Pihak yang dapat membantu sedang memeriksanya.",
        "customer_else_again": "Terima kasih sudah memberi tahu. Kami akan memeriksanya lagi pada {at}.",
    },
    "pt": {
        "hours": "{0} h",
        "minutes": "{0} min",
        "days": "{0} dias",
        "missed_open": "Prometido até {due}; {late} depois, {activity} continua em aberto.",
        "missed_done": "Prometido até {due}; {activity} ocorreu {late} depois.",
        "foreseen": "Prometido até {due}; pelo plano, {activity} agora será cerca de {late} depois.",
        "kept": "{activity}: prometido até {due}, feito em {end}.",
        "running": "A promessa vale até {due}; {activity} continua em aberto.",
        "no_promise": "Não se conhece prazo prometido para {activity}.",
        "cancelled": "O caso foi cancelado antes de {activity}.",
        "delay_done": "{activity} ({owner}) levou {late} além do previsto, até {end}.",
        "delay_open": "{activity} ({owner}) está em aberto desde {begin}, {late} além do previsto.",
        "fault": "{activity}: {fault}, registrado em {at} ({owner}).",
        "joint": "Até {activity} levou {late} além do previsto, até {end}; nada distingue as etapas.",
        "denied": "{activity} ({owner}) consta como feito em {at}; o cliente diz outra coisa.",
        "promise": "Todas as etapas seguiram o plano; o próprio prazo prometido era {late} curto demais.",
        "promise_too": "O próprio prazo prometido era {late} curto demais.",
        "upstream": "Antes disso, todas as etapas seguiram o plano.",
        "would_keep": "Se {activity} terminasse até {by}, a promessa teria sido cumprida.",
        "would_gain": "Se {activity} seguisse o plano, o cliente teria esperado {late} a menos.",
        "missing": "Não se sabe: {activity}; {owner} pode informar.",
        "silent": "Não chegou nada novo sobre {activity} do seu sistema; {owner} pode informar.",
        "no_events": "Nenhum evento deste caso era conhecido quando o cliente escreveu.",
        "text_only": "Só as palavras da reclamação o dizem; nenhum evento do caso.",
        "finish": "{owner} pode ajudar agora: {activity} está com eles.",
        "remedy": "{owner} pode ajudar agora com uma solução.",
        "manage": "{owner} pode ajudar agora: {activity} está com um parceiro que eles gerenciam.",
        "decide": "{owner} lê a reclamação e decide.",
        "again": "Será analisado de novo em {at}.",
        "candidates": "Nenhum evento do caso mostra quem; pode-se começar por {names}.",
        "asked": "Pergunta a {owner}: {question}",
        "ask_finished": "Quando terminou {activity}? Se ainda não terminou, diga-nos, por favor.",
        "ask_due": "Para quando foi prometido ao cliente: {activity}?",
        "ask_confirm": "{activity} terminou em {at}, como nos disseram?",
        "duplicate": "{activity} chegou duas vezes com o mesmo conteúdo; conta uma vez.",
        "zone_error": "O horário de {activity} está deslocado {late}, como de outro fuso; isso foi levado em conta.",
        "clock_skew": "Os relógios em torno de {activity} diferem {late}; esse tempo não é atribuído a ninguém.",
        "disordered": "O horário registrado de {activity} não combina com os vizinhos e não é usado.",
        "disputed": "Quem entregou e quem recebeu datam {activity} com {late} de diferença; esse tempo não é atribuído "
        "a nenhum dos dois.",
        "self_serving": "{activity} foi informado {late} depois, já conhecida a reclamação ({owner}); até que outra "
        "parte confirme, nada muda.",
        "backdated": "{activity} foi informado {late} depois ({owner}).",
        "answered": "{owner} respondeu sobre {activity}.",
        "contradiction": "{activity}: {name} ({owner}).",
        "would_change": "Só sabendo de {activity} se distinguem as etapas.",
        "attempt": "Uma primeira tentativa de {activity} em {at} não teve êxito.",
        "anyone": "vários departamentos",
        "customer_missed_open": "Prometemos {activity} até {due}, e ainda não aconteceu. Pedimos "
        "desculpas; quem pode ajudar agora já foi avisado.",
        "customer_missed_open_again": "Prometemos {activity} até {due}, e ainda não aconteceu. Pedimos desculpas; "
        "verificaremos de novo em {at}.",
        "customer_missed_done": "Prometemos {activity} até {due}; ocorreu em {end}. Pedimos desculpas "
        "pela espera.",
        "customer_foreseen": "Prometemos {activity} até {due}, e pode demorar mais. Pedimos desculpas; "
        "quem pode ajudar agora já foi avisado.",
        "customer_foreseen_again": "Prometemos {activity} até {due}, e pode demorar mais. Pedimos desculpas; "
        "verificaremos de novo em {at}.",
        "customer_running": "{activity} está previsto até {due}. Se não acontecer até lá, nós mesmos "
        "verificamos; não é preciso perguntar de novo.",
        "customer_else": "Obrigado por nos contar. Quem pode ajudar já está verificando.",
        "customer_else_again": "Obrigado por nos contar. Verificaremos de novo em {at}.",
    },
}
