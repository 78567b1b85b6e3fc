"""Webhooks over real HTTP: what was sent reaches the channel unchanged, and nothing else does."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest
from aiohttp import FormData
from yarl import URL

from bot.errors import StoreError
from bot.kit import proofs
from bot.model.channel import (
    Answer,
    Attachment,
    Capabilities,
    Forged,
    ForgeryReason,
    Received,
    Request,
)
from bot.model.people import Role
from bot.model.sending import MediaGone, Outbound, Sent
from tests.edge.house import TOKEN, House, house, until

if TYPE_CHECKING:
    from bot.ports import Fetching, Sending

HOOK = "/webhooks/recorder/demo"


class Recorder:
    """A channel that keeps every request and answers with what a test wants."""

    name = "recorder"
    account = "demo"
    capabilities = Capabilities(text_limit=100, push=False)

    def __init__(self, received: Received | None = None) -> None:
        self.requests: list[Request] = []
        self.received = received or Received(
            answer=Answer(status=202, body=b"<Response/>", content_type="text/xml")
        )

    def receive(self, request: Request) -> Received:
        self.requests.append(request)
        return self.received

    def send(self, message: Outbound) -> Sending:
        yield from ()
        return Sent()

    def fetch(self, attachment: Attachment) -> Fetching:
        yield from ()
        return MediaGone(reason="nothing here")

    def deep_link(self, code: str) -> str | None:
        return None


async def test_the_channel_gets_the_request_as_it_was_sent() -> None:
    recorder = Recorder()
    body = b"\x00\xff{not json" + "å".encode()
    target = f"{HOOK}?b=2&a=1&a=&x=%C3%A5+%2B%zz&sig=a%2Fb"
    async with house(extra=(recorder,), public="https://hub.example.com/in") as server:
        url = URL(server.base + target, encoded=True)
        async with server.http.put(url, data=body, headers={"X-Odd": "\xe5", "x-b": "1"}) as got:
            assert (got.status, await got.read()) == (202, b"<Response/>")
            assert got.headers["Content-Type"] == "text/xml"
    (request,) = recorder.requests
    assert request.method == "PUT"
    assert request.url == f"https://hub.example.com/in{target}"
    assert request.path == HOOK
    assert request.query == (("b", "2"), ("a", "1"), ("a", ""), ("x", "å +%zz"), ("sig", "a/b"))
    assert request.body == body
    assert request.header("X-Odd") == "\xe5".encode().decode("latin-1")
    assert all(name == name.lower() for name, _ in request.headers)


async def test_the_status_route_and_every_method_lead_to_the_channel() -> None:
    recorder = Recorder()
    async with house(extra=(recorder,)) as server:
        for method in ("GET", "POST", "DELETE", "PATCH", "REPORT"):
            async with server.http.request(method, f"{server.base}{HOOK}/status") as got:
                assert got.status == 202
    assert [one.method for one in recorder.requests] == ["GET", "POST", "DELETE", "PATCH", "REPORT"]
    assert {one.path for one in recorder.requests} == {f"{HOOK}/status"}


async def test_a_compressed_body_stays_compressed() -> None:
    recorder = Recorder()
    packed = gzip.compress(b"x" * 100_000)
    async with house(extra=(recorder,)) as server:
        headers = {"Content-Encoding": "gzip"}
        async with server.http.post(server.base + HOOK, data=packed, headers=headers) as got:
            assert got.status == 202
    assert recorder.requests[0].body == packed


async def test_a_signed_webhook_is_recorded_and_a_forged_one_is_not(server: House) -> None:
    url = f"{server.base}/webhooks/twilio_sms/demo"
    fields = {"MessageSid": "SM1", "From": "+46701234567", "To": "+46766860000", "Body": "Hej 👋"}
    pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
    right = proofs.twilio_signature(token=TOKEN, url=url, tail=proofs.twilio_tail(pairs))
    for signature, status in ((None, 403), ("A" * 28, 403), (right, 200), (right, 200)):
        headers = {"X-Twilio-Signature": signature} if signature else {}
        async with server.http.post(url, data=FormData(fields), headers=headers) as got:
            assert got.status == status, await got.text()
    rows = await server.store.threads()
    assert [row.identities[0].phone for row in rows] == ["+46701234567"]
    events = server.store.memory.events.values()
    assert [event.body.kind for event in events] == ["inbound"]  # the repeat changed nothing
    figures = server.parts.metrics.exposition().decode()
    assert (
        'samtal_webhooks_total{account="demo",channel="twilio_sms",result="accepted"} 2.0'
        in figures
    )
    assert (
        'samtal_webhooks_total{account="demo",channel="twilio_sms",result="forged"} 2.0' in figures
    )


@pytest.mark.parametrize("path", ["/webhooks/nope/demo", "/webhooks/twilio_sms/nope/status"])
async def test_an_unknown_account_is_a_problem(server: House, path: str) -> None:
    async with server.http.post(server.base + path, data=b"x") as got:
        assert got.status == 404
        assert got.content_type == "application/problem+json"
        assert (await got.json())["type"] == "/problems/unknown-account"


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large_is_refused(*, declared: bool) -> None:
    recorder = Recorder()

    async def chunks() -> object:
        for _ in range(8):
            yield b"x" * 1024

    data = b"x" * 8192 if declared else chunks()
    async with house(extra=(recorder,), max_body_bytes=4096) as server:
        async with server.http.post(server.base + HOOK, data=data) as got:
            assert (got.status, (await got.json())["type"]) == (413, "/problems/too-large")
        async with server.http.post(server.base + HOOK, data=b"x" * 4096) as got:
            assert got.status == 202
    assert len(recorder.requests) == 1


async def test_a_body_that_never_comes_is_given_up() -> None:
    recorder = Recorder()
    async with house(extra=(recorder,), body_timeout=0.1) as server:
        head = f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf".encode()
        assert b"408" in await _raw(server, head, then=b"filled")
    assert recorder.requests == []


async def test_a_target_that_is_no_text_is_refused() -> None:
    recorder = Recorder()
    async with house(extra=(recorder,)) as server:
        head = f"POST {HOOK}?a=".encode() + b"\xff HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        assert b" 400 " in await _raw(server, head)
    assert recorder.requests == []


async def test_the_absolute_form_of_a_target_means_the_same() -> None:
    recorder = Recorder()
    async with house(extra=(recorder,), public="https://hub.example.com") as server:
        head = (
            f"POST http://other.example{HOOK}?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        )
        assert b" 202 " in await _raw(server, head.encode())
    assert recorder.requests[0].url == f"https://hub.example.com{HOOK}?a=1"


async def test_too_many_requests_of_one_account_wait() -> None:
    recorder = Recorder()
    rate = {"per_second": 0.1, "burst": 2}
    async with house(extra=(recorder,), account_rate=rate) as server:
        statuses, waits, types = [], "", ""
        for _ in range(3):
            async with server.http.post(server.base + HOOK) as got:
                statuses.append(got.status)
                waits = got.headers.get("Retry-After", "0")
                types = got.content_type
        assert statuses == [202, 202, 429]
        assert 1 <= int(waits) <= 11
        assert types == "application/problem+json"
        async with server.http.post(f"{server.base}/webhooks/telegram/demo") as other:
            assert other.status != 429  # others are not held up
    assert len(recorder.requests) == 2


async def test_too_many_requests_of_one_client_wait_and_a_trusted_proxy_names_the_client() -> None:
    recorder = Recorder()
    rate = {"per_second": 0.1, "burst": 1}
    async with house(
        extra=(recorder,), address_rate=rate, trusted_proxies=["127.0.0.0/8"]
    ) as server:
        statuses = []
        for client in ("1.1.1.1", "1.1.1.1", "2.2.2.2"):
            headers = {"X-Forwarded-For": client}
            async with server.http.post(server.base + HOOK, headers=headers) as got:
                statuses.append(got.status)
    assert statuses == [202, 429, 202]


async def test_a_store_that_fails_makes_the_provider_try_again(server: House) -> None:
    await server.idle()
    server.store.failing = StoreError("the disk is full at /secret/path")
    async with server.http.post(
        f"{server.base}/webhooks/telegram/demo",
        json={"update_id": 1, "message": _telegram_message()},
        headers={"X-Telegram-Bot-Api-Secret-Token": "s"},
    ) as got:
        text = await got.text()
        assert (got.status, got.headers["Retry-After"]) == (503, "5")
    assert "secret" not in text
    assert "Traceback" not in text
    server.store.failing = None
    assert server.store.memory.events == {}


async def test_a_forged_answer_is_what_the_channel_says() -> None:
    forged = Received(
        events=(Forged(reason=ForgeryReason.INVALID),), answer=Answer(status=401, body=b"no")
    )
    async with house(extra=(Recorder(forged),)) as server:
        async with server.http.post(server.base + HOOK, data=b"x") as got:
            assert (got.status, await got.read()) == (401, b"no")
        assert server.store.memory.events == {}


def _telegram_message() -> dict[str, object]:
    who = {"id": 7, "is_bot": False, "first_name": "Bo"}
    return {
        "message_id": 1,
        "date": 1_770_000_000,
        "text": "Hej",
        "from": who,
        "chat": {**who, "type": "private"},
    }


async def _raw(server: House, data: bytes, *, then: bytes = b"") -> bytes:
    """The first line of the answer; `then` is sent after it came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(server.base).port)
    writer.write(data)
    try:
        line = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
        writer.write(then)
        await writer.drain()
        await server.idle()
        return line
    finally:
        writer.close()
        await writer.wait_closed()


async def test_administrators_see_how_accounts_fare(server: House) -> None:
    admin, agent = await server.log_in("Ada", role=Role.ADMIN), await server.log_in()
    url = f"{server.base}/webhooks/twilio_sms/demo"
    for _ in range(5):
        async with server.http.post(url, data={"From": "+46701234567"}) as response:
            assert response.status == 403
    status, found = await agent.get("/channels")
    assert (status, {one["health"] for one in found["channels"]}) == (200, {None})

    async def failing() -> bool:
        _, told = await admin.get("/channels")
        states = {one["channel"]: str(one["health"]["state"]) for one in told["channels"]}
        return (states["twilio_sms"], states["telegram"]) == ("failing", "ok")

    await until(failing)
    _, found = await admin.get("/channels")
    health = next(one["health"] for one in found["channels"] if one["channel"] == "twilio_sms")
    assert (health["refused"], health["accepted"], health["last_in"]) == (5, 0, None)
    (reason,) = health["reasons"]
    assert (reason["problem"], reason["detail"]) == ("signatures_refused", "signature_missing")
    assert reason["mend"]
