"""Store, threads: a thread is split, its parts go their own ways, and may become one again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import StaleVersion, StoreError
from bot.model.event import Done, OfferExpired
from bot.model.ids import AgentId, EventId
from bot.model.listing import HolderCount, ThreadFilter
from bot.model.record import Absorb, ThreadRow, Timer
from bot.model.search import parsed
from bot.model.thread import OwnedByAgent
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    joining,
    reply,
    send_item,
    spans,
)
from tests.contract.committing import (
    ANNA,
    BO,
    WEB,
    accepted,
    go_up,
    laden,
    nothing_written,
    part,
    parting,
    said,
    split_off,
)

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.record import Turn
    from bot.ports import Store
    from tests.contract.homes import StoreHome

HOMES = [one.home_thread for one in (ANNA, WEB, BO)]
EVERYBODY = [one.identity for one in (ANNA, WEB, BO)]


def members(turn: Turn) -> set[str]:
    return {one.id for one in turn.identities}


async def one_of_two(store: Store) -> None:
    """Anna's thread has gone up in the web session's."""
    await said(store, "web-1", where=WEB, when=1)
    await said(store, "sms-1", where=ANNA, when=2)
    await go_up(store, ANNA, WEB, proof_id="one")


async def one_of_three(store: Store) -> None:
    """Bo's thread has gone up in Anna's, and that one in the web session's."""
    await said(store, "bo-1", where=BO)
    await said(store, "sms-1", where=ANNA)
    await go_up(store, BO, ANNA, proof_id="bo")
    await said(store, "web-1", where=WEB)
    await go_up(store, ANNA, WEB, proof_id="one")


async def where_they_lead(store: Store) -> list[str]:
    """Which threads the ids of Anna's, the web session's and Bo's lead to."""
    return [(await store.turn(thread)).state.thread for thread in HOMES]


# --- what is there afterwards ----------------------------------------------------------------


async def test_a_split_makes_two_threads_of_one(store: Store) -> None:
    await one_of_two(store)
    (waits_sms,) = await accepted(store, "sms-2", where=ANNA, when=3)
    (waits_web,) = await accepted(store, "web-2", where=WEB, when=4)
    made = await split_off(store, part(ANNA, text="till Anna"), from_=WEB, key="bye")

    web, sms = await store.turn(WEB.home_thread), await store.turn(ANNA.home_thread)
    assert web.state == made.state
    assert sms.state.model_copy(update={"version": 0}) == made.splits[0].state
    assert (members(web), members(sms)) == ({WEB.identity}, {ANNA.identity})
    assert (web.events, sms.events) == ((waits_web,), (waits_sms,))
    assert waits_sms.thread == WEB.home_thread  # that it was accepted for
    assert [(await store.identity(one.identity)) for one in (ANNA, WEB)] == [
        sms.identities[0],
        web.identities[0],
    ]
    assert sms.identities[0].thread == ANNA.home_thread
    assert await store.thread_ids() == sorted([ANNA.home_thread, WEB.home_thread])
    assert {row.state.thread: row for row in await store.threads()} == {
        turn.state.thread: ThreadRow(state=turn.state, identities=turn.identities)
        for turn in (web, sms)
    }
    assert await store.outcome(made.event) == Done()


async def test_a_split_rewrites_no_entry_and_ends_no_link_by_itself(store: Store) -> None:
    await one_of_two(store)
    before = await store.entries(spans(WEB, ANNA))
    links = await store.links(EVERYBODY)
    await split_off(store, part(ANNA), from_=WEB, key="bye")
    after = await store.entries(spans(WEB, ANNA))
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    assert await store.links(EVERYBODY) == links


async def test_what_comes_in_afterwards_comes_to_each_its_own(store: Store) -> None:
    await one_of_two(store)
    await split_off(store, part(ANNA), from_=WEB, key="bye")
    (sms,), (web,) = await accepted(store, "sms-9"), await accepted(store, "web-9", where=WEB)
    assert (sms.thread, web.thread) == (ANNA.home_thread, WEB.home_thread)
    for event in (sms, web):
        turn = await store.turn(event.thread)
        assert turn.events == (event,)
        await store.commit(change(turn, event))
        assert (await store.turn(event.thread)).state.version == turn.state.version + 1


