"""The widget on a page of another site, and what the page's script element may say."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from playwright.async_api import expect

from bot.model.fact import TrafficSource, Visited
from tests.browser.chat import open_chat, say, texts
from tests.browser.kit import browsing, open_page, violations
from tests.edge.house import house, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.edge.house import House

pytestmark = pytest.mark.browser

# A site with styles of its own that would spoil the widget if they came in.
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Another site</title>
<style>
  html {{ font-size: 10px }}
  * {{ color: red; font-family: cursive; letter-spacing: 3px }}
  button, p, section, dialog {{ display: none !important; transform: rotate(3deg) }}
</style>
</head><body><main><h1>Another site</h1><a href="#x" data-open-chat>Ask us</a></main>
{scripts}
</body></html>"""


@contextlib.asynccontextmanager
async def _site(listening: socket.socket, scripts: str) -> AsyncIterator[None]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(scripts=scripts), content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("copies", [1, 2])
async def test_the_widget_works_on_another_site(copies: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        origin = f"http://localhost:{listening.getsockname()[1]}"
        async with house(embed_origins=[origin]) as server, browsing() as browser:
            attributes = 'data-site="demo" data-language="en" data-theme="dark"'
            script = (
                f'<script src="{server.base}/widget.js" {attributes} '
                'data-position="left" defer></script>'
            )
            async with _site(listening, script * copies):
                page, faults = await open_page(browser, origin)
                await expect(page.locator("samtal-chat")).to_have_count(1)
                await expect(page.locator("#launcher")).to_have_text("Chat with us")
                await page.get_by_role("link", name="Ask us").click()
                await expect(page.get_by_role("dialog", name="Fjällbutiken")).to_be_visible()
                await expect(page.locator("#text")).to_be_focused()
                await say(page, "hello")
                await expect(texts(page, "bot")).to_have_count(1)
                await expect(texts(page, "customer")).to_have_count(1)
                style = "it => [getComputedStyle(it).fontSize, getComputedStyle(it).letterSpacing]"
                assert await texts(page, "bot").evaluate(style) == ["16px", "normal"]
                box = await page.locator("#chat").bounding_box()
                assert box is not None
                assert box["x"] == 20
                assert await page.locator("samtal-chat").get_attribute("data-theme") == "dark"
                keys = await page.evaluate("Object.keys(localStorage).sort()")
                assert keys == ["samtal@demo.open", "samtal@demo.seen", "samtal@demo.token"]
                assert await page.context.cookies() == []
                assert [one for one in await violations(page) if "samtal-chat" in one] == []
                assert page.url == f"{origin}/"
                assert faults.lines == []


async def test_a_site_that_was_not_named_gets_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        origin = f"http://localhost:{listening.getsockname()[1]}"
        async with house() as server, browsing() as browser:
            script = f'<script src="{server.base}/widget.js" defer></script>'
            async with _site(listening, script):
                page, faults = await open_page(browser, origin)
                await open_chat(page)
                await say(page, "hello")
                await expect(page.locator("#banner")).to_contain_text("Ingen anslutning")
                assert server.store.memory.events == {}
                assert faults.lines == []


def _pages(server: House) -> list[Visited]:
    """The visits that are kept, the first first."""
    facts = sorted(server.store.memory.facts.values(), key=lambda fact: fact.at)
    return [fact.body for fact in facts if isinstance(fact.body, Visited)]


async def test_pages_are_told_when_the_site_turns_visits_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        origin = f"http://localhost:{listening.getsockname()[1]}"
        async with house(embed_origins=[origin]) as server, browsing() as browser:
            script = f'<script src="{server.base}/widget.js" data-visits="on" defer></script>'
            async with _site(listening, script):
                page, faults = await open_page(browser, f"{origin}/a?utm_medium=cpc&mail=anna%40x")
                await until(lambda: len(server.store.memory.facts) == 1)
                await page.evaluate("history.pushState({}, '', '/b?secret=1')")
                await page.evaluate("document.title = 'B'")
                await until(lambda: len(server.store.memory.facts) == 2)
                # Neither another fragment nor another query is another page.
                await page.evaluate("history.replaceState({}, '', '/b?secret=2#x')")
                await page.go_back()
                await until(lambda: len(server.store.memory.facts) == 3)
                await page.goto(f"{origin}/c")
                await until(lambda: len(server.store.memory.facts) == 4)
                await expect(page.locator("#launcher")).to_be_visible()
                seen = _pages(server)
                assert [one.page for one in seen] == [f"localhost/{path}" for path in "abac"]
                assert [one.title for one in seen][:2] == ["Another site", "B"]
                assert seen[0].source is TrafficSource.PAID
                assert seen[1].source is TrafficSource.DIRECT
                assert len({fact.identity for fact in server.store.memory.facts.values()}) == 1
                whole = str(vars(server.store.memory))
                assert "anna" not in whole
                assert "secret" not in whole
                await open_chat(page)
                await say(page, "hello")
                await expect(texts(page, "bot")).to_have_count(1)
                assert len(server.store.memory.identities) == 1
                assert faults.lines == []


async def test_visits_are_off_until_the_page_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        origin = f"http://localhost:{listening.getsockname()[1]}"
        async with (
            house(embed_origins=[origin]) as server,
            browsing() as browser,
            _site(listening, f'<script src="{server.base}/widget.js" defer></script>'),
        ):
            page, faults = await open_page(browser, f"{origin}/a")
            await expect(page.locator("#launcher")).to_be_visible()
            await page.evaluate("history.pushState({}, '', '/b')")
            await page.wait_for_timeout(1500)
            assert await page.evaluate("Object.keys(localStorage)") == []
            assert server.store.memory.identities == {}
            await page.evaluate("samtal.visits(true)")
            await until(lambda: len(server.store.memory.facts) == 1)
            await page.evaluate("samtal.visits(false)")
            await page.evaluate("history.pushState({}, '', '/d')")
            await page.wait_for_timeout(1500)
            assert [one.page for one in _pages(server)] == ["localhost/b"]
            assert faults.lines == []
