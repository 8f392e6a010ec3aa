"""What an Indonesian bank's customers write; lists named `BANK_…` go before the general ones of the same name."""

from __future__ import annotations

from typing import Final

BANK_ITEMS: Final = ("kartu debit", "kartu kredit", "kartu ATM")

BANK_TRANSFER_LATE: Final = (
    "transfer {amount} dari tadi belum masuk ke rekening tujuan, saldo sudah terpotong",
    "uang saya sudah terdebet tapi penerima belum terima transfernya",
    "transferan ke bank lain kok belum sampai juga, biasanya cuma sebentar",
    "sudah kirim {amount} dari kemarin, statusnya masih diproses terus",
    "transaksi transfer gagal tapi saldo kepotong {amount}",
    "tf saya pending lama banget, uangnya nyangkut dimana ini",
)
BANK_TRANSFER_BLAMES_BANK: Final = (
    "bank tujuan lelet nih, transfer {amount} belum masuk masuk",
    "pasti bank penerimanya yang bermasalah, uang saya belum sampai ke sana",
)
BANK_TRANSFER_NOT_THERE: Final = (
    "status transfer berhasil, tapi penerima bilang uangnya tidak ada",
    "di mutasi tertulis sukses tapi {amount} tidak masuk ke rekening {name}",
    "bukti transfer sudah ada, berhasil katanya, dananya belum diterima juga",
)
BANK_REVERSAL_LATE: Final = (
    "transfer ditolak bank tujuan tapi uang {amount} belum kembali ke rekening saya",
    "kapan dana saya dikembalikan? transfernya gagal dan saldo sudah terpotong",
    "transfer gagal, refund ke rekening belum masuk juga",
)
BANK_CARD_LATE: Final = (
    "{item} saya belum sampai juga, sudah {days} hari",
    "sudah lewat dari tanggal yang dijanjikan, {item} belum saya terima",
    "kapan {item} saya datang? telat banget",
    "pengiriman {item} lama sekali, belum tiba sampai sekarang",
)
BANK_CARD_CAME_LATE: Final = (
    "{item} baru sampai, telat {days} hari dari janji",
    "kartunya datang terlambat, sudah lewat jauh dari estimasi",
    "akhirnya {item} nya nyampe juga tapi lama banget, molor dari yang dijanjikan",
)
BANK_CARD_BLAMES_COURIER: Final = (
    "kurirnya lambat banget, {item} saya belum sampai padahal sudah {days} hari",
    "ekspedisi yang dipakai bank ini payah, {item} telat belum saya terima",
)
BANK_CARD_ASKING: Final = (
    "{item} saya kira kira kapan sampai ya?",
    "belum terima {item} nih, masih lama kah?",
    "{item} sudah dikirim belum? belum datang soalnya",
)
BANK_CARD_NOT_THERE: Final = (
    "status {item} sudah diterima, padahal saya tidak menerima apa apa",
    "katanya {item} sudah diantar dan diterima {name}, di rumah tidak ada yang terima",
)
BANK_DISPUTE_LATE: Final = (
    "pengembalian dana sanggahan saya belum masuk, sudah {days} hari",
    "uang {amount} yang saya sanggah kapan dikembalikan? lama sekali",
    "refund dari bank belum saya terima juga, katanya diproses",
    "dana saya belum kembali ke rekening, laporan sudah dari {days} hari lalu",
)
BANK_DISPUTE_ASKING: Final = (
    "refund saya kapan masuk ya? uangnya belum kembali",
    "laporan sanggahan saya bagaimana, dana belum kembali",
)
BANK_ACCOUNT_LATE: Final = (
    "buka rekening dari {days} hari lalu, belum bisa login juga",
    "pengajuan rekening saya belum aktif, sudah lewat tiga hari kerja",
    "rekening baru saya belum bisa diakses, katanya tiga hari jadi",
    "akun saya belum jadi jadi, tidak bisa masuk aplikasi",
)
BANK_CHARGED_TWICE: Final = (
    "saldo saya terpotong dua kali untuk transaksi yang sama",
    "kenapa saya didebet dobel {amount}?",
    "tagihan {amount} muncul dua kali di mutasi",
)
BANK_WRONG_FEE: Final = (
    "kok ada biaya {amount} yang tidak jelas di rekening saya",
    "biaya transfernya salah, kepotong {amount} lebih besar dari seharusnya",
)
BANK_WRONG_AMOUNT: Final = (
    "saya transfer {amount} tapi saldo terpotong jauh lebih besar",
    "nominal yang terdebet salah, tidak sama dengan yang saya kirim",
)
BANK_NOT_MINE: Final = (
    "ada transaksi {amount} di kartu saya yang bukan saya lakukan",
    "tagihan kartu ada pembelian {amount} yang tidak saya kenal",
)
BANK_APP_DOWN: Final = (
    "mobile banking error waktu mau transfer",
    "aplikasinya keluar sendiri pas kirim uang",
    "m-banking tidak bisa dibuka, error terus",
)
BANK_OTHER_CARD: Final = (
    "saya minta kartu gold yang datang silver",
    "kartu yang dikirim salah jenis, bukan yang saya ajukan",
    "kartunya beda dari yang saya minta",
)
BANK_CARD_DEAD: Final = (
    "{item} baru tidak terbaca di mesin, chipnya rusak",
    "{item} saya tidak berfungsi sejak pertama dipakai",
)
BANK_NO_PIN: Final = (
    "{item} sudah sampai tapi surat PIN nya tidak ada di amplop",
    "isi amplopnya kurang, cuma kartu tanpa PIN",
)
BANK_CARD_BROKEN: Final = (
    "{item} sampai dalam keadaan patah",
    "amplopnya sobek dan kartunya rusak bengkok",
)
BANK_NO_ACCESS: Final = (
    "rekening saya diblokir tanpa alasan, tidak bisa login",
    "akun saya terkunci, tidak bisa masuk sama sekali",
)
BANK_NO_CODE: Final = (
    "kode OTP tidak masuk masuk, saya tidak bisa login",
    "mau aktivasi akun tapi kode verifikasinya tidak pernah dikirim",
)
BANK_CANCELLED: Final = (
    "pengajuan rekening saya dibatalkan, padahal saya tidak minta batal",
    "kenapa permohonan saya dicancel sepihak?",
)
BANK_CONDUCT: Final = (
    "petugas cabangnya jutek dan kasar waktu melayani saya",
    "teller nya tidak sopan, ngomong sambil marah marah",
)
BANK_VAGUE: Final = (
    "kecewa sama bank ini",
    "pelayanannya parah",
    "tolong diperbaiki, mengecewakan",
)
BANK_PRAISE: Final = (
    "terima kasih, kartunya sudah saya terima dan pelayanannya bagus",
    "mantap, prosesnya cepat, puas",
)
