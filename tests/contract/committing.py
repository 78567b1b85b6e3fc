"""What the suites of threads have in common: accepting, committing, and that nothing was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.decision import Gap
from bot.model.event import OfferExpired
from bot.model.ids import EventId
from bot.model.record import Absorb, Split, Timer
from bot.model.thread import ThreadState
from tests.builders import (
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    fact,
    link,
    reply,
    send_item,
    spans,
)

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.event import ThreadEvent
    from bot.model.people import Link
    from bot.model.record import ThreadChange, Turn
    from bot.ports import Store

ANNA = address("anna")
WEB = address("web-1", channel="web", account="site")
BO = address("bo")


async def accepted(
    store: Store, *keys: str, where: Address = ANNA, when: float = 0
) -> tuple[ThreadEvent, ...]:
    arrivals = (arrival(where, key, text=key, when=at(when)) for key in keys)
    return (await store.accept(acceptance(*arrivals))).events


async def said(store: Store, key: str, *, where: Address = ANNA, when: float = 0) -> ThreadEvent:
    """Accept one message and commit it."""
    (event,) = await accepted(store, key, where=where, when=when)
    await store.commit(change(await store.turn(event.thread), event))
    return event


async def nothing_written(store: Store, *, but: int = 0) -> None:
    """No entry, send, timer, gap or fact is there beyond the entries that were before."""
    found = await store.entries(spans(ANNA, WEB, BO), limit=1000)
    assert len(found) == but
    assert await store.next_due() is None
    assert await store.due_timers(now=at(1_000_000), limit=10) == []
    assert await store.gaps() == []
    assert await store.facts([ANNA.identity, WEB.identity, BO.identity]) == []


def laden(turn: Turn, event: ThreadEvent) -> ThreadChange:
    """A change that writes something everywhere."""
    out = reply(event)
    timer = Timer(
        id=EventId.of("laden", event.id),
        identity=event.identity,
        due=at(9),
        body=OfferExpired(epoch=1),
    )
    return change(turn, event, entry(event), out).model_copy(
        update={
            "sends": (send_item(turn, out),),
            "timers": (timer,),
            "gaps": (Gap(slot="s", locale="sv", channel="web"),),
            "facts": (fact(ANNA, event.id),),
        }
    )


async def go_up(store: Store, gone: Address, into: Address, *, proof_id: str) -> Link:
    """Let the thread of one go up in that of the other by a link; returns the link."""
    made = link(gone, into, proof_id=proof_id)
    (event,) = await accepted(store, proof_id, where=gone)
    old = await store.turn(gone.home_thread)
    joined = change(await store.turn(into.home_thread), event)
    absorb = Absorb(thread=old.state.thread, version=old.state.version)
    await store.commit(joined.model_copy(update={"link": made, "absorb": absorb}))
    return made


def part(*people: Address, text: str = "") -> Split:
    """These people, split off to the thread that the first of them came with."""
    state = ThreadState(thread=people[0].home_thread, last_at=at(70), last_text=text)
    return Split(state=state, identities=tuple(one.identity for one in people))


def parting(turn: Turn, event: ThreadEvent, *parts: Split) -> ThreadChange:
    """What an event does that splits a thread."""
    return change(turn, event).model_copy(update={"splits": parts})


async def split_off(store: Store, *parts: Split, from_: Address, key: str) -> ThreadChange:
    """Split off parts of the thread that an address came with; returns what was committed."""
    (event,) = await accepted(store, key, where=from_, when=60)
    made = parting(await store.turn(from_.home_thread), event, *parts)
    await store.commit(made)
    return made
