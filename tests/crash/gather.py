"""Reads what a run left in a store, through its port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.embedded.database import Database
from bot.hub.rebuild import rebuilt
from bot.model.ids import SendId, ThreadId
from bot.model.people import ByAgent, ByBot
from bot.model.record import Span, Turn
from bot.model.thread import Entry, MessageIn, MessageOut, OwnedByAgent, OwnerChanged, SendState
from bot.ports import Store
from bot.stores.sqlite import SqliteStore
from tests.bench.provider import Call
from tests.crash.facts import Answered, Facts, Posted, Shown, Turned

SEEDED = "SEEDED"  # events of this beginning were put into the store before the run
_PAGE = 1000
_ALL = 1_000_000
_MOVING = """
SELECT (SELECT count(*) FROM events WHERE state = 0) + (SELECT count(*) FROM sends WHERE status < 2)
"""


async def gather(path: Path, *, posted: Sequence[Posted], calls: Sequence[Call]) -> Facts:
    """All facts of a run whose server, on one SQLite file, has ended."""
    async with opened(path) as (database, store):
        order = dict(
            await database.read(lambda look: list(look.execute("SELECT id, seq FROM events")))
        )
        waiting: int = database.glance(
            lambda look: look.execute("SELECT count(*) FROM events WHERE state = 0").get
        )
        reader = Reader(store, order)
        await reader.read_all()
        return await reader.facts(posted=posted, calls=calls, waiting=waiting)


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


class Reader:
    """Goes through the threads of a store.

    `order` is the place of each event in the order of acceptance, None where nobody knows it.
    """

    def __init__(self, store: Store, order: Mapping[str, int] | None = None) -> None:
        self.shown: list[Shown] = []
        self.answered: list[Answered] = []
        self.differing: list[str] = []
        self.turned: list[Turned] = []
        self._store = store
        self._order = order

    async def read_all(self) -> None:
        """Take in every thread."""
        for thread in await self._store.thread_ids():
            await self.read(thread)

    async def facts(
        self, *, posted: Sequence[Posted], calls: Sequence[Call], waiting: int
    ) -> Facts:
        """What was read, with what the others know."""
        return Facts(
            posted=tuple(posted),
            shown=tuple(self.shown),
            answered=tuple(self.answered),
            calls=tuple(calls),
            waiting=waiting,
            dead=tuple(letter.reason for letter in await self._store.dead_letters(limit=_ALL)),
            differing=tuple(self.differing),
            turned=tuple(self.turned),
        )

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
            match entry.body:
                case MessageIn() as body:
                    self._in(turn, entry, body)
                case MessageOut() as body:
                    self._out(turn, entry, body, states)
                case OwnerChanged() as body:
                    self._owner(turn, entry, body)
                case _:
                    pass

    def _in(self, turn: Turn, entry: Entry, body: MessageIn) -> None:
        self.shown.append(
            Shown(
                thread=turn.state.thread,
                seq=entry.seq,
                event=entry.event,
                accepted=None if self._order is None else self._order[entry.event],
                sender=_user(turn, entry),
                sid=body.external_id or "",
                text=body.text,
                entry=entry.id,
            )
        )

    def _out(
        self, turn: Turn, entry: Entry, body: MessageOut, states: dict[SendId, SendState]
    ) -> None:
        state = states.get(body.send)
        identity = turn.identity(entry.identity)
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
                channel=identity.address.channel if identity else "",
                author=_author(entry),
                entry=entry.id,
            )
        )

    def _owner(self, turn: Turn, entry: Entry, body: OwnerChanged) -> None:
        owner = body.owner.name if isinstance(body.owner, OwnedByAgent) else body.owner.kind
        self.turned.append(
            Turned(
                thread=turn.state.thread,
                seq=entry.seq,
                event=entry.event,
                epoch=body.epoch,
                owner=owner,
            )
        )


def _author(entry: Entry) -> str:
    match entry.by:
        case ByAgent(name=name):
            return name
        case ByBot():
            return "bot"
        case _:
            return "system"


def _user(turn: Turn, entry: Entry) -> str:
    identity = turn.identity(entry.identity)
    return identity.address.user if identity else f"unknown {entry.identity}"
