"""The bot's questions, answered in an input of their own or in the ordinary field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.thread import MessageIn
from tests.browser.chat import choose, open_chat, press, say, texts
from tests.browser.kit import browsing, open_page

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from tests.browser.kit import Faults
    from tests.edge.house import House

pytestmark = pytest.mark.browser


async def _asked(browser: Browser, server: House, *, locale: str = "sv-SE") -> tuple[Page, Faults]:
    """A page in which the bot has asked for the number of an order."""
    page, faults = await open_page(browser, server.base, locale=locale)
    await open_chat(page)
    await say(page, "Hello" if locale == "en-GB" else "Hej")
    await expect(texts(page, "bot")).to_have_count(1)
    await press(server, page, "return.start", "Retur")
    await expect(page.locator("#answer")).to_be_visible()
    return page, faults


def _said(server: House) -> list[str]:
    bodies = (entry.body for entry in server.store.memory.entries)
    return [body.text for body in bodies if isinstance(body, MessageIn) and not body.press]


async def test_a_question_is_answered_in_its_own_input(server: House) -> None:
    async with browsing() as browser:
        page, faults = await _asked(browser, server)
        number = page.get_by_label("Ordernummer", exact=True)
        await expect(number).not_to_be_focused()  # nobody is taken from where they write
        await expect(number).to_have_accessible_description("Till exempel FB-104233")
        await number.press("Enter")
        await expect(page.locator("#answer-wrong")).to_have_text("Fyll i: Ordernummer")
        await number.fill("hej")
        await expect(page.locator("#answer-wrong")).to_have_text("")
        await number.press("Enter")
        wrong = "Det ser inte rätt ut. Skriv det som FB-104233."
        await expect(number).to_have_accessible_description(f"Till exempel FB-104233 {wrong}")
        await expect(number).to_have_attribute("aria-invalid", "true")
        await expect(number).to_be_focused()
        assert _said(server) == ["Hej"]
        await number.fill("fb 104233")
        await page.get_by_role("button", name="Skicka: Ordernummer").click()
        await expect(texts(page, "customer").last).to_have_text("fb 104233")
        size = page.get_by_label("Storlek", exact=True)
        await expect(size).to_be_focused()  # who answers in inputs goes on in them
        await expect(page.locator("#answer")).to_have_count(1)
        await page.reload()
        await expect(size).to_be_visible()
        await size.fill("42")
        await size.press("Enter")
        await expect(page.locator("#answer")).to_have_count(0)
        await expect(texts(page, "bot")).to_have_count(4)
        await expect(page.locator("#text")).to_be_focused()
        assert _said(server) == ["Hej", "fb 104233", "42"]
        assert faults.lines == []


async def test_the_ordinary_field_answers_as_well_and_the_bot_has_the_last_word(
    server: House,
) -> None:
    async with browsing() as browser:
        page, faults = await _asked(browser, server)
        await say(page, "den blå jackan")
        await expect(texts(page, "bot")).to_have_count(3)  # it asks once more, and so does the page
        await expect(page.get_by_label("Ordernummer", exact=True)).to_be_visible()
        await expect(page.locator("#text")).to_be_focused()
        await say(page, "FB-104233")
        await expect(page.get_by_label("Storlek", exact=True)).to_be_visible()
        await expect(page.locator("#text")).to_be_focused()
        await choose(page, "Prata med en människa")
        await expect(page.locator("#owner")).to_have_text("Du står i kö till en människa")
        await expect(page.locator("#answer")).to_have_count(0)
        await choose(page, "Lämna kön")
        await expect(page.get_by_label("Storlek", exact=True)).to_be_visible()  # it goes on
        await say(page, "avbryt")
        await expect(page.locator("#answer")).to_have_count(0)
        assert faults.lines == []


async def test_a_longer_answer_in_english(server: House) -> None:
    async with browsing() as browser:
        page, faults = await _asked(browser, server, locale="en-GB")
        await say(page, "cancel")
        await expect(page.locator("#answer")).to_have_count(0)
        await press(server, page, "warranty.claim", "Broken")
        await page.get_by_label("Order number", exact=True).fill("104233")
        await page.keyboard.press("Enter")
        story = page.get_by_label("What has happened", exact=True)
        await expect(story).to_be_focused()
        assert await story.evaluate("it => [it.tagName, it.maxLength]") == ["TEXTAREA", 1000]
        await story.fill("The zip is stuck.\nIt was so when it came.")
        await page.get_by_role("button", name="Send: What has happened").click()
        await expect(page.locator("#answer")).to_have_count(0)
        assert _said(server)[-1] == "The zip is stuck.\nIt was so when it came."
        assert faults.lines == []
