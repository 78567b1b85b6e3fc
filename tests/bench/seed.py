"""Puts long threads into a file before a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.embedded.database import Database
from bot.model.channel import Address, Inbound, Sender
from bot.model.event import Done, ThreadEvent
from bot.model.ids import EntryId, EventId
from bot.model.people import BySystem
from bot.model.record import Acceptance, Arrival, IdentitySeed, ThreadChange
from bot.model.thread import Entry, Note
from bot.stores.sqlite import SqliteStore
from tests.bench import twilio
from tests.crash.gather import SEEDED

_AT_A_TIME = 500


async def lengthen(path: Path, users: list[str], *, entries: int) -> None:
    """Make a thread of so many entries for each of these numbers; their snapshots stay true."""
    store = SqliteStore(Database.open(path))
    try:
        for user in users:
            address = Address(channel="twilio_sms", account=twilio.ACCOUNT, user=user)
            for first in range(0, entries, _AT_A_TIME):
                await _grow(store, address, first=first, count=min(_AT_A_TIME, entries - first))
    finally:
        await store.close()


async def _grow(store: SqliteStore, address: Address, *, first: int, count: int) -> None:
    now = datetime.now(UTC)
    key = f"{address.user}-{first}"
    body = Inbound(sender=Sender(user=address.user), dedupe_key=key, external_id=key, text="seed")
    arrival = Arrival(
        id=EventId(f"{SEEDED}_{key}"),
        identity=address.identity,
        seed=IdentitySeed(address=address, phone=address.user),
        at=now,
        body=body,
    )
    accepted = await store.accept(Acceptance(arrivals=(arrival,)))
    for event in accepted.events:
        turn = await store.turn(event.thread)
        await store.commit(
            ThreadChange(
                event=event.id,
                expected=turn.state.version,
                state=turn.state.model_copy(update={"version": turn.state.version + 1}),
                outcome=Done(),
                entries=tuple(_entry(event, number, now) for number in range(count)),
            )
        )


def _entry(event: ThreadEvent, number: int, at: datetime) -> Entry:
    return Entry(
        id=EntryId.of(event.id, str(number)),
        identity=event.identity,
        event=event.id,
        at=at,
        by=BySystem(),
        body=Note(text="Kunden ringde om sin order och undrar när den kommer. " * 2),
    )
