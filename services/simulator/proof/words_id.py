"""What Indonesian customers write about the troubles that only the proof knows; the other lists stand in `phrases_id`.

It stands apart because these sentences mislead, praise or say nothing on purpose.  Hazard: they are written as customers write,
never after a look at the language packs.
"""

from __future__ import annotations

from typing import Final

LATE_ASKING: Final = (
    "{item} saya kira-kira kapan sampainya ya?",
    "kok {item} nya belum sampai ya, saya nunggu",
    "paketnya belum datang nih, masih lama?",
    "posisi paket {item} sekarang dimana? belum saya terima",
    "belum nyampe juga {item} saya, padahal pengen cepet dipake",
)

SLOW_BUT_IN_TIME: Final = (
    "{item} sudah sampai, tapi menurut saya pengirimannya lama",
    "nyampenya lama ya, toko sebelah biasanya dua hari",
    "akhirnya dateng juga, lama banget nunggunya",
    "pengiriman kurang cepat, barang sudah saya terima",
)

BLAMES_COURIER: Final = (
    "kurirnya lelet, {item} saya belum sampai juga padahal udah lewat tanggalnya",
    "ini pasti kurirnya males, udah {days} hari paket belum diantar",
    "ekspedisinya payah, paket {item} telat dan belum nyampe",
    "tolong kurirnya ditegur, {item} belum dateng dateng, telat {days} hari",
    "gara gara kurir, pesanan saya terlambat dan belum saya terima",
)

PARTLY: Final = (
    "pesanan saya baru sampai sebagian, {item} nya belum datang, sudah lewat estimasi",
    "yang dateng baru satu paket, paket kedua isi {item} telat belum nyampe",
    "dari dua paket baru satu yang sampai, {item} masih belum saya terima padahal udah telat",
)

DEFECT: Final = (
    "{item} nya ga nyala pas dicoba",
    "baru dipakai dua hari {item} sudah ga berfungsi, kualitasnya jelek",
    "bahannya tipis dan jahitannya gampang lepas, kualitas {item} mengecewakan",
    "{item} cepat panas dan mati sendiri, produk cacat",
)

PAYMENT: Final = (
    "saya sudah transfer tapi pesanan masih menunggu pembayaran",
    "pembayaran {amount} sudah terpotong tapi statusnya belum dibayar",
    "udah bayar dari kemarin kok pembayarannya gagal terus katanya",
    "saldo sudah kepotong, pembayaran di aplikasi tetap gagal",
)

APP: Final = (
    "aplikasinya error terus pas mau checkout",
    "aplikasi force close setiap buka halaman pesanan",
    "web nya ga bisa dibuka, loading terus waktu mau pesan {item}",
    "apk nya eror mulu, mau order susah",
)

PROMO: Final = (
    "voucher diskon saya ga kepotong waktu checkout",
    "promo gratis ongkir katanya berlaku, kok tetap bayar penuh",
    "kode voucher {amount} sudah dimasukkan tapi diskonnya tidak dapat",
    "cashback yang dijanjikan di promo tidak masuk",
)

CANCELLED: Final = (
    "pesanan saya kok dibatalkan sepihak, saya ga minta batal",
    "order {item} tiba tiba dibatalin toko tanpa pemberitahuan",
    "kenapa pesanan saya cancel sendiri? saya tidak pernah membatalkan",
)

CONDUCT: Final = (
    "kurirnya kasar, bentak bentak saya di depan rumah",
    "tolong ajarkan kurirnya sopan santun, paket dilempar sambil marah marah",
    "kurir tidak sopan, ngomongnya kasar ke orang tua saya",
)

VAGUE: Final = (
    "kecewa banget belanja di sini",
    "parah sih, ga akan lagi",
    "tolong diperbaiki pelayanannya",
    "mengecewakan sekali, bintang satu",
    "gimana sih ini toko",
)

PRAISE: Final = (
    "makasih kak, {item} nya bagus dan sesuai",
    "mantap, barang sesuai pesanan, pengiriman cepat",
    "puas banget, kualitas {item} oke, recommended seller",
    "terima kasih paketnya sudah saya terima dengan baik",
)
