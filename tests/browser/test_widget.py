"""The customer's side of the story, and what a customer can do in the widget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.channel import Address, ReceiptStatus
from bot.model.thread import SendStatus
from tests.browser.chat import GREETING, choose, open_chat, say, texts
from tests.browser.kit import PHONE, browsing, open_page
from tests.edge.house import House, until

if TYPE_CHECKING:
    from playwright.async_api import Page
    from pydantic import JsonValue

pytestmark = pytest.mark.browser

# What hostile customers and odd keyboards send; shown as it is, and never as anything else.
HOSTILE = (
    "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">",
    "{{site}} ${document.title} &amp; javascript:alert(1)",
    "مرحبا، أريد إرجاع السترة",
    "👩🏽‍🚒🏔️ ok",
    "\u202eevil\u202c \u0007bell",
    "x" * 4000,
)


async def test_the_story_of_one_customer(server: House) -> None:
    desk = await server.log_in("Anna")
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await page.get_by_role("button", name="Chatta med oss").first.click()
        await expect(page.get_by_role("dialog", name="Fjällbutiken")).to_be_visible()
        await expect(page.get_by_label("Skriv ett meddelande")).to_be_focused()
        await say(page, "Hej <b>fet</b> 🏔️")
        await expect(texts(page, "customer")).to_have_text(["Hej <b>fet</b> 🏔️"])
        await expect(page.locator(".customer .status")).to_have_text("Skickat")
        await expect(texts(page, "bot")).to_have_text([GREETING])
        await _go_on_by_sms(server, page)
        await choose(page, "Prata med en människa")
        await expect(page.locator("#owner")).to_have_text("Du står i kö till en människa")
        thread = (await desk.get("/threads?owner=offered"))[1]["threads"][0]["state"]["thread"]
        assert await desk.post(f"/threads/{thread}/accept") == (200, {"status": "done"})
        await expect(page.locator("#owner")).to_have_text("Du pratar med Anna")
        await server.parts.live.emit("/chat", await _room(server), "typing", {"name": "Anna"})
        await expect(page.locator("#typing")).to_have_text("Anna skriver …")
        reply = {"text": "Hej, Anna här. Se https://example.com/retur.", "client_id": "r1"}
        assert await desk.post(f"/threads/{thread}/reply", reply) == (200, {"status": "done"})
        await expect(texts(page, "agent")).to_have_text([reply["text"]])
        await expect(page.locator("#typing")).to_have_text("")
        link = page.get_by_role("link", name="https://example.com/retur", exact=True)
        assert await link.get_attribute("rel") == "noopener noreferrer"
        assert await desk.post(f"/threads/{thread}/hand-back", {}) == (200, {"status": "done"})
        await expect(page.locator("#owner")).to_have_text("Du pratar med vår assistent")
        shown = await page.locator(".message .text").all_text_contents()
        await page.reload()
        await expect(page.locator(".message .text")).to_have_text(shown)
        assert faults.lines == []


async def _go_on_by_sms(server: House, page: Page) -> None:
    """Ask for a code, send it from the phone, and see what is written there."""
    await choose(page, "Fortsätt på SMS")
    code = await page.locator("#code .big").text_content()
    assert code is not None
    link = page.get_by_role("link", name="Öppna SMS")
    assert (await link.get_attribute("href") or "").startswith("sms:+46766860000")
    await expect(page.get_by_role("img", name="QR-kod som öppnar SMS")).to_be_visible()
    await expect(page.locator("#code .until")).to_contain_text("Koden gäller till")
    await page.get_by_role("button", name="Ny kod").click()
    await expect(page.locator("#code .big")).not_to_have_text(code)
    fresh = await page.locator("#code .big").text_content()
    assert fresh is not None
    await expect(page.locator("#code .then")).to_have_text(
        "Du får fem siffror tillbaka. Svara med dem på SMS, så är det klart."
    )
    number = await server.bring("+46701234567", fresh)
    await expect(page.locator("#code")).to_have_count(0)
    await expect(page.locator("#text")).to_be_focused()
    await expect(page.locator(".mark").first).to_have_text("via SMS")
    await expect(texts(page, "customer").last).to_have_text(number)


async def _room(server: House) -> str:
    (visitor,) = (
        one.address.user
        for one in server.store.memory.identities.values()
        if one.address.channel == "webchat"
    )
    return f"visitor:{visitor}"


async def test_everything_by_keyboard(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await page.locator("#launcher").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#text")).to_be_focused()
        await page.keyboard.type("Hej")
        await page.keyboard.press("Enter")
        await expect(page.locator(".choice")).to_have_count(3)
        title = await page.locator(".choice").last.text_content()
        await page.keyboard.press("Shift+Tab")  # one key from the field to the newest answers
        await expect(page.locator(".choice").last).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(texts(page, "customer").last).to_have_text(title or "")
        await expect(page.locator("#text")).to_be_focused()
        await page.locator("#menu-button").press("Enter")
        menu = page.locator("#menu").get_by_role("button")
        await expect(menu.first).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await expect(menu.nth(1)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#menu")).to_be_hidden()
        await expect(page.locator("#menu-button")).to_be_focused()
        await page.keyboard.press("Enter")
        await (
            page.locator("#menu").get_by_role("button", name="Fortsätt på Telegram").press("Enter")
        )
        await expect(page.locator("#code")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Öppna Telegram")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#code")).to_have_count(0)
        await expect(page.locator("#text")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(page.locator("#launcher")).to_be_focused()
        assert faults.lines == []


async def test_only_the_newest_message_offers_answers(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(page.locator(".choice")).to_have_count(3)
        await say(page, "leverans")
        await expect(texts(page, "bot")).to_have_count(2)
        await expect(page.locator(".message.bot").first.locator(".choice")).to_have_count(0)
        assert faults.lines == []


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
async def test_hostile_text_is_shown_as_text(server: House, size: tuple[int, int]) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base, size=size)
        await open_chat(page)
        for text in HOSTILE:
            await say(page, text)
        await expect(texts(page, "customer")).to_have_count(len(HOSTILE))
        await expect(page.locator(".customer .status")).to_have_text(["Skickat"])
        await expect(texts(page, "bot").first).to_be_visible()
        await page.reload()
        shown = texts(page, "customer")
        await expect(shown).to_have_count(len(HOSTILE))
        told = await shown.all_text_contents()
        assert told[:4] == list(HOSTILE[:4])
        assert told[5] == HOSTILE[5]
        assert await page.title() == "Fjällbutiken"
        assert await page.locator("#log script, #log img").count() == 0
        directions = "all => all.map(one => getComputedStyle(one).direction)"
        assert (await shown.evaluate_all(directions))[2] == "rtl"
        for place in ("#log", "#chat"):  # nothing sticks out
            wide = "it => it.scrollWidth - it.clientWidth"
            assert await page.locator(place).evaluate(wide) == 0
        assert faults.lines == []


async def test_a_text_that_is_too_long_is_not_sent(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await page.locator("#text").fill("🏔" * 3950)
        await expect(page.locator("#count")).to_have_text("50 tecken kvar")
        await say(page, "x" * 10_000)
        await expect(page.locator("#count")).to_have_text(
            "Texten är 6000 tecken för lång. Korta den för att skicka."
        )
        assert await page.locator("#text").get_attribute("aria-invalid") == "true"
        assert await page.locator("#text").get_attribute("aria-describedby") == "count"
        await expect(texts(page, "customer")).to_have_text(["Hej"])
        await say(page, "x" * 4000)
        await expect(texts(page, "customer")).to_have_text(["Hej", "x" * 4000])
        await expect(page.locator(".customer .status")).to_have_text("Skickat")
        assert faults.lines == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (SendStatus.FAILED, "Kunde inte levereras"),
        (SendStatus.UNKNOWN, "Osäkert om det kom fram"),
    ],
)
async def test_a_message_that_did_not_arrive_says_so(
    server: House, status: SendStatus, words: str
) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await until(lambda: _settled(server))
        (row,) = server.store.memory.sends.values()
        row.move(status)
        await page.reload()
        await expect(page.locator(".message.bot .status")).to_have_text(words)
        assert faults.lines == []


def _settled(server: House) -> bool:
    return all(one.state.status is SendStatus.SENT for one in server.store.memory.sends.values())


async def test_what_was_seen_is_read_and_what_was_not_is_counted(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        await until(lambda: _read(server))
        await page.locator("#close").click()
        await server.parts.live.emit("/chat", await _room(server), "message", _told(90))
        badge = page.get_by_role("button", name="Chatta med oss , 1 oläst meddelande")
        await expect(badge).to_be_visible()
        await page.locator("#launcher").click()
        await expect(texts(page, "bot").last).to_have_text("nummer 90")
        await page.locator("#close").click()
        await expect(page.locator("#unread")).to_have_count(0)
        await page.reload()
        await expect(page.locator("#launcher")).to_be_visible()
        room = await _room(server)

        async def counted() -> bool:
            """Told again until the new page hears it: it is one message, however often."""
            await server.parts.live.emit("/chat", room, "message", _told(91))
            return await page.locator("#unread").count() == 1

        await until(counted)
        await expect(page.locator("#unread")).to_contain_text("1")
        assert faults.lines == []


async def _read(server: House) -> bool:
    """Whether the one message to the customer has been read."""
    (state,) = await server.store.sends(list(server.store.memory.sends))
    return state.reached is ReceiptStatus.READ


def _told(seq: int) -> dict[str, JsonValue]:
    """A message as the server tells it to a page."""
    return {
        "id": f"ent_{seq}",
        "seq": seq,
        "at": "2026-03-01T12:00:00Z",
        "author": "bot",
        "text": f"nummer {seq}",
        "channel": "webchat",
        "account": "demo",
    }


async def test_whoever_has_scrolled_up_stays_there(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej")
        await expect(texts(page, "bot")).to_have_count(1)
        room = await _room(server)
        for seq in range(100, 350):
            await server.parts.live.emit("/chat", room, "message", _told(seq))
        await expect(texts(page, "bot").last).to_have_text("nummer 349")
        await expect(texts(page, "bot")).to_have_count(100)
        log = page.locator("#log")
        await log.evaluate("it => it.scrollTop = 0")
        first = page.get_by_text("nummer 250", exact=True)
        before = await first.evaluate("it => it.getBoundingClientRect().top")
        await page.get_by_role("button", name="Visa äldre meddelanden").click()
        await expect(texts(page, "bot")).to_have_count(200)
        after = await first.evaluate("it => it.getBoundingClientRect().top")
        assert abs(after - before) <= 1
        await server.parts.live.emit("/chat", room, "message", _told(350))
        await expect(page.get_by_role("button", name="1 nytt meddelande")).to_be_visible()
        assert abs(await first.evaluate("it => it.getBoundingClientRect().top") - before) <= 1
        await page.get_by_role("button", name="1 nytt meddelande").click()
        await expect(page.get_by_text("nummer 350", exact=True).last).to_be_in_viewport()
        await expect(page.locator("button.news")).to_have_count(0)
        assert faults.lines == []


async def test_the_conversation_can_be_saved_and_forgotten(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await say(page, "Hej\nigen")
        await expect(texts(page, "bot")).to_have_count(1)
        async with page.expect_download() as saving:
            await choose(page, "Spara samtalet")
        saved = await saving.value
        assert saved.suggested_filename == "Fjällbutiken.txt"
        text = Path(await saved.path()).read_text("utf-8")
        assert text.startswith("Samtal med Fjällbutiken\n\nSparat ")
        assert "Du:\n  Hej\n  igen\n\n" in text
        assert text.endswith(f"Assistenten:\n  {GREETING}\n")
        await choose(page, "Glöm mig på den här enheten")
        await expect(page.locator("#confirm")).to_be_focused()
        await page.get_by_role("button", name="Avbryt").click()
        await expect(texts(page, "customer")).to_have_count(1)
        await choose(page, "Glöm mig på den här enheten")
        await page.get_by_role("button", name="Glöm mig", exact=True).click()
        await expect(page.locator("#launcher")).to_be_focused()
        assert await page.evaluate("Object.keys(localStorage)") == []
        await open_chat(page)
        await expect(page.locator("#hello .text")).to_have_text("Hej! Vad kan vi hjälpa dig med?")
        await say(page, "Ny här")
        await until(lambda: len(_visitors(server)) == 2)
        await expect(texts(page, "customer")).to_have_text(["Ny här"])
        assert faults.lines == []


def _visitors(server: House) -> list[Address]:
    return [one.address for one in server.store.memory.identities.values()]


async def test_the_chat_speaks_both_languages(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await choose(page, "In English")
        await expect(page.locator("#text")).to_have_attribute("placeholder", "Write a message")
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            "Gear for mountains and forests"
        )
        assert await page.locator("html").get_attribute("lang") == "en"
        assert await page.locator(".widget").get_attribute("lang") == "en"
        await page.evaluate("samtal.language('sv-FI')")
        await expect(page.locator("#text")).to_have_attribute("placeholder", "Skriv ett meddelande")
        await page.reload()
        await expect(page.locator("#text")).to_have_attribute("placeholder", "Skriv ett meddelande")
        assert faults.lines == []


async def test_a_link_with_a_code_opens_the_chat_with_it(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/#ABCD-2345")
        await expect(page.locator("#text")).to_have_value("ABCD-2345")
        await expect(page.locator("#text")).to_be_focused()
        other, more = await open_page(browser, f"{server.base}/#goods")
        await expect(other.locator("#launcher")).to_be_visible()
        await expect(other.get_by_role("dialog")).to_be_hidden()
        assert faults.lines + more.lines == []


async def test_the_wish_to_be_deleted_is_one_click_away(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await choose(page, "Radera mina uppgifter")
        await expect(page.locator("#confirm")).to_be_focused()
        await page.get_by_role("button", name="Avbryt").click()
        await expect(page.locator("#text")).to_be_focused()
        assert server.store.memory.entries == []
        await choose(page, "Radera mina uppgifter")
        await page.get_by_role("button", name="Begär radering").click()
        await expect(page.locator("#text")).to_be_focused()
        await expect(texts(page, "customer")).to_have_text(["Radera mina uppgifter"])
        await expect(texts(page, "bot")).to_contain_text(
            ["Du har rätt att få dina uppgifter raderade"]
        )
        await expect(page.get_by_role("button", name="Prata med människa")).to_be_visible()
        assert faults.lines == []


async def test_the_queue_can_be_left(server: House) -> None:
    async with browsing() as browser:
        page, faults = await open_page(browser, server.base)
        await open_chat(page)
        await choose(page, "Prata med en människa")
        await expect(page.locator("#owner")).to_have_text("Du står i kö till en människa")
        await choose(page, "Lämna kön")
        await expect(page.locator("#owner")).to_have_text("Du pratar med vår assistent")
        assert faults.lines == []
