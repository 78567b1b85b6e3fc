"""Traps of identity: talked out of a code, written in a name, erased, twice the same, in a ring."""

from __future__ import annotations

import asyncio
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from bot.hub.assurance import Level
from bot.hub.linking import new_code
from bot.hub.signing_in import SignedLogin, SignInEnd
from bot.hub.subjects import erase, find
from bot.model.channel import LOGIN, Address
from bot.model.event import AgentLinks, Done, LoginSeen, Unlinks
from bot.model.fact import Claimed, FactKind, Purchased
from bot.model.ids import EventId
from bot.model.people import Proof
from bot.model.record import Arrival, IdentitySeed, LinkMade
from bot.model.sending import Emit
from bot.model.thread import Linked, MessageIn, Unlinked
from bot.model.understanding import EntityFound
from tests.builders import fact, not_understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import ANNA, TABLE, HubKit, assert_rebuilds, hub_kit, shipped_content
from tests.records import KINDS, ON_ONE_MACHINE, Record, record_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.model.event import EventBody

Who = tuple[str, str]
WEB, OTHER_WEB = ("webchat", "v1"), ("webchat", "v2")
SMS, TELEGRAM = ("twilio_sms", "+46701234567"), ("telegram", "77")
BSUID = ("twilio_whatsapp", "SE.13491208655302741918")
SECRET = "zanzibarzebra"
# The one kind of facts looked at.
CLAIMS: tuple[FactKind, ...] = ("claimed",)


def claiming(kind: str, text: str) -> dict[str, object]:
    found = EntityFound(kind=kind, value=text, text=text, start=0, end=len(text))
    return {"entities": (found,)}


READ = {
    "latinsk": claiming("email", "anna@mail.se"),
    "kyrillisk": claiming("email", "аnna@mail.se"),  # its first letter
    "nummer på ett sätt": claiming("phone", "+46 70-123 45 67"),
    "nummer på två sätt": claiming("phone", "0046701234567"),
    "nummer på tre sätt": claiming("phone", "070 123 45 67"),
    "brasilianskt": claiming("phone", "+55 11 96123-4567"),
}
NLU = FakeNlu(
    {
        **TABLE,
        **{said: not_understood().model_copy(update=entities) for said, entities in READ.items()},
    }
)


@pytest.fixture(params=ON_ONE_MACHINE)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HubKit]:
    record = record_of(request, tmp_path)
    async with (
        record.open() as (store, bus),
        hub_kit(store=store, bus=bus, clock=record.clock, nlu=NLU) as made,
    ):
        yield made
        await assert_rebuilds(made)


@pytest.fixture(params=KINDS)
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Record:
    return record_of(request, tmp_path)


async def page(kit: HubKit, visitor: str = "v1", *, signed: bool = False) -> str:
    """All that this page can be made to show."""
    views = await kit.hub.chat.history(kit.address("webchat", visitor), signed=signed)
    return "\n".join(getattr(view.entry.body, "text", "") for view in views)


async def submit(kit: HubKit, who: Who, body: EventBody) -> object:
    arrival = Arrival(id=EventId.new(), identity=kit.identity(*who), at=kit.clock.now(), body=body)
    (event,) = (await kit.hub.ingress.submit([arrival])).events
    await kit.quiet()
    return await kit.store.outcome(event.id)


async def linked(kit: HubKit, who: Who, *, into: Who) -> LinkMade:
    """An agent says that two are one."""
    body = AgentLinks(by=ANNA, into=kit.identity(*into), reason="seen together")
    assert await submit(kit, who, body) == Done()
    return (await links(kit, who))[-1]


async def links(kit: HubKit, who: Who) -> list[LinkMade]:
    return await kit.store.links([one.id for one in (await kit.turn(*who)).identities])


async def part(kit: HubKit, made: LinkMade, *, where: Who) -> None:
    body = Unlinks(by=ANNA, links=(made.link.id,), reason="two people")
    assert await submit(kit, where, body) == Done()


async def together(kit: HubKit, *among: Who) -> set[frozenset[Who]]:
    """Who is one customer with whom."""
    threads: dict[str, set[Who]] = {}
    for who in among:
        threads.setdefault(await kit.thread(*who), set()).add(who)
    return {frozenset(members) for members in threads.values()}


# --- a code that is not the sender's own (R5) ------------------------------------------------


