"""Signing in and out in the widget, linked channels, and that nothing of another stays behind."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.chat import choose, open_chat, say, texts
from tests.browser.kit import PHONE, browsing, open_page, violations
from tests.edge.house import House, house, until
from tests.edge.tokens import realm, token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Page, Route

pytestmark = pytest.mark.browser

SECRET = "Min kod till porten är 4711"
NUMBER = "+46701740605"
RATE = {"per_second": 50, "burst": 500}


@pytest.fixture
async def server() -> AsyncIterator[House]:
    async with house(realms={"shop": realm()}, visitor_rate=RATE) as running:
        yield running


async def sign_in(page: Page, given: str) -> dict[str, object]:
    told: dict[str, object] = await page.evaluate("given => samtal.signIn(given)", given)
    return told


async def all_there_is(page: Page) -> str:
    """Everything that the page holds: what is drawn, what fields have, what is stored."""
    script = """() => {
      const root = document.querySelector("samtal-chat").shadowRoot;
      const fields = [...root.querySelectorAll("input, textarea")].map((one) => one.value);
      return JSON.stringify([root.innerHTML, fields, {...localStorage}, {...sessionStorage}]);
    }"""
    found: str = await page.evaluate(script)
    return found


async def gone(page: Page, text: str) -> None:
    """Return when nothing of a text is anywhere in the page."""

    async def nowhere() -> bool:
        return text not in await all_there_is(page)

    await until(nowhere)


async def elsewhere(server: House, sub: str = "anna") -> None:
    """The customer has said something in confidence on another device."""
    other = await server.visitor()
    await other.say(SECRET, key="m1")
    await until(lambda: bool(other.texts("bot")))
    assert (await other.sign_in(token(sub)))["ok"] is True


async def continue_by_sms(server: House, page: Page) -> None:
    await choose(page, "Fortsätt på SMS")
    code = await page.locator("#code .big").text_content()
    assert code is not None
    number = await server.bring(NUMBER, code)
    await expect(page.locator("#code")).to_have_count(0)
    await expect(texts(page, "customer").last).to_have_text(number)


# --- signing in and out ----------------------------------------------------------------------


async def test_signing_in_shows_what_was_said_elsewhere_and_signing_out_takes_it_away(
    server: House,
) -> None:
    await elsewhere(server)
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        assert await sign_in(page, token("anna")) == {"signedIn": True}
        await expect(texts(page, "customer")).to_have_text([SECRET])
        tab = await page.context.new_page()
        await tab.goto(server.base)
        assert await sign_in(tab, token("anna")) == {"signedIn": True}
        await expect(texts(tab, "customer")).to_have_text([SECRET])
        await page.locator("#text").fill(f"Utkast: {SECRET}")
        before = await page.evaluate("localStorage['samtal.token']")
        await page.evaluate("samtal.signOut()")
        for one in (page, tab):
            await gone(one, SECRET)
            await gone(one, before)
            await expect(one.locator("#text")).to_have_value("")
            await expect(texts(one, "customer")).to_have_count(0)
        # Who sits there next talks on, as somebody else.
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await expect(texts(tab, "customer")).to_have_text(["Hej"])
        after = await page.evaluate("localStorage['samtal.token']")
        assert after != before
        await page.reload()
        await expect(texts(page, "customer")).to_have_text(["Hej"])
        assert SECRET not in await all_there_is(page)
        assert faults.lines == []


async def test_what_was_not_sent_is_not_sent_by_the_next_one(server: House) -> None:
    async with browsing() as browser:
        page, _ = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await page.context.set_offline(True)
        await say(page, SECRET)
        await expect(texts(page, "customer").last).to_have_text(SECRET)
        await page.evaluate("samtal.signOut()")
        await gone(page, SECRET)
        await page.context.set_offline(False)
        await say(page, "Nästa kund")
        await expect(texts(page, "customer")).to_have_text(["Nästa kund"])
        await expect(texts(page, "bot")).to_have_count(1)
        said = [json.dumps(one.body.model_dump(mode="json")) for one in server.store.memory.entries]
        assert not any("4711" in one for one in said)


async def test_a_second_customer_at_the_same_browser_begins_from_nothing(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, SECRET)
        await expect(texts(page, "bot")).to_have_count(1)
        assert await sign_in(page, token("anna")) == {"signedIn": True}
        tab = await page.context.new_page()
        await tab.goto(server.base)
        await expect(texts(tab, "customer")).to_have_text([SECRET])
        assert await sign_in(page, token("bo")) == {"signedIn": True}
        for one in (page, tab):
            await gone(one, SECRET)
        await say(page, "Hej från Bo")
        await expect(texts(page, "customer")).to_have_text(["Hej från Bo"])
        await expect(texts(tab, "customer")).to_have_text(["Hej från Bo"])
        assert SECRET not in await all_there_is(page)
        assert faults.lines == []


async def test_a_page_may_carry_its_token_and_nobody_is_told_before_the_chat_is_opened(
    server: House,
) -> None:
    await elsewhere(server)
    async with browsing() as browser:
        page, faults = await open_page(browser, "about:blank")
        known = len(server.store.memory.identities)

        async def named(route: Route) -> None:
            """The shop's page, as a server would write it for somebody who is logged in."""
            response = await route.fetch()
            script = f'data-identity-token="{token("anna")}" src="/widget.js"'
            body = (await response.text()).replace('src="/widget.js"', script)
            await route.fulfill(response=response, body=body)

        await page.route(f"{server.base}/", named)
        await page.goto(f"{server.base}/")
        await server.idle()
        assert len(server.store.memory.identities) == known
        await open_chat(page)
        await expect(texts(page, "customer")).to_have_text([SECRET])
        await page.reload()
        await expect(texts(page, "customer")).to_have_text([SECRET])
        assert faults.lines == []