async def test_a_newcomer_joins_the_part_that_its_holder_is_in(store: Store) -> None:
    phone, alias = "+46701234567", address("anna", channel="whatsapp")
    seed = joining(ANNA, phone=phone)
    (event,) = (await store.accept(acceptance(arrival(ANNA, seed=seed)))).events
    await store.commit(change(await store.turn(event.thread), event))
    await said(store, "web-1", where=WEB)
    await go_up(store, ANNA, WEB, proof_id="one")
    await split_off(store, part(ANNA), from_=WEB, key="bye")
    newcomer = arrival(alias, seed=joining(alias, phone=phone))
    events = (await store.accept(acceptance(newcomer))).events
    assert {event.thread for event in events} == {ANNA.home_thread}
    assert members(await store.turn(ANNA.home_thread)) == {ANNA.identity, alias.identity}
    (row,) = await store.threads(ThreadFilter(channel="whatsapp"))
    assert row.state.thread == ANNA.home_thread


async def test_one_who_never_had_a_thread_gets_the_first(store: Store) -> None:
    phone, other = "+46701234567", address("anna", channel="whatsapp")
    for where in (ANNA, other):
        await store.accept(acceptance(arrival(where, seed=joining(where, phone=phone))))
    assert members(await store.turn(ANNA.home_thread)) == {ANNA.identity, other.identity}
    turn = await store.turn(ANNA.home_thread)
    first, *rest = turn.events
    await store.commit(parting(turn, first, part(other)))
    theirs, ours = await store.turn(other.home_thread), await store.turn(ANNA.home_thread)
    assert theirs.state.version == 1
    assert members(theirs) == {other.identity}
    assert theirs.events == tuple(one for one in rest if one.identity == other.identity)
    assert members(ours) == {ANNA.identity}
    assert await store.thread_ids() == sorted([ANNA.home_thread, other.home_thread])


async def test_several_parts_go_at_once(store: Store) -> None:
    await one_of_three(store)
    await split_off(store, part(ANNA), part(BO), from_=WEB, key="bye")
    assert await where_they_lead(store) == HOMES
    assert [members(await store.turn(home)) for home in HOMES] == [{one} for one in EVERYBODY]
    assert len(await store.threads()) == 3


async def test_a_split_survives_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    await one_of_two(store)
    await accepted(store, "sms-2", where=ANNA)
    await split_off(store, part(ANNA), from_=WEB, key="bye")
    before = [await store.turn(home) for home in HOMES]
    again = await store_home.open()
    assert [await again.turn(home) for home in HOMES] == before
    assert await again.thread_ids() == sorted(HOMES[:2])


# --- sends and timers go by their identity ---------------------------------------------------


async def test_sends_and_timers_go_with_their_identity(store: Store) -> None:
    await one_of_two(store)
    (event,) = await accepted(store, "sms-2", where=ANNA, when=3)
    turn = await store.turn(WEB.home_thread)
    out = reply(event)
    timer = Timer(
        id=EventId.of("t"), identity=ANNA.identity, due=at(99), body=OfferExpired(epoch=1)
    )
    done = change(turn, event, entry(event), out, epoch=4)
    await store.commit(
        done.model_copy(update={"sends": (send_item(turn, out),), "timers": (timer,)})
    )
    gone = part(ANNA)
    theirs = gone.state.model_copy(update={"epoch": 7, "last_inbound": done.state.last_inbound})
    await split_off(store, gone.model_copy(update={"state": theirs}), from_=WEB, key="bye")

    (claim,) = await store.claim_sends(now=at(200), limit=9, until=LAPSES)
    assert (claim.item.thread, claim.epoch_now) == (WEB.home_thread, 7)
    assert claim.last_inbound_at == at(3)
    (rung,) = await store.due_timers(now=at(200), limit=9)
    assert rung.thread == ANNA.home_thread
    assert (await store.turn(ANNA.home_thread)).events == (rung,)
    assert (await store.turn(WEB.home_thread)).events == ()


# --- lists and search ------------------------------------------------------------------------


