"""Who a customer is, from the first page to two again: linked, signed in, suggested, parted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.hub.assurance import Level
from bot.hub.connecting import Connected, LinkWord
from bot.hub.facts import FactStatus
from bot.hub.signing_in import SignedLogin, SignInEnd
from bot.hub.suggesting import Basis
from bot.hub.telling import read_told
from bot.hub.visits import Visit
from bot.model.channel import LOGIN, Address
from bot.model.event import Done
from bot.model.facet import FacetBy
from bot.model.fact import Purchased, Visited
from bot.model.people import ByCustomer, Proof
from bot.model.thread import Linked, MessageIn, OwnedByAgent, Phase, Unlinked
from tests.hubs import ANNA, HubKit, assert_rebuilds, only_thread
from tests.journeys.texts import words

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.journeys.conftest import Start

Who = tuple[str, str]
WEB, LAPTOP, NEXT = ("webchat", "v1"), ("webchat", "v2"), ("webchat", "v3")
SMS, TELEGRAM = ("twilio_sms", "+46701234567"), ("telegram", "77")
ELSEWHERE = [SMS, TELEGRAM, ("messenger", "7001")]


@dataclass(frozen=True)
class Said:
    """What the customer and the agent say, in their language."""

    locale: str
    begin: str
    human: str
    agent: str
    back: str
    alone: str
    gift: str
    quote: str
    delivery: str
    number: str
    stop: str


SWEDISH = Said(
    locale="sv",
    begin="Hej! Jag vill returnera en jacka",
    human="Jag vill prata med en människa",
    agent="Hej, Anna här! Jag har lagt till en fraktsedel åt dig.",
    back="Vilka öppettider har ni?",
    alone="När har ni öppet?",
    gift="present till min son",
    quote="offert på 40 jackor till firman",
    delivery="hur lång är leveranstiden?",
    number="Mitt telefonnummer är 070-123 45 67",
    stop="Stopp koppling",
)
ENGLISH = Said(
    locale="en",
    begin="Hi, I want to return an item",
    human="I want to talk to a human please",
    agent="Hi, Anna here! I have added a shipping label for you.",
    back="What are your opening hours?",
    alone="When are you open?",
    gift="a present for my son",
    quote="a quote for 40 jackets for the company",
    delivery="how long is delivery?",
    number="My phone number is 070-123 45 67",
    stop="Stop link.",
)


@pytest.fixture(params=[SWEDISH, ENGLISH], ids=lambda said: said.locale)
def said(request: pytest.FixtureRequest) -> Said:
    found: Said = request.param
    return found


@pytest.fixture(params=ELSEWHERE, ids=lambda who: who[0])
def elsewhere(request: pytest.FixtureRequest) -> Who:
    found: Who = request.param
    return found


async def write(kit: HubKit, who: Who, text: str) -> None:
    await (kit.chat(who[1], text) if who[0] == "webchat" else kit.write(*who, text))


async def go_on(kit: HubKit, source: Who, target: Who) -> None:
    """By the link that opens the other channel, or by the code where there is none."""
    offer = await kit.hub.linking.offer(kit.identity(*source), channel=target[0], account="demo")
    if target[0] == "twilio_sms":
        await kit.bring(target, offer.code)
        return
    assert offer.deep_link is not None
    (carried,) = [
        value for values in parse_qs(urlsplit(offer.deep_link).query).values() for value in values
    ]
    await kit.write(*target, ref=carried)


async def sign_in(kit: HubKit, visitor: Who, sub: str = "anna") -> Address:
    login = Address(channel=LOGIN, account="shop", user=sub)
    signed = SignedLogin(
        login=login,
        name="Anna Lind",
        proof=f"{visitor}{sub}{kit.clock.now()}",
        until=kit.clock.now() + timedelta(minutes=10),
    )
    assert await kit.hub.signing_in.sign_in(kit.address(*visitor), signed) is SignInEnd.DONE
    await kit.quiet()
    return login


async def page(kit: HubKit, visitor: Who, *, signed: bool = False) -> list[str]:
    """What a page shows that begins from nothing."""
    views = await kit.hub.chat.history(kit.address(*visitor), signed=signed)
    return [getattr(view.entry.body, "text", "") for view in views]


async def wrote(kit: HubKit, who: Who) -> list[str]:
    """What the customer wrote in the thread that this address is in."""
    entries = await kit.entries(*who)
    return [entry.body.text for entry in entries if isinstance(entry.body, MessageIn)]


# --- a visitor, two phones, an agent, and one phone less -------------------------------------


class Journey:
    """One customer on a page and two phones, step by step."""

    def __init__(self, kit: HubKit, said: Said) -> None:
        self.kit = kit
        self.said = said
        self.home = kit.address(*WEB).home_thread

    def text(self, slot: str, who: Who, **values: str) -> str:
        return words(slot, self.said.locale, channel=who[0], **values)

    def last(self, who: Who) -> str:
        """The latest text there."""
        return self.kit.page(who[1])[-1] if who == WEB else self.kit.phone(*who)[-1]

    async def browse_and_begin(self) -> None:
        url = "https://fjall.example/jackor?utm_campaign=vinter"
        seen = Visit(id="1", url=url, title="Jackor")
        assert await self.kit.hub.visits.keep(self.kit.address(*WEB), seen, a_day=100)
        await self.kit.chat("v1", self.said.begin)
        assert self.kit.page("v1") == [self.text("form.return_item.order_number", WEB)]

    async def over_two_phones(self) -> None:
        """By code and by link, in the middle of a form: each asks what is still to be said."""
        await go_on(self.kit, WEB, SMS)
        asked, done = self.kit.phone(*SMS)
        assert asked == self.text("link.confirm", SMS, link__number=self.kit.number_in(asked))
        assert done == self._done_and("order_number", SMS)
        await self.kit.write(*SMS, "FB-104233")
        await go_on(self.kit, WEB, TELEGRAM)
        assert self.kit.phone(*TELEGRAM) == [self._done_and("size", TELEGRAM)]
        assert self.kit.page("v1")[1:] == [self.text("link.notice", WEB)] * 2
        await self.kit.write(*TELEGRAM, "42")
        filled = {"form__order_number": "FB-104233", "form__size": "EU 42"}
        assert self.last(TELEGRAM) == self.text("form.return_item.done", TELEGRAM, **filled)

    def _done_and(self, step: str, who: Who) -> str:
        return f"{self.text('link.done', who)}\n\n{self.text(f'form.return_item.{step}', who)}"

    async def a_human(self) -> None:
        """Takes over where the customer is, knows who it is, and ends the case."""
        desk = self.kit.hub.desk
        await self.kit.write(*TELEGRAM, self.said.human)
        assert await only_thread(self.kit) == self.home
        assert await desk.accept(self.home, ANNA) == Done()
        assert await desk.reply(self.home, ANNA, text=self.said.agent, client_id="r1") == Done()
        await self.kit.quiet()
        assert self.last(TELEGRAM) == self.said.agent
        card = await self.kit.hub.cards.card(self.home)
        assert isinstance(card.state.owner, OwnedByAgent)
        channels = {one.identity.address.channel for one in card.identities}
        assert channels == {"webchat", "twilio_sms", "telegram"}
        assert [page.title for page in pages_of(card.visits.last)] == ["Jackor"]
        assert await desk.resolve(self.home, ANNA, reason="solved") == Done()
        await self.kit.quiet()

    async def back_after_the_window(self) -> None:
        """On another channel: the same thread, a new case, the bot again."""
        before = (await self.kit.state(*SMS)).episode
        assert before is not None
        assert before.phase is Phase.RESOLVED
        await self.kit.pass_time(timedelta(hours=80))
        await self.kit.write(*SMS, self.said.back)
        assert self.last(SMS) == self.text("answer.store.hours", SMS)
        state = await self.kit.state(*SMS)
        assert state.thread == await only_thread(self.kit) == self.home
        assert state.episode is not None
        assert (state.episode.id != before.id, state.episode.phase) == (True, Phase.OPEN)
        assert self.said.back in await page(self.kit, WEB)

    async def without_telegram(self) -> None:
        """The customer takes it off at the page; each goes on alone."""
        own, telegram = self.kit.hub.own_channels, self.kit.address(*TELEGRAM)
        assert await own.unlink(self.kit.address(*WEB), telegram.identity) == Done()
        await self.kit.quiet()
        assert self.last(TELEGRAM) == self.text("link.ended", TELEGRAM)
        assert await self.kit.thread(*TELEGRAM) == telegram.home_thread != self.home
        assert await self.kit.thread(*SMS) == await self.kit.thread(*WEB) == self.home
        for who, text, slot in (
            (TELEGRAM, self.said.alone, "answer.store.hours"),
            (SMS, self.said.back, "answer.store.hours"),
            (WEB, self.said.back, "answer.store.hours"),
        ):
            await write(self.kit, who, text)
            assert self.last(who) == self.text(slot, who)


async def test_from_the_first_page_over_two_phones_and_back(start: Start, said: Said) -> None:
    async with start() as kit:
        journey = Journey(kit, said)
        await journey.browse_and_begin()
        await journey.over_two_phones()
        await journey.a_human()
        await journey.back_after_the_window()
        await journey.without_telegram()
        # To each what is their own.
        assert await wrote(kit, TELEGRAM) == ["42", said.human, said.alone]
        begun, _code, _number, *later = await wrote(kit, SMS)
        assert [begun, *later] == [said.begin, "FB-104233", said.back, said.back, said.back]
        shown = await page(kit, WEB)
        for gone in ("42", said.human, said.agent, said.alone):
            assert gone not in shown
        await assert_rebuilds(kit)


def pages_of(facts: tuple[object, ...]) -> list[Visited]:
    bodies = [getattr(fact, "body", None) for fact in facts]
    return [body for body in bodies if isinstance(body, Visited)]


# --- two devices -----------------------------------------------------------------------------


async def test_signed_in_on_two_devices_and_out_again(
    start: Start, said: Said, elsewhere: Who
) -> None:
    async with start() as kit:
        await kit.chat("v1", said.back)
        await write(kit, elsewhere, said.alone)
        await sign_in(kit, WEB)
        await go_on(kit, WEB, elsewhere)
        await kit.chat("v2", said.gift)
        assert said.back not in await page(kit, LAPTOP, signed=True)
        await sign_in(kit, LAPTOP)
        # Each device shows what the other said before; what came before the phone's code it hides.
        for device in (WEB, LAPTOP):
            shown = await page(kit, device, signed=True)
            assert {said.back, said.gift} <= set(shown)
            assert said.alone not in shown
        assert said.back not in await page(kit, LAPTOP)
        levels = {
            one.identity: one.assurance.level
            for one in await kit.hub.own_channels.all(kit.address(*LAPTOP))
        }
        assert levels[kit.identity(*WEB)] == levels[kit.identity(*LAPTOP)] == Level.SIGNED
        assert levels[kit.identity(*elsewhere)] == Level.LINKED
        # Out on the laptop: whoever sits there next is nobody.
        await kit.hub.signing_in.retire(kit.address(*LAPTOP))
        assert await kit.hub.signing_in.is_retired(kit.address(*LAPTOP))
        assert not await kit.hub.signing_in.is_retired(kit.address(*WEB))
        await kit.chat("v3", said.delivery)
        await write(kit, elsewhere, said.back)
        following = await page(kit, NEXT, signed=True)
        assert following[0] == said.delivery
        assert not {said.back, said.gift, said.alone} & (set(following) - {said.delivery})
        assert await kit.thread(*NEXT) != await kit.thread(*WEB)
        await assert_rebuilds(kit)


# --- two facets, and what the CRM tells ------------------------------------------------------

ORDER: JsonValue = {
    "source": "crm",
    "id": "order-1",
    "kind": "purchased",
    "version": 1,
    "at": "2026-03-01T13:00:00+01:00",
    "subject": {"realm": "shop", "sub": "anna"},
    "data": {"order": "FB-200100", "amount": "1295.00", "currency": "SEK"},
}


async def test_a_gift_and_a_quote_and_a_purchase_that_shows_once_signed_in(
    start: Start, said: Said, elsewhere: Who
) -> None:
    async with start() as kit:
        (told,) = await kit.hub.facts.take([read_told(ORDER)])
        assert told.status is FactStatus.TAKEN
        await kit.chat("v1", said.gift)
        await go_on(kit, WEB, elsewhere)
        await write(kit, elsewhere, said.quote)
        await kit.chat("v1", said.delivery)
        thread = await kit.thread(*WEB)
        assert kit.page("v1")[-1] == words("answer.delivery.time", said.locale, persona="business")
        card = await kit.hub.cards.card(thread)
        assert [facet.persona for facet in card.state.facets] == ["business", "parent"]
        assert (card.state.facet, card.facts) == ("business", ())
        # An agent knows better: the case is the parent's.
        assert await kit.hub.desk.set_facet(thread, ANNA, facet="parent") == Done()
        await kit.chat("v1", said.delivery)
        state = await kit.state(*WEB)
        assert state.facet == "parent"
        assert state.episode is not None
        assert (state.episode.facet, state.episode.facet_by) == ("parent", FacetBy.AGENT)
        # Not before the log-in is proven does anything of it show.
        assert (await kit.hub.cards.card(thread)).facts == ()
        login = await sign_in(kit, WEB)
        (bought,) = (await kit.hub.cards.card(thread)).facts
        assert bought.body == Purchased(order="FB-200100", amount="1295.00", currency="SEK")
        assert (bought.identity, bought.source) == (login.identity, "crm")
        for shown in (*kit.page("v1"), *kit.phone(*elsewhere)):
            assert "FB-200100" not in shown
        assert (await kit.state(*WEB)).facet == "parent"
        await assert_rebuilds(kit)


# --- suggested, linked by an agent, ended by the customer ------------------------------------


async def test_a_suggestion_an_agents_link_and_the_customers_word(
    start: Start, said: Said, elsewhere: Who
) -> None:
    async with start() as kit:
        await kit.chat("v1", said.number)
        await write(kit, elsewhere, said.back if elsewhere == SMS else said.number)
        thread = await kit.thread(*WEB)
        (found,) = (await kit.hub.cards.card(thread)).suggestions
        basis = Basis.CLAIMED_HERE if elsewhere == SMS else Basis.BOTH_CLAIM
        assert [(one.value, one.basis) for one in found.evidence] == [(SMS[1], basis)]
        assert found.other == kit.identity(*elsewhere)
        assert await kit.thread(*elsewhere) != thread  # nothing of it links anybody
        word = LinkWord(identity=found.other, reason="Ringde och sa ordernumret", key="k1")
        assert await kit.hub.connecting.link(thread, ANNA, word) is Connected.LINKED
        await kit.quiet()
        notice = words("link.notice", said.locale, channel=elsewhere[0])
        assert (kit.phone(*elsewhere)[-1], kit.page("v1")[-1]) == (notice, notice)
        assert await kit.thread(*elsewhere) == await only_thread(kit) == thread
        card = await kit.hub.cards.card(thread)
        assert card.suggestions == ()
        shown = {one.identity.id: one.assurance for one in card.identities}
        assert shown[kit.identity(*elsewhere)].by_agent
        assert said.back not in await page(kit, WEB)
        await write(kit, elsewhere, said.stop)
        ended = words("link.ended", said.locale, channel=elsewhere[0])
        assert (kit.phone(*elsewhere)[-1], kit.page("v1")[-1]) == (ended, ended)
        assert await kit.thread(*elsewhere) != thread
        customer = ByCustomer(identity=kit.identity(*elsewhere))
        for who in (WEB, elsewhere):
            acts = (await kit.hub.cards.card(kit.identity(*who))).acts
            log = [
                (act.entry.by, act.entry.body.kind, act.entry.body.reason)
                for act in acts
                if isinstance(act.entry.body, Linked | Unlinked)
            ]
            assert log == [
                (customer, "unlinked", "customer"),
                (ANNA, "linked", "Ringde och sa ordernumret"),
            ]
            (made,) = [one.entry.body for one in acts if isinstance(one.entry.body, Linked)]
            assert made.proof is Proof.AGENT
        await assert_rebuilds(kit)


# --- letters that look alike -----------------------------------------------------------------


async def test_an_address_in_letters_that_look_alike_is_nobody_elses(start: Start) -> None:
    async with start() as kit:
        await kit.chat("v1", "Min e-post är anna.lind@fjallbacka.se")
        await kit.chat("v2", "Min e-post är аnna.lind@fjallbacka.se")  # Cyrillic at first
        await kit.chat("v3", "Min e-post är anna.lind@fjällbаcka.se")
        for visitor in (WEB, LAPTOP, NEXT):
            assert (await kit.hub.cards.card(kit.identity(*visitor))).suggestions == ()
        assert len(await kit.store.threads()) == 3
