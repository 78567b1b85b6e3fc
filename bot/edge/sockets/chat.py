"""The namespace `/chat`: customers in a browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import structlog
from pydantic import JsonValue

from bot.edge.clients import client_address
from bot.edge.file_types import FILE_TYPES
from bot.edge.opening import Span, hours
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal
from bot.edge.settings import EdgeSettings
from bot.edge.sockets.acts import Act, Acts
from bot.edge.sockets.incoming import ChatAuth, read
from bot.edge.sockets.shapes import Ack, chat_message, document, refused
from bot.edge.sockets.visitors import NAMESPACE, Reception, Visitor, VisitorLimits, room_of
from bot.edge.sockets.waiting import Waiting
from bot.errors import NotFound, Overloaded, SpoolFull, StoreError
from bot.hub.desk import EntryView
from bot.model.thread import SendStatus

log = structlog.get_logger("samtal.chat")

_UNDER_WAY = {SendStatus.QUEUED, SendStatus.SENDING}


class ChatNamespace:
    """Lets visitors in, takes what they do, and replays what they missed."""

    def __init__(self, parts: EdgeParts, limits: VisitorLimits, waiting: Waiting) -> None:
        self._parts = parts
        self._waiting = waiting
        self._live = parts.live
        self._reception = Reception(parts)
        self._acts = Acts(parts)
        self._limits = limits
        self._visitors: dict[str, Visitor] = {}

    def register(self) -> None:
        """Listen."""
        self._live.on(NAMESPACE, "connect", self._connect)
        self._live.on(NAMESPACE, "disconnect", self._disconnect)
        for name, act in self._acts.named().items():
            self._live.on(NAMESPACE, name, self._guarded(name, act))
        self._live.on(NAMESPACE, "*", self._unknown)

    # --- coming and going --------------------------------------------------------------------

    async def _connect(self, sid: str, *arguments: object) -> None:
        request = self._live.request(NAMESPACE, sid)
        if request is None or sid in self._visitors:
            return  # a client may call its own event "connect"
        client = client_address(request, trusted=self._parts.settings.trusted_proxies)
        auth = arguments[1:2] if arguments[1:2] != (None,) else ()
        try:
            given = read(ChatAuth, auth)
            visitor = self._reception.visitor(given, sid=sid, client=client)
        except Refusal as refusal:
            self._live.metrics.socket_event("connect", result="refused")
            raise self._live.refuse(document(refusal.problem())) from None
        self._visitors[sid] = visitor
        self._live.metrics.socket(NAMESPACE, change=1)
        self._live.start(self._greet(visitor))

    async def _disconnect(self, sid: str, *_: object) -> None:
        if self._visitors.pop(sid, None) is not None:
            self._live.metrics.socket(NAMESPACE, change=-1)

    # --- replay ------------------------------------------------------------------------------

    async def _greet(self, visitor: Visitor) -> None:
        """Say who is there, then replay; begins once the socket knows that it is connected."""
        sid = visitor.sid
        await self._live.enter(NAMESPACE, sid, room_of(visitor.address.user))
        try:
            await self._tell(sid, "welcome", await self._welcome(visitor))
            await self._tell(sid, "replayed", {"seq": await self._replay(visitor)})
        except Exception:  # outermost of a task of its own: nobody else would hear of it
            log.exception("not replayed")
            await self._live.disconnect(NAMESPACE, sid)  # it comes again and asks again

    async def _welcome(self, visitor: Visitor) -> Ack:
        settings = self._parts.settings
        state = await self._parts.chat.state(visitor.address)
        shown = await self._waiting.shown(state, rooms=[room_of(visitor.address.user)])
        targets = self._parts.linking.targets()
        return {
            "token": visitor.token,
            "visitor": visitor.address.user,
            "state": document(shown),
            "channels": [{"channel": name, "account": account} for name, account in targets],
            "site_name": settings.site_name,
            "text_limit": self._acts.text_limit(visitor),
            "file_bytes": settings.file_bytes,
            "file_types": list(FILE_TYPES),
            **self._hours(settings),
        }

    def _hours(self, settings: EdgeSettings) -> Ack:
        spans = [Span.parse(text) for text in settings.opening_hours]
        if not spans:
            return {}
        now, zone = self._parts.clock.now(), ZoneInfo(settings.time_zone)
        return {"hours": document(hours(spans, zone, now=now))}

    async def _replay(self, visitor: Visitor) -> int:
        """Send what came after `last_seq`; returns up to where that is everything.

        A message under way is left to the outbox, which may yet drop it; nothing from there on
        counts as replayed, so that it is asked for again if the socket breaks before it comes.
        """
        seen, safe, complete = visitor.last_seq, visitor.last_seq, True
        while self._live.connected(NAMESPACE, visitor.sid):
            views = await self._parts.chat.history(visitor.address, after=seen)
            if not views:
                break
            for view in views:
                seen = view.entry.seq
                complete = complete and not _under_way(view)
                safe = seen if complete else safe
                await self._show(visitor, view)
        return safe

    async def _show(self, visitor: Visitor, view: EntryView) -> None:
        message = None if _under_way(view) else chat_message(view, aside=False)
        if message is not None:
            await self._tell(visitor.sid, "message", document(message))

    async def _tell(self, sid: str, event: str, data: JsonValue) -> None:
        await self._live.emit_here(NAMESPACE, sid, event, data)

    # --- events ------------------------------------------------------------------------------

    def _guarded(self, name: str, act: Act) -> Callable[..., Awaitable[JsonValue]]:
        async def handle(sid: str, *arguments: object) -> JsonValue:
            ack = await self._acted(self._visitors.get(sid), act, arguments)
            self._live.metrics.socket_event(name, result="ok" if ack["ok"] else "refused")
            return ack

        return handle

    async def _acted(self, visitor: Visitor | None, act: Act, arguments: tuple[object, ...]) -> Ack:
        if visitor is None:
            return refused(Refusal(401, "Connect first."))
        try:
            self._limits.count(visitor)
            return {"ok": True} | await act(visitor, arguments)
        except Refusal as refusal:
            return refused(refusal)
        except NotFound as error:
            return refused(Refusal(404, str(error)))
        except (StoreError, TimeoutError) as error:
            return refused(_not_kept(error))
        except Exception:  # outermost: one bad event must not end the connection
            log.exception("a visitor's event failed")
            return refused(Refusal(500, "It could not be taken."))

    async def _unknown(self, event: str, sid: str, *_: object) -> JsonValue:
        async def nothing(_visitor: Visitor, _arguments: tuple[object, ...]) -> Ack:
            raise Refusal(404, f"There is no event {event[:40]!r} here.")

        return await self._acted(self._visitors.get(sid), nothing, ())


def _not_kept(error: StoreError | TimeoutError) -> Refusal:
    if isinstance(error, Overloaded | SpoolFull):  # it says itself when that begins and ends
        return Refusal(503, "Too much waits; send it again later with the same id.")
    log.error("a visitor's event was not taken", exc_info=error)
    return Refusal(503, "It could not be kept; send it again with the same id.")


def _under_way(view: EntryView) -> bool:
    return view.send is not None and view.send.status in _UNDER_WAY
