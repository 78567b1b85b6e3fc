"""What a customer does in the widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

    from tests.edge.house import House

PATIENCE = 20_000  # milliseconds; machines that run these are busy
GREETING = (
    "Hej och välkommen till Fjällbutiken! Jag är butikens bot och svarar direkt. "
    "Vad kan jag hjälpa dig med?"
)

expect.set_options(timeout=PATIENCE)


async def open_chat(page: Page) -> None:
    """Open the chat and wait until it knows the server."""
    await page.locator("#launcher").click()
    await expect(page.locator("#text")).to_be_focused()


async def say(page: Page, text: str) -> None:
    await page.locator("#text").fill(text)
    await page.keyboard.press("Enter")


async def choose(page: Page, label: str) -> None:
    """Choose something of the menu."""
    await page.locator("#menu-button").click()
    await page.locator("#menu").get_by_role("button", name=label, exact=True).click()


def texts(page: Page, author: str) -> Locator:
    return page.locator(f".message.{author}:not(#hello) .text")


async def press(server: House, page: Page, intent: str, title: str) -> None:
    """Press what the content offers for an intent, as another tab of the same visitor."""
    token = await page.evaluate("localStorage.getItem('samtal.token')")
    tab = await server.visitor(token=token, language=await _language(page))
    pressed = {"id": f"press-{intent}", "payload": f"intent:{intent}", "title": title}
    assert (await tab.do("press", pressed))["ok"] is True


async def _language(page: Page) -> str:
    language: str = await page.locator("section.widget").get_attribute("lang") or "sv"
    return language
