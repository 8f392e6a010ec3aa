"""What the guide tells a newcomer to write does load, and does what the guide says it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.cli.rows import read
from services.registry import inspect
from services.registry.template import write
from services.router.rules import rules_from
from services.router.tracing.symptoms import classify

GUIDE = Path(__file__).parents[2] / "docs" / "describe-your-company.md"


def blocks() -> list[str]:
    """The indented blocks of the page, as somebody copies them."""
    found = re.findall(
        r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", GUIDE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in found]


def block(holds: str) -> str:
    """The one block that holds these words."""
    (found,) = [one for one in blocks() if holds in one]
    return found


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """What `akar registry new` writes."""
    folder = tmp_path / "my-company"
    write(folder)
    return folder


def test_the_calendars_of_the_guide_can_be_worked_by(company: Path) -> None:
    """A department that names one of them, and an activity that counts in it."""
    (company / "calendars.toml").write_text(block("[calendars.office]"), encoding="utf-8")
    departments = company / "departments.toml"
    text = departments.read_text(encoding="utf-8")
    marked = text.replace(
        "[departments.back-office]", '[departments.back-office]\ncalendar = "office"'
    )
    assert marked != text
    departments.write_text(marked, encoding="utf-8")
    found, problems = inspect(company)
    assert problems == ()
    assert found is not None
    assert found.departments["back-office"].calendar == "office"
    assert set(found.calendars) == {"office", "night"}


def test_the_words_of_the_guide_are_read(company: Path) -> None:
    """Its sentence is a late result by them, and without them says nothing."""
    sentence = "hasil lab belum keluar"
    assert sentence in GUIDE.read_text(encoding="utf-8")
    with (company / "symptoms.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[symptoms.late_result]\nnames = { en = "late result" }\nremedy = "front-desk"\n'
        )
    before, (warning,) = inspect(company)
    assert before is not None
    assert "packs/<language>.more.toml" in warning.remedy
    assert classify(sentence, "id", rules_from(before))[0].symptom == "unclear"
    (company / "packs").mkdir()
    (company / "packs" / "id.more.toml").write_text(block("[[cues]]"), encoding="utf-8")
    after, problems = inspect(company)
    assert problems == ()
    assert after is not None
    assert classify(sentence, "id", rules_from(after))[0].symptom == "late_result"


def test_the_events_of_the_guide_can_be_replayed(tmp_path: Path) -> None:
    """Each line is a process event with a time of its own."""
    events = tmp_path / "events.ndjson"
    events.write_text(block('"event_id": "a1"'), encoding="utf-8")
    rows = read(events)
    assert [row.body["activity"] for row in rows] == [
        "ordered",
        "surveyed",
        "line_ready",
        "installed",
    ]
    assert all(row.is_event for row in rows)
