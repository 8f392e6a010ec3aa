"""Bytes <-> envelope: CloudEvents 1.0 in Kafka binary mode.

Attributes are `ce_*` headers, the data is the JSON value.  This is the only place that knows it; the one exception,
`ContractViolation`, says which rule was broken and where, and its `code` is what dead letters are counted by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeVar, cast

from pydantic import ValidationError

from schemas.envelope import Contract, Envelope, to_utc
from schemas.times import rfc3339

SPEC_VERSION: Final = b"1.0"
CONTENT_TYPE: Final = b"application/json; charset=utf-8"

CAUSATION: Final = "ce_causationid"
"""The header that names the event that led to this one."""

D = TypeVar("D", bound=Contract)
Headers = Iterable[tuple[str, bytes | None]]
Header = tuple[str, bytes]

_REQUIRED: Final = ("ce_id", "ce_source", "ce_type", "ce_time")


class ContractViolation(ValueError):
    """A record does not keep its contract.

    Attributes:
        code: what to count by: `missing_value`, `missing_header`, `bad_header`, `unknown_type`, `unknown_version`,
            `invalid_data`, `wrong_key`.
        path: where, as a JSON pointer into the data, or the header's name.
        detail: what is wrong, without any of the data's own text.
    """

    def __init__(self, code: str, path: str, detail: str) -> None:
        super().__init__(f"{code} at {path or '/'}: {detail}")
        self.code = code
        self.path = path
        self.detail = detail


@dataclass(frozen=True, slots=True)
class EncodedRecord:
    """What a producer sends."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def encode(envelope: Envelope[Contract]) -> EncodedRecord:
    """Turn an envelope into a record; the key is the envelope's subject."""
    key = envelope.subject.encode()
    specversion, source, event_type, dataschema, content_type = _same(
        envelope.source, envelope.type, envelope.dataschema
    )
    headers = [
        specversion,
        ("ce_id", envelope.id.encode()),
        source,
        event_type,
        ("ce_subject", key),
        ("ce_time", rfc3339(envelope.time).encode()),
        dataschema,
        content_type,
    ]
    for name, value in (
        ("ce_correlationid", envelope.correlationid),
        (CAUSATION, envelope.causationid),
        ("ce_traceparent", envelope.traceparent),
    ):
        if value is not None:
            headers.append((name, value.encode()))
    return EncodedRecord(key, envelope.data.model_dump_json().encode(), tuple(headers))


@lru_cache(maxsize=256)
def _same(
    source: str, event_type: str, dataschema: str
) -> tuple[Header, Header, Header, Header, Header]:
    """The headers that all events of one contract and one source have."""
    return (
        ("ce_specversion", SPEC_VERSION),
        ("ce_source", source.encode()),
        ("ce_type", event_type.encode()),
        ("ce_dataschema", dataschema.encode()),
        ("content-type", CONTENT_TYPE),
    )


def wrap(
    data: D,
    *,
    id: str,
    source: str,
    time: datetime,
    correlationid: str | None = None,
    causationid: str | None = None,
    traceparent: str | None = None,
) -> Envelope[D]:
    """Put data into its envelope; type, subject and dataschema follow from the contract."""
    return Envelope(
        id=id,
        source=source,
        type=data.event_type,
        subject=str(getattr(data, data.subject_field)),
        time=time,
        dataschema=data.dataschema(),
        correlationid=correlationid,
        causationid=causationid,
        traceparent=traceparent,
        data=data,
    )


def decode_data(contract: type[D], value: bytes | None) -> D:
    """Read the data alone.

    Raises:
        ContractViolation: `missing_value` or `invalid_data`.
    """
    if value is None:
        raise ContractViolation("missing_value", "", "a tombstone is no event of this topic")
    try:
        return contract.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = "".join(f"/{part}" for part in first["loc"])
        raise ContractViolation("invalid_data", path, first["msg"]) from None


# Every record asks, and the answers are few; what raises is not kept.
@lru_cache(maxsize=256)
def select(
    contracts: tuple[type[Contract], ...], event_type: bytes | None, schema: bytes | None
) -> type[Contract]:
    """The contract of a record, by the headers that name its type and version.

    Raises:
        ContractViolation: `missing_header`, `bad_header`, `unknown_type` or `unknown_version`.
    """
    if event_type is None:
        raise ContractViolation("missing_header", "ce_type", "is required")
    name = _utf8(event_type, "ce_type")
    of_type = [contract for contract in contracts if contract.event_type == name]
    if not of_type:
        known = ", ".join(sorted({contract.event_type for contract in contracts}))
        raise ContractViolation("unknown_type", "ce_type", f"expected one of: {known}")
    for contract in of_type:
        if schema is None or _utf8(schema, "ce_dataschema") == contract.dataschema():
            return contract
    known = ", ".join(contract.dataschema() for contract in of_type)
    raise ContractViolation("unknown_version", "ce_dataschema", f"expected one of: {known}")


def decode(
    contracts: Iterable[type[D]], *, key: bytes | None, value: bytes | None, headers: Headers
) -> Envelope[D]:
    """Turn a record into an envelope.

    Args:
        contracts: what may lie in that topic.
        key: the record key; has to be the subject, since it decided the partition.
        value: JSON.
        headers: `ce_*` headers in any order; others are left alone.

    Raises:
        ContractViolation: with the first rule that is broken.
    """
    found = _first(headers)
    contract = select(tuple(contracts), found.get("ce_type"), found.get("ce_dataschema"))
    for name in _REQUIRED:
        if not found.get(name):
            raise ContractViolation("missing_header", name, "is required")
    data = decode_data(contract, value)
    subject = str(getattr(data, contract.subject_field))
    if key is None or key != subject.encode():
        raise ContractViolation(
            "wrong_key", f"/{contract.subject_field}", "the record key has to be this field"
        )
    return Envelope(
        _utf8(found["ce_id"], "ce_id"),
        _utf8(found["ce_source"], "ce_source"),
        contract.event_type,
        subject,
        _time(_utf8(found["ce_time"], "ce_time")),
        contract.dataschema(),
        cast(D, data),
        _optional(found, "ce_correlationid"),
        _optional(found, CAUSATION),
        _optional(found, "ce_traceparent"),
    )


def _first(headers: Headers) -> dict[str, bytes]:
    """The first value of each header that has one."""
    pairs = headers if isinstance(headers, list | tuple) else tuple(headers)
    found = dict(pairs)
    if len(found) != len(pairs) or None in found.values():
        found = {}
        for name, value in pairs:
            if value is not None:
                found.setdefault(name, value)
    return found


def _optional(found: Mapping[str, bytes], name: str) -> str | None:
    return _utf8(found[name], name) if name in found else None


def _utf8(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise ContractViolation("bad_header", name, "is not UTF-8") from None


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return to_utc(time)
    except ValueError:
        pass
    raise ContractViolation("bad_header", "ce_time", "is no RFC 3339 time with an offset")