async def test_a_token_that_is_not_taken_is_said_and_the_chat_goes_on(server: House) -> None:
    await elsewhere(server)
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        heard = "addEventListener('samtal-identity', (event) => (window.heard = event.detail))"
        await page.evaluate(heard)
        told = await sign_in(page, token("anna", aud="other"))
        assert told["signedIn"] is False
        assert "(aud)" in str(told["why"])
        assert await page.evaluate("window.heard") == told
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        assert SECRET not in await all_there_is(page)
        assert faults.lines == []


async def test_when_the_log_in_runs_out_the_page_shows_less(server: House) -> None:
    await elsewhere(server)
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        now = time.time()
        # It counts for the leeway of 30 s longer.
        short = token("anna", iat=now - 100, exp=now - 22)
        assert await sign_in(page, short) == {"signedIn": True}
        await expect(texts(page, "customer")).to_have_text([SECRET])
        await gone(page, SECRET)
        assert faults.lines == []


# --- linked channels -------------------------------------------------------------------------


async def test_linked_channels_are_shown_and_parted_with_in_every_tab(
    server: House,
) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await continue_by_sms(server, page)
        tab = await page.context.new_page()
        await tab.goto(server.base)
        assert await server.write("twilio_sms", NUMBER, SECRET) == 200
        for one in (page, tab):
            await expect(texts(one, "customer").last).to_have_text(SECRET)
        await choose(page, "Mina kopplade kanaler")
        panel = page.locator("#channels")
        await expect(panel).to_be_focused()
        rows = panel.locator("> .channels li")
        await expect(rows).to_have_count(2)
        await expect(rows.nth(0).locator(".name")).to_have_text("Webbchattden här chatten")
        await expect(rows.nth(1).locator(".name")).to_have_text("SMS +46 70 ••• •• 05")
        await expect(rows.nth(1).locator(".how").first).to_contain_text("Kopplad med en kod, sedan")
        await expect(rows.nth(1).locator(".how").last).to_have_text(
            "Avsändare kan förfalskas där, så vi litar mindre på det"
        )
        await panel.get_by_role("button", name="Koppla bort SMS +46 70 ••• •• 05").press("Enter")
        await expect(page.locator("#unlink")).to_be_focused()
        await page.get_by_role("button", name="Avbryt").click()
        await expect(rows).to_have_count(2)
        await panel.get_by_role("button", name="Koppla bort SMS").click()
        await page.locator("#unlink").get_by_role("button", name="Koppla bort").click()
        await expect(page.locator("#channels-news")).to_have_text(
            "SMS +46 70 ••• •• 05 är bortkopplad"
        )
        await expect(rows).to_have_count(1)
        await panel.get_by_text("Tidigare kopplade (1)").click()
        await expect(panel.locator(".former li")).to_contain_text(
            re.compile(r"^SMS .*\s05Bortkopplad av kunden, ")
        )
        await page.keyboard.press("Escape")
        await expect(page.locator("#text")).to_be_focused()
        for one in (page, tab):
            await gone(one, SECRET)
            await expect(texts(one, "customer").first).to_have_text("Hej")
        assert await server.write("twilio_sms", NUMBER, "Bara för telefonen") == 200
        await server.idle()
        await page.reload()
        await expect(texts(page, "customer").first).to_have_text("Hej")
        for one in (page, tab):
            assert SECRET not in await all_there_is(one)
            assert "Bara för telefonen" not in await all_there_is(one)
        assert faults.lines == []


