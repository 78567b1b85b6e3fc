"""Around everything: headers, probes, figures, pages, the sandbox."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.errors import StoreError
from tests.edge.house import ROOT, House, house, until

if TYPE_CHECKING:
    from collections.abc import Iterator

STATIC = ROOT / "bot/edge/static"


@pytest.mark.parametrize(
    "path", ["/", "/desk", "/sandbox", "/healthz", "/nope", "/api/v1/threads", "/widget.js"]
)
async def test_every_answer_has_its_guard(server: House, path: str) -> None:
    async with server.http.get(server.base + path) as got:
        policy = dict(
            part.strip().split(" ", 1) for part in got.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        nonce = r" 'nonce-[\w-]{22}'" if path == "/desk" else ""
        assert re.fullmatch(f"'self'{nonce}", policy["style-src"])
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in got.headers["Content-Security-Policy"]
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["X-Frame-Options"] == "DENY"
        assert got.headers["Referrer-Policy"] == "same-origin"
        assert got.headers["Server"] == "Samtal"
        assert len(got.headers["X-Request-Id"]) == 32
        assert "Strict-Transport-Security" not in got.headers


async def test_over_https_browsers_are_told_to_stay_there() -> None:
    async with (
        house(public="https://hub.example.com") as server,
        server.http.get(f"{server.base}/") as got,
    ):
        assert got.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "wss://hub.example.com" in got.headers["Content-Security-Policy"]


async def test_a_request_id_is_taken_over_when_it_is_one(server: House) -> None:
    for given, kept in (("trace-12345", True), ("x", False), ("<script>alert(1)</script>", False)):
        async with server.http.get(f"{server.base}/nope", headers={"X-Request-Id": given}) as got:
            assert (got.headers["X-Request-Id"] == given) is kept
            assert (await got.json())["instance"] == got.headers["X-Request-Id"]


# --- probes and figures ----------------------------------------------------------------------


async def test_probes(server: House) -> None:
    async with server.http.get(f"{server.base}/healthz") as got:
        assert (got.status, await got.json()) == (200, {"status": "alive"})
    async with server.http.get(f"{server.base}/readyz") as got:
        assert got.status == 200
        parts = dict.fromkeys(("store", "bus", "channels", "model"), "ready")
        assert (await got.json())["parts"] == parts
    await server.idle()
    server.store.failing = StoreError("disk full at /secret")
    async with server.http.get(f"{server.base}/readyz") as got:
        text = await got.text()
        assert got.status == 503
        assert json.loads(text)["parts"]["store"] == "not ready"
        assert "secret" not in text
    async with server.http.get(f"{server.base}/healthz") as got:
        assert got.status == 200  # a broken disk is no reason to kill the process
    server.store.failing = None


async def test_figures() -> None:
    async with house(metrics_token=SecretStr("figures")) as server:
        visitor = await server.visitor()
        await visitor.say("Hej", key="m1")
        await until(lambda: bool(visitor.texts("bot")))
        await server.idle()
        text = ""
        for token, status in (("", 401), ("Bearer wrong", 401), ("Bearer figures", 200)):
            headers = {"Authorization": token} if token else {}
            async with server.http.get(f"{server.base}/metrics", headers=headers) as got:
                assert got.status == status
                text = await got.text()
    assert 'samtal_entries_total{kind="message_in"} 1.0' in text
    assert 'samtal_sends_total{status="sent"} 1.0' in text
    assert 'samtal_sockets{namespace="/chat"} 1.0' in text
    assert 'samtal_socket_events_total{event="message",result="ok"} 1.0' in text
    assert 'route="/metrics",status="401"} 2.0' in text


# --- logs ------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[list[structlog.typing.EventDict]]:
    with capture_logs() as captured:
        yield captured


async def test_log_lines_have_no_paths_queries_or_texts(
    lines: list[structlog.typing.EventDict],
) -> None:
    async with house() as server:
        async with server.http.get(f"{server.base}/webhooks/telegram/demo?code=s3cr3t"):
            pass
        async with server.http.get(f"{server.base}/sandbox/telegram/demo/bot1:t/getMe?x=s3cr3t"):
            pass
        await server.write("telegram", "7", "s3cr3t words")
        await server.phone_shows("telegram", "7", "")
        desk = await server.log_in()
        await desk.get("/threads?owner=bot")
    written = json.dumps(lines, default=str)
    assert "s3cr3t" not in written
    assert "bot1:t" not in written
    assert desk.csrf not in written
    assert desk.cookie not in written
    routes = {line["route"] for line in lines if line["event"] == "request"}
    assert "/sandbox/{channel}/{account}/{tail}" in routes


# --- pages -----------------------------------------------------------------------------------


async def test_pages_are_served_from_memory_with_tags(server: House) -> None:
    for path in ("/", "/sandbox", "/widget.js", "/static/icon.svg"):
        async with server.http.get(server.base + path) as got:
            assert got.status == 200
            assert got.headers["Cache-Control"] == "no-cache"
            assert "{{" not in await got.text() or path == "/widget.js"
        async with server.http.get(
            server.base + path, headers={"If-None-Match": got.headers["ETag"]}
        ) as again:
            assert (again.status, await again.read()) == (304, b"")
    for name in ("../settings.py", "..%2Fsettings.py", "shop.html", "nope.js", ""):
        async with server.http.get(f"{server.base}/static/{name}") as got:
            assert got.status == 404


async def test_the_desk_has_a_new_nonce_each_time_at_each_of_its_places(server: House) -> None:
    nonces = set()
    for path in ("/desk", "/desk/thread/thr_1", "/desk"):
        async with server.http.get(server.base + path) as got:
            assert (got.status, got.content_type) == (200, "text/html")
            assert got.headers["Cache-Control"] == "no-store"
            (nonce,) = re.findall(r'name="nonce" content="([^"]+)"', await got.text())
            assert f"'nonce-{nonce}'" in got.headers["Content-Security-Policy"]
            nonces.add(nonce)
    assert len(nonces) == 3


async def test_what_is_named_by_its_hash_is_kept_for_ever_and_comes_packed(server: House) -> None:
    (style,) = STATIC.glob("shop-*.css")
    async with server.http.get(f"{server.base}/static/{style.name}") as got:
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert got.headers["Content-Encoding"] == "gzip"
        assert await got.read() == style.read_bytes()
    plain = {"Accept-Encoding": "identity"}
    async with server.http.get(f"{server.base}/static/{style.name}", headers=plain) as got:
        assert "Content-Encoding" not in got.headers
        assert await got.read() == style.read_bytes()


async def test_without_the_sandbox_the_front_page_is_the_desk() -> None:
    async with house(sandbox=False) as server:
        async with server.http.get(f"{server.base}/", allow_redirects=False) as got:
            assert (got.status, got.headers["Location"]) == (302, "/desk")
        async with server.http.get(f"{server.base}/sandbox") as got:
            assert got.status == 404


async def test_a_site_name_is_no_markup() -> None:
    async with house(site_name='<script>"x"') as server, server.http.get(f"{server.base}/") as got:
        text = await got.text()
    assert "<script>&quot;" not in text
    assert "&lt;script&gt;&quot;x&quot;" in text


async def test_pages_can_be_left_out() -> None:
    async with house(pages=False) as server:
        for path in ("/", "/desk", "/sandbox", "/widget.js", "/static/icon.svg"):
            async with server.http.get(server.base + path) as got:
                assert got.status == 404


def test_pages_need_nothing_that_the_policy_refuses() -> None:
    """Scripts are looked at in the browser tests, which fail on each refusal of the policy."""
    for path in sorted(STATIC.glob("*.html")):
        text = path.read_text("utf-8")
        assert not re.search(r"<script(?![^>]* src=)", text), path
        assert not re.search(r"<style| style=| on\w+=", text), path
        assert not re.search(r"""(src|href)=["']?(https?:)?//""", text), path


