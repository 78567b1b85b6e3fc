"""Store, inbox: raw requests and vain receipts are forgotten, and nothing else is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.model.channel import ReceiptStatus
from bot.model.event import Done
from bot.model.record import Acceptance, Settlement
from bot.model.sending import PartSent
from bot.model.thread import SendStatus
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    event_id,
    receipt,
    reply,
    request,
    send_item,
    spans,
)

if TYPE_CHECKING:
    from bot.model.event import ThreadEvent
    from bot.model.ids import SendId
    from bot.ports import Store
    from tests.contract.homes import StoreHome

ANNA = address("anna")
BO = address("bo")
LATER = at(60)


def came(*keys: str, when: float = 0) -> Acceptance:
    """One request of Anna's with an event for each key; its body is its keys."""
    raw = request(",".join(keys).encode()).model_copy(update={"at": at(when)})
    return Acceptance(request=raw, arrivals=tuple(arrival(ANNA, key) for key in keys))


async def accepted(store: Store, *keys: str, when: float = 0) -> tuple[ThreadEvent, ...]:
    return (await store.accept(came(*keys, when=when))).events


async def process(store: Store, event: ThreadEvent) -> None:
    await store.commit(change(await store.turn(event.thread), event, reply(event)))


async def letter_has_request(store: Store, event: ThreadEvent) -> bool:
    await store.bury(event.id, reason="r", tries=5, at=at(9))
    (letter,) = [one for one in await store.dead_letters() if one.event == event.id]
    return letter.request is not None


# --- requests --------------------------------------------------------------------------------


async def test_a_request_goes_once_its_event_is_processed_and_nothing_else_goes(
    store_home: StoreHome,
) -> None:
    store = await store_home.open()
    (event,) = await accepted(store, "m1")
    await process(store, event)
    entries = await store.entries(spans(ANNA))
    assert await store.prune(before=LATER) == 1
    again = await store_home.open()
    assert await again.prune(before=LATER) == 0
    assert await again.entries(spans(ANNA)) == entries
    assert len(entries) == 1
    assert await again.outcome(event.id) == Done()


async def test_a_repeat_of_a_forgotten_request_changes_nothing(store: Store) -> None:
    (event,) = await accepted(store, "m1")
    await process(store, event)
    await store.prune(before=LATER)
    before = await store.turn(ANNA.home_thread)
    assert (await store.accept(came("m1"))).events == ()
    assert await store.turn(ANNA.home_thread) == before
    assert before.events == ()
    assert await store.prune(before=LATER) == 0  # nor was it kept again


async def test_the_time_is_exclusive_and_the_requests_own(store: Store) -> None:
    for key, when in (("m1", 1), ("m2", 2), ("m3", 3)):
        (event,) = await accepted(store, key, when=when)
        await process(store, event)
    assert await store.prune(before=at(1)) == 0
    assert await store.prune(before=at(3)) == 2
    assert await store.prune(before=LATER) == 1


async def test_a_request_stays_while_one_of_its_events_waits(store: Store) -> None:
    first, second = await accepted(store, "m1", "m2")
    await process(store, first)
    assert await store.prune(before=LATER) == 0
    assert (await store.turn(ANNA.home_thread)).events == (second,)
    assert await letter_has_request(store, second)


async def test_a_dead_letter_keeps_its_request_until_it_is_dealt_with(store: Store) -> None:
    first, second = await accepted(store, "m1", "m2")
    await process(store, first)
    await store.bury(second.id, reason="r", tries=5, at=at(1))
    assert await store.prune(before=LATER) == 0
    (letter,) = await store.dead_letters()
    assert letter.request == came("m1", "m2").request
    await store.revive(second.id)
    assert await store.prune(before=LATER) == 0
    await process(store, second)
    assert await store.prune(before=LATER) == 1


async def test_an_unreadable_request_stays_until_it_is_discarded(store: Store) -> None:
    await store.accept(Acceptance(request=request(b"?"), unreadable="malformed"))
    assert await store.prune(before=LATER) == 0
    (letter,) = await store.dead_letters()
    assert letter.request == request(b"?")
    await store.discard_dead_letter(letter.event)
    assert await store.prune(before=LATER) == 1


async def test_what_stays_is_not_in_the_way_of_what_goes(store: Store) -> None:
    (stuck,) = await accepted(store, "stuck")
    for n in range(3):
        (event,) = (
            await store.accept(acceptance(arrival(BO, f"m{n}"), body=str(n).encode()))
        ).events
        await process(store, event)
    assert await store.prune(before=LATER) == 3
    assert await letter_has_request(store, stuck)


async def test_an_event_without_a_request_is_none_of_it(store: Store) -> None:
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    await process(store, event)
    assert await store.prune(before=LATER) == 0
    assert await store.outcome(event_id(ANNA, "m1")) == Done()


async def test_many_go_in_several_calls(store: Store) -> None:
    requests = [request(str(n).encode()) for n in range(1201)]
    await asyncio.gather(
        *(store.accept(Acceptance(request=raw, unreadable="no")) for raw in requests)
    )
    letters = await store.dead_letters(limit=2000)
    await asyncio.gather(*(store.discard_dead_letter(letter.event) for letter in letters))
    went = []
    while number := await store.prune(before=LATER):
        went.append(number)
    assert sum(went) == 1201


# --- receipts --------------------------------------------------------------------------------


async def sending(store: Store) -> SendId:
    (event,) = (await store.accept(acceptance(arrival(ANNA, "m1")))).events
    turn, out = await store.turn(event.thread), reply(event)
    sends = (send_item(turn, out),)
    await store.commit(change(turn, event, out).model_copy(update={"sends": sends}))
    (claim,) = await store.claim_sends(now=at(0), limit=1, until=LAPSES)
    return claim.item.id


async def told(store: Store, name: str, when: float) -> None:
    fact = receipt(name, ReceiptStatus.READ, when=at(when))
    await store.accept(Acceptance(receipts=(fact,)))


async def test_a_receipt_that_waits_too_long_for_its_part_is_forgotten(store: Store) -> None:
    send = await sending(store)
    await told(store, "old", 1)
    await told(store, "young", 5)
    assert await store.prune(before=at(5)) == 0
    for name in ("old", "young"):
        await store.part_sent(send, PartSent(external_id=name), at=at(6))
    (state,) = await store.sends([send])
    assert [part.status for part in state.parts] == [ReceiptStatus.SENT, ReceiptStatus.READ]


async def test_what_was_reported_of_a_part_stays(store: Store) -> None:
    send = await sending(store)
    await store.part_sent(send, PartSent(external_id="SM1"), at=at(0))
    await told(store, "SM1", 1)
    await store.settle(Settlement(send=send, status=SendStatus.SENT, at=at(2)))
    await store.prune(before=LATER)
    (state,) = await store.sends([send])
    assert (state.status, state.reached) == (SendStatus.SENT, ReceiptStatus.READ)
