"""The second reader: what stands together, what comes early, whole numbers."""

import pytest

from services.router.tracing.linear import ModelError, Text, parse, seal
from services.router.tracing.windows import LONGEST, Windows, WindowsError, read
from tests.unit.router.tracing.test_linear import SMALL

TOGETHER = [
    "w:batal\t256",
    "w:malah\t256",
    "c:_ba\t128",
    "bias",
    "-256",
    "filters",
    "0 0 256 256 0",
    "kept",
    "1024 0",
    "0 1024",
    "start",
    "0 0",
    "scale",
    "262144.0",
]
"""One filter that hears a word and the one after it, less 1: one known word alone is not heard."""


def _said(words: list[str], lines: list[str] = TOGETHER) -> list[float]:
    said: list[float] = read(lines, "id", 2).logits([_text(words)])[0].tolist()
    return said


def _text(words: list[str]) -> Text:
    return Text(words, [()] * len(words), {})


def test_words_that_stand_together_are_heard() -> None:
    """Two words one after the other say what neither says alone, nor both far apart."""
    together, _ = _said(["malah", "malah"])
    assert together == 1.0
    assert _said(["malah"]) == [0.0, 0.0]
    assert _said(["malah", "di", "malah"]) == [0.0, 0.0]


def test_what_comes_early_says_more() -> None:
    """The second half of what is kept falls with the place, the first does not."""
    words = ["malah", "malah", "a", "b"]
    first, early = _said(words)
    last, late = _said([*words[2:], *words[:2]])
    assert first == last == 1.0
    assert (early, late) == (1.0, 0.5)


def test_a_word_that_is_not_known_is_read_by_its_pieces() -> None:
    """A piece that was learned speaks for a word that was never met; a name counts beside it."""
    heard, _ = _said(["malah", "bata"])
    assert heard == pytest.approx(0.35, abs=0.005)


def test_words_seen_before_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of words is speed only, also when there is no more room for it."""
    monkeypatch.setattr("services.router.tracing.windows._REMEMBERED", 3)
    used: Windows = read(TOGETHER, "id", 2)
    for text in (["a", "b"], ["malah", "c", "d"], ["batal", "e"]):
        used.logits([_text(text)])
    assert used.logits([_text(["malah", "batal"])])[0].tolist() == _said(["malah", "batal"])


def test_texts_read_together_hear_nothing_of_each_other() -> None:
    """No window reaches from one text into the next, whatever is empty between them."""
    texts = [["malah"], ["malah"], [], ["malah", "malah"], [], ["a", "malah"], ["malah"] * 120]
    together = read(TOGETHER, "id", 2).logits([_text(words) for words in texts]).tolist()
    assert together == [_said(words) for words in texts]


def test_a_denied_trouble_is_no_word() -> None:
    """What a denial stands before is not heard, also over words between; what ends the denial, and no trouble, is."""
    lines = [*TOGETHER, "denials", "tidak", "ada yang", "malah"]
    heard = _said(["malah", "malah"])
    assert _said(["malah", "malah"], lines) == heard
    assert _said(["tidak", "malah", "malah"], lines) == [0.0, 0.0]
    assert _said(["tidak", "ada", "yang", "malah", "malah"], lines) == [0.0, 0.0]
    assert _said(["tidak", "cepat", "malah", "malah"], lines)[0] == heard[0]
    assert _said(["tidak", "malah", "x", "malah", "malah"], lines)[0] == heard[0]
    with pytest.raises(WindowsError, match="denials"):
        read(lines[:-1], "id", 2)


def test_words_beyond_the_longest_text_are_not_read() -> None:
    """A text may be as long as it likes, and an empty one says nothing."""
    assert _said(["x"] * LONGEST + ["malah", "malah"]) == [0.0, 0.0]
    assert _said([]) == [0.0, 0.0]


def test_the_network_adds_to_the_linear_model() -> None:
    """A model's lines may end with a network; its digest covers both, and broken lines are refused."""
    both = parse(seal("\n".join([SMALL, "windows", *TOGETHER])))
    alone = parse(seal(SMALL))
    asked = [Text(["a", "malah", "malah"], [()] * 3, {"late": 1.0})]
    ((late, _),) = both.probabilities(asked)
    ((less, _),) = alone.probabilities(asked)
    assert late > less
    assert both.rows == alone.rows
    with pytest.raises(ModelError, match="train it again"):
        parse(seal("\n".join([SMALL, "windows", *TOGETHER[:-4]])))
    with pytest.raises(WindowsError, match="numbers"):
        read([line.replace("0 0 256", "0 0 0 256") for line in TOGETHER], "id", 2)


def test_early_words_count_more_where_the_model_says_so() -> None:
    """With ``early`` the same word weighs more at the beginning of a text than at its end."""
    model = parse(seal(SMALL.replace("scale", "early\t60\nscale")))
    texts = [_text(["telat", "a", "b", "c"]), _text(["a", "b", "c", "telat"])]
    (first, _), (last, _) = model.probabilities(texts)
    ((even, _),) = parse(seal(SMALL)).probabilities([_text(["a", "telat", "b", "c"])])
    assert first > even > last