async def test_lists_counts_and_channels_show_both(store: Store) -> None:
    other_sms = address("cia")
    await said(store, "cia-1", where=other_sms)
    await one_of_two(store)
    both = {row.state.thread for row in await store.threads(ThreadFilter(channel="twilio_sms"))}
    assert both == {other_sms.home_thread, WEB.home_thread}
    eva = OwnedByAgent(agent=AgentId.of("eva"), name="Eva", since=at(0))
    gone = part(ANNA)
    theirs = gone.state.model_copy(update={"owner": eva, "language": "sv"})
    await split_off(store, gone.model_copy(update={"state": theirs}), from_=WEB, key="bye")

    async def listed(**wanted: object) -> set[str]:
        rows = await store.threads(ThreadFilter.model_validate(wanted))
        return {row.state.thread for row in rows}

    assert await listed(channel="twilio_sms") == {other_sms.home_thread, ANNA.home_thread}
    assert await listed(channel="web") == {WEB.home_thread}
    assert await listed(agent=eva.agent, channel="twilio_sms") == {ANNA.home_thread}
    assert await listed(owner="bot") == {other_sms.home_thread, WEB.home_thread}
    assert await listed(language="sv") == {ANNA.home_thread}
    assert await store.counts() == [HolderCount(owner="agent", holder=eva.agent, count=1)]


async def test_a_channel_that_somebody_who_stays_is_on_too_stays(store: Store) -> None:
    await one_of_two(store)
    await said(store, "bo-1", where=BO)
    await go_up(store, BO, WEB, proof_id="bo")
    await split_off(store, part(ANNA), from_=WEB, key="bye")
    rows = await store.threads(ThreadFilter(channel="twilio_sms"))
    assert {row.state.thread for row in rows} == {ANNA.home_thread, WEB.home_thread}


async def test_what_is_found_is_found_in_the_thread_it_is_in_now(store: Store) -> None:
    await one_of_two(store)
    await split_off(store, part(ANNA), from_=WEB, key="bye")
    (entry_found,) = await store.find_entries(parsed("sms-1"))
    assert entry_found.row.state.thread == ANNA.home_thread
    assert [one.id for one in entry_found.row.identities] == [ANNA.identity]
    (customer,) = await store.find_customers(parsed("web-1"))
    assert customer.row.state.thread == WEB.home_thread
    assert [one.id for one in customer.row.identities] == [WEB.identity]


# --- where ids lead --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "bo_leads_to"), [((ANNA, BO), ANNA), ((ANNA,), WEB)], ids=["with", "without"]
)
async def test_an_id_leads_to_where_whoever_came_with_it_is_now(
    store: Store, who: tuple[Address, ...], bo_leads_to: Address
) -> None:
    await one_of_three(store)
    assert await where_they_lead(store) == [WEB.home_thread] * 3
    await split_off(store, part(*who), from_=WEB, key="bye")
    leads = [ANNA.home_thread, WEB.home_thread, bo_leads_to.home_thread]
    assert await where_they_lead(store) == leads
    assert members(await store.turn(ANNA.home_thread)) == {one.identity for one in who}
    with_bo = await store.turn(BO.home_thread)
    assert BO.identity in members(with_bo)
    (event,) = await accepted(store, "bo-2", where=BO)
    assert event.thread == bo_leads_to.home_thread


async def test_one_in_the_middle_of_a_chain_leaves_and_comes_back(store: Store) -> None:
    await one_of_three(store)
    await split_off(store, part(BO), from_=WEB, key="bo leaves")
    assert await where_they_lead(store) == [WEB.home_thread, WEB.home_thread, BO.home_thread]
    await go_up(store, WEB, BO, proof_id="again")
    assert await where_they_lead(store) == [BO.home_thread] * 3
    await split_off(store, part(ANNA, WEB), from_=BO, key="both leave")
    assert await where_they_lead(store) == [ANNA.home_thread, ANNA.home_thread, BO.home_thread]
    await split_off(store, part(WEB), from_=ANNA, key="web leaves")
    assert await where_they_lead(store) == HOMES


