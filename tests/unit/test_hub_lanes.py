"""Which spooled requests may go side by side."""

from __future__ import annotations

from bot.hub.lanes import identities_of, lanes
from bot.model.channel import ReceiptStatus
from bot.model.consents import ConsentFact
from bot.model.ids import ThreadId
from bot.model.record import Acceptance, Arrival, ReceiptFact
from bot.ports import Spooled
from tests.builders import (
    acceptance,
    address,
    arrival,
    at,
    consent,
    joining,
    read_up_to,
    receipt,
)

ANNA, BO, EVA, IDA = (address(name) for name in ("anna", "bo", "eva", "ida"))
READ = ReceiptStatus.READ


def batch(*acceptances: Acceptance) -> list[Spooled]:
    return [
        Spooled(number=number, acceptance=one) for number, one in enumerate(acceptances, start=1)
    ]


def said(*arrivals: Arrival) -> Acceptance:
    return acceptance(*arrivals)


def told(*receipts: ReceiptFact) -> Acceptance:
    return Acceptance(receipts=receipts)


def wished(*consents: ConsentFact) -> Acceptance:
    return Acceptance(consents=consents)


def numbers(spooled: list[Spooled], threads: dict[str, str] | None = None) -> list[list[int]]:
    known = {
        where.identity: ThreadId.of(threads[where.user])
        for where in (ANNA, BO, EVA, IDA)
        if threads and where.user in threads
    }
    return sorted([one.number for one in lane] for lane in lanes(spooled, known))


def test_nothing_has_no_lanes() -> None:
    assert lanes([], {}) == []


def test_each_person_has_a_lane_in_order() -> None:
    spooled = batch(
        said(arrival(ANNA, "1")), said(arrival(BO, "1")), said(arrival(ANNA, "2")), said()
    )
    assert numbers(spooled) == [[1, 3], [2], [4]]


def test_identities_of_one_thread_share_a_lane() -> None:
    spooled = batch(said(arrival(ANNA)), said(arrival(BO)), said(arrival(EVA)))
    assert numbers(spooled, {"anna": "t1", "bo": "t2", "eva": "t1"}) == [[1, 3], [2]]
    assert numbers(spooled) == [[1], [2], [3]]


def test_people_of_one_request_share_a_lane_from_then_on_and_before() -> None:
    spooled = batch(
        said(arrival(ANNA, "1")),
        said(arrival(BO, "1")),
        said(arrival(EVA, "1")),
        said(arrival(ANNA, "2"), arrival(BO, "2")),
        said(arrival(BO, "3")),
    )
    assert numbers(spooled) == [[1, 2, 4, 5], [3]]


def test_an_alias_and_an_attested_phone_tie_together() -> None:
    spooled = batch(
        said(arrival(ANNA, seed=joining(ANNA, phone="+46701234567"))),
        said(arrival(BO, seed=joining(BO, phone="+46701234567"))),
        said(arrival(EVA, seed=joining(EVA, aliases=(IDA.identity,)))),
        said(arrival(IDA)),
    )
    assert numbers(spooled) == [[1, 2], [3, 4]]
    claimed = joining(ANNA, phone="+46701234567").model_copy(update={"join_phone": False})
    spooled[0] = batch(said(arrival(ANNA, seed=claimed)))[0]
    assert numbers(spooled) == [[1], [2], [3, 4]]
    assert numbers(spooled, {"ida": "t1", "bo": "t1"}) == [[1], [2, 3, 4]]


def test_receipts_of_one_part_and_the_wishes_of_one_person_stay_in_order() -> None:
    spooled = batch(
        told(receipt("sm1", READ)),
        told(receipt("sm2", READ)),
        told(receipt("sm1", READ), receipt("sm3", READ)),
        told(read_up_to(ANNA, at(1))),
        wished(consent(ANNA, opted_out=True)),
        wished(consent(BO, opted_out=True)),
        told(receipt("sm1", READ, channel="telegram")),
    )
    assert numbers(spooled) == [[1, 3], [2], [4, 5], [6], [7]]


def test_whom_a_batch_is_about() -> None:
    spooled = batch(
        said(arrival(ANNA, seed=joining(ANNA, aliases=(IDA.identity,))), arrival(BO)),
        told(receipt("sm1", READ)),
        said(arrival(BO, "2").model_copy(update={"seed": None})),
    )
    assert identities_of(spooled) == {ANNA.identity, BO.identity, IDA.identity}
