"""Who a visitor is: signing in and out, linked channels, and what pages are told to forget."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

import pytest
import socketio

from bot.buses.local import LocalFanout
from bot.hub.settings import HubSettings
from bot.model.channel import Address
from bot.model.fact import Retired
from bot.model.people import Proof
from tests.edge.house import Browser, House, Site, house, until, until_all
from tests.edge.tokens import realm, token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PHONE = "+46701740605"
OTHER_PHONE = "+46701740699"
SMS = {"channel": "twilio_sms", "account": "demo"}


@pytest.fixture
async def server() -> AsyncIterator[House]:
    async with house(
        realms={"shop": realm()}, visitor_rate={"per_second": 50, "burst": 100}
    ) as one:
        yield one


def address(browser: Browser) -> Address:
    user = str(browser.told("welcome")[-1]["visitor"])
    return Address(channel="webchat", account="demo", user=user)


async def thread_of(server: House, browser: Browser) -> str | None:
    identity = await server.store.identity(address(browser).identity)
    return None if identity is None else identity.thread


async def shown_anew(browser: Browser) -> list[str]:
    """What the page shows when it begins from nothing."""
    browser.events[:] = [one for one in browser.events if one[0] == "welcome"]
    assert await browser.do("replay", {"last_seq": 0}) == {"ok": True}
    await until(lambda: bool(browser.told("replayed")))
    return browser.shown()


async def linked_by_sms(server: House, browser: Browser) -> None:
    """The visitor goes on by SMS."""
    offer = await browser.do("continue", SMS)
    await server.bring(PHONE, offer["code"])
    await server.phone_shows("twilio_sms", PHONE, "")
    await until(lambda: len(server.store.memory.links) == 1)


# --- signing in ------------------------------------------------------------------------------


async def test_a_customer_signs_in_and_sees_what_was_said_elsewhere(server: House) -> None:
    phone, laptop = await server.visitor(), await server.visitor()
    await phone.say("Från mobilen", key="m1")
    await until(lambda: bool(phone.texts("bot")))
    answer = await phone.sign_in(token())
    assert (answer["ok"], answer["rotated"]) == (True, False)
    answer = await laptop.sign_in(token())
    assert (answer["ok"], answer["rotated"]) == (True, False)
    assert await thread_of(server, laptop) == await thread_of(server, phone)
    assert "Från mobilen" in await shown_anew(laptop)
    login = await server.store.identity(
        Address(channel="login", account="shop", user="anna").identity
    )
    assert login is not None
    assert login.name == "Anna Lind"
    proofs = [made.link.proof for made in server.store.memory.links.values()]
    assert proofs == [Proof.SIGNED, Proof.SIGNED]
    # Nobody was greeted for it.
    assert laptop.texts("bot") == phone.texts("bot")


async def test_one_who_has_not_signed_in_sees_nothing_of_it(server: House) -> None:
    phone, other = await server.visitor(), await server.visitor()
    await phone.say("Från mobilen", key="m1")
    await phone.sign_in(token())
    await other.say("Hej", key="m1")
    await until(lambda: bool(other.texts("bot")))
    assert "Från mobilen" not in await shown_anew(other)
    assert await thread_of(server, other) != await thread_of(server, phone)


async def test_the_same_token_again_changes_nothing(server: House) -> None:
    visitor, given = await server.visitor(), token()
    for _ in range(3):
        assert (await visitor.sign_in(given))["ok"] is True
    events = [one.body.kind for one in server.store.memory.events.values()]
    assert sorted(events) == ["login_seen", "signed_in"]
    assert len(server.store.memory.facts) == 1
    tab = await server.visitor(token=visitor.token, identity_token=given)
    assert tab.told("welcome")[0]["sign_in"]["ok"] is True
    assert sorted(one.body.kind for one in server.store.memory.events.values()) == sorted(events)


async def test_a_page_may_come_with_its_token(server: House) -> None:
    phone = await server.visitor()
    await phone.say("Från mobilen", key="m1")
    await phone.sign_in(token())
    laptop = await server.visitor(identity_token=token())
    signed = laptop.told("welcome")[0]["sign_in"]
    assert (signed["ok"], signed["rotated"]) == (True, False)
    assert "Från mobilen" in laptop.shown()


async def test_a_page_with_a_bad_token_is_a_visitor_like_any_other(server: House) -> None:
    page = await server.visitor(identity_token=token(aud="other"))
    told = page.told("welcome")[0]["sign_in"]
    assert (told["ok"], told["problem"]["status"]) == (False, 401)
    assert "(aud)" in told["problem"]["detail"]
    assert server.store.memory.identities == {}
    assert (await page.say("Hej", key="m1"))["ok"] is True
    assert all(one.address.channel == "webchat" for one in server.store.memory.identities.values())


async def test_a_second_customer_on_one_browser_is_another_visitor(server: House) -> None:
    """R8: never merged; the page is to begin anew, as somebody else."""
    visitor = await server.visitor()
    await visitor.say("Annas ärende", key="m1")
    await visitor.sign_in(token("anna"))
    given = token("bo")
    answer = await visitor.sign_in(given)
    assert (answer["ok"], answer["rotated"]) == (True, True)
    assert answer["token"] != visitor.token
    fresh = await server.visitor(token=answer["token"])
    assert (await fresh.sign_in(given))["rotated"] is False
    assert await thread_of(server, fresh) != await thread_of(server, visitor)
    assert "Annas ärende" not in await shown_anew(fresh)
    users = {
        one.thread: one.address.user
        for one in server.store.memory.identities.values()
        if one.address.channel == "login"
    }
    assert sorted(users.values()) == ["anna", "bo"]


async def test_a_page_that_comes_with_another_customers_token_is_somebody_new(
    server: House,
) -> None:
    visitor = await server.visitor()
    await visitor.say("Annas ärende", key="m1")
    await visitor.sign_in(token("anna"))
    page = await server.visitor(token=visitor.token, identity_token=token("bo"))
    welcome = page.told("welcome")[0]
    assert welcome["sign_in"]["rotated"] is True
    assert welcome["token"] != visitor.token
    assert page.shown() == []
    await visitor.say("Bara för Anna", key="m2")
    await until(lambda: "Bara för Anna" in visitor.texts("customer"))
    await server.idle()
    assert page.shown() == []


async def test_a_log_in_runs_out_and_so_does_what_it_shows(server: House) -> None:
    phone, laptop = await server.visitor(), await server.visitor()
    await phone.say("Från mobilen", key="m1")
    await phone.sign_in(token())
    now = time.time()
    # The leeway of 30 s counts for the end too.
    await laptop.sign_in(token(iat=now - 60, exp=now - 28))
    assert "Från mobilen" in await shown_anew(laptop)
    await until(lambda: bool(laptop.told("reset")))
    assert laptop.told("reset") == [{"signed": False}]
    assert "Från mobilen" not in await shown_anew(laptop)
    await laptop.sign_in(token())
    assert "Från mobilen" in await shown_anew(laptop)


async def test_a_tab_that_is_not_signed_in_is_shown_what_it_may(server: House) -> None:
    phone, laptop = await server.visitor(), await server.visitor()
    await phone.say("Från mobilen", key="m1")
    await phone.sign_in(token())
    await laptop.sign_in(token())
    tab = await server.visitor(token=laptop.token)
    assert "Från mobilen" not in tab.shown()
    await phone.say("Efter kopplingen", key="m2")
    await tab.hears("Efter kopplingen")


# --- signing out -----------------------------------------------------------------------------


async def test_after_a_sign_out_the_token_opens_nothing(server: House) -> None:
    visitor = await server.visitor()
    tab = await server.visitor(token=visitor.token)
    await visitor.say("Hemligt", key="m1")
    await visitor.sign_in(token())
    answer = await visitor.do("sign_out", {})
    assert answer["ok"] is True
    assert answer["token"] != visitor.token
    await until(lambda: bool(tab.told("signed_out")))
    await until(lambda: not tab.client.namespaces)
    await until(lambda: not visitor.client.namespaces)
    (retired,) = [
        one for one in server.store.memory.facts.values() if isinstance(one.body, Retired)
    ]
    assert retired.identity == address(visitor).identity
    with pytest.raises(socketio.exceptions.ConnectionError, match="failed to connect: /chat"):
        await server.visitor(token=visitor.token)
    fresh = await server.visitor(token=answer["token"])
    assert fresh.shown() == []
    assert await fresh.linked() == []


async def test_a_retired_token_uploads_nothing(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    await visitor.do("sign_out", {})
    headers = {"Authorization": f"Bearer {visitor.token}"}
    async with server.http.post(
        f"{server.base}/chat-api/files", data=b"GIF89a", headers=headers
    ) as got:
        assert got.status == 401
        assert (await got.json())["type"] == "/problems/visitor-token"


async def test_one_who_signed_out_here_does_nothing_more(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    out, after = await asyncio.gather(visitor.do("sign_out", {}), visitor.say("Mer", key="m2"))
    assert (out["ok"], after["ok"]) == (True, False)
    assert after["problem"]["status"] == 401


async def test_a_sign_out_is_heard_at_every_edge() -> None:
    site, fanout = Site.new(), LocalFanout()
    realms = {"shop": realm()}
    async with (
        house(site=site, fanout=fanout, realms=realms) as one,
        house(site=site, fanout=fanout, realms=realms) as other,
    ):
        here = await one.visitor()
        await here.say("Hej", key="m1")
        there = await other.visitor(token=here.token)
        assert (await here.do("sign_out", {}))["ok"] is True
        await until(lambda: bool(there.told("signed_out")))
        await until(lambda: not there.client.namespaces)


# --- linked channels -------------------------------------------------------------------------


async def test_a_visitor_alone_has_one_channel_or_none(server: House) -> None:
    visitor = await server.visitor()
    assert await visitor.linked() == []
    await visitor.say("Hej", key="m1")
    (own,) = await visitor.linked()
    assert re.fullmatch(r"[0-9a-f]{32}", own.pop("identity"))
    assert own.pop("since")
    assert own == {
        "channel": "webchat",
        "account": "demo",
        "label": "",
        "here": True,
        "linked": False,
        "level": "L0",
        "by_agent": False,
        "weak": False,
    }


async def test_channels_are_told_with_how_sure_they_are(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    await linked_by_sms(server, visitor)
    await visitor.sign_in(token())
    told = {one["channel"]: one for one in await visitor.linked()}
    assert [one["here"] for one in told.values()] == [True, False, False]
    shown = {
        channel: (one["label"], one["level"], one.get("proof"), one["weak"], one["linked"])
        for channel, one in told.items()
    }
    assert shown == {
        "webchat": ("", "L4", "signed", False, True),
        "twilio_sms": ("+46 70 ••• •• 05", "L3", "code", True, True),
        "login": ("A•••", "L4", None, False, True),
    }


async def test_what_a_channel_is_called_tells_nothing_of_it(server: House) -> None:
    one, other = await server.visitor(), await server.visitor()
    await one.sign_in(token())
    await other.sign_in(token())
    by_one = {channel["identity"] for channel in await one.linked()}
    by_other = {channel["identity"] for channel in await other.linked()}
    assert len(by_one) == len(by_other) == 3
    assert not by_one & by_other
    assert not by_one & set(server.store.memory.identities)


async def test_unlinking_parts_them_and_resets_every_tab(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    tab = await server.visitor(token=visitor.token)
    await linked_by_sms(server, visitor)
    assert await server.write("twilio_sms", PHONE, "Från telefonen") == 200
    await tab.hears("Från telefonen")
    await until(lambda: bool(visitor.told("linked")))
    (phone,) = [one for one in await visitor.linked() if one["channel"] == "twilio_sms"]
    assert await visitor.do("unlink", {"identity": phone["identity"]}) == {"ok": True}
    await until_all((visitor, tab), lambda page: bool(page.told("reset")))
    for page in (visitor, tab):
        shown = await shown_anew(page)
        assert "Hej" in shown
        assert "Från telefonen" not in shown
    assert [one["channel"] for one in await visitor.linked()] == ["webchat"]
    (gone,) = (await visitor.do("linked", {}))["former"]
    assert gone == {
        "channel": "twilio_sms",
        "account": "demo",
        "label": phone["label"],
        "ended_at": gone["ended_at"],
        "by": "customer",
    }
    assert await server.write("twilio_sms", PHONE, "Bara för telefonen") == 200
    await server.phone_shows("twilio_sms", PHONE, "")
    await server.idle()
    assert "Bara för telefonen" not in tab.texts()


async def test_unlinking_resets_pages_at_every_edge() -> None:
    site, fanout = Site.new(), LocalFanout()
    async with house(site=site, fanout=fanout) as one, house(site=site, fanout=fanout) as other:
        visitor = await one.visitor()
        await visitor.say("Hej", key="m1")
        tab = await other.visitor(token=visitor.token)
        await linked_by_sms(one, visitor)
        (phone,) = [one for one in await visitor.linked() if one["channel"] == "twilio_sms"]
        assert await visitor.do("unlink", {"identity": phone["identity"]}) == {"ok": True}
        await until(lambda: bool(tab.told("reset")))


@pytest.mark.parametrize("identity", ["", "x", "0" * 32])
async def test_what_is_not_ones_own_cannot_be_unlinked(identity: str, server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    answer = await visitor.do("unlink", {"identity": identity})
    assert answer["problem"]["status"] == 404


async def test_a_channel_alone_has_nothing_to_unlink(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    (own,) = await visitor.linked()
    answer = await visitor.do("unlink", {"identity": own["identity"]})
    assert answer["problem"]["status"] == 409


async def test_older_messages_that_were_let_through_are_asked_for(server: House) -> None:
    assert await server.write("twilio_sms", PHONE, "Före kopplingen") == 200
    visitor = await server.visitor()
    offer = await visitor.do("continue", SMS)
    await server.bring(PHONE, offer["code"])
    await until(lambda: len(server.store.memory.links) == 1)
    assert "Före kopplingen" not in await shown_anew(visitor)
    assert await server.write("twilio_sms", PHONE, await yes(server, PHONE)) == 200
    await until(lambda: bool(visitor.told("reset")))
    assert "Före kopplingen" in await shown_anew(visitor)


async def yes(server: House, number: str) -> str:
    """What the question that came by SMS wants to hear for a yes."""
    asked = re.compile(r"JA [0-9]{5}")

    async def texts() -> str:
        return " ".join([one["text"] for one in await server.screen("twilio_sms", number)])

    async def came() -> bool:
        return asked.search(await texts()) is not None

    await until(came)
    found: list[str] = asked.findall(await texts())
    return found[-1].lower()


# --- a code to a number ----------------------------------------------------------------------


async def sms_code(server: House, number: str) -> str:
    """The code that came by SMS."""
    code = re.compile(r"[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}")

    async def found() -> list[str]:
        texts = [one["text"] for one in await server.screen("twilio_sms", number)]
        return [match[0] for text in texts if (match := code.search(text))]

    async def came() -> bool:
        return bool(await found())

    await until(came)
    return (await found())[-1]


async def test_a_number_is_proved_by_the_code_that_came_to_it(server: House) -> None:
    assert await server.write("twilio_sms", PHONE, "Från telefonen") == 200
    visitor = await server.visitor()
    assert visitor.told("welcome")[0]["provable"] == [SMS]
    answer = await visitor.do("prove", {**SMS, "address": "070-174 06 05"})
    assert answer["ok"] is True
    assert answer["expires_at"]
    code = await sms_code(server, PHONE)
    assert (await visitor.say(code, key="m1"))["ok"] is True
    await until(lambda: len(server.store.memory.links) == 1)
    (made,) = server.store.memory.links.values()
    assert made.link.proof is Proof.OTP
    assert code not in str(
        [one["text"] for one in visitor.told("message") if one["author"] != "customer"]
    )
    told = {one["channel"]: one for one in await visitor.linked()}
    assert told["twilio_sms"]["level"] == "L3"
    assert "Från telefonen" not in await shown_anew(visitor)  # until the phone says yes


async def test_a_known_number_and_an_unknown_one_get_the_same_answer(server: House) -> None:
    assert await server.write("twilio_sms", PHONE, "Hej") == 200
    visitor = await server.visitor()
    answers = []
    for number in (PHONE, "+46701740606"):
        answer = await visitor.do("prove", {**SMS, "address": number})
        assert answer.pop("expires_at")
        answers.append(answer)
    assert answers == [{"ok": True}, {"ok": True}]
    assert await sms_code(server, "+46701740606")


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        ({**SMS, "address": "hej"}, 422),
        ({**SMS, "address": "0000000000"}, 422),
        ({**SMS, "address": "112"}, 422),
        ({**SMS, "address": ""}, 422),
        ({**SMS, "address": "x" * 41}, 422),
        ({"channel": "telegram", "account": "demo", "address": PHONE}, 404),
        ({"channel": "webchat", "account": "demo", "address": PHONE}, 404),
        ({"channel": "fax", "account": "demo", "address": PHONE}, 404),
    ],
)
async def test_what_no_code_can_be_sent_to_is_refused(
    claim: dict[str, str], status: int, server: House
) -> None:
    visitor = await server.visitor()
    answer = await visitor.do("prove", claim)
    assert answer["problem"]["status"] == status
    assert server.store.memory.events == {}


async def test_codes_to_numbers_are_counted_three_ways() -> None:
    async with house(proofs_an_hour=2, client_proofs_an_hour=4, number_proofs_an_hour=1) as server:
        numbers = [f"+4670174060{n}" for n in range(8)]

        async def status(visitor: Browser, number: str) -> int:
            answer = await visitor.do("prove", {**SMS, "address": number})
            return 200 if answer["ok"] else int(answer["problem"]["status"])

        one, other = await server.visitor(), await server.visitor()
        assert await status(one, numbers[0]) == 200
        assert await status(other, numbers[0]) == 429  # the number has had its code
        assert await status(one, numbers[1]) == 200
        assert await status(one, numbers[2]) == 429  # the visitor has had theirs
        assert await status(other, numbers[3]) == 200
        third = await server.visitor()
        assert await status(third, numbers[4]) == 429  # and so has the client
        asked = [
            one for one in server.store.memory.events.values() if one.body.kind == "code_asked"
        ]
        assert len(asked) == 3


# --- what a question calls the other side (R5) ------------------------------------------------

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36"
)
HOSTILE = "<script>alert(1)</script> Din bank: ring +46 8 000 00 00"


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"User-Agent": WINDOWS, "X-Country": "se-ac"}, " i Chrome på Windows (SE)"),
        ({"User-Agent": HOSTILE, "X-Country": HOSTILE}, ""),
    ],
    ids=["known", "hostile"],
)
async def test_the_question_on_the_phone_names_the_chat(
    headers: dict[str, str], wanted: str
) -> None:
    """A code sent from a phone, and one sent to a phone; what a browser says itself is not said."""
    async with house(place_header="X-Country") as server:
        visitor = Browser(server.base, headers=headers)
        server.clients.append(visitor)
        await visitor.connect({"language": "sv"})
        offer = await visitor.do("continue", SMS)
        assert offer["repeat"] is True
        await server.write("twilio_sms", PHONE, offer["code"])
        await server.phone_shows("twilio_sms", PHONE, f"{wanted} till den här telefonen?")
        claimed = await visitor.do("prove", SMS | {"address": OTHER_PHONE})
        assert claimed["ok"] is True
        await server.phone_shows("twilio_sms", OTHER_PHONE, f"{wanted}. Skriv den bara")
        began = re.compile(rf"chatten som började [0-9]{{2}}:[0-9]{{2}}{re.escape(wanted)}[ .]")
        for phone in (PHONE, OTHER_PHONE):
            (text,) = [
                one["text"]
                for one in await server.screen("twilio_sms", phone)
                if one["side"] == "them"
            ]
            assert began.search(text), text
            assert "script" not in text
            assert "bank" not in text


async def test_the_whole_installation_sends_so_many_codes_by_sms() -> None:
    few = HubSettings(sms_codes_an_hour=2, foreign_sms_codes_an_hour=0)
    async with house(hub_settings=few) as server:
        asked = []
        for number in ("+46701740605", "+37256000001", "+46701740606", "+46701740607"):
            visitor = await server.visitor()  # each from a browser of their own
            asked.append(await visitor.do("prove", SMS | {"address": number}))
        assert [one["ok"] for one in asked] == [True, False, True, False]
        for refused in (asked[1], asked[3]):
            problem = refused["problem"]
            assert (problem["status"], problem["type"]) == (429, "/problems/codes-spent")
        await server.phone_shows("twilio_sms", "+46701740606", "Din kod är")
        await server.idle()
        assert await server.screen("twilio_sms", "+37256000001") == []
        assert "samtal_codes_refused_total 2.0" in server.parts.metrics.exposition().decode()