async def test_two_become_one_and_two_again_any_number_of_times(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await said(store, "sms-1", where=ANNA)
    versions = []
    for n in range(3):
        await go_up(store, ANNA, WEB, proof_id=f"link {n}")
        assert await where_they_lead(store) == [WEB.home_thread, WEB.home_thread, BO.home_thread]
        await split_off(store, part(ANNA), from_=WEB, key=f"bye {n}")
        assert await where_they_lead(store) == HOMES
        versions.append((await store.turn(ANNA.home_thread)).state.version)
        await said(store, f"sms {n}", where=ANNA)
    # The other way round, too.
    await go_up(store, WEB, ANNA, proof_id="link back")
    await split_off(store, part(WEB), from_=ANNA, key="bye back")
    assert await where_they_lead(store) == HOMES
    assert versions == sorted(set(versions))
    assert [one.link.proof_id for one in await store.links(EVERYBODY)] == [
        *(f"link {n}" for n in range(3)),
        "link back",
    ]


# --- fences ----------------------------------------------------------------------------------


async def test_a_writer_from_before_is_fenced_on_every_side(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    for n in range(4):
        await said(store, f"sms-{n}", where=ANNA)
    (waits,) = await accepted(store, "sms-w", where=ANNA)
    alone = await store.turn(ANNA.home_thread)
    await go_up(store, ANNA, WEB, proof_id="one")
    together = await store.turn(WEB.home_thread)
    await split_off(store, part(ANNA), from_=WEB, key="bye")
    now = [await store.turn(home) for home in HOMES[:2]]
    count = len(await store.entries(spans(ANNA, WEB)))
    assert now[0].state.version > alone.state.version
    assert now[0].events == (waits,)
    for old in (alone, together):
        with pytest.raises(StaleVersion):
            await store.commit(laden(old, waits))
        with pytest.raises(StaleVersion):
            await store.put_state(ThreadRow(state=old.state, identities=old.identities))
    late = Absorb(thread=ANNA.home_thread, version=alone.state.version)
    with pytest.raises(StaleVersion):
        await store.commit(change(now[1], waits).model_copy(update={"absorb": late}))
    await nothing_written(store, but=count)
    assert [await store.turn(home) for home in HOMES[:2]] == now


async def test_the_versions_of_a_thread_only_rise(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await accepted(store, "sms-0", where=ANNA)  # nothing has happened there yet
    unseen = await store.turn(ANNA.home_thread)
    seen = [unseen.state.version]
    for n in range(3):
        await go_up(store, ANNA, WEB, proof_id=f"link {n}")
        await split_off(store, part(ANNA), from_=WEB, key=f"bye {n}")
        seen.append((await store.turn(ANNA.home_thread)).state.version)
    assert seen == sorted(set(seen))
    with pytest.raises(StaleVersion):
        await store.commit(laden(unseen, unseen.events[0]))


async def test_a_split_of_a_thread_that_moved_on_writes_nothing(store: Store) -> None:
    await one_of_two(store)
    (event,) = await accepted(store, "bye", where=WEB)
    late = parting(await store.turn(WEB.home_thread), event, part(ANNA))
    await said(store, "web-9", where=WEB)
    await go_up(store, WEB, BO, proof_id="bo")
    count = len(await store.entries(spans(ANNA, WEB, BO)))
    with pytest.raises(StaleVersion):
        await store.commit(late)
    await nothing_written(store, but=count)
    assert await where_they_lead(store) == [BO.home_thread] * 3


# --- what cannot be split --------------------------------------------------------------------


async def test_a_split_that_cannot_be_writes_nothing(store: Store) -> None:
    await one_of_two(store)
    await said(store, "bo-1", where=BO)
    (event,) = await accepted(store, "bye", where=WEB)
    count = len(await store.entries(spans(ANNA, WEB, BO)))
    turns = [await store.turn(home) for home in HOMES]
    web = turns[1]
    absorb = Absorb(thread=BO.home_thread, version=turns[2].state.version)
    anna = part(ANNA)
    bos = anna.model_copy(update={"state": part(BO).state})
    refused = [
        parting(web, event, part(BO)),
        parting(web, event, part(ANNA, BO)),
        parting(web, event, part(ANNA, WEB)),
        parting(web, event, part(ANNA), part(WEB)),
        parting(web, event, anna.model_copy(update={"identities": ()})),
        parting(web, event, anna, anna),
        parting(web, event, part(WEB)),  # to the thread that it is in
        parting(web, event, bos),  # to somebody else's
        parting(web, event, anna).model_copy(update={"absorb": absorb}),
    ]
    for made in refused:
        loaded = laden(web, event)
        full = made.model_copy(
            update={"entries": loaded.entries, "sends": loaded.sends, "timers": loaded.timers}
        )
        with pytest.raises(StoreError) as raised:
            await store.commit(full)
        assert not isinstance(raised.value, StaleVersion)
    await nothing_written(store, but=count)
    assert [await store.turn(home) for home in HOMES] == turns
    assert await store.outcome(event.id) is None
