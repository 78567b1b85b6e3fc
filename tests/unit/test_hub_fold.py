"""A thread's state is what its entries add up to, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from bot.errors import StaleVersion
from bot.hub.fold import apply, fold
from bot.hub.rebuild import rebuild_all, rebuilt
from bot.model.channel import Echo, Piece
from bot.model.dialogue import Dialogue
from bot.model.facet import Facet
from bot.model.ids import EntryId, EpisodeId, EventId, IdentityId, LinkId, SendId, ThreadId
from bot.model.listing import ThreadFilter
from bot.model.people import ByAgent, ByCustomer, BySystem, Proof
from bot.model.record import Arrival, ThreadRow
from bot.model.sending import CallResult, Choice, Lost, Reply, Unreached
from bot.model.thread import (
    ConsentChanged,
    ConversationStarted,
    DialogueMoved,
    EchoOut,
    Entry,
    EntryBody,
    Episode,
    EpisodeChanged,
    JourneyMoved,
    LastInbound,
    Linked,
    LinkRefused,
    MessageDeleted,
    MessageEdited,
    MessageIn,
    MessageOut,
    Note,
    Offered,
    OwnedByBot,
    Owner,
    OwnerChanged,
    Phase,
    PieceIn,
    Reaction,
    ThreadState,
    UnsupportedIn,
)
from bot.model.understanding import StageShare
from tests.builders import at, understood
from tests.fakes.store import FakeStore
from tests.hubs import ANNA, BO, HubKit, hub_kit

ONE, OTHER = IdentityId.of("one"), IdentityId.of("other")
EMPTY = ThreadState(thread=ThreadId.of("t"))


def entry(body: EntryBody, *, identity: IdentityId = ONE, seconds: float = 0) -> Entry:
    return Entry(
        id=EntryId.new(),
        identity=identity,
        event=EventId.of("e"),
        at=at(seconds),
        by=BySystem(),
        body=body,
    )


# --- one fact at a time ----------------------------------------------------------------------


def test_a_message_says_where_the_customer_is_and_what_was_said() -> None:
    state = apply(EMPTY, entry(MessageIn(text="x" * 200, understanding=understood("greet"))))
    assert state == EMPTY.model_copy(
        update={
            "active": ONE,
            "last_inbound": (LastInbound(identity=ONE, at=at()),),
            "last_at": at(),
            "last_text": "x" * 120,
            "facets": (Facet(persona="private", first_at=at(), last_at=at()),),
        }
    )


def test_the_last_message_of_each_address_is_known_in_one_order() -> None:
    said = [
        entry(MessageIn(text="a"), identity=ONE, seconds=1),
        entry(MessageIn(text="b"), identity=OTHER, seconds=2),
        entry(MessageIn(text="c"), identity=ONE, seconds=3),
    ]
    state = fold(EMPTY, said)
    assert (state.wrote_at(ONE), state.wrote_at(OTHER)) == (at(3), at(2))
    assert [last.identity for last in state.last_inbound] == sorted([ONE, OTHER])
    assert state.active == ONE


@pytest.mark.parametrize(
    "body",
    [
        ConversationStarted(),
        UnsupportedIn(what="poll"),
        ConsentChanged(opted_out=True, source="keyword:STOP"),
    ],
    ids=lambda body: body.kind,
)
def test_who_comes_without_words_is_there_too(body: EntryBody) -> None:
    state = apply(EMPTY, entry(body, seconds=5))
    last = (LastInbound(identity=ONE, at=at(5)),)
    assert state == EMPTY.model_copy(update={"active": ONE, "last_inbound": last})


def test_a_message_out_leaves_its_choices() -> None:
    choices = (Choice(title="A", payload="intent:a"),)
    out = MessageOut(send=SendId.of("s"), text="Välj", choices=choices)
    state = apply(EMPTY, entry(out, seconds=2))
    assert state.dialogue.choices == choices
    assert (state.last_text, state.last_at, state.active) == ("Välj", at(2), None)
    after = apply(state, entry(MessageOut(send=SendId.of("s2"), text="Tack")))
    assert after.dialogue.choices == ()


def test_an_echo_is_the_latest_word_and_opens_no_window() -> None:
    state = apply(EMPTY, entry(EchoOut(external_id="m", text="Vi ringer"), seconds=2))
    assert (state.last_text, state.last_at) == ("Vi ringer", at(2))
    assert state.last_inbound == ()


def test_owner_episode_dialogue_and_belief_are_as_they_were_put() -> None:
    owner = Offered(queue="q", since=at(), reason="r")
    episode = EpisodeId.of("e")
    dialogue = Dialogue(unsure=1)
    belief = (StageShare(stage="support", share=1.0),)
    state = fold(
        EMPTY,
        [
            entry(OwnerChanged(owner=owner, epoch=7, reason="r")),
            entry(
                EpisodeChanged(
                    episode=episode, phase=Phase.OPEN, opened_at=at(-9), reason="opened"
                ),
                seconds=3,
            ),
            entry(DialogueMoved(dialogue=dialogue, language="en")),
            entry(JourneyMoved(belief=belief, evidence="e"), seconds=4),
        ],
    )
    assert state == EMPTY.model_copy(
        update={
            "owner": owner,
            "epoch": 7,
            "episode": Episode(id=episode, phase=Phase.OPEN, opened_at=at(-9), changed_at=at(3)),
            "dialogue": dialogue,
            "language": "en",
            "belief": belief,
            "belief_at": at(4),
            "facets": (Facet(persona="private", belief=belief, belief_at=at(4)),),
        }
    )
    moved = apply(state, entry(DialogueMoved(dialogue=Dialogue())))
    assert moved.language == "en"


@pytest.mark.parametrize(
    "body",
    [
        Note(text="n"),
        PieceIn(external_id="m", text="t", piece=Piece(ref="1", number=1, total=2)),
        MessageEdited(external_id="m", text="t"),
        MessageDeleted(external_id="m"),
        Reaction(external_id="m", emoji="👍"),
        LinkRefused(reason="r"),
        Linked(link=LinkId.of("l"), one=ONE, other=OTHER, proof=Proof.CODE),
    ],
    ids=lambda body: body.kind,
)
def test_what_changes_no_state(body: EntryBody) -> None:
    state = apply(EMPTY, entry(MessageIn(text="hej")))
    assert apply(state, entry(body, seconds=9)) == state


# --- rebuilding ------------------------------------------------------------------------------


async def test_a_wrong_snapshot_is_mended_and_no_other_is_touched() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        await kit.write("twilio_sms", "+46701", "retur")
        await kit.write("telegram", "77", "människa")
        right = {row.state.thread: row.state for row in await store.threads()}
        broken = await kit.thread("twilio_sms", "+46701")
        kept = right[broken]
        store.memory.states[broken] = ThreadState(thread=broken, version=kept.version)
        assert await rebuild_all(store) == [broken]
        assert {row.state.thread: row.state for row in await store.threads()} == right
        assert await rebuild_all(store) == []


async def test_rebuilding_looks_again_at_a_thread_that_moves_meanwhile() -> None:
    class Busy(FakeStore):
        meanwhile: Callable[[], Awaitable[object]] | None = None

        @override
        async def put_state(self, thread: ThreadRow) -> None:
            happens, self.meanwhile = self.meanwhile, None
            if happens:
                await happens()
            await super().put_state(thread)

    store = Busy()
    async with hub_kit(store=store) as kit:
        await kit.write("telegram", "77", "hej")
        thread = await kit.thread("telegram", "77")
        kept = await kit.state("telegram", "77")
        store.memory.states[thread] = kept.model_copy(update={"last_text": "wrong"})
        store.meanwhile = partial(kit.hub.desk.note, thread, ANNA, text="n")
        assert await rebuild_all(store) == [thread]
        assert (await kit.state("telegram", "77")).last_text == kept.last_text
        assert await rebuild_all(store) == []


async def test_a_thread_that_moved_on_is_not_overwritten() -> None:
    store = FakeStore()
    async with hub_kit(store=store) as kit:
        await kit.write("telegram", "77", "hej")
        row = await rebuilt(store, await kit.thread("telegram", "77"))
        await kit.write("telegram", "77", "människa")
        with pytest.raises(StaleVersion):
            await store.put_state(row)
        assert isinstance((await kit.state("telegram", "77")).owner, Offered)


# --- anything in any order -------------------------------------------------------------------

PEOPLE = (
    ("webchat", "v1"),
    ("twilio_sms", "+46701234567"),
    ("telegram", "77"),
    ("messenger", "7001"),
    ("twilio_whatsapp", "+46709999999"),
)
TEXTS = (
    "hej",
    "leverans",
    "delivery",
    "retur",
    "FB-104233",
    "42",
    "byta",
    "leverans till min son",
    "delivery for our company",
    "retur till firman",
    "människa",
    "värdelöst",
    "nej",
    "blargh",
    "1",
    "STOPP",
    "ABCD-2345",
    "",
)
TROUBLES: tuple[CallResult, ...] = (
    Unreached(reason="no route"),
    Lost(reason="timed out"),
    Reply(status=429, headers=(("retry-after", "20"),)),
)
BOT_WORDS = ("[answer.", "[unsure.", "[clarify.", "[fallback.", "[form.", "[unsupported.")

people = st.sampled_from([0, 0, 0, 1, 1, 1, 2, 3, 4])
agents = st.sampled_from([ANNA, BO])
steps = st.one_of(
    st.tuples(st.just("write"), people, st.sampled_from(TEXTS)),
    st.tuples(st.just("write"), people, st.sampled_from(TEXTS)),
    st.tuples(st.just("start"), people, st.none()),
    st.tuples(st.just("link"), people, people),
    st.tuples(st.just("link"), people, people),
    st.tuples(st.sampled_from(["accept", "take", "reply", "note"]), people, agents),
    st.tuples(st.sampled_from(["hand_back", "transfer", "resolve"]), people, agents),
    st.tuples(st.sampled_from(["snooze", "snooze_long", "unsnooze"]), people, agents),
    st.tuples(st.sampled_from(["business", "parent", "private"]), people, agents),
    st.tuples(st.sampled_from(["leave", "end"]), people, st.none()),
    st.tuples(st.just("echo"), st.just(3), st.none()),
    st.tuples(st.just("trouble"), people, st.sampled_from(TROUBLES)),
    st.tuples(st.just("wait"), people, st.sampled_from([1, 30, 601, 73 * 3600])),
)
Step = tuple[str, int, object]


@dataclass
class World:
    """A hub, and what was seen of it before the last step."""

    kit: HubKit
    count: int = 0
    written: list[str] = field(default_factory=list)
    owners: dict[IdentityId, tuple[Owner, int]] = field(default_factory=dict)
    said: int = 0

    async def take(self, step: Step) -> None:
        """Do one step; steps of people who never wrote are left out."""
        name, person, detail = step
        channel, user = PEOPLE[person]
        self.count += 1
        if name == "write":
            await self.write(channel, user, str(detail))
        elif name == "start":
            await self.start(channel, user)
        elif name == "trouble":
            self.kit.wire.failing = [detail]  # type: ignore[list-item]  # the strategy's own
        elif name == "wait":
            await self.kit.pass_time(timedelta(seconds=detail))  # type: ignore[arg-type]  # as above
        elif await self.kit.store.identity(self.kit.identity(channel, user)) is not None:
            await self.known(name, (channel, user), detail)
        await self.kit.quiet()

    async def write(self, channel: str, user: str, text: str) -> None:
        # Each message has words of its own, so that a lost or doubled one is seen.
        text = f"{text} {'' if text[:1].isdigit() or '-' in text else 'så'}".strip()
        if channel != "webchat":
            await self.kit.write(channel, user, text or "…")
        elif text:
            await self.kit.chat(user, text)

    async def start(self, channel: str, user: str) -> None:
        if channel == "webchat":
            await self.kit.chat(user, event="started")
        elif channel in {"telegram", "messenger"}:
            await self.kit.write(channel, user, ref="campaign_7")

    async def known(self, name: str, who: tuple[str, str], detail: object) -> None:
        if name == "link":
            await self.link(who, PEOPLE[int(str(detail))])
        elif name == "leave":
            await self.kit.hub.chat.leave_queue(self.kit.address(*who))
        elif name == "end":
            await self.kit.hub.chat.end(self.kit.address(*who), key=str(self.count))
        elif name == "echo":
            await self.echo(who)
        elif isinstance(detail, ByAgent):
            await self.agent(name, await self.kit.thread(*who), detail)

    async def link(self, source: tuple[str, str], target: tuple[str, str]) -> None:
        if target[0] == "webchat":
            return
        code = await self.kit.link(source, target)
        if target[0] in {"telegram", "messenger"} and self.count % 2:
            await self.kit.write(*target, ref=code)
        else:
            await self.kit.write(*target, code)

    async def echo(self, who: tuple[str, str]) -> None:
        text = f"Vi ringer {self.count}"
        body = Echo(recipient=who[1], external_id=f"m_app{self.count}", text=text)
        arrival = Arrival(
            id=EventId.new(), identity=self.kit.identity(*who), at=self.kit.clock.now(), body=body
        )
        await self.kit.hub.ingress.submit([arrival])

    async def agent(self, name: str, thread: ThreadId, by: ByAgent) -> None:
        desk, text = self.kit.hub.desk, f"Svar {self.count}"
        match name:
            case "accept" | "take":
                await desk.accept(thread, by, takeover=name == "take")
            case "reply":
                await desk.reply(thread, by, text=text, client_id=str(self.count))
            case "note":
                await desk.note(thread, by, text=text)
            case "hand_back":
                await desk.hand_back(thread, by)
            case "transfer":
                await desk.transfer(thread, by, queue="returns", note=text)
            case "snooze" | "snooze_long":
                long = timedelta(seconds=30 if name == "snooze" else 1000)
                await desk.snooze(thread, by, until=self.kit.clock.now() + long)
            case "business" | "parent" | "private":
                await desk.set_facet(thread, by, facet=name)
            case "unsnooze":
                await desk.unsnooze(thread, by)
            case _:
                await desk.resolve(thread, by, reason="done")

    # --- what always holds -------------------------------------------------------------------

    async def check(self, step: Step) -> None:
        before = dict(self.owners)
        rows = await self.kit.store.threads(limit=100)
        for row in rows:
            again = await rebuilt(self.kit.store, row.state.thread)
            assert again.state == row.state, step
            for identity in row.identities:
                self.owners[identity.id] = (row.state.owner, row.state.epoch)
        for known, (owner, epoch) in before.items():
            owner_now, epoch_now = self.owners[known]
            assert epoch_now >= epoch, step
            assert owner_now == owner or epoch_now > epoch, step
        said = self.bot_words()
        if before and step[0] != "wait":
            humans = [
                isinstance(owner, Offered) or owner.kind == "agent" for owner, _ in before.values()
            ]
            if all(humans) and before == self.owners:
                assert said == self.said, step
        self.said = said
        assert await self.kit.store.dead_letters() == [], step
        late = self.kit.clock.now() + timedelta(seconds=1)
        assert await self.kit.store.unprocessed(before=late, limit=1) == [], step

    def bot_words(self) -> int:
        wire = self.kit.wire
        phones = [shows.text for shown in wire.shown.values() for shows in shown]
        pages = [str(data["text"]) for page in wire.pages.values() for data in page]
        return sum(text.startswith(BOT_WORDS) for text in [*phones, *pages])


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=st.sampled_from(TEXTS),
    second=st.sampled_from(TEXTS),
    plan=st.lists(steps, min_size=6, max_size=30),
)
async def test_the_snapshot_is_always_what_the_entries_add_up_to(
    first: str, second: str, plan: list[Step]
) -> None:
    async with hub_kit() as kit:
        world = World(kit)
        for step in [("write", 0, first), ("write", 1, second), *plan]:
            await world.take(step)
            await world.check(step)
        # Every offer and every snooze ends: nobody is left waiting.
        await kit.pass_time(timedelta(hours=1))
        await world.check(("wait", 0, None))
        episodes = [row.state.episode for row in await kit.store.threads(limit=100)]
        assert [one for one in episodes if one and one.phase is Phase.SNOOZED] == []
        assert await kit.store.threads(ThreadFilter(owner="offered")) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    plan=st.lists(st.tuples(people, st.sampled_from(TEXTS[:9])), min_size=1, max_size=12),
    links=st.lists(st.tuples(people, people), max_size=4),
)
async def test_every_message_is_heard_once_and_in_order(
    plan: list[tuple[int, str]], links: list[tuple[int, int]]
) -> None:
    async with hub_kit() as kit:
        expected: dict[tuple[str, str], list[str]] = {who: [] for who in PEOPLE}
        for number, (person, text) in enumerate(plan):
            channel, user = PEOPLE[person]
            said = f"{text} {number}"
            expected[channel, user].append(said)
            if channel == "webchat":
                await kit.chat(user, said)
            else:
                request = kit.webhook(channel, user, said)
                for _ in range(1 + number % 2):  # providers repeat themselves
                    await kit.deliver(channel, request)
            if links and number % 3 == 2:
                await self_link(kit, expected, *links.pop())
        await kit.quiet()
        for who, texts in expected.items():
            if texts:
                heard = [
                    e.body.text
                    for e in await kit.entries(*who)
                    if isinstance(e.body, MessageIn)
                    and e.by == ByCustomer(identity=kit.identity(*who))
                ]
                assert heard == texts


async def self_link(
    kit: HubKit, expected: dict[tuple[str, str], list[str]], one: int, other: int
) -> None:
    """Link two people while their messages are still under way."""
    source, target = PEOPLE[one], PEOPLE[other]
    if target[0] == "webchat" or not expected[source] or not expected[target]:
        return
    code = await kit.link(source, target)
    expected[target].append(code)
    await kit.deliver(target[0], kit.webhook(*target, code))


def test_the_bot_owns_what_is_new() -> None:
    assert (EMPTY.owner, EMPTY.epoch) == (OwnedByBot(), 0)