# --- the sandbox -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "user"), [("twilio_sms", "+46701234567"), ("telegram", "7"), ("messenger", "9")]
)
async def test_a_phone_gets_an_answer_over_the_providers_own_wire(
    server: House, channel: str, user: str
) -> None:
    assert await server.write(channel, user, "Hej") == 200
    await server.phone_shows(channel, user, "Fjällbutiken")
    shown = await server.screen(channel, user)
    assert [one["side"] for one in shown] == ["me", "them"]
    assert [one["n"] for one in shown] == sorted({one["n"] for one in shown})
    url = f"{server.base}/sandbox-api/phones/{channel}/demo/{user}?after={shown[0]['n']}"
    async with server.http.get(url) as got:
        assert [one["n"] for one in (await got.json())["messages"]] == [shown[1]["n"]]
    async with server.http.get(f"{server.base}/sandbox-api/wire") as got:
        ways = [(one["way"], one["status"]) for one in (await got.json())["exchanges"]]
    assert ways[0] == ("webhook", 200)
    assert ("to_provider", 201 if channel == "twilio_sms" else 200) in ways
    async with server.http.get(f"{server.base}/sandbox-api/phones") as got:
        accounts = {one["channel"]: one for one in (await got.json())["accounts"]}
    assert accounts[channel]["users"] == [user]
    assert accounts[channel]["text_limit"] > 0


