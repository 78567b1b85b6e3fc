"""Store, privacy: a customer is forgotten whole, nobody else is, and what must stay stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import Denied, NotFound, StoreError
from bot.model.blob import Blob
from bot.model.channel import ReceiptStatus
from bot.model.event import Done
from bot.model.fact import StoreVisited, TrafficSource, Visited
from bot.model.ids import AgentId
from bot.model.people import ByAgent, ByCustomer, LinkCode
from bot.model.privacy import LegalHold
from bot.model.record import Absorb, IdentitySeed
from bot.model.search import parsed
from bot.model.sending import PartSent
from bot.model.thread import SendStatus
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    consent,
    entry,
    fact,
    link,
    read_up_to,
    receipt,
    reply,
    send_item,
    spans,
)
from tests.contract.committing import ANNA, BO, WEB, laden, said
from tests.contract.traces import blob, traces
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from pathlib import Path

    from bot.model.channel import Address
    from bot.ports import Store
    from tests.contract.homes import StoreHome

# In every text of Anna's, and in none of Bo's.
MARK = "zanzibarzebra"
US = (ANNA.identity, WEB.identity)


async def live(store: Store, where: Address, mark: str) -> None:
    """One identity leaves a trace everywhere."""
    seed = IdentitySeed(address=where, phone=f"+46{mark[:3]}1", name=f"Anna {mark}", username=mark)
    first = arrival(where, "m1", text=f"Jag heter {mark}", seed=seed)
    (event,) = (
        await store.accept(
            acceptance(first, body=f'{{"who": "{where.user}", "text": "{mark}"}}'.encode())
        )
    ).events
    turn = await store.turn(event.thread)
    out = reply(event, 1, text=f"Hej {mark}")
    done = laden(turn, event).model_copy(
        update={
            "entries": (entry(event), out),
            "sends": (send_item(turn, out),),
            "facts": (fact(where, f"{mark}-{where.user}", body=StoreVisited(store=mark)),),
        }
    )
    await store.commit(done)
    for claim in await store.claim_sends(now=at(1), limit=10, until=LAPSES):
        await store.part_sent(claim.item.id, PartSent(external_id=f"x-{where.user}"), at=at(2))
    await store.accept(
        acceptance().model_copy(
            update={
                "receipts": (
                    receipt(f"x-{where.user}", ReceiptStatus.DELIVERED).model_copy(
                        update={"channel": where.channel, "account": where.account}
                    ),
                    read_up_to(where, at(3)),
                ),
                "consents": (consent(where, opted_out=True),),
            }
        )
    )
    waits = arrival(where, "m2", text=f"väntar {mark}")
    dead = arrival(where, "m3", text=f"död {mark}")
    await store.accept(acceptance(waits, dead, body=f"{mark} {where.user}".encode()))
    await store.bury(dead.id, reason=f"could not read {mark}", tries=1, at=at(4))
    await store.put_code(
        LinkCode(
            hash=f"h-{where.user}",
            source=where.identity,
            channel="telegram",
            account="demo",
            expires_at=at(900),
        )
    )


async def lives(store: Store) -> tuple[Blob, Blob, Blob]:
    """Anna with two linked identities, Bo beside her; her file, an agent's to her, and Bo's."""
    await live(store, ANNA, MARK)
    await live(store, WEB, MARK)
    await live(store, BO, "bosse")
    await store.recover_sends(now=LAPSES)
    (proof,) = (await store.accept(acceptance(arrival(WEB, "proof", text=MARK)))).events
    here, there = await store.turn(WEB.home_thread), await store.turn(ANNA.home_thread)
    joined = change(here, proof).model_copy(
        update={
            "link": link(WEB, ANNA, proof_id=MARK),
            "absorb": Absorb(thread=there.state.thread, version=there.state.version),
        }
    )
    await store.commit(joined)
    cilla = ByAgent(agent=AgentId.of("cilla"), name="Cilla")
    files = (
        blob(ByCustomer(identity=ANNA.identity), MARK, 1000),
        blob(cilla, MARK),
        blob(ByCustomer(identity=BO.identity), "bosse"),
    )
    for one in files:
        await store.put_blob(one)
        await store.keep_blobs([one.facts.id], by=one.facts.by)
    return files


async def test_a_customer_is_forgotten_and_the_other_stays(store_home: StoreHome) -> None:
    store = await store_home.open()
    hers, sent, his = await lives(store)
    before = await store.entries(spans(BO))
    his_turn = await store.turn(BO.home_thread)
    await store.erase(US, blobs=[sent.facts.id])
    store = await store_home.open()
    for where in (ANNA, WEB):
        turn = await store.turn(where.home_thread)
        assert (turn.identities, turn.events, turn.state.version) == ((), (), 0)
        assert await store.identity(where.identity) is None
    assert await store.entries(spans(ANNA, WEB)) == []
    assert await store.facts(US) == []
    assert await store.links([*US, BO.identity]) == []
    assert await store.find_customers(parsed(MARK)) == []
    assert await store.find_entries(parsed(MARK)) == []
    assert [one.thread for one in await store.dead_letters()] == [BO.home_thread]
    assert await store.blob(hers.facts.id) is None
    assert await store.blob(sent.facts.id) is None
    assert await store.code("h-anna", now=at(0)) is None
    assert [row.state.thread for row in await store.threads()] == [BO.home_thread]
    assert await store.thread_ids() == [BO.home_thread]
    # His is all there.
    assert await store.entries(spans(BO)) == before
    assert await store.turn(BO.home_thread) == his_turn
    assert await store.blob(his.facts.id) == his
    assert len(await store.facts([BO.identity])) == 1
    assert len(await store.find_entries(parsed("bosse"))) == 2
    assert await store.code("h-bo", now=at(0)) is not None
    rung = await store.due_timers(now=at(99), limit=9)
    assert [event.identity for event in rung] == [BO.identity]


async def test_a_repeat_of_what_was_erased_changes_nothing(store: Store) -> None:
    await lives(store)
    await store.erase(US)
    for key in ("m1", "m2", "m3"):
        again = arrival(ANNA, key, text=MARK, seed=IdentitySeed(address=ANNA, name="Anna"))
        assert (await store.accept(acceptance(again, body=b"again"))).events == ()
        assert await store.outcome(again.id) == Done()
    assert await store.identity(ANNA.identity) is None  # nor does it bring anybody back
    assert await store.thread_ids() == [BO.home_thread]
    assert [one.identity for one in await store.unprocessed(before=at(99), limit=9)] == [
        BO.identity
    ]
    with pytest.raises(NotFound):
        await store.revive(arrival(ANNA, "m3").id)


async def test_who_comes_back_is_somebody_new_whose_refusal_still_holds(store: Store) -> None:
    await lives(store)
    await store.erase(US)
    (event,) = (await store.accept(acceptance(arrival(ANNA, "new", text="Hej igen")))).events
    turn = await store.turn(event.thread)
    assert [one.id for one in turn.identities] == [ANNA.identity]
    assert turn.identities[0].name is None
    assert turn.events == (event,)
    await store.commit(laden(turn, event))
    assert [told.opted_out for told in await store.consents([ANNA.identity])] == [True]
    assert [one.event for one in await store.entries(spans(ANNA, WEB))] == [event.id, event.id]


async def test_only_a_whole_customer_is_erased(store: Store) -> None:
    await lives(store)
    before = await store.entries(spans(ANNA, WEB))
    with pytest.raises(StoreError, match="thread"):
        await store.erase([ANNA.identity])
    assert await store.entries(spans(ANNA, WEB)) == before
    assert len(await store.facts(US)) == 2
    await store.erase([])
    await store.erase([address("nobody").identity])
    assert await store.entries(spans(ANNA, WEB)) == before
    await store.erase(US)
    await store.erase(US)


async def test_a_hold_keeps_a_customer(store_home: StoreHome) -> None:
    store = await store_home.open()
    await lives(store)
    hold = LegalHold(identity=WEB.identity, reason="tvist 12", at=at(5))
    await store.put_holds([hold, hold.model_copy(update={"identity": BO.identity})])
    changed = hold.model_copy(update={"reason": "tvist 13"})
    await store.put_holds([changed])
    store = await store_home.open()
    assert await store.holds([WEB.identity, ANNA.identity]) == [changed]
    before = await store.entries(spans(ANNA, WEB))
    with pytest.raises(Denied, match="tvist 13"):
        await store.erase(US)
    assert await store.entries(spans(ANNA, WEB)) == before
    await store.end_holds(US)
    assert await store.holds([WEB.identity, BO.identity]) == [
        hold.model_copy(update={"identity": BO.identity})
    ]
    await store.erase(US)
    assert await store.entries(spans(ANNA, WEB)) == []


async def test_nobody_is_erased_to_whom_a_message_is_being_sent(store: Store) -> None:
    await said(store, "m0")
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    await store.commit(laden(await store.turn(event.thread), event))
    (claim,) = await store.claim_sends(now=at(9), limit=9, until=LAPSES)
    with pytest.raises(StoreError, match="sent"):
        await store.erase([ANNA.identity])
    assert len(await store.entries(spans(ANNA))) == 3
    (state,) = await store.sends([claim.item.id])
    assert state.status is SendStatus.SENDING
    await store.recover_sends(now=LAPSES)
    await store.erase([ANNA.identity])
    assert await store.sends([claim.item.id]) == []


async def test_a_worker_that_wakes_up_late_writes_nothing_back(store: Store) -> None:
    await said(store, "m0")
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    late = laden(await store.turn(event.thread), event)
    await store.erase([ANNA.identity])
    with pytest.raises(StoreError):
        await store.commit(late)
    assert await store.entries(spans(ANNA)) == []
    assert await store.facts([ANNA.identity]) == []
    assert await store.threads() == []


async def test_old_facts_are_forgotten_but_for_those_under_a_hold(store: Store) -> None:
    for where in (ANNA, BO):
        await said(store, where.user, where=where)
    visit = Visited(page="a.example/", source=TrafficSource.DIRECT)
    old = fact(ANNA, "old", body=visit)
    new = fact(ANNA, "new", when=60, body=visit)
    told = fact(ANNA, "told", body=StoreVisited(store="Umeå"))
    held = fact(BO, "held", body=visit)
    await store.put_facts([old, new, told, held])
    await store.put_holds([LegalHold(identity=BO.identity, reason="tvist", at=at(0))])
    assert await store.prune_facts(["visited"], before=at(60)) == 1
    assert await store.prune_facts(["visited"], before=at(60)) == 0
    assert await store.prune_facts([], before=at(60)) == 0
    left = await store.known_facts([old.id, new.id, told.id, held.id])
    assert left == [new, told, held]


async def test_no_word_of_the_erased_is_left_in_the_file(
    tmp_path: Path, store_home: StoreHome, mongo_url: str, mongo_database: str
) -> None:
    store = await store_home.open()
    _, sent, _ = await lives(store)
    kind = type(store).__name__
    if kind != "FakeStore":
        assert traces(kind, tmp_path, mongo_url, mongo_database, MARK)
    await store.erase(US, blobs=[sent.facts.id])
    # Tails too: an index may keep a word without its beginning.
    for word in (MARK, MARK[1:], MARK[3:], ANNA.user + "-", "web-1"):
        assert traces(kind, tmp_path, mongo_url, mongo_database, word) == [], word
    if isinstance(store, FakeStore):
        assert MARK not in str(vars(store.memory))
    if kind != "FakeStore":
        assert traces(kind, tmp_path, mongo_url, mongo_database, "bosse")


async def test_the_longest_silent_come_first_and_in_pages(store: Store) -> None:
    for n, where in enumerate((ANNA, BO, WEB)):
        await said(store, f"m{n}", where=where, when=10 - n)
    rows = await store.threads()
    moments = {row.state.thread: row.state.last_at for row in rows}
    silent = await store.silent(before=at(1000))
    order = sorted(
        ((last, thread) for thread, last in moments.items() if last is not None), reverse=True
    )
    order.sort(key=lambda place: place[0])
    assert [(place.at, place.thread) for place in silent] == order
    assert len(order) == 3
    first = await store.silent(before=at(1000), limit=2)
    rest = await store.silent(before=at(1000), after=first[-1], limit=2)
    assert [*first, *rest] == silent
    assert await store.silent(before=order[0][0]) == []
    assert await store.silent(before=at(1000), limit=0) == []
