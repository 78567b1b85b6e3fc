"""The console's promises: what is written leaves once or not at all, and nothing is missed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.people import ByAgent
from tests.browser.console import (
    PATIENCE,
    PHONE_NUMBER,
    said_by_agents,
    somebody_waits,
    take_seat,
)
from tests.browser.kit import browsing
from tests.edge.house import until

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from bot.hub.desk import EntryView
    from bot.model.ids import ThreadId
    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


async def test_what_was_taken_back_is_never_sent(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.send("Hoppsan")
        await expect(anna.log.locator(".held .text")).to_have_text("Hoppsan")
        await anna.page.get_by_role("alert").get_by_role("button", name="Ångra").click()
        await expect(anna.log.locator(".held")).to_have_count(0)
        await expect(anna.reply).to_have_value("Hoppsan")
        await expect(anna.reply).to_be_focused()
        await anna.send("Hej då")
        await anna.shows_reply("Hej då")
        assert await said_by_agents(server, thread) == ["Hej då"]
        shown = [one["text"] for one in await server.screen("twilio_sms", PHONE_NUMBER)]
        assert "Hoppsan" not in shown
        assert anna.faults.lines == []


async def test_a_page_that_closes_within_the_time_to_undo_sends_once(server: House) -> None:
    thread = await somebody_waits(server)

    async def sent() -> bool:
        return await said_by_agents(server, thread) == ["På väg hem"]

    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.send("På väg hem")
        await expect(anna.log.locator(".held .text")).to_have_text("På väg hem")
        await anna.page.reload()
        await until(sent)
        await expect(anna.log.locator(".held")).to_have_count(0, timeout=PATIENCE)
        await anna.shows_reply("På väg hem")
        assert await sent()
        assert anna.faults.lines == []


async def test_what_is_written_without_a_connection_is_kept_and_sent_once(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.page.context.set_offline(True)
        await expect(anna.page.get_by_role("alert")).to_contain_text("Ingen anslutning.")
        await anna.send("Skrivet i tunneln")
        await expect(anna.log.locator(".held .delivery")).to_have_text(
            "Väntar på anslutning", timeout=PATIENCE
        )
        assert await said_by_agents(server, thread) == []
        await anna.page.context.set_offline(False)
        await anna.shows_reply("Skrivet i tunneln")
        assert await said_by_agents(server, thread) == ["Skrivet i tunneln"]


async def test_a_draft_is_kept_for_its_thread(server: House) -> None:
    await somebody_waits(server)
    await somebody_waits(server, "+46709999999")
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.reply.fill("Till den första")
        await anna.rows.nth(1).click()
        await expect(anna.page.get_by_role("heading", level=1)).to_have_text("+46709999999")
        await expect(anna.reply).to_have_value("")
        await anna.reply.fill("Till den andra")
        await anna.page.reload()
        await expect(anna.reply).to_have_value("Till den andra")
        await anna.rows.first.click()
        await expect(anna.reply).to_have_value("Till den första")
        assert anna.faults.lines == []


async def test_the_desk_misses_nothing_when_it_comes_back(
    server: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await somebody_waits(server)
    eva = await server.agent("Eva")
    by = ByAgent(agent=eva.id, name=eva.name)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.cut()
        for number in range(150):
            await server.parts.desk.note(thread, by, text=f"note {number}")
        read = server.parts.desk.entries

        async def with_news(thread: ThreadId, *, after: int = 0) -> list[EntryView]:
            """The first page of two; meanwhile something new is told, before the page is."""
            monkeypatch.undo()
            page = await read(thread, after=after)
            await server.parts.desk.note(thread, by, text="new")
            await expect(anna.log.locator(".note .text").last).to_have_text("new")
            assert len(page) == 100
            return page

        monkeypatch.setattr(server.parts.desk, "entries", with_news)
        await anna.mend()
        await expect(anna.log.get_by_text("note 149", exact=True)).to_be_visible(timeout=PATIENCE)
        await expect(anna.log.locator(".note .text").last).to_have_text("new")
        # Only what is near the screen is in the page: look at all of it, from the end to the start.
        seen: dict[str, None] = {}
        with contextlib.suppress(TimeoutError):
            await until(lambda: _all_seen(anna.log, seen), seconds=30)
        wanted = {"new", *(f"note {number}" for number in range(150))}
        assert wanted - set(seen) == set()
        assert anna.faults.lines == []


async def _all_seen(log: Locator, seen: dict[str, None]) -> bool:
    """Look at what is shown, go up a screen, and say whether that was the first."""
    for text in await log.locator(".note .text").all_text_contents():
        seen[text] = None
    top = await log.evaluate(
        "log => { log.scrollTop -= log.clientHeight / 2; return log.scrollTop }"
    )
    return bool(top == 0 and "note 0" in seen)
