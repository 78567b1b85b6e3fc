"""Store, lists of threads: filtered, ordered, paged, counted."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import TYPE_CHECKING

import pytest

from bot.model.ids import AgentId, EpisodeId
from bot.model.listing import HolderCount, ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.record import Absorb, ThreadRow
from bot.model.thread import Episode, Offered, OwnedByAgent, OwnedByBot, OwnedByNobody, Owner, Phase
from tests.builders import acceptance, address, arrival, at, change, joining, link
from tests.contract.committing import ANNA, BO, WEB, accepted, said

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.ids import ThreadId
    from bot.model.understanding import Language
    from bot.ports import Store
    from tests.contract.homes import StoreHome

EVA, IDA = AgentId.of("eva"), AgentId.of("ida")
OWNERS: tuple[Owner, ...] = (
    OwnedByBot(),
    OwnedByNobody(),
    Offered(queue="support", since=at(5), reason="asked"),
    Offered(queue="returns", since=at(3), reason="asked"),
    OwnedByAgent(agent=EVA, name="Eva", since=at(1)),
    OwnedByAgent(agent=IDA, name="Ida", since=at(1)),
)
PHASES = (None, *Phase)
LANGUAGES: tuple[Language | None, ...] = (None, "sv", "en")


async def stands(
    store: Store,
    where: Address,
    *,
    owner: Owner = OWNERS[0],
    phase: Phase | None = None,
    language: Language | None = None,
    when: float = 0,
) -> None:
    """Commit one message that leaves the thread so."""
    (event,) = await accepted(store, f"m{when}", where=where, when=when)
    done = change(await store.turn(event.thread), event)
    episode = None
    if phase is not None:
        episode = Episode(id=EpisodeId.of("e"), phase=phase, opened_at=at(0), changed_at=at(0))
    update = {"owner": owner, "episode": episode, "language": language}
    await store.commit(done.model_copy(update={"state": done.state.model_copy(update=update)}))


async def listed(store: Store, **wanted: object) -> list[ThreadId]:
    rows = await store.threads(ThreadFilter.model_validate(wanted))
    return [row.state.thread for row in rows]


async def waiting(store: Store) -> list[ThreadId]:
    rows = await store.threads(order=ThreadOrder.WAITING)
    return [row.state.thread for row in rows]


async def paged(
    store: Store, wanted: ThreadFilter, *, order: ThreadOrder = ThreadOrder.NEWEST, size: int = 2
) -> list[ThreadRow]:
    """The whole list, page after page."""
    found: list[ThreadRow] = []
    after = None
    while page := await store.threads(wanted, order=order, after=after, limit=size):
        found += page
        after = ThreadPlace.of(page[-1], order)
    return found


async def every_kind(store: Store) -> list[ThreadRow]:
    """A thread of every owner, phase and language; three at the same moment each."""
    kinds = list(product(OWNERS, PHASES, LANGUAGES))
    await asyncio.gather(
        *(
            stands(
                store,
                address(f"p{n}", channel=("twilio_sms", "web")[n % 2]),
                owner=owner,
                phase=phase,
                language=language,
                when=n // 3,
            )
            for n, (owner, phase, language) in enumerate(kinds)
        )
    )
    rows = await store.threads(limit=100)
    assert len(rows) == len(kinds)
    return rows


def takes(wanted: ThreadFilter, row: ThreadRow) -> bool:
    """What a filter means, said once more."""
    owner = row.state.owner
    episode = row.state.episode
    return all(
        [
            wanted.owner in {None, owner.kind},
            wanted.agent is None
            or (isinstance(owner, OwnedByAgent) and owner.agent == wanted.agent),
            wanted.queue is None or (isinstance(owner, Offered) and owner.queue == wanted.queue),
            wanted.phase is None or (episode is not None and episode.phase is wanted.phase),
            wanted.language in {None, row.state.language},
            wanted.channel in {None, *(one.address.channel for one in row.identities)},
        ]
    )


FILTERS = [
    ThreadFilter(),
    *(ThreadFilter(owner=kind) for kind in ("bot", "offered", "agent", "none")),
    ThreadFilter(agent=EVA),
    ThreadFilter(queue="support"),
    ThreadFilter(queue="nobody-knows"),
    ThreadFilter(phase=Phase.OPEN),
    ThreadFilter(language="en"),
    ThreadFilter(channel="web"),
    ThreadFilter(channel="nobody-knows"),
    ThreadFilter(owner="bot", phase=Phase.RESOLVED, language="sv"),
    ThreadFilter(owner="bot", phase=Phase.RESOLVED, language="sv", channel="web"),
    ThreadFilter(phase=Phase.OPEN, channel="twilio_sms"),
    ThreadFilter(agent=EVA, phase=Phase.OPEN, language="sv", channel="web"),
    ThreadFilter(queue="returns", language="en", channel="twilio_sms"),
    ThreadFilter(owner="offered", queue="support"),
    ThreadFilter(owner="bot", agent=EVA),
    ThreadFilter(agent=EVA, queue="support"),
]


async def test_every_filter_takes_what_it_says_in_pages_that_fit_together(store: Store) -> None:
    everything = await every_kind(store)
    moments = [row.state.last_at for row in everything]
    assert moments == sorted(moments, key=str, reverse=True)
    for wanted in FILTERS:
        right = [row for row in everything if takes(wanted, row)]
        assert await store.threads(wanted, limit=100) == right, wanted
        assert await paged(store, wanted, size=2) == right, wanted
        offered = [row for row in right if isinstance(row.state.owner, Offered)]
        offered.sort(
            key=lambda row: (str(ThreadPlace.of(row, ThreadOrder.WAITING).at), row.state.thread)
        )
        found = await paged(store, wanted, order=ThreadOrder.WAITING, size=4)
        assert found == offered, wanted
    assert await store.threads(limit=0) == []


async def test_a_page_is_exact_where_all_threads_have_the_same_moment(store: Store) -> None:
    people = [address(f"p{n}") for n in range(7)]
    for one in people:
        await said(store, "m1", where=one, when=4)
    homes = sorted(one.home_thread for one in people)
    for wanted in (ThreadFilter(), ThreadFilter(owner="bot"), ThreadFilter(channel="twilio_sms")):
        found = await paged(store, wanted, size=3)
        assert [row.state.thread for row in found] == homes


async def test_a_place_need_not_be_there_any_more(store: Store) -> None:
    for n, where in enumerate((ANNA, BO, WEB)):
        await said(store, "m1", where=where, when=n)
    (first,) = await store.threads(limit=1)
    assert first.state.thread == WEB.home_thread
    await said(store, "m2", where=WEB, when=9)
    after = ThreadPlace.of(first, ThreadOrder.NEWEST)
    rest = await store.threads(after=after)
    assert [row.state.thread for row in rest] == [BO.home_thread, ANNA.home_thread]


async def test_a_thread_moves_from_list_to_list(store: Store) -> None:
    waits = Offered(queue="support", since=at(1), reason="asked")
    await stands(store, ANNA, owner=waits, phase=Phase.OPEN, language="sv")
    home = ANNA.home_thread
    assert await listed(store, owner="offered", phase="open") == [home]
    assert await waiting(store) == [home]
    eva = OwnedByAgent(agent=EVA, name="Eva", since=at(2))
    await stands(store, ANNA, owner=eva, phase=Phase.OPEN, language="en", when=1)
    assert await listed(store, owner="offered") == await listed(store, queue="support") == []
    assert await waiting(store) == []
    assert await listed(store, agent=EVA, language="en") == [home]
    assert await listed(store, language="sv") == []
    await stands(store, ANNA, phase=Phase.RESOLVED, language="en", when=2)
    assert await listed(store, agent=EVA) == await listed(store, phase="open") == []
    for channel in (None, "twilio_sms"):
        found = await listed(store, owner="bot", phase="resolved", language="en", channel=channel)
        assert found == [home]


async def test_a_rebuilt_snapshot_is_listed_as_what_it_says(store: Store) -> None:
    await said(store, "m1")
    turn = await store.turn(ANNA.home_thread)
    waits = Offered(queue="support", since=at(1), reason="asked")
    state = turn.state.model_copy(update={"owner": waits, "language": "en"})
    await store.put_state(ThreadRow(state=state, identities=turn.identities))
    assert await listed(store, queue="support", language="en") == [ANNA.home_thread]
    assert await listed(store, channel="twilio_sms", owner="offered") == [ANNA.home_thread]
    assert await listed(store, owner="bot") == []


# --- channels --------------------------------------------------------------------------------


async def absorb(store: Store, gone: Address, into: Address, *, when: float = 50) -> None:
    """The thread of one goes up in that of the other."""
    (event,) = await accepted(store, f"code-{when}", where=gone, when=when)
    old, turn = await store.turn(gone.home_thread), await store.turn(into.home_thread)
    absorbed = Absorb(thread=old.state.thread, version=old.state.version)
    done = change(turn, event)
    await store.commit(done.model_copy(update={"link": link(gone, into), "absorb": absorbed}))


@pytest.mark.parametrize("heard", [True, False])
async def test_a_linked_thread_is_on_both_channels_and_listed_once(
    store: Store, *, heard: bool
) -> None:
    if heard:
        await said(store, "m1", where=ANNA, when=1)
    await said(store, "m1", where=WEB, when=2)
    await absorb(store, ANNA, WEB)
    await said(store, "m9", where=ANNA, when=60)
    for channel in (None, "web", "twilio_sms"):
        assert await listed(store, channel=channel) == [WEB.home_thread], channel


async def test_an_absorbed_thread_leaves_every_list_and_count(store: Store) -> None:
    await said(store, "m1", where=WEB)
    await stands(store, ANNA, owner=OWNERS[2], phase=Phase.OPEN, language="sv")
    await absorb(store, ANNA, WEB)
    wanted: list[dict[str, object]] = [
        {"owner": "offered"},
        {"queue": "support"},
        {"phase": "open"},
        {"language": "sv"},
        {"owner": "offered", "channel": "twilio_sms"},
    ]
    assert [await listed(store, **one) for one in wanted] == [[]] * 5
    assert await waiting(store) == []
    assert await store.counts() == []


async def test_who_joins_by_phone_brings_a_channel_along(store_home: StoreHome) -> None:
    store = await store_home.open()
    phone = "+46701234567"
    seed = joining(ANNA, phone=phone)
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1", seed=seed)))).events
    await store.commit(change(await store.turn(event.thread), event))
    whatsapp = address("anna", channel="twilio_whatsapp")
    joined = joining(whatsapp, phone=phone)
    await store.accept(acceptance(arrival(whatsapp, "m1", seed=joined)))
    for _ in range(2):
        assert await listed(store, channel="twilio_whatsapp") == [ANNA.home_thread]
        assert await listed(store, channel="twilio_sms") == [ANNA.home_thread]
        store = await store_home.open()


async def test_who_joins_a_thread_before_its_first_commit_is_listed_with_it(store: Store) -> None:
    phone = "+46701234567"
    whatsapp = address("anna", channel="twilio_whatsapp")
    arrivals = [arrival(one, "m1", seed=joining(one, phone=phone)) for one in (ANNA, whatsapp)]
    (first, *_) = (await store.accept(acceptance(*arrivals))).events
    assert await listed(store, channel="twilio_whatsapp") == []
    await store.commit(change(await store.turn(first.thread), first))
    for channel in ("twilio_sms", "twilio_whatsapp"):
        assert await listed(store, channel=channel) == [ANNA.home_thread]


# --- counts ----------------------------------------------------------------------------------


async def test_counts_are_of_what_people_have_in_hand(store: Store) -> None:
    assert await store.counts() == []
    await every_kind(store)
    each = len(PHASES) * len(LANGUAGES)
    counts = sorted(await store.counts(), key=lambda one: one.holder)
    assert counts == sorted(
        [
            HolderCount(owner="offered", holder="support", count=each),
            HolderCount(owner="offered", holder="returns", count=each),
            HolderCount(owner="agent", holder=EVA, count=each),
            HolderCount(owner="agent", holder=IDA, count=each),
        ],
        key=lambda one: one.holder,
    )


# --- queues ----------------------------------------------------------------------------------


async def test_a_queue_is_of_those_offered_to_it_who_has_waited_longest_first(
    store: Store,
) -> None:
    people = [address(f"p{n}") for n in range(6)]
    waits = [("support", 9), ("returns", 1), ("support", 4), ("support", 4), ("support", 2)]
    for n, (name, since) in enumerate(waits):
        owner = Offered(queue=name, since=at(since), reason="asked")
        await stands(store, people[n], owner=owner, when=n)
    await stands(store, people[5], owner=OWNERS[4], when=5)
    tied = sorted([people[2].home_thread, people[3].home_thread])
    queue = [people[4].home_thread, *tied, people[0].home_thread]
    assert await store.queue("support", most=100) == queue
    assert await store.queue("support", most=2) == queue[:2]
    assert await store.queue("returns", most=100) == [people[1].home_thread]
    assert await store.queue("support", most=0) == []
    assert await store.queue("nobody-knows", most=100) == []


async def test_who_is_accepted_or_absorbed_leaves_the_queue(store: Store) -> None:
    waits = Offered(queue="support", since=at(1), reason="asked")
    for n, where in enumerate((ANNA, BO, WEB)):
        await stands(store, where, owner=waits, when=n)
    assert len(await store.queue("support", most=100)) == 3
    await stands(store, BO, owner=OWNERS[4], when=4)
    await absorb(store, ANNA, WEB)
    assert await store.queue("support", most=100) == [WEB.home_thread]


@pytest.mark.parametrize("most", [0, 1, 5, 1000])
async def test_what_a_filter_takes_is_counted_to_the_most(store: Store, most: int) -> None:
    assert await store.count(ThreadFilter(), most=most) == 0
    rows = await every_kind(store)
    for wanted in (
        ThreadFilter(),
        ThreadFilter(owner="bot"),
        ThreadFilter(phase=Phase.SNOOZED),
        ThreadFilter(agent=EVA),
        ThreadFilter(queue="returns", language="sv"),
        ThreadFilter(owner="bot", channel="web"),
        ThreadFilter(owner="bot", queue="returns"),
        ThreadFilter(queue="none"),
    ):
        taken = sum(takes(wanted, row) for row in rows)
        assert await store.count(wanted, most=most) == min(taken, most), wanted


async def test_a_thread_in_which_nothing_has_happened_is_in_no_list(store: Store) -> None:
    (event,) = await accepted(store, "met", where=ANNA)
    turn = await store.turn(event.thread)
    met = turn.state.model_copy(update={"version": 1})
    done = change(turn, event).model_copy(update={"state": met, "entries": ()})
    assert await store.commit(done) == ()
    await said(store, "b1", where=BO)
    for wanted in (ThreadFilter(), ThreadFilter(owner="bot"), ThreadFilter(channel="twilio_sms")):
        assert [row.state.thread for row in await store.threads(wanted)] == [BO.home_thread]
        assert [row.state.thread for row in await paged(store, wanted)] == [BO.home_thread]
    assert (await store.turn(ANNA.home_thread)).state == met
    # Somebody did something there, without a word.
    (second,) = await accepted(store, "came", where=ANNA, when=1)
    here = change(await store.turn(ANNA.home_thread), second)
    silent = here.state.model_copy(update={"last_at": None})
    await store.commit(here.model_copy(update={"state": silent}))
    assert await listed(store) == [BO.home_thread, ANNA.home_thread]
    assert await listed(store, channel="twilio_sms") == [BO.home_thread, ANNA.home_thread]
