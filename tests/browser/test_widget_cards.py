"""Cards that marketers wrote, in the widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.chat import open_chat, press, say, texts
from tests.browser.kit import browsing, open_page

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.edge.house import House

pytestmark = pytest.mark.browser

TENT = "product.advice.tent"


async def test_cards_are_shown_and_pressed(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await press(server, page, TENT, "Vilket tält?")
        row = page.get_by_role("group", name="Kort att välja bland")
        await expect(row.locator(".card-title")).to_have_text(["Abisko 2", "Sarek 3"])
        await expect(row.locator(".card").first).to_have_attribute("lang", "sv")
        await expect(page.locator("#news")).to_contain_text("Abisko 2 · Sarek 3")
        loaded = "all => all.map(one => one.complete && one.naturalWidth > 0)"
        await row.locator("img").last.scroll_into_view_if_needed()
        await expect(row.locator("img")).to_have_count(2)
        await page.wait_for_function(
            f"({loaded})([...document.querySelector('samtal-chat').shadowRoot"
            ".querySelectorAll('.card img')]).every(Boolean)"
        )
        await page.reload()
        await expect(row.locator(".card-title")).to_have_text(["Abisko 2", "Sarek 3"])
        await row.get_by_role("button", name="Hyra i stället").press("Enter")
        await expect(texts(page, "customer").last).to_have_text("Hyra i stället")
        await expect(page.locator("#text")).to_be_focused()
        await expect(row.get_by_role("button")).to_have_count(0)
        await expect(texts(page, "bot")).to_have_count(3)
        assert faults.lines == []


async def test_the_row_scrolls_by_keyboard(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await press(server, page, TENT, "Vilket tält?")
        row = page.locator(".cards")
        await expect(row).to_have_attribute("tabindex", "0")
        await row.focus()
        assert await row.evaluate("it => it.scrollLeft") == 0
        for _ in range(4):
            await page.keyboard.press("ArrowRight")
        await expect(row.locator(".card").last).to_be_in_viewport(ratio=0.9)
        await page.keyboard.press("Tab")
        await expect(row.get_by_role("button").first).to_be_focused()
        await expect(row.get_by_role("button").first).to_be_in_viewport(ratio=0.9)
        assert faults.lines == []


async def test_cards_are_text_and_pictures_come_from_the_hub_alone(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        user = next(
            one.address.user
            for one in server.store.memory.identities.values()
            if one.address.channel == "webchat"
        )
        hostile = "<img src=x onerror=\"document.title='taken'\">"
        message: JsonValue = {
            "id": "ent_hostile",
            "seq": 9_000,
            "at": "2026-03-02T09:00:00Z",
            "author": "bot",
            "text": "Kort",
            "channel": "webchat",
            "account": "demo",
            "cards": [
                {
                    "title": hostile,
                    "text": "x" * 400,
                    "image": "https://elsewhere.example/spy.png",
                    "buttons": [{"title": "Öppna", "kind": "url", "url": "javascript:alert(1)"}],
                },
                {"title": "Bara titel", "image": "javascript:alert(1)"},
            ],
        }
        await server.parts.live.emit("/chat", f"visitor:{user}", "message", message)
        titles = page.locator(".card-title")
        await expect(titles).to_have_text([hostile, "Bara titel"])
        await expect(page.locator(".card img")).to_have_count(0)
        await expect(page.locator(".card a")).to_have_count(0)
        assert await page.title() != "taken"
        assert not [url for url in asked if "elsewhere.example" in url]
        assert faults.lines == []
