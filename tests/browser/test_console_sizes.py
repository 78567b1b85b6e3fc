"""The console with many threads and long ones: what is in the page stays little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.ids import EntryId
from bot.model.people import ByCustomer
from bot.model.thread import MessageIn
from tests.browser.console import PATIENCE, take_seat
from tests.browser.kit import browsing
from tests.builders import acceptance, address, arrival, at, change, entry
from tests.edge.house import house
from tests.fakes.memory import Memory
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from bot.model.thread import Entry

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

THREADS, ENTRIES = 1_000, 10_000
MOST_ROWS = 40
MOST_LINES = 60
# Goes up until there is nothing older; gives the most lines that were in the page at a time.
TO_THE_START = """async log => {
  const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  let most = 0;
  while (!log.innerText.includes("Här börjar samtalet")) {
    log.scrollTop = 0;
    await drawn();
    most = Math.max(most, log.querySelectorAll(".line").length);
  }
  log.scrollTop = 0;
  return most;
}"""


async def _many_threads() -> Memory:
    memory = Memory()
    store = FakeStore(memory)
    for number in range(THREADS):
        where = address(f"+4670{number:07}")
        accepted = await store.accept(
            acceptance(arrival(where, text=f"Nummer {number}", when=at(number)))
        )
        (event,) = accepted.events
        await store.commit(change(await store.turn(event.thread), event))
    return memory


async def _a_long_thread() -> Memory:
    memory = Memory()
    store = FakeStore(memory)
    where = address("+46701234567")
    (event,) = (await store.accept(acceptance(arrival(where)))).events
    said: list[Entry] = []
    for number in range(ENTRIES):
        text = f"Rad {number} " + "ord " * (number % 40)
        first = entry(event, number, body=MessageIn(text=text))
        said.append(
            first.model_copy(
                update={
                    "id": EntryId.of(event.id, str(number)),
                    "by": ByCustomer(identity=event.identity),
                    "at": at(number * 60),
                }
            )
        )
    await store.commit(change(await store.turn(event.thread), event, *said))
    return memory


async def test_a_thousand_threads_are_few_rows() -> None:
    async with house(memory=await _many_threads()) as server, browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.view("Alla")
        await expect(anna.rows.first).to_contain_text("Nummer 999")
        holder = anna.page.locator(".rows")
        for _ in range(100):
            await holder.evaluate("rows => { rows.scrollTop = rows.scrollHeight }")
            assert await anna.rows.count() <= MOST_ROWS
            if await anna.rows.filter(has_text="Nummer 0").count():
                break
            await anna.page.wait_for_timeout(100)
        await expect(anna.rows.last).to_contain_text("Nummer 0")
        row = anna.page.get_by_role("listitem").last
        assert await row.get_attribute("aria-setsize") == str(THREADS)
        # The row with the keyboard stays, wherever the list is scrolled to.
        await anna.rows.last.focus()
        await holder.evaluate("rows => { rows.scrollTop = 0 }")
        await expect(anna.rows.filter(has_text="Nummer 999")).to_be_visible()
        await expect(anna.page.locator("[data-thread-row]:focus")).to_contain_text("Nummer 0")
        assert anna.faults.lines == []


async def test_a_long_thread_is_few_lines_and_keeps_its_place() -> None:
    async with house(memory=await _a_long_thread()) as server, browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first(view="Alla")
        last = anna.log.get_by_text(f"Rad {ENTRIES - 1} ")
        await expect(last).to_be_in_viewport(timeout=PATIENCE)
        lines = anna.log.locator(".line")
        assert await lines.count() <= MOST_LINES
        # Up to where older ones are fetched: what was read stays where it was.
        kept = anna.log.get_by_text(f"Rad {ENTRIES - 100} ")
        await anna.log.evaluate("log => { log.scrollTop = 0 }")
        await expect(kept).to_be_in_viewport()
        await expect(anna.log.get_by_text(f"Rad {ENTRIES - 101} ")).to_be_attached(timeout=PATIENCE)
        await expect(kept).to_be_in_viewport()
        assert await lines.count() <= MOST_LINES
        await anna.press("Till det senaste")
        await expect(last).to_be_in_viewport()
        assert anna.faults.lines == []


async def test_all_of_a_long_thread_is_read_page_by_page() -> None:
    async with house(memory=await _a_long_thread()) as server, browsing() as browser:
        anna = await take_seat(browser, server)
        asked: list[str] = []
        anna.page.on(
            "request", lambda one: asked.append(one.url) if "/entries?before=" in one.url else None
        )
        await anna.open_first(view="Alla")
        await expect(anna.log.get_by_text(f"Rad {ENTRIES - 1} ")).to_be_in_viewport(
            timeout=PATIENCE
        )
        assert await anna.log.evaluate(TO_THE_START) <= MOST_LINES
        await expect(anna.log.get_by_text("Rad 0", exact=True)).to_be_in_viewport(timeout=PATIENCE)
        # The newest hundred came with `watch`; each page of the others was asked for once.
        assert len(asked) == len(set(asked)) == (ENTRIES - 100) // 200 + 1
        await anna.press("Till det senaste")
        await expect(anna.log.get_by_text(f"Rad {ENTRIES - 1} ")).to_be_in_viewport()
        assert await anna.log.locator(".line").count() <= MOST_LINES
        assert anna.faults.lines == []