@pytest.mark.parametrize("victim", [SMS, TELEGRAM], ids=lambda who: who[0])
@pytest.mark.parametrize("word", ["nej", "stopp koppling"])
async def test_a_code_that_the_victim_was_talked_into_sending(
    kit: HubKit, victim: Who, word: str
) -> None:
    await kit.write(*victim, f"förut {SECRET}")
    home = await kit.thread(*victim)
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, victim)
    assert kit.phone(*victim)[-1].startswith("[link.done]\n\n[link.question")
    assert SECRET not in await page(kit)
    assert SECRET not in await page(kit, signed=True)  # nor by a log-in of the attacker's own
    # Nobody has said no yet: what comes now is shown, what is older is not.
    await kit.write(*victim, "nytt ett")
    assert "nytt ett" in await page(kit)
    await kit.chat("v1", "ja")
    assert SECRET not in await page(kit)
    await kit.write(*victim, word)
    assert await kit.thread(*victim) == home
    await kit.write(*victim, f"efteråt {SECRET}")
    seen = await page(kit)
    assert SECRET not in seen
    assert "nytt ett" not in seen
    assert SECRET not in json_of_calls(kit)
    assert [made.link.proof for made in await links(kit, victim)] == []


def json_of_calls(kit: HubKit) -> str:
    """All that left for anybody's page."""
    return "".join(call.data.decode() for call in kit.wire.calls if isinstance(call, Emit))


async def test_a_log_in_of_ones_own_opens_nothing_of_whom_one_linked(kit: HubKit) -> None:
    """Signed in, one sees what the log-in proves, not what a code from the victim's phone does."""
    await kit.write(*TELEGRAM, f"förut {SECRET}")
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, TELEGRAM)
    await signed_in(kit, "v1", "mallory")
    assert await together(kit, WEB, TELEGRAM) == {frozenset({WEB, TELEGRAM})}
    assert SECRET not in await page(kit, signed=True)
    await kit.chat("v2", "hej")
    await signed_in(kit, "v2", "mallory")
    assert SECRET not in await page(kit, "v2", signed=True)


async def signed_in(kit: HubKit, visitor: str, sub: str) -> Address:
    login = Address(channel=LOGIN, account="shop", user=sub)
    signed = SignedLogin(login=login, name=None, proof=f"{visitor}{sub}", until=kit.clock.now())
    ended = await kit.hub.signing_in.sign_in(kit.address("webchat", visitor), signed)
    assert ended is SignInEnd.DONE
    await kit.quiet()
    return login


# --- in somebody's name ----------------------------------------------------------------------


async def test_who_forges_a_sender_of_sms_sees_nothing(kit: HubKit) -> None:
    """A code, a yes and a question in the victim's name: what is answered comes to the victim."""
    await kit.write(*SMS, f"förut {SECRET}")
    await kit.chat("v1", "hej")
    for said in (await kit.link(WEB, SMS), "ja", "JA 12345", "yes", "visa mina ordrar"):
        await kit.write(*SMS, said)
    assert SECRET not in await page(kit)
    assert "link_revealed" not in await kit.kinds(*WEB)
    assert len(kit.phone(*SMS)) == 6  # the victim sees each of them
    (own,) = await kit.hub.own_channels.all(kit.address(*WEB))
    assert own.assurance.level is Level.DEVICE
    assert await together(kit, WEB, SMS) == {frozenset({WEB}), frozenset({SMS})}
    assert await page(kit) == "hej\n[answer.greet]"


async def test_facts_of_purchases_are_in_no_answer() -> None:
    """What the CRM tells of a log-in is for agents: no text that is shipped can say it."""
    async with hub_kit(shipped_content(), nlu=NLU) as kit:
        await kit.chat("v1", "hej")
        login = await signed_in(kit, "v1", "anna")
        bought = Purchased(order=SECRET, amount="1295.00", currency="SEK")
        await kit.store.put_facts([fact(login, "order-1", body=bought)])
        await kit.go_on(WEB, SMS)
        for said in ("leverans", "retur", "FB-104233", "42", "visa mina ordrar", "människa"):
            await kit.write(*SMS, said)
            await kit.chat("v1", said)
        assert "FB-104233" in "".join(kit.phone(*SMS))  # what the customer says comes back
        everything = "".join(str(call) for call in kit.wire.calls)
        assert SECRET not in everything
        assert "1295" not in everything
        assert SECRET in (await kit.hub.cards.card(kit.identity(*SMS))).model_dump_json()


