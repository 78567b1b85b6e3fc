"""Store, outbox: claiming in order, settling, recovering."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.errors import NotFound
from bot.model.ids import SendId
from bot.model.record import Absorb, Settlement
from bot.model.sending import FailureKind, Origin, PartSent
from bot.model.thread import SendStatus
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    entry,
    link,
    reply,
    send_item,
)

if TYPE_CHECKING:
    from datetime import datetime

    from bot.model.channel import Address
    from bot.model.record import Claim, SendItem
    from bot.model.thread import SendState
    from bot.ports import Store
    from tests.contract.homes import StoreHome

ANNA = address("anna")
BO = address("bo")


async def queue(
    store: Store, *dues: float, where: Address = ANNA, when: float = 0, epoch: int | None = None
) -> list[SendItem]:
    """One message in, and one out for each due time."""
    key = f"m{len(await store.entries([]))}-{when}-{dues}"
    (event,) = (await store.accept(acceptance(arrival(where, key, when=at(when))))).events
    turn = await store.turn(event.thread)
    outs = [reply(event, n + 1, text=f"{where.user} {when} {n}") for n in range(len(dues))]
    sends = tuple(
        send_item(turn, out, due=at(due), epoch=epoch or 0)
        for out, due in zip(outs, dues, strict=True)
    )
    done = change(turn, event, entry(event), *outs, epoch=epoch)
    await store.commit(done.model_copy(update={"sends": sends}))
    return list(sends)


def settled(
    send: SendItem, status: SendStatus, *, due: datetime | None = None, when: float = 1
) -> Settlement:
    return Settlement(send=send.id, status=status, at=at(when), due=due)


async def claimed(store: Store, now: float = 0, limit: int = 10) -> list[SendId]:
    return [
        claim.item.id for claim in await store.claim_sends(now=at(now), limit=limit, until=LAPSES)
    ]


async def state(store: Store, send: SendItem) -> SendState:
    (found,) = await store.sends([send.id])
    return found


# --- claiming --------------------------------------------------------------------------------


async def test_a_claim_that_is_given_back_counts_for_nothing(store: Store) -> None:
    first, second = await queue(store, 0, 0)
    assert await claimed(store) == [first.id]
    back = settled(first, SendStatus.QUEUED).model_copy(update={"due": at(5), "counted": False})
    await store.settle(back)
    assert (await state(store, first)).tries == 0
    assert await claimed(store, 4) == []  # and the one behind it waits too
    (claim,) = await store.claim_sends(now=at(5), limit=10, until=LAPSES)
    assert (claim.item.id, claim.tries, claim.parts_sent) == (first.id, 1, ())
    assert (await state(store, second)).status is SendStatus.QUEUED


async def test_a_claim_has_all_that_the_gate_must_know(store: Store) -> None:
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1", when=at(7))))).events
    turn = await store.turn(event.thread)
    out = reply(event, text="Imorgon 🚚")
    item = send_item(turn, out, epoch=3).model_copy(
        update={"origin": Origin.AGENT, "author_name": "Åsa", "language": "sv"}
    )
    written = await store.commit(
        change(turn, event, entry(event), out, epoch=3).model_copy(update={"sends": (item,)})
    )
    (claim,) = await store.claim_sends(now=at(7), limit=10, until=LAPSES)
    assert claim.item == item
    assert claim.seq == written[1].seq
    assert claim.address == ANNA
    assert (claim.epoch_now, claim.tries) == (3, 1)
    assert claim.last_inbound_at == at(7)
    assert claim.parts_sent == ()
    assert (await state(store, item)).status is SendStatus.SENDING


async def test_a_claimed_send_is_nobody_elses(store: Store) -> None:
    (send,) = await queue(store, 0)
    both = await asyncio.gather(*(claimed(store) for _ in range(5)))
    assert sorted(map(len, both)) == [0, 0, 0, 0, 1]
    assert await claimed(store, 1_000_000) == []
    assert (await state(store, send)).tries == 1


async def test_a_second_send_waits_for_the_first_to_be_final(store: Store) -> None:
    first, second, third = await queue(store, 0, 0, 0)
    assert await claimed(store) == [first.id]
    assert await claimed(store) == []
    await store.settle(settled(first, SendStatus.SENT))
    assert await claimed(store) == [second.id]
    await store.settle(settled(second, SendStatus.QUEUED, due=at(30)))
    assert await claimed(store, 29) == []
    assert await claimed(store, 30) == [second.id]
    await store.settle(settled(second, SendStatus.FAILED))
    assert await claimed(store) == [third.id]


async def test_order_holds_over_later_changes_too(store: Store) -> None:
    (late,) = await queue(store, 60)
    (early,) = await queue(store, 0, when=1)
    assert await claimed(store, 59) == []
    assert await claimed(store, 60) == [late.id]
    await store.settle(settled(late, SendStatus.DROPPED))
    assert await claimed(store, 60) == [early.id]


@pytest.mark.parametrize(
    "final", [SendStatus.SENT, SendStatus.FAILED, SendStatus.DROPPED, SendStatus.UNKNOWN]
)
async def test_every_final_status_frees_the_next(store: Store, final: SendStatus) -> None:
    first, second = await queue(store, 0, 0)
    await claimed(store)
    await store.settle(settled(first, final))
    assert await claimed(store) == [second.id]
    assert (await state(store, first)).status is final


async def test_others_are_not_held_up(store: Store) -> None:
    await queue(store, 0, 0)
    (other,) = await queue(store, 0, where=BO)
    assert len(await claimed(store, limit=1)) == 1
    assert await claimed(store) == [other.id]


async def test_two_addresses_of_one_customer_do_not_hold_each_other_up(store: Store) -> None:
    (event,) = (await store.accept(acceptance(arrival(ANNA), arrival(BO)))).events[:1]
    web, sms = await store.turn(BO.home_thread), await store.turn(ANNA.home_thread)
    mine = reply(event, 1)
    other = reply(event, 2).model_copy(update={"identity": BO.identity})
    await store.commit(
        change(web, event, mine, other).model_copy(
            update={
                "link": link(ANNA, BO),
                "absorb": Absorb(thread=ANNA.home_thread, version=sms.state.version),
                "sends": (send_item(web, mine), send_item(web, other)),
            }
        )
    )
    claims = await store.claim_sends(now=at(0), limit=10, until=LAPSES)
    assert [claim.address for claim in claims] == [ANNA, BO]
    # Anna wrote; that opens no window at Bo's address.
    assert [claim.last_inbound_at for claim in claims] == [at(0), None]


async def test_claims_come_longest_due_first_and_as_many_as_asked_for(store: Store) -> None:
    people = [address(f"p{n}") for n in range(5)]
    sends = [(await queue(store, 4 - n, where=one))[0].id for n, one in enumerate(people)]
    assert await claimed(store, 9, limit=2) == [sends[4], sends[3]]
    assert await claimed(store, 9, limit=9) == [sends[2], sends[1], sends[0]]


async def test_a_send_is_due_from_its_time_on(store: Store) -> None:
    (send,) = await queue(store, 10)
    assert await claimed(store, 9.999) == []
    assert await claimed(store, 10) == [send.id]


async def test_the_epoch_is_the_one_at_the_claim(store: Store) -> None:
    await queue(store, 0, 0, epoch=1)
    (claim,) = await store.claim_sends(now=at(0), limit=10, until=LAPSES)
    assert (claim.item.epoch, claim.epoch_now) == (1, 1)
    await store.settle(settled(claim.item, SendStatus.SENT))
    await queue(store, when=1, epoch=2)  # somebody took the thread over
    (later,) = await store.claim_sends(now=at(1), limit=10, until=LAPSES)
    assert (later.item.epoch, later.epoch_now) == (1, 2)


async def test_the_epoch_is_the_survivors_after_an_absorption(store: Store) -> None:
    await queue(store, 5, where=ANNA, epoch=4)
    await queue(store, where=BO, when=1, epoch=9)
    (event,) = (await store.accept(acceptance(arrival(ANNA, "KOD")))).events
    web, sms = await store.turn(BO.home_thread), await store.turn(ANNA.home_thread)
    await store.commit(
        change(web, event, epoch=10).model_copy(
            update={
                "link": link(ANNA, BO),
                "absorb": Absorb(thread=ANNA.home_thread, version=sms.state.version),
            }
        )
    )
    (claim,) = await store.claim_sends(now=at(5), limit=10, until=LAPSES)
    assert (claim.address, claim.item.epoch, claim.epoch_now) == (ANNA, 4, 10)


async def test_last_inbound_is_the_addresss_own(store: Store) -> None:
    await queue(store, 3, when=3)
    (_, other) = (
        await store.accept(acceptance(arrival(ANNA, "x", when=at(8)), arrival(BO, when=at(9))))
    ).events
    turn = await store.turn(ANNA.home_thread)
    await store.commit(change(turn, turn.events[0]))
    out = reply(other)
    started = await store.turn(BO.home_thread)
    quiet = change(started, other, out).model_copy(
        update={
            "state": started.state.model_copy(update={"version": 1}),  # Bo has said nothing
            "sends": (send_item(started, out),),
        }
    )
    await store.commit(quiet)
    claims: dict[Address, Claim] = {
        claim.address: claim for claim in await store.claim_sends(now=at(9), limit=10, until=LAPSES)
    }
    assert claims[ANNA].last_inbound_at == at(8)
    assert claims[BO].last_inbound_at is None


# --- settling --------------------------------------------------------------------------------


async def test_a_settlement_is_kept_whole(store_home: StoreHome) -> None:
    store = await store_home.open()
    (send,) = await queue(store, 0)
    await claimed(store)
    await store.settle(
        Settlement(
            send=send.id,
            status=SendStatus.FAILED,
            at=at(2),
            failure=FailureKind.WINDOW_CLOSED,
            detail="mer än 24 timmar",
            warnings=("choices dropped", "image dropped"),
        )
    )
    found = await state(await store_home.open(), send)
    assert (found.status, found.failure) == (SendStatus.FAILED, FailureKind.WINDOW_CLOSED)
    assert (found.detail, found.warnings) == (
        "mer än 24 timmar",
        ("choices dropped", "image dropped"),
    )
    assert found.tries == 1


async def test_a_retry_keeps_the_parts_and_counts_the_tries(store: Store) -> None:
    (send,) = await queue(store, 0)
    for n in (1, 2, 3):
        (claim,) = await store.claim_sends(now=at(n * 10), limit=1, until=LAPSES)
        assert claim.tries == n
        assert [part.external_id for part in claim.parts_sent] == [f"SM{k}" for k in range(1, n)]
        await store.part_sent(send.id, PartSent(external_id=f"SM{n}"), at=at(n * 10))
        await store.settle(settled(send, SendStatus.QUEUED, due=at(n * 10 + 10)))
    found = await state(store, send)
    assert (found.status, found.tries) == (SendStatus.QUEUED, 3)
    assert [part.external_id for part in found.parts] == ["SM1", "SM2", "SM3"]


async def test_a_retry_without_a_time_is_due_at_once(store: Store) -> None:
    (send,) = await queue(store, 0)
    await claimed(store)
    await store.settle(settled(send, SendStatus.QUEUED, when=5))
    assert await store.next_due() == at(5)
    assert await claimed(store, 5) == [send.id]


async def test_what_is_final_stays_as_it_ended(store: Store) -> None:
    (send,) = await queue(store, 0)
    await claimed(store)
    await store.settle(settled(send, SendStatus.DROPPED))
    for late in (SendStatus.SENT, SendStatus.QUEUED, SendStatus.FAILED):
        await store.settle(settled(send, late, due=at(2), when=2))
    assert (await state(store, send)).status is SendStatus.DROPPED
    assert await claimed(store, 99) == []


async def test_the_unknown_is_neither_settled_nor_sent(store: Store) -> None:
    unknown = SendId.of("unknown")
    with pytest.raises(NotFound):
        await store.settle(Settlement(send=unknown, status=SendStatus.SENT, at=at(0)))
    with pytest.raises(NotFound):
        await store.part_sent(unknown, PartSent(external_id="SM1"), at=at(0))
    assert await store.sends([unknown]) == []
    assert await store.sent_part(channel="twilio_sms", account="demo", external_id="SM1") is None


async def test_sends_come_in_the_order_asked_for(store: Store) -> None:
    first, second, third = await queue(store, 0, 0, 0)
    found = await store.sends([third.id, SendId.of("unknown"), first.id, second.id])
    assert [one.send for one in found] == [third.id, first.id, second.id]
    assert await store.sends([]) == []


# --- recovering ------------------------------------------------------------------------------


async def test_after_a_crash_what_was_being_made_is_unknown(store_home: StoreHome) -> None:
    store = await store_home.open()
    first, second = await queue(store, 0, 0)
    (other,) = await queue(store, 50, where=BO)
    await claimed(store)
    await store.part_sent(first.id, PartSent(external_id="SM1"), at=at(1))
    again = await store_home.open()
    assert await claimed(again, 10) == []
    assert await again.recover_sends(now=LAPSES) == [first]
    found = await state(again, first)
    assert (found.status, found.failure) == (SendStatus.UNKNOWN, FailureKind.UNCERTAIN)
    assert [part.external_id for part in found.parts] == ["SM1"]
    assert await again.recover_sends(now=LAPSES) == []
    # Never again; the next one goes; what only waited was left alone.
    assert await claimed(again, 49) == [second.id]
    assert (await state(again, other)).status is SendStatus.QUEUED


async def test_a_claim_holds_until_its_moment_and_can_be_prolonged(store: Store) -> None:
    (first,) = await queue(store, 0)
    (other,) = await queue(store, 0, where=BO)
    await store.claim_sends(now=at(0), limit=10, until=at(60))
    assert await store.recover_sends(now=at(59.999)) == []
    unknown = SendId.of("unknown")
    assert await store.hold_sends([unknown, first.id], until=at(90)) == [first.id]
    assert await store.recover_sends(now=at(60)) == [other]
    assert await store.recover_sends(now=at(89)) == []
    # What has lapsed or ended is not held any more.
    assert await store.hold_sends([first.id, other.id], until=at(95)) == [first.id]
    await store.settle(settled(first, SendStatus.SENT))
    assert await store.hold_sends([first.id], until=at(200)) == []
    assert await store.hold_sends([], until=at(200)) == []
    assert await store.recover_sends(now=LAPSES) == []
    # Whoever lost the claim and comes back changes nothing.
    await store.settle(settled(other, SendStatus.SENT))
    assert (await state(store, other)).status is SendStatus.UNKNOWN


async def test_next_due_is_when_a_claim_will_get_something(store: Store) -> None:
    assert await store.next_due() is None
    first, _ = await queue(store, 30, 10)
    assert await store.next_due() == at(30)  # the second is held up by the first
    (other,) = await queue(store, 20, where=BO)
    assert await store.next_due() == at(20)
    assert await claimed(store, 30) == [other.id, first.id]
    assert await store.next_due() is None
    await store.settle(settled(other, SendStatus.SENT))
    await store.settle(settled(first, SendStatus.QUEUED, due=at(90)))
    assert await store.next_due() == at(90)
    await claimed(store, 90)
    await store.settle(settled(first, SendStatus.SENT, when=91))
    assert await store.next_due() == at(10)
