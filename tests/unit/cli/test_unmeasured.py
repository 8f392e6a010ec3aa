"""Whoever posts a file with a misspelt activity hears of it: nothing else would say that it counts for nothing."""

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from services.cli.instance import Folder, Running
from services.cli.replay import _warn
from services.cli.rows import Row
from services.cli.unmeasured import told
from services.registry import example_folder, load_example


def test_events_of_an_unknown_activity_are_told_with_what_may_have_been_meant() -> None:
    """Once for each name, with how many there are; what the company knows is passed over."""
    said = list(told(["packed", "pakced", "pakced", "zzz"], load_example("shop")))
    assert len(said) == 2
    assert said[0].endswith(
        'has no activity "pakced": 2 events count for nothing. Did you mean "packed"?'
    )
    assert '"zzz": 1 event counts for nothing. It has: ' in said[1]


@pytest.mark.parametrize(("url", "warned"), [("http://here", True), ("http://elsewhere", False)])
def test_a_replay_warns_by_the_company_that_runs_where_it_posts(
    tmp_path: Path, url: str, warned: bool
) -> None:
    """Of a pipeline elsewhere nothing is known: its company may well have that activity."""
    folder = Folder(tmp_path)
    folder.prepare()
    folder.note_running(
        Running(
            intake="http://here",
            console="http://c",
            kafka="k:1",
            channel_key="ak",
            console_key="ck",
            webhook_secret="whsec_x",
            data_dir=str(tmp_path),
            registry=str(example_folder("shop")),
            topic_prefix="",
            pid=os.getpid(),
        )
    )
    rows = [
        Row(
            datetime(2026, 3, 1, tzinfo=UTC), is_event=True, body={"activity": "pakced"}, key="f:1"
        ),
        Row(datetime(2026, 3, 1, tzinfo=UTC), is_event=False, body={"text": "x"}, key="f:2"),
    ]
    screen = io.StringIO()
    _warn(rows, url, tmp_path, Console(file=screen))
    assert ('Did you mean "packed"?' in screen.getvalue()) is warned
