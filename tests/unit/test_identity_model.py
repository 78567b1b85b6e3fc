"""Any sequence of messages, links and unlinks: one thread a customer, and nobody sees too much.

The oracle knows what was done, and nothing of how: who is linked with whom, since when, and which
message came when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from typing_extensions import override

from bot.hub.consenting import refuses
from bot.hub.settings import HubSettings
from bot.model.event import AgentLinks, Done, Unlinks
from bot.model.ids import EventId, IdentityId, ThreadId
from bot.model.people import Proof
from bot.model.record import Acceptance, Arrival, LinkMade
from bot.model.thread import MessageIn, ThreadState
from tests.builders import consent, understood
from tests.fakes.nlu import FakeNlu
from tests.hubs import ANNA, TABLE, HubKit, assert_rebuilds, hub_kit
from tests.records import Record

T = TypeVar("T")
Who = tuple[str, str]

VISITORS: list[Who] = [("webchat", "v1"), ("webchat", "v2")]
PHONES: list[Who] = [("twilio_sms", "+46701234567"), ("telegram", "77")]
# Has the number of the first phone, so that the two are joined on sight.
WHATSAPP: Who = ("twilio_whatsapp", "+46701234567")
PEOPLE = [*VISITORS, *PHONES, WHATSAPP]
people = st.sampled_from(PEOPLE)
AS_SOMEBODY = ("leverans till firman", "leverans till min son", "blargh till barnen")
ASKED = timedelta(minutes=10)


@dataclass
class Edge:
    """A link as the oracle knows it: `since` is a number of the messages' own row."""

    one: Who
    other: Who
    since: float
    made: LinkMade
    revealed: bool = False
    holds: bool = True
    yes: str = "ja"

    @property
    def ends(self) -> set[Who]:
        return {self.one, self.other}


