"""Reads what a run left in the SQLite file, through the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.embedded.database import Database
from bot.hub.rebuild import rebuilt
from bot.model.ids import SendId, ThreadId
from bot.model.record import Span, Turn
from bot.model.thread import Entry, MessageIn, MessageOut, SendState
from bot.stores.sqlite import SqliteStore
from tests.bench.provider import Call
from tests.crash.facts import Answered, Facts, Posted, Shown

SEEDED = "SEEDED"  # events of this beginning were put into the file before the run
_PAGE = 1000
_MOVING = """
SELECT (SELECT count(*) FROM events WHERE state = 0) + (SELECT count(*) FROM sends WHERE status < 2)
"""


async def gather(path: Path, *, posted: Sequence[Posted], calls: Sequence[Call]) -> Facts:
    """All facts of a run whose server has ended."""
    async with opened(path) as (database, store):
        order = dict(
            await database.read(lambda look: list(look.execute("SELECT id, seq FROM events")))
        )
        waiting: int = database.glance(
            lambda look: look.execute("SELECT count(*) FROM events WHERE state = 0").get
        )
        reader = _Reader(store, order)
        for thread in await store.thread_ids():
            await reader.read(thread)
        return Facts(
            posted=tuple(posted),
            shown=tuple(reader.shown),
            answered=tuple(reader.answered),
            calls=tuple(calls),
            waiting=waiting,
            dead=tuple(letter.reason for letter in await store.dead_letters()),
            differing=tuple(reader.differing),
        )


async def moving(path: Path) -> int:
    """How many events and sends are not final yet, in the file of a running server."""
    async with opened(path) as (database, _):
        found: int = database.glance(lambda look: look.execute(_MOVING).get)
        return found


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[Database, SqliteStore]]:
    """The file, to be read only."""
    database = Database.open(path, read_only=True)
    try:
        yield database, SqliteStore(database)
    finally:
        await database.close()


class _Reader:
    """Goes through the threads."""

    def __init__(self, store: SqliteStore, order: dict[str, int]) -> None:
        self.shown: list[Shown] = []
        self.answered: list[Answered] = []
        self.differing: list[str] = []
        self._store = store
        self._order = order

    async def read(self, thread: ThreadId) -> None:
        """Take in one thread."""
        turn = await self._store.turn(thread)
        row = await rebuilt(self._store, thread)
        if row.state != turn.state:
            self.differing.append(thread)
        spans = [Span(identity=identity.id) for identity in turn.identities]
        after = 0
        while entries := await self._store.entries(spans, after=after, limit=_PAGE):
            await self._page(turn, [e for e in entries if not e.event.startswith(SEEDED)])
            after = entries[-1].seq

    async def _page(self, turn: Turn, entries: Sequence[Entry]) -> None:
        ids = [entry.body.send for entry in entries if isinstance(entry.body, MessageOut)]
        states = {state.send: state for state in await self._store.sends(ids)}
        for entry in entries:
            if isinstance(entry.body, MessageIn):
                self._in(turn, entry, entry.body)
            elif isinstance(entry.body, MessageOut):
                self._out(turn, entry, entry.body, states)

    def _in(self, turn: Turn, entry: Entry, body: MessageIn) -> None:
        self.shown.append(
            Shown(
                thread=turn.state.thread,
                seq=entry.seq,
                event=entry.event,
                accepted=self._order[entry.event],
                sender=_user(turn, entry),
                sid=body.external_id or "",
                text=body.text,
            )
        )

    def _out(
        self, turn: Turn, entry: Entry, body: MessageOut, states: dict[SendId, SendState]
    ) -> None:
        state = states.get(body.send)
        self.answered.append(
            Answered(
                thread=turn.state.thread,
                seq=entry.seq,
                event=entry.event,
                recipient=_user(turn, entry),
                text=body.text,
                send=body.send,
                status=state.status.value if state else "missing",
                sids=tuple(part.external_id for part in state.parts) if state else (),
                reached=state.reached.value if state and state.reached else None,
            )
        )


def _user(turn: Turn, entry: Entry) -> str:
    identity = turn.identity(entry.identity)
    return identity.address.user if identity else f"unknown {entry.identity}"