@pytest.mark.parametrize(
    ("channel", "came", "called"),
    [
        ("twilio_sms", ("x-twilio-signature", None), ("authorization", "Basic ***")),
        ("telegram", ("x-telegram-bot-api-secret-token", "***"), None),
        ("messenger", ("x-hub-signature-256", None), ("authorization", "Bearer ***")),
    ],
)
async def test_the_wire_shows_proofs_and_no_secrets(
    server: House,
    channel: str,
    came: tuple[str, str | None],
    called: tuple[str, str] | None,
) -> None:
    user = "+46701234567" if channel == "twilio_sms" else "7"
    await server.write(channel, user, "Hej")
    await server.phone_shows(channel, user, "Fjällbutiken")
    async with server.http.get(f"{server.base}/sandbox-api/wire") as got:
        exchanges = (await got.json())["exchanges"]
    webhook = exchanges[0]
    call = next(one for one in exchanges if one["way"] == "to_provider")
    (proof,) = [one for one in webhook["headers"] if one["proof"]]
    assert proof["name"] == came[0]
    assert proof["value"] == came[1] or (came[1] is None and len(proof["value"]) > 20)
    assert [(one["name"], one["value"]) for one in call["headers"] if one["proof"]] == (
        [called] if called else []
    )
    assert "content-type" in {one["name"] for one in call["headers"]}
    assert ("/bot***/" in call["path"]) is (channel == "telegram")


async def test_the_sandbox_counts_on_after_a_restart() -> None:
    last = 0
    for _ in range(2):
        async with house() as server:
            await server.write("telegram", "7", "Hej")
            (shown, *_) = await server.screen("telegram", "7")
            url = f"{server.base}/sandbox-api/wire"
            async with server.http.get(url, params={"after": str(last)}) as got:
                numbers = [one["n"] for one in (await got.json())["exchanges"]]
            async with server.http.get(url, params={"after": str(numbers[0])}) as got:
                rest = [one["n"] for one in (await got.json())["exchanges"]]
            assert numbers[0] not in rest
            assert numbers == sorted(set(numbers))
            assert min(shown["n"], numbers[0]) > last
            last = max(shown["n"], *numbers, *rest)


async def test_receipts_come_back_by_webhook(server: House) -> None:
    await server.write("twilio_sms", "+46701234567", "Hej")
    await server.phone_shows("twilio_sms", "+46701234567", "Fjällbutiken")

    async def delivered() -> bool:
        async with server.http.get(f"{server.base}/sandbox-api/wire") as got:
            exchanges = (await got.json())["exchanges"]
        return any(
            one["way"] == "webhook" and "delivered" in one["body"] and one["status"] == 200
            for one in exchanges
        )

    await until(delivered)


async def test_the_sandbox_is_for_this_machine_alone(server: House) -> None:
    paths = (
        "/sandbox-api/phones",
        "/sandbox-api/wire",
        "/sandbox-api/phones/telegram/demo/7",
        "/sandbox/telegram/demo/bot1:t/getMe",
    )
    for headers in ({"Host": "evil.example.com"}, {"X-Forwarded-For": "1.2.3.4"}):
        for path in paths:
            async with server.http.get(server.base + path, headers=headers) as got:
                assert got.status == 404, path


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 422), (b'{"text": 7}', 422), (b'{"colour": "red"}', 422), (b"\xff", 422)],
)
async def test_a_phone_refuses_rubbish(server: House, body: bytes, status: int) -> None:
    url = f"{server.base}/sandbox-api/phones/telegram/demo/7/write"
    async with server.http.post(
        url, data=body, headers={"Content-Type": "application/json"}
    ) as got:
        assert got.status == status
    async with server.http.post(url, data=b'{"text": "x"}') as got:
        assert got.status == 415  # no form of another site can write
    assert await server.screen("telegram", "7") == []


async def test_without_providers_there_is_no_sandbox() -> None:
    async with house(sandbox=False) as server:
        for path in ("/sandbox", "/sandbox-api/phones", "/sandbox/telegram/demo/bot1:t/getMe"):
            async with server.http.get(server.base + path) as got:
                assert got.status == 404


async def test_the_server_stops_while_sockets_are_open() -> None:
    started = asyncio.get_running_loop().time()
    async with house() as server:
        visitor = await server.visitor()
        await visitor.say("Hej", key="m1")
        server.clients.remove(visitor)
        stopped = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped < 4
    assert stopped - started < 30
    await until(lambda: not visitor.client.connected)
    await visitor.close()
