"""Store, inbox and outbox: the provider's words on what we sent, in whatever order they come."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from bot.errors import StoreError
from bot.model.channel import ReceiptStatus
from bot.model.ids import SendId
from bot.model.record import Acceptance, Settlement
from bot.model.sending import PartSent
from bot.model.thread import PartState, SendStatus
from tests.builders import (
    LAPSES,
    acceptance,
    address,
    arrival,
    at,
    change,
    read_up_to,
    receipt,
    reply,
    send_item,
)

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.record import ReceiptFact
    from bot.model.thread import SendState
    from bot.ports import Store
    from tests.contract.homes import StoreHome

ANNA = address("anna")
BO = address("bo")
QUEUED, SENT, DELIVERED, READ, FAILED = ReceiptStatus

# Rows: the word that came first. Columns: the one after it, in the order of the heads.
HEADS = (QUEUED, SENT, DELIVERED, READ, FAILED)
TABLE = {
    # The part left, so that "queued" says less than what is known.
    QUEUED: (SENT, SENT, DELIVERED, READ, FAILED),
    SENT: (SENT, SENT, DELIVERED, READ, FAILED),
    # What was delivered did not fail; what failed stays failed, whatever is said later.
    DELIVERED: (DELIVERED, DELIVERED, DELIVERED, READ, DELIVERED),
    READ: (READ, READ, READ, READ, READ),
    FAILED: (FAILED, FAILED, FAILED, FAILED, FAILED),
}
PAIRS = [
    (first, then, TABLE[first][column]) for first in HEADS for column, then in enumerate(HEADS)
]


async def sending(store: Store, where: Address = ANNA, *, key: str = "m1") -> SendId:
    """A send that is being made: nothing of it has left yet."""
    (event,) = (await store.accept(acceptance(arrival(where, key)))).events
    turn = await store.turn(event.thread)
    out = reply(event)
    await store.commit(
        change(turn, event, out).model_copy(update={"sends": (send_item(turn, out),)})
    )
    (claim,) = await store.claim_sends(now=at(0), limit=1, until=LAPSES)
    return claim.item.id


async def part(store: Store, send: SendId, external_id: str, *, when: float = 1) -> None:
    await store.part_sent(send, PartSent(external_id=external_id), at=at(when))


async def told(store: Store, *facts: ReceiptFact) -> None:
    assert (await store.accept(Acceptance(receipts=facts))).events == ()


async def state(store: Store, send: SendId) -> SendState:
    (found,) = await store.sends([send])
    return found


async def statuses(store: Store, send: SendId) -> list[ReceiptStatus]:
    return [one.status for one in (await state(store, send)).parts]


async def test_a_part_without_a_word_on_it_was_sent(store: Store) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    assert (await state(store, send)).parts == (PartState(external_id="SM1", status=SENT),)


@pytest.mark.parametrize(("first", "then", "outcome"), PAIRS)
async def test_receipts_only_move_forward(
    store: Store, first: ReceiptStatus, then: ReceiptStatus, outcome: ReceiptStatus
) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    await told(store, receipt("SM1", first, when=at(5)))
    await told(store, receipt("SM1", then, when=at(6)))
    assert await statuses(store, send) == [outcome]


@pytest.mark.parametrize(("first", "then", "outcome"), PAIRS)
async def test_receipts_that_came_before_the_part_count_for_it(
    store: Store, first: ReceiptStatus, then: ReceiptStatus, outcome: ReceiptStatus
) -> None:
    send = await sending(store)
    await told(store, receipt("SM1", first), receipt("SM1", then))
    assert await statuses(store, send) == []
    await part(store, send, "SM1")
    assert await statuses(store, send) == [outcome]


async def test_the_order_of_words_does_not_matter(store: Store) -> None:
    ends = set()
    for n, words in enumerate(permutations((SENT, DELIVERED, READ))):
        send = await sending(store, address(f"p{n}"))
        await told(store, receipt(f"SM{n}", words[0]))
        await part(store, send, f"SM{n}")
        await told(store, *(receipt(f"SM{n}", word) for word in words[1:]))
        ends.add((await state(store, send)).reached)
    assert ends == {READ}


async def test_a_failure_keeps_its_code_against_a_late_word(store: Store) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    await told(store, receipt("SM1", FAILED, error_code="30003"))
    await told(store, receipt("SM1", SENT))
    await told(store, receipt("SM1", FAILED, error_code="99999"))
    (only,) = (await state(store, send)).parts
    assert only == PartState(external_id="SM1", status=FAILED, error_code="30003")


async def test_an_early_failure_keeps_its_code(store: Store) -> None:
    send = await sending(store)
    await told(store, receipt("SM1", FAILED, error_code="30005"))
    await part(store, send, "SM1")
    (only,) = (await state(store, send)).parts
    assert (only.status, only.error_code) == (FAILED, "30005")


async def test_each_part_has_its_own_word(store: Store) -> None:
    send = await sending(store)
    for name in ("SM1", "SM2", "SM3"):
        await part(store, send, name)
    await told(store, receipt("SM3", READ), receipt("SM1", DELIVERED))
    assert await statuses(store, send) == [DELIVERED, SENT, READ]
    assert (await state(store, send)).reached is SENT
    await told(store, receipt("SM2", FAILED))
    assert (await state(store, send)).reached is FAILED


async def test_a_word_on_another_accounts_part_is_not_ours(store: Store) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    other = receipt("SM1", READ).model_copy(update={"account": "second"})
    await told(store, other, receipt("SM1", READ, channel="sinch_sms"), receipt("SM2", READ))
    assert await statuses(store, send) == [SENT]


async def test_a_word_does_not_settle_our_side(store: Store) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    await told(store, receipt("SM1", READ))
    assert (await state(store, send)).status is SendStatus.SENDING
    await store.settle(Settlement(send=send, status=SendStatus.SENT, at=at(2)))
    found = await state(store, send)
    assert (found.status, found.reached) == (SendStatus.SENT, READ)


# --- watermarks ------------------------------------------------------------------------------


async def test_a_watermark_counts_for_all_up_to_it(store: Store) -> None:
    send = await sending(store)
    for n, name in enumerate(("SM1", "SM2", "SM3")):
        await part(store, send, name, when=n + 1)
    await told(store, read_up_to(ANNA, at(2)))
    assert await statuses(store, send) == [READ, READ, SENT]
    await told(store, read_up_to(ANNA, at(3), status=DELIVERED))
    assert await statuses(store, send) == [READ, READ, DELIVERED]


async def test_a_watermark_takes_nothing_back(store: Store) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    await part(store, send, "SM2")
    await told(store, receipt("SM1", READ), receipt("SM2", FAILED, error_code="30003"))
    await told(store, read_up_to(ANNA, at(9), status=DELIVERED))
    await told(store, read_up_to(ANNA, at(9)))
    assert await statuses(store, send) == [READ, FAILED]


async def test_a_watermark_that_came_before_the_part_counts_for_it(store: Store) -> None:
    send = await sending(store)
    await told(store, read_up_to(ANNA, at(5)))
    await part(store, send, "SM1", when=4)
    await part(store, send, "SM2", when=6)
    assert await statuses(store, send) == [READ, SENT]


async def test_a_watermark_is_one_persons(store: Store) -> None:
    mine = await sending(store)
    await part(store, mine, "SM1")
    other = await sending(store, BO)
    await part(store, other, "SM2")
    await told(store, read_up_to(BO, at(9)))
    await told(store, read_up_to(address("anna", account="second"), at(9)))
    await told(store, read_up_to(address("stranger"), at(9)))
    assert await statuses(store, mine) == [SENT]
    assert await statuses(store, other) == [READ]


# --- parts -----------------------------------------------------------------------------------


async def test_parts_with_the_same_id_are_two_parts(store: Store) -> None:
    # A resumed send skips as many parts as left: providers may give one id to several.
    send = await sending(store)
    await part(store, send, "SM1")
    await told(store, receipt("SM1", DELIVERED))
    await part(store, send, "SM1", when=5)
    await told(store, receipt("SM1", READ))
    assert await statuses(store, send) == [READ, READ]


async def test_a_receipt_about_nothing_is_refused_whole(store: Store) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    nothing = receipt("SM1", READ).model_copy(update={"external_id": None})
    with pytest.raises(StoreError):
        await store.accept(
            Acceptance(arrivals=(arrival(BO),), receipts=(receipt("SM1", READ), nothing))
        )
    assert await statuses(store, send) == [SENT]
    assert await store.identity(BO.identity) is None


async def test_a_part_leads_to_its_send(store: Store) -> None:
    send = await sending(store)
    await part(store, send, "SM1")
    await part(store, send, "SM2")
    where = {"channel": "twilio_sms", "account": "demo"}
    assert await store.sent_part(**where, external_id="SM1") == send
    assert await store.sent_part(**where, external_id="SM2") == send
    assert await store.sent_part(**where, external_id="SM3") is None
    assert await store.sent_part(channel="x", account="demo", external_id="SM1") is None
    assert await store.sent_part(channel="twilio_sms", account="x", external_id="SM1") is None


async def test_words_and_parts_survive_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    send = await sending(store)
    await part(store, send, "SM1")
    await told(store, receipt("SM1", DELIVERED), receipt("SM2", READ), read_up_to(ANNA, at(0.5)))
    again = await store_home.open()
    await part(again, send, "SM2", when=2)
    await part(again, send, "SM3", when=0.5)
    await part(again, send, "SM4", when=3)
    assert await statuses(again, send) == [DELIVERED, READ, READ, SENT]
    assert await again.sent_part(channel="twilio_sms", account="demo", external_id="SM1") == send
