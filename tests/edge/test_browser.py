"""The pages in a real browser: the whole story, and a server that goes away in the middle."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import async_playwright, expect

from bot.model.channel import Address
from bot.model.people import ByAgent
from tests.edge.house import PASSWORD, House, house, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page, WebSocketRoute

    from bot.hub.desk import EntryView
    from bot.model.ids import ThreadId

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; install one and put it on PATH")
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


async def _page(browser: Browser, url: str, *, locale: str = "sv-SE") -> tuple[Page, list[str]]:
    """A page of a new browser profile, and what went wrong in it."""
    context = await browser.new_context(locale=locale)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None,
    )
    await page.goto(url)
    return page, faults


async def _say(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.keyboard.press("Enter")


async def test_the_story_by_keyboard_and_mouse(server: House) -> None:
    await server.agent("Anna")
    async with browsing() as browser:
        shop, faults = await _page(browser, server.base)
        await shop.get_by_role("button", name="Chatta med oss").last.click()
        await expect(shop.get_by_label("Skriv ett meddelande")).to_be_focused()
        await _say(shop, "Hej <b>fet</b> 🏔️")
        log = shop.get_by_role("log")
        await expect(log.locator(".customer .text")).to_have_text("Hej <b>fet</b> 🏔️")
        await expect(log.locator(".bot .text").last).to_contain_text("Fjällbutiken")
        faults += await _go_on_by_sms(browser, server, shop)
        await shop.get_by_role("button", name="Fler val").click()
        await shop.get_by_role("button", name="Prata med en människa").click()
        await expect(shop.locator("#owner")).to_have_text("Du står i kö till en människa")
        faults += await _answer_at_the_desk(browser, server, shop)
        await expect(shop.locator("#owner")).to_have_text("Du pratar med vår assistent")
        before = await log.locator(".text").all_text_contents()
        await shop.reload()
        await expect(log.locator(".text")).to_have_text(before)
        assert faults == []


async def _go_on_by_sms(browser: Browser, server: House, shop: Page) -> list[str]:
    """Ask for a code by keyboard, send it from the phone; gives what went wrong on its page."""
    await shop.get_by_role("button", name="Fler val").press("Enter")
    await shop.get_by_role("button", name="Fortsätt på SMS").press("Enter")
    code = await shop.locator("#code .big").text_content()
    assert code is not None
    link = shop.get_by_role("link", name="Öppna SMS")
    assert (await link.get_attribute("href") or "").startswith("sms:+46766860000")
    phones, faults = await _page(browser, f"{server.base}/sandbox")
    await phones.get_by_label("Write on SMS").fill(code)
    await phones.keyboard.press("Enter")
    await expect(phones.locator(".phone", has_text="SMS").locator(".message")).to_have_count(2)
    await expect(shop.locator(".mark", has_text="SMS").first).to_be_visible()
    return faults


async def _answer_at_the_desk(browser: Browser, server: House, shop: Page) -> list[str]:
    """Log in, accept, reply, hand back; gives what went wrong on the page."""
    desk, faults = await _page(browser, f"{server.base}/desk")
    await desk.get_by_label("E-mail").fill("anna@example.com")
    await desk.get_by_label("Password").fill("wrong password")
    await desk.keyboard.press("Enter")
    await expect(desk.get_by_role("alert")).to_contain_text("do not fit")
    await desk.get_by_label("Password").fill(PASSWORD)
    await desk.keyboard.press("Enter")
    await desk.locator(".rows button").click()
    await expect(desk.locator("#log")).to_contain_text("Hej <b>fet</b> 🏔️")
    await desk.get_by_role("button", name="Accept").click()
    await expect(shop.locator("#owner")).to_have_text("Du pratar med Anna")
    await desk.get_by_label("Reply or note").fill("Hej, Anna här")
    await desk.get_by_role("button", name="Reply").click()
    await expect(shop.locator(".agent .text").last).to_have_text("Hej, Anna här")
    await expect(desk.locator(".way").last).to_contain_text("sent")
    await desk.get_by_role("button", name="Hand back to the bot").click()
    return faults


async def test_the_desk_misses_nothing_when_it_comes_back(
    server: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await server.agent("Anna")
    by = ByAgent(agent=anna.id, name=anna.name)
    await server.write("twilio_sms", "+46701234567", "hej")
    async with browsing() as browser:
        desk, line = await _watching(browser, server)
        await line.cut()
        (row,) = await server.store.threads()
        for number in range(150):
            await server.parts.desk.note(row.state.thread, by, text=f"note {number}")
        read = server.parts.desk.entries

        async def with_news(thread: ThreadId, *, after: int = 0) -> list[EntryView]:
            """The first page of two; meanwhile something new is told, before the page is."""
            monkeypatch.undo()
            page = await read(thread, after=after)
            await server.parts.desk.note(thread, by, text="new")
            await expect(desk.locator("#log .note .text").last).to_have_text("new")
            assert len(page) == 100
            return page

        monkeypatch.setattr(server.parts.desk, "entries", with_news)
        line.mend()
        wanted = [*(f"note {number}" for number in range(150)), "new"]
        await expect(desk.locator("#log .note .text")).to_have_text(wanted, timeout=15_000)


class Line:
    """A page's WebSocket, which can be cut."""

    def __init__(self) -> None:
        self._sockets: list[WebSocketRoute] = []
        self._whole = True

    async def cut(self) -> None:
        self._whole = False
        await self._sockets[-1].close()

    def mend(self) -> None:
        self._whole = True

    async def take(self, socket: WebSocketRoute) -> None:
        if self._whole:
            socket.connect_to_server()
            self._sockets.append(socket)
        else:
            await socket.close()


async def _watching(browser: Browser, server: House) -> tuple[Page, Line]:
    """Anna's desk, showing the only thread."""
    line, page = Line(), await browser.new_page()
    await page.route_web_socket("**/socket.io/**", line.take)
    await page.goto(f"{server.base}/desk")
    await page.get_by_label("E-mail").fill("anna@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator(".rows button").click()
    await expect(page.locator("#log")).to_contain_text("hej")
    return page, line


async def test_what_is_written_while_the_server_is_away_arrives_once() -> None:
    async with browsing() as browser:
        async with house() as first:
            page, faults = await _page(browser, first.base, locale="en-GB")
            await page.locator("#launcher").click()
            await _say(page, "hello")
            await expect(page.locator(".bot .text").last).to_contain_text("Fjällbutiken")
            port, store = int(first.base.rpartition(":")[2]), first.store
        await expect(page.locator("#banner")).to_contain_text("No connection")
        await _say(page, "written while away")
        await expect(page.locator(".customer .status").last).to_have_text("Sending …")
        async with house(port=port, memory=store.memory) as second:
            await expect(page.locator(".customer .status").last).to_have_text("", timeout=15_000)
            await expect(page.locator(".customer .text")).to_have_text(
                ["hello", "written while away"]
            )
            (identity,) = second.store.memory.identities.values()
            assert isinstance(identity.address, Address)

            async def kept() -> bool:
                texts = [getattr(one.body, "text", "") for one in second.store.memory.entries]
                return texts.count("written while away") == 1

            await until(kept)
            await page.reload()
            await expect(page.locator(".customer .text")).to_have_text(
                ["hello", "written while away"]
            )
        assert [one for one in faults if "WebSocket" not in one] == []
