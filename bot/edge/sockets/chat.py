"""The namespace `/chat`: customers in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from pydantic import JsonValue

from bot.edge.auth import token_hash
from bot.edge.file_types import FILE_TYPES
from bot.edge.opening import Span, hours
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal
from bot.edge.settings import EdgeSettings
from bot.edge.sockets.acts import Act, Acts
from bot.edge.sockets.identity_acts import IdentityActs
from bot.edge.sockets.incoming import Again, ChatAuth, read
from bot.edge.sockets.present import Present
from bot.edge.sockets.replaying import Replaying
from bot.edge.sockets.sessions import VISITORS, EndedSessions
from bot.edge.sockets.shapes import Ack, document, refused
from bot.edge.sockets.visitors import NAMESPACE, Reception, Visitor, VisitorLimits, room_of
from bot.edge.sockets.waiting import Waiting
from bot.errors import NotFound, Overloaded, SpoolFull, StoreError

log = structlog.get_logger("samtal.chat")

_LISTENING = 5.0  # seconds to wait for the fan-out; without it the server starts all the same
_ACKNOWLEDGED = timedelta(seconds=1)  # so long an acknowledgement has to leave before a socket goes


class ChatNamespace:
    """Lets visitors in, takes what they do, and replays what they missed."""

    def __init__(
        self, parts: EdgeParts, limits: VisitorLimits, present: Present, waiting: Waiting
    ) -> None:
        self._parts = parts
        self._waiting = waiting
        self._live = parts.live
        self._reception = Reception(parts)
        self._acts = Acts(parts)
        self._present = present
        self._replaying = Replaying(parts, present)
        self._identity = IdentityActs(
            parts,
            acts=self._acts,
            present=present,
            reception=self._reception,
            close=self._close_all,
        )
        self._retired = EndedSessions(
            parts.fanout, clock=parts.clock, tally=parts.metrics, subject=VISITORS
        )
        self._limits = limits

    def register(self) -> None:
        """Listen."""
        self._live.on(NAMESPACE, "connect", self._connect)
        self._live.on(NAMESPACE, "disconnect", self._disconnect)
        acts = {**self._acts.named(), **self._identity.named(), "replay": self._replay}
        for name, act in acts.items():
            self._live.on(NAMESPACE, name, self._guarded(name, act))
        self._live.on(NAMESPACE, "*", self._unknown)

    async def open(self) -> None:
        """Hear other processes from now on."""
        self._live.start(self._retired.run(self._close_here, missed=self._recheck))
        if self._retired.circle is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LISTENING):
                    await self._retired.circle.listening.wait()

    # --- coming and going --------------------------------------------------------------------

    async def _connect(self, sid: str, *arguments: object) -> None:
        request = self._live.request(NAMESPACE, sid)
        if request is None or sid in self._present:
            return  # a client may call its own event "connect"
        auth = arguments[1:2] if arguments[1:2] != (None,) else ()
        try:
            given = read(ChatAuth, auth)
            visitor = await self._visitor(given, sid=sid, request=request)
        except Refusal as refusal:
            self._live.metrics.socket_event("connect", result="refused")
            raise self._live.refuse(document(refusal.problem())) from None
        self._present.come(visitor)
        self._live.metrics.socket(NAMESPACE, change=1)
        self._live.start(self._greet(visitor, given.identity_token))

    async def _visitor(self, given: ChatAuth, *, sid: str, request: web.BaseRequest) -> Visitor:
        try:
            return await self._reception.visitor(given, sid=sid, request=request)
        except StoreError as error:
            raise _not_kept(error) from None

    async def _disconnect(self, sid: str, *_: object) -> None:
        if self._present.go(sid):
            self._live.metrics.socket(NAMESPACE, change=-1)

    async def _greet(self, visitor: Visitor, token: str | None) -> None:
        """Say who is there, then replay; begins once the socket knows that it is connected."""
        sid = visitor.sid
        try:
            visitor, identity = await self._identified(visitor, token)
            await self._live.enter(NAMESPACE, sid, room_of(visitor.address.user))
            if await self._parts.signing_in.is_retired(visitor.address):
                await self._end(sid)  # signed out elsewhere a moment ago
                return
            await self._tell(sid, "welcome", await self._welcome(visitor) | identity)
            await self._replaying.replay(visitor, after=visitor.last_seq)
        except Exception:  # outermost of a task of its own: nobody else would hear of it
            log.exception("not replayed")
            await self._live.disconnect(NAMESPACE, sid)  # it comes again and asks again

    async def _identified(self, visitor: Visitor, token: str | None) -> tuple[Visitor, Ack]:
        """The visitor by the log-in they came with, and what the page is told of that.

        A log-in that is not taken leaves them who they were: a visitor like any other.
        """
        if token is None:
            return visitor, {}
        try:
            self._limits.count(visitor)
            signed = await self._identity.arrive(visitor, token)
        except Refusal as refusal:
            return visitor, {"sign_in": refused(refusal)}
        except (StoreError, TimeoutError) as error:
            return visitor, {"sign_in": refused(_not_kept(error))}
        if signed.rotated:
            self._present.come(signed.visitor)
        self._present.sign(visitor.sid, until=signed.until)
        told: Ack = {"ok": True, "rotated": signed.rotated, "until": signed.until.isoformat()}
        return signed.visitor, {"sign_in": told}

    # --- signed out --------------------------------------------------------------------------

    async def _close_all(self, visitor: Visitor) -> None:
        """Close the sockets of a visitor who is retired, in every process."""
        hashed = token_hash(visitor.token)
        await self._live.leave(NAMESPACE, visitor.sid, room_of(visitor.address.user))
        if self._present.go(visitor.sid):
            self._live.metrics.socket(NAMESPACE, change=-1)
        self._live.start(self._end_later(visitor.sid))
        self._close_here(hashed)
        self._live.start(self._retired.tell(hashed))

    def _close_here(self, hashed: str) -> None:
        for visitor in self._present.all():
            if token_hash(visitor.token) == hashed:
                self._live.start(self._end(visitor.sid))

    def _recheck(self) -> None:
        """Others may have signed out unheard."""
        self._live.start(self._recheck_all())

    async def _recheck_all(self) -> None:
        for visitor in self._present.all():
            with suppress(StoreError):  # whoever comes again is asked again
                if await self._parts.signing_in.is_retired(visitor.address):
                    await self._end(visitor.sid)

    async def _end_later(self, sid: str) -> None:
        await self._parts.clock.sleep(_ACKNOWLEDGED)
        await self._live.disconnect(NAMESPACE, sid)

    async def _end(self, sid: str) -> None:
        """Have a page forget all, and close its socket."""
        self._present.begin(sid)
        await self._tell(sid, "signed_out", {})
        await self._live.disconnect(NAMESPACE, sid)

    # --- what is shown -----------------------------------------------------------------------

    async def _welcome(self, visitor: Visitor) -> Ack:
        settings = self._parts.settings
        state = await self._parts.chat.state(visitor.address)
        shown = await self._waiting.shown(state, rooms=[room_of(visitor.address.user)])
        targets, provable = self._parts.linking.targets(), self._parts.own_channels.provable()
        return {
            "token": visitor.token,
            "visitor": visitor.address.user,
            "state": document(shown),
            "channels": [{"channel": name, "account": account} for name, account in targets],
            "provable": [{"channel": name, "account": account} for name, account in provable],
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

    async def _replay(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """The page asks anew for what it may show."""
        after = read(Again, arguments).last_seq
        self._live.start(self._replay_again(visitor, after))
        return {}

    async def _replay_again(self, visitor: Visitor, after: int) -> None:
        try:
            await self._replaying.replay(visitor, after=after)
        except Exception:  # outermost of a task of its own, as in `_greet`
            log.exception("not replayed")
            await self._live.disconnect(NAMESPACE, visitor.sid)

    async def _tell(self, sid: str, event: str, data: JsonValue) -> None:
        await self._live.emit_here(NAMESPACE, sid, event, data)

    # --- events ------------------------------------------------------------------------------

    def _guarded(self, name: str, act: Act) -> Callable[..., Awaitable[JsonValue]]:
        async def handle(sid: str, *arguments: object) -> JsonValue:
            ack = await self._acted(self._present.visitor(sid), act, arguments)
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

        return await self._acted(self._present.visitor(sid), nothing, ())


def _not_kept(error: StoreError | TimeoutError) -> Refusal:
    if isinstance(error, Overloaded | SpoolFull):  # it says itself when that begins and ends
        return Refusal(503, "Too much waits; send it again later with the same id.")
    log.error("a visitor's event was not taken", exc_info=error)
    return Refusal(503, "It could not be kept; send it again with the same id.")
