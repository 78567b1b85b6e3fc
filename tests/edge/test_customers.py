"""Customers over HTTP: the card, links that agents make and end, suggestions, and who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.edge.auth import token_hash
from bot.hub.joining import MONTH, TWO_LOGINS, links_key
from bot.hub.settings import HubSettings
from bot.hub.vouching import TAKES_TWO
from bot.model.channel import Address
from bot.model.consents import ConsentFact
from bot.model.event import LoginSeen
from bot.model.fact import (
    Attribute,
    AttributeKey,
    Claimed,
    ClaimKind,
    Purchased,
    Returned,
    TierChanged,
    TrafficSource,
    Visited,
)
from bot.model.ids import EventId
from bot.model.people import ApiToken, Role
from bot.model.record import Acceptance, Arrival, IdentitySeed
from tests.builders import START, fact
from tests.edge.house import House, house, until

if TYPE_CHECKING:
    from bot.model.fact import Fact, FactBody
    from tests.edge.house import Desk

NUMBER = "+46701740605"
PHONE = Address(channel="twilio_sms", account="demo", user=NUMBER)
OTHER = Address(channel="telegram", account="demo", user="42")
LOGIN = Address(channel="login", account="shop", user="4711")
MAIL = "anna@mail.se"
WHY = {"reason": "Ringde och sa sitt ordernummer", "client_id": "c1"}
GOLD = TierChanged(programme="klubben", tier="Guld")


@pytest.fixture
async def server() -> AsyncIterator[House]:
    settings = HubSettings(vip_tiers=("guld",), vip_amount=10_000, own_domains=("fjall.se",))
    async with house(hub_settings=settings) as running:
        yield running


async def boss(server: House, name: str = "Berit") -> Desk:
    return await server.log_in(name, role=Role.ADMIN)


async def known(server: House, *facts: Fact) -> None:
    assert await server.store.put_facts(facts) == [one.id for one in facts]


async def seen(server: House, where: Address) -> None:
    """An identity that never wrote."""
    made = Arrival(
        id=EventId.new(),
        identity=where.identity,
        seed=IdentitySeed(address=where),
        at=START,
        body=LoginSeen(),
    )
    await server.parts.ingress.submit([made])


async def wrote(server: House, *who: Address) -> None:
    for where in who:
        await server.write(where.channel, where.user, "Hej")

        async def is_there(where: Address = where) -> bool:
            turn = await server.store.turn(where.home_thread)
            return bool(turn.identities) and turn.state.last_at is not None and not turn.events

        await until(is_there)


def claim(value: str = MAIL, what: ClaimKind = ClaimKind.EMAIL) -> FactBody:
    return Claimed(what=what, value=value, raw=value.upper())


async def card(desk: Desk, customer: str) -> dict[str, Any]:
    status, answer = await desk.get(f"/customers/{customer}")
    assert status == 200, answer
    found: dict[str, Any] = answer
    return found


async def link(desk: Desk, *, customer: str, other: Address, **more: object) -> tuple[int, Any]:
    body = {"identity": other.identity, **WHY, **more}
    return await desk.post(f"/customers/{customer}/links", body)


async def unlink(desk: Desk, customer: str, link: str, *, key: str = "u1") -> tuple[int, Any]:
    url = f"{desk.base}/api/v1/customers/{customer}/links/{link}"
    query = {"reason": "Fel person", "client_id": key}
    async with desk.http.delete(url, params=query, headers={"X-CSRF-Token": desk.csrf}) as response:
        return response.status, await response.json()


# --- the card --------------------------------------------------------------------------------


async def test_the_card_of_somebody_new(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE)
    found = await card(desk, PHONE.home_thread)
    assert found == await card(desk, PHONE.identity)
    assert found["thread"] == PHONE.home_thread
    assert found["state"]["thread"] == PHONE.home_thread
    assert (found["level"], found["vip"], found["may_link"]) == ("L2", False, True)
    (one,) = found["identities"]
    assert one["identity"]["address"] == PHONE.model_dump()
    assert one["assurance"] == {
        "level": "L2",
        "since": one["identity"]["created_at"],
        "proof": None,
        "weak": True,
        "by_agent": False,
    }
    assert one["phone"] == {
        "value": NUMBER,
        "verified": True,
        "source": "twilio_sms",
        "identity": PHONE.identity,
        "at": one["identity"]["created_at"],
        "by": None,
        "overruled": False,
    }
    assert one["last_inbound_at"] is not None
    (episode,) = found["episodes"]
    assert (episode["phase"], episode["reason"]) == ("open", "opened")
    assert [step["phase"] for step in episode["steps"]] == ["open"]
    nothing = ("links", "claims", "profile", "consents", "facts", "suggestions", "proposals")
    assert {name: found[name] for name in nothing} == {name: [] for name in nothing}
    assert found["visits"] == {"first": None, "last": []}
    assert found["acts"] == []


async def test_the_card_says_of_each_thing_who_told_and_when(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE)
    landed = Visited(page="shop.se/kampanj", source=TrafficSource.PAID, campaign="vår")
    later = Visited(page="shop.se/tält", source=TrafficSource.DIRECT)
    order = Purchased(order="A-1", amount="1295.00", currency="SEK")
    names = [("crm", "Anna B", False, 1), ("shop", "Anna Berg", True, 0)]
    facts = [
        fact(PHONE, "claim", when=1, body=claim()),
        fact(PHONE, "number", when=2, body=claim(NUMBER, ClaimKind.PHONE)),
        fact(PHONE, "v1", when=3, body=landed),
        fact(PHONE, "v2", when=4, body=later),
        fact(PHONE, "order", when=5, body=order),
        *(
            fact(
                PHONE,
                f"name-{source}",
                when=when,
                body=Attribute(key=AttributeKey.NAME, value=value, verified=verified),
            ).model_copy(update={"source": source})
            for source, value, verified, when in names
        ),
    ]
    await known(server, *facts)
    found = await card(desk, PHONE.home_thread)

    claims = {one["what"]: one for one in found["claims"]}
    assert claims["email"] == {
        "what": "email",
        "value": MAIL,
        "raw": MAIL.upper(),
        "source": facts[0].source,
        "identity": PHONE.identity,
        "at": facts[0].at.isoformat().replace("+00:00", "Z"),
        "verified": False,
    }
    assert claims["phone"]["verified"] is True
    (name,) = found["profile"]
    assert (name["key"], name["best"]["told"]["value"]) == ("name", "Anna Berg")
    assert name["best"]["told"]["source"] == "shop"
    assert [other["value"] for other in name["best"]["others"]] == ["Anna B"]
    assert [one["body"]["kind"] for one in found["facts"]] == ["purchased"]
    assert found["facts"][0]["body"]["order"] == "A-1"
    assert found["visits"]["first"]["body"]["campaign"] == "vår"
    assert [one["body"]["page"] for one in found["visits"]["last"]] == [
        "shop.se/tält",
        "shop.se/kampanj",
    ]


async def test_of_consents_on_a_channel_the_strictest_counts(server: House) -> None:
    desk = await boss(server)
    second = PHONE.model_copy(update={"user": "+46701740606"})
    await wrote(server, PHONE, second, OTHER)
    told = (
        ConsentFact(identity=PHONE.identity, opted_out=True, source="keyword", at=START),
        ConsentFact(
            identity=second.identity, opted_out=False, source="form", at=START + timedelta(days=1)
        ),
        ConsentFact(identity=OTHER.identity, opted_out=False, source="form", at=START),
    )
    await server.store.accept(Acceptance(consents=told))
    for number, other in enumerate((second, OTHER)):
        done = await link(desk, customer=PHONE.identity, other=other, client_id=f"c{number}")
        assert done == (200, {"status": "linked"})
    found = (await card(desk, PHONE.identity))["consents"]
    assert [(one["channel"], one["purpose"], one["allowed"]) for one in found] == [
        ("telegram", "marketing", True),
        ("twilio_sms", "marketing", False),
    ]
    assert (found[1]["source"], found[1]["identity"]) == ("keyword", PHONE.identity)


async def test_a_consent_for_one_persona_is_told_and_shown(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE)
    path = f"/customers/{PHONE.identity}/consents"
    at = server.parts.clock.now()
    word = {"identity": PHONE.identity, "source": "phone", "at": at.isoformat()}

    async def told(**more: object) -> list[tuple[object, ...]]:
        await desk.post(path, {**word, **more})
        status, answer = await desk.post(path, {**word, **more})  # again it changes nothing
        assert status == 200, answer
        names = ("channel", "facet", "allowed", "source")
        return [tuple(one[name] for name in names) for one in answer["consents"]]

    refused = ("twilio_sms", None, False, "phone")
    assert await told(allowed=False) == [refused]
    later = (at + timedelta(microseconds=1)).isoformat()
    firm = ("twilio_sms", "business", True, "phone")
    assert await told(allowed=True, facet="business", at=later) == [refused, firm]
    # One that comes late undoes nothing.
    before = (at - timedelta(days=1)).isoformat()
    assert await told(allowed=True, at=before) == [refused, firm]


async def test_a_consent_that_cannot_be_so(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    path = f"/customers/{PHONE.identity}/consents"
    now = server.parts.clock.now()
    word = {"identity": PHONE.identity, "source": "phone", "allowed": True, "at": now.isoformat()}
    late = (now + timedelta(days=1)).isoformat()
    status, answer = await desk.post(path, {**word, "facet": "pirate", "at": late})
    assert status == 422
    assert [one["where"] for one in answer["errors"]] == ["body.facet", "body.at"]
    assert (await desk.post(path, {**word, "identity": OTHER.identity}))[0] == 404
    assert (await card(desk, PHONE.identity))["consents"] == []
    assert (await card(desk, OTHER.identity))["consents"] == []


@pytest.mark.parametrize("customer", ["thr_" + "0" * 24, "idn_" + "0" * 24])
async def test_an_unknown_customer(server: House, customer: str) -> None:
    desk = await boss(server)
    status, answer = await desk.get(f"/customers/{customer}")
    assert (status, answer["status"]) == (404, 404)
    assert (await link(desk, customer=customer, other=PHONE))[0] == 404
    assert (await unlink(desk, customer, "lnk_" + "0" * 24))[0] == 404


async def test_what_is_no_customer_is_told_so(server: House) -> None:
    desk = await boss(server)
    status, answer = await desk.get("/customers/anna")
    assert status == 422
    assert [one["where"] for one in answer["errors"]] == ["path.customer"]


# --- linking ---------------------------------------------------------------------------------


async def test_an_agent_links_two_customers(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    assert await link(desk, customer=PHONE.home_thread, other=OTHER) == (200, {"status": "linked"})
    # The thread that the agent looks at goes on, and both addresses are told.
    found = await card(desk, OTHER.identity)
    assert found["thread"] == PHONE.home_thread
    levels = {one["identity"]["id"]: one["assurance"] for one in found["identities"]}
    for where in (PHONE, OTHER):
        told = levels[where.identity]
        assert (told["level"], told["proof"], told["by_agent"]) == ("L3", "agent", True)
        await server.phone_shows(where.channel, where.user, "STOPP KOPPLING")
    (held,) = found["links"]
    assert held["link"]["reason"] == WHY["reason"]
    assert held["link"]["by"]["name"] == "Berit"
    assert held["revealed"] is False
    (act,) = found["acts"]
    assert (act["entry"]["body"]["kind"], act["entry"]["by"]["name"]) == ("linked", "Berit")
    assert act["entry"]["body"]["reason"] == WHY["reason"]
    assert {one["identity"]: (one["before"], one["after"]) for one in act["levels"]} == {
        PHONE.identity: ("L2", "L3"),
        OTHER.identity: ("L2", "L3"),
    }
    # Once more is the same once; another time there is nothing to link.
    assert await link(desk, customer=PHONE.home_thread, other=OTHER) == (200, {"status": "linked"})
    status, answer = await link(desk, customer=PHONE.home_thread, other=OTHER, client_id="c2")
    assert (status, answer["detail"]) == (409, "they are one customer already")
    assert len((await card(desk, PHONE.identity))["links"]) == 1


async def test_a_link_is_ended_and_both_are_as_before(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    await known(server, fact(OTHER, "o1", body=Purchased(order="A", amount="1", currency="SEK")))
    await link(desk, customer=PHONE.home_thread, other=OTHER)
    (held,) = (await card(desk, PHONE.identity))["links"]
    assert len((await card(desk, PHONE.identity))["facts"]) == 1
    wrong = await unlink(desk, PHONE.home_thread, "lnk_" + "0" * 24, key="u0")
    assert wrong[0] == 404
    ended = held["link"]["id"]
    assert await unlink(desk, PHONE.home_thread, ended) == (200, {"status": "done"})
    assert await unlink(desk, PHONE.home_thread, ended) == (200, {"status": "done"})
    assert (await unlink(desk, PHONE.home_thread, ended, key="u2"))[0] == 404
    mine, theirs = await card(desk, PHONE.identity), await card(desk, OTHER.identity)
    assert (mine["thread"], theirs["thread"]) == (PHONE.home_thread, OTHER.home_thread)
    for found in (mine, theirs):
        assert (found["links"], found["level"]) == ([], "L2")
        kinds = [act["entry"]["body"]["kind"] for act in found["acts"]]
        assert kinds == ["unlinked", "linked"]
        (change,) = found["acts"][0]["levels"]
        assert (change["before"], change["after"]) == ("L3", "L2")
        assert found["acts"][0]["entry"]["body"]["reason"] == "Fel person"
    assert (len(mine["facts"]), len(theirs["facts"])) == (0, 1)


async def test_who_parted_is_told_to_the_desk(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    await link(desk, customer=PHONE.home_thread, other=OTHER)
    (held,) = (await card(desk, PHONE.identity))["links"]
    seat = await server.seat(desk)
    watched = await seat.do("watch", {"thread": PHONE.home_thread})
    assert watched["row"]["level"] == "L3"
    assert OTHER.identity in {view["entry"]["identity"] for view in watched["entries"]}
    await unlink(desk, PHONE.home_thread, held["link"]["id"])
    await until(lambda: sum("parted" in one for one in seat.told("thread")) == 2)
    rows = {
        one["row"]["state"]["thread"]: one["row"]
        for one in seat.told("thread")
        if one.get("parted")
    }
    assert {thread: [one["id"] for one in row["identities"]] for thread, row in rows.items()} == {
        PHONE.home_thread: [PHONE.identity],
        OTHER.home_thread: [OTHER.identity],
    }
    assert {row["level"] for row in rows.values()} == {"L2"}
    shown = {view["entry"]["identity"] for told in seat.told("entries") for view in told["entries"]}
    assert shown <= {PHONE.identity}
    again = await seat.do("watch", {"thread": PHONE.home_thread})
    assert {view["entry"]["identity"] for view in again["entries"]} == {PHONE.identity}


async def test_two_log_ins_are_no_one_customer(server: House) -> None:
    desk = await boss(server)
    second = LOGIN.model_copy(update={"user": "4712"})
    for where in (LOGIN, second):
        await seen(server, where)
    status, answer = await link(desk, customer=LOGIN.identity, other=second)
    assert (status, answer["detail"]) == (409, TWO_LOGINS)
    assert await server.store.links([LOGIN.identity, second.identity]) == []
    for one, other in ((LOGIN, second), (second, LOGIN)):

        async def told(one: Address = one) -> bool:
            return bool((await card(desk, one.identity))["conflicts"])

        await until(told)  # also where nobody asked for it
        read = await card(desk, one.identity)
        refused = {"kind": "link_refused", "reason": TWO_LOGINS, "other": other.identity}
        assert [act["entry"]["body"] for act in read["acts"]] == [refused]
        assert [entry["body"] for entry in read["conflicts"]] == [refused]


async def test_one_that_is_linked_too_often_is_refused(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    for _ in range(3):
        now = server.parts.clock.now()
        await server.store.count_attempt(links_key(OTHER.identity), now=now, window=MONTH)
    status, answer = await link(desk, customer=PHONE.identity, other=OTHER)
    assert (status, answer["detail"]) == (409, "linked too often")


async def test_somebody_elses_identity_cannot_be_ones_own(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    status, _ = await link(desk, customer=PHONE.identity, other=OTHER, own=OTHER.identity)
    assert status == 404
    status, _ = await link(desk, customer=PHONE.identity, other=OTHER, reason="  ")
    assert status == 422
    assert await server.store.links([PHONE.identity, OTHER.identity]) == []


@pytest.mark.parametrize("role", [Role.AGENT, Role.AUTHOR])
async def test_not_everybody_may_link(server: House, role: Role) -> None:
    desk = await server.log_in("Cilla", role=role)
    await wrote(server, PHONE, OTHER)
    assert (await link(desk, customer=PHONE.identity, other=OTHER))[0] == 403
    assert (await unlink(desk, PHONE.identity, "lnk_" + "0" * 24))[0] == 403
    body = {"identity": OTHER.identity, **WHY}
    assert (await desk.post(f"/customers/{PHONE.identity}/dismissals", body))[0] == 403
    status, answer = await desk.get(f"/customers/{PHONE.identity}")
    assert status == (200 if role is Role.AGENT else 403)
    if role is Role.AGENT:
        assert answer["may_link"] is False


async def test_agents_may_when_they_are_let(server: House) -> None:
    async with house(hub_settings=HubSettings(agents_may_link=True)) as other:
        desk = await other.log_in("Cilla")
        await wrote(other, PHONE, OTHER)
        assert (await card(desk, PHONE.identity))["may_link"] is True
        assert (await link(desk, customer=PHONE.identity, other=OTHER))[0] == 200


async def test_a_machine_has_no_word(server: House) -> None:
    await wrote(server, PHONE, OTHER)
    token = ApiToken(token_hash=token_hash("secret"), name="crm", role=Role.ADMIN)
    await server.store.put_token(token)
    url = f"{server.base}/api/v1/customers/{PHONE.identity}"
    headers = {"Authorization": "Bearer secret"}
    async with server.http.get(url, headers=headers) as response:
        assert (response.status, (await response.json())["may_link"]) == (200, False)
    body = {"identity": OTHER.identity, **WHY}
    async with server.http.post(f"{url}/links", json=body, headers=headers) as response:
        assert response.status == 403


# --- two agents ------------------------------------------------------------------------------


@pytest.mark.parametrize("vip", [PHONE, OTHER])
async def test_a_vip_takes_two_agents(server: House, vip: Address) -> None:
    first, second = await boss(server), await boss(server, "Disa")
    await wrote(server, PHONE, OTHER)
    await known(server, fact(vip, "tier", body=GOLD))
    proposed = (200, {"status": "proposed"})
    assert await link(first, customer=PHONE.identity, other=OTHER) == proposed
    assert await link(first, customer=PHONE.identity, other=OTHER) == proposed  # a repeat
    assert await server.store.links([PHONE.identity, OTHER.identity]) == []
    found = await card(second, PHONE.identity)
    assert found["vip"] is (vip == PHONE)
    (waits,) = found["proposals"]
    assert waits["body"] == {
        "kind": "link_proposed",
        "one": PHONE.identity,
        "other": OTHER.identity,
        "reason": WHY["reason"],
    }
    assert [one["entry"]["id"] for one in found["acts"]] == [waits["id"]]

    status, answer = await link(first, customer=PHONE.identity, other=OTHER, client_id="c2")
    assert (status, answer["detail"]) == (409, TAKES_TWO)
    # The colleague may say it from either side.
    done = await link(second, customer=OTHER.identity, other=PHONE)
    assert done == (200, {"status": "linked"})
    found = await card(first, PHONE.identity)
    assert (found["proposals"], len(found["links"])) == ([], 1)
    assert found["links"][0]["link"]["by"]["name"] == "Disa"

    # With the link the proposal is used up: after its end it takes two anew.
    assert (await unlink(first, PHONE.identity, found["links"][0]["link"]["id"]))[0] == 200
    assert await link(second, customer=PHONE.identity, other=OTHER, client_id="c9") == proposed


@pytest.mark.parametrize(("returned", "vip"), [(None, True), ("1.00", False)])
async def test_who_buys_much_is_a_vip(server: House, returned: str | None, vip: bool) -> None:
    desk = await boss(server)
    await wrote(server, PHONE)
    bought = [
        Purchased(order=f"A-{n}", amount=amount, currency=currency)
        for n, (amount, currency) in enumerate(
            [("6000.50", "SEK"), ("3999.50", "SEK"), ("9999.99", "EUR")]
        )
    ]
    await known(server, *(fact(PHONE, one.order, body=one) for one in bought))
    if returned:
        back = Returned(order="A-0", amount=returned, currency="SEK")
        await known(server, fact(PHONE, "back", body=back))
    assert (await card(desk, PHONE.identity))["vip"] is vip


async def test_the_tier_of_today_counts(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE)
    silver = TierChanged(programme="klubben", tier="Silver")
    await known(server, fact(PHONE, "t1", when=1, body=GOLD))
    assert (await card(desk, PHONE.identity))["vip"] is True
    await known(server, fact(PHONE, "t2", when=2, body=silver))
    assert (await card(desk, PHONE.identity))["vip"] is False


# --- suggestions -----------------------------------------------------------------------------


async def test_a_suggestion_is_shown_and_dismissed(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    await known(server, fact(PHONE, "c1", body=claim()), fact(OTHER, "c2", body=claim()))
    (found,) = (await card(desk, PHONE.identity))["suggestions"]
    assert (found["one"], found["other"]) == (PHONE.identity, OTHER.identity)
    assert (found["thread"], found["score"], found["conflict"]) == (OTHER.home_thread, 0.4, None)
    assert [(one["what"], one["value"], one["basis"]) for one in found["evidence"]] == [
        ("email", MAIL, "both_claim")
    ]
    assert [one["id"] for one in found["identities"]] == [OTHER.identity]

    path = f"/customers/{PHONE.identity}/dismissals"
    body = {"identity": OTHER.identity, "own": PHONE.identity, **WHY}
    for _ in range(2):
        assert await desk.post(path, body) == (200, {"status": "done"})
    for where in (PHONE, OTHER):
        assert (await card(desk, where.identity))["suggestions"] == []
    acts = (await card(desk, PHONE.identity))["acts"]
    assert [one["entry"]["body"]["kind"] for one in acts] == ["suggestion_dismissed"]
    assert (await desk.post(path, {**body, "identity": PHONE.identity}))[0] == 404
    assert (await desk.post(path, {**body, "identity": "idn_" + "0" * 24}))[0] == 404


async def test_our_own_addresses_suggest_nothing(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    ours = claim("info-desk@fjall.se")
    await known(server, fact(PHONE, "c1", body=ours), fact(OTHER, "c2", body=ours))
    found = await card(desk, PHONE.identity)
    assert (len(found["claims"]), found["suggestions"]) == (1, [])


# --- lists -----------------------------------------------------------------------------------


async def test_threads_in_lists_have_a_level(server: House) -> None:
    desk = await boss(server)
    await wrote(server, PHONE, OTHER)
    status, answer = await desk.get("/threads")
    assert [row["level"] for row in answer["threads"]] == ["L2", "L2"]
    await link(desk, customer=PHONE.identity, other=OTHER)
    status, answer = await desk.get("/threads")
    assert (status, [row["level"] for row in answer["threads"]]) == (200, ["L3"])
    status, answer = await desk.get(f"/threads/{OTHER.home_thread}")
    assert (status, answer["level"]) == (200, "L3")
