"""Step 6: sends leave, in order for each recipient, and how they ended is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from bot.errors import StoreClosed, StoreError
from bot.hub import consenting, gate
from bot.hub.engines import Engines
from bot.hub.feed import Announcement, Feed, Missed, SendMoved, ThreadMoved
from bot.hub.pace import Pace
from bot.hub.persisting import wholly
from bot.hub.settings import HubSettings
from bot.hub.signs import Signs
from bot.model.consents import ConsentFact
from bot.model.ids import SendId
from bot.model.record import Acceptance, Claim, SendItem, Settlement
from bot.model.sending import (
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
    Unreachable,
)
from bot.model.thread import MessageOut, SendStatus
from bot.ports import Channel, Sending

log = structlog.get_logger("samtal.outbox")

_FIRST_WAIT = timedelta(seconds=5)
_LEAST_WAIT = timedelta(milliseconds=1)
_TROUBLED = timedelta(seconds=1)
_WRITE_AGAIN = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=10)
# Announcements wake us at once; this is for those that were lost on the way.
_LOOK_AGAIN = timedelta(seconds=5)
# A claim is prolonged long before it lapses, and no call begins that could outlast it: by the time
# somebody else calls a send unknown, nobody makes it any more.
_HOLD = timedelta(seconds=90)
_TEND_EVERY = timedelta(seconds=15)
_LONGEST_CALL = timedelta(seconds=45)
# A killed outbox leaves all that it claimed unknown, and the wire carries fifty calls a host.
_AT_ONCE = 64
# Whose messages the epoch fences: a person's and the system's are sent whoever owns the thread.
_FENCED = frozenset({Origin.BOT, Origin.CAMPAIGN})
_CUT = "cut"


class Outbox:
    """Claims sends that are due and drives their channels over the wire.

    A send is claimed before its first call, and the claim is prolonged while it is being made:
    whatever dies in between lapses, is found as unknown, and shown instead of sent twice.
    """

    def __init__(
        self, engines: Engines, *, feed: Feed, settings: HubSettings, signs: Signs
    ) -> None:
        self._store = engines.store
        self._wire = engines.wire
        self._clock = engines.clock
        self._channels = engines.channels
        self._feed = feed
        self._settings = settings
        self._signs = signs
        self._pace = Pace()
        self._wake = asyncio.Event()
        self._fresh = False
        self._held_until: dict[SendId, datetime] = {}
        self._tend_at: datetime | None = None

    def hear(self, announcement: Announcement) -> None:
        """Wake up when a thread got messages out, or may have."""
        match announcement:
            case ThreadMoved():
                if any(isinstance(entry.body, MessageOut) for entry in announcement.entries):
                    self.wake()
            case Missed():
                self.wake()
            case _:
                pass

    def take_over(self, settings: HubSettings) -> None:
        """Go on with these settings."""
        self._settings = settings

    @property
    def under_way(self) -> int:
        """How many sends are being made."""
        return len(self._held_until)

    def wake(self) -> None:
        """There is something new to send."""
        self._fresh = True
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled; sends under way are finished first, if they do not take long."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                try:
                    await self._tend()
                    # A claim that nobody hears of would end as unknown.
                    beginning = self._begin(under_way)
                    pause = await wholly(beginning, grace=self._settings.stop_grace)
                except StoreError:
                    log.exception("outbox failed; trying again")
                    pause = _TROUBLED
                if pause:
                    await self._rest(pause)
        finally:
            await _finished(under_way, grace=self._settings.stop_grace)

    async def drain(self) -> None:
        """Make everything that is due now, one after another (for commands and tests)."""
        while claims := await self._claim(_AT_ONCE):
            for claim in claims:
                await self._make(claim)

    async def _tend(self) -> None:
        """Prolong our claims, and find what others left, now and then."""
        now = self._clock.now()
        if self._tend_at is not None and now < self._tend_at:
            return
        until = now + _HOLD
        for send in await self._store.hold_sends(list(self._held_until), until=until):
            if send in self._held_until:  # it may have ended meanwhile
                self._held_until[send] = until
        lapsed = await self._store.recover_sends(now=now)
        if lapsed:
            log.warning("sends unknown", sends=[item.id for item in lapsed])
            await self._announce(lapsed)
        self._tend_at = now + _TEND_EVERY

    async def _claim(self, limit: int) -> list[Claim]:
        now = self._clock.now()
        until = now + _HOLD
        claims = await self._store.claim_sends(now=now, limit=limit, until=until)
        self._held_until.update((claim.item.id, until) for claim in claims)
        return claims

    async def _begin(self, under_way: set[asyncio.Task[None]]) -> timedelta:
        """Begin sends that are due; how long to rest when there were none or there is no room."""
        room = _AT_ONCE - len(under_way)
        if not room:
            return _TEND_EVERY
        # To claim is a write, also of nothing: look first, unless there is sure to be something.
        fresh, self._fresh = self._fresh, False
        if not fresh and (pause := await self._nothing_due()):
            return min(pause, _TEND_EVERY) if under_way else pause
        claims = await self._claim(room)
        for claim in claims:
            task = asyncio.create_task(self._make(claim))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        return timedelta() if claims or fresh else _LEAST_WAIT

    async def _nothing_due(self) -> timedelta:
        """How long until something is due; no time when something is."""
        due = await self._store.next_due()
        if due is None:
            return _LOOK_AGAIN
        left = due - self._clock.now()
        return min(max(left, _LEAST_WAIT), _LOOK_AGAIN) if left > timedelta() else timedelta()

    async def _rest(self, pause: timedelta) -> None:
        woken = asyncio.ensure_future(self._wake.wait())
        timer = asyncio.ensure_future(self._clock.sleep(pause))
        try:
            await asyncio.wait({woken, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            timer.cancel()

    async def _make(self, claim: Claim) -> None:
        try:
            if wait := self._too_early(claim):
                await self._give_back(claim, wait)
            else:
                await self._settle(claim, await self._delivered(claim))
        except Exception:
            # The outermost guard of one send: a fault must not stop the others. What this attempt
            # did cannot be written: its claim lapses, and it is found as unknown.
            log.exception("send not recorded", send_id=claim.item.id)
        finally:
            self._held_until.pop(claim.item.id, None)
            self._wake.set()

    def _too_early(self, claim: Claim) -> timedelta:
        channel = self._channels.get((claim.address.channel, claim.address.account))
        if channel is None:
            return timedelta()
        return self._pace.wait(channel, claim.item.id, now=self._clock.now())

    async def _give_back(self, claim: Claim, wait: timedelta) -> None:
        """Nothing was tried: the send is queued as before, until its account's turn comes."""
        now = self._clock.now()
        await self._store.settle(
            Settlement(
                send=claim.item.id, status=SendStatus.QUEUED, at=now, due=now + wait, counted=False
            )
        )

    async def _delivered(self, claim: Claim) -> Delivery:
        try:
            return await self._attempt(claim)
        except StoreClosed:
            raise
        except StoreError as error:
            # Asked between two parts: what has left is written down, the rest goes on from there.
            log.exception("send not finished", send_id=claim.item.id)
            reason = f"our own store: {type(error).__name__}"
            return Retry(failure=Failure(kind=FailureKind.UNREACHABLE, message=reason))
        except Exception as error:
            # An adapter's fault, perhaps after a call: nobody knows whether the provider took it.
            log.exception("send failed", send_id=claim.item.id)
            reason = f"our own fault: {type(error).__name__}"
            return Uncertain(failure=Failure(kind=FailureKind.UNCERTAIN, message=reason))

    async def _attempt(self, claim: Claim) -> Delivery:
        where = (claim.address.channel, claim.address.account)
        channel = self._channels.get(where)
        if channel is None:
            detail = f"no channel {'/'.join(where)} is configured"
            return Refused(failure=Failure(kind=FailureKind.CONFIG, message=detail))
        message = outbound(claim, at=self._clock.now())
        refused = message.origin is Origin.CAMPAIGN and await consenting.refuses(
            self._store, claim.item.identity, facet=claim.item.facet
        )
        refusal = _refusal(claim, message, channel, refused=refused)
        if refusal is not None:
            return Refused(failure=refusal)
        return await self._drive(claim, channel, channel.send(message))

    async def _drive(self, claim: Claim, channel: Channel, sending: Sending) -> Delivery:
        result: CallResult | None = None
        parts = 0
        while True:
            try:
                step = sending.send(result)
            except StopIteration as stop:
                delivery: Delivery = stop.value
                return delivery
            if isinstance(step, PartSent):
                await self._written(partial(self._part_sent, claim, step))
                parts, result = parts + 1, None
            elif parts and await self._is_overtaken(claim):
                sending.close()
                message = f"the owner changed after part {parts}; the rest was not sent"
                return Refused(failure=Failure(kind=FailureKind.STALE, code=_CUT, message=message))
            elif not self._holds(claim):
                sending.close()
                message = "the claim was lost before this call; nothing was sent by it"
                return Retry(failure=Failure(kind=FailureKind.UNREACHABLE, message=message))
            else:
                result = await self._wire.call(step)
                self._signs.called(channel, result)

    def _holds(self, claim: Claim) -> bool:
        """Whether the claim outlasts one more call."""
        until = self._held_until[claim.item.id]
        return self._clock.now() + _LONGEST_CALL < until

    async def _is_overtaken(self, claim: Claim) -> bool:
        """Whether somebody else has come to own the thread between two parts of a bot's message."""
        if claim.item.origin not in _FENCED:
            return False
        return (await self._store.turn(claim.item.thread)).state.epoch > claim.item.epoch

    async def _part_sent(self, claim: Claim, part: PartSent) -> None:
        await self._store.part_sent(claim.item.id, part, at=self._clock.now())

    async def _opted_out(self, claim: Claim) -> None:
        """The provider says so, of this address: its own word, whatever its others say."""
        identity = claim.item.identity
        known = await self._store.consents([identity])
        if any(told.opted_out and told.facet is None for told in known):
            return
        fact = ConsentFact(
            identity=identity, opted_out=True, source="provider", at=self._clock.now()
        )
        await self._store.accept(Acceptance(consents=(fact,)))

    async def _written(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write down, or tell of, what cannot be undone any more; tries until it is done."""
        tries = 0
        while True:
            try:
                return await write()
            except StoreClosed:
                raise
            except StoreError:
                tries += 1
                log.exception("not written yet; trying again", tries=tries)
                # Soon again: once the claim has lapsed it is too late.
                await self._clock.sleep(_WRITE_AGAIN)

    async def _settle(self, claim: Claim, delivery: Delivery) -> None:
        now = self._clock.now()
        settlement = settle(claim, delivery, now=now, max_tries=self._settings.send_tries)
        await self._written(partial(self._store.settle, settlement))
        channel = self._channels.get((claim.address.channel, claim.address.account))
        if channel is not None:
            self._signs.delivered(channel, delivery, due=settlement.due)
        failure = None if isinstance(delivery, Sent) else delivery.failure
        by_provider = isinstance(delivery, Unreachable)
        if by_provider and failure and failure.kind is FailureKind.OPTED_OUT:
            await self._written(partial(self._opted_out, claim))
        log.info(
            "send settled",
            send_id=claim.item.id,
            thread=claim.item.thread,
            channel=claim.address.channel,
            status=settlement.status,
            failure=failure.kind if failure else None,
            tries=claim.tries,
        )
        await self._written(partial(self._announce, [claim.item]))

    async def _announce(self, items: Sequence[SendItem]) -> None:
        """Tell how far these messages have come."""
        known = {item.id: item for item in items}
        for state in await self._store.sends(list(known)):
            item = known[state.send]
            self._feed.announce(SendMoved(thread=item.thread, identity=item.identity, send=state))


def _refusal(claim: Claim, message: Outbound, channel: Channel, *, refused: bool) -> Failure | None:
    """Why a message may not leave at its moment, or None."""
    if message.origin in _FENCED and claim.item.epoch < claim.epoch_now:
        return Failure(kind=FailureKind.STALE, message="the owner has changed since")
    return gate.check(message, channel.capabilities, refused=refused, now=message.at)


def outbound(claim: Claim, *, at: datetime) -> Outbound:
    """The message as the channel gets it."""
    item = claim.item
    return Outbound(
        id=item.id,
        to=claim.address,
        text=item.text,
        choices=item.choices,
        cards=item.cards,
        question=item.question,
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
        status, due = SendStatus.QUEUED, now + next_wait(claim.tries, told=delivery.after)
    elif isinstance(delivery, Uncertain):
        status = SendStatus.UNKNOWN
    elif failure.kind is FailureKind.STALE and failure.code != _CUT:
        status = SendStatus.DROPPED
    return Settlement(
        send=send, status=status, at=now, due=due, failure=failure.kind, detail=detail
    )


def next_wait(tries: int, *, told: timedelta | None) -> timedelta:
    """How long to wait after so many tries, when the provider may have told a wait.

    Its word is taken exactly the first time, and as the least from then on: a provider that says
    "in a second" throughout its bad ten minutes would have all tries in eight seconds.
    """
    if told is None:
        return back_off(tries)
    return told if tries == 1 else max(told, back_off(tries))


def back_off(tries: int) -> timedelta:
    """How long to wait after so many tries: 5 s, doubling, at most 10 min."""
    return min(_FIRST_WAIT * (1 << min(tries - 1, 16)), _LONGEST_WAIT)


async def _finished(under_way: set[asyncio.Task[None]], *, grace: timedelta) -> None:
    """Return when these have ended; what takes too long is left, to be found as unknown."""
    if not under_way:
        return
    try:
        await asyncio.wait(under_way, timeout=grace.total_seconds())
    finally:
        late = list(under_way)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
