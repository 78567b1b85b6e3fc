"""The console's customer card: who somebody is, links made and ended, and what goes with them."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from bot.model.channel import Address
from bot.model.event import LoginSeen, SignedIn
from bot.model.facet import FacetBy
from bot.model.fact import Attribute, AttributeKey, Claimed, ClaimKind, Purchased
from bot.model.ids import EventId
from bot.model.people import Role
from bot.model.record import Acceptance, Arrival, IdentitySeed
from tests.browser.console import PATIENCE, somebody_waits, take_seat
from tests.browser.kit import DESKTOP, PHONE, browsing, open_page, violations
from tests.builders import at, consent, fact
from tests.edge.house import PASSWORD, until

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, Route

    from bot.model.fact import FactBody
    from bot.model.people import Link
    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

NUMBER = "+46701740605"
SMS = Address(channel="twilio_sms", account="demo", user=NUMBER)
TELEGRAM = Address(channel="telegram", account="demo", user="42")
EVIL = "<img src=x onerror=\"document.title='owned'\">@mail.se"


def claim(value: str) -> FactBody:
    return Claimed(what=ClaimKind.EMAIL, value=value, raw=value)


async def two_customers(server: House) -> None:
    """One by SMS who waits, and one on Telegram; each says to have the same e-mail."""
    await somebody_waits(server, NUMBER)
    await server.write("telegram", "42", "Hemligt på Telegram")
    await until(lambda: _wrote(server, TELEGRAM))
    order = Purchased(order="A-1", amount="1295.00", currency="SEK")
    names = [("crm", "Anna B", False), ("shop", "Anna Berg", True)]
    await server.store.put_facts(
        [
            fact(SMS, "c1", body=claim("anna@mail.se")),
            fact(SMS, "c2", body=claim(EVIL)),
            fact(TELEGRAM, "c3", body=claim("anna@mail.se")),
            fact(SMS, "o1", when=9, body=order),
            *(
                fact(
                    SMS,
                    source,
                    body=Attribute(key=AttributeKey.NAME, value=value, verified=verified),
                ).model_copy(update={"source": source})
                for source, value, verified in names
            ),
        ]
    )


async def _wrote(server: House, where: Address) -> bool:
    turn = await server.store.turn(where.home_thread)
    return turn.state.last_at is not None and not turn.events


def card(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Om kunden")


async def say(page: Page, button: str, *, why: str) -> None:
    """Fill in the reason in the dialog that is open, and send it."""
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Varför").fill(why)
    await dialog.get_by_role("button", name=button, exact=True).click()
    await expect(dialog).to_have_count(0, timeout=PATIENCE)


async def linked(server: House) -> Link:
    """Have an agent link the two; gives the link."""
    desk = await server.log_in("Berit", role=Role.ADMIN)
    body = {"identity": TELEGRAM.identity, "reason": "r", "client_id": "c1"}
    assert (await desk.post(f"/customers/{SMS.identity}/links", body))[0] == 200
    (made,) = await server.store.links([SMS.identity, TELEGRAM.identity])
    return made.link


async def test_the_card_says_who_it_is_and_two_are_linked(server: House) -> None:
    await two_customers(server)
    async with browsing() as browser:
        seat = await take_seat(browser, server, role=Role.ADMIN)
        page = seat.page
        await seat.open_first()
        shown = card(page)
        await expect(shown.locator(".level")).to_have_text(["L2 Intygad adress"])
        await expect(shown).to_contain_text("Avsändare av sms kan förfalskas")
        await expect(shown).to_contain_text("uppger sig vara")
        await expect(shown).to_contain_text(EVIL)
        await expect(shown.locator(".conflict")).to_have_text("crm säger Anna B")
        await expect(shown).to_contain_text("Köpte A-1 för 1 295 kr")
        row = seat.rows.first.locator(".level")
        await expect(row).to_have_text("L2 Intygad adress")

        # A link needs a reason; then the two are one.
        suggestion = shown.locator(".suggestion")
        await expect(suggestion).to_contain_text("E-post anna@mail.se: båda uppger den")
        await suggestion.get_by_role("button", name="Koppla till").click()
        dialog = page.get_by_role("dialog", name="Koppla till en annan kund")
        await dialog.get_by_role("button", name="Koppla", exact=True).click()
        await expect(dialog.get_by_text("Skriv varför.")).to_be_visible()
        await say(page, "Koppla", why="Ringde och sa sitt ordernummer")
        await expect(shown.locator(".level").first).to_have_text("L3 Kopplad", timeout=PATIENCE)
        await expect(shown).to_contain_text("En medarbetare intygar")
        await expect(suggestion).to_have_count(0)
        await expect(row).to_have_text("L3 Kopplad")
        await expect(seat.log).to_contain_text("Två kanaler blev en kund")
        assert await page.title() != "owned"
        assert seat.faults.lines == []
    (made,) = await server.store.links([SMS.identity, TELEGRAM.identity])
    assert (made.link.reason, made.holds) == ("Ringde och sa sitt ordernummer", True)


async def test_a_consent_is_shown_for_a_persona_where_it_differs(server: House) -> None:
    await two_customers(server)
    said = [(True, 1, None), (False, 2, "business"), (True, 3, "parent")]
    told = [consent(SMS, opted_out=out, when=at(when), facet=facet) for out, when, facet in said]
    await server.store.accept(Acceptance(consents=tuple(told)))
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        await seat.open_first()
        shown = card(seat.page).locator("section", has_text="Samtycken").locator(".pair")
        await expect(shown).to_have_count(2)
        await expect(shown.nth(0)).to_contain_text(re.compile("^SMSReklam: nej"))
        await expect(shown.nth(1)).to_contain_text(re.compile("^SMS · som FöretagReklam: ja"))
        assert seat.faults.lines == []


async def test_who_parts_under_the_agents_eyes_is_gone_at_once(server: House) -> None:
    await two_customers(server)
    await linked(server)
    async with browsing() as browser:
        seat = await take_seat(browser, server, role=Role.ADMIN)
        page, shown = seat.page, card(seat.page)
        await seat.open_first()
        await expect(seat.log).to_contain_text("Hemligt på Telegram")
        await shown.get_by_role("button", name="Koppla isär").click()
        await say(page, "Koppla isär", why="Fel person")
        parted = page.locator(".parted")
        await expect(parted).to_contain_text("Kopplingen bröts", timeout=PATIENCE)
        await expect(parted).to_have_attribute("role", "alert")
        await expect(seat.log).not_to_contain_text("Hemligt")
        await page.get_by_role("button", name="Jag förstår").click()
        await expect(parted).to_have_count(0)
        await expect(shown.locator(".level").first).to_have_text(
            "L2 Intygad adress", timeout=PATIENCE
        )
        await expect(shown).not_to_contain_text("Telegram · 42")
        await shown.get_by_text("Logg över kopplingar").click()
        await expect(shown.locator(".level-change").first).to_contain_text("SMS")
        assert seat.faults.lines == []
    (made,) = await server.store.links([SMS.identity, TELEGRAM.identity])
    assert not made.holds


async def test_the_other_customer_is_gone_after_a_line_that_was_cut(server: House) -> None:
    await two_customers(server)
    link = await linked(server)
    desk = await server.log_in("Disa", role=Role.ADMIN)
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        await seat.open_first()
        await expect(seat.log).to_contain_text("Hemligt på Telegram")
        await seat.cut()
        url = f"{server.base}/api/v1/customers/{SMS.identity}/links/{link.id}"
        async with desk.http.delete(
            url,
            params={"reason": "r", "client_id": "c2"},
            headers={"X-CSRF-Token": desk.csrf},
        ) as response:
            assert response.status == 200
        await seat.mend()
        parted = seat.page.locator(".parted")
        await expect(parted).to_contain_text("Kopplingen bröts", timeout=PATIENCE)
        await expect(seat.log).not_to_contain_text("Hemligt")
        # An agent without the right sees the card, and no buttons.
        await expect(card(seat.page)).to_contain_text("Kan vara samma kund", timeout=PATIENCE)
        buttons = card(seat.page).get_by_role("button", name="Koppla")
        await expect(buttons).to_have_count(0)
        assert seat.faults.lines == []


async def test_a_suggestion_is_dismissed_by_the_keyboard(server: House) -> None:
    await two_customers(server)
    async with browsing() as browser:
        seat = await take_seat(browser, server, role=Role.ADMIN)
        page = seat.page
        await seat.open_first()
        dismiss = card(page).get_by_role("button", name="Avfärda")
        await dismiss.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Inte samma kund")
        await expect(dialog).to_be_visible()
        await dialog.get_by_label("Varför").focus()
        await page.keyboard.type("Syskon")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(dialog).to_have_count(0, timeout=PATIENCE)
        await expect(card(page).locator(".suggestion")).to_have_count(0, timeout=PATIENCE)
        await expect(seat.log).to_contain_text("Förslag avfärdades: Syskon")
        # The commands are in the palette, too.
        await page.keyboard.press("Control+k")
        await page.get_by_label("Vad vill du göra?").fill("Koppla till")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Koppla till en annan kund")).to_be_visible()
        assert seat.faults.lines == []
    assert await server.store.links([SMS.identity, TELEGRAM.identity]) == []


async def test_an_agent_says_in_which_role_the_customer_writes(server: House) -> None:
    await somebody_waits(server, NUMBER)
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        page = seat.page
        await seat.open_first()
        role = card(page).locator(".pair", has_text="Roll")
        await expect(role).to_contain_text("Privat")
        change = role.get_by_role("button", name="Ändra kundens roll")
        await change.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Ändra kundens roll")
        await expect(dialog.get_by_label("Roll")).to_be_focused()
        assert await violations(page) == []
        await dialog.get_by_label("Roll").select_option("Företag")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(dialog).to_have_count(0, timeout=PATIENCE)
        await expect(change).to_be_focused()
        await expect(role).to_contain_text("Företag", timeout=PATIENCE)
        await expect(seat.log).to_contain_text("Kundens roll är nu Företag · Anna")
        # It is in the palette, too; and where the case is another one by now, nothing is done.
        await page.keyboard.press("Control+k")
        await page.get_by_label("Vad vill du göra?").fill("kundens roll")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_label("Roll")).to_have_value("business")
        await page.route("**/facet", _another_case)
        await dialog.get_by_role("button", name="Spara").click()
        await expect(dialog.get_by_role("alert")).to_have_text(
            "Kunden har ett nyare ärende. Se efter och försök igen."
        )
        assert seat.faults.lines == []
    state = (await server.store.turn(SMS.home_thread)).state
    assert state.facet == "business"
    assert state.episode is not None
    assert (state.episode.facet, state.episode.facet_by) == ("business", FacetBy.AGENT)


async def test_what_cannot_be_shown_leaves_the_rest_of_the_console(server: House) -> None:
    await two_customers(server)
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        page = seat.page
        await page.route("**/api/v1/customers/*", _without_links)
        await seat.view("Väntar")
        await seat.rows.first.click()
        await expect(page.get_by_role("alert")).to_contain_text("Något gick fel i konsolen.")
        await page.unroute("**/api/v1/customers/*")
        await seat.view("Alla")
        await page.locator(f"[data-thread-row='{await _thread(server, TELEGRAM)}']").click()
        await expect(seat.log).to_contain_text("Hemligt på Telegram")
        await expect(card(page).locator(".level")).to_have_text(["L2 Intygad adress"])


async def _without_links(route: Route) -> None:
    """Answer as a server that the page does not understand."""
    answer = await (await route.fetch()).json()
    await route.fulfill(json={key: value for key, value in answer.items() if key != "links"})


async def _another_case(route: Route) -> None:
    """Send what was asked for with the id of a case that is not the latest."""
    wanted = {"facet": "parent", "episode": "epi_000000000000000000000000"}
    await route.continue_(post_data=json.dumps(wanted))


async def test_what_is_refused_is_told(server: House) -> None:
    await two_customers(server)
    desk = await server.log_in("Berit", role=Role.ADMIN)
    for number, (where, sub) in enumerate(((SMS, "1"), (TELEGRAM, "2"))):
        login = Address(channel="login", account="shop", user=sub)
        await _sign_in(server, where, login, key=str(number))
    body = {"identity": TELEGRAM.identity, "reason": "r", "client_id": "c1"}
    async with browsing() as browser:
        seat = await take_seat(browser, server, role=Role.ADMIN)
        await seat.open_first()
        assert (await desk.post(f"/customers/{SMS.identity}/links", body))[0] == 409
        notice = seat.page.get_by_text("två inloggade kunder kan inte bli en")
        await expect(notice).to_have_count(2, timeout=PATIENCE)  # one for each of the two
        mark = card(seat.page).locator("[data-conflict]")
        await expect(mark).to_contain_text("inloggad som någon annan", timeout=PATIENCE)
        await expect(seat.log.locator(".fact[data-warns=true]")).to_have_count(1)
        suggestion = card(seat.page).locator(".suggestion")
        await expect(suggestion).to_contain_text("Kan inte kopplas")
        await expect(suggestion.get_by_role("button", name="Koppla")).to_have_count(0)
        await expect(card(seat.page).locator(".level").first).to_have_text("L4 Inloggad")
        await seat.view("Alla")
        await seat.page.locator(f"[data-thread-row='{await _thread(server, TELEGRAM)}']").click()
        warning = seat.log.locator(".fact[data-warns=true]")
        await expect(warning).to_contain_text("inloggade som två olika kunder")
        await expect(mark).to_have_count(1)
        assert seat.faults.lines == []


async def _thread(server: House, where: Address) -> str:
    identity = await server.store.identity(where.identity)
    assert identity is not None
    return identity.thread


async def _sign_in(server: House, where: Address, login: Address, *, key: str) -> None:
    now = server.parts.clock.now()
    made = Arrival(
        id=EventId.of("seen", key),
        identity=login.identity,
        seed=IdentitySeed(address=login),
        at=now,
        body=LoginSeen(),
    )
    signed = Arrival(
        id=EventId.of("signed", key),
        identity=where.identity,
        at=now,
        body=SignedIn(login=login.identity, token=f"jti-{key}"),
    )
    for one in (made, signed):
        await server.parts.ingress.submit([one])
        await until(partial(_processed, server, one.id))


async def _processed(server: House, event: EventId) -> bool:
    return await server.store.outcome(event) is not None


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", ["sv-SE", "en-GB"])
async def test_axe_finds_nothing(
    server: House, locale: str, size: tuple[int, int], *, dark: bool
) -> None:
    swedish = locale == "sv-SE"
    await two_customers(server)
    await server.agent("Anna", role=Role.ADMIN)
    async with browsing() as browser:
        page, faults = await open_page(
            browser, f"{server.base}/desk", locale=locale, dark=dark, size=size
        )
        await page.get_by_label("E-post" if swedish else "E-mail").fill("anna@example.com")
        await page.get_by_label("Lösenord" if swedish else "Password", exact=True).fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("[data-thread-row]").first.click()
        await expect(page.get_by_role("log")).to_be_visible()
        if size == PHONE:
            await page.get_by_role("log").focus()
            await page.keyboard.press("c")
        suggestion = page.locator(".suggestion:visible")
        await expect(suggestion).to_be_visible(timeout=PATIENCE)
        assert await violations(page) == []
        name = "Koppla till " if swedish else "Link to "
        await suggestion.get_by_role("button", name=name).click()
        title = "Koppla till en annan kund" if swedish else "Link to another customer"
        await expect(page.get_by_role("dialog", name=title)).to_be_visible()
        assert await violations(page) == []
        assert faults.lines == []


async def test_a_field_is_corrected_in_place_by_keyboard(server: House) -> None:
    await two_customers(server)
    city = Attribute(key=AttributeKey.CITY, value="Umea")
    told = fact(SMS, "city", body=city).model_copy(update={"source": "crm"})
    await server.store.put_facts([told])
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        page, shown = seat.page, card(seat.page)
        await seat.open_first()
        # What is verified is changed where it was verified.
        pencil = shown.get_by_role("button", name="Ändra Ort")
        await expect(pencil).to_be_visible(timeout=PATIENCE)
        await expect(shown.get_by_role("button", name="Ändra Namn")).to_have_count(0)

        field = shown.get_by_role("textbox", name="Ort")
        await pencil.press("Enter")
        await expect(field).to_be_focused()
        await field.press("Escape")
        await expect(pencil).to_be_focused()
        await pencil.press("Enter")
        await field.fill("")
        await field.press("Enter")
        await expect(shown).to_contain_text("Skriv något.")
        assert await violations(page) == []
        # A colleague was faster: that is said, and saving again replaces it.
        desk = await server.log_in("Bo")
        url = f"{desk.base}/api/v1/customers/{SMS.identity}/fields/city"
        async with desk.http.put(
            url, json={"value": "Luleå", "client_id": "b"}, headers={"X-CSRF-Token": desk.csrf}
        ) as response:
            assert response.status == 200
        await field.fill("Umeå")
        await field.press("Enter")
        await expect(shown).to_contain_text("Nu står det Luleå.", timeout=PATIENCE)
        await field.press("Enter")
        await expect(field).to_have_count(0, timeout=PATIENCE)
        await expect(pencil).to_be_focused()
        pair = shown.locator(".pair", has=page.get_by_role("button", name="Ändra Ort"))
        await expect(pair).to_contain_text("Umeå")
        await expect(pair).to_contain_text("Anna")
        assert seat.faults.lines == []


async def test_a_field_that_nobody_told_is_filled_in(server: House) -> None:
    await two_customers(server)
    async with browsing() as browser:
        seat = await take_seat(browser, server)
        page, shown = seat.page, card(seat.page)
        await seat.open_first()
        await shown.get_by_role("button", name="Fyll i uppgift").click()
        await shown.get_by_role("combobox", name="Uppgift").select_option("phone")
        field = shown.get_by_role("textbox", name="Telefon")
        await field.fill("tolv")
        await shown.get_by_role("button", name="Spara").click()
        await expect(shown).to_contain_text("Det går inte som Telefon.", timeout=PATIENCE)
        assert await violations(page) == []
        await field.fill("070-174 06 06")
        await shown.get_by_role("button", name="Spara").click()
        await expect(shown).to_contain_text("+46701740606", timeout=PATIENCE)
        await expect(shown.get_by_role("button", name="Ändra Telefon")).to_be_visible()
    kept = await server.store.facts([SMS.identity], kinds=["attribute"])
    assert [one.source for one in kept].count("agent") == 1