async def test_codes_are_not_guessed_from_many_numbers() -> None:
    """Four hundred senders, five tries each: forty bits and ten minutes are enough."""
    async with hub_kit() as kit:
        await kit.chat("v1", "hej")
        right = await kit.link(WEB, SMS)
        for number in range(2000):
            sender = f"+4670{number // 5:07}"
            guess = new_code()
            assert guess != right
            await kit.deliver("twilio_sms", kit.webhook("twilio_sms", sender, guess))
        await kit.quiet()
        assert await links(kit, WEB) == []
        refused = await kit.kinds("twilio_sms", "+46700000000")
        assert refused.count("link_refused") == 5
        assert len(await kit.store.thread_ids()) == 401


# --- rings -----------------------------------------------------------------------------------

RING = (WEB, SMS, TELEGRAM)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_a_ring_of_links_comes_apart_in_any_order(
    kit: HubKit, order: tuple[int, int, int]
) -> None:
    for who in RING:
        await (kit.chat(who[1], "hej") if who is WEB else kit.write(*who, "hej"))
    homes = [await kit.thread(*who) for who in RING]
    entries = {who: await own(kit, who) for who in RING}
    made = [
        await linked(kit, SMS, into=WEB),
        await linked(kit, TELEGRAM, into=SMS),
    ]
    # They are one already: the third proof is one more link between them.
    made.append(await linked(kit, WEB, into=TELEGRAM))
    assert len({one.link.id for one in made}) == 3
    assert await together(kit, *RING) == {frozenset(RING)}
    pairs = [frozenset({SMS, WEB}), frozenset({TELEGRAM, SMS}), frozenset({WEB, TELEGRAM})]
    await part(kit, made[order[0]], where=WEB)
    assert await together(kit, *RING) == {frozenset(RING)}
    await part(kit, made[order[1]], where=next(iter(pairs[order[1]])))
    left = pairs[order[2]]
    assert await together(kit, *RING) == {left, frozenset(RING) - left}
    await part(kit, made[order[2]], where=next(iter(left)))
    assert [await kit.thread(*who) for who in RING] == homes
    for who in RING:
        assert (await own(kit, who))[: len(entries[who])] == entries[who]
        card = await kit.hub.cards.card(kit.identity(*who))
        assert [one.identity.id for one in card.identities] == [kit.identity(*who)]
        assert card.links == ()
    assert sorted(await kit.store.thread_ids()) == sorted(homes)


async def own(kit: HubKit, who: Who) -> list[object]:
    entries = await kit.entries(*who)
    return [one for one in entries if one.identity == kit.identity(*who)]


# --- linked, parted, erased ------------------------------------------------------------------


@pytest.mark.parametrize(("gone", "stays"), [(WEB, SMS), (SMS, WEB)], ids=["web", "sms"])
async def test_of_two_who_parted_one_is_erased_and_the_other_is_unharmed(
    kit: HubKit, gone: Who, stays: Who
) -> None:
    async def says(who: Who, text: str) -> None:
        await (kit.chat(who[1], text) if who[0] == "webchat" else kit.write(*who, text))

    await says(gone, f"leverans {SECRET}")
    await says(stays, "öppettider")
    await kit.go_on(WEB, SMS)
    await kit.write(*SMS, kit.yes(*SMS))
    await says(gone, f"retur {SECRET}")
    await says(stays, "leverans")
    (made,) = await links(kit, stays)
    await part(kit, made, where=stays)
    await says(stays, "tack")
    entries, state = await kit.entries(*stays), await kit.state(*stays)
    card = await kit.hub.cards.card(kit.identity(*stays))
    seen = await page(kit) if stays is WEB else ""
    await erase(kit.store, await find(kit.store, kit.identity(*gone)))
    assert await kit.store.identity(kit.identity(*gone)) is None
    assert (await kit.entries(*stays), await kit.state(*stays)) == (entries, state)
    assert SECRET not in "".join(one.model_dump_json() for one in entries)
    after = await kit.hub.cards.card(kit.identity(*stays))
    acts = {"acts"}  # what was said of the link at the other end went with it
    assert after.model_dump(exclude=acts) == card.model_dump(exclude=acts)
    assert "unlinked" in {act.entry.body.kind for act in after.acts}
    assert SECRET not in after.model_dump_json()
    if stays is WEB:
        assert await page(kit) == seen
    await assert_rebuilds(kit)
    # An unlink that comes late changes nothing, and who comes back is somebody new.
    late = Unlinks(by=ANNA, links=(made.link.id,), reason="again")
    assert await submit(kit, stays, late) != Done()
    await says(gone, "hej")
    assert await together(kit, *RING[:2]) == {frozenset({WEB}), frozenset({SMS})}
    assert [
        one.body.text for one in await kit.entries(*gone) if isinstance(one.body, MessageIn)
    ] == ["hej"]
    await kit.go_on(WEB, SMS)
    assert await together(kit, *RING[:2]) == {frozenset({WEB, SMS})}


