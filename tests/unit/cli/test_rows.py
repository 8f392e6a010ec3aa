"""People's own files: told apart by columns, and wrong lines named."""

import json
from pathlib import Path

import pytest

from services.chassis.errors import ConfigurationError
from services.cli.rows import in_order, read

EVENT = {
    "case_id": "A",
    "activity": "picked",
    "transition": "complete",
    "at": "2026-03-02T09:00:00+07:00",
}
COMPLAINT = {
    "id": "7",
    "text": "belum sampai",
    "case_id": "A",
    "occurred_at": "2026-03-02T02:00:00Z",
}


def ndjson(path: Path, *records: object) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n", encoding="utf-8")
    return path


def test_complaints_and_events_may_lie_in_one_file(tmp_path: Path) -> None:
    """`text` makes a complaint; activity, transition and time make an event."""
    complaint, event = read(ndjson(tmp_path / "all.ndjson", COMPLAINT, EVENT))
    assert (complaint.is_event, event.is_event) == (False, True)
    assert complaint.body == {key: COMPLAINT[key] for key in ("text", "case_id", "occurred_at")}
    assert complaint.key == "replay-7"
    assert event.body == EVENT


def test_other_columns_of_an_event_become_its_attributes(tmp_path: Path) -> None:
    """In CSV too, where an empty cell says nothing."""
    path = tmp_path / "events.csv"
    path.write_text(
        "case_id,activity,transition,at,region,due_at\n"
        "A,picked,complete,2026-03-02T09:00:00+07:00,java,\n",
        encoding="utf-8",
    )
    (row,) = read(path)
    assert row.body["attributes"] == {"region": "java"}
    assert "due_at" not in row.body


def test_what_happened_comes_before_who_complains_of_it_at_the_same_instant(tmp_path: Path) -> None:
    """Order of time over all files, not of the lines."""
    later = {**EVENT, "at": "2026-03-02T10:00:00+07:00"}
    rows = in_order(read(ndjson(tmp_path / "all.ndjson", later, COMPLAINT, EVENT)))
    assert [row.is_event for row in rows] == [True, False, True]


def test_a_complaint_without_an_id_is_recognised_by_its_line(tmp_path: Path) -> None:
    """So that a second replay of the same file doubles nothing."""
    plain = {key: COMPLAINT[key] for key in ("text", "occurred_at")}
    (first,) = read(ndjson(tmp_path / "c.ndjson", plain))
    assert first.key == "replay-c.ndjson:1"
    assert 8 <= len(first.key) <= 128


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"case_id": "A", "activity": "picked"}, "no `at`, `transition`"),
        ({**EVENT, "at": "2026-03-02 09:00"}, "with its offset"),
        ({**COMPLAINT, "occurred_at": "yesterday"}, "with its offset"),
        ({**EVENT, "transition": "completed"}, 'did you mean "complete"?'),
        ({**EVENT, "transition": "zz"}, "use one of schedule, start, complete"),
        ({"text": "x"}, "`occurred_at` is needed"),
        ({**COMPLAINT, "caseid": "A"}, "no column caseid"),
        (["text"], "no JSON object"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, record: object, told: str) -> None:
    """With the file, the line and what is missing."""
    path = ndjson(tmp_path / "bad.ndjson", record)
    with pytest.raises(ConfigurationError) as caught:
        read(path)
    assert told in caught.value.detail
    assert f"{path} line 1" in caught.value.detail


def test_broken_json_and_missing_files_are_named(tmp_path: Path) -> None:
    """Neither ends in a traceback."""
    broken = tmp_path / "broken.ndjson"
    broken.write_text('{"text": \n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="line 1: is not JSON"):
        read(broken)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path / "nowhere.csv")
