"""Step 1: what came in is made durable and put on the bus; only then is the provider answered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from bot.errors import BusError, StoreAway
from bot.hub.outcomes import Outcomes
from bot.hub.pressure import Pressure
from bot.hub.signs import Signs
from bot.hub.spooling import Spooling
from bot.model.blob import Blob, BlobFacts
from bot.model.channel import (
    Address,
    Answer,
    ChannelEvent,
    Echo,
    FileIn,
    Forged,
    Ignored,
    OptIn,
    OptOut,
    PersonEvent,
    ReadUpTo,
    Receipt,
    Request,
    Sender,
    Unreadable,
)
from bot.model.consents import ConsentFact
from bot.model.event import Outcome, ThreadEvent
from bot.model.ids import EventId, IdentityId, ThreadId
from bot.model.people import ByCustomer
from bot.model.record import (
    Acceptance,
    Accepted,
    Arrival,
    Envelope,
    IdentitySeed,
    RawRequest,
    ReceiptFact,
)
from bot.ports import Bus, Channel, Clock, Store

log = structlog.get_logger("samtal.ingress")

_BUS_RESTS = timedelta(seconds=1)
_AT_ONCE = 16

Answered = TypeVar("Answered")


class Ingress:
    """Accepts requests of channels and commands of people.

    With `spooling`, requests are accepted also while the store is away; commands never are: who
    gave them hears that they failed.
    """

    def __init__(  # noqa: PLR0913 - what accepting consists of
        self,
        *,
        store: Store,
        bus: Bus,
        clock: Clock,
        outcomes: Outcomes,
        join_by_phone: bool,
        spooling: Spooling | None = None,
        pressure: Pressure | None = None,
        signs: Signs | None = None,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._outcomes = outcomes
        self.join_by_phone = join_by_phone
        self._signs = signs
        self._spooling = spooling
        self._pressure = pressure
        # Whether events were recorded that the bus did not take: to be swept as soon as it does.
        self.unpublished = False
        self._bus_rests_until = clock.now()

    async def take(self, channel: Channel, request: Request) -> Answer:
        """Prove, read and record one request; the answer is for the provider.

        Raises StoreError when it could neither be recorded nor spooled: the provider must then try
        again; Overloaded among them, before anything is looked at, while too much waits.
        """
        if self._pressure is not None:
            self._pressure.check()
        received = channel.receive(request)
        reading = _Reading(channel, request, join_by_phone=self.join_by_phone)
        for event in received.events:
            reading.add(event)
        acceptance = reading.acceptance()
        if acceptance is not None:
            if received.files and not await self._is_repeat(acceptance):
                for file in received.files:
                    await self._keep_file(channel, file, at=request.received_at)
            await self._keep(acceptance)
        if self._signs is not None:
            self._signs.requested(channel, request, received.events)
        return received.answer

    async def accept(
        self, acceptance: Acceptance, *, patience: timedelta | None = None
    ) -> Accepted:
        """Record and put on the bus; durable when this returns.

        What the bus does not take is accepted all the same. Raises StoreAway when the store does
        not answer within `patience`: it may be recorded or not.
        """
        accepted = await _within(patience, self._store.accept(acceptance))
        if not accepted.queued:
            await self._wake([_envelope(event) for event in accepted.events])
        for event in accepted.events:
            log.info("accepted", event_id=event.id, thread=event.thread, kind=event.body.kind)
        return accepted

    async def accept_again(self, acceptance: Acceptance, *, patience: timedelta) -> Accepted:
        """Accept what may be recorded already, and wake the workers for that too."""
        accepted = await self.accept(acceptance, patience=patience)
        fresh = {event.id for event in accepted.events}
        for arrival in acceptance.arrivals:
            if arrival.id not in fresh and not accepted.queued:
                await self._wake_again(arrival)
        return accepted

    async def threads_of(
        self, identities: Collection[IdentityId], *, patience: timedelta
    ) -> dict[IdentityId, ThreadId]:
        """The threads of those identities that the store knows; raises StoreAway as `accept`."""
        known: dict[IdentityId, ThreadId] = {}
        wanted = list(identities)
        # A few at a time: a store that is slow, but there, is not to be taken for one that is away.
        for start in range(0, len(wanted), _AT_ONCE):
            look = (self._store.identity(one) for one in wanted[start : start + _AT_ONCE])
            for identity in await _within(patience, asyncio.gather(*look)):
                if identity is not None:
                    known[identity.id] = identity.thread
        return known

    async def publish(self, events: Sequence[ThreadEvent]) -> None:
        """Wake the workers for events that are recorded; raises BusError.

        Each for the thread that its identity is in now: it may have parted from the one that it
        was accepted for.
        """
        if events:
            known = {event.identity: await self._store.identity(event.identity) for event in events}
            await self._bus.publish(
                [
                    Envelope(event=event.id, thread=now.thread if now else event.thread)
                    for event in events
                    for now in (known[event.identity],)
                ]
            )

    async def submit(self, arrivals: Sequence[Arrival]) -> Accepted:
        """Put commands or timers on the line."""
        return await self.accept(Acceptance(arrivals=tuple(arrivals)))

    async def ask(self, arrival: Arrival, *, patience: timedelta) -> Outcome:
        """Put one command on the line and wait for its outcome; raises TimeoutError.

        The command is durable once accepted: after a time-out it may still take effect.
        """
        future = self._outcomes.expect(arrival.id)
        try:
            await self.submit([arrival])
            deadline = self._clock.now() + patience
            while not future.done():
                known = await self._store.outcome(arrival.id)
                if known is not None:
                    return known
                if self._clock.now() >= deadline:
                    raise TimeoutError(f"no outcome of {arrival.id} within {patience}")
                # Another process may do the work: look now and then, hear at once if it is ours.
                await asyncio.wait({future}, timeout=0.25)
            return future.result()
        finally:
            self._outcomes.forget(arrival.id, future)

    async def _keep_file(self, channel: Channel, file: FileIn, *, at: datetime) -> None:
        """Put a file where the message will say that it is; one that is there already stays."""
        address = Address(channel=channel.name, account=channel.account, user=file.user)
        by = ByCustomer(identity=address.identity)
        facts = BlobFacts(
            id=file.id,
            name=file.name,
            media_type=file.media_type,
            size=len(file.body),
            sha256=hashlib.sha256(file.body).hexdigest(),
            by=by,
            created_at=at,
        )
        await self._store.put_blob(Blob(facts=facts, body=file.body))
        await self._store.keep_blobs([file.id], by=by)

    async def _is_repeat(self, acceptance: Acceptance) -> bool:
        """Whether all of it was processed before: its files may have been forgotten since."""
        outcomes = [await self._store.outcome(one.id) for one in acceptance.arrivals]
        return bool(outcomes) and all(one is not None for one in outcomes)

    async def _keep(self, acceptance: Acceptance) -> None:
        """Record a request, or spool it while the store is away; durable when this returns."""
        spooling = self._spooling
        if spooling is None:
            await self.accept(acceptance)
            return
        if not await spooling.waiting():
            try:
                await self.accept(acceptance, patience=spooling.patience)
            except StoreAway as error:
                log.warning("the store is away", reason=str(error))
            else:
                return
        await spooling.keep(acceptance)

    async def _wake(self, envelopes: Sequence[Envelope]) -> None:
        """Put on the bus, or have it swept later: what is recorded is accepted in any case."""
        if not envelopes:
            return
        # A bus that is away may take seconds to say so: not every request has to wait for that.
        if self._clock.now() >= self._bus_rests_until:
            try:
                await self._bus.publish(envelopes)
            except BusError as error:
                log.warning("recorded, and not published yet", reason=str(error))
                self._bus_rests_until = self._clock.now() + _BUS_RESTS
            else:
                return
        self.unpublished = True

    async def _wake_again(self, arrival: Arrival) -> None:
        """Wake the workers for a repeat, if what it repeats was recorded and not processed."""
        identity = await self._store.identity(arrival.identity)
        if identity is not None and await self._store.outcome(arrival.id) is None:
            await self._wake([Envelope(event=arrival.id, thread=identity.thread)])


async def _within(patience: timedelta | None, answer: Awaitable[Answered]) -> Answered:
    """What the store answers; raises StoreAway when it does not within `patience`."""
    try:
        async with asyncio.timeout(None if patience is None else patience.total_seconds()):
            return await answer
    except TimeoutError:
        raise StoreAway(f"the store did not answer within {patience}") from None


def _envelope(event: ThreadEvent) -> Envelope:
    return Envelope(event=event.id, thread=event.thread)


class _Reading:
    """Gathers what one request's events mean for the store."""

    def __init__(self, channel: Channel, request: Request, *, join_by_phone: bool) -> None:
        self._channel = channel
        self._request = request
        self._join = join_by_phone and channel.capabilities.attests_phone
        self._arrivals: list[Arrival] = []
        self._receipts: list[ReceiptFact] = []
        self._consents: list[ConsentFact] = []
        self._unreadable: str | None = None

    def add(self, event: ChannelEvent) -> None:
        match event:
            case Receipt():
                self._receipts.append(self._receipt(event))
            case ReadUpTo():
                self._receipts.append(self._read_up_to(event))
            case Echo():
                self._arrive(event, Sender(user=event.recipient), key=event.external_id)
            case Ignored():
                log.info("ignored", channel=self._channel.name, reason=event.reason)
            case Forged():
                log.warning("forged", channel=self._channel.name, reason=event.reason)
            case Unreadable():
                told = f"{event.reason}: {event.detail}"
                self._unreadable = f"{self._unreadable}; {told}" if self._unreadable else told
            case _:
                self._person(event)

    def acceptance(self) -> Acceptance | None:
        """What to record, or None when there is nothing."""
        if not (self._arrivals or self._receipts or self._consents or self._unreadable):
            return None
        return Acceptance(
            request=self._raw() if self._arrivals or self._unreadable else None,
            arrivals=tuple(self._arrivals),
            receipts=tuple(self._receipts),
            consents=tuple(self._consents),
            unreadable=self._unreadable,
        )

    def _person(self, event: PersonEvent) -> None:
        self._arrive(event, event.sender, key=event.dedupe_key)
        if isinstance(event, OptOut | OptIn):
            self._consents.append(
                ConsentFact(
                    identity=self._address(event.sender.user).identity,
                    opted_out=isinstance(event, OptOut),
                    source=event.source,
                    at=self._request.received_at,
                )
            )

    def _arrive(self, event: PersonEvent | Echo, sender: Sender, *, key: str) -> None:
        address = self._address(sender.user)
        self._arrivals.append(
            Arrival(
                id=EventId.of(address.channel, address.account, event.kind, key),
                identity=address.identity,
                seed=IdentitySeed(
                    address=address,
                    phone=sender.phone,
                    name=sender.name,
                    username=sender.username,
                    language=sender.language,
                    join_phone=self._join and sender.phone is not None,
                    aliases=tuple(self._address(alias).identity for alias in sender.aliases),
                ),
                at=self._request.received_at,
                body=event,
            )
        )

    def _address(self, user: str) -> Address:
        return Address(channel=self._channel.name, account=self._channel.account, user=user)

    def _receipt(self, receipt: Receipt) -> ReceiptFact:
        return ReceiptFact(
            channel=self._channel.name,
            account=self._channel.account,
            status=receipt.status,
            at=receipt.at or self._request.received_at,
            external_id=receipt.external_id,
            error_code=receipt.error_code,
            error_title=receipt.error_title,
        )

    def _read_up_to(self, read: ReadUpTo) -> ReceiptFact:
        return ReceiptFact(
            channel=self._channel.name,
            account=self._channel.account,
            status=read.status,
            at=self._request.received_at,
            user=read.sender.user,
            watermark=read.watermark,
        )

    def _raw(self) -> RawRequest:
        request = self._request
        return RawRequest(
            channel=self._channel.name,
            account=self._channel.account,
            method=request.method,
            url=request.url,
            headers=request.headers,
            body=request.body,
            at=request.received_at,
        )