async def test_a_customer_who_was_erased_does_not_come_back_by_a_repeat(kit: HubKit) -> None:
    first = kit.webhook(*SMS, f"öppettider {SECRET}")
    await kit.deliver("twilio_sms", first)
    await kit.chat("v1", f"leverans {SECRET}")
    await kit.bring(SMS, code := await kit.link(WEB, SMS))
    await kit.write(*SMS, kit.yes(*SMS))
    repeated = kit.webhook(*SMS, code)
    await erase(kit.store, await find(kit.store, kit.identity(*SMS)))
    sent = len(kit.wire.calls)
    await kit.deliver("twilio_sms", first)
    await kit.quiet()
    for who in (WEB, SMS):
        assert await kit.store.identity(kit.identity(*who)) is None
    assert await kit.store.thread_ids() == []
    assert len(kit.wire.calls) == sent
    # Whoever writes from there now is somebody new: the old code is worth nothing either.
    await kit.deliver("twilio_sms", repeated)
    await kit.quiet()
    assert kit.phone(*SMS)[-1] == "[link.refused]"
    await kit.chat("v1", "hej")
    assert SECRET not in await page(kit)
    assert await together(kit, WEB, SMS) == {frozenset({WEB}), frozenset({SMS})}


async def test_who_comes_back_after_all_that_is_joined_anew_and_can_part_anew(
    kit: HubKit,
) -> None:
    """Joined on sight, parted, erased, and there again with the number that another has too."""
    twin = ("twilio_whatsapp", SMS[1])
    await kit.write(*SMS, "leverans")
    await kit.write(*twin, "hej")
    (made,) = await links(kit, SMS)
    await part(kit, made, where=twin)
    await erase(kit.store, await find(kit.store, kit.identity(*twin)))
    await kit.write(*twin, "hej igen")
    (again,) = await links(kit, SMS)
    assert (again.holds, again.link.proof) == (True, Proof.ATTESTED_PHONE)
    told = [one.body for one in await kit.entries(*SMS) if isinstance(one.body, Linked | Unlinked)]
    assert [(one.kind, one.link) for one in told] == [
        ("unlinked", made.link.id),
        ("linked", again.link.id),
    ]
    await part(kit, again, where=twin)
    assert await together(kit, SMS, twin) == {frozenset({SMS}), frozenset({twin})}


# --- addresses -------------------------------------------------------------------------------


async def test_whatsapp_without_a_phone_is_a_customer_like_any_other(kit: HubKit) -> None:
    await kit.write(*BSUID, "leverans", name="Anna")
    identity = await kit.store.identity(kit.identity(*BSUID))
    assert identity is not None
    assert (identity.phone, identity.name) == (None, "Anna")
    assert kit.phone(*BSUID) == ["[answer.delivery.time]"]
    await kit.write(*SMS, "hej")
    assert await together(kit, BSUID, SMS) == {frozenset({BSUID}), frozenset({SMS})}
    card = await kit.hub.cards.card(kit.identity(*BSUID))
    assert (card.level, card.suggestions, card.identities[0].phone) == (Level.ATTESTED, (), None)
    await kit.chat("v1", "hej")
    await kit.go_on(WEB, BSUID)
    assert kit.phone(*BSUID)[-1] == "[link.done]\n\n[link.question]"
    await kit.write(*BSUID, "ja")
    assert "leverans" in await page(kit)
    labels = {one.channel: one.label for one in await kit.hub.own_channels.all(kit.address(*WEB))}
    assert labels == {"webchat": "", "twilio_whatsapp": "A•••"}
    await kit.write(*BSUID, "stopp koppling")
    assert await together(kit, BSUID, WEB) == {frozenset({BSUID}), frozenset({WEB})}
    await erase(kit.store, await find(kit.store, kit.identity(*BSUID)))
    assert await kit.store.identity(kit.identity(*BSUID)) is None


