"""Store: random histories leave every store and its model, the fake, reading the same."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from bot.errors import SamtalError
from bot.model.channel import ReceiptStatus
from bot.model.decision import Gap
from bot.model.listing import ThreadFilter
from bot.model.people import ByBot, LinkCode, LinkMark, Mark
from bot.model.record import Absorb, Acceptance, Settlement, Split
from bot.model.search import parsed
from bot.model.sending import PartSent
from bot.model.thread import SendStatus, ThreadState
from bot.model.value import Value
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    consent,
    entry,
    joining,
    link,
    receipt,
    reply,
    send_item,
    spans,
)
from tests.contract.homes import MONGO_STORES, STORES
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from bot.model.channel import Address
    from bot.model.ids import SendId
    from bot.model.record import Claim, ThreadChange, Turn
    from bot.ports import Store
    from tests.contract.homes import StoreHome

T = TypeVar("T")

PEOPLE = [
    address(user, channel=channel)
    for user in ("anna", "bo", "cia")
    for channel in ("twilio_sms", "web")
]
PHONES = ("+46701234567", "+46701234568", None)
people = st.sampled_from(PEOPLE)
KEYS = ["m1", "m2", "m3", "m4"]
keys = st.sampled_from(KEYS)
ENDS = [status for status in SendStatus if status is not SendStatus.SENDING]
# Histories are short enough to be read as they are: making them shorter would outlast the timeout.
QUICK = settings(
    max_examples=20,
    stateful_step_count=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    report_multiple_bugs=False,
)
moments = st.integers(0, 20)


class Histories(RuleBasedStateMachine):
    """Whatever is done is done to both, and both must answer, or refuse, the same.

    Watermarks are left out: of one and a receipt that both came before their part, nobody says
    which counts first.
    """

    make_home: ClassVar[Callable[[Path], StoreHome]]

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._home = type(self).make_home(Path(self._folder.name))
        self._model: Store = FakeStore()
        self._store = self._runner.run(self._home.open())
        self._sends: list[SendId] = []
        self._stale: list[ThreadChange] = []

    @override
    def teardown(self) -> None:
        self._runner.run(self._home.close())
        self._runner.close()
        self._folder.cleanup()

    def both(self, ask: Callable[[Store], Coroutine[None, None, T]]) -> T:
        """The answer of both; raises Refused when both refuse for the same reason."""
        model = self._runner.run(_answer(ask, self._model))
        store = self._runner.run(_answer(ask, self._store))
        compare(store, model)
        if isinstance(model, SamtalError):
            raise Refused
        return model

    def turn(self, where: Address) -> Turn:
        return self.both(lambda store: store.turn(where.home_thread))

    # --- what happens ---

    @initialize(who=st.lists(people, min_size=3, unique=True), key=keys)
    def begin(self, who: list[Address], key: str) -> None:
        for where in who:
            self.accept(where, key, 0)

    @rule(where=people, key=keys, when=moments)
    def accept(self, where: Address, key: str, when: int) -> None:
        phone = PHONES[(len(where.user) + KEYS.index(key)) % 3]  # a repeat tells the same
        alias = address(where.user, channel="alias").identity
        seed = joining(where, phone=phone, aliases=(alias,) if phone == PHONES[1] else ())
        batch = acceptance(arrival(where, key, when=at(when), seed=seed), body=key.encode())
        self.both(lambda store: store.accept(batch))

    @rule(where=people, replies=st.integers(0, 2), due=moments)
    def process(self, where: Address, replies: int, due: int) -> None:
        turn = self.turn(where)
        if not turn.events:
            return
        event = turn.events[0]
        outs = [reply(event, n + 1) for n in range(replies)]
        done = change(turn, event, entry(event), *outs, epoch=turn.state.epoch + 1).model_copy(
            update={
                "sends": tuple(send_item(turn, out, due=at(due)) for out in outs),
                "gaps": (Gap(slot=f"s{replies}", locale="sv", channel="web"),),
            }
        )
        self._commit(done)
        self._sends += [item.id for item in done.sends]
        self._stale.append(done)

    @precondition(lambda self: self._stale)
    @rule(data=st.data())
    def commit_late(self, data: st.DataObject) -> None:
        self._commit(data.draw(st.sampled_from(self._stale)))

    @rule(one=people, other=people, code=st.sampled_from([None, "h1"]))
    def absorb(self, one: Address, other: Address, code: str | None) -> None:
        into, gone = self.turn(one), self.turn(other)
        if not (gone.events and into.identities) or into.state.thread == gone.state.thread:
            return
        absorbed = Absorb(thread=gone.state.thread, version=gone.state.version)
        joined = {"link": link(one, other), "absorb": absorbed, "code": code}
        self._commit(change(into, gone.events[0]).model_copy(update=joined))

    @rule(where=people, data=st.data())
    def split(self, where: Address, data: st.DataObject) -> None:
        if len(self.turn(where).identities) < 2:
            return
        asked = arrival(where, f"split {len(self._stale)}")
        self.both(lambda store: store.accept(acceptance(asked)))
        turn = self.turn(where)
        here = [one.address for one in turn.identities]
        going = data.draw(st.lists(st.sampled_from(here), min_size=1, max_size=2, unique=True))
        # Mostly one of their own; of those that are not, some are refused.
        home = data.draw(st.sampled_from([*going, *going, *PEOPLE])).home_thread
        own = ThreadState(thread=home, epoch=turn.state.epoch, last_at=at(5))
        gone = Split(state=own, identities=tuple(one.identity for one in going))
        made = self.both(lambda store: store.links([one.identity for one in here]))
        marks = tuple(
            LinkMark(link=one.link.id, mark=Mark.ENDED, at=at(5), by=ByBot()) for one in made[:1]
        )
        split = change(turn, turn.events[0]).model_copy(update={"splits": (gone,), "marks": marks})
        self._commit(split)
        self._stale.append(split)

    @rule(where=people)
    def give_code(self, where: Address) -> None:
        code = LinkCode(
            hash="h1", source=where.identity, channel="x", account="demo", expires_at=at(9)
        )
        self.both(lambda store: store.put_code(code))

    @rule(where=people, tries=st.integers(1, 5), when=moments)
    def bury(self, where: Address, tries: int, when: int) -> None:
        events = self.turn(where).events
        if events:
            first = events[0].id
            self.both(lambda store: store.bury(first, reason="r", tries=tries, at=at(when)))

    @rule()
    def revive(self) -> None:
        letters = self.both(lambda store: store.dead_letters())
        if letters:
            first = letters[0].event
            self.both(lambda store: store.revive(first))

    @rule(before=st.sampled_from([0, 1]))
    def prune(self, before: int) -> None:
        self.both(lambda store: store.prune(before=at(before)))

    @rule(now=moments, limit=st.integers(1, 3))
    def claim(self, now: int, limit: int) -> None:
        names = {send: f"SM{n}" for n, send in enumerate(self._sends)}

        async def claim_and_send(store: Store) -> list[Claim]:
            claims = await store.claim_sends(now=at(now), limit=limit, until=LAPSES)
            for claim in claims:
                part = PartSent(external_id=names[claim.item.id])
                await store.part_sent(claim.item.id, part, at=at(now))
            return claims

        self.both(claim_and_send)

    @precondition(lambda self: self._sends)
    @rule(data=st.data(), status=st.sampled_from(ENDS), due=moments)
    def settle(self, data: st.DataObject, status: SendStatus, due: int) -> None:
        send = data.draw(st.sampled_from(self._sends))
        ended = Settlement(send=send, status=status, at=at(due), due=at(due))
        self.both(lambda store: store.settle(ended))

    @rule(
        number=st.integers(0, 6),
        channel=st.sampled_from(["twilio_sms", "web"]),
        status=st.sampled_from(ReceiptStatus),
    )
    def receive_receipt(self, number: int, channel: str, status: ReceiptStatus) -> None:
        fact = Acceptance(receipts=(receipt(f"SM{number}", status, channel=channel),))
        self.both(lambda store: store.accept(fact))

    @rule(where=people, when=moments, opted_out=st.booleans())
    def hear(self, where: Address, when: int, *, opted_out: bool) -> None:
        facts = Acceptance(consents=(consent(where, opted_out=opted_out, when=at(when)),))
        self.both(lambda store: store.accept(facts))

    @rule()
    def restart(self) -> None:
        self._store = self._runner.run(self._home.open())
        self.both(lambda store: store.recover_sends(now=LAPSES))

    # --- what is read ---

    @invariant()
    def reads_the_same(self) -> None:
        self.both(self._everything)

    async def _everything(self, store: Store) -> list[object]:
        entries = await store.entries(spans(*PEOPLE), limit=1000)
        seqs = [found.seq for found in entries]
        assert seqs == sorted(set(seqs))
        middle = seqs[len(seqs) // 2] if seqs else 1
        return [
            entries,
            await store.entries(spans(*PEOPLE[:3]), limit=3, newest=True),
            await store.entries(spans(*PEOPLE), before=middle, limit=2, newest=True),
            await store.entries(spans(*PEOPLE), after=middle, limit=2),
            [await store.identity(where.identity) for where in PEOPLE],
            [await store.turn(where.home_thread) for where in PEOPLE],
            [await store.outcome(found.event) for found in entries[-3:]],
            await store.thread_ids(),
            await store.links([where.identity for where in PEOPLE]),
            await store.threads(),
            await store.threads(ThreadFilter(owner="bot", channel="web")),
            await store.find_entries(parsed("hej"), limit=3),
            await store.find_customers(parsed("anna")),
            await store.unprocessed(before=at(10), limit=5),
            await store.sends(self._sends),
            await store.next_due(),
            sorted(await store.gaps(), key=lambda gap: gap.gap.slot),
        ]

    def _commit(self, done: ThreadChange) -> None:
        with suppress(Refused):
            self.both(lambda store: store.commit(done))


class Refused(Exception):
    """Both refused, with the same error."""


async def _answer(
    ask: Callable[[Store], Coroutine[None, None, T]], store: Store
) -> T | SamtalError:
    try:
        return await ask(store)
    except SamtalError as error:
        return error


def plain(value: object) -> object:
    """What must be equal: errors by their class; no numbers, which may have gaps; no wording."""
    if isinstance(value, SamtalError):
        return type(value).__name__
    if isinstance(value, Value):
        return {
            name: plain(part) for name, part in value if name not in {"seq", "number", "detail"}
        }
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def compare(store: object, model: object) -> None:
    """Assert that two answers are equal; of long ones show the part that is not."""
    ours, theirs = plain(store), plain(model)
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        differing = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
        same = not differing
        assert same, f"of the store and of the model: {differing[:1]}"
        return
    same = ours == theirs
    assert same, f"of the store and of the model: {(ours, theirs)}"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("subject", sorted({*STORES, *MONGO_STORES} - {"fake"}))
def test_random_histories_read_the_same(
    subject: str, make_store_home: Callable[[str, Path], StoreHome]
) -> None:
    class Subject(Histories):
        make_home = partial(make_store_home, subject)

    few = settings(QUICK, max_examples=8) if subject in MONGO_STORES else QUICK
    run_state_machine_as_test(Subject, settings=few)
