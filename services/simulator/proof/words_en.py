"""What English-writing customers write about the troubles that only the proof knows; the twin of `words_id`."""

from __future__ import annotations

from typing import Final

LATE_ASKING: Final = (
    "when will my {item} get here?",
    "still no {item}, is it on its way?",
    "my parcel has not arrived yet, could you check where it is",
)

SLOW_BUT_IN_TIME: Final = (
    "got the {item}, I just think shipping takes long",
    "it came, but other shops are quicker",
    "received it today, the delivery felt slow",
)

BLAMES_COURIER: Final = (
    "your courier is so lazy, the {item} still isn't here after {days} days",
    "the driver must be sleeping, my parcel is overdue and not delivered",
    "terrible delivery guy, the {item} is late and has not arrived",
)

PARTLY: Final = (
    "only one of the two parcels came, the {item} is still on its way and overdue",
    "part of my order arrived, the package with the {item} has not arrived and is late",
)

DEFECT: Final = (
    "the {item} stopped working after two days",
    "poor quality, the seams of it came apart",
    "the {item} does not turn on, faulty product",
)

PAYMENT: Final = (
    "I paid but the order still says waiting for payment",
    "payment went through at my bank, your app says it failed",
    "money was taken and the payment still shows as failed",
)

APP: Final = (
    "the app crashes every time I open my order",
    "your website keeps showing an error at checkout",
    "app is stuck loading, can't place the order",
)

PROMO: Final = (
    "my voucher was not applied at checkout",
    "the promo code said {amount} off and I paid the full price",
    "free shipping promotion did not work for me",
)

CANCELLED: Final = (
    "why was my order cancelled? I never asked for that",
    "you cancelled my {item} order without telling me",
)

CONDUCT: Final = (
    "the courier was rude and shouted at me",
    "the delivery man was very impolite to my mother",
)

VAGUE: Final = (
    "very disappointed",
    "worst shop ever, one star",
    "not happy at all with this",
)

PRAISE: Final = (
    "thank you, the {item} is great",
    "fast delivery and good quality, recommended",
    "happy with my order, thanks a lot",
)
