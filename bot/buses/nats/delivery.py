"""Delivering: one task a partition, one envelope at a time."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from datetime import timedelta

import pydantic
import structlog
from nats.aio.msg import Msg

from bot.buses.nats.connection import NatsConnection
from bot.buses.nats.link import Link
from bot.buses.nats.pulls import Gone, Pulls
from bot.buses.nats.stream import Stream
from bot.buses.retrying import delay_after, is_cancelled, place_of
from bot.errors import BusError
from bot.model.record import Envelope
from bot.ports import Clock, Handle

_log = structlog.get_logger(__name__)

_ACK, _NAK, _WORKING, _TERM = b"", b"-NAK", b"+WPI", b"+TERM"
_SURE = 0.75
_FIRST_PAUSE = timedelta(milliseconds=50)
_LONGEST_PAUSE = timedelta(seconds=2)


class _Lane:
    """One partition that is served here.

    `message` is being handled; the server keeps it for us until `held_until`, on the event loop's
    clock. `surplus`: the partition is more than we were told to serve; it goes when it is empty.
    """

    def __init__(self, number: int, *, surplus: bool = False) -> None:
        self.number = number
        self.surplus = surplus
        self.message: Msg | None = None
        self.held_until = 0.0


class Delivery:
    """One run of a bus, until it is cancelled."""

    def __init__(
        self, connection: NatsConnection, stream: Stream, *, clock: Clock, handle: Handle
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._settings = stream.settings
        self._clock = clock
        self._handle = handle
        self._lanes: dict[int, _Lane] = {}
        self._pulls: Pulls | None = None
        self._opening = asyncio.Lock()

    async def run(self) -> None:
        """Deliver until cancelled; then give back at once what was not finished."""
        self._connection.watch(self)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._stream.partitions):
                    self._serve_too(_Lane(number), group)
                group.create_task(self._hold_on())
                group.create_task(self._tend(group))
        finally:
            self._connection.unwatch(self)
            await self._give_back()

    # --- the connection -----------------------------------------------------------------------

    async def restored(self, link: Link) -> None:
        """Each lane asks anew by itself."""

    def went(self) -> None:
        """What was asked for over the lost link will not come."""
        if self._pulls is not None:
            self._pulls.wake()

    async def _pulls_over(self, link: Link) -> Pulls:
        async with self._opening:
            if self._pulls is None or self._pulls.link is not link:
                self._pulls = await Pulls.open(link, self._stream)
            return self._pulls

    async def _give_back(self) -> None:
        """Let others have at once what came for us; otherwise they would wait for `ack_wait`."""
        if self._pulls is None:
            return
        patience = self._settings.patience
        for message in await self._pulls.close(patience=patience):
            await self._tell(message, _NAK)
        with suppress(BusError):
            await self._connection.link().round_trip(patience=patience)

    async def _tell(self, message: Msg, payload: bytes) -> bool:
        """Tell the server about an envelope, over whatever link there is now."""
        try:
            await self._connection.link().send(message.reply, payload)
        except BusError:
            return False
        return True

    # --- one partition ------------------------------------------------------------------------

    def _serve_too(self, lane: _Lane, group: asyncio.TaskGroup) -> None:
        self._lanes[lane.number] = lane
        task = group.create_task(self._serve(lane))
        task.add_done_callback(lambda _: self._lanes.pop(lane.number, None))

    async def _serve(self, lane: _Lane) -> None:
        """Deliver the envelopes of one partition; a surplus one until it is empty."""
        failures = 0
        while True:
            try:
                message = await self._next(lane)
                if message is None and lane.surplus and await self._is_empty(lane):
                    return
            except BusError as error:
                failures += 1
                if failures == 1:  # the next ones of the same trouble say nothing new
                    _log.warning("bus.pull_failed", partition=lane.number, reason=str(error))
                pause = delay_after(failures, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
                await self._clock.sleep(pause)
                continue
            failures = 0
            if message is not None:
                await self._deliver(lane, message)

    async def _next(self, lane: _Lane) -> Msg | None:
        link = await self._connection.linked()
        await self._stream.ensure(link, lane.number)
        pulls = await self._pulls_over(link)
        try:
            return await pulls.next(lane.number, expires=self._settings.pull)
        except Gone:
            # The stream may be gone, of which the others would hear nothing.
            self._stream.forget(link)
            pulls.wake()
            raise

    async def _is_empty(self, lane: _Lane) -> bool:
        counts = await self._stream.counts(self._connection.link())
        return not counts.get(lane.number)

    async def _deliver(self, lane: _Lane, message: Msg) -> None:
        """Have an envelope handled, then acknowledge it."""
        envelope = _envelope_of(message)
        if envelope is None:
            await self._tell(message, _TERM)
            return
        # The server has counted since it sent it, which may be a while ago.
        sure = self._settings.ack_wait.total_seconds() * _SURE
        lane.held_until = asyncio.get_running_loop().time() + sure
        lane.message = message
        try:
            handled = await self._handle_until_done(lane, envelope, message)
        except asyncio.CancelledError:
            await self._tell(message, _NAK)
            raise
        finally:
            lane.message = None
        if handled:
            await self._acknowledge(lane, message, envelope)

    async def _handle_until_done(self, lane: _Lane, envelope: Envelope, message: Msg) -> bool:
        """Call the handler until it returns; False when the envelope is no longer ours.

        The next try is made here, not by the server: so later envelopes of the partition wait.
        """
        for tries in itertools.count(message.metadata.num_delivered):
            failed: BaseException
            try:
                await self._handle(envelope, tries=tries)
            except asyncio.CancelledError as error:
                if is_cancelled():
                    raise
                failed = error
            except Exception as error:  # noqa: BLE001 - a worker's outermost loop: redelivered, never lost
                failed = error
            else:
                return True
            await self._back_off(envelope, tries=tries, error=failed)
            if self._is_lapsed(lane):
                break
        _log.warning("bus.lapsed", event_id=envelope.event, partition=lane.number)
        return False

    async def _back_off(self, envelope: Envelope, *, tries: int, error: BaseException) -> None:
        """Wait before the next try; the error's text is not logged, as it may quote a message."""
        _log.error(
            "bus.redelivers",
            event_id=envelope.event,
            thread=envelope.thread,
            tries=tries,
            error=type(error).__name__,
            at=place_of(error),
        )
        first, longest = self._settings.first_delay, self._settings.longest_delay
        await self._clock.sleep(delay_after(tries, first=first, longest=longest))

    async def _acknowledge(self, lane: _Lane, message: Msg, envelope: Envelope) -> None:
        """Say that it is done, unless another worker has it by now.

        A late word would let that one's next envelope go before it has finished. What is not
        acknowledged comes again, and changes nothing then.
        """
        left = lane.held_until - asyncio.get_running_loop().time()
        if left > 0:
            try:
                link = await self._connection.linked(patience=timedelta(seconds=left))
                await link.send(message.reply, _ACK)
            except BusError:
                pass
            else:
                return
        _log.warning("bus.lapsed", event_id=envelope.event, partition=lane.number)

    # --- holding on ---------------------------------------------------------------------------

    def _is_lapsed(self, lane: _Lane) -> bool:
        return asyncio.get_running_loop().time() >= lane.held_until

    async def _hold_on(self) -> None:
        """Tell the server again and again what is still being worked on."""
        while True:
            await asyncio.sleep(self._settings.ack_wait.total_seconds() / 3)
            # What has lapsed is another's: whoever stood still must not take it back.
            held = [
                (lane, lane.message)
                for lane in self._lanes.values()
                if lane.message is not None and not self._is_lapsed(lane)
            ]
            if held:
                with suppress(BusError):
                    await self._prolong(held)

    async def _prolong(self, held: list[tuple[_Lane, Msg]]) -> None:
        """Keep envelopes for us; only what the server has heard counts."""
        until = asyncio.get_running_loop().time() + self._settings.ack_wait.total_seconds()
        link = self._connection.link()
        for _, message in held:
            await link.send(message.reply, _WORKING)
        await link.round_trip(patience=self._settings.patience)
        for lane, message in held:
            if lane.message is message:
                lane.held_until = until

    # --- keeping the stream in order ----------------------------------------------------------

    async def _tend(self, group: asyncio.TaskGroup) -> None:
        """Clear what is done with, and empty and remove partitions that are too many."""
        while True:
            link = await self._connection.linked()
            try:
                await self._stream.ensure(link)
                await self._look(link, group)
            except BusError as error:
                _log.warning("bus.look_failed", reason=str(error))
            await asyncio.sleep(self._settings.look.total_seconds())

    async def _look(self, link: Link, group: asyncio.TaskGroup) -> None:
        counts = await self._stream.counts(link)
        standings = await self._stream.standings(link)
        for number, standing in standings.items():
            ghosts = counts.get(number, 0) - standing.waiting
            if ghosts > 0:  # or they were acknowledged between the two looks: no harm either
                await self._stream.clear(link, number, done=standing.done)
                counts[number] = standing.waiting
        for number in sorted(
            (counts.keys() | standings.keys()) - set(range(self._stream.partitions))
        ):
            if number in self._lanes:
                continue
            if counts.get(number):
                _log.info("bus.serves_surplus", partition=number, waiting=counts[number])
                self._serve_too(_Lane(number, surplus=True), group)
            elif await self._stream.remove_consumer(link, number):
                _log.info("bus.removed_surplus", partition=number)


def _envelope_of(message: Msg) -> Envelope | None:
    """What a message says, or None (and a line in the log) when it is none of ours."""
    try:
        return Envelope.model_validate_json(message.data)
    except pydantic.ValidationError:
        number = message.metadata.sequence.stream
        _log.error("bus.unreadable", subject=message.subject, number=number)
        return None
