"""The widget while a customer waits for a human."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.chat import choose, open_chat
from tests.browser.kit import browsing, open_page

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.edge.house import House

pytestmark = pytest.mark.browser


async def test_the_place_in_the_queue_is_shown_and_follows_the_queue(server: House) -> None:
    before = [await server.visitor() for _ in range(2)]
    for visitor in before:
        await visitor.do("ask_human", {"id": "h1"})
        await visitor.hears("kollega")
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        place = page.locator("#queue").get_by_role("status")
        await expect(place).to_be_hidden()
        await choose(page, "Prata med en människa")
        await expect(page.locator("#owner")).to_have_text("Du står i kö till en människa")
        await expect(place).to_have_text("Plats 3 i kön")
        await before[0].do("leave_queue", {})
        await expect(place).to_have_text("Plats 2 i kön")
        await page.reload()
        await expect(place).to_have_text("Plats 2 i kön")
        await before[1].do("leave_queue", {})
        await expect(place).to_have_text("Du står på tur")
        await choose(page, "In English")
        await expect(place).to_have_text("You are next")
        await page.locator("#queue").get_by_role("button", name="Leave the queue").press("Enter")
        await expect(page.locator("#queue")).to_be_hidden()
        await expect(page.locator("#owner")).to_have_text("You are talking to our assistant")
        await expect(page.locator("#text")).to_be_focused()
        assert faults.lines == []


async def test_far_back_and_how_long_it_takes(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await choose(page, "Prata med en människa")
        place = page.locator("#queue").get_by_role("status")
        await expect(place).to_have_text("Du står på tur")
        (room,) = {f"visitor:{one.address.user}" for one in server.store.memory.identities.values()}
        far: JsonValue = {"owner": "waiting", "queue": "support", "place": 101}
        await server.parts.live.emit("/chat", room, "owner", far)
        await expect(place).to_have_text("Plats 100+ i kön")
        near: JsonValue = {"owner": "waiting", "queue": "support", "place": 4, "minutes": 6}
        await server.parts.live.emit("/chat", room, "owner", near)
        await expect(place).to_have_text("Plats 4 i kön · ungefär 6 min")
        assert faults.lines == []
