"""The guards of the test suite itself."""

from __future__ import annotations

import socket
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st


def test_a_unit_test_cannot_use_the_network() -> None:
    """Connecting from tests/unit fails the test."""
    with socket.socket() as client, pytest.raises(AssertionError, match="may not use the network"):
        client.connect(("127.0.0.1", 9))


def test_a_warning_is_an_error() -> None:
    """A deprecation in our code cannot pass unseen."""
    with pytest.raises(DeprecationWarning):
        warnings.warn("old", DeprecationWarning, stacklevel=1)


@given(st.integers())
def test_properties_run_beside_the_automatic_fixtures(value: int) -> None:
    """Hypothesis accepts our automatic fixtures."""
    assert value == int(str(value))


async def test_an_async_test_needs_no_marker() -> None:
    """A coroutine runs as a test, on an event loop of its own."""
    assert True
