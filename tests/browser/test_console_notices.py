"""What calls an agent who looks elsewhere: the title, desktop notifications and the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.console import log_in, somebody_waits
from tests.browser.kit import browsing, open_page

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from tests.browser.kit import Faults
    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SECOND, THIRD = "+46702222222", "+46703333333"
# Writes down what the page does with the browser's own, and lets the page be out of sight.
WITNESS = """
window.told = [];
window.rung = 0;
window.away = false;
Object.defineProperty(document, "hidden", { get: () => window.away });
window.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    window.told.push([title, options.tag]);
    window.last = this;
  }
};
window.AudioContext = class extends AudioContext {
  createOscillator() {
    window.rung += 1;
    return super.createOscillator();
  }
};
"""


async def _watched(browser: Browser, server: House, *, allowed: bool) -> tuple[Page, Faults]:
    """Anna's page, with what she is told written down."""
    await server.agent("Anna")
    page, faults = await open_page(browser, f"{server.base}/healthz")
    if allowed:
        await page.context.grant_permissions(["notifications"], origin=server.base)
    await page.add_init_script(WITNESS)
    await page.goto(f"{server.base}/desk")
    await log_in(page)
    await expect(page.get_by_text("Ansluten", exact=True)).to_be_visible()
    return page, faults


async def _turn_on(page: Page, *switches: str) -> None:
    await page.get_by_role("button", name="Inloggad som Anna").click()
    await page.get_by_role("menuitem", name="Inställningar").click()
    dialog = page.get_by_role("dialog", name="Inställningar")
    for switch in switches:
        await dialog.get_by_role("switch", name=switch).click()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def test_the_title_counts_who_waits(server: House) -> None:
    async with browsing() as browser:
        page, faults = await _watched(browser, server, allowed=False)
        await expect(page).to_have_title("Samtal")
        await somebody_waits(server)
        await expect(page).to_have_title("(1) Samtal")
        await somebody_waits(server, SECOND)
        await expect(page).to_have_title("(2) Samtal")
        # A toast says who it is, and leads there.
        toast = page.get_by_role("alert").filter(has_text=f"{SECOND} väntar på svar")
        await toast.get_by_role("button", name="Öppna").click()
        await expect(page).to_have_title(f"(2) {SECOND} · Samtal")
        await page.get_by_role("button", name="Ta ärendet").click()
        await expect(page).to_have_title(f"(1) {SECOND} · Samtal")
        # Nothing that was not asked for.
        assert await page.evaluate("[window.told, window.rung]") == [[], 0]
        assert faults.lines == []


async def test_the_desktop_and_the_sound_tell_who_waits_when_they_are_asked_to(
    server: House,
) -> None:
    async with browsing() as browser:
        page, faults = await _watched(browser, server, allowed=True)
        await _turn_on(page, "Ljud när någon väntar", "Skrivbordsaviseringar")
        await somebody_waits(server)
        await expect(page).to_have_title("(1) Samtal")
        # The page is in sight: it rings, and shows its own toast.
        assert await page.evaluate("[window.told, window.rung]") == [[], 1]
        await page.evaluate("window.away = true")
        thread = await somebody_waits(server, SECOND)
        await expect(page).to_have_title("(2) Samtal")
        told = await page.evaluate("[window.told, window.rung]")
        assert told == [[[f"{SECOND} väntar på svar", f"waiting {thread}"]], 2]
        await page.evaluate("window.last.onclick()")
        await expect(page).to_have_url(f"{server.base}/desk/t/{thread}")
        # Both are remembered, and can be turned off.
        await page.reload()
        await expect(page.get_by_text("Ansluten", exact=True)).to_be_visible()
        await _turn_on(page, "Ljud när någon väntar", "Skrivbordsaviseringar")
        await page.evaluate("window.away = true")
        await somebody_waits(server, THIRD)
        await expect(page).to_have_title(f"(3) {SECOND} · Samtal")
        assert await page.evaluate("[window.told, window.rung]") == [[], 0]
        assert faults.lines == []


async def test_a_browser_that_allows_no_notifications_says_so(server: House) -> None:
    async with browsing() as browser:
        page, faults = await _watched(browser, server, allowed=False)
        await page.evaluate("Notification.requestPermission = async () => 'denied'")
        await page.get_by_role("button", name="Inloggad som Anna").click()
        await page.get_by_role("menuitem", name="Inställningar").click()
        switch = page.get_by_role("switch", name="Skrivbordsaviseringar")
        await switch.click()
        await expect(page.get_by_role("dialog")).to_contain_text(
            "Webbläsaren tillåter inga aviseringar härifrån."
        )
        await expect(switch).not_to_be_checked()
        assert faults.lines == []
