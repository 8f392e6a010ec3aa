"""Words that a company adds to the shipped language packs."""

from pathlib import Path

from services.registry import contents, inspect, load, load_files, warnings
from services.router.rules import rules_from
from services.router.tracing.symptoms import classify

from .spoiling import change, refused

MORE = """
[spell]
rontgn = "rontgen"

[words]
queue = ["antre*", "antri*"]
notyet = ["durung"]

[[cues]]
symptom = "late_result"
words = ["queue", "notyet"]
weight = 4.5
"""


def test_own_words_are_added_to_the_shipped_pack(folder: Path) -> None:
    """Two concepts and a cue, without a copy of the pack; published with both, and part of the digest."""
    before = load(folder)
    with (folder / "symptoms.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[symptoms.late_result]\nnames = { id = "hasil", en = "result" }\nremedy = "logistics"\n'
        )
    (folder / "packs").mkdir()
    (folder / "packs" / "id.more.toml").write_text(MORE, encoding="utf-8")
    assert not warnings(folder)
    company = load(folder)
    assert company.packs["id"].words["notyet"] == [*before.packs["id"].words["notyet"], "durung"]
    assert company.packs["id"].spell == {**before.packs["id"].spell, "rontgn": "rontgen"}
    assert company.packs["id"].cues[:-1] == before.packs["id"].cues
    assert company.packs["en"] == before.packs["en"]
    read = classify("antrean durung selesai", "id", rules_from(company))
    assert read[0].symptom == "late_result"

    texts = contents(folder)
    assert {"packs/id.toml", "packs/id.more.toml"} <= texts.keys()
    assert load_files(texts).digest == company.digest
    change(folder, "packs/id.more.toml", "4.5", "4.0")
    assert load(folder).digest != company.digest


def test_what_is_wrong_in_own_words_is_told_where_it_stands(folder: Path) -> None:
    """With the line in the company's own short file, not in the pack that it adds to."""
    (folder / "packs").mkdir()
    (folder / "packs" / "id.more.toml").write_text(
        MORE.replace('words = ["queue", "notyet"]', 'words = ["queue", "notyt"]'), encoding="utf-8"
    )
    (problem,) = [one for one in inspect(folder)[1] if not one.warning]
    assert (problem.file, problem.line) == ("packs/id.more.toml", 9)
    assert 'there is no concept "notyt". Did you mean "notyet"?' in str(problem)
    change(folder, "packs/id.more.toml", "[words]", "[word]")
    assert "packs/id.more.toml: word: there is no such field" in refused(folder)
