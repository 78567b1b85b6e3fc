"""What visitors do; each act ends as one request to the web chat adapter, made durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.edge.clients import on_site
from bot.edge.parts import EdgeParts
from bot.edge.problems import Mistake, Refusal, too_many
from bot.edge.sockets.bodies import socket_request
from bot.edge.sockets.incoming import (
    Elsewhere,
    Ended,
    Filled,
    Opened,
    PageSeen,
    Pressed,
    Said,
    Seen,
    Wish,
    read,
)
from bot.edge.sockets.shapes import Ack, document
from bot.edge.sockets.visitors import Visitor
from bot.edge.uploads import attachments
from bot.errors import BusError
from bot.hub.linking import code_in
from bot.hub.visits import Visit
from bot.model.event import Rejected
from bot.model.fact import CodeShown
from bot.model.ids import EventId
from bot.model.people import ByCustomer
from bot.model.thread import MessageOut

ASK_HUMAN = "intent:human.request"
_HOUR = timedelta(hours=1)
_LONGEST_TITLE = 200  # of a page, as it is kept
_TAKEN = 300  # answers of the adapter below this mean that it read the event

Act = Callable[[Visitor, tuple[object, ...]], Awaitable[Ack]]


class Acts:
    """The events of `/chat`, by name."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts

    def named(self) -> dict[str, Act]:
        """The acts by the names of their events."""
        return {
            "message": self.message,
            "press": self.press,
            "form": self.form,
            "read": self.read,
            "started": self.started,
            "ask_human": self.ask_human,
            "leave_queue": self.leave_queue,
            "end": self.end,
            "continue": self.continue_elsewhere,
            "typing": self.typing,
            "visit": self.visit,
        }

    def text_limit(self, visitor: Visitor) -> int:
        """The longest text, in characters."""
        return min(self._parts.settings.text_limit, visitor.channel.capabilities.text_limit)

    async def message(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A text, files, or both."""
        said = read(Said, arguments)
        limit = self.text_limit(visitor)
        if len(said.text) > limit:
            raise Refusal(413, f"A text has at most {limit} characters; this one {len(said.text)}.")
        by = ByCustomer(identity=visitor.address.identity)
        files = await attachments(self._parts, said.files, by=by, where="event.files")
        event: Ack = {"id": said.id, "text": said.text, "files": [document(one) for one in files]}
        return await self._take(visitor, {"event": "message", **event})

    async def press(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A choice was pressed."""
        pressed = read(Pressed, arguments)
        event: Ack = {"id": pressed.id, "payload": pressed.payload, "text": pressed.title}
        return await self._take(visitor, {"event": "press", **event})

    async def form(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A form was filled."""
        return await self._take(visitor, {"event": "form", **document(read(Filled, arguments))})

    async def read(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A message of ours to this visitor was seen; any other id is let pass, and not kept."""
        seen = read(Seen, arguments)
        entry = await self._parts.store.entry(seen.entry)
        if entry is None or not isinstance(entry.body, MessageOut):
            return {}
        if entry.identity != visitor.address.identity:
            return {}
        event: Ack = {"event": "read", "id": EventId.new(), "entry": seen.entry}
        return await self._take(visitor, event)

    async def started(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """The chat was opened."""
        return await self._start(visitor, read(Opened, arguments))

    async def ask_human(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A human is wanted: the same press that the content offers."""
        wish = read(Wish, arguments)
        event: Ack = {"id": wish.id or EventId.new(), "payload": ASK_HUMAN, "text": wish.text}
        return await self._take(visitor, {"event": "press", **event})

    async def leave_queue(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A human is no longer wanted."""
        read(Wish, arguments)
        outcome = await self._parts.chat.leave_queue(visitor.address)
        if isinstance(outcome, Rejected):
            raise Refusal(409, outcome.reason, winner=outcome.winner)
        return {}

    async def end(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """The conversation is over for the visitor."""
        ended = read(Ended, arguments)
        await self._parts.chat.end(visitor.address, key=ended.id or EventId.new())
        return {}

    async def continue_elsewhere(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A code for going on with this conversation on another channel."""
        target = read(Elsewhere, arguments)
        identity = visitor.address.identity
        tries = await self._parts.store.count_attempt(
            f"continue:{identity}", now=self._parts.clock.now(), window=_HOUR
        )
        if tries > self._parts.settings.codes_an_hour:
            raise too_many(_HOUR.total_seconds(), what="too many codes were asked for")
        await self.begin(visitor)
        offer = await self._parts.linking.offer(
            identity,
            channel=target.channel,
            account=target.account,
            shown=await self.whereabouts(visitor),
        )
        return document(offer)

    async def whereabouts(self, visitor: Visitor) -> CodeShown:
        """What is known of where the visitor is, for a question elsewhere to say (R5)."""
        state = await self._parts.chat.state(visitor.address)
        zone, now = ZoneInfo(self._parts.settings.time_zone), self._parts.clock.now()
        case = state.episode if state else None
        began = (case.opened_at if case else now).astimezone(zone)
        today = began.date() == now.astimezone(zone).date()
        around = visitor.surroundings
        return CodeShown(
            began=f"{began:%H:%M}" if today else f"{began:%Y-%m-%d %H:%M}",
            browser=around.browser,
            system=around.system,
            place=around.place[:2] if around.place else None,
        )

    async def typing(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """The visitor types; only agents who watch the thread are told."""
        read(Wish, arguments)
        state = await self._parts.chat.state(visitor.address)
        if state is not None:
            told: Ack = {"thread": state.thread, "who": "customer", "name": ""}
            with suppress(BusError):  # agents at other edges do not see it this once
                await self._parts.live.emit("/desk", f"thread:{state.thread}", "typing", told)
        return {}

    async def visit(self, visitor: Visitor, arguments: tuple[object, ...]) -> Ack:
        """A page of the site was seen; `kept` says whether it is remembered."""
        seen = read(PageSeen, arguments)
        around, settings = visitor.surroundings, self._parts.settings
        if not on_site(seen.url, around.request, settings):
            wrong = Mistake(
                where="event.url",
                what="not a page of the site that carries the chat",
                mend="Send the page's own address.",
            )
            raise Refusal(422, "Some fields are wrong.", errors=(wrong,))
        self._parts.hub.pressure.check()  # who writes goes before who looks
        visit = Visit(
            id=seen.id,
            url=seen.url,
            title=seen.title[:_LONGEST_TITLE],
            referrer=seen.referrer,
            device=around.device,
            time_zone=seen.time_zone,
            place=around.place,
        )
        kept = await self._parts.hub.visits.keep(
            visitor.address, visit, a_day=settings.visits_a_day
        )
        return {"kept": kept}

    async def begin(self, visitor: Visitor) -> None:
        """Make somebody of a visitor who has done nothing yet."""
        if await self._parts.store.identity(visitor.address.identity) is None:
            await self._start(visitor, Opened())

    async def _start(self, visitor: Visitor, opened: Opened) -> Ack:
        event: Ack = {"event": "started", "id": opened.id or EventId.new()}
        ref: Ack = {} if opened.ref is None else {"ref": opened.ref}
        return await self._take(visitor, event | ref)

    async def _count_code(self, visitor: Visitor, event: Ack) -> None:
        """A code that is tried counts by the client's address too (R3); raises Refusal."""
        texts = (event.get("text"), event.get("ref"))
        if not any(isinstance(text, str) and code_in(text) for text in texts):
            return
        tries = await self._parts.store.count_attempt(
            f"code:client:{visitor.client}", now=self._parts.clock.now(), window=_HOUR
        )
        if tries > self._parts.settings.client_codes_an_hour:
            # No 429: the page would keep it and try again, before all that is written after it.
            why = "Too many codes were tried from here. Wait an hour."
            raise Refusal(403, why, slug="too-many-codes")

    async def _take(self, visitor: Visitor, event: Ack) -> Ack:
        await self._count_code(visitor, event)
        request = socket_request(
            {"visitor": visitor.address.user, **visitor.profile, **event},
            settings=self._parts.settings,
            at=self._parts.clock.now(),
        )
        answer = await self._parts.ingress.take(visitor.channel, request)
        if answer.status >= _TAKEN:
            raise Refusal(422, answer.body.decode("utf-8", "replace") or "It cannot be read.")
        return {}
