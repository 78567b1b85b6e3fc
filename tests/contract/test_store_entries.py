"""Store, threads: reading entries by pages, and what a long thread costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.model.ids import EntryId
from bot.model.record import Span
from bot.model.thread import Note
from tests.builders import acceptance, address, arrival, change, entry, spans

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.thread import Entry
    from bot.ports import Store

ANNA = address("anna")
BO = address("bo")


async def write(store: Store, where: Address, *, key: str, count: int) -> tuple[Entry, ...]:
    """One event of this many entries."""
    (event,) = (await store.accept(acceptance(arrival(where, key)))).events
    entries = [entry(event, n, body=Note(text=f"{where.user} {n}")) for n in range(count)]
    return await store.commit(change(await store.turn(event.thread), event, *entries))


@pytest.fixture
async def mixed(store: Store) -> list[Entry]:
    """Entries of two people, in turns: a0 a1 a2 b0 b1 a3 a4."""
    return [
        *await write(store, ANNA, key="1", count=3),
        *await write(store, BO, key="1", count=2),
        *await write(store, ANNA, key="2", count=2),
    ]


async def test_entries_are_those_of_the_identities_asked_for(
    store: Store, mixed: list[Entry]
) -> None:
    assert await store.entries(spans(ANNA, BO)) == mixed
    assert await store.entries(spans(ANNA)) == mixed[:3] + mixed[5:]
    assert await store.entries(spans(BO)) == mixed[3:5]
    assert await store.entries(spans(address("nobody"))) == []
    assert await store.entries([]) == []


async def test_an_entry_is_found_by_its_id(store: Store, mixed: list[Entry]) -> None:
    assert [await store.entry(one.id) for one in mixed] == mixed
    assert await store.entry(EntryId.of("unknown")) is None
    assert await store.entry(EntryId("\x00' OR 1 --")) is None


async def test_after_and_before_are_exclusive(store: Store, mixed: list[Entry]) -> None:
    both = spans(ANNA, BO)
    assert await store.entries(both, after=mixed[1].seq) == mixed[2:]
    assert await store.entries(both, before=mixed[4].seq) == mixed[:4]
    assert await store.entries(both, after=mixed[1].seq, before=mixed[5].seq) == mixed[2:5]
    assert await store.entries(both, after=mixed[-1].seq) == []
    assert await store.entries(both, before=mixed[0].seq) == []


async def test_newest_takes_the_last_ones_still_rising(store: Store, mixed: list[Entry]) -> None:
    both = spans(ANNA, BO)
    assert await store.entries(both, limit=2) == mixed[:2]
    assert await store.entries(both, limit=2, newest=True) == mixed[-2:]
    assert await store.entries(both, limit=99, newest=True) == mixed
    assert await store.entries(spans(BO), limit=1, newest=True) == mixed[4:5]
    assert (
        await store.entries(both, after=mixed[0].seq, before=mixed[4].seq, limit=2, newest=True)
        == mixed[2:4]
    )


async def test_a_span_begins_at_its_number(store: Store, mixed: list[Entry]) -> None:
    since = Span(identity=ANNA.identity, from_seq=mixed[2].seq)
    assert await store.entries([since]) == [mixed[2], *mixed[5:]]
    later = Span(identity=BO.identity, from_seq=mixed[3].seq + 1)
    assert await store.entries([since, later]) == [mixed[2], *mixed[4:]]
    assert await store.entries([since, later], limit=2, newest=True) == mixed[5:]
    assert await store.entries([since, later], after=mixed[4].seq) == mixed[5:]


async def test_an_entry_in_two_spans_comes_once(store: Store, mixed: list[Entry]) -> None:
    late = Span(identity=ANNA.identity, from_seq=mixed[5].seq)
    assert await store.entries([*spans(ANNA), late]) == mixed[:3] + mixed[5:]


async def test_paging_forward_and_back_misses_and_doubles_nothing(store: Store) -> None:
    written = [
        found
        for n in range(5)
        for where in (ANNA, BO)
        for found in await write(store, where, key=str(n), count=3)
    ]
    forward: list[Entry] = []
    while page := await store.entries(
        spans(ANNA, BO), after=forward[-1].seq if forward else 0, limit=7
    ):
        forward += page
    back: list[Entry] = []
    while page := await store.entries(
        spans(ANNA, BO), before=back[0].seq if back else None, limit=7, newest=True
    ):
        back = page + back
    assert forward == written
    assert back == written


async def test_a_turn_on_a_long_thread_carries_none_of_it(store: Store) -> None:
    for n in range(30):
        await write(store, ANNA, key=str(n), count=100)
    assert len(await store.entries(spans(ANNA), limit=5000)) == 3000
    turn = await store.turn(ANNA.home_thread)
    assert turn.events == ()
    assert turn.state.version == 30
    short = BO.home_thread
    await write(store, BO, key="1", count=1)
    # As large as the turn of a thread of one entry, but for the digits of its version.
    size = len(turn.model_dump_json())
    assert abs(size - len((await store.turn(short)).model_dump_json())) < 16
