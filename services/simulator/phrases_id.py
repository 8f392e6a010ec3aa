"""How Indonesian customers write, by what they complain of; our own sentences, with the slang and the haste of a chat.

Slots: {item} what was ordered, {other} what came instead, {days} a number of days, {amount} money, {name} a person.
Hazard: a sentence that would fit two symptoms makes the planted truth unfair; each here names its own trouble.
"""

from __future__ import annotations

from typing import Final

OPENERS: Final = (
    "min",
    "halo kak",
    "gan",
    "permisi admin",
    "sis",
    "duh",
    "kak mau tanya",
    "tolong dong",
    "halo, selamat siang",
    "woi min",
    "maaf ya sebelumnya",
    "kecewa banget",
)

CLOSERS: Final = (
    "tolong dicek ya",
    "mohon bantuannya",
    "gimana nih?",
    "kapok deh belanja di sini",
    "saya tunggu kabarnya",
    "jangan cuma dijawab bot",
    "udah sabar banget loh ini",
    "tolong kejelasannya",
    "ga lagi lagi deh",
    "makasih",
    "plis bantu",
    "masa gini sih pelayanannya",
)

ITEMS: Final = (
    "sepatu lari",
    "blender",
    "tas ransel",
    "kaos hitam",
    "botol minum",
    "lampu meja",
    "rice cooker",
    "jaket hoodie",
    "headset",
    "skincare set",
    "mainan anak",
    "panci",
    "sprei katun",
    "keyboard",
    "gamis",
)

LATE: Final = (
    "paket {item} saya belum sampai juga, udah {days} hari",
    "pesanan {item} kok lama banget ya ga dateng2",
    "udah lewat estimasi tapi {item} belum nyampe rumah",
    "janjinya cepet, nyatanya {days} hari barang belum datang",
    "kapan sampainya {item} saya? telat terus",
    "barang blm dtg, mau dipake buat acara padahal",
    "pengirimannya lambat parah, {item} saya belum tiba sampe skrg",
    "order {item} dari kapan tau, statusnya ga gerak2, belum sampai",
    "ini {item} kapan datengnya sih, sudah terlambat {days} hari",
    "nunggu {item} kayak nunggu hujan di musim kemarau, belum juga diantar",
    "lah kok blm nyampe, katanya {days} hari doang",
    "pesanan saya telat, tanggal janji sudah lewat dan {item} belum saya terima sama sekali",
)

LATE_BUT_HERE: Final = (
    "{item} akhirnya sampai tapi telat {days} hari dari janji",
    "barangnya sih oke, tapi datengnya telat banget, lewat dari estimasi",
    "pengiriman terlambat, {item} baru nyampe setelah acaranya lewat",
    "lama banget kirimnya, baru dateng hari ini padahal dijanjiin lebih cepet",
    "telat sampainya, kado {item} jadi ga kepake pas ultah",
    "pesan {item} sampainya molor {days} hari, kecewa sama keterlambatannya",
)

WRONG: Final = (
    "saya pesan {item} yang dateng malah {other}",
    "barang salah kirim, order {item} dapetnya {other}",
    "kok beda sama pesanan? harusnya {item}, ini {other}",
    "salah warna nih, yang dikirim bukan yang saya pesan",
    "ukurannya salah, {item} yang dateng bukan size yang saya order",
    "pas dibuka isinya {other}, padahal belinya {item}",
    "ini ketuker sama punya orang kali ya, saya pesennya {item} bukan {other}",
    "yang datang tidak sesuai pesanan, mintanya {item} dikasih {other}",
    "salah barang kak, di invoice {item} di paket {other}",
)

