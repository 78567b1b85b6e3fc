"""Counts what happens to channel accounts, and writes it down now and then."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from bot.errors import StoreError
from bot.model.channel import ChannelEvent, Forged, Inbound, Request
from bot.model.health import Sign, SignCount, slot_of
from bot.model.sending import (
    CallResult,
    Delivery,
    FailureKind,
    Refused,
    Reply,
    Retry,
    Sent,
    Uncertain,
    Unreachable,
)
from bot.ports import Channel, Clock, Store

log = structlog.get_logger("samtal.signs")

_EVERY = timedelta(seconds=5)
_PARTING = timedelta(seconds=1)
_UNAUTHORIZED = 401
_LONGEST_DETAIL = 200
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,200}")
_SCHEMES = frozenset({"http", "https"})
# These say how the provider or the way to it fares; the others are of one message or recipient.
_FAILURES = frozenset(
    {
        FailureKind.PROVIDER_ERROR,
        FailureKind.UNREACHABLE,
        FailureKind.BAD_RESPONSE,
        FailureKind.UNCERTAIN,
    }
)

_Key = tuple[str, str, Sign, datetime]


class Signs:
    """What this process saw of accounts since it last wrote that down.

    What was seen in the last five seconds is lost with a process that is killed; a store that is
    away is told later. There is never more here than accounts have signs.
    """

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen: dict[_Key, SignCount] = {}

    def requested(self, channel: Channel, request: Request, events: Sequence[ChannelEvent]) -> None:
        """A webhook, or what a socket proved, was read."""
        forged = [event.reason for event in events if isinstance(event, Forged)]
        seen = _called_at(request)
        if forged:
            self.note(channel, Sign.FORGED, detail=forged[0].value, seen=seen)
            return
        self.note(channel, Sign.ACCEPTED, seen=seen)
        if any(isinstance(event, Inbound) for event in events):
            self.note(channel, Sign.HEARD)

    def called(self, channel: Channel, result: CallResult) -> None:
        """A call to the provider ended; 401 says everywhere that the credentials are no good."""
        if isinstance(result, Reply) and result.status == _UNAUTHORIZED:
            self.note(channel, Sign.TOKEN, detail="the provider answered 401")

    def delivered(self, channel: Channel, delivery: Delivery, *, due: datetime | None) -> None:
        """An attempt at a send ended; `due`: it is made again then."""
        match delivery:
            case Sent():
                self.note(channel, Sign.SENT)
            case Retry() | Refused() | Unreachable() | Uncertain():
                failure = delivery.failure
                said = f"{failure.code}: {failure.message}" if failure.code else failure.message
                if failure.kind is FailureKind.RATE_LIMITED:
                    self.note(channel, Sign.LIMITED, detail=said, until=due)
                elif failure.kind is FailureKind.CONFIG:
                    self.note(channel, Sign.TOKEN, detail=said)
                elif failure.kind in _FAILURES:
                    self.note(channel, Sign.FAILED, detail=said)

    def note(
        self,
        channel: Channel,
        sign: Sign,
        *,
        detail: str = "",
        seen: str = "",
        until: datetime | None = None,
    ) -> None:
        """Something happened now."""
        now = self._clock.now()
        self._add(
            SignCount(
                channel=channel.name,
                account=channel.account,
                sign=sign,
                slot=slot_of(sign, now),
                count=1,
                last_at=now,
                detail=detail[:_LONGEST_DETAIL],
                seen=seen,
                until=until,
            )
        )

    async def write(self) -> None:
        """Write down what was seen; raises StoreError, and then it waits for the next time."""
        taken, self._seen = list(self._seen.values()), {}
        if not taken:
            return
        try:
            await self._store.note_signs(taken)
        except StoreError:
            for one in taken:
                self._add(one, older=True)
            raise

    async def run(self) -> None:
        """Write down now and then, until cancelled; then once more."""
        try:
            while True:
                await self._clock.sleep(_EVERY)
                try:
                    await self.write()
                except StoreError as error:
                    log.warning("signs not written yet", error=type(error).__name__)
        finally:
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(_PARTING.total_seconds()):
                    await self.write()

    def _add(self, one: SignCount, *, older: bool = False) -> None:
        key = (one.channel, one.account, one.sign, one.slot)
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = one
            return
        latest = known if older else one
        self._seen[key] = latest.model_copy(update={"count": known.count + one.count})


def _called_at(request: Request) -> str:
    """The scheme and host that a caller says it called; a proxy's word goes before its own."""
    host = request.header("x-forwarded-host") or request.header("host") or ""
    host = host.rpartition(",")[2].strip().lower()
    if not _HOST.fullmatch(host):
        return ""
    scheme = (request.header("x-forwarded-proto") or "").rpartition(",")[2].strip().lower()
    return f"{scheme}://{host}" if scheme in _SCHEMES else host
