"""Step 6: sends leave, in order for each recipient, and how they ended is written down."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from bot.errors import StoreError
from bot.hub import gate
from bot.hub.engines import Engines
from bot.hub.feed import Feed, SendMoved
from bot.model.channel import (
    CallResult,
    Delivery,
    Failure,
    FailureKind,
    Origin,
    Outbound,
    PartSent,
    Refused,
    Retry,
    Sent,
    Uncertain,
)
from bot.model.record import Acceptance, Claim, ConsentFact, Settlement
from bot.model.thread import SendStatus
from bot.ports import Channel, Clock, Sending

log = structlog.get_logger("samtal.outbox")

_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=10)
_LOOK_AGAIN = timedelta(seconds=30)
_AT_ONCE = 64


class Outbox:
    """Claims sends that are due and drives their channels over the wire.

    A send is marked before its first call: whatever dies in between is found as unknown at the
    next start, and shown instead of sent twice.
    """

    def __init__(self, engines: Engines, *, feed: Feed, max_tries: int) -> None:
        self._store = engines.store
        self._wire = engines.wire
        self._clock = engines.clock
        self._channels = engines.channels
        self._feed = feed
        self._max_tries = max_tries
        self._pace = Pace(engines.clock)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled; sends under way are finished first."""
        await self._store.recover_sends(now=self._clock.now())
        async with asyncio.TaskGroup() as group:
            under_way: set[asyncio.Task[None]] = set()
            while True:
                self._wake.clear()
                room = _AT_ONCE - len(under_way)
                claims = (
                    await self._store.claim_sends(now=self._clock.now(), limit=room) if room else []
                )
                for claim in claims:
                    task = group.create_task(self._make(claim))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                if not claims:
                    await self._wait()

    async def drain(self) -> None:
        """Make everything that is due now, one after another (for commands and tests)."""
        while claims := await self._store.claim_sends(now=self._clock.now(), limit=_AT_ONCE):
            for claim in claims:
                await self._make(claim)

    async def _wait(self) -> None:
        due = await self._store.next_due()
        pause = _LOOK_AGAIN
        if due is not None:
            pause = min(max(due - self._clock.now(), timedelta()), _LOOK_AGAIN)
        woken = asyncio.ensure_future(self._wake.wait())
        timer = asyncio.ensure_future(self._clock.sleep(pause))
        try:
            await asyncio.wait({woken, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            timer.cancel()

    async def _make(self, claim: Claim) -> None:
        try:
            delivery = await self._attempt(claim)
        except StoreError:
            # What this attempt did cannot be written: it is found as unknown at the next start.
            log.exception("send not recorded", send_id=claim.item.id)
            return
        await self._settle(claim, delivery)
        self._wake.set()

    async def _attempt(self, claim: Claim) -> Delivery:
        item = claim.item
        if item.origin in {Origin.BOT, Origin.CAMPAIGN} and item.epoch < claim.epoch_now:
            return Refused(
                failure=Failure(kind=FailureKind.STALE, message="the owner has changed since")
            )
        channel = self._channels.get((claim.address.channel, claim.address.account))
        if channel is None:
            detail = f"no channel {claim.address.channel}/{claim.address.account} is configured"
            return Refused(failure=Failure(kind=FailureKind.CONFIG, message=detail))
        now = self._clock.now()
        message = outbound(claim, at=now)
        failure = gate.check(message, channel.capabilities, opted_out=claim.opted_out, now=now)
        if failure is not None:
            return Refused(failure=failure)
        await self._pace.turn(channel)
        return await self._drive(claim, channel.send(message))

    async def _drive(self, claim: Claim, sending: Sending) -> Delivery:
        result: CallResult | None = None
        while True:
            try:
                step = sending.send(result)
            except StopIteration as stop:
                delivery: Delivery = stop.value
                return delivery
            if isinstance(step, PartSent):
                await self._store.part_sent(claim.item.id, step, at=self._clock.now())
                result = None
            else:
                result = await self._wire.call(step)

    async def _settle(self, claim: Claim, delivery: Delivery) -> None:
        now = self._clock.now()
        settlement = settle(claim, delivery, now=now, max_tries=self._max_tries)
        await self._store.settle(settlement)
        failure = None if isinstance(delivery, Sent) else delivery.failure
        if (
            failure
            and failure.kind is FailureKind.OPTED_OUT
            and claim.tries
            and not claim.opted_out
        ):
            fact = ConsentFact(
                identity=claim.item.identity, opted_out=True, source="provider", at=now
            )
            await self._store.accept(Acceptance(consents=(fact,)))
        log.info(
            "send settled",
            send_id=claim.item.id,
            thread=claim.item.thread,
            channel=claim.address.channel,
            status=settlement.status,
            failure=failure.kind if failure else None,
            tries=claim.tries,
        )
        for state in await self._store.sends([claim.item.id]):
            self._feed.announce(
                SendMoved(thread=claim.item.thread, identity=claim.item.identity, send=state)
            )


class Pace:
    """Keeps each account within its provider's calls a second; a second's worth may go at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent_until: dict[tuple[str, str], datetime] = {}

    async def turn(self, channel: Channel) -> None:
        """Return when it is this account's turn."""
        rate = channel.capabilities.rate
        if rate is None:
            return
        key = (channel.name, channel.account)
        now = self._clock.now()
        burst = max(timedelta(seconds=1), timedelta(seconds=1) / rate)
        spent = max(self._spent_until.get(key, now), now) + timedelta(seconds=1) / rate
        self._spent_until[key] = spent
        if spent - now > burst:
            await self._clock.sleep(spent - now - burst)


def outbound(claim: Claim, *, at: datetime) -> Outbound:
    """The message as the channel gets it."""
    item = claim.item
    return Outbound(
        id=item.id,
        to=claim.address,
        text=item.text,
        choices=item.choices,
        attachments=item.attachments,
        template=item.template,
        origin=item.origin,
        author_name=item.author_name,
        language=item.language,
        in_reply_to=item.in_reply_to,
        recipient_token=item.recipient_token,
        entry=item.entry,
        seq=claim.seq,
        at=at,
        last_inbound_at=claim.last_inbound_at,
        parts_sent=claim.parts_sent,
    )


def settle(claim: Claim, delivery: Delivery, *, now: datetime, max_tries: int) -> Settlement:
    """What an attempt's end means for the send: done, again later, or over."""
    send = claim.item.id
    if isinstance(delivery, Sent):
        return Settlement(send=send, status=SendStatus.SENT, at=now, warnings=delivery.warnings)
    failure = delivery.failure
    detail = f"{failure.code}: {failure.message}" if failure.code else failure.message
    status, due = SendStatus.FAILED, None
    if isinstance(delivery, Retry) and claim.tries < max_tries:
        status, due = SendStatus.QUEUED, now + (delivery.after or back_off(claim.tries))
    elif isinstance(delivery, Uncertain):
        status = SendStatus.UNKNOWN
    elif failure.kind is FailureKind.STALE:
        status = SendStatus.DROPPED
    return Settlement(
        send=send, status=status, at=now, due=due, failure=failure.kind, detail=detail
    )


def back_off(tries: int) -> timedelta:
    """How long to wait after so many tries: 5 s, doubling, at most 10 min."""
    return min(_FIRST_WAIT * (1 << min(tries - 1, 16)), _LONGEST_WAIT)
