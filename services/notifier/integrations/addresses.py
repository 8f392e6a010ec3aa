"""Which network addresses a webhook may be sent to: pure, so that the whole table is a test.

It stands apart because a receiver's URL is configuration that someone may be tricked into writing: without this check,
a service inside the network fetches for an attacker outside it.  Hazard: the check is worth only as much as the
connection that follows goes to the very address that was checked.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

_NEVER: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # "this" network; Linux connects 0.0.0.0 to itself
        "169.254.0.0/16",  # link-local: cloud metadata services live here
        "100.64.0.0/10",  # carrier-grade NAT; some clouds' metadata too
        "192.0.0.0/24",  # protocol assignments
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "::/128",
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, long gone
        "ff00::/8",  # multicast
        "fd00:ec2::254/128",  # a cloud's metadata service
        "100::/64",  # discard
        "2001:db8::/32",  # documentation
    )
)
_PRIVATE: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
_CARRIERS: Final[tuple[IPv6Network, ...]] = tuple(
    IPv6Network(text)
    for text in (
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
    )
)
"""IPv6 that carries an IPv4 address within: the outer address says nothing about where the packets end."""


# The same few addresses are asked about with every message.
@lru_cache(maxsize=1024)
def refusal(address: str, *, allow_private: bool) -> str | None:
    """Why nothing may be sent to `address`, as a word to count by; None when it may.

    Args:
        address: an IP address as the resolver gives it.
        allow_private: whether loopback and private networks are the company's own.
    """
    try:
        ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return "address_malformed"
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif any(ip in network for network in _CARRIERS):
            return "address_forbidden"
    if any(ip.version == network.version and ip in network for network in _NEVER):
        return "address_forbidden"
    if any(ip.version == network.version and ip in network for network in _PRIVATE):
        return None if allow_private else "address_private"
    return None if ip.is_global else "address_forbidden"


@lru_cache(maxsize=1024)
def is_private(address: str) -> bool:
    """Whether it is loopback or a private network."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip.version == network.version and ip in network for network in _PRIVATE)