async def test_a_number_is_one_however_it_is_written(kit: HubKit) -> None:
    await kit.write(*SMS, "hej")
    for visitor, said in enumerate(("ett", "två", "tre"), 1):
        await kit.chat(f"v{visitor}", f"nummer på {said} sätt")
        who = [kit.identity("webchat", f"v{visitor}")]
        (claim,) = await kit.store.facts(who, kinds=CLAIMS)
        assert isinstance(claim.body, Claimed)
        assert claim.body.value == SMS[1]
        others = (await kit.hub.cards.card(kit.identity("webchat", f"v{visitor}"))).suggestions
        assert kit.identity(*SMS) in {one.other for one in others}
    assert len(await kit.store.thread_ids()) == 4  # and nobody was linked for it


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5511961234567", "+551161234567"),
        ("+5491123456789", "+541123456789"),
        ("+525512345678", "+5215512345678"),
    ],
    ids=["BR", "AR", "MX"],
)
async def test_a_number_that_providers_write_in_two_ways_is_suggested(
    kit: HubKit, one: str, other: str
) -> None:
    """Only the very same number joins on sight; of these an agent decides."""
    here, there = ("twilio_sms", one), ("twilio_whatsapp", other)
    await kit.write(*here, "hej")
    await kit.write(*there, "hej")
    assert await together(kit, here, there) == {frozenset({here}), frozenset({there})}
    for who, twin in ((here, there), (there, here)):
        (found,) = (await kit.hub.cards.card(kit.identity(*who))).suggestions
        assert (found.other, found.score) == (kit.identity(*twin), 0.8)


async def test_letters_that_look_alike_are_two_claims_and_no_suggestion(kit: HubKit) -> None:
    await kit.chat("v1", "latinsk")
    await kit.chat("v2", "kyrillisk")
    claims = []
    for visitor in ("v1", "v2"):
        card = await kit.hub.cards.card(kit.identity("webchat", visitor))
        assert card.suggestions == ()
        claims += [claim.value for claim in card.claims]
    assert claims == ["anna@mail.se", "аnna@mail.se"]
    assert claims[0] != claims[1]


async def test_the_first_webhook_of_somebody_comes_twice_at_once(record: Record) -> None:
    twin = ("twilio_whatsapp", SMS[1])
    async with (
        record.open() as (store, bus),
        hub_kit(store=store, bus=bus, clock=record.clock, nlu=NLU) as kit,
    ):
        webhook, other = kit.webhook(*SMS, "leverans"), kit.webhook(*twin, "öppettider")
        await asyncio.gather(
            *(kit.deliver("twilio_sms", webhook) for _ in range(3)),
            *(kit.deliver("twilio_whatsapp", other) for _ in range(3)),
        )
        await kit.quiet()
        assert await together(kit, SMS, twin) == {frozenset({SMS, twin})}
        said = [one.body for one in await kit.entries(*SMS) if isinstance(one.body, MessageIn)]
        assert sorted(one.text for one in said) == ["leverans", "öppettider"]
        # Whoever was there first is told of the other.
        phones = [*kit.phone(*SMS), *kit.phone(*twin)]
        assert sorted(phones) == ["[answer.delivery.time]", "[answer.store.hours]", "[link.notice]"]
        assert "[answer.delivery.time]" in kit.phone(*SMS)
        assert "[answer.store.hours]" in kit.phone(*twin)
        (made,) = await links(kit, SMS)
        assert made.link.proof is Proof.ATTESTED_PHONE
        assert (await kit.kinds(*SMS)).count("linked") == 1
        await assert_rebuilds(kit)


async def test_a_log_in_that_is_told_of_twice_is_one(kit: HubKit) -> None:
    login = Address(channel=LOGIN, account="shop", user="anna")
    for _ in range(2):
        seen = Arrival(
            id=EventId.of("login", "shop", "anna"),
            identity=login.identity,
            seed=IdentitySeed(address=login),
            at=kit.clock.now(),
            body=LoginSeen(),
        )
        await kit.hub.ingress.submit([seen])
    assert await kit.store.thread_ids() == [login.home_thread]
