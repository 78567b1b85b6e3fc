"""The measurements at scale: that they run, and that customers put in are as those who wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.embedded.database import Database
from bot.model.channel import ReceiptStatus
from bot.model.record import Acceptance, Settlement
from bot.model.sending import PartSent
from bot.model.thread import SendStatus
from bot.stores.mongo import MongoStore
from bot.stores.sqlite import SqliteStore
from tests.bench import twilio
from tests.bench.scale.seeding import fill_mongo, fill_sqlite, mongo_pattern, sqlite_pattern
from tests.bench.scale.site import phone
from tests.bench.scale.stamping import TOKEN, number_of
from tests.builders import (
    LAPSES,
    acceptance,
    arrival,
    at,
    change,
    entry,
    receipt,
    reply,
    send_item,
    spans,
)
from tests.crash.gather import SEEDED
from tests.unit.mongo_house import new_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.ports import Store

PATTERN = 9_999_999
CUSTOMERS = range(40, 60)
ONE = 41
_NAME = re.compile(rf"{TOKEN.pattern}|{SEEDED}_\w+")


@pytest.fixture
def database(mongo_url: str) -> Iterator[str]:
    with new_database(mongo_url) as name:
        yield name


@pytest.fixture
def another(mongo_url: str) -> Iterator[str]:
    with new_database(mongo_url) as name:
        yield name


async def converse(store: Store, customer: int) -> None:
    """One message in, 100 % answered: accepted, committed, sent, and reported as delivered."""
    where = phone(number_of(customer))
    accepted = await store.accept(acceptance(arrival(where, text="100 % ull? %s"), body=b"{}"))
    (event,) = accepted.events
    turn = await store.turn(event.thread)
    out = reply(event, text="Ja, 100 %.")
    done = change(turn, event, entry(event), out)
    await store.commit(done.model_copy(update={"sends": (send_item(turn, out),)}))
    (claim,) = await store.claim_sends(now=at(1), limit=5, until=LAPSES)
    part = f"SM{customer:032x}"
    await store.part_sent(claim.item.id, PartSent(external_id=part), at=at(2))
    await store.settle(Settlement(send=claim.item.id, status=SendStatus.SENT, at=at(2)))
    told = receipt(part, ReceiptStatus.DELIVERED, when=at(3))
    told = told.model_copy(update={"account": twilio.ACCOUNT})
    await store.accept(Acceptance(receipts=(told,)))


async def left_by(store: Store, customer: int) -> str:
    """All that a store tells of a customer, with what has a name called by its place."""
    where = phone(number_of(customer))
    turn = await store.turn(where.home_thread)
    entries = await store.entries(spans(where))
    (send,) = await store.sends([entries[1].body.send])  # type: ignore[union-attr]  # fails if not
    part = send.parts[0].external_id
    found = await store.sent_part(channel=where.channel, account=where.account, external_id=part)
    assert found == send.send
    assert turn.identities == (await store.identity(where.identity),)
    assert turn.identities[0].address == where
    values = [turn.model_dump_json(), *(one.model_dump_json() for one in (*entries, send))]
    places: dict[str, str] = {}
    return _NAME.sub(
        lambda match: places.setdefault(match[0], f"<{len(places)}>"), "\n".join(values)
    )


async def goes_on(store: Store, customer: int) -> None:
    """The next message of a customer who was put in comes after what is there."""
    where = phone(number_of(customer))
    before = await store.entries(spans(where))
    (event,) = (await store.accept(acceptance(arrival(where, "m2")))).events
    turn = await store.turn(where.home_thread)
    assert turn.events == (event,)
    (written,) = await store.commit(change(turn, event))
    assert await store.entries(spans(where)) == [*before, written]
    assert written.seq > before[-1].seq
    assert await store.unprocessed(before=LAPSES, limit=10) == []


async def share_nothing(store: Store, *customers: int) -> None:
    """No two have an entry, a number or a message of the provider's in common."""
    everything: list[object] = []
    for customer in customers:
        entries = await store.entries(spans(phone(number_of(customer))))
        everything += [name for one in entries for name in (one.id, one.seq)]
        everything += {one.event for one in entries}
        (send,) = await store.sends([entries[1].body.send])  # type: ignore[union-attr]  # or fails
        everything += [send.send, send.parts[0].external_id]
    assert len(everything) == len(set(everything)) == len(customers) * 7


async def test_customers_put_into_mongodb_are_as_those_who_wrote(
    mongo_url: str, database: str, another: str
) -> None:
    wrote = await MongoStore.open(mongo_url, database=database)
    await converse(wrote, PATTERN)
    await converse(wrote, ONE)
    made = await left_by(wrote, ONE)
    await wrote.close()
    pattern = mongo_pattern(mongo_url, database, number_of(PATTERN))
    seeded = await fill_mongo(mongo_url, another, pattern, customers=CUSTOMERS)
    assert seeded.customers == len(CUSTOMERS)
    store = await MongoStore.open(mongo_url, database=another)
    try:
        assert await left_by(store, ONE) == made
        assert len(await store.thread_ids()) == len(CUSTOMERS)
        await share_nothing(store, *CUSTOMERS)
        await goes_on(store, ONE)
        assert await left_by(store, CUSTOMERS[-1]) == made
    finally:
        await store.close()


async def test_customers_put_into_a_file_are_as_those_who_wrote(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    wrote = SqliteStore(Database.open(path))
    await converse(wrote, PATTERN)
    await converse(wrote, ONE)
    made = await left_by(wrote, ONE)
    await wrote.close()
    others = range(ONE + 1, ONE + 20)
    await fill_sqlite(path, sqlite_pattern(path, number_of(PATTERN)), customers=others)
    store = SqliteStore(Database.open(path))
    try:
        assert await left_by(store, others[0]) == made
        assert len(await store.thread_ids()) == len(others) + 2
        await share_nothing(store, ONE, PATTERN, *others)
        await goes_on(store, others[0])
        assert await left_by(store, others[-1]) == made
    finally:
        await store.close()
