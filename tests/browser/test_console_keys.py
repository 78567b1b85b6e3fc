"""The keyboard map: shown as it is, changed key by key, and kept in this browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.console import said_by_agents, somebody_waits, take_seat
from tests.browser.kit import browsing

if TYPE_CHECKING:
    from playwright.async_api import Locator

    from tests.browser.console import Seat
    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


async def _form(anna: Seat) -> Locator:
    """The dialog where keys are changed, from the help."""
    await anna.page.get_by_role("button", name="Kortkommandon").click()
    shown = anna.page.get_by_role("dialog", name="Kortkommandon")
    await shown.get_by_role("button", name="Ändra kortkommandon").click()
    return anna.page.get_by_role("dialog", name="Ändra kortkommandon")


async def _change(dialog: Locator, command: str, *keys: str) -> None:
    """Press other keys for a command, and save them."""
    button = dialog.get_by_role("button", name=f"Ändra: {command}", exact=True)
    await button.click()
    field = dialog.get_by_label(f"Nya tangenter för: {command}")
    await expect(field).to_be_focused()
    for key in (*keys, "Enter"):
        await field.press(key)
    await expect(button).to_be_focused()


async def test_keys_that_clash_are_refused_with_the_reason(server: House) -> None:
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        keys = anna.page.keyboard
        dialog = await _form(anna)
        problem = dialog.get_by_role("alert")
        await dialog.get_by_role("button", name="Ändra: Nästa ärende i listan").click()
        field = dialog.get_by_label("Nya tangenter för: Nästa ärende i listan")
        await expect(field).to_be_focused()
        await keys.press("Enter")
        await expect(problem).to_have_text("Tryck de tangenter som ska gälla.")
        await keys.press("r")
        await expect(problem).to_have_text("R krockar med: Svara.")
        await expect(field).to_have_accessible_description(
            "R krockar med: Svara. "
            "Tryck en eller två tangenter. Backsteg tömmer, Enter sparar, Esc avbryter."
        )
        await keys.press("Enter")
        await expect(field).to_be_focused()  # it was not saved
        await keys.press("Backspace")
        await keys.press("Control+w")
        await expect(problem).to_have_text("Ctrl W behöver webbläsaren själv.")
        await keys.press("Escape")  # the field's, not the dialog's
        await dialog.get_by_role("button", name="Ändra: Skicka", exact=True).click()
        await keys.press("q")
        # It is pressed while one types: a letter alone could not be told apart.
        await expect(problem).to_contain_text("Det här görs medan du skriver")
        await keys.press("Escape")
        await expect(dialog.get_by_role("button", name="Återställ alla")).to_be_disabled()
        assert anna.faults.lines == []


async def test_keys_are_changed_and_the_help_shows_them(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        keys = anna.page.keyboard
        dialog = await _form(anna)
        await _change(dialog, "Nästa ärende i listan", "x", "y")
        await expect(dialog.get_by_role("status")).to_have_text("Nästa ärende i listan: X Y")
        await _change(dialog, "Skicka", "Alt+Enter")
        await keys.press("Escape")
        await expect(dialog).to_have_count(0)
        await keys.press("?")
        shown = anna.page.get_by_role("dialog", name="Kortkommandon")
        await expect(shown.get_by_role("row", name="X Y Nästa ärende i listan")).to_be_visible()
        await expect(shown.get_by_role("row", name="Alt Enter Skicka")).to_be_visible()
        await keys.press("Escape")
        await expect(shown).to_have_count(0)
        await anna.page.reload()
        await expect(anna.rows).to_have_count(1)
        await expect(anna.page.get_by_text("tryck X Y och K")).to_be_visible()
        await keys.press("j")
        await expect(anna.rows.first).not_to_be_focused()
        await keys.press("x")
        await keys.press("y")
        await expect(anna.rows.first).to_be_focused()
        await keys.press("Enter")
        await anna.reply.fill("På nytt sätt")
        await keys.press("Control+Enter")
        await expect(anna.reply).to_have_value("På nytt sätt")
        await keys.press("Alt+Enter")
        await anna.shows_reply("På nytt sätt")
        assert await said_by_agents(server, thread) == ["På nytt sätt"]
        assert anna.faults.lines == []


async def test_keys_are_reset(server: House) -> None:
    await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        keys = anna.page.keyboard
        dialog = await _form(anna)
        reset = dialog.get_by_role("button", name="Återställ alla")
        await expect(reset).to_be_disabled()
        await dialog.get_by_role("button", name="Ändra: Sök").click()
        await keys.press("Escape")  # the field's, not the dialog's
        await expect(dialog.get_by_role("button", name="Ändra: Sök")).to_be_focused()
        await keys.press("Enter")
        await keys.press("q")
        await keys.press("Enter")
        await expect(anna.page.locator(".search-button kbd")).to_have_text("Q")
        await reset.click()
        await expect(anna.page.locator(".search-button kbd")).to_have_text("/")
        await keys.press("Escape")
        await expect(dialog).to_have_count(0)
        await keys.press("/")
        await expect(anna.page.get_by_role("dialog", name="Sök")).to_be_visible()
        assert anna.faults.lines == []
