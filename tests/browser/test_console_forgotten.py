"""A thread whose words have been kept for long enough: what happened is there, no word of it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.ids import AgentId
from bot.model.people import ByAgent
from tests.browser.console import WISH, log_in, somebody_waits
from tests.browser.kit import browsing, open_page, violations
from tests.edge.house import until

if TYPE_CHECKING:
    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

GONE = {"sv-SE": "Texten har gallrats", "en-GB": "The text is no longer kept"}


@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_an_agent_sees_that_words_are_gone(server: House, locale: str) -> None:
    thread = await somebody_waits(server)
    hub = server.parts.hub
    cilla = ByAgent(agent=AgentId.of("cilla"), name="Cilla")
    await hub.desk.accept(thread, cilla)
    await hub.desk.note(thread, cilla, text="Ringde från ett annat nummer")
    await hub.desk.resolve(thread, cilla, reason="klart")
    hub.upkeep.forgetting.keep = timedelta(0)

    async def nothing_left() -> bool:
        await hub.upkeep.forgetting.step(hub.engines.clock.now() + timedelta(minutes=1))
        return all(one.at is None for one in await server.store.first_words())

    await until(nothing_left)  # what is still being sent stays
    async with browsing() as browser:
        await server.agent("Anna")
        page, faults = await open_page(browser, f"{server.base}/desk", locale=locale)
        await log_in(page, locale=locale)

        await expect(page.locator("input[type=password]")).to_have_count(0)
        await page.goto(f"{server.base}/desk/t/{thread}")
        await expect(page.locator("article.message .gone").first).to_have_text(GONE[locale])
        shown = await page.locator("body").inner_text()
        assert WISH not in shown
        assert "annat nummer" not in shown
        assert await page.locator("article.message.note .gone").count() == 1
        assert await violations(page) == []
        if folder := os.environ.get("SHOTS"):
            await page.screenshot(path=Path(folder) / f"gone-{locale}.png")
        assert faults.lines == []