async def test_a_number_is_proved_with_a_code(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await choose(page, "Fortsätt på SMS")
        await page.get_by_role("button", name="Skicka en kod till mitt nummer i stället").click()
        number = page.get_by_label("Ditt telefonnummer")
        await expect(number).to_be_focused()
        await number.fill("hej")
        await page.keyboard.press("Enter")
        wrong = page.locator("#prove-wrong")
        await expect(wrong).to_contain_text("Skriv numret så här")
        assert await number.get_attribute("aria-describedby") == "prove-wrong"
        await expect(number).to_be_focused()
        assert await violations(page) == []
        await number.fill("070-174 06 05")
        await page.keyboard.press("Enter")
        code = page.get_by_label("Koden från meddelandet")
        await expect(code).to_be_focused()
        assert await code.get_attribute("autocomplete") == "one-time-code"
        assert await violations(page) == []
        await code.fill(await _came(server))
        await page.keyboard.press("Enter")
        await expect(page.locator("#text")).to_be_focused()
        await until(lambda: len(server.store.memory.links) == 1)
        await choose(page, "Mina kopplade kanaler")
        how = page.locator("#channels li").last.locator(".how").first
        await expect(how).to_contain_text("Kopplad med en kod till numret")
        assert "070-174" not in await page.evaluate("JSON.stringify(localStorage)")
        assert faults.lines == []


async def _came(server: House) -> str:
    code = re.compile(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}")
    found: list[str] = []

    async def came() -> bool:
        screen = await server.screen("twilio_sms", NUMBER)
        found.extend(match[0] for one in screen if (match := code.search(one["text"])))
        return bool(found)

    await until(came)
    return found[-1]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_axe_finds_nothing(server: House, locale: str, dark: bool, tmp_path: Path) -> None:
    english = locale == "en-GB"
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base, locale=locale, dark=dark, size=PHONE)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        assert await sign_in(page, token("anna")) == {"signedIn": True}
        await choose(page, "My linked channels" if english else "Mina kopplade kanaler")
        await expect(page.locator("#channels li")).to_have_count(2)
        assert await violations(page) == []
        await page.screenshot(path=tmp_path / "channels.png")
        await page.locator("#channels li button").click()
        await expect(page.locator("#unlink")).to_be_focused()
        assert await violations(page) == []
        await page.screenshot(path=tmp_path / "unlink.png")
        await page.keyboard.press("Escape")
        await choose(page, "My linked channels" if english else "Mina kopplade kanaler")
        await page.get_by_role(
            "button", name="Link a phone number" if english else "Koppla ett telefonnummer"
        ).click()
        await expect(page.locator("#prove input")).to_be_focused()
        assert await violations(page) == []
        await page.screenshot(path=tmp_path / "prove.png")
        assert faults.lines == []
