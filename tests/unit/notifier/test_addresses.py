"""The table of addresses that a webhook may and may not be sent to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.integrations.addresses import is_private, refusal

NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "100::1",
    "2001:db8::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:4136:e378::1",
    "::ffff:169.254.169.254",
    "::ffff:0.0.0.0",
    "::ffff:100.64.0.1",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
]
PUBLIC = ["93.184.216.34", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:93.184.216.34"]


@pytest.mark.parametrize("address", NEVER)
def test_never(address: str) -> None:
    """Metadata services, link-local, carriers and reserved ranges: no setting opens them."""
    assert refusal(address, allow_private=False) == "address_forbidden"
    assert refusal(address, allow_private=True) == "address_forbidden"


@pytest.mark.parametrize("address", PRIVATE)
def test_only_where_private_networks_are_the_companys_own(address: str) -> None:
    """Loopback and private networks need the setting."""
    assert refusal(address, allow_private=False) == "address_private"
    assert refusal(address, allow_private=True) is None
    assert is_private(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """What is on the internet may be reached."""
    assert refusal(address, allow_private=False) is None
    assert not is_private(address)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "[::1]"]
)
def test_only_addresses_as_a_resolver_writes_them(text: str) -> None:
    """Other spellings of an address are none: whoever connects gets the resolver's."""
    assert refusal(text, allow_private=True) == "address_malformed"


@given(st.ip_addresses(v=4))
def test_mapping_an_address_into_ipv6_opens_nothing(address: object) -> None:
    """An IPv4 address and its IPv6 form are refused alike."""
    for allow in (False, True):
        plain = refusal(str(address), allow_private=allow)
        assert refusal(f"::ffff:{address}", allow_private=allow) == plain
