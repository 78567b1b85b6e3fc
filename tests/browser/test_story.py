"""The main story on all pages at once: chat, telephone, a human at the desk, and the bot again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.chat import GREETING, choose, open_chat, say, texts
from tests.browser.kit import Faults, browsing, open_page
from tests.edge.house import PASSWORD, House

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = pytest.mark.browser

BOLD = "Hej <b>fet</b> 🏔️"


@pytest.mark.timeout(180)
async def test_a_conversation_over_two_channels_and_a_human(server: House) -> None:
    await server.agent("Anna")
    async with browsing() as browser:
        shop, in_shop = await open_page(browser, server.base)
        await open_chat(shop)
        await say(shop, BOLD)
        await expect(texts(shop, "bot")).to_have_text([GREETING])

        phones, on_phone = await _go_on_by_sms(browser, server, shop)
        await choose(shop, "Prata med en människa")
        await expect(shop.locator("#owner")).to_have_text("Du står i kö till en människa")

        desk, at_desk = await _accept(browser, server)
        await expect(shop.locator("#owner")).to_have_text("Du pratar med Anna")
        await _reply(desk, "Hej, Anna här")
        await expect(texts(shop, "agent")).to_have_text(["Hej, Anna här"])
        # The customer answers by SMS: there the next words go, and the chat shows both.
        await _text(phones, "Är du kvar?")
        await expect(texts(shop, "customer").last).to_have_text("Är du kvar?")
        await expect(desk.get_by_role("log")).to_contain_text("Är du kvar?")
        await _reply(desk, "Ja då <i>kvar</i>")
        await expect(phones.locator('.bubble[data-side="them"] .text').last).to_have_text(
            "Ja då <i>kvar</i>"
        )
        await expect(texts(shop, "agent")).to_have_text(["Hej, Anna här", "Ja då <i>kvar</i>"])

        await desk.get_by_role("button", name="Lämna tillbaka", exact=True).click()
        back = desk.get_by_role("dialog")
        await back.get_by_role("button", name="Lämna tillbaka", exact=True).click()
        await expect(shop.locator("#owner")).to_have_text("Du pratar med vår assistent")
        before = await texts(shop, "bot").count()
        await say(shop, "hej")
        await expect(texts(shop, "bot")).to_have_count(before + 1)
        assert in_shop.lines == on_phone.lines == at_desk.lines == []
    assert _said_once(server, "Ja då <i>kvar</i>")


async def _go_on_by_sms(browser: Browser, server: House, shop: Page) -> tuple[Page, Faults]:
    """Ask for a code in the chat, and send it from the phone."""
    await choose(shop, "Fortsätt på SMS")
    code = await shop.locator("#code .big").text_content()
    await shop.get_by_role("button", name="Klart").click()
    phones, faults = await open_page(browser, f"{server.base}/sandbox#twilio_sms:{code}")
    field = phones.get_by_label("Skriv på SMS")
    await expect(field).to_have_value(code or "")
    await field.press("Enter")
    asked = phones.locator('.bubble[data-side="them"] .text')
    await expect(asked).to_contain_text(re.compile(r"svara med [0-9]{5}, så fortsätter"))
    number = re.search(r"[0-9]{5}", await asked.inner_text())
    assert number is not None
    await expect(shop.locator(".mark", has_text="SMS")).to_have_count(0)
    await field.fill(number[0])
    await field.press("Enter")
    await expect(phones.locator('.bubble[data-side="them"]')).to_have_count(2)
    await expect(shop.locator(".mark", has_text="SMS").first).to_be_visible()
    return phones, faults


async def _text(phones: Page, words: str) -> None:
    await phones.get_by_label("Skriv på SMS").fill(words)
    await phones.keyboard.press("Enter")


async def _accept(browser: Browser, server: House) -> tuple[Page, Faults]:
    """Anna logs in and takes the thread that waits."""
    desk, faults = await open_page(browser, f"{server.base}/desk")
    await desk.get_by_label("E-post").fill("anna@example.com")
    await desk.get_by_label("Lösenord", exact=True).fill("wrong password")
    await desk.keyboard.press("Enter")
    await expect(desk.get_by_role("alert")).to_contain_text("hör inte ihop")
    await desk.get_by_label("Lösenord", exact=True).fill(PASSWORD)
    await desk.keyboard.press("Enter")
    await desk.get_by_role("button", name="Väntar").click()
    await desk.locator("[data-thread-row]").click()
    await expect(desk.get_by_role("log")).to_contain_text(BOLD)
    await desk.get_by_role("button", name="Ta ärendet", exact=True).click()
    return desk, faults


async def _reply(desk: Page, words: str) -> None:
    await desk.get_by_label("Svar till kunden").fill(words)
    await desk.get_by_role("button", name="Skicka", exact=True).click()


def _said_once(server: House, words: str) -> bool:
    texts = [getattr(entry.body, "text", "") for entry in server.store.memory.entries]
    return texts.count(words) == 1
