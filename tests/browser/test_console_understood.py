"""The console's account of how a message was understood, and an agent who knows better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.console import log_in, somebody_waits
from tests.browser.kit import browsing, open_page, violations

if TYPE_CHECKING:
    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

# Opens a message's account, its title, the field, the button, and what it says when it is done.
WORDS = {
    "sv-SE": (
        "Så förstods meddelandet",
        "Vad kunden egentligen vill",
        "Rätta",
        "Välj vad kunden vill.",
        "Sparat: order.status",
    ),
    "en-GB": (
        "How the message was understood",
        "What the customer really wants",
        "Correct",
        "Choose what the customer wants.",
        "Saved: order.status",
    ),
}


@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_an_agent_corrects_a_message_by_keyboard(server: House, locale: str) -> None:
    title, field, button, needed, saved = WORDS[locale]
    await somebody_waits(server)
    async with browsing() as browser:
        await server.agent("Anna")
        page, faults = await open_page(browser, f"{server.base}/desk", locale=locale)
        await log_in(page, locale=locale)
        await page.locator("[data-thread-row]").first.click()
        opened = page.get_by_title(title).first
        await opened.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name=title)
        await expect(dialog).to_contain_text("människa")
        choice = dialog.get_by_label(field)
        await expect(choice).to_be_visible()
        assert await violations(page) == []
        send = dialog.get_by_role("button", name=button, exact=True)
        await send.press("Enter")
        await expect(dialog).to_contain_text(needed)
        await choice.select_option("order.status")
        await send.press("Enter")
        await expect(dialog.get_by_role("status")).to_contain_text(saved)
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        assert faults.lines == []
    rows = [row async for row in server.parts.hub.reviewing.labelled()]
    assert [(row.text, row.label) for row in rows] == [
        ("Jag vill prata med en människa", "order.status")
    ]
