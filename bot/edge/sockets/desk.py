"""The namespace `/desk`: agents at their console."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from pydantic import JsonValue

from bot.edge.auth import Gatekeeper, Principal
from bot.edge.clients import own_origin
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal
from bot.edge.sockets.early import EarlySends
from bot.edge.sockets.incoming import OneThread, Watch, read
from bot.edge.sockets.presence import Presence, Viewer
from bot.edge.sockets.sessions import EndedSessions
from bot.edge.sockets.shapes import Ack, document, refused
from bot.errors import BusError, NotFound, StoreError
from bot.hub.desk import EntryView
from bot.hub.feed import Announcement, EventEnded, Missed, SendMoved, ThreadMoved
from bot.model.ids import ThreadId
from bot.model.people import Role, Session
from bot.model.record import ThreadRow
from bot.model.thread import Entry, LinkRefused, MessageOut, SendState

log = structlog.get_logger("samtal.deskfeed")

NAMESPACE = "/desk"
EVERYBODY = "desk"
_ROLES = {Role.AGENT, Role.ADMIN}
_MOST_WATCHED = 50
_LISTENING = 5.0  # seconds to wait for the fan-out; without it the server starts all the same

Act = Callable[["Seat", tuple[object, ...]], Awaitable[Ack]]


@dataclass(frozen=True, kw_only=True)
class Seat:
    """An agent at a socket, and the threads that are open there."""

    sid: str
    principal: Principal
    session: Session
    watched: set[ThreadId] = field(default_factory=set)


def room_of(thread: ThreadId) -> str:
    """The room of all who watch a thread."""
    return f"thread:{thread}"


class DeskNamespace:
    """Shows agents what moves, and each other."""

    def __init__(self, parts: EdgeParts, gatekeeper: Gatekeeper) -> None:
        self._parts = parts
        self._live = parts.live
        self._gatekeeper = gatekeeper
        self._seats: dict[str, Seat] = {}
        self._early = EarlySends()
        self._presence = Presence(
            parts.fanout, clock=parts.clock, changed=self._show_viewing, tally=parts.metrics
        )
        self._ended = EndedSessions(parts.fanout, clock=parts.clock, tally=parts.metrics)

    def register(self) -> None:
        """Listen."""
        self._live.on(NAMESPACE, "connect", self._connect)
        self._live.on(NAMESPACE, "disconnect", self._disconnect)
        acts: dict[str, Act] = {
            "watch": self._watch,
            "unwatch": self._unwatch,
            "typing": self._typing,
        }
        for name, act in acts.items():
            self._live.on(NAMESPACE, name, self._guarded(act))
        self._live.on(NAMESPACE, "*", self._unknown)
        self._gatekeeper.on_log_out(self._logged_out)

    async def open(self) -> None:
        """Hear the desks of other edges from now on."""
        self._live.start(self._presence.run())
        self._live.start(self._ended.run(self._end_session, missed=self._recheck))
        circles = [one.circle for one in (self._presence, self._ended) if one.circle]
        with suppress(TimeoutError):
            async with asyncio.timeout(_LISTENING):
                for circle in circles:
                    await circle.listening.wait()

    async def leave(self) -> None:
        """Tell other edges that nobody looks at anything here any more."""
        await self._presence.leave()

    # --- what is announced -------------------------------------------------------------------

    def concerns(self, announcement: Announcement) -> bool:
        """Whether an agent is here at all."""
        return bool(self._seats) and isinstance(announcement, ThreadMoved | SendMoved)

    async def tell(self, announcement: Announcement) -> None:
        """Tell all agents that a thread moved, and those who watch it what came."""
        await self._end_expired()
        match announcement:
            case ThreadMoved():
                await self._moved(announcement)
            case SendMoved():
                self._early.put(announcement.send)
                told = document(announcement)
                del told["kind"]
                await self._tell(room_of(announcement.thread), "send", told)
            case EventEnded() | Missed():
                pass

    async def _moved(self, moved: ThreadMoved) -> None:
        thread = moved.state.thread
        if moved.state.is_untouched and not moved.parted:
            return  # it is in no list
        if moved.absorbed is not None:
            await self._follow(moved.absorbed, thread)
        absorbed: Ack = {} if moved.absorbed is None else {"absorbed": moved.absorbed}
        parted: Ack = {"parted": True} if moved.parted else {}
        row = await self._line(ThreadRow(state=moved.state, identities=moved.identities))
        refused = any(
            isinstance(entry.body, LinkRefused) and entry.body.other for entry in moved.entries
        )
        conflict: Ack = {"conflict": True} if refused else {}
        told: Ack = {"row": document(row), **absorbed, **parted, **conflict}
        await self._tell(EVERYBODY, "thread", told)
        addresses = {one.id: one.address for one in moved.identities}
        entries = [
            EntryView(entry=entry, address=addresses[entry.identity], send=self._state(entry))
            for entry in moved.entries
        ]
        told = {"thread": thread, "entries": [document(view) for view in entries], **absorbed}
        await self._tell(room_of(thread), "entries", told)

    async def _line(self, row: ThreadRow) -> ThreadRow:
        """The thread with its level; without, while the store does not answer."""
        try:
            (line,) = await self._parts.desk.lines([row])
        except StoreError:
            return row
        return line

    def _state(self, entry: Entry) -> SendState | None:
        """How a message out went, where that was heard before the message."""
        return self._early.get(entry.body.send) if isinstance(entry.body, MessageOut) else None

    async def _follow(self, absorbed: ThreadId, into: ThreadId) -> None:
        """Whoever watches a thread that went up in another watches the other."""
        for seat in self._seats.values():
            if absorbed in seat.watched:
                seat.watched.discard(absorbed)
                seat.watched.add(into)
                await self._live.leave(NAMESPACE, seat.sid, room_of(absorbed))
                await self._live.enter(NAMESPACE, seat.sid, room_of(into))
                await self._viewing(absorbed)
                await self._viewing(into)

    # --- coming and going --------------------------------------------------------------------

    async def _connect(self, sid: str, *_: object) -> None:
        request = self._live.request(NAMESPACE, sid)
        if request is None or sid in self._seats:
            return  # a client may call its own event "connect"
        principal = None
        if own_origin(request, self._parts.settings):
            principal = await self._gatekeeper.by_cookie(request)
        session = principal.session if principal else None
        if principal is None or session is None or principal.role not in _ROLES:
            refusal = Refusal(401, "Log in as an agent first.")
            raise self._live.refuse(document(refusal.problem()))
        self._seats[sid] = Seat(sid=sid, principal=principal, session=session)
        self._live.metrics.socket(NAMESPACE, change=1)
        self._live.start(self._live.enter(NAMESPACE, sid, EVERYBODY))

    async def _disconnect(self, sid: str, *_: object) -> None:
        seat = self._seats.pop(sid, None)
        if seat is None:
            return
        self._live.metrics.socket(NAMESPACE, change=-1)
        for thread in seat.watched:
            await self._viewing(thread)

    def _logged_out(self, session: Session) -> None:
        self._end_session(session.token_hash)
        self._live.start(self._ended.tell(session.token_hash))

    def _end_session(self, token_hash: str) -> None:
        for seat in self._seats.values():
            if seat.session.token_hash == token_hash:
                self._live.start(self._live.disconnect(NAMESPACE, seat.sid))

    def _recheck(self) -> None:
        """Some log-outs may not have been heard: ask the store about everybody."""
        for seat in self._seats.values():
            self._live.start(self._check_quietly(seat))

    async def _check_quietly(self, seat: Seat) -> None:
        try:
            await self._check_session(seat)
        except (Refusal, StoreError) as error:  # its next act is checked again
            log.info("a seat was checked", error=type(error).__name__)

    async def _end_expired(self) -> None:
        """Let nobody hear on who only listens and whose session has run out."""
        now = self._parts.clock.now()
        expired = [seat for seat in self._seats.values() if seat.session.expires_at <= now]
        for seat in expired:
            await self._live.disconnect(NAMESPACE, seat.sid)

    # --- what agents do ----------------------------------------------------------------------

    def _guarded(self, act: Act) -> Callable[..., Awaitable[JsonValue]]:
        async def handle(sid: str, *arguments: object) -> JsonValue:
            return await self._acted(sid, act, arguments)

        return handle

    async def _acted(self, sid: str, act: Act, arguments: tuple[object, ...]) -> Ack:
        seat = self._seats.get(sid)
        if seat is None:
            return refused(Refusal(401, "Connect first."))
        try:
            await self._check_session(seat)
            return {"ok": True} | await act(seat, arguments)
        except Refusal as refusal:
            return refused(refusal)
        except NotFound as error:
            return refused(Refusal(404, str(error)))
        except StoreError:
            log.exception("an agent's event was not taken")
            return refused(Refusal(503, "Not possible right now; try again."))
        except Exception:  # outermost: one bad event must not end the connection
            log.exception("an agent's event failed")
            return refused(Refusal(500, "It could not be taken."))

    async def _check_session(self, seat: Seat) -> None:
        """A socket outlives its session otherwise: log-out elsewhere and expiry end it."""
        now = self._parts.clock.now()
        if await self._parts.store.session(seat.session.token_hash, now=now) is None:
            # Later: the refusal is to arrive first.
            self._live.start(self._live.disconnect(NAMESPACE, seat.sid))
            raise Refusal(401, "The session has ended; log in again.")

    async def _unknown(self, event: str, *_: object) -> JsonValue:
        return refused(Refusal(404, f"There is no event {event[:40]!r} here."))

    async def _watch(self, seat: Seat, arguments: tuple[object, ...]) -> Ack:
        wanted = read(Watch, arguments)
        if len(seat.watched) >= _MOST_WATCHED:
            raise Refusal(429, f"A socket watches at most {_MOST_WATCHED} threads.")
        row = await self._parts.desk.thread(wanted.thread)
        thread = row.state.thread
        seat.watched.add(thread)
        await self._live.enter(NAMESPACE, seat.sid, room_of(thread))
        entries = await self._parts.desk.entries(thread, after=wanted.after)
        await self._viewing(thread)
        return {"row": document(row), "entries": [document(view) for view in entries]}

    async def _unwatch(self, seat: Seat, arguments: tuple[object, ...]) -> Ack:
        thread = read(OneThread, arguments).thread
        seat.watched.discard(thread)
        await self._live.leave(NAMESPACE, seat.sid, room_of(thread))
        await self._viewing(thread)
        return {}

    async def _typing(self, seat: Seat, arguments: tuple[object, ...]) -> Ack:
        row = await self._parts.desk.thread(read(OneThread, arguments).thread)
        thread, name = row.state.thread, seat.principal.name
        told: Ack = {"thread": thread, "who": "agent", "name": name}
        room = room_of(thread)
        with suppress(BusError):  # people at other edges do not see it this once
            await self._live.emit_to_others(NAMESPACE, room, "typing", told, sid=seat.sid)
            for one in row.identities:
                if one.address.channel == self._parts.webchat:
                    room = f"visitor:{one.address.user}"
                    await self._live.emit("/chat", room, "typing", {"name": name})
        return {}

    async def _viewing(self, thread: ThreadId) -> None:
        """Tell who looks at a thread, after that changed here."""
        seats = [seat for seat in self._seats.values() if thread in seat.watched]
        here = [Viewer(agent=seat.principal.id, name=seat.principal.name) for seat in seats]
        await self._presence.set_here(thread, here)
        await self._show_viewing(thread)

    async def _show_viewing(self, thread: ThreadId) -> None:
        agents: list[JsonValue] = [document(one) for one in self._presence.viewers(thread)]
        await self._tell(room_of(thread), "viewing", {"thread": thread, "agents": agents})

    async def _tell(self, room: str, event: str, data: Ack) -> None:
        if self._live.members(NAMESPACE, room):
            await self._live.emit_here(NAMESPACE, room, event, data)
