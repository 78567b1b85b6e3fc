"""The widget on bad lines, in several tabs and over restarts: nothing is lost, nothing doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.edge.sockets.tokens import VisitorTokens
from bot.model.thread import MessageIn
from tests.browser.chat import open_chat, say, texts
from tests.browser.kit import Line, browsing, open_page
from tests.edge.house import SECRET, House, house, until

if TYPE_CHECKING:
    from playwright.async_api import WebSocketRoute

    from tests.fakes.store import FakeStore

pytestmark = pytest.mark.browser

AWAY = "No connection. What you write is sent when it is back."


def _kept(store: FakeStore) -> list[str]:
    """What customers wrote, as the record has it."""
    bodies = [one.body for one in store.memory.entries]
    return [one.text for one in bodies if isinstance(one, MessageIn)]


async def test_what_is_written_while_the_server_is_away_arrives_once() -> None:
    async with browsing() as browser:
        async with house() as first:
            page, faults = await open_page(browser, first.base, locale="en-GB")
            await open_chat(page)
            await say(page, "hello")
            await expect(texts(page, "bot")).to_have_count(1)
            port, store = int(first.base.rpartition(":")[2]), first.store
        await expect(page.locator("#banner")).to_have_text(AWAY)
        await say(page, "written while away")
        await say(page, "and this too")
        await expect(page.locator(".customer .status")).to_have_text(["Sending …", "Sending …"])
        async with house(port=port, memory=store.memory) as second:
            written = ["hello", "written while away", "and this too"]
            await expect(page.locator(".customer .status")).to_have_text(["Sent"])
            await expect(texts(page, "customer")).to_have_text(written)
            await expect(page.locator("#banner")).to_be_hidden()
            await until(lambda: _kept(second.store) == written)
            await page.reload()
            await expect(texts(page, "customer")).to_have_text(written)
            await second.idle()
            assert _kept(second.store) == written
        assert [one for one in faults.lines if "WebSocket" not in one] == []


async def test_what_was_not_sent_survives_a_reload(server: House) -> None:
    async with browsing() as browser:
        line = Line()
        page, faults = await open_page(browser, "about:blank", locale="en-GB")
        await page.route_web_socket("**/socket.io/**", line.take)
        await page.goto(server.base)
        await open_chat(page)
        await say(page, "hello")
        await expect(texts(page, "bot")).to_have_count(1)
        await line.cut()
        await page.context.route("**/socket.io/**", lambda route: route.abort())
        await say(page, "in a tunnel")
        await expect(page.locator(".customer .status")).to_have_text(["Sending …"])
        await page.reload()
        await expect(texts(page, "customer")).to_have_text(["in a tunnel"])
        await expect(page.locator("#banner")).to_have_text(AWAY)
        assert _kept(server.store) == ["hello"]
        line.mend()
        await page.context.unroute("**/socket.io/**")
        await expect(texts(page, "customer")).to_have_text(["hello", "in a tunnel"])
        await expect(page.locator(".customer .status")).to_have_text(["Sent"])
        await until(lambda: _kept(server.store) == ["hello", "in a tunnel"])
        assert faults.lines == []


async def test_a_page_that_was_offline_catches_up(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base, locale="en-GB")
        await open_chat(page)
        await say(page, "hello")
        await expect(texts(page, "bot")).to_have_count(1)
        await page.context.set_offline(True)
        await expect(page.locator("#banner")).to_have_text(AWAY)
        token = await page.evaluate("localStorage.getItem('samtal.token')")
        elsewhere = await server.visitor(token=token)
        assert await elsewhere.say("delivery, asked elsewhere", key="m2") == {"ok": True}
        await until(lambda: len(elsewhere.texts("bot")) == 2)
        await say(page, "delivery, asked here")
        await page.context.set_offline(False)
        await expect(page.locator("#banner")).to_be_hidden()
        await expect(texts(page, "customer")).to_have_text(
            ["hello", "delivery, asked elsewhere", "delivery, asked here"]
        )
        await expect(texts(page, "bot")).to_have_count(3)
        assert faults.lines == []


async def test_two_tabs_show_the_same(server: House) -> None:
    async with browsing() as browser:
        one, faults = await open_page(browser, server.base)
        await open_chat(one)
        await say(one, "Hej")
        await expect(texts(one, "bot")).to_have_count(1)
        other = await one.context.new_page()
        faults.watch(other)
        await other.goto(server.base)
        await expect(other.get_by_role("dialog")).to_be_visible()
        assert await other.evaluate("document.activeElement === document.body")
        await expect(texts(other, "customer")).to_have_text(["Hej"])
        await say(other, "Hej då")
        await expect(texts(one, "customer")).to_have_text(["Hej", "Hej då"])
        await expect(texts(one, "bot")).to_have_count(2)
        shown = await other.locator(".message .text").all_text_contents()
        await expect(one.locator(".message .text")).to_have_text(shown)
        await other.locator("#close").click()
        await expect(one.get_by_role("dialog")).to_be_hidden()
        await other.evaluate("samtal.language('en')")
        await expect(one.locator("#launcher")).to_have_text("Chat with us")
        assert len(server.store.memory.identities) == 1
        assert faults.lines == []


async def test_tabs_of_a_new_visitor_are_one_visitor(server: House) -> None:
    async with browsing() as browser:
        one, faults = await open_page(browser, server.base)
        other = await one.context.new_page()
        faults.watch(other)
        await other.goto(server.base)
        await open_chat(one)
        await expect(other.get_by_role("dialog")).to_be_visible()
        await say(one, "Hej")
        await say(other, "Hej igen")
        for page in (one, other):
            await expect(texts(page, "customer")).to_have_count(2)
        assert len(server.store.memory.identities) == 1
        assert faults.lines == []


async def test_where_websockets_are_blocked_polling_does(server: House) -> None:
    async def block(socket: WebSocketRoute) -> None:
        await socket.close()

    async with browsing() as browser:
        page, faults = await open_page(browser, "about:blank")
        await page.route_web_socket("**", block)
        await page.goto(server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await expect(page.locator(".customer .status")).to_have_text("Skickat")
        await expect(page.locator("#banner")).to_be_hidden()
        assert _kept(server.store) == ["Hej"]
        assert faults.lines == []


async def test_a_visitor_the_server_does_not_know_begins_anew(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await page.evaluate("localStorage.setItem('samtal.token', 'of another server')")
        await page.evaluate("localStorage.setItem('samtal.seen', '77')")
        await page.reload()
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        token = await page.evaluate("localStorage.getItem('samtal.token')")
        assert VisitorTokens(SECRET).visitor(token, account="demo") is not None
        seen = await page.evaluate("localStorage.getItem('samtal.seen')")
        assert int(seen) < 77
        assert faults.lines == []


async def test_a_page_that_may_not_connect_says_why() -> None:
    async with house(sandbox=True) as server, browsing() as browser:
        page, faults = await open_page(browser, server.base)
        script = f"{server.base}/widget.js"
        await page.route(
            server.base + "/",
            lambda route: route.fulfill(
                content_type="text/html",
                body=f'<title>x</title><script src="{script}" data-site="nope" defer></script>',
            ),
        )
        await page.reload()
        await open_chat(page)
        await expect(page.locator("#banner")).to_have_text(
            "Chatten kan inte öppnas: det finns inte"
        )
        await page.get_by_role("button", name="Stäng meddelandet").click()
        await expect(page.locator("#banner")).to_be_hidden()
        assert faults.lines == []


async def test_nobody_is_told_of_a_page_whose_chat_was_not_opened(server: House) -> None:
    async with browsing() as browser:
        sockets: list[str] = []
        page, faults = await open_page(browser, "about:blank")
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.goto(server.base)
        await expect(page.locator("#launcher")).to_be_visible()
        await page.wait_for_load_state("networkidle")
        assert sockets == []
        assert await page.evaluate("Object.keys(localStorage)") == []
        await open_chat(page)
        await expect(page.locator("#owner")).to_have_text("Du pratar med vår assistent")
        await until(lambda: len(sockets) == 1)
        assert faults.lines == []
