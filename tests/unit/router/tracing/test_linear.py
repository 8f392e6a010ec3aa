"""The linear model and its file: whole numbers, digest, the same everywhere."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry import load_example
from services.registry.models import digests, model_text
from services.router.tracing import features
from services.router.tracing.company import Rules
from services.router.tracing.linear import FORMAT, ModelError, Text, parse, seal
from services.router.tracing.symptoms import MOST, classify, read

LANGUAGES = ("id", "en")
SMALL = "\n".join(
    [
        FORMAT,
        "language\tid",
        f"version\t{features.VERSION}",
        "labels\tlate unclear",
        "bias\t0 10",
        "scale\t100.0",
        "features",
        "w:telat\t400 -400 1000",
        "b:belum sampai\t900 -100 4000",
        "n:a>b\t50 0 1000",
        "q:late\t100 -100 0",
    ]
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_model_fits_its_digest_and_says_where_it_comes_from(language: str) -> None:
    """Whoever changes a weight by hand breaks the digest; the header names data, counts, command and figures."""
    text = model_text(language)
    assert text is not None
    model = parse(text)
    assert model.digest == digests([language])[language]
    assert {"date", "command", "texts", "source 1", "cross-validated"} <= model.header.keys()
    assert len(text.encode()) < 8_000_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_feature_holds_more_than_two_words_or_long_pieces(language: str) -> None:
    """The texts that it was fitted on cannot be read out of it."""
    text = model_text(language)
    assert text is not None
    model = parse(text)
    for name in [*model.rows, *(model.windows.rows if model.windows else ())]:
        kind, _, rest = name.partition(":")
        assert len(rest.split()) <= 2, name
        assert kind != "c" or len(rest) <= 5, name


def test_another_weight_is_refused() -> None:
    """A file that was changed does not load."""
    sealed = seal(SMALL)
    parse(sealed)
    with pytest.raises(ModelError, match="digest"):
        parse(sealed.replace("400", "401", 1))


def test_another_format_or_version_is_refused_with_the_remedy() -> None:
    """Features of another version would be read wrong without anybody noticing."""
    with pytest.raises(ModelError, match="make train"):
        parse("something else\n")
    with pytest.raises(ModelError, match="train it again"):
        parse(seal(SMALL.replace(f"version\t{features.VERSION}", "version\t0")))


def test_what_is_added_up_is_what_the_features_are_named() -> None:
    """The quick paths for words, pairs and concepts give what a plain sum over the named features gives."""
    model = parse(seal(SMALL))
    asked = Text(["telat", "belum", "sampai"], [("a",), ("b",), ()], {"late": 2.0})
    ((late, unclear),) = model.probabilities([asked])
    assert late + unclear == pytest.approx(1.0)
    # word 400/sqrt(1) + pair 900/sqrt(4) + concepts 50/sqrt(1) + cue 100 * 20/50, over the scale of 100.
    logits = [(400 + 450 + 50 + 40) / 100, (10 - 400 - 50 - 40) / 100]
    share = 1 / (1 + 2.718281828459045 ** (logits[1] - logits[0]))
    assert late == pytest.approx(share, abs=0.001)


def test_words_seen_before_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of words is speed only, also when there is no more room for it."""
    monkeypatch.setattr("services.router.tracing.linear._REMEMBERED", 4)
    fresh, used = parse(seal(SMALL)), parse(seal(SMALL))
    for words in (["telat", "apa", "saja"], ["belum", "juga"], ["sampai", "a", "b", "c"]):
        used.probabilities([Text(words, [()] * len(words), {})])
    asked = [Text(["telat", "lagi"], [(), ()], {"late": -1.0})]
    assert fresh.probabilities(asked) == used.probabilities(asked)
    many = [Text([f"telat{number}", "lagi"], [(), ()], {}) for number in range(9)]
    assert used.probabilities(many) == [used.probabilities([text])[0] for text in many]


def test_texts_read_together_are_read_as_each_by_itself(shop: Rules) -> None:
    """Whatever stands beside a text: other languages, other lengths, nothing at all, more than are added up at once."""
    texts: list[tuple[str, str | None]] = [
        ("paketnya lama banget sampainya, pas datang isinya pecah", "id"),
        ("", None),
        ("saldo kepotong dua kali padahal order gagal", None),
        ("123 45", "id"),
        ("my card was charged twice", None),
        ("tidak pecah kok, cuma telat", "id"),
        ("produto veio quebrado", "pt"),
        ("wkwk " * 200, "id"),
        ("zzz", "xx"),
        ("belum", None),
    ] * 9
    random.Random(5).shuffle(texts)
    alone = [read([one], shop)[0] for one in texts]
    assert [each.symptoms for each in alone] == [classify(*one, shop) for one in texts]
    assert {each.language for each in alone} >= {"id", "en", "pt", None}
    assert len(set(alone)) > 6
    assert read(texts, shop) == alone
    assert read([], shop) == []


def test_the_digest_of_the_models_is_part_of_the_companys() -> None:
    """Another model is another version of what decides."""
    company = load_example("shop")
    assert company.models == digests(company.company.languages)
    other = company.model_copy(update={"models": {"id": "0" * 64}})
    assert other.digest != company.digest


@settings(deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=400),
        st.lists(
            st.sampled_from(
                [
                    "barang",
                    "belum",
                    "sampai",
                    "refund",
                    "gak",
                    "10",
                    "hari",
                    "the",
                    "não",
                    "!!",
                    "😡",
                ]
            )
        ).map(" ".join),
    ),
    language=st.sampled_from([None, "id", "en", "pt", "xx"]),
)
def test_any_text_is_read(shop: Rules, text: str, language: str | None) -> None:
    """Never raises; probabilities lie within 0..1, fall, and add up to at most 1; the same text gives the same."""
    scores = classify(text, language, shop)
    shares = [score.probability for score in scores]
    assert 1 <= len(scores) <= MOST
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1
    assert len({score.symptom for score in scores}) == len(scores)
    assert classify(text, language, shop) == scores
