"""The first light: a return begun in the web chat, gone on with elsewhere, ended by a human."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.model.event import Done
from bot.model.listing import ThreadFilter
from bot.model.people import ByAgent, ByBot, ByCustomer, BySystem
from bot.model.thread import (
    EpisodeChanged,
    JourneyMoved,
    Linked,
    MessageIn,
    MessageOut,
    OwnedByBot,
    OwnerChanged,
    Phase,
    SendStatus,
)
from tests.hubs import ANNA, HubKit, assert_rebuilds, only_thread
from tests.journeys.texts import words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.hub.desk import EntryView
    from bot.hub.linking import LinkOffer
    from bot.model.channel import Answer, Request
    from tests.journeys.conftest import Start

VISITOR = "v1"


@dataclass(frozen=True)
class Said:
    """What the customer and the agent say, in their language."""

    locale: str
    begin: str
    human: str
    agent: str
    after: str


SWEDISH = Said(
    locale="sv",
    begin="Hej! Jag vill returnera en jacka",
    human="Jag vill prata med en människa",
    agent="Hej, Anna här! Jag har lagt till en fraktsedel åt dig.",
    after="Vilka öppettider har ni?",
)
ENGLISH = Said(
    locale="en",
    begin="Hi, I want to return an item",
    human="I want to talk to a human please",
    agent="Hi, Anna here! I have added a shipping label for you.",
    after="What are your opening hours?",
)
CHANNELS = {"twilio_sms": "+46701234567", "telegram": "77", "messenger": "7001"}


class Journey:
    """One customer on the web page and on a phone; the hub may be another one at each step."""

    def __init__(self, said: Said, channel: str) -> None:
        self.said = said
        self.channel = channel
        self.user = CHANNELS[channel]
        self.kit: HubKit

    def text(self, slot: str, *, web: bool = False, **values: str) -> str:
        channel = "webchat" if web else self.channel
        return words(slot, self.said.locale, channel=channel, **values)

    @property
    def phone(self) -> list[str]:
        return self.kit.phone(self.channel, self.user)

    async def write(self, text: str) -> None:
        await self.kit.write(self.channel, self.user, text)

    async def begin(self) -> None:
        await self.kit.chat(VISITOR, self.said.begin)
        assert self.kit.page(VISITOR) == [self.text("form.return_item.order_number", web=True)]

    async def order_number(self) -> None:
        await self.kit.chat(VISITOR, "FB-104233")
        assert self.kit.page(VISITOR)[1:] == [self.text("form.return_item.size", web=True)]

    async def go_on_elsewhere(self) -> None:
        offer = await self.kit.hub.linking.offer(
            self.kit.identity("webchat", VISITOR), channel=self.channel, account="demo"
        )
        if self.channel == "twilio_sms":
            await self.kit.bring((self.channel, self.user), offer.code)
            asked = self.kit.wire.shown[self.channel, self.user].pop(0)
            number = self.kit.number_in(asked.text)
            assert asked.text == self.text("link.confirm", link__number=number)
        else:
            await self.kit.write(self.channel, self.user, ref=_carried(offer))
        done, question = self.text("link.done"), self.text("form.return_item.size")
        assert self.phone == [f"{done}\n\n{question}"]
        assert self.kit.page(VISITOR)[2:] == [self.text("link.notice", web=True)]

    async def size(self) -> None:
        await self.write("42")
        done = self.text(
            "form.return_item.done", form__order_number="FB-104233", form__size="EU 42"
        )
        assert self.phone[1:] == [done]

    async def ask_for_a_human(self) -> None:
        await self.write(self.said.human)
        assert self.phone[2:] == [self.text("handoff.offered")]

    async def agent_accepts(self) -> None:
        (row,) = (await self.kit.hub.desk.threads(ThreadFilter(owner="offered"))).rows
        assert await self.kit.hub.desk.accept(row.state.thread, ANNA) == Done()
        await self.kit.quiet()
        assert self.phone[3:] == [self.text("handoff.accepted", agent__name="Anna")]

    async def agent_replies(self) -> None:
        thread = await only_thread(self.kit)
        reply = self.kit.hub.desk.reply(thread, ANNA, text=self.said.agent, client_id="r1")
        assert await reply == Done()
        await self.kit.quiet()
        assert self.phone[4:] == [self.said.agent]

    async def hand_back(self) -> None:
        thread = await only_thread(self.kit)
        assert await self.kit.hub.desk.hand_back(thread, ANNA, note="fraktsedel") == Done()
        await self.kit.quiet()
        assert self.phone[5:] == [self.text("handoff.returned")]

    async def bot_answers(self) -> None:
        await self.write(self.said.after)
        assert self.phone[6:] == [self.text("answer.store.hours")]

    @property
    def steps(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        return (
            self.begin,
            self.order_number,
            self.go_on_elsewhere,
            self.size,
            self.ask_for_a_human,
            self.agent_accepts,
            self.agent_replies,
            self.hand_back,
            self.bot_answers,
        )


def _carried(offer: LinkOffer) -> str:
    """What the deep link brings along."""
    assert offer.deep_link is not None
    link = urlsplit(offer.deep_link)
    assert link.hostname in {"t.me", "m.me"}
    (carried,) = [value for values in parse_qs(link.query).values() for value in values]
    return carried


# --- what is left of it ----------------------------------------------------------------------


def marks(views: list[EntryView]) -> list[tuple[str, str, str]]:
    """Where, what and who: of everything that people said and did."""
    told = (MessageIn, MessageOut, Linked, OwnerChanged)
    return [
        (view.address.channel, view.entry.body.kind, view.entry.by.kind)
        for view in views
        if isinstance(view.entry.body, told)
    ]


def expected_marks(channel: str) -> list[tuple[str, str, str]]:
    asked = [("webchat", "message_in", "customer"), ("webchat", "message_out", "bot")]
    said = (channel, "message_in", "customer")
    # The code, the question that comes back, and the number that answers it.
    code = [said, (channel, "message_out", "system"), said] if channel == "twilio_sms" else []
    return [
        *asked,
        *asked,
        *code,
        (channel, "linked", "customer"),
        (channel, "owner_changed", "system"),  # who speaks in the two threads that became one
        (channel, "message_out", "system"),
        ("webchat", "message_out", "system"),
        (channel, "message_in", "customer"),  # the size
        (channel, "message_out", "bot"),
        (channel, "message_in", "customer"),  # a human, please
        (channel, "owner_changed", "bot"),
        (channel, "message_out", "system"),
        (channel, "owner_changed", "agent"),  # accepts
        (channel, "message_out", "system"),
        (channel, "message_out", "agent"),
        (channel, "owner_changed", "agent"),  # hands back
        (channel, "message_out", "system"),
        (channel, "message_in", "customer"),
        (channel, "message_out", "bot"),
    ]


def assert_says_why(view: EntryView) -> None:
    """Every entry says who did it, and what decided it."""
    entry, body = view.entry, view.entry.body
    match body:
        case MessageIn():
            assert isinstance(entry.by, ByCustomer)
            assert entry.by.identity == entry.identity
        case MessageOut(decision=None):
            assert entry.by == ANNA
        case MessageOut(decision=decision):
            assert decision is not None
            assert isinstance(entry.by, ByBot | BySystem)
            assert decision.rule
            assert decision.variant
            assert decision.snapshot
            assert not decision.missing_locale
            assert body.gap is None
        case OwnerChanged() | EpisodeChanged():
            assert body.reason
        case JourneyMoved():
            assert body.evidence
        case _:
            assert isinstance(entry.by, ByAgent | ByBot | ByCustomer | BySystem)


RULES = [
    "confident.form",
    "form.answer",
    "link.done",
    "link.notice",
    "form.answer",
    "human_wanted",
    "handoff.accepted",
    None,
    "handoff.returned",
    "confident",
]
REASONS = ["linked", "asked_for_human", "agent_accept", "hand_back"]


async def assert_one_thread(journey: Journey) -> None:
    kit = journey.kit
    thread = await only_thread(kit)
    views = await kit.hub.desk.entries(thread, limit=1000)
    assert marks(views) == expected_marks(journey.channel)
    for view in views:
        assert_says_why(view)
    out = [view.entry.body for view in views if isinstance(view.entry.body, MessageOut)]
    asked = ["link.confirm"] if journey.channel == "twilio_sms" else []
    rules = [*RULES[:2], *asked, *RULES[2:]]
    assert [body.decision and body.decision.rule for body in out] == rules
    owners = [view.entry.body for view in views if isinstance(view.entry.body, OwnerChanged)]
    assert [body.reason for body in owners] == REASONS
    assert [body.epoch for body in owners] == [0, 1, 2, 3]
    assert {body.language for body in out} == {journey.said.locale}
    sends = [view.send.status for view in views if view.send]
    assert sends == [SendStatus.SENT] * len(out)
    state = (await kit.hub.desk.thread(thread)).state
    assert state.owner == OwnedByBot()
    assert state.dialogue.form is None
    cases = [view.entry.body for view in views if isinstance(view.entry.body, EpisodeChanged)]
    assert state.episode is not None
    assert cases[-1].episode == state.episode.id
    assert state.episode.phase is Phase.OPEN
    await assert_rebuilds(kit)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("said", [SWEDISH, ENGLISH], ids=lambda said: said.locale)
async def test_first_light(start: Start, said: Said, channel: str) -> None:
    journey = Journey(said, channel)
    async with start() as journey.kit:
        for step in journey.steps:
            await step()
        await assert_one_thread(journey)
        await assert_page_sees_from_the_link_on(journey)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_first_light_with_a_restart_before_every_step(start: Start, channel: str) -> None:
    journey = Journey(SWEDISH, channel)
    for step in journey.steps:
        async with start() as journey.kit:
            await step()
    async with start() as journey.kit:
        await assert_one_thread(journey)


async def test_first_light_with_every_webhook_twice(start: Start) -> None:
    """Providers repeat themselves; nothing is said or done twice."""
    journey = Journey(SWEDISH, "twilio_sms")
    async with start() as journey.kit:
        deliver = journey.kit.deliver

        async def twice(channel: str, request: Request) -> Answer:
            await deliver(channel, request)
            return await deliver(channel, request)

        journey.kit.deliver = twice  # type: ignore[method-assign]  # the journey's own hands
        for step in journey.steps:
            await step()
        await assert_one_thread(journey)


async def assert_page_sees_from_the_link_on(journey: Journey) -> None:
    """The page shows its own part, and of the other channel what came after the link (R6)."""
    views = await journey.kit.hub.chat.history(journey.kit.address("webchat", VISITOR))
    shown = [getattr(view.entry.body, "text", "") for view in views]
    assert shown[:3] == [
        journey.said.begin,
        journey.text("form.return_item.order_number", web=True),
        "FB-104233",
    ]
    assert shown[-2:] == [journey.said.after, journey.text("answer.store.hours")]
    numbers = [view.entry.seq for view in views]
    assert numbers == sorted(set(numbers))
