"""How English-writing customers put it, by what they complain of; the twin of `phrases_id`, with the same slots."""

from __future__ import annotations

from typing import Final

OPENERS: Final = (
    "hi",
    "hello there",
    "hey team",
    "excuse me",
    "not happy",
    "ok so",
    "good morning",
    "seriously",
    "sorry to bother",
    "so disappointed",
)

CLOSERS: Final = (
    "please help",
    "what is going on?",
    "pls check asap",
    "never ordering here again",
    "waiting for your reply",
    "this is getting ridiculous",
    "thanks",
    "can someone look into it",
    "really let down",
)

ITEMS: Final = (
    "running shoes",
    "blender",
    "backpack",
    "black t-shirt",
    "water bottle",
    "desk lamp",
    "rice cooker",
    "hoodie",
    "headset",
    "toy set",
    "frying pan",
    "bed sheets",
    "keyboard",
)

LATE: Final = (
    "my {item} still hasn't arrived after {days} days",
    "where is my order? the delivery date has passed and no {item}",
    "package is late, was promised days ago",
    "still waiting for the {item}, tracking hasnt moved",
    "it's been {days} days and the {item} is not here yet",
    "the delivery is way overdue, I needed the {item} for the weekend",
    "order stuck in processing for {days} days, when will it ship",
    "you said it would be here by now, my parcel is delayed again",
    "havent received my {item} yet, its already past the estimate",
)

LATE_BUT_HERE: Final = (
    "the {item} finally arrived, {days} days late",
    "delivery took far too long, it came after the date you promised",
    "arrived late, the birthday was over by then",
    "good product but shipping was super slow, {days} days later than promised",
)

WRONG: Final = (
    "I ordered the {item} and got {other} instead",
    "wrong item in the box, {other} and not the {item} I paid for",
    "you sent me the wrong colour",
    "received the wrong size, not what I ordered",
    "this is not my order, I bought {item} and there is {other} inside",
    "got somebody else's stuff, i wanted the {item}",
)

SHORT: Final = (
    "one {item} is missing from the package",
    "the order is incomplete, paid for 2 {item} but only one came",
    "parts of the {item} are missing",
    "only half of my order was in the box, no {item}",
    "the box was short, {item} not included",
)

DAMAGED: Final = (
    "the {item} arrived broken",
    "box was crushed and the {item} is cracked",
    "terrible packaging, no padding at all, my {item} is damaged",
    "it came smashed to pieces",
    "the {item} leaked all over because it was badly packed",
)

NOT_RECEIVED: Final = (
    "tracking says delivered but I never got the {item}",
    "it is marked as delivered, nothing came to my door",
    "app says received by {name}, nobody with that name lives here and I have no package",
    "status delivered yesterday but there is no parcel anywhere",
)

REFUND: Final = (
    "my refund was approved but the money is still not in my account",
    "where is my refund? it's been {days} days",
    "still waiting for {amount} to be refunded, the return was accepted long ago",
    "you approved the refund last week and I have not been paid back",
)

CHARGE: Final = (
    "the invoice is {amount} more than what I ordered",
    "I was charged twice for the {item}",
    "the amount on my bill is wrong, it does not match the order",
    "why was I overcharged {amount} for the {item}",
)

OWN: Final = (
    "I typed the wrong address, the {item} has not arrived",
    "the courier came while i was out, still no {item}",
    "my phone number was wrong in the app and now the {item} isn't here",
)

NAMES: Final = ("Budi", "the guard", "Sarah", "Mr Tan", "Agus", "reception")

SLANG: Final = (
    ("please", ("pls", "plz")),
    ("you", ("u", "you")),
    ("are", ("r", "are")),
    ("because", ("cuz", "bc")),
    ("really", ("rly", "really")),
    ("package", ("pkg", "parcel")),
)
