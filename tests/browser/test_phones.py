"""The sandbox's phones in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.errors import StoreError
from tests.browser.chat import PATIENCE
from tests.browser.kit import PHONE, browsing, open_page, violations
from tests.edge.house import House, house, until

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="document.title=1"> & <script>1</script>'
WELCOME = (
    "Hej Astrid och välkommen till Fjällbutiken! Jag är butikens bot och svarar direkt. "
    "Vad kan jag hjälpa dig med?"
)


def phone(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


async def say(page: Page, name: str, text: str) -> None:
    await phone(page, name).get_by_label(f"Skriv på {name}").fill(text)
    await page.keyboard.press("Enter")


async def test_a_customer_writes_and_presses_and_the_wire_shows_it(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/sandbox")
        await expect(page).to_have_title("Telefoner · Fjällbutiken")
        messenger = phone(page, "Messenger")
        await expect(messenger.get_by_text("Skriv något till Fjällbutiken.")).to_be_visible()
        await say(page, "Messenger", "Hej")
        texts = messenger.locator(".bubble .text")
        await expect(texts.nth(1)).to_contain_text("välkommen till Fjällbutiken")
        await expect(messenger.get_by_label("Skriv på Messenger")).to_have_value("")
        await messenger.get_by_role("button", name="Prata med människa").first.click()
        await expect(texts.nth(2)).to_have_text("Prata med människa")
        await expect(texts.nth(3)).to_be_visible()
        await until(lambda: _offered(server))
        assert await server.screen("telegram", "10001") == []

        wire = page.get_by_role("region", name="Trafik, Messenger")
        webhook = wire.locator("details", has_text="/webhooks/messenger/demo").last
        await webhook.locator("summary").click()
        await expect(webhook.locator("summary")).to_contain_text("signerad")
        await expect(webhook.locator("[data-proof=true]")).to_contain_text("x-hub-signature-256")
        await expect(webhook.locator("pre").first).to_contain_text('"text": "Hej"')
        call = wire.locator("details", has_text="/me/messages").last
        await call.locator("summary").click()
        await expect(call.locator("[data-proof=true] code")).to_have_text("Bearer ***")
        await expect(call.locator("pre").last).to_contain_text('"recipient_id": "20001"')
        pressed = wire.locator("details", has_text='"quick_reply"').first
        await expect(pressed.locator("pre").first).to_contain_text(
            '"payload": "intent:human.request"'
        )
        assert faults.lines == []


async def _offered(server: House) -> bool:
    return [one.state.owner.kind for one in await server.store.threads()] == ["offered"]


async def test_several_customers_share_an_account_and_are_remembered(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/sandbox")
        sms = phone(page, "SMS")
        await say(page, "SMS", "första")
        await expect(sms.locator(".bubble")).to_have_count(2)
        await sms.get_by_role("button", name="Ny kund").click()
        await expect(sms.get_by_label("Skriv på SMS")).to_be_focused()
        await expect(sms.locator(".bubble")).to_have_count(0)
        await page.keyboard.type("andra")
        await page.keyboard.press("Enter")
        await expect(sms.locator(".bubble .text").first).to_have_text("andra")

        await sms.get_by_role("button", name="Annan …").press("Enter")
        number = sms.get_by_role("textbox", name="Nummer")
        await expect(number).to_be_focused()
        await number.fill("070-123")
        await number.press("Enter")
        await expect(sms.get_by_role("alert")).to_have_text("Skriv numret så här: +46701234567")
        await expect(number).to_have_attribute("aria-invalid", "true")
        await number.press("Escape")
        await expect(sms.get_by_role("button", name="Annan …")).to_be_focused()
        await sms.get_by_role("button", name="Annan …").press("Enter")
        await number.fill("+46709999999")
        await number.press("Enter")
        await say(page, "SMS", "tredje")
        await expect(sms.locator(".bubble .text").first).to_have_text("tredje")

        await page.reload()
        customer = sms.get_by_label("Kund")
        await expect(customer.locator("option")).to_have_text(
            ["+46701234567, Astrid Lind", "+46701740605, Björn Ek", "+46709999999"]
        )
        await expect(customer).to_have_value("+46709999999")
        await customer.select_option("+46701234567")
        await expect(sms.locator(".bubble .text").first).to_have_text("första")
        assert [
            [one["text"] for one in await server.screen("twilio_sms", user) if one["side"] == "me"]
            for user in ("+46701234567", "+46701740605", "+46709999999")
        ] == [["första"], ["andra"], ["tredje"]]
        assert faults.lines == []


async def test_two_pages_show_the_same(server: House) -> None:
    async with browsing() as browser:
        one, _ = await open_page(browser, f"{server.base}/sandbox")
        other = await one.context.new_page()
        await other.goto(f"{server.base}/sandbox")
        await say(one, "Telegram", "Hej")
        await expect(phone(other, "Telegram").locator(".bubble .text")).to_have_text(
            ["Hej", WELCOME]
        )
        await say(other, "Telegram", "Tack")
        await expect(phone(one, "Telegram").locator(".bubble .text").nth(2)).to_have_text("Tack")


async def test_text_is_text(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/sandbox")
        await say(page, "Telegram", HOSTILE)
        telegram = phone(page, "Telegram")
        await expect(telegram.locator(".bubble .text").first).to_have_text(HOSTILE)
        await telegram.locator(".wire summary").last.click()
        await expect(telegram.locator(".wire details[open] pre").first).to_be_visible()
        assert await page.locator("img[src=x]").count() == 0
        assert await page.title() == "Telefoner · Fjällbutiken"
        assert faults.lines == []


async def test_a_link_fills_in_a_phone_and_a_link_that_is_pasted_opens(server: House) -> None:
    visitor = await server.visitor(language="sv")
    await visitor.say("Hej", key="m1")
    offers = [
        await visitor.do("continue", {"channel": channel, "account": "demo"})
        for channel in ("twilio_sms", "telegram")
    ]
    async with browsing() as browser:
        url = f"{server.base}/sandbox#twilio_sms:{offers[0]['code']}"
        page, faults = await open_page(browser, url)
        field = phone(page, "SMS").get_by_label("Skriv på SMS")
        await expect(field).to_have_value(offers[0]["code"])
        await expect(field).to_be_focused()
        assert page.url == f"{server.base}/sandbox"
        await field.press("Enter")
        asked = phone(page, "SMS").locator('.bubble[data-side="them"] .text').last
        await expect(asked).to_contain_text(re.compile(r"svara med [0-9]{5}, så fortsätter"))
        number = re.search(r"[0-9]{5}", await asked.inner_text())
        assert number is not None
        await field.fill(number[0])
        await field.press("Enter")
        await visitor.hears(number[0])
        await phone(page, "Telegram").get_by_label("Skriv på Telegram").fill(offers[1]["deep_link"])
        await expect(phone(page, "Telegram").get_by_text("En länk som öppnas")).to_be_visible()
        await phone(page, "Telegram").get_by_role("button", name="Öppna").click()
        await expect(phone(page, "Telegram").locator(".bubble .text").first).to_have_text(
            offers[1]["code"]
        )
        await until(lambda: _linked(server))
        assert faults.lines == []


async def _linked(server: House) -> bool:
    return [len(one.identities) for one in await server.store.threads()] == [3]


async def test_a_text_that_is_too_long_stays(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/sandbox")
        field = phone(page, "Messenger").get_by_label("Skriv på Messenger")
        await field.fill("x" * 2001)
        said = phone(page, "Messenger").get_by_role("status")
        await expect(said).to_have_text("För långt: 2001 tecken, högst 2000.")
        await field.press("Enter")
        await expect(field).to_have_value("x" * 2001)
        await page.reload()
        await expect(field).to_have_value("x" * 2001)
        await field.fill("x" * 1999)
        await expect(said).to_have_text("1999 av 2000 tecken")
        await phone(page, "SMS").get_by_label("Skriv på SMS").fill("y" * 161)
        await expect(phone(page, "SMS").get_by_role("status")).to_have_text("161 tecken, 2 SMS")
        assert await server.screen("messenger", "20001") == []
        assert faults.lines == []


async def test_a_server_that_refuses_or_is_away_is_told_and_nothing_is_lost() -> None:
    async with browsing() as browser:
        async with house() as first:
            page, faults = await open_page(browser, f"{first.base}/sandbox")
            sms = phone(page, "SMS")
            await say(page, "SMS", "Hej")
            await expect(sms.locator(".bubble")).to_have_count(2)
            first.store.failing = StoreError("away")
            await say(page, "SMS", "ett till")
            await expect(sms.get_by_role("status")).to_have_text("Samtal tog inte emot det: 503")
            first.store.failing = None
            port, store = int(first.base.rpartition(":")[2]), first.store
        trouble = page.get_by_text("Servern svarar inte. Försöker igen …")
        await expect(trouble).to_be_visible(timeout=PATIENCE)
        await say(page, "SMS", "under tiden")
        await expect(sms.get_by_role("status")).to_have_text(
            "Det kom inte iväg: servern svarar inte."
        )
        await expect(sms.get_by_label("Skriv på SMS")).to_have_value("under tiden")
        async with house(port=port, memory=store.memory) as second:
            await expect(trouble).to_have_count(0, timeout=PATIENCE)
            await sms.get_by_label("Skriv på SMS").press("Enter")
            await expect(sms.locator(".bubble .text").nth(3)).to_have_text("under tiden")
            await expect(sms.locator(".bubble")).to_have_count(5)
            shown = await second.screen("twilio_sms", "+46701234567")
            assert [one["text"] for one in shown if one["side"] == "me"] == ["under tiden"]
        assert faults.lines == []


async def test_one_phone_at_a_time_where_it_is_narrow(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(
            browser, f"{server.base}/sandbox#telegram:hej", locale="en-GB", size=PHONE
        )
        await expect(page.get_by_label("Write on Telegram")).to_have_value("hej")
        choice = page.get_by_role("group", name="Phones")
        await expect(choice.get_by_role("button", pressed=True)).to_have_text("Telegram")
        await choice.get_by_role("button", name="SMS").click()
        await expect(page.get_by_role("log")).to_have_count(1)
        await expect(page.get_by_role("log")).to_have_accessible_name("Messages, SMS")
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        assert faults.lines == []


@pytest.mark.parametrize(("locale", "title"), [("sv-SE", "Telefoner"), ("en-GB", "Phones")])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [(1280, 800), PHONE])
async def test_nothing_bars_the_way(
    server: House, locale: str, title: str, dark: bool, size: tuple[int, int]
) -> None:
    await server.write("messenger", "20001", "Hej")
    await server.phone_shows("messenger", "20001", "Fjällbutiken")
    async with browsing() as browser:
        page, faults = await open_page(
            browser, f"{server.base}/sandbox", locale=locale, dark=dark, size=size
        )
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        await expect(page.locator(".choices button").first).to_be_visible()
        await page.locator(".wire summary").last.click()
        assert await violations(page) == []
        assert faults.lines == []


async def test_language_and_theme_can_be_chosen_and_are_kept(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/sandbox")
        await page.get_by_label("Språk").select_option("en")
        await page.get_by_label("Theme").select_option("dark")
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Phones")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert faults.lines == []
