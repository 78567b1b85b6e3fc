"""The console for everybody: axe, four hundred per cent, and what a screen reader is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.console import somebody_waits
from tests.browser.kit import DESKTOP, PHONE, browsing, open_page, violations
from tests.browser.test_files import LETTER, PICTURE, PROGRAM
from tests.edge.house import PASSWORD

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

# What is found by its words, in Swedish and English.
WORDS = {
    "sv-SE": ("E-post", "Lösenord", "Ta ärendet", "Svar till kunden", "Varför?"),
    "en-GB": ("E-mail", "Password", "Accept", "Reply to the customer", "Why?"),
}


async def _closed(page: Page) -> None:
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("log").focus()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_axe_finds_nothing(
    server: House, locale: str, size: tuple[int, int], *, dark: bool
) -> None:
    email, password, accept, reply, why = WORDS[locale]
    await server.agent("Anna")
    await server.write("twilio_sms", "+46701234567", "Hej!")
    await somebody_waits(server)
    found: dict[str, list[str]] = {}
    async with browsing() as browser:
        page, faults = await open_page(
            browser, f"{server.base}/desk", locale=locale, dark=dark, size=size
        )
        await expect(page.get_by_label(email)).to_be_focused()
        found["log-in"] = await violations(page)
        await page.get_by_label(email).fill("anna@example.com")
        await page.get_by_label(password, exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-thread-row]")).to_be_visible()
        assert await page.locator("html").get_attribute("lang") == locale[:2]
        found["list"] = await violations(page)
        await page.locator("[data-thread-row]").click()
        await page.get_by_role("button", name=accept, exact=True).click()
        await expect(page.get_by_role("log")).to_contain_text("Anna")
        await page.get_by_label(reply).fill("Hej " * 50)
        found["thread"] = await violations(page)
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".held")).to_be_visible()
        found["undo"] = await violations(page)
        await page.get_by_role("button", name=why).first.click()
        await expect(page.get_by_role("dialog")).to_contain_text("answer.greet")
        found["trace"] = await violations(page)
        await _closed(page)
        for key in "?tbes/n":
            await page.get_by_role("log").focus()
            await page.keyboard.press(key)
            if key != "n":
                await expect(page.get_by_role("dialog")).to_be_visible()
            found[key] = await violations(page)
            await _closed(page)
        await page.keyboard.press("Control+k")
        await expect(page.get_by_role("dialog")).to_be_visible()
        found["palette"] = await violations(page)
        assert {place: lines for place, lines in found.items() if lines} == {}
        assert faults.lines == []


# Buttons and fields of what lies over the page or opens in it, in Swedish and English.
OVER_WORDS = {
    "sv-SE": ("Inloggad som Anna", "Inställningar", "Ändra kortkommandon", "Sessionen har gått ut"),
    "en-GB": ("Logged in as Anna", "Preferences", "Change keyboard shortcuts", "Your session"),
}


async def _log_in(page: Page, locale: str, *, password: str = PASSWORD) -> None:
    email, secret, *_ = WORDS[locale]
    await page.get_by_label(email).fill("anna@example.com")
    await page.get_by_label(secret, exact=True).fill(password)
    await page.keyboard.press("Enter")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_axe_finds_nothing_in_what_helps_to_write(
    server: House, locale: str, *, dark: bool
) -> None:
    await server.agent("Anna")
    await somebody_waits(server)
    found: dict[str, list[str]] = {}
    async with browsing() as browser:
        page, faults = await open_page(
            browser, f"{server.base}/desk", locale=locale, dark=dark, size=PHONE
        )
        await _log_in(page, locale)
        await page.locator("[data-thread-row]").click()
        await page.get_by_role("log").focus()
        await page.keyboard.press("c")
        await expect(page.get_by_role("dialog")).to_contain_text("+46701234567")
        found["card"] = await violations(page)
        await _closed(page)
        await page.get_by_label(WORDS[locale][3]).press_sequentially("/")
        await expect(page.get_by_role("option").nth(20)).to_be_attached()
        found["canned"] = await violations(page)
        await page.keyboard.press("Enter")
        await expect(page.locator(".from-content")).to_be_visible()
        files = page.locator(".composer input[type=file]")
        await files.set_input_files([PICTURE, LETTER, PROGRAM])
        await expect(page.locator(".attaching li:not([aria-busy])")).to_have_count(3)
        found["files"] = await violations(page)
        assert {place: lines for place, lines in found.items() if lines} == {}
        assert faults.lines == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_axe_finds_nothing_in_the_settings_and_when_a_session_ends(
    server: House, locale: str, *, dark: bool
) -> None:
    menu, settings, keys, ended = OVER_WORDS[locale]
    anna = await server.agent("Anna")
    await somebody_waits(server)
    found: dict[str, list[str]] = {}
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/desk", locale=locale, dark=dark)
        await _log_in(page, locale)
        await page.locator("[data-thread-row]").click()
        await page.get_by_role("button", name=menu).click()
        await expect(page.get_by_role("menuitem", name=settings)).to_be_visible()
        found["menu"] = await violations(page)
        await page.get_by_role("menuitem", name=settings).click()
        dialog = page.get_by_role("dialog", name=settings)
        await expect(dialog.get_by_role("switch").first).to_be_visible()
        found["preferences"] = await violations(page)
        await dialog.get_by_role("button", name=keys).click()
        await page.get_by_role("dialog", name=keys).locator("li button").first.click()
        await page.keyboard.press("n")
        await expect(page.get_by_role("alert").filter(has_text="N ")).to_be_visible()
        found["keys"] = await violations(page)
        await page.keyboard.press("Escape")
        await _closed(page)
        await server.store.put_agent(anna.model_copy(update={"active": False}))
        await page.keyboard.press("a")
        dialog = page.get_by_role("dialog", name=ended)
        await expect(dialog).to_be_visible()
        found["ended"] = await violations(page)
        await _log_in(page, locale, password="not this one")
        await expect(dialog.get_by_role("alert")).to_be_visible()
        found["wrong"] = await violations(page)
        assert {place: lines for place, lines in found.items() if lines} == {}
        assert faults.lines == []


@pytest.mark.parametrize("place", ["list", "thread"])
async def test_at_four_hundred_per_cent_nothing_runs_out_of_the_screen(
    server: House, place: str
) -> None:
    await server.agent("Anna")
    await somebody_waits(server)
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/desk", size=(320, 640))
        await page.get_by_label("E-post").fill("anna@example.com")
        await page.get_by_label("Lösenord", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        row = page.locator("[data-thread-row]")
        await expect(row).to_be_visible()
        if place == "thread":
            await row.click()
            # The list is gone: the keyboard is at the thread's name.
            await expect(page.get_by_role("heading", level=1)).to_be_focused()
            await expect(page.get_by_label("Svar till kunden")).to_be_in_viewport()
            await page.get_by_role("button", name="Tillbaka till listan").click()
            await expect(page).to_have_url(re.compile("/desk$"))
            await row.click()
        overflow = "document.documentElement.scrollWidth > innerWidth"
        assert await page.evaluate(overflow) is False
        assert faults.lines == []


async def test_only_new_messages_are_announced(server: House) -> None:
    await somebody_waits(server)
    await server.agent("Anna")
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/desk")
        await page.get_by_label("E-post").fill("anna@example.com")
        await page.get_by_label("Lösenord", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("[data-thread-row]").click()
        log = page.get_by_role("log")
        await expect(log).to_contain_text("Jag vill prata med en människa")
        assert await log.get_attribute("aria-live") == "off"
        told = page.locator(".log-frame > [aria-live=polite]").first
        await expect(told).to_have_text("")
        await server.write("twilio_sms", "+46701234567", "Hallå?")
        await expect(told).to_have_text("Kunden: Hallå?")
        assert faults.lines == []
