"""The console's page on channels: how accounts fare, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.accounts import StoredAccount
from bot.model.health import Sign
from bot.model.people import Role
from tests.browser.console import take_seat
from tests.browser.kit import DESKTOP, PHONE, browsing, open_page, violations
from tests.edge.house import PASSWORD

if TYPE_CHECKING:
    from playwright.async_api import Page, Route

    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
REFRESHED = 30_000  # it looks every ten seconds


async def refuse(server: House, count: int = 5) -> None:
    """Webhooks by SMS that nobody signed."""
    for _ in range(count):
        url = f"{server.base}/webhooks/twilio_sms/demo"
        async with server.http.post(url, data={"From": "+46701234567"}) as response:
            assert response.status == 403


async def test_an_account_that_fails_comes_first_and_says_what_to_do(server: House) -> None:
    async with browsing() as browser:
        seat = await take_seat(browser, server, "Ada", role=Role.ADMIN)
        page = seat.page
        await page.keyboard.press("Control+k")
        await page.get_by_role("dialog").get_by_role("textbox").fill("kanaler")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="Kanaler")).to_be_focused()
        accounts = page.locator(".account")
        await expect(accounts).to_have_count(4)
        await expect(accounts.locator(".account-state")).to_have_text(["Fungerar"] * 4)
        await refuse(server)
        first = accounts.first
        await expect(first).to_contain_text("twilio_sms/demo", timeout=REFRESHED)
        await expect(first).to_contain_text("Fungerar inte")
        await expect(first).to_contain_text("0 tagna, 5 avvisade")
        await expect(first).to_contain_text("Jämför kontots hemlighet")
        await expect(first).to_contain_text("signature_missing")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("heading", level=1, name="Kanaler")).to_have_count(0)
        assert seat.faults.lines == []


async def test_an_account_is_checked_by_the_keyboard(server: House) -> None:
    async with browsing() as browser:
        seat = await take_seat(browser, server, "Ada", at="/channels", role=Role.ADMIN)
        account = seat.page.locator(".account").filter(has_text="telegram/demo")
        await account.get_by_role("button", name="Kontrollera nu: telegram/demo").press("Enter")
        findings = account.get_by_role("list", name="Kontrollen visade").get_by_role("listitem")
        await expect(findings).to_have_count(3)
        await expect(findings.nth(0)).to_contain_text("Adressen till oss: fel.")
        await expect(findings.nth(0)).to_contain_text("is not https")
        await expect(findings.nth(1)).to_contain_text("no webhook has come yet")
        await expect(findings.nth(2)).to_contain_text("rätt. the provider takes them")
        assert await violations(seat.page) == []
        assert seat.faults.lines == []


async def test_an_account_that_cannot_be_opened_says_so(server: House) -> None:
    stored = StoredAccount(
        channel="telegram",
        account="old",
        version=1,
        sealed=b"by another secret, long ago",
        by="Ada",
        at=server.parts.clock.now(),
    )
    assert await server.store.put_account(stored)
    async with browsing() as browser:
        seat = await take_seat(browser, server, "Ada", at="/channels", role=Role.ADMIN)
        first = seat.page.locator(".account").first
        await expect(first).to_contain_text("telegram/old")
        await expect(first).to_contain_text("Inte i drift")
        await expect(first).to_contain_text("sealed with another secret")


async def test_agents_are_shown_the_desk_instead(server: House) -> None:
    async with browsing() as browser:
        seat = await take_seat(browser, server, at="/channels")
        await expect(seat.page.get_by_role("heading", name="Kanaler")).to_have_count(0)
        await expect(seat.page.locator(".list")).to_be_visible()


async def test_what_cannot_be_read_is_said_and_tried_again(server: House) -> None:
    async def fails(route: Route) -> None:
        await route.abort()

    async with browsing() as browser:
        seat = await take_seat(browser, server, "Ada", role=Role.ADMIN)
        page = seat.page
        await page.route("**/api/v1/channels", fails)
        await page.goto(f"{server.base}/desk/channels")
        alert = page.get_by_role("alert").filter(has_text="kunde inte hämtas")
        await expect(alert).to_be_visible(timeout=REFRESHED)
        await page.unroute("**/api/v1/channels")
        await page.get_by_role("button", name="Försök igen").click()
        await expect(page.locator(".account")).to_have_count(4)
        await expect(alert).to_have_count(0)


@pytest.mark.parametrize("size", [DESKTOP, PHONE, (320, 640)], ids=["wide", "narrow", "zoomed"])
@pytest.mark.parametrize(("locale", "dark"), [("sv-SE", True), ("en-GB", False)])
async def test_axe_finds_nothing_and_nothing_runs_out(
    server: House, locale: str, size: tuple[int, int], *, dark: bool
) -> None:
    await server.agent("Ada", role=Role.ADMIN)
    await refuse(server)
    signs, telegram = server.hub.signs, server.parts.channels["telegram", "demo"]
    signs.note(telegram, Sign.TOKEN, detail="401: Unauthorized")
    async with browsing() as browser:
        url = f"{server.base}/desk/channels"
        page, faults = await open_page(browser, url, locale=locale, dark=dark, size=size)
        await _log_in(page, locale)
        await expect(page.locator('.account[data-state="failing"]')).to_have_count(2)
        assert await page.locator("html").get_attribute("lang") == locale[:2]
        assert await violations(page) == []
        overflow = "document.documentElement.scrollWidth > innerWidth"
        assert await page.evaluate(overflow) is False
        assert faults.lines == []


async def _log_in(page: Page, locale: str) -> None:
    email, password = ("E-post", "Lösenord") if locale == "sv-SE" else ("E-mail", "Password")
    await page.get_by_label(email).fill("ada@example.com")
    await page.get_by_label(password, exact=True).fill(PASSWORD)
    await page.keyboard.press("Enter")
