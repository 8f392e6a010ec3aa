"""Bodies as no honest channel sends them: each is refused with a problem, none is a failure of the service."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.bodies import ComplaintBody, ProcessEventBody, parse
from services.intake.problems import CONTENT_TYPE, Refusal
from tests.unit.intake.conftest import KeepingPublisher

EVENT = b'{"case_id":"o1","activity":"pack","transition":"complete","at":"2026-03-01T09:00:00Z"'

MALFORMED = {
    "empty": (b"", 400),
    "blank": (b"   \n", 400),
    "not JSON": (b"text=late", 400),
    "cut off": (b'{"text": "la', 400),
    "two documents": (b'{"text":"a"} {"text":"b"}', 400),
    "lone surrogate": (b'{"text": "\\ud800"}', 400),
    "bad UTF-8": (b'{"text": "\xff\xfe"}', 400),
    "UTF-16": ('{"text": "late"}'.encode("utf-16"), 400),
    "byte order mark": (b'\xef\xbb\xbf{"text": "late"}', 400),
    "deep nesting": (b'{"text": "late", "attributes": ' + b"[" * 1500 + b"]" * 1500 + b"}", 400),
    "deep objects": (b'{"attributes": ' + b'{"a":' * 900 + b"1" + b"}" * 901, 400),
    "array": (b'[{"text": "late"}]', 422),
    "null": (b"null", 422),
    "number as text": (b'{"text": 5}', 422),
    "NUL in text": (b'{"text": "a\\u0000b"}', 422),
    "only spaces": (b'{"text": " \\n\\t "}', 422),
    "no text": (b"{}", 422),
    "unknown field": (b'{"text": "late", "priority": 1}', 422),
    "NaN": (b'{"text": "late", "attributes": {"a": NaN}}', 422),
    "Infinity": (b'{"text": "late", "attributes": {"a": -Infinity}}', 422),
    "float beyond range": (b'{"text": "late", "attributes": {"a": 1e999}}', 422),
    "20-digit integer": (b'{"text": "late", "attributes": {"a": 12345678901234567890}}', 422),
    "huge integer": (b'{"text": "late", "attributes": {"a": ' + b"9" * 3000 + b"}}", 422),
    "nested attribute": (b'{"text": "late", "attributes": {"a": {"b": 1}}}', 422),
    "null attribute": (b'{"text": "late", "attributes": {"a": null}}', 422),
    "same name twice": (b'{"text": "late", "text": "early"}', 422),
    "same name twice inside": (b'{"text": "late", "attributes": {"a": 1, "a": 2}}', 422),
    "time without offset": (b'{"text": "late", "occurred_at": "2026-03-01T09:00:00"}', 422),
    "time as number": (b'{"text": "late", "occurred_at": 1772355600}', 422),
    "time as digits": (b'{"text": "late", "occurred_at": "1772355600"}', 422),
    "date only": (b'{"text": "late", "occurred_at": "2026-03-01"}', 422),
    "first year": (b'{"text": "late", "occurred_at": "0001-01-01T00:00:00+14:00"}', 422),
    "last year": (b'{"text": "late", "occurred_at": "9999-12-31T23:59:59-12:00"}', 422),
    "leap second": (b'{"text": "late", "occurred_at": "2016-12-31T23:59:60Z"}', 422),
    "offset of a day": (b'{"text": "late", "occurred_at": "2026-03-01T09:00:00+24:00"}', 422),
    "next year": (b'{"text": "late", "occurred_at": "2027-03-01T09:00:00Z"}', 422),
    "link to a script": (b'{"text": "late", "attachments": ["javascript:alert(1)"]}', 422),
    "too many references": (
        b'{"text": "late", "customer_refs": ['
        + b",".join([b'{"kind":"phone","value":"1"}'] * 17)
        + b"]}",
        422,
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_complaint_is_refused(
    name: str, client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """It gets a problem that says what to do, with the status that belongs to it, and nothing is stored."""
    body, status = MALFORMED[name]
    response = await client.post("/v1/complaints", content=body)
    assert response.status_code == status
    assert response.headers["content-type"] == CONTENT_TYPE
    problem = response.json()
    assert problem["status"] == status
    assert problem["errors"]
    for error in problem["errors"]:
        assert error["pointer"].startswith("#")
        assert error["detail"]
        assert error["remedy"]
    assert publisher.stored == []


@pytest.mark.parametrize(
    ("end", "pointer"),
    [
        (b',"due_at":"2026-03-01T09:00:00"}', "#/due_at"),
        (b',"at":"2026-03-01T09:00:00Z"}', "#"),
        (b',"transition":"done"}', "#/transition"),
        (b',"activity":"Pack Order"}', "#/activity"),
        (b',"objects":{"route":7}}', "#/objects/route"),
        (b',"attributes":{"a~/b":[1]}}', "#/attributes/a~0~1b"),
    ],
)
def test_malformed_event_is_refused_where_it_is_wrong(end: bytes, pointer: str) -> None:
    """The pointer leads to the field, with `~` and `/` written as RFC 6901 has them."""
    with pytest.raises(Refusal) as refusal:
        parse(ProcessEventBody, EVENT + end)
    assert f"#{refusal.value.problem.faults[0].pointer}" == pointer


def read(raw: bytes) -> int | None:
    """The status of the refusal, if it is one."""
    try:
        parse(ComplaintBody, raw)
    except Refusal as refusal:
        return refusal.problem.status
    return None


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No bytes whatever raise anything but a refusal."""
    assert read(raw) in (None, 400, 422)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["text", "occurred_at", "attributes", "a", "customer_refs", "kind"])
            | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_read_or_refused(value: object) -> None:
    """No JSON whatever raises anything but a refusal."""
    raw = json.dumps(value).encode()
    assert read(raw) in (None, 400, 422)


def test_refusal_does_not_repeat_what_was_sent() -> None:
    """A problem may be logged; the customer's words and references are not in it."""
    raw = (
        b'{"text":"my-own-words","case_id":" x ","customer_refs":[{"kind":"Phone","value":"0812"}]}'
    )
    with pytest.raises(Refusal) as refusal:
        parse(ComplaintBody, raw)
    told = refusal.value.problem.body()
    assert b"/customer_refs/0/kind" in told
    assert b"my-own-words" not in told
    assert b"0812" not in told


def test_honest_unusual_texts_are_taken() -> None:
    """Emoji, other scripts, control marks of writing direction and line breaks are the customer's right."""
    text = "Paket belum sampai 😡\n\u202eabc ٣ é e\u0301 \\"
    assert parse(ComplaintBody, json.dumps({"text": text}).encode()).text == text
    assert (
        parse(ComplaintBody, json.dumps({"text": text}, ensure_ascii=False).encode()).text == text
    )
