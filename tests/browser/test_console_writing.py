"""What helps agents write: canned replies, notes kept once, files seen before they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.thread import Note
from tests.browser.console import PATIENCE, somebody_waits, take_seat
from tests.browser.kit import browsing
from tests.browser.test_files import LETTER, PICTURE

if TYPE_CHECKING:
    from playwright.async_api import FilePayload, Locator, Route

    from bot.model.ids import ThreadId
    from tests.browser.console import Seat
    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

SMS_TIME = (
    "Varor i lager är framme inom 2 till 4 vardagar. Du får ett sms när paketet finns att hämta."
)


def _options(anna: Seat) -> Locator:
    return anna.page.get_by_role("listbox", name="Snabbsvar").get_by_role("option")


async def test_the_content_is_at_hand_by_keys(server: House) -> None:
    await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        keys = anna.page.keyboard
        await anna.reply.press_sequentially("/")
        listed = anna.page.get_by_role("listbox", name="Snabbsvar")
        group = listed.get_by_role("group", name="Från innehållet · Svenska · SMS")
        await expect(group).to_be_visible()
        assert await group.get_by_role("option").count() > 20
        assert "{" not in await listed.inner_text()
        await keys.type("när kommer")
        options = _options(anna)
        # Those that have the words in their titles come first.
        await expect(options.locator("strong")).to_have_text(
            ["När kommer det?", "Faktura", "Finns den i lager?", "Ändra mina snabbsvar …"]
        )
        await expect(anna.page.locator(".canned [role=status]")).to_contain_text("Snabbsvar: 3.")
        # The text keeps the keyboard, and says which option is the current one.
        await expect(anna.reply).to_be_focused()
        active = await anna.reply.get_attribute("aria-activedescendant")
        assert active == await options.first.get_attribute("id")
        await keys.press("ArrowUp")
        await expect(options.last).to_have_attribute("aria-selected", "true")
        await keys.press("ArrowDown")
        await expect(options.first).to_have_attribute("aria-selected", "true")
        await keys.press("Enter")
        await expect(anna.reply).to_have_value(SMS_TIME)
        await expect(listed).to_have_count(0)
        origin = anna.page.locator(".from-content")
        await expect(origin).to_have_text("Från innehållet: När kommer det?answer.delivery.time")
        await anna.reply.fill("")
        await expect(origin).to_have_count(0)
        await keys.type("/zzz")
        await expect(listed).to_contain_text("Inga snabbsvar passar.")
        await keys.press("Escape")
        await expect(listed).to_have_count(0)
        await keys.type("z")
        await expect(listed).to_have_count(0)
        await expect(anna.reply).to_have_value("/zzzz")
        assert anna.faults.lines == []


async def test_another_channel_has_texts_of_its_own(server: House) -> None:
    visitor = await server.visitor(language="sv")
    await visitor.do("ask_human", {"id": "h1", "text": "Jag vill prata med en människa"})
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await expect(anna.rows).to_have_count(1)
        await anna.open_first()
        await anna.reply.press_sequentially("/när kommer")
        first = _options(anna).first
        await expect(first).to_contain_text("Varor i lager är framme inom 2 till 4 vardagar.")
        await expect(first).not_to_contain_text("Du får ett sms när")
        # By a press, below what was begun.
        await anna.reply.fill("Hej!")
        await anna.press("Snabbsvar")
        await _options(anna).filter(has_text="När kommer det?").click()
        await expect(anna.reply).to_have_value("Hej!\n" + await _default_time(server))
        await expect(anna.reply).to_be_focused()
        assert anna.faults.lines == []


async def _default_time(server: House) -> str:
    found = await server.parts.canned.replies("webchat", language="sv", text="När kommer det?")
    return found.replies[0].text


async def test_own_canned_replies_come_first(server: House) -> None:
    await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.press("Snabbsvar")
        await _options(anna).filter(has_text="Ändra mina snabbsvar …").click()
        dialog = anna.page.get_by_role("dialog", name="Snabbsvar")
        for name, text in (("hej", "Hej {name}!"), ("frakt", "Frakten kostar 49 kr.")):
            await dialog.get_by_label("Kortnamn").fill(name)
            await dialog.get_by_label("Text").fill(text)
            await dialog.get_by_role("button", name="Lägg till").click()
            await expect(dialog.get_by_text(f"/{name}")).to_be_visible()
        await anna.page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await anna.reply.press_sequentially("/kostar 49")
        await expect(_options(anna).first).to_contain_text("/fraktFrakten kostar 49 kr.")
        await anna.page.keyboard.press("Enter")
        await expect(anna.reply).to_have_value("Frakten kostar 49 kr.")
        await expect(anna.page.locator(".from-content")).to_have_count(0)
        await anna.reply.fill("/hej")
        await anna.page.keyboard.press("Enter")
        # Nobody knows the customer's name.
        await expect(anna.reply).to_have_value("Hej!")
        assert anna.faults.lines == []


async def test_content_that_cannot_be_fetched_leaves_the_agents_own(server: House) -> None:
    await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        await anna.page.route("**/api/v1/replies*", lambda route: route.abort())
        await anna.reply.press_sequentially("/")
        listed = anna.page.get_by_role("listbox", name="Snabbsvar")
        await expect(listed).to_contain_text(
            "Texterna ur innehållet kunde inte hämtas.", timeout=PATIENCE
        )
        await expect(listed.get_by_role("option")).to_have_text(["Ändra mina snabbsvar …"])
        assert anna.faults.lines == []


async def _notes(server: House, thread: ThreadId) -> list[str]:
    views = await server.parts.desk.entries(thread, limit=500)
    return [view.entry.body.text for view in views if isinstance(view.entry.body, Note)]


async def test_a_note_whose_answer_was_lost_is_kept_once(server: House) -> None:
    thread = await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()

        async def lose_the_answer(route: Route) -> None:
            await route.fetch()
            await route.abort()

        await anna.page.route("**/note", lose_the_answer)
        await anna.page.keyboard.press("n")
        note = anna.page.get_by_label("Anteckning, bara för kollegor")
        await note.fill("Stamkund")
        await anna.press("Spara anteckning")
        alert = anna.page.locator(".composer").get_by_role("alert")
        await expect(alert).to_contain_text("Anteckningen sparades inte", timeout=PATIENCE)
        await anna.page.unroute("**/note", lose_the_answer)
        await anna.press("Spara anteckning")
        await expect(note).to_have_value("")
        await expect(anna.log.locator(".note .text")).to_have_text("Stamkund")
        assert await _notes(server, thread) == ["Stamkund"]
        # The same words once more are a note of their own.
        await note.fill("Stamkund")
        await anna.press("Spara anteckning")
        await expect(anna.log.locator(".note .text")).to_have_count(2)
        assert await _notes(server, thread) == ["Stamkund", "Stamkund"]
        assert anna.faults.lines == []


async def test_files_are_seen_before_they_go_and_taken_out_by_keys(server: House) -> None:
    visitor = await server.visitor()
    await visitor.do("ask_human", {"id": "h1", "text": "Jag vill prata med en människa"})
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await expect(anna.rows).to_have_count(1)
        await anna.open_first()
        chooser = anna.page.locator(".composer input[type=file]")
        await chooser.set_input_files([PICTURE, LETTER])
        files = anna.page.get_by_role("list", name="Bifogade filer").get_by_role("listitem")
        await expect(files).to_have_count(2)
        picture = files.filter(has_text="jacka <i>.png")
        await expect(picture).to_contain_text("PNG · 1 kB")
        await _is_shown(picture.locator("img"), "blob:")
        await expect(files.filter(has_text="retur.txt")).to_contain_text("TXT · 1 kB")
        await expect(files.filter(has_text="retur.txt").locator("img")).to_have_count(0)
        # The page comes again: the picture is the server's.
        await anna.page.reload()
        await _is_shown(picture.locator("img"), "/files/")
        await anna.page.get_by_role("button", name="Ta bort jacka <i>.png").focus()
        await anna.page.keyboard.press("Enter")
        await expect(files).to_have_count(1)
        await expect(anna.page.get_by_role("button", name="Ta bort retur.txt")).to_be_focused()
        await chooser.set_input_files([PICTURE])
        await expect(files).to_have_count(2)
        await anna.page.get_by_role("button", name="Ta bort retur.txt").press("Enter")
        await anna.page.get_by_role("button", name="Ta bort jacka <i>.png").press("Enter")
        await expect(files).to_have_count(0)
        await expect(anna.reply).to_be_focused()
        await chooser.set_input_files([PICTURE])
        await expect(files).to_have_count(1)
        await anna.send("Så ser den ut")
        told = await visitor.hears("Så ser den ut")
        assert [one["name"] for one in told["attachments"]] == ["jacka <i>.png"]
        assert anna.faults.lines == []


async def test_more_files_than_a_reply_takes_are_told(server: House) -> None:
    await somebody_waits(server)
    async with browsing() as browser:
        anna = await take_seat(browser, server)
        await anna.open_first()
        many: list[FilePayload] = [{**LETTER, "name": f"{number}.txt"} for number in range(12)]
        await anna.page.locator(".composer input[type=file]").set_input_files(many)
        files = anna.page.get_by_role("list", name="Bifogade filer").get_by_role("listitem")
        refused = files.filter(has_text="Högst 10 filer åt gången.")
        await expect(refused).to_have_count(2)
        await expect(files.filter(has_text="TXT · 1 kB")).to_have_count(10)
        await refused.first.get_by_role("button").press("Enter")
        await expect(refused).to_have_count(1)
        assert anna.faults.lines == []


async def _is_shown(picture: Locator, source: str) -> None:
    """Return when the picture is there, from such an address."""
    await expect(picture).to_have_js_property("naturalWidth", 24, timeout=PATIENCE)
    assert (await picture.get_attribute("src") or "").startswith(source)
