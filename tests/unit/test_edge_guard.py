"""Which addresses a URL from outside may lead to."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override
from yarl import URL

from bot.edge.guard import Forbidden, GuardedResolver, check_url, is_public

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "193.10.64.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "2002:101:101::1"],
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.31.255.255",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "fc00::1",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "fec0::1",
        "localhost",
        "",
        "1.1.1.1.1",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://files.example.com/a",
        "file:///etc/passwd",
        "/relative",
        "http://user:password@files.example.com/",
        "http://127.0.0.1/",
        "http://[::1]:8080/",
    ],
)
def test_urls_refused_before_any_name_is_asked_for(url: str) -> None:
    with pytest.raises(Forbidden):
        check_url(URL(url), permits=is_public)


@pytest.mark.parametrize("url", ["https://files.example.com/a", "http://1.1.1.1:8080/x"])
def test_urls_that_may_be_tried(url: str) -> None:
    check_url(URL(url), permits=is_public)


class _Names(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in self._addresses
        ]

    @override
    async def close(self) -> None:
        return


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], []])
async def test_a_name_that_leads_inside_is_refused_whole(addresses: Sequence[str]) -> None:
    resolver = GuardedResolver(_Names(*addresses), permits=is_public)
    with pytest.raises(Forbidden):
        await resolver.resolve("rebinding.example.com", 80)


async def test_a_public_name_gives_its_addresses() -> None:
    resolver = GuardedResolver(_Names("1.1.1.1", "1.0.0.1"), permits=is_public)
    found = await resolver.resolve("files.example.com", 443)
    assert [one["host"] for one in found] == ["1.1.1.1", "1.0.0.1"]