SHORT: Final = (
    "isi paketnya kurang, harusnya 2 {item} cuma ada 1",
    "pesanan ga lengkap, {item} nya ga ada di dalam dus",
    "barang kurang satu, {item} tidak ada",
    "paketnya ga komplit, {item} ketinggalan kayaknya",
    "kok cuma sebagian yang dikirim? {item} saya belum ada di paket",
    "jumlahnya kurang, pesan 3 dateng 2, {item} nya hilang satu",
    "aksesoris {item} tidak disertakan, padahal tertulis lengkap",
    "dus dibuka ternyata {item} kurang, cuma dapet setengah dari yang dipesan",
)

DAMAGED: Final = (
    "{item} sampai dalam keadaan pecah",
    "paket penyok, {item} di dalamnya rusak",
    "packingnya asal, {item} retak semua",
    "barang rusak pas diterima, bungkusnya cuma plastik tipis tanpa bubble wrap",
    "{item} patah begitu dibuka, dusnya hancur",
    "isinya bocor kemana mana, {item} ga bisa dipake",
    "kemasannya sobek dan {item} lecet parah",
    "baru dibuka {item} udah pecah, ga dikasih pelindung sama sekali",
)

NOT_RECEIVED: Final = (
    "status udah diterima padahal {item} ga pernah sampe ke saya",
    "di aplikasi tertulis terkirim, tapi saya tidak menerima apa apa",
    "katanya sudah diterima oleh {name}, siapa itu? ga ada nama itu di rumah saya",
    "paket dinyatakan delivered tapi barangnya ga ada, satpam juga ga tau",
    "statusnya selesai, kok {item} belum saya terima, jangan2 hilang",
    "kurir bilang udah dikasih, ke siapa? saya seharian di rumah ga ada yang dateng tapi status diterima",
    "tracking bilang sudah sampai, kenyataannya {item} tidak ada di tangan saya",
)

REFUND: Final = (
    "refund udah disetujui tapi uangnya blm masuk {days} hari",
    "dana saya kapan dikembalikan? katanya sudah di-approve",
    "duit {amount} belum balik juga, padahal retur sudah diterima",
    "pengembalian dana lama banget, sudah {days} hari saldo belum nambah",
    "mana refund saya? tiap ditanya cuma suruh nunggu",
    "uang belum kembali, status refund disetujui dari minggu lalu",
    "proses pengembalian uang {amount} macet, rekening masih kosong",
)

CHARGE: Final = (
    "tagihan saya {amount} padahal harga {item} lebih murah",
    "kok invoice beda sama total waktu checkout? kelebihan {amount}",
    "saya ditagih dua kali untuk {item}",
    "nominal di invoice salah, lebih besar {amount} dari pesanan saya",
    "kena biaya tambahan {amount} yang ga jelas",
    "harga di tagihan tidak sama dengan harga pesanan, tolong dikoreksi",
    "saldo kepotong lebih {amount} dari harga {item}",
)

OWN: Final = (
    "saya salah tulis alamat, {item} belum sampai juga",
    "kurir udah dateng katanya tapi saya lagi ga di rumah, {item} belum saya terima",
    "nomor hp saya ternyata salah di aplikasi, paket {item} belum diantar juga",
    "waktu kurir telpon ga keangkat, sekarang {item} saya belum nyampe",
)

NAMES: Final = ("Budi", "Pak RT", "Siti", "Agus", "Ibu Wati", "satpam", "Dewi", "Joko")

SLANG: Final = (
    ("tidak", ("ga", "gak", "nggak", "g")),
    ("sudah", ("udah", "udh", "sdh", "dah")),
    ("belum", ("blm", "belom", "blum")),
    ("saya", ("sy", "aku", "gue", "saya")),
    ("yang", ("yg",)),
    ("dengan", ("dgn", "sama")),
    ("padahal", ("pdhl", "pdahal")),
    ("banget", ("bgt", "bangett")),
    ("sampai", ("sampe", "nyampe")),
    ("barang", ("brg", "barang")),
    ("pesanan", ("pesenan", "orderan")),
    ("datang", ("dateng", "dtg")),
    ("tapi", ("tp",)),
    ("kenapa", ("knp", "napa")),
    ("juga", ("jg",)),
)
