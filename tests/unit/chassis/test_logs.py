"""Logs: one JSON object per line, and nothing of a customer's in it."""

from __future__ import annotations

import io
import json
import logging

import pytest

from services.chassis import logs


@pytest.fixture
def stream() -> io.StringIO:
    target = io.StringIO()
    logs.configure("intake", stream=target)
    return target


def test_line_is_one_json_object(stream: io.StringIO) -> None:
    """Line breaks in a value stay inside the string."""
    logs.get_logger("m").info("stored", code="a\nb\u2028\x1b[31m")
    (line,) = stream.getvalue().split("\n")[:-1]
    found = json.loads(line)
    assert found["event"] == "stored"
    assert found["service"] == "intake"
    assert found["level"] == "info"
    assert found["code"] == "a\nb\u2028\x1b[31m"


def test_customers_words_are_withheld(stream: io.StringIO) -> None:
    """A field that may carry a complaint, an identity or a key never shows its value."""
    logs.get_logger("m").warning("refused", text="my parcel", authorization="Bearer x", code="c")
    found = json.loads(stream.getvalue())
    assert found["text"] == found["authorization"] == "[withheld]"
    assert found["code"] == "c"


def test_libraries_log_the_same_way(stream: io.StringIO) -> None:
    """A line from `logging` is JSON too, with the service's name."""
    logging.getLogger("uvicorn.error").warning("port %d in use", 80)
    assert json.loads(stream.getvalue())["event"] == "port 80 in use"


@pytest.mark.parametrize("through_logging", [False, True])
def test_traceback_holds_no_variables(stream: io.StringIO, through_logging: bool) -> None:
    """A traceback says where it failed, not what the frames held."""
    complaint = "the-customers-own-words"
    try:
        raise ValueError("it failed" if complaint else "")
    except ValueError:
        if through_logging:
            logging.getLogger("lib").exception("failed")
        else:
            logs.get_logger("m").exception("failed")
    assert "the-customers-own-words" not in stream.getvalue()
    assert json.loads(stream.getvalue())["exception"][0]["exc_type"] == "ValueError"


def test_chatty_libraries_are_quiet(stream: io.StringIO) -> None:
    """kafka-python's reports of every connection stay out."""
    logging.getLogger("kafka.conn").info("connecting")
    assert stream.getvalue() == ""
