"""Our hub for the corpus's sequences: the real steps on a record of its own."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr
from typing_extensions import override

from bot.errors import StaleVersion, StoreClosed, StoreError
from bot.hub.engines import Engines
from bot.hub.fold import fold
from bot.hub.forms import Forms
from bot.hub.hub import Hub
from bot.hub.settings import HubSettings
from bot.model.channel import Answer, Referral, Sender
from bot.model.event import Done, ThreadEvent
from bot.model.ids import EntryId, EventId, SendId, ThreadId
from bot.model.people import ByAgent, ByBot
from bot.model.record import Acceptance, Arrival, IdentitySeed, SendItem, ThreadChange
from bot.model.sending import FailureKind, Origin, Outbound
from bot.model.thread import Entry, LastInbound, MessageOut
from tests.builders import understood
from tests.corpus import adapters
from tests.corpus.hub_under_test import HubUnderTest, MakeHub
from tests.fakes.clock import FakeClock, settle
from tests.hubs import ANNA, plain_content
from tests.records import Record, Servers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from bot.hub.content import ContentSet
    from bot.model.channel import Address, Request
    from bot.model.understanding import Understanding, Utterance
    from bot.ports import Channel, Store, Wire

_QUIET_ROUNDS = 5
_SLOTS = (
    "fallback.safe",
    "answer.greet",
    "unsupported.received",
    "unsure.rephrase",
    "handoff.offered",
)


class GreetingNlu:
    """An `Nlu` that takes whatever is written for a greeting, in its own time."""

    model = "greeting-1"

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.thinks = timedelta()

    async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        if self.thinks:
            await self._clock.sleep(self.thinks)
        return [understood("greet") for _ in utterances]


class Guarded:
    """A store that can be kept from recording what comes in, and tells how much it is asked."""

    def __init__(self, store: Store) -> None:
        self.broken = False
        self.busy = 0
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        ask: Callable[..., Awaitable[object]] = getattr(self._store, name)

        async def asked(*arguments: object, **named: object) -> object:
            if self.broken and name == "accept":
                raise StoreClosed("the disk is gone, says the test")
            self.busy += 1
            try:
                return await ask(*arguments, **named)
            finally:
                self.busy -= 1

        return asked


class OurHub(HubUnderTest):
    """The hub with all its tasks running; what is durable is the record."""

    def __init__(
        self,
        channels: Mapping[tuple[str, str], Channel],
        *,
        record: Record,
        content: ContentSet,
        wire: Wire,
    ) -> None:
        self._record = record
        self._channels = channels
        self._content = content
        self._wire = wire
        self._clock = record.clock
        self._nlu = GreetingNlu(self._clock)
        self._number = 0
        self._opened = contextlib.AsyncExitStack()

    async def open(self) -> None:
        """Start, on whatever the record holds."""
        store, self._bus = await self._opened.enter_async_context(self._record.open())
        self._guarded = Guarded(store)
        self._store = cast("Store", self._guarded)  # it has all that its store has
        engines = Engines(
            store=self._store,
            bus=self._bus,
            wire=self._wire,
            nlu=self._nlu,
            clock=self._clock,
            channels=self._channels,
        )
        self._hub = Hub(
            engines,
            content=self._content,
            forms=Forms(),
            settings=HubSettings(stop_grace=timedelta()),  # as when it is killed
            secret=SecretStr("a test secret of 32 characters!!"),
        )
        self._running = asyncio.create_task(self._hub.run())

    @property
    @override
    def store(self) -> Store:
        return self._store

    @override
    def now(self) -> datetime:
        return self._clock.now()

    @override
    async def deliver(self, channel: str, request: Request) -> Answer:
        try:
            return await self._hub.ingress.take(self._channels[channel, adapters.ACCOUNT], request)
        except StoreError:
            return Answer(status=503)

    @override
    async def send(self, message: Outbound) -> SendId:
        event = await self._opening(message)
        while True:
            change = await self._saying(message, event)
            try:
                await self._store.commit(change)
            except StaleVersion:
                continue
            self._hub.outbox.wake()
            return change.sends[0].id

    async def _opening(self, message: Outbound) -> ThreadEvent:
        """An event of our own at this address, so that its identity and thread are there."""
        self._number += 1
        key = f"ours-{self._number}"
        sender = Sender(user=message.to.user)
        arrival = Arrival(
            id=EventId.of(message.to.channel, message.to.account, key),
            identity=message.to.identity,
            seed=IdentitySeed(address=message.to),
            at=self.now(),
            body=Referral(sender=sender, dedupe_key=key),
        )
        accepted = await self._store.accept(Acceptance(arrivals=(arrival,)))
        return accepted.events[0]

    async def _saying(self, message: Outbound, event: ThreadEvent) -> ThreadChange:
        state = (await self._store.turn(event.thread)).state
        send = SendId.of(event.id, "send")
        entry = Entry(
            id=EntryId.of(event.id, "0"),
            identity=event.identity,
            event=event.id,
            at=self.now(),
            by=_author(message.origin),
            body=MessageOut(
                send=send,
                text=message.text,
                choices=message.choices,
                attachments=message.attachments,
                template=message.template,
            ),
        )
        wrote = tuple(last for last in state.last_inbound if last.identity != event.identity)
        if message.last_inbound_at is not None:
            wrote += (LastInbound(identity=event.identity, at=message.last_inbound_at),)
        return ThreadChange(
            event=event.id,
            expected=state.version,
            state=fold(
                state.model_copy(update={"version": state.version + 1, "last_inbound": wrote}),
                (entry,),
            ),
            outcome=Done(),
            entries=(entry,),
            sends=(_item(message, entry, state.thread, epoch=state.epoch, send=send),),
        )

    @override
    async def calm(self) -> None:
        before: object = None
        rounds = 0
        while rounds < _QUIET_ROUNDS:
            await settle()
            await self._store.ready()  # whatever was to be written before is written then
            depth, written = await self._bus.depth(), await self._written()
            after = (self._guarded.busy, depth, self._clock.sleepers, written)
            rounds = rounds + 1 if after == before and not self._guarded.busy else 0
            before = after

    async def _written(self) -> tuple[int, ...]:
        return tuple(row.state.version for row in await self._store.threads(limit=1000))

    @override
    async def wait(self, duration: timedelta) -> None:
        # The last second by itself: whoever was asking a server when time moved on looks again.
        last = min(duration, timedelta(seconds=1))
        for passing in (duration - last, last):
            await self._clock.advance(passing)
            await self.calm()

    @override
    async def crash(self) -> None:
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
        await self._opened.aclose()

    @override
    async def restart(self) -> None:
        await self.open()
        await self.calm()

    @override
    async def break_store(self) -> None:
        self._guarded.broken = True

    @override
    async def mend_store(self) -> None:
        self._guarded.broken = False

    @override
    async def slow_bot(self, duration: timedelta) -> None:
        self._nlu.thinks = duration

    @override
    async def opted_out(self, address: Address) -> bool:
        """Send a campaign there and see whether it is refused for that."""
        probe = Outbound(
            id=SendId.new(), to=address, text="probe", origin=Origin.CAMPAIGN, at=self.now()
        )
        sent = await self.send(probe.model_copy(update={"last_inbound_at": self.now()}))
        await self.calm()
        (state,) = await self._store.sends([sent])
        return state.failure is FailureKind.OPTED_OUT

    @override
    async def close(self) -> None:
        await self.crash()


def _author(origin: Origin) -> ByAgent | ByBot:
    return ANNA if origin is Origin.AGENT else ByBot()


def _item(
    message: Outbound, entry: Entry, thread: ThreadId, *, epoch: int, send: SendId
) -> SendItem:
    return SendItem(
        id=send,
        entry=entry.id,
        thread=thread,
        identity=entry.identity,
        epoch=epoch,
        origin=message.origin,
        text=message.text,
        choices=message.choices,
        attachments=message.attachments,
        template=message.template,
        language=message.language,
        in_reply_to=message.in_reply_to,
        recipient_token=message.recipient_token,
        at=entry.at,
    )


async def make_hub(
    folder: Path, *, channels: Mapping[tuple[str, str], Channel], wire: Wire, at: datetime
) -> HubUnderTest:
    """See `tests.corpus.hub_under_test.MakeHub`; on SQLite."""
    return await make_hub_on("sqlite", None)(folder, channels=channels, wire=wire, at=at)


def make_hub_on(kind: str, servers: Servers | None) -> MakeHub:
    """Makes hubs that stand on this kind of record (`tests.records.KINDS`)."""

    async def make(
        folder: Path, *, channels: Mapping[tuple[str, str], Channel], wire: Wire, at: datetime
    ) -> HubUnderTest:
        content = plain_content(folder, _SLOTS)
        own = Path(mkdtemp(dir=folder))
        record = Record(kind, own, servers=servers, clock=FakeClock(at))
        hub = OurHub(channels, record=record, content=content, wire=wire)
        await hub.open()
        return hub

    return make
