"""The console in a real browser: log-in, and an agent's way through a thread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.edge.auth import token_hash
from bot.model.people import ByAgent, Role
from tests.browser.console import (
    PATIENCE,
    PHONE_NUMBER,
    WISH,
    log_in,
    owner_is,
    said_by_agents,
    somebody_waits,
    take_seat,
)
from tests.browser.kit import browsing, open_page
from tests.edge.house import until

if TYPE_CHECKING:
    from playwright.async_api import FilePayload

    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

EVIL = "<img src=x onerror=\"document.title='owned'\"> <b>fet</b> javascript:alert(1)"


async def test_a_wrong_password_is_told_and_a_right_one_opens_the_desk(server: House) -> None:
    await server.agent("Anna")
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/desk")
        await log_in(page, password="not this one")
        wrong = page.get_by_role("alert")
        await expect(wrong).to_have_text("E-posten och lösenordet hör inte ihop.")
        password = page.get_by_label("Lösenord", exact=True)
        await expect(password).to_have_accessible_description(await wrong.inner_text())
        await log_in(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Välj ett ärende")
        await expect(page.get_by_text("Ingen väntar. Bra jobbat!")).to_be_visible()
        assert faults.lines == []


async def test_authors_are_not_let_in(server: House) -> None:
    await server.agent("Cilla", role=Role.AUTHOR)
    async with browsing() as browser:
        page, faults = await open_page(browser, f"{server.base}/desk")
        await log_in(page, "Cilla")
        await expect(page.get_by_role("alert")).to_contain_text("hör inte till kundtjänsten")
        await page.reload()
        await expect(page.get_by_role("heading", name="Logga in")).to_be_visible()
        assert faults.lines == []


async def test_a_link_to_a_thread_asks_for_the_log_in_and_goes_there(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server, at=f"/t/{thread}")
        await expect(anna.log).to_contain_text(WISH)
        await expect(anna.page).to_have_url(f"{server.base}/desk/t/{thread}")
        await expect(anna.page).to_have_title(f"(1) {PHONE_NUMBER} · Samtal")
        await anna.page.goto(f"{server.base}/desk/t/thr_000000000000000000000000")
        await expect(anna.page.get_by_role("heading", level=1)).to_have_text("Ärendet finns inte")
        await anna.page.go_back()
        await expect(anna.log).to_contain_text(WISH)
        assert anna.faults.lines == []


async def test_accept_reply_and_hand_back(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await expect(anna.rows).to_have_count(1)
        await expect(anna.rows.first).to_contain_text("Kön support")
        await expect(anna.rows.first).to_contain_text("Väntat")
        await anna.open_first()
        await anna.press("Ta ärendet")
        await expect(anna.log).to_contain_text("Anna svarar nu · tog ärendet")
        await expect(anna.rows).to_have_count(0)
        await anna.send("Hej, Anna här <i>nu</i>")
        await expect(anna.page.get_by_text("Svaret skickas om några sekunder.")).to_be_visible()
        await server.phone_shows("twilio_sms", PHONE_NUMBER, "Hej, Anna här <i>nu</i>")
        await anna.shows_reply("Hej, Anna här <i>nu</i>")
        await expect(anna.log.locator(".delivery").last).to_have_text("Levererat")
        await anna.page.get_by_text("Intern anteckning", exact=True).click()
        await anna.page.get_by_label("Anteckning, bara för kollegor").fill("Stamkund")
        await anna.press("Spara anteckning")
        note = anna.log.locator(".message.note")
        await expect(note.locator(".text")).to_have_text("Stamkund")
        await expect(note.locator(".internal")).to_have_text("Intern")
        await anna.press("Lämna tillbaka")
        dialog = anna.page.get_by_role("dialog")
        await dialog.get_by_label("Anteckning (frivillig)").fill("Klart för min del")
        await dialog.get_by_role("button", name="Lämna tillbaka").click()
        await owner_is(server, thread, "bot")
        await expect(anna.log).to_contain_text("lämnades tillbaka: Klart för min del")
        shown = [one["text"] for one in await server.screen("twilio_sms", PHONE_NUMBER)]
        assert shown.count("Hej, Anna här <i>nu</i>") == 1
        assert [one for one in shown if "Stamkund" in one or "Klart" in one] == []
        assert anna.faults.lines == []


async def test_two_accept_and_the_second_is_told_who_was_first(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        bo = await take_seat(browser, server, "Bo")
        await anna.open_first()
        await bo.open_first()
        await expect(bo.page.locator(".viewers")).to_contain_text("Här är också Anna")
        await bo.cut()  # what Anna does now reaches Bo too late
        await anna.press("Ta ärendet")
        await owner_is(server, thread, "agent")
        await bo.press("Ta ärendet")
        await expect(bo.page.get_by_text("Anna har redan tagit ärendet.")).to_be_visible()
        await expect(bo.page.locator(".thread-who p")).to_have_text("Anna")
        await expect(bo.page.get_by_role("button", name="Ta ärendet")).to_have_count(0)
        row = await server.parts.desk.thread(thread)
        assert getattr(row.state.owner, "name", None) == "Anna"
        assert anna.faults.lines == bo.faults.lines == []


async def test_a_reply_to_what_a_colleague_has_answered_asks_first(server: House) -> None:
    thread = await somebody_waits(server)
    anna = await server.agent("Anna")
    by = ByAgent(agent=anna.id, name="Anna")
    async with browsing() as browser:
        bo = await take_seat(browser, server, "Bo")
        await bo.open_first()
        await bo.cut()
        await server.parts.desk.reply(thread, by, text="Anna svarar", client_id="a1")
        await server.parts.desk.hand_back(thread, by)
        await bo.send("Bo svarar också")
        asked = bo.log.get_by_role("alert")
        await expect(asked).to_contain_text(
            "Anna har svarat sedan dess. Skicka ändå?", timeout=PATIENCE
        )
        assert await said_by_agents(server, thread) == ["Anna svarar"]
        await asked.get_by_role("button", name="Tillbaka till utkastet").click()
        await expect(bo.reply).to_have_value("Bo svarar också")
        await expect(bo.reply).to_be_focused()
        await bo.page.keyboard.press("Control+Enter")
        await asked.get_by_role("button", name="Skicka ändå").click(timeout=PATIENCE)
        await bo.mend()

        async def both() -> bool:
            return await said_by_agents(server, thread) == ["Anna svarar", "Bo svarar också"]

        await until(both)
        await bo.shows_reply("Bo svarar också")
        assert bo.faults.lines == []


async def test_a_session_that_ended_keeps_the_draft_and_the_place(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.reply.fill("Ett halvt svar")
        (cookie,) = [
            one for one in await anna.page.context.cookies() if one["name"] == "samtal_session"
        ]
        await server.store.end_session(token_hash(cookie["value"]))
        await anna.page.get_by_role("button", name="Ta ärendet").click()
        dialog = anna.page.get_by_role("dialog", name="Sessionen har gått ut")
        await expect(dialog).to_be_visible()
        await anna.page.keyboard.press("Escape")
        await log_in(anna.page)
        await expect(dialog).to_have_count(0)
        await expect(anna.reply).to_have_value("Ett halvt svar")
        await expect(anna.page).to_have_url(re.compile(f"/desk/t/{thread}$"))
        await anna.press("Ta ärendet")
        await owner_is(server, thread, "agent")
        await anna.page.reload()
        await expect(anna.reply).to_have_value("Ett halvt svar")
        assert await said_by_agents(server, thread) == []
        assert anna.faults.lines == []


async def test_what_customers_write_is_text(server: House) -> None:
    long, rtl, emoji = "x" * 1500, "مرحبا كيف حالك", "👩‍👩‍👧‍👦🏔️"
    await somebody_waits(server)
    for text in (EVIL, long, rtl, emoji):
        await server.write("twilio_sms", PHONE_NUMBER, text)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        theirs = anna.log.locator(".theirs .text")
        await expect(theirs.last).to_have_text(emoji)
        texts = await theirs.all_text_contents()
        assert texts[-4:] == [EVIL, long, rtl, emoji]
        assert await anna.log.locator("img, b, script").count() == 0
        wide = await anna.log.evaluate("log => log.scrollWidth > log.clientWidth")
        assert wide is False
        arabic = theirs.filter(has_text=rtl)
        assert await arabic.evaluate("text => getComputedStyle(text).direction") == "rtl"
        assert "owned" not in await anna.page.title()
        assert anna.faults.lines == []


async def test_by_keyboard_alone(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        keys = anna.page.keyboard
        await expect(anna.rows).to_have_count(1)
        await keys.press("j")
        await expect(anna.rows.first).to_be_focused()
        await keys.press("Enter")
        await expect(anna.log).to_contain_text(WISH)
        await keys.press("a")
        await owner_is(server, thread, "agent")
        await expect(anna.log).to_contain_text("Anna svarar nu")
        await keys.press("r")
        await expect(anna.reply).to_be_focused()
        await keys.type("ja, jag är en människa")  # letters are no commands here
        await keys.press("Control+Enter")
        await expect(anna.reply).to_have_value("")
        await server.phone_shows("twilio_sms", PHONE_NUMBER, "ja, jag är en människa")
        await keys.press("Escape")
        await expect(anna.log).to_be_focused()
        await keys.press("b")
        dialog = anna.page.get_by_role("dialog", name="Lämna tillbaka till assistenten")
        await expect(dialog.get_by_label("Anteckning (frivillig)")).to_be_focused()
        await keys.press("Tab")
        await keys.press("Tab")
        await keys.press("Enter")
        await owner_is(server, thread, "bot")
        await expect(dialog).to_have_count(0)
        await keys.press("g")
        await keys.press("i")
        await expect(anna.page).to_have_url(f"{server.base}/desk")
        assert anna.faults.lines == []


async def test_letters_can_be_turned_off(server: House) -> None:
    await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.page.get_by_role("button", name="Inloggad som Anna").click()
        await anna.page.get_by_role("menuitem", name="Inställningar").click()
        dialog = anna.page.get_by_role("dialog", name="Inställningar")
        await dialog.get_by_label("Kortkommandon med en bokstav").uncheck()
        await anna.page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await anna.page.keyboard.press("?")
        await anna.page.keyboard.press("Control+k")
        await expect(anna.page.get_by_role("dialog")).to_have_count(1)
        await expect(anna.page.get_by_placeholder("Vad vill du göra?")).to_be_focused()
        assert anna.faults.lines == []


async def test_transfer_and_snooze_and_resolve(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.press("Ta ärendet")
        await anna.press("Fler val")
        await anna.page.get_by_role("menuitem", name="Skicka vidare").click()
        dialog = anna.page.get_by_role("dialog", name="Skicka vidare")
        queues = dialog.get_by_label("Kö", exact=True)
        await expect(queues.locator("option")).to_have_text(["support (väntar: 0)", "Annan kö …"])
        await queues.select_option("Annan kö …")
        await dialog.get_by_label("Köns namn").fill("returer")
        await dialog.get_by_role("button", name="Skicka vidare").click()
        await expect(dialog).to_contain_text("Skriv vad nästa person behöver veta.")
        await owner_is(server, thread, "agent")
        await dialog.get_by_label("Vad behöver nästa person veta?").fill("Jackan är trasig")
        await dialog.get_by_role("button", name="Skicka vidare").click()
        await expect(anna.log).to_contain_text("Väntar i kön returer · skickades vidare")
        await expect(anna.log.locator(".message.note .text")).to_have_text("Jackan är trasig")
        await anna.press("Ta ärendet")
        await anna.press("Fler val")
        await anna.page.get_by_role("menuitem", name="Parkera").click()
        await anna.page.get_by_role("button", name="I morgon 08:00").click()
        await expect(anna.log).to_contain_text("Ärendet parkerades till")
        await anna.view("Parkerade")
        await expect(anna.rows).to_have_count(1)
        await anna.press("Lös")
        dialog = anna.page.get_by_role("dialog", name="Lös ärendet")
        await dialog.get_by_label("Hur slutade det?").select_option("duplicate")
        await dialog.get_by_role("button", name="Lös").click()
        await expect(anna.log).to_contain_text("Ärendet stängdes · dubblett")
        await expect(anna.rows).to_have_count(0)
        await owner_is(server, thread, "bot")
        assert anna.faults.lines == []


async def test_a_hit_of_the_search_opens_its_thread_at_the_entry(server: House) -> None:
    thread = await somebody_waits(server)
    anna = await server.agent("Eva")
    by = ByAgent(agent=anna.id, name="Eva")
    await server.parts.desk.note(thread, by, text="Nyckelordet är grävling")
    for number in range(150):
        await server.parts.desk.note(thread, by, text=f"note {number}")
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        await expect(seat.rows).to_have_count(1)
        await seat.page.keyboard.press("/")
        dialog = seat.page.get_by_role("dialog", name="Sök")
        await dialog.get_by_label("Sök i samtal och bland kunder").fill("grävling")
        await expect(dialog.locator("mark")).to_have_text("grävling")
        await dialog.get_by_role("link").click()
        found = seat.log.locator("[data-found=true] .text")
        await expect(found).to_have_text("Nyckelordet är grävling")
        await expect(found).to_be_in_viewport()
        await expect(seat.log.get_by_text("note 149", exact=True)).to_have_count(0)
        await seat.press("Till det senaste")
        await expect(seat.log.get_by_text("note 149", exact=True)).to_be_visible()
        assert seat.faults.lines == []


async def test_a_file_goes_with_a_reply(server: House) -> None:
    visitor = await server.visitor()
    await visitor.do("ask_human", {"id": "h1", "text": WISH})
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await expect(anna.rows).to_have_count(1)
        await anna.open_first()
        files = anna.page.locator(".composer input[type=file]")
        receipt: FilePayload = {
            "name": "kvitto å.txt",
            "mimeType": "text/plain",
            "buffer": b"Summa: 100 kr",
        }
        program: FilePayload = {
            "name": "fel.exe",
            "mimeType": "text/plain",
            "buffer": b"MZ\x00\x01\x02",
        }
        await files.set_input_files([receipt, program])
        attaching = anna.page.locator(".attaching li")
        await expect(attaching.filter(has_text="kvitto å.txt")).to_contain_text("1 kB")
        await expect(attaching.filter(has_text="fel.exe")).to_contain_text("kunde inte laddas upp")
        await anna.send("Här är kvittot")
        await anna.shows_reply("Här är kvittot")
        link = anna.log.get_by_role("link", name="Ladda ner kvitto å.txt")
        await expect(link).to_be_visible()
        told = await visitor.hears("Här är kvittot")
        assert [one["name"] for one in told["attachments"]] == ["kvitto å.txt"]
        async with server.http.get(told["attachments"][0]["url"]) as answer:
            assert await answer.read() == b"Summa: 100 kr"
        assert anna.faults.lines == []


async def test_colleagues_see_each_other(server: House) -> None:
    await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        bo = await take_seat(browser, server, "Bo")
        await anna.open_first()
        await bo.open_first()
        await expect(anna.page.locator(".viewers")).to_contain_text("Här är också Bo")
        await anna.reply.press_sequentially("Hej")
        await expect(bo.page.locator(".collision")).to_have_text(
            "Anna skriver just nu. Kom överens innan du svarar."
        )
        assert anna.faults.lines == bo.faults.lines == []
