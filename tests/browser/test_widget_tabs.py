"""The widget in tabs that sleep, are left and come back, and what they sound like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.ids import EventId
from tests.browser.chat import choose, open_chat, say, texts
from tests.browser.kit import browsing, open_page

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

    from tests.edge.house import Desk, House

pytestmark = pytest.mark.browser

_TONES = """
window.tones = 0;
const make = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () {
  window.tones += 1;
  return make.call(this);
};
"""


async def _accepted(server: House, page: Page) -> tuple[Desk, str]:
    """A desk where Anna has accepted the page's customer, and the thread."""
    desk = await server.log_in("Anna")
    await choose(page, "Prata med en människa")
    await expect(page.locator("#owner")).to_have_text("Du står i kö till en människa")
    thread: str = (await desk.get("/threads?owner=offered"))[1]["threads"][0]["state"]["thread"]
    assert await desk.post(f"/threads/{thread}/accept") == (200, {"status": "done"})
    await expect(page.locator("#owner")).to_have_text("Du pratar med Anna")
    return desk, thread


async def _reply(desk: Desk, thread: str, text: str) -> None:
    reply = {"text": text, "client_id": EventId.new()}
    assert await desk.post(f"/threads/{thread}/reply", reply) == (200, {"status": "done"})


async def _put(tabs: list[CDPSession], state: str) -> None:
    for tab in tabs:
        await tab.send("Page.setWebLifecycleState", {"state": state})


@pytest.mark.parametrize("cut", [False, True], ids=["line kept", "line lost"])
async def test_tabs_that_slept_show_what_came_meanwhile_once(server: House, cut: bool) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        desk, thread = await _accepted(server, page)
        other = await page.context.new_page()
        faults.watch(other)
        await other.goto(server.base)
        await expect(other.locator("#owner")).to_have_text("Du pratar med Anna")
        tabs = [await page.context.new_cdp_session(one) for one in (page, other)]
        await _put(tabs, "frozen")
        await _reply(desk, thread, "medan ni sov")
        if cut:
            server.parts.live.resync()
        await _reply(desk, thread, "och en gång till")
        await server.idle()
        await _put(tabs, "active")
        for tab in (page, other):
            await expect(texts(tab, "agent")).to_have_text(["medan ni sov", "och en gång till"])
        await say(other, "vakna nu")
        for tab in (page, other):
            await expect(texts(tab, "customer").last).to_have_text("vakna nu")
            await expect(texts(tab, "customer")).to_have_count(3)
            await expect(texts(tab, "agent")).to_have_count(2)
        assert faults.lines == []


async def test_a_page_that_was_left_and_come_back_to_goes_on(server: House) -> None:
    async with browsing(keeps_pages=True) as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        desk, thread = await _accepted(server, page)
        await page.evaluate(
            "addEventListener('pageshow', event => (window.kept = event.persisted))"
        )
        await page.locator("#text").fill("halvskrivet")
        await page.goto(f"{server.base}/healthz")
        await _reply(desk, thread, "medan du var borta")
        await page.go_back(wait_until="commit")  # such a page does not load
        await expect(texts(page, "agent")).to_have_text(["medan du var borta"])
        assert await page.evaluate("window.kept") is True
        await expect(page.locator("#text")).to_have_value("halvskrivet")
        await page.locator("#text").press("Enter")
        await expect(page.locator(".customer .status")).to_have_text("Skickat")
        await expect(texts(page, "customer").last).to_have_text("halvskrivet")
        await _reply(desk, thread, "tack")
        await expect(texts(page, "agent")).to_have_count(2)
        assert faults.lines == []


async def test_what_was_not_read_is_still_so_after_a_reload(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        desk, thread = await _accepted(server, page)
        await page.locator("#close").click()
        for number in range(2):
            await _reply(desk, thread, f"svar {number}")
        badge = page.get_by_role("button", name="Chatta med oss , 2 olästa meddelanden")
        await expect(badge).to_be_visible()
        await page.reload()
        await expect(badge).to_be_visible()
        other = await page.context.new_page()
        faults.watch(other)
        await other.goto(server.base)
        await other.locator("#launcher").click()
        await expect(texts(other, "agent")).to_have_count(2)
        await expect(page.locator("#unread")).to_have_count(0)  # read in one tab is read in all
        assert faults.lines == []


async def test_sound_is_off_until_wanted_and_comes_from_one_tab(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, "about:blank")
        await page.context.add_init_script(_TONES)
        await page.goto(server.base)
        other = await page.context.new_page()
        faults.watch(other)
        await other.goto(server.base)
        await page.bring_to_front()
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        desk, thread = await _accepted(server, page)
        await page.locator("#close").click()
        await _reply(desk, thread, "tyst")
        await expect(page.locator("#unread")).to_contain_text("1")

        async def tones() -> int:
            return sum([int(await tab.evaluate("window.tones")) for tab in (page, other)])

        assert await tones() == 0
        await page.locator("#launcher").click()
        await choose(page, "Slå på ljud")
        assert await tones() == 2  # two notes: this is how it sounds
        await _reply(desk, thread, "den som ser det hör inget")
        await expect(texts(page, "agent")).to_have_count(2)
        await page.locator("#close").click()
        await _reply(desk, thread, "pling")
        await expect(page.locator("#unread")).to_contain_text("1")
        await expect(texts(other, "agent")).to_have_count(3)
        assert await tones() == 4
        await other.reload()
        await other.locator("#launcher").click()
        await choose(other, "Stäng av ljud")
        await expect(page.locator("#chat")).to_be_visible()  # tabs open and close together
        await page.locator("#menu-button").click()
        await expect(page.get_by_role("button", name="Slå på ljud")).to_be_visible()
        assert faults.lines == []
