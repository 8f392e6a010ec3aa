"""The golden records: what a reader in any language can test itself against."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from schemas.codec import ContractViolation, decode, encode
from schemas.generate import EXAMPLES
from schemas.json_schema import contracts, schema_of

FILES = sorted(EXAMPLES.glob("*/v*/*.json"))
CONTRACTS = {contract.dataschema(): contract for contract in contracts()}
# A company's own system leaves out what it has nothing to say about; our writers never do.
OURS = [path for path in FILES if not path.stem.startswith("minimal")]


def name_of(path: Path) -> str:
    return f"{path.parts[-3]}.{path.parts[-2]}"


def record(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def value_of(read: dict[str, Any]) -> bytes:
    return json.dumps(read["value"], ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(read: dict[str, Any]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in read["headers"].items()]


def identify(path: Path) -> str:
    return f"{name_of(path)}/{path.stem}"


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_decodes_and_keeps_its_json_schema(path: Path) -> None:
    """A golden record decodes, and its value keeps the generated JSON Schema."""
    read = record(path)
    contract = CONTRACTS[name_of(path)]

    envelope = decode(
        [contract],
        key=read["key"].encode(),
        value=value_of(read),
        headers=headers_of(read),
    )

    assert envelope.subject == read["key"]
    validator = jsonschema.Draft202012Validator(
        schema_of(contract), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    validator.validate(read["value"])


@pytest.mark.parametrize("path", OURS, ids=identify)
def test_encodes_to_the_same_bytes(path: Path) -> None:
    """Decoding and encoding a record of ours gives the same key, headers and value, byte for byte."""
    read = record(path)
    envelope = decode(
        [CONTRACTS[name_of(path)]],
        key=read["key"].encode(),
        value=value_of(read),
        headers=headers_of(read),
    )

    again = encode(envelope)

    assert again.key == read["key"].encode()
    assert again.value == value_of(read)
    assert list(again.headers) == headers_of(read)


@pytest.mark.parametrize("path", OURS, ids=identify)
def test_is_a_cloudevent_to_the_reference_implementation(path: Path) -> None:
    """The CloudEvents SDK reads our records as binary mode and sees the same attributes and data."""
    read = record(path)
    message = KafkaMessage(
        headers=dict(headers_of(read)), key=read["key"].encode(), value=value_of(read)
    )

    event = from_binary(message, JSONFormat(), CloudEvent)

    assert event.get_type() == read["headers"]["ce_type"]
    assert event.get_id() == read["headers"]["ce_id"]
    assert event.get_source() == read["headers"]["ce_source"]
    assert event.get_subject() == read["headers"]["ce_subject"]
    assert event.get_dataschema() == read["headers"]["ce_dataschema"]
    assert event.get_data() == read["value"]
    for extension in ("correlationid", "causationid", "traceparent"):
        assert event.get_extension(extension) == read["headers"].get(f"ce_{extension}")


def test_every_event_and_version_has_one() -> None:
    """Each contract has a golden record, and no golden record is left of an event that is gone."""
    assert {name_of(path) for path in FILES} == set(CONTRACTS)


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_holds_nobodys_data(path: Path) -> None:
    """Nothing in a golden record looks like an e-mail address, a phone number or a card number."""
    words = json.dumps(record(path)["value"], ensure_ascii=False)

    assert not re.search(r"[\w.]+@[\w.]+", words)
    assert not re.search(r"(?<![\w-])(?:\+62|08)\d{8,}", words)
    assert not re.search(r"(?<![\w-])\d{13,19}(?![\w-])", words)


@pytest.mark.parametrize("path", OURS[:1], ids=identify)
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": b"another"}, "wrong_key"),
        ({"key": None}, "wrong_key"),
        ({"value": None}, "missing_value"),
        ({"value": b"{"}, "invalid_data"),
        ({"value": b"[]"}, "invalid_data"),
        ({"headers": []}, "missing_header"),
    ],
)
def test_a_damaged_record_is_refused_with_a_code(
    path: Path, change: dict[str, Any], code: str
) -> None:
    """What is wrong with a record can be counted, and says nothing of its content."""
    read = record(path)
    parts: dict[str, Any] = {
        "key": read["key"].encode(),
        "value": value_of(read),
        "headers": headers_of(read),
    }

    with pytest.raises(ContractViolation) as caught:
        decode([CONTRACTS[name_of(path)]], **(parts | change))

    assert caught.value.code == code
    assert "Pesanan" not in str(caught.value)


@pytest.mark.parametrize("header", ["ce_id", "ce_source", "ce_time"])
def test_a_required_attribute_may_not_lack(header: str) -> None:
    """CloudEvents' required attributes, and the time that we require, have to be there."""
    read = record(OURS[0])
    del read["headers"][header]

    with pytest.raises(ContractViolation, match=header):
        decode(
            [CONTRACTS[name_of(OURS[0])]],
            key=read["key"].encode(),
            value=value_of(read),
            headers=headers_of(read),
        )


def test_an_unknown_version_is_refused() -> None:
    """A reader refuses a version that it does not know instead of guessing."""
    read = record(OURS[0])
    read["headers"]["ce_dataschema"] = read["headers"]["ce_dataschema"].replace("v1", "v9")

    with pytest.raises(ContractViolation) as caught:
        decode(
            [CONTRACTS[name_of(OURS[0])]],
            key=read["key"].encode(),
            value=value_of(read),
            headers=headers_of(read),
        )

    assert caught.value.code == "unknown_version"


def test_a_time_without_an_offset_is_refused() -> None:
    """Silently taking a local time for UTC would make someone seven hours late."""
    read = record(next(path for path in OURS if name_of(path) == "process.observed.v1"))
    read["value"]["at"] = "2026-11-05T16:40:00"

    with pytest.raises(ContractViolation) as caught:
        decode(
            [CONTRACTS["process.observed.v1"]],
            key=read["key"].encode(),
            value=value_of(read),
            headers=headers_of(read),
        )

    assert (caught.value.code, caught.value.path) == ("invalid_data", "/at")
