"""The stream that holds the envelopes, and its consumers: made, brought up to date, counted.

One stream holds everything, as a work queue: what is acknowledged is gone. Each partition is a
subject `<name>.in.<n>` with a durable pull consumer `p<n>` that has one envelope under way at a
time. Whoever comes first makes them; making them again changes nothing.

A server that was killed may hold again what was acknowledged and gone (seen with 2.9.10). No
consumer delivers it, so nothing would ever remove it: it does not count as waiting, and `clear`
removes it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from zlib import crc32

import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from bot.buses.nats.link import TROUBLE, Link, said_by
from bot.buses.nats.settings import Settings
from bot.errors import BusError, ConfigError
from bot.model.ids import ThreadId

_log = structlog.get_logger(__name__)

# https://github.com/nats-io/nats-server/blob/main/server/errors.json
_STREAM_IS_DIFFERENT = 10058
_SUBJECTS_OVERLAP = 10065

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CONSUMER = re.compile(r"p(0|[1-9][0-9]*)")


@dataclass(slots=True)
class _Known:
    """What exists, as far as was seen over one link."""

    stream: bool = False
    consumers: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a partition's consumer has come: all up to number `done` is acknowledged."""

    waiting: int
    done: int


class Stream:
    """The stream of one name on whatever link there is."""

    def __init__(
        self, *, name: str, partitions: int, replicas: int, settings: Settings | None = None
    ) -> None:
        if _NAME.fullmatch(name) is None:
            raise ConfigError(
                f"{name!r} cannot be the name of a stream",
                where="[bus] name",
                mend="Use letters, digits, - and _, 64 at the most.",
            )
        if partitions < 1:
            raise ConfigError(
                f"{partitions} partitions serve nobody",
                where="[bus] partitions",
                mend="Use 1 or more; 16 is a good number.",
            )
        self.name = name
        self.partitions = partitions
        self.settings = settings or Settings()
        self._replicas = replicas
        self._link: Link | None = None
        self._known = _Known()
        self._lock = asyncio.Lock()

    def partition(self, thread: ThreadId) -> int:
        """Which partition a thread belongs to: the same in every process."""
        return crc32(thread.encode()) % self.partitions

    def subject(self, partition: int) -> str:
        """Where the envelopes of a partition go."""
        return f"{self.name}.in.{partition}"

    def pull_subject(self, partition: int) -> str:
        """Where a worker asks for the next envelope of a partition."""
        return f"$JS.API.CONSUMER.MSG.NEXT.{self.name}.p{partition}"

    # --- making -------------------------------------------------------------------------------

    async def ensure(self, link: Link, partition: int | None = None) -> None:
        """Make the stream, and a partition's consumer, unless they were seen over this link.

        Raises BusError.
        """
        known = self._known_over(link)
        if known.stream and (partition is None or partition in known.consumers):
            return
        async with self._lock:
            known = self._known_over(link)
            if not known.stream:
                await self._make(link)
                known.stream = True
            if partition is not None and partition not in known.consumers:
                await self._make_consumer(link, partition)
                known.consumers.add(partition)

    def forget(self, link: Link) -> None:
        """Something is not there: look again before the next use."""
        if self._link is link:
            self._known = _Known()

    def _known_over(self, link: Link) -> _Known:
        if self._link is not link:
            self._link, self._known = link, _Known()
        return self._known

    async def _make(self, link: Link) -> None:
        with self._told(link, "cannot make the stream"):
            await link.unless_lost(self._make_or_update(self._api(link)))

    async def _make_or_update(self, api: JetStreamContext) -> None:
        try:
            await api.add_stream(self._config())
        except APIError as error:
            # Of two that make it at once, one may be told that the other has its subjects.
            overlaps = error.err_code == _SUBJECTS_OVERLAP and await self._is_there(api)
            if error.err_code != _STREAM_IS_DIFFERENT and not overlaps:
                raise
            await self._update(api)

    async def _is_there(self, api: JetStreamContext) -> bool:
        try:
            await api.stream_info(self.name)
        except NotFoundError:
            return False
        return True

    async def _update(self, api: JetStreamContext) -> None:
        """Bring a stream that was made with other settings up to date."""
        there = (await api.stream_info(self.name)).config
        config = self._config()
        if there.retention != config.retention or there.storage != config.storage:
            raise BusError(
                f"NATS has a stream {self.name} that is not ours: remove it, "
                "or choose another name in [bus] name"
            )
        changed = there.evolve(
            subjects=config.subjects,
            duplicate_window=config.duplicate_window,
            discard=config.discard,
            max_bytes=config.max_bytes,
            num_replicas=config.num_replicas,
        )
        await api.update_stream(changed)
        _log.info("bus.stream_updated", stream=self.name)

    def _config(self) -> StreamConfig:
        return StreamConfig(
            name=self.name,
            subjects=[f"{self.name}.in.*"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=self.settings.most_bytes,
            duplicate_window=self.settings.window.total_seconds(),
            num_replicas=self._replicas,
        )

    async def _make_consumer(self, link: Link, partition: int) -> None:
        config = ConsumerConfig(
            durable_name=f"p{partition}",
            filter_subject=self.subject(partition),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.settings.ack_wait.total_seconds(),
            max_ack_pending=1,
            max_deliver=-1,
        )
        with self._told(link, f"cannot make the consumer of partition {partition}"):
            await link.unless_lost(self._api(link).add_consumer(self.name, config))

    # --- looking ------------------------------------------------------------------------------

    async def count(self, link: Link) -> int:
        """How many envelopes wait or are with a worker; raises BusError."""
        held = await self.counts(link)
        if not held:
            return 0
        standings = await self.standings(link)
        return sum(
            min(count, standings[number].waiting) if number in standings else count
            for number, count in held.items()
        )

    async def counts(self, link: Link) -> dict[int, int]:
        """How many envelopes are held for each partition that has any; raises BusError."""
        info = await self._info(link, subjects=f"{self.name}.in.*")
        subjects = (info.state.subjects if info else None) or {}
        tails = {subject.rpartition(".")[2]: count for subject, count in subjects.items()}
        return {int(tail): count for tail, count in tails.items() if tail.isdecimal()}

    async def standings(self, link: Link) -> dict[int, Standing]:
        """The partitions that have a consumer, and how far it has come; raises BusError."""
        with self._told(link, "cannot list the consumers"):
            infos = await link.unless_lost(self._consumers(self._api(link)))
        found = [(_CONSUMER.fullmatch(info.name), info) for info in infos]
        return {int(name[1]): _standing(info) for name, info in found if name}

    async def clear(self, link: Link, partition: int, *, done: int) -> None:
        """Remove what is held of a partition though it was acknowledged; raises BusError."""
        with self._told(link, f"cannot clear partition {partition}"):
            subject = self.subject(partition)
            api = self._api(link)
            await link.unless_lost(api.purge_stream(self.name, seq=done + 1, subject=subject))

    async def _consumers(self, api: JetStreamContext) -> list[ConsumerInfo]:
        found: list[ConsumerInfo] = []
        while page := await api.consumers_info(self.name, len(found)):
            found.extend(page)
        return found

    async def remove_consumer(self, link: Link, partition: int) -> bool:
        """Remove a consumer that nobody asks and that has nothing left; raises BusError."""
        self._known_over(link).consumers.discard(partition)
        with self._told(link, f"cannot remove the consumer of partition {partition}"):
            return await link.unless_lost(self._remove(self._api(link), f"p{partition}"))

    async def _remove(self, api: JetStreamContext, name: str) -> bool:
        try:
            info = await api.consumer_info(self.name, name)
            if info.num_waiting or info.num_pending or info.num_ack_pending:
                return False
            await api.delete_consumer(self.name, name)
        except NotFoundError:
            return False
        return True

    async def _info(self, link: Link, subjects: str) -> StreamInfo | None:
        with self._told(link, "cannot see the stream"):
            try:
                return await link.unless_lost(self._api(link).stream_info(self.name, subjects))
            except NotFoundError:
                return None

    def _api(self, link: Link) -> JetStreamContext:
        return link.client.jetstream(timeout=self.settings.patience.total_seconds())

    @contextmanager
    def _told(self, link: Link, what: str) -> Iterator[None]:
        """Turn trouble with JetStream into a BusError; what was known is to be looked at again."""
        try:
            yield
        except ServiceUnavailableError as error:
            self.forget(link)
            said = error.description or "it has no JetStream, or its disk is full"
            raise BusError(f"{what} {self.name} at NATS {link.place}: {said}") from error
        except APIError as error:
            self.forget(link)
            raise BusError(
                f"{what} {self.name} at NATS {link.place}: {error.description or said_by(error)}"
            ) from error
        except TROUBLE as error:
            self.forget(link)
            raise BusError(f"{what} {self.name} at NATS {link.place}: {said_by(error)}") from error


def _standing(info: ConsumerInfo) -> Standing:
    waiting = (info.num_pending or 0) + (info.num_ack_pending or 0)
    return Standing(waiting=waiting, done=info.ack_floor.stream_seq if info.ack_floor else 0)
