"""Times on the wire: whoever writes them, one form."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.envelope import Timestamp
from schemas.times import rfc3339


class Told(BaseModel):
    """A contract with nothing but a time."""

    at: Timestamp


@given(
    st.datetimes(
        min_value=datetime(1900, 1, 2),
        max_value=datetime(2199, 12, 30),
        timezones=st.timezones(),
    )
)
def test_contracts_and_headers_write_times_alike(at: datetime) -> None:
    """The JSON of a contract has what `rfc3339` writes, whatever the offset it was given with, to the last digit."""
    told = Told(at=at)
    assert told.model_dump(mode="json") == {"at": rfc3339(at)}
    assert told.model_dump_json() == f'{{"at":"{rfc3339(at)}"}}'
    assert told.at.tzinfo is UTC
