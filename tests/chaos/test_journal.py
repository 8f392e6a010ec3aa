"""What a run leaves behind: journals come back as they were written, and an answer says no more than it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.journal import (
    Answer,
    Call,
    Journal,
    Request,
    Seen,
    read_client_log,
    read_seen_log,
    read_webhook_log,
)


def test_journals_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Requests, answers, calls and sights survive the way through their files; a torn last line is left out."""
    journal = Journal(tmp_path / "client")
    journal.write(row="request", what="complaint", key="k", at=1.0, body={"text": "é"}, expect="p")
    journal.write(row="answer", key="k", at=1.5, error="ReadTimeout")
    journal.write(row="request", what="complaint", key="k", at=2.0, body={"text": "é"}, expect="p")
    journal.write(row="answer", key="k", at=2.5, status=202, complaint_id="c")
    journal.close()
    with (tmp_path / "client").open("ab") as file:
        file.write(b'{"row": "requ')
    calls = Journal(tmp_path / "calls")
    calls.write(webhook_id="w", at=2.0, path="/p", status=204, body="{}")
    sights = Journal(tmp_path / "seen")
    sights.write(topic="t", partition=1, offset=2, digest="d")

    request = read_client_log([tmp_path / "client"]).requests["k"]

    assert (request.attempts, request.outcome, request.expect) == (2, "ok", "p")
    assert request.body == {"text": "é"}
    assert [answer.complaint_id for answer in request.accepted] == ["c"]
    assert read_webhook_log([tmp_path / "calls"]) == [Call("w", 2.0, "/p", 204, "{}")]
    assert read_seen_log([tmp_path / "seen"]) == [Seen("t", 1, 2, "d")]


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [([202], "ok"), ([None, 202], "ok"), ([422], "fail"), ([503], "info"), ([None, 422], "info")],
)
def test_an_answer_says_no_more_than_it_knows(statuses: list[int | None], outcome: str) -> None:
    """Accepted; surely not stored; or unknown, as long as one attempt ended without a word."""
    request = Request("k", "complaint", {}, sent_at=[1.0] * len(statuses))
    request.answers.extend(Answer(1.0, status) for status in statuses)

    assert request.outcome == outcome