class Customers(RuleBasedStateMachine):
    """People write, link, unlink; agents accept, answer, resolve; time passes."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._kit = self.run(self._open())
        self._met: set[Who] = set()
        self._edges: list[Edge] = []
        self._said: list[tuple[int, Who, str]] = []
        self._number = 0
        self._consents: dict[Who, dict[str | None, bool]] = {}

    async def _open(self) -> HubKit:
        easy = HubSettings(links_a_month=10_000, phone_links_a_month=10_000, link_tries=10_000)
        nlu = FakeNlu({**TABLE, "leverans": understood("delivery.time", stage="research")})
        record = self._record()
        store, bus = await self._stack.enter_async_context(record.open())
        return await self._stack.enter_async_context(
            hub_kit(settings=easy, nlu=nlu, store=store, bus=bus, clock=record.clock)
        )

    def _record(self) -> Record:
        return Record("fake", Path())

    def run(self, doing: Coroutine[None, None, T]) -> T:
        return self._runner.run(doing)

    @override
    def teardown(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    # --- what happens ------------------------------------------------------------------------

    @rule(who=people, known=st.sampled_from(["", "leverans", *AS_SOMEBODY]))
    def write(self, who: Who, known: str) -> None:
        self._number += 1
        text = f"ord {self._number}"
        self._meet(who)
        self.run(self._write(who, text))
        self._said.append((self._number, who, text))
        if known:
            self.run(self._write(who, known))

    @precondition(lambda self: self._met & set(VISITORS))
    @rule(visitor=st.sampled_from(VISITORS), phone=st.sampled_from(PHONES))
    def link_by_code(self, visitor: Who, phone: Who) -> None:
        if visitor not in self._met:
            return
        self._number += 1
        self._meet(phone)
        apart = phone not in self._component(visitor)
        code = self.run(self._kit.link(visitor, phone))
        self.run(self._kit.bring(phone, code))
        if apart:
            self._connect(visitor, phone)
            self._edges[-1].yes = self._kit.yes(*phone) if phone == PHONES[0] else "ja"

    @rule(one=people, other=people)
    def link_by_agent(self, one: Who, other: Who) -> None:
        if one in self._met and other in self._met and other not in self._component(one):
            self._number += 1
            assert self._agent_links(one, other) == Done()
            self._connect(other, one)

    @precondition(lambda self: any(edge.holds for edge in self._edges))
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        edge = data.draw(st.sampled_from([one for one in self._edges if one.holds]))
        self._agent_unlinks(edge)

    @rule(who=people, word=st.sampled_from(["ja", "rätt ja", "nej", "stopp koppling"]))
    def answer(self, who: Who, word: str) -> None:
        """By SMS a plain yes is none: the right one has the number of the latest question."""
        if who not in self._met:
            return
        own = [edge for edge in self._edges if edge.holds and who in edge.ends]
        now = self._kit.clock.now()
        asked = [
            edge
            for edge in own
            if edge.made.link.proof is Proof.CODE
            and edge.other == who
            and not edge.revealed
            and now - edge.made.link.at <= ASKED
        ]
        if word == "rätt ja":
            word = asked[-1].yes if asked else "ja"
        self.run(self._write(who, word))
        if word.startswith("ja"):
            good = [edge for edge in asked if edge.yes == word]
            for edge in good:
                edge.revealed = True
            return
        for edge in own if word.startswith("stopp") else asked:
            edge.holds = False

    @rule(who=people, what=st.sampled_from(["accept", "reply", "resolve", "hand_back"]))
    def desk(self, who: Who, what: str) -> None:
        if who in self._met:
            self.run(self._desk(who, what))

    @rule(minutes=st.sampled_from([1, 11, 60 * 24 * 8]))
    def wait(self, minutes: int) -> None:
        self.run(self._kit.pass_time(timedelta(minutes=minutes)))

    @rule(who=people, opted_out=st.booleans(), facet=st.sampled_from([None, "business"]))
    def consent(self, who: Who, facet: str | None, *, opted_out: bool) -> None:
        if who not in self._met:
            return
        self._number += 1
        when = self._kit.clock.now() + timedelta(microseconds=self._number)
        told = consent(self._kit.address(*who), opted_out=opted_out, facet=facet, when=when)
        self.run(self._kit.store.accept(Acceptance(consents=(told,))))
        words = self._consents.setdefault(who, {})
        if facet is None:
            words.clear()
        words[facet] = opted_out

    @rule(one=people, other=people)
    def link_and_unlink_change_nothing(self, one: Who, other: Who) -> None:
        if not {one, other} <= self._met or other in self._component(one):
            return
        before = {who: self.run(self._reads(who)) for who in (one, other)}
        assert self._agent_links(one, other) == Done()
        self._connect(other, one)
        self._agent_unlinks(self._edges[-1])
        del self._edges[-1]
        for who in (one, other):
            after, was = self.run(self._reads(who)), before[who]
            pairs = {name: (was.get(name), now) for name, now in after.items()}
            changed = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
            assert changed == {}

    # --- what holds --------------------------------------------------------------------------

    @invariant()
    def one_thread_for_each_customer(self) -> None:
        threads: dict[ThreadId, set[Who]] = {}
        for who in self._met:
            turn = self.run(self._kit.turn(*who))
            among = {(one.address.channel, one.address.user) for one in turn.identities}
            assert among == self._component(who)
            threads.setdefault(turn.state.thread, set()).add(who)
            # No id is ever that of somebody else: it is the first thread of one of them.
            assert turn.state.thread in {one.address.home_thread for one in turn.identities}
        assert len(threads) == len({frozenset(self._component(who)) for who in self._met})

    @invariant()
    def states_are_what_the_entries_add_up_to(self) -> None:
        self.run(assert_rebuilds(self._kit))

    @invariant()
    def nobody_sees_more_than_was_proven(self) -> None:
        for visitor in set(VISITORS) & self._met:
            seen = self.run(self._history(visitor))
            expected = [text for at, who, text in self._said if self._may_see(visitor, who, at)]
            assert [text for text in seen if text.startswith("ord ")] == expected

    @invariant()
    def a_no_at_any_of_their_addresses_is_a_no(self) -> None:
        for who in self._met:
            theirs = [one for one in self._component(who) if one[0] == who[0]]
            expected = any(self._consents.get(one, {}).get(None, False) for one in theirs)
            no_further = any(self._consents.get(one) == {"business": False} for one in theirs)
            assert self.run(self._refuses(who, "private")) == (expected or no_further)
            as_firm = [self._consents.get(one, {}) for one in theirs]
            expected = any(words.get("business", words.get(None, False)) for words in as_firm)
            assert self.run(self._refuses(who, "business")) == expected

    # --- doing -------------------------------------------------------------------------------

    async def _write(self, who: Who, text: str) -> None:
        channel, user = who
        if channel == "webchat":
            await self._kit.chat(user, text)
        else:
            await self._kit.write(channel, user, text)

    def _meet(self, who: Who) -> None:
        """Somebody writes for the first time, perhaps from a number that is known."""
        if who in self._met:
            return
        first = "hej"
        self.run(self._write(who, first))
        twins = {PHONES[0], WHATSAPP}
        if who in twins and (other := next(iter(twins & self._met), None)) is not None:
            self._met.add(who)
            self._connect(who, other, since=self._number - 0.5)
        self._met.add(who)

    def _connect(self, one: Who, other: Who, *, since: float | None = None) -> None:
        links = self.run(self._links(one))
        new = [made for made in links if made.link.id not in {e.made.link.id for e in self._edges}]
        made = new[-1]
        assert {made.link.one, made.link.other} == {self._id(one), self._id(other)}
        first, second = (one, other) if made.link.one == self._id(one) else (other, one)
        begun = self._number if since is None else since
        self._edges.append(Edge(one=first, other=second, since=begun, made=made))

    async def _refuses(self, who: Who, facet: str) -> bool:
        return await refuses(self._kit.store, self._id(who), facet=facet)

    async def _links(self, who: Who) -> list[LinkMade]:
        turn = await self._kit.turn(*who)
        return await self._kit.store.links([one.id for one in turn.identities])

    def _id(self, who: Who) -> IdentityId:
        return self._kit.identity(*who)

    def _agent_links(self, one: Who, other: Who) -> object:
        body = AgentLinks(by=ANNA, into=self._id(other), reason="seen together")
        return self.run(self._submit(one, body))

    def _agent_unlinks(self, edge: Edge) -> None:
        body = Unlinks(by=ANNA, links=(edge.made.link.id,), reason="two people")
        assert self.run(self._submit(edge.one, body)) == Done()
        edge.holds = False

    async def _submit(self, who: Who, body: AgentLinks | Unlinks) -> object:
        now = self._kit.clock.now()
        arrival = Arrival(id=EventId.new(), identity=self._id(who), at=now, body=body)
        outcome = await self._kit.hub.ingress.ask(arrival, patience=timedelta(seconds=10))
        await self._kit.quiet()
        return outcome

    async def _desk(self, who: Who, what: str) -> None:
        thread, desk = await self._kit.thread(*who), self._kit.hub.desk
        match what:
            case "accept":
                await desk.accept(thread, ANNA, takeover=True)
            case "reply":
                await desk.reply(thread, ANNA, text="svar", client_id=str(self._number))
            case "resolve":
                await desk.resolve(thread, ANNA, reason="done")
            case _:
                await desk.hand_back(thread, ANNA)
        await self._kit.quiet()

    # --- looking -----------------------------------------------------------------------------

    def _component(self, who: Who) -> frozenset[Who]:
        found = {who}
        while more := {end for edge in self._holding() if edge.ends & found for end in edge.ends}:
            if more <= found:
                break
            found |= more
        return frozenset(found)

    def _holding(self) -> Iterator[Edge]:
        return (edge for edge in self._edges if edge.holds)

    def _may_see(self, visitor: Who, who: Who, at: int) -> bool:
        """Whether links that show this moment lead from the one to the other."""
        found = {visitor}
        while True:
            more = {
                end
                for edge in self._holding()
                if edge.ends & found and (edge.revealed or edge.since < at)
                for end in edge.ends
            }
            if more <= found:
                return who in found
            found |= more

    async def _history(self, visitor: Who) -> list[str]:
        views = await self._kit.hub.chat.history(self._kit.address(*visitor))
        bodies = [view.entry.body for view in views]
        return [body.text for body in bodies if isinstance(body, MessageIn)]

    async def _reads(self, who: Who) -> dict[str, object]:
        """What anybody may read of this customer, but for what links themselves leave there."""
        state = await self._kit.state(*who)
        of_links = {"linked", "unlinked", "message_out", "owner_changed", "episode_changed"}
        of_links |= {"dialogue_moved", "journey_moved", "facets_stand"}
        entries = [one for one in await self._kit.entries(*who) if one.body.kind not in of_links]
        history = await self._history(who) if who in VISITORS else []
        refused = [await self._refuses(who, facet) for facet in ("private", "business")]
        return {**_plain(state), "entries": entries, "history": history, "refused": refused}


def _plain(state: ThreadState) -> dict[str, object]:
    """A state but for what may never come back, and what notices of the link said last."""
    moving = {"version", "epoch", "last_at", "last_text", "dialogue"}
    plain: dict[str, object] = state.model_dump(exclude=moving)
    return {**plain, "form": state.dialogue.form, "unsure": state.dialogue.unsure}


# Histories are short enough to be read as they are: making them shorter would outlast the timeout.
Customers.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
test_customers = Customers.TestCase


class CustomersInAFile(Customers):
    """The same on SQLite."""

    @override
    def _record(self) -> Record:
        folder = self._stack.enter_context(TemporaryDirectory())
        return Record("sqlite", Path(folder))


CustomersInAFile.TestCase.settings = settings(Customers.TestCase.settings, max_examples=4)
test_customers_in_a_file = CustomersInAFile.TestCase
