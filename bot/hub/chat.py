"""What a customer sees of the thread on a channel that replays: their own part of it."""

from __future__ import annotations

from datetime import timedelta

from bot.hub.desk import EntryView, view
from bot.hub.graph import visible_since
from bot.hub.ingress import Ingress
from bot.model.channel import Address
from bot.model.event import CustomerEnds, CustomerLeavesQueue, Done, Outcome
from bot.model.ids import EventId
from bot.model.people import ChannelIdentity
from bot.model.record import Arrival, Span, ThreadRow
from bot.model.thread import EchoOut, MessageIn, MessageOut, SendStatus, ThreadState
from bot.ports import Clock, Store

_SHOWN = (MessageIn, MessageOut, EchoOut)
# A page is scanned for shown entries; bookkeeping entries between them are a few per message.
_SCAN = 1000


class Chat:
    """The customers' side of the hub, for channels that show history."""

    def __init__(
        self,
        *,
        store: Store,
        ingress: Ingress,
        clock: Clock,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._store = store
        self._ingress = ingress
        self._clock = clock
        self._patience = patience

    async def state(self, address: Address) -> ThreadState | None:
        """Where the customer's thread stands, or None before the first message."""
        identity = await self._store.identity(address.identity)
        if identity is None:
            return None
        return (await self._store.turn(identity.thread)).state

    async def history(
        self, address: Address, *, after: int = 0, signed: bool = False
    ) -> list[EntryView]:
        """Messages that this customer may see, oldest first, after a sequence number.

        One's own identity entirely; others of the thread from the link on, or from the beginning
        where that was proven: `signed`, by a token that holds now (domain rule R6).
        """
        identity = await self._store.identity(address.identity)
        if identity is None:
            return []
        turn = await self._store.turn(identity.thread)
        spans = await self._spans(identity, turn.identities, signed=signed)
        entries = await self._store.entries(spans, after=after, limit=_SCAN, newest=after == 0)
        shown = [one for one in entries if isinstance(one.body, _SHOWN) and not one.gone]
        row = ThreadRow(state=turn.state, identities=turn.identities)
        views = await view(self._store, row, shown)
        return [one for one in views if one.send is None or one.send.status != SendStatus.DROPPED]

    async def leave_queue(self, address: Address) -> Outcome:
        """Stop waiting for a human."""
        arrival = Arrival(
            id=EventId.new(),
            identity=address.identity,
            at=self._clock.now(),
            body=CustomerLeavesQueue(),
        )
        return await self._ingress.ask(arrival, patience=self._patience)

    async def end(self, address: Address, *, key: str) -> Outcome:
        """End the conversation, if there is one; the same `key` again changes nothing."""
        if await self._store.identity(address.identity) is None:
            return Done()
        arrival = Arrival(
            id=EventId.of("ended", address.identity, key),
            identity=address.identity,
            at=self._clock.now(),
            body=CustomerEnds(),
        )
        return await self._ingress.ask(arrival, patience=self._patience)

    async def _spans(
        self, own: ChannelIdentity, identities: tuple[ChannelIdentity, ...], *, signed: bool
    ) -> list[Span]:
        if len(identities) == 1:
            return [Span(identity=own.id)]
        links = await self._store.links([identity.id for identity in identities])
        since = visible_since(own.id, links, signed=signed)
        return [
            Span(identity=own.id),
            *(Span(identity=other, from_seq=seq) for other, seq in since.items()),
        ]
