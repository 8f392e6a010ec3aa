"""What a bank's English-writing customers write; the twin of `words_bank_id`."""

from __future__ import annotations

from typing import Final

BANK_ITEMS: Final = ("debit card", "credit card", "bank card")

BANK_TRANSFER_LATE: Final = (
    "my transfer of {amount} has not arrived, the money has left my account",
    "the recipient still has not received the transfer I made",
    "transfer is pending since yesterday, where is my money",
    "transfer failed but {amount} was deducted",
)
BANK_TRANSFER_BLAMES_BANK: Final = (
    "the other bank must be sleeping, my transfer of {amount} still hasn't arrived",
    "receiving bank is so slow, the transfer has not been received",
)
BANK_TRANSFER_NOT_THERE: Final = (
    "transfer shows as successful but {name} never received the money",
    "it says credited, the recipient's account shows nothing",
)
BANK_REVERSAL_LATE: Final = (
    "my transfer was rejected and the money has not been returned",
    "transfer declined, {amount} still not refunded to my account",
)
BANK_CARD_LATE: Final = (
    "my {item} has not arrived after {days} days",
    "where is my {item}? it should have been here already",
    "still waiting for my new {item}, it is overdue",
)
BANK_CARD_CAME_LATE: Final = (
    "the {item} finally came, {days} days late",
    "my card arrived well after the date you promised",
)
BANK_CARD_BLAMES_COURIER: Final = (
    "your courier is useless, my {item} still hasn't arrived",
    "the delivery company is so slow, no {item} after {days} days",
)
BANK_CARD_ASKING: Final = (
    "when will my {item} arrive?",
    "has my {item} been sent? I have not received it yet",
)
BANK_CARD_NOT_THERE: Final = (
    "tracking says my {item} was delivered but I never got it",
    "card marked as delivered to {name}, nobody here has received it",
)
BANK_DISPUTE_LATE: Final = (
    "I am still waiting for the refund of the payment I disputed",
    "my refund of {amount} has not shown up on my account",
    "it's been {days} days and the disputed money is not back",
)
BANK_DISPUTE_ASKING: Final = (
    "when will I get my refund?",
    "the refund is not on my account yet, how long does it take",
)
BANK_ACCOUNT_LATE: Final = (
    "I applied for an account {days} days ago and still cannot log in",
    "my new account is not active yet, you said three working days",
)
BANK_CHARGED_TWICE: Final = (
    "I was charged twice for the same payment",
    "why has {amount} been taken twice from my account",
)
BANK_WRONG_FEE: Final = (
    "there is a fee of {amount} I do not understand",
    "I was charged an extra fee for my transfer",
)
BANK_WRONG_AMOUNT: Final = (
    "a much larger amount was taken than I transferred",
    "the wrong amount was debited for my transfer",
)
BANK_NOT_MINE: Final = (
    "there is a payment of {amount} on my card that I did not make",
    "I do not recognise a charge on my statement",
)
BANK_APP_DOWN: Final = (
    "the app crashed while I was sending money",
    "your mobile banking keeps showing an error",
)
BANK_OTHER_CARD: Final = (
    "I asked for a gold card and got a silver one",
    "you sent me the wrong card, not the one I applied for",
)
BANK_CARD_DEAD: Final = (
    "my new {item} is not working, the chip cannot be read",
    "the {item} does not work at any machine",
)
BANK_NO_PIN: Final = (
    "the card came but the letter with the PIN was missing",
    "no PIN in the envelope, only the card",
)
BANK_CARD_BROKEN: Final = (
    "the {item} arrived broken in two",
    "envelope torn and the card is damaged",
)
BANK_NO_ACCESS: Final = (
    "my account has been blocked for no reason, I can't log in",
    "I am locked out of my account",
)
BANK_NO_CODE: Final = (
    "I never receive the verification code so I cannot log in",
    "the code to activate my account was never sent",
)
BANK_CANCELLED: Final = (
    "my application was cancelled and I did not ask for it",
    "why did you cancel my account application",
)
BANK_CONDUCT: Final = (
    "the teller at the branch was rude to me",
    "your staff were very impolite",
)
BANK_VAGUE: Final = ("very disappointed with this bank", "terrible bank")
BANK_PRAISE: Final = ("thank you, the card came quickly", "great service, happy with it")
