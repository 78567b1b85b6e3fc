"""The console's page on personas: their cards, and what was counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.counts import ACTIVE, Cell, PersonaCounts, PersonaTally
from tests.browser.console import take_seat
from tests.browser.kit import DESKTOP, PHONE, browsing, open_page, violations
from tests.edge.house import PASSWORD

if TYPE_CHECKING:
    from datetime import timedelta

    from playwright.async_api import Page, Route

    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def cells(**counts: int) -> tuple[Cell, ...]:
    return tuple(Cell(key=key, count=count) for key, count in counts.items())


NOW = PersonaTally(
    persona="business",
    ever=500,
    active=214,
    stages=cells(research=107, consider=77, support=26, loyalty=4),
    channels=cells(webchat=120, telegram=90),
    languages=cells(sv=214),
    needs=cells(commercial=64),
)
THEN = NOW.model_copy(update={"active": 200, "stages": cells(research=50, consider=150)})


async def counted(server: House, tally: PersonaTally, *, ago: timedelta | None = None) -> None:
    at = server.parts.clock.now()
    at = at if ago is None else at - ago
    counts = PersonaCounts(at=at, since=at - ACTIVE, personas=(tally,))
    await server.store.put_persona_counts(counts)


async def test_a_persona_is_read_from_the_palette(server: House) -> None:
    await counted(server, THEN, ago=ACTIVE)
    await counted(server, NOW)
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        page = seat.page
        await page.keyboard.press("Control+k")
        await page.get_by_role("dialog").get_by_role("textbox").fill("kundroller")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="Kundroller")).to_be_focused()
        await page.get_by_role("link", name="Företag").click()
        await expect(page).to_have_url(re.compile("/desk/personas/business$"))
        await expect(page.get_by_role("heading", level=1, name="Företag")).to_be_focused()
        main = page.get_by_role("main")
        await expect(main).to_contain_text("ett pris som håller hela säsongen")
        await expect(main).to_contain_text("Bygger på 214 kunder de senaste 90 dagarna.")
        await expect(main).to_contain_text("500 kunder har någon gång talat i rollen.")
        rows = main.locator(".bars").first.locator("li")
        await expect(rows).to_have_text(
            [
                "Undersöker50 %, 107 kunderÖkar: 25 % för 90 dagar sedan",
                "Överväger36 %, 77 kunderMinskar: 75 % för 90 dagar sedan",
                "Återkommerunder 10",
                "Behöver hjälpunder 10",
            ]
        )
        await expect(main).not_to_contain_text("26 kunder")
        await page.keyboard.press("Escape")
        await expect(page).to_have_url(re.compile("/desk$"))
        assert seat.faults.lines == []


async def test_nothing_counted_and_nobody_there(server: House) -> None:
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        page = seat.page
        await page.goto(f"{server.base}/desk/personas/pirate")
        await expect(page.get_by_role("alert")).to_have_text("Den rollen finns inte.")
        seat.faults.lines.clear()  # the browser says that the server said no

        async def fails(route: Route) -> None:
            await route.abort()

        await page.route("**/api/v1/personas/parent", fails)
        await page.get_by_role("link", name="Förälder").click()
        await expect(page.get_by_role("alert")).to_have_text("Rollen kunde inte hämtas.")
        await page.unroute("**/api/v1/personas/parent")
        seat.faults.lines.clear()
        await counted(server, NOW.model_copy(update={"persona": "parent", "active": 5}))
        await page.get_by_role("button", name="Försök igen").click()
        main = page.get_by_role("main")
        await expect(main).to_contain_text("Färre än 10 kunder")
        await expect(main.locator(".bars")).to_have_count(0)
        assert seat.faults.lines == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 640)], ids=["wide", "narrow", "zoomed"])
@pytest.mark.parametrize(("locale", "dark"), [("sv-SE", True), ("en-GB", False)])
async def test_axe_finds_nothing_and_nothing_runs_out(
    server: House, locale: str, size: tuple[int, int], *, dark: bool
) -> None:
    await server.agent("Anna")
    await counted(server, THEN, ago=ACTIVE)
    await counted(server, NOW)
    found: dict[str, list[str]] = {}
    async with browsing() as browser:
        url = f"{server.base}/desk/personas"
        page, faults = await open_page(browser, url, locale=locale, dark=dark, size=size)
        await _log_in(page, locale)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        found["none chosen"] = await violations(page)
        await page.get_by_role("main").get_by_role("link").nth(1).click()
        await expect(page.locator(".bars").first).to_be_visible()
        assert await page.locator("html").get_attribute("lang") == locale[:2]
        found["a persona"] = await violations(page)
        overflow = "document.documentElement.scrollWidth > innerWidth"
        assert await page.evaluate(overflow) is False
        assert {place: lines for place, lines in found.items() if lines} == {}
        assert faults.lines == []


async def _log_in(page: Page, locale: str) -> None:
    email, password = ("E-post", "Lösenord") if locale == "sv-SE" else ("E-mail", "Password")
    await page.get_by_label(email).fill("anna@example.com")
    await page.get_by_label(password, exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
