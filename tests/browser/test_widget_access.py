"""The shop and the widget by the rules for accessible pages, in each language and colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.chat import choose, open_chat, press, say, texts
from tests.browser.kit import DESKTOP, PHONE, browsing, open_page, violations

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.edge.house import House

pytestmark = pytest.mark.browser

_SMS = {"sv-SE": "Fortsätt på SMS", "en-GB": "Continue on SMS"}
_HUMAN = {"sv-SE": "Prata med en människa", "en-GB": "Talk to a human"}
_FORGET = {"sv-SE": "Glöm mig på den här enheten", "en-GB": "Forget me on this device"}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_axe_finds_nothing(
    server: House, locale: str, dark: bool, size: tuple[int, int]
) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base, locale=locale, dark=dark, size=size)
        await expect(page.locator("#launcher")).to_be_visible()
        assert await violations(page) == []
        await open_chat(page)
        assert await violations(page) == []
        await say(page, "Hej https://example.com")
        await expect(texts(page, "bot")).to_have_count(1)
        assert await violations(page) == []
        await page.locator("#menu-button").click()
        assert await violations(page) == []
        await page.get_by_role("button", name=_SMS[locale]).click()
        await expect(page.locator("#code")).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await page.locator("#menu-button").click()
        await page.get_by_role("button", name=_FORGET[locale]).click()
        await expect(page.locator("#confirm")).to_be_visible()
        assert await violations(page) == []
        assert faults.lines == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_axe_finds_nothing_in_cards_questions_and_the_queue(
    server: House, locale: str, dark: bool, size: tuple[int, int]
) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base, locale=locale, dark=dark, size=size)
        await open_chat(page)
        await say(page, "Hej" if locale == "sv-SE" else "Hello")
        await expect(texts(page, "bot")).to_have_count(1)
        await press(server, page, "product.advice.tent", "?")
        await expect(page.locator(".card .choice")).to_have_count(3)
        assert await violations(page) == []
        await press(server, page, "return.start", "!")
        await expect(page.locator(".card .choice")).to_have_count(0)
        await page.locator("#answer").press("Enter")
        await expect(page.locator("#answer-wrong")).not_to_be_empty()
        assert await violations(page) == []
        await choose(page, _HUMAN[locale])
        await expect(page.locator("#queue")).to_be_visible()
        assert await violations(page) == []
        assert faults.lines == []


async def test_only_new_messages_are_announced(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        greeting = await texts(page, "bot").text_content()
        await expect(page.locator("#news")).to_have_text(f"Assistenten: {greeting}")
        await page.reload()
        await expect(texts(page, "bot")).to_have_count(1)
        await expect(page.locator("#news")).to_have_text("")
        assert await page.locator("#news").get_attribute("aria-live") == "polite"
        assert await page.get_by_role("log").get_attribute("aria-live") == "off"
        assert faults.lines == []


@pytest.mark.parametrize("size", [(320, 640), (320, 200)], ids=["narrow", "magnified"])
async def test_a_small_window_is_enough(server: House, size: tuple[int, int]) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base, size=size)
        await open_chat(page)
        await say(page, "Hej " + "x" * 300)
        await expect(texts(page, "bot")).to_have_count(1)
        for place in ("#text", "#close", "#menu-button", "#log"):
            await expect(page.locator(place)).to_be_in_viewport()
        assert await _sticks_out(page) == 0
        await page.locator("#menu-button").click()
        last = page.locator("#menu").get_by_role("button").last
        await last.scroll_into_view_if_needed()
        await expect(last).to_be_in_viewport(ratio=0.9)
        await page.get_by_role("button", name="Fortsätt på SMS").click()
        await expect(page.locator("#code .big")).to_be_visible()
        assert await _sticks_out(page) == 0
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await expect(page.locator("#launcher")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert faults.lines == []


async def _sticks_out(page: Page) -> int:
    wide = "it => it.scrollWidth - it.clientWidth"
    found: int = await page.locator("#chat").evaluate(wide)
    return found


async def test_on_a_phone_the_page_behind_is_out_of_reach(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base, size=PHONE)
        await open_chat(page)
        box = await page.locator("#chat").bounding_box()
        assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
        for _ in range(12):
            await page.keyboard.press("Tab")
            inside = "['SAMTAL-CHAT', 'BODY'].includes(document.activeElement.tagName)"
            assert await page.evaluate(inside)
        await page.locator("#text").focus()
        for size in (DESKTOP, PHONE, DESKTOP):
            await page.set_viewport_size({"width": size[0], "height": size[1]})
            await expect(page.locator("#chat:modal")).to_have_count(int(size == PHONE))
            await expect(page.locator("#text")).to_be_focused()
        await page.get_by_role("link", name="Sortiment", exact=True).click()
        assert faults.lines == []
