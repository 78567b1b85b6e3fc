"""Keeps calls to URLs from outside away from our own network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

# IPv6 ranges whose addresses reach an IPv4 address inside them (RFC 6052, RFC 8215).
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))

Permits = Callable[[str], bool]


class Forbidden(OSError):
    """The address is not one that a URL from outside may lead to."""


def is_public(address: str) -> bool:
    """Whether an IP address is anybody's on the internet, and nobody's inside our network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        return _is_public_6(parsed)
    return _is_public_4(parsed)


def _is_public_4(address: IPv4Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _is_public_6(address: IPv6Address) -> bool:
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return _is_public_4(inner)
    if address.teredo is not None or any(address in net for net in _NAT64):
        return False
    # Only 2000::/3 is given out to anybody (IANA IPv6 address space).
    allotted = int(address) >> 125 == 1
    return allotted and address.is_global and not address.is_multicast


def check_url(url: URL, *, permits: Permits) -> None:
    """Refuse what can be refused before the name is resolved; raises Forbidden."""
    if url.scheme not in {"http", "https"} or not url.host:
        raise Forbidden(f"only http and https are fetched, not {url.scheme or 'nothing'}")
    if url.user or url.password:
        raise Forbidden("a URL from outside may not carry a user name")
    try:
        literal = str(ip_address(url.host))
    except ValueError:
        return  # a name: the resolver below looks at what it leads to
    if not permits(literal):
        raise Forbidden(f"{literal} is not a public address")


class GuardedResolver(AbstractResolver):
    """Resolves names and refuses those that lead inside; the connection uses what it returned.

    One private address among several refuses the name: it is how rebinding looks.
    """

    def __init__(self, inner: AbstractResolver, *, permits: Permits) -> None:
        self._inner = inner
        self._permits = permits

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name, all of them public."""
        found = await self._inner.resolve(host, port, family)
        if not found or not all(self._permits(one["host"]) for one in found):
            raise Forbidden(f"{host} does not lead to a public address")
        return found

    @override
    async def close(self) -> None:
        """Release the resolver inside."""
        await self._inner.close()
