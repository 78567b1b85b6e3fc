"""The edge's small pieces: buckets, client addresses, tokens, backlogs, logs, passwords."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from argon2 import PasswordHasher
from pydantic import SecretStr, ValidationError

from bot.edge import logs
from bot.edge.auth import Passwords
from bot.edge.backlog import Backlog
from bot.edge.clients import chat_origin, client_address, is_loopback, limit_key, own_origin
from bot.edge.limits import Buckets
from bot.edge.problems import Refusal
from bot.edge.settings import EdgeSettings, Rate
from bot.edge.sockets.tokens import VisitorTokens
from bot.edge.webhooks import to_request
from tests.fakes.clock import FakeClock

# --- buckets ---------------------------------------------------------------------------------


async def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = FakeClock()
    buckets = Buckets(Rate(per_second=2, burst=3), clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    await clock.advance(0.5)
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    await clock.advance(timedelta(hours=1))
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_forget_the_longest_idle_and_no_other() -> None:
    buckets = Buckets(Rate(per_second=0.001, burst=1), clock=FakeClock(), keys=2)
    assert [buckets.take(key) for key in ("a", "b", "c")] == [0, 0, 0]
    assert buckets.take("c") > 0
    assert buckets.take("a") == 0  # forgotten, so full again


# --- who asks --------------------------------------------------------------------------------


class _Transport(asyncio.Transport):
    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 1)})


def _request(peer: str = "127.0.0.1", **headers: str) -> web.Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return make_mocked_request("GET", "/", headers=named, transport=_Transport(peer))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),  # anybody can write the header
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
    ],
)
def test_the_client_behind_proxies(peer: str, forwarded: str | None, expected: str) -> None:
    headers = {"X_Forwarded_For": forwarded} if forwarded else {}
    trusted = [ip_network("10.0.0.0/8")]
    assert client_address(_request(peer, **headers), trusted=trusted) == expected


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_household_counts_as_one(address: str, key: str) -> None:
    assert limit_key(address) == key


@pytest.mark.parametrize(
    ("peer", "host", "local"),
    [
        ("127.0.0.1", "localhost:8080", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "[::1]:8080", True),
        ("127.0.0.1", "evil.example.com", False),
        ("192.168.0.7", "localhost", False),
    ],
)
def test_loopback_is_the_peer_and_the_name(peer: str, host: str, *, local: bool) -> None:
    assert is_loopback(_request(peer, Host=host)) is local


def test_a_proxied_request_is_not_loopback() -> None:
    assert not is_loopback(_request(Host="localhost", X_Forwarded_For="1.2.3.4"))


@pytest.mark.parametrize(
    ("origin", "own", "chat"),
    [
        (None, True, True),
        ("https://hub.example.com", True, True),
        ("https://hub.example.com:443", True, True),
        ("http://here.example.com", True, True),
        ("https://shop.example.com", False, True),
        ("http://shop.example.com", False, False),
        ("https://evil.example.com", False, False),
        ("null", False, False),
        ("https://[", False, False),
    ],
)
def test_origins(origin: str | None, *, own: bool, chat: bool) -> None:
    settings = EdgeSettings(
        public_base_url="https://hub.example.com", embed_origins=("https://shop.example.com",)
    )
    headers = {"Origin": origin} if origin else {}
    request = _request(Host="here.example.com", **headers)
    assert (own_origin(request, settings), chat_origin(request, settings)) == (own, chat)


@pytest.mark.parametrize("url", ["", "hub.example.com", "ftp://a", "https://a?b", "https://u@a"])
def test_a_public_url_must_be_a_base(url: str) -> None:
    with pytest.raises(ValidationError):
        EdgeSettings(public_base_url=url)


def test_no_webhook_passes_for_a_socket() -> None:
    """The C parser refuses unknown methods; the one in Python lets any word through."""
    http = make_mocked_request("SOCKET", "/webhooks/webchat/site")
    with pytest.raises(Refusal) as refused:
        to_request(http, b"{}", settings=EdgeSettings(), at=FakeClock().now())
    assert refused.value.status == 405


def test_a_public_url_loses_its_slash() -> None:
    assert EdgeSettings(public_base_url="https://a.example/").public_base_url == "https://a.example"


# --- tokens ----------------------------------------------------------------------------------


def test_a_visitor_token_is_good_for_its_account_and_key_alone() -> None:
    tokens = VisitorTokens(SecretStr("one secret"))
    visitor = tokens.new_visitor()
    token = tokens.sign(visitor, account="site")
    assert tokens.visitor(token, account="site") == visitor
    assert tokens.visitor(token, account="other") is None
    assert VisitorTokens(SecretStr("another")).visitor(token, account="site") is None
    assert tokens.new_visitor() != visitor


@pytest.mark.parametrize("change", [0, 10, 23, 40, -1])
def test_a_changed_visitor_token_is_nobodys(change: int) -> None:
    tokens = VisitorTokens(SecretStr("one secret"))
    token = list(tokens.sign(tokens.new_visitor(), account="site"))
    # The last character of 32 bytes in base64 has two spare bits: change one that counts.
    token[change] = "A" if token[change] != "A" else "Q"
    assert tokens.visitor("".join(token), account="site") is None


@pytest.mark.parametrize("token", ["", ".", "x", "a" * 22, "å" * 22 + "." + "b" * 43, "\n"])
def test_rubbish_is_no_visitor_token(token: str) -> None:
    assert VisitorTokens(SecretStr("s")).visitor(token, account="site") is None


# --- backlog ---------------------------------------------------------------------------------


@dataclass
class _Packet:
    data: str | bytes | None


async def test_a_backlog_tells_once_when_it_is_too_long() -> None:
    told: list[Backlog] = []
    backlog = Backlog(limit=1000, overflow=told.append)
    for _ in range(3):
        await backlog.put(_Packet("x" * 300))
    assert told == []
    await backlog.get()
    await backlog.put(_Packet("x" * 300))
    assert told == []  # what was read does not count
    await backlog.put(_Packet(b"x" * 300))
    await backlog.put(_Packet("x" * 300))
    assert told == [backlog]
    kept = [backlog.get_nowait() for _ in range(backlog.qsize())]
    assert sum(packet is not None for packet in kept) == 4  # nothing more was kept for it


async def test_packets_without_text_count_too() -> None:
    told: list[Backlog] = []
    backlog = Backlog(limit=640, overflow=told.append)
    for _ in range(11):
        await backlog.put(_Packet(None))
    assert len(told) == 1


# --- logs ------------------------------------------------------------------------------------


def test_a_log_line_is_json_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        logs.configure(level="info", as_json=True)
        log = structlog.get_logger("test")
        log.debug("not shown")
        log.info("shown", api_token="abc", password=SecretStr("abc"), plain=1, held=SecretStr("x"))
        try:
            int("no number")
        except ValueError:
            log.exception("failed")
    finally:
        structlog.reset_defaults()
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["event"] == "shown"
    assert (first["api_token"], first["password"], first["held"]) == ("***", "***", "***")
    assert (first["plain"], first["level"]) == (1, "info")
    assert "ValueError: invalid literal" in second["exception"]


# --- passwords -------------------------------------------------------------------------------


async def test_passwords() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    try:
        kept = await passwords.hash(SecretStr("lösenord 1"))
        assert kept.get_secret_value().startswith("$argon2id$")
        assert await passwords.fits(SecretStr("lösenord 1"), kept) is True
        assert await passwords.fits(SecretStr("lösenord 2"), kept) is False
        assert await passwords.fits(SecretStr("lösenord 1"), None) is False
        assert await passwords.fits(SecretStr("x"), SecretStr("not a hash")) is False
        assert await passwords.fits(SecretStr("x" * 2000), kept) is False
    finally:
        passwords.close()
