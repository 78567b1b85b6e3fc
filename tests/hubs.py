"""A whole hub for tests: real channels against played providers, time that stands still."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from functools import cache
from itertools import count
from pathlib import Path
from urllib.parse import parse_qsl

from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.hub.content import ContentSet
from bot.hub.content.parse import parse
from bot.hub.engines import Engines
from bot.hub.forms import Forms
from bot.hub.hub import Hub
from bot.hub.personas import Personas
from bot.hub.rebuild import rebuilt
from bot.hub.settings import HubSettings
from bot.hub.spooling import Spooling
from bot.model.channel import Address, Answer, Request
from bot.model.event import AgentNotes
from bot.model.ids import AgentId, EventId, IdentityId, ThreadId
from bot.model.people import ByAgent
from bot.model.phone import PhoneShows, PhoneWrites
from bot.model.record import Acceptance, Arrival, Span, Turn
from bot.model.sending import Call, CallResult, Emit, HttpCall, Origin, Reply, Unreached
from bot.model.thread import Entry, MessageOut, SendState, ThreadState
from bot.model.understanding import Understanding
from bot.ports import Bus, Channel, Nlu, Provider, Store
from bot.ports.crm import Crm
from channels import messenger, telegram, twilio_sms, twilio_whatsapp, webchat
from channels.messenger.sandbox import Loopback as MessengerLoopback
from channels.telegram.sandbox import Loopback as TelegramLoopback
from channels.twilio_sms.sandbox import Loopback as SmsLoopback
from channels.twilio_whatsapp.sandbox import Loopback as WhatsAppLoopback
from tests.builders import change, reply, send_item, understood
from tests.fakes.bus import FakeBus
from tests.fakes.clock import FakeClock, settle
from tests.fakes.nlu import FakeNlu
from tests.fakes.store import FakeStore
from tests.records import Record

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = "https://hub.example.com"
ANNA = ByAgent(agent=AgentId.of("anna"), name="Anna")
BO = ByAgent(agent=AgentId.of("bo"), name="Bo")
Key = tuple[str, str]
_NUMBERED = {"link.question", "link.confirm"}
# A number that a yes has to repeat.
_ASKED = re.compile(r"(?:JA|YES|\[link\.question(?:\|en)?) ([0-9]{5})\b")
# A number that a phone has to repeat before its code links anything.
_CONFIRMED = re.compile(r"(?:svara med|answer|\[link\.confirm(?:\|en)?) ([0-9]{5})\b")

# What the tests' customers say, and what it is read as; all else is not understood.
TABLE: dict[str, Understanding | str] = {
    "människa": understood("human.request", human_wanted=1.0),
    "human": understood("human.request", human_wanted=1.0, language="en"),
    "värdelöst": understood("complaint", frustration=0.9),
    "hej": "greet",
    "tack": "thanks",
    "nej": "deny",
    "leverans": "delivery.time",
    "delivery": understood("delivery.time", language="en"),
    "öppettider": "store.hours",
    "retur": "return.start",
    "return": understood("return.start", language="en"),
    "byta": "exchange.start",
}


def api(channel: str) -> str:
    """The base of a played provider's API."""
    return f"https://provider.example/{channel}"


def played(*, sms_rate: float | None = None) -> tuple[dict[Key, Channel], dict[Key, Provider]]:
    """Every channel with an account `demo`, and its played provider; no rate is no limit."""
    sms = twilio_sms.Settings(
        account_sid="AC1",
        auth_token=SecretStr("t"),
        number="+46766860000",
        api_base=api("twilio_sms"),
        rate=sms_rate,
    )
    whatsapp = twilio_whatsapp.Settings(
        account_sid="AC1",
        auth_token=SecretStr("t"),
        number="+46766860000",
        api_base=api("twilio_whatsapp"),
    )
    bot = telegram.Settings(
        bot_token=SecretStr("1:t"),
        secret_token=SecretStr("s"),
        bot_username="FjallBot",
        api_base=api("telegram"),
    )
    page = messenger.Settings(
        page_id="100",
        app_secret=SecretStr("s"),
        verify_token=SecretStr("v"),
        access_token=SecretStr("a"),
        api_base=api("messenger"),
    )
    adapters: list[Channel] = [
        twilio_sms.Adapter(sms, account="demo", public_base_url=PUBLIC),
        twilio_whatsapp.Adapter(whatsapp, account="demo", public_base_url=PUBLIC),
        telegram.Adapter(bot, account="demo", public_base_url=PUBLIC),
        messenger.Adapter(page, account="demo", public_base_url=PUBLIC),
        webchat.Adapter(webchat.Settings(), account="demo", public_base_url=PUBLIC),
    ]
    providers: dict[Key, Provider] = {
        ("twilio_sms", "demo"): SmsLoopback(sms),
        ("twilio_whatsapp", "demo"): WhatsAppLoopback(whatsapp),
        ("telegram", "demo"): TelegramLoopback(bot),
        ("messenger", "demo"): MessengerLoopback(page),
    }
    return {(adapter.name, adapter.account): adapter for adapter in adapters}, providers


class PhoneWire:
    """A `Wire` to played providers: phones show what was sent, webhooks wait to be delivered."""

    def __init__(self, providers: Mapping[Key, Provider], clock: FakeClock) -> None:
        self.providers = providers
        self.clock = clock
        self.calls: list[Call] = []
        self.shown: dict[Key, list[PhoneShows]] = defaultdict(list)
        self.pages: dict[str, list[dict[str, object]]] = defaultdict(list)
        self.webhooks: list[tuple[Key, Request]] = []
        self.failing: list[CallResult] = []
        self.elsewhere: Callable[[HttpCall], CallResult] | None = None
        self.incoming = count(1000)
        self._number = count(1)

    async def call(self, call: Call) -> CallResult:
        self.calls.append(call)
        await asyncio.sleep(0)
        if self.failing:
            return self.failing.pop(0)
        if isinstance(call, Emit):
            self.pages[call.room.removeprefix("visitor:")].append(json.loads(call.data))
            return Reply(status=200)
        return self._provider(call)

    def _provider(self, call: HttpCall) -> CallResult:
        for key, provider in self.providers.items():
            if call.url.startswith(api(key[0]) + "/"):
                took = provider.take(
                    self._request(call, key), url=webhook_url(key), number=next(self._number)
                )
                for shows in took.shows:
                    self.shown[key[0], shows.user].append(shows)
                self.webhooks.extend((key, webhook) for webhook in took.webhooks)
                return Reply(status=took.answer.status, body=took.answer.body)
        if self.elsewhere is not None:
            return self.elsewhere(call)
        return Unreached(reason=f"nobody at {call.url}")

    def _request(self, call: HttpCall, key: Key) -> Request:
        path, _, query = call.url.removeprefix(api(key[0])).partition("?")
        return Request(
            method=call.method,
            url=call.url,
            path=path,
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            headers=tuple((name.lower(), value) for name, value in call.headers),
            body=call.body,
            received_at=self.clock.now(),
        )


def webhook_url(key: Key) -> str:
    return f"{PUBLIC}/webhooks/{key[0]}/{key[1]}"


class HubKit:
    """One hub, its engines, and hands to write with."""

    def __init__(
        self,
        hub: Hub,
        *,
        wire: PhoneWire,
        clock: FakeClock,
        bus: Bus,
        channels: dict[Key, Channel],
    ) -> None:
        self.hub = hub
        self.wire = wire
        self.clock = clock
        self.bus = bus
        self.channels = channels
        self.store = hub.engines.store

    async def write(self, channel: str, user: str, text: str = "", **more: str) -> Answer:
        """A customer writes on a phone; what comes of it has happened when this returns."""
        answer = await self.deliver(channel, self.webhook(channel, user, text, **more))
        await self.quiet()
        return answer

    def webhook(self, channel: str, user: str, text: str = "", **more: str) -> Request:
        """The webhook that a provider sends for a text."""
        key = (channel, "demo")
        return self.wire.providers[key].write(
            PhoneWrites(user=user, text=text, **more),
            url=webhook_url(key),
            at=self.clock.now(),
            number=next(self.wire.incoming),
        )

    async def deliver(self, channel: str, request: Request) -> Answer:
        """A request reaches the edge."""
        return await self.hub.ingress.take(self.hub.engines.channels[channel, "demo"], request)

    async def chat(
        self, visitor: str, text: str = "", *, event: str = "message", **more: str
    ) -> Answer:
        """A visitor of the web page writes."""
        body = {"visitor": visitor, "event": event, "id": f"c{next(self.wire.incoming)}", **more}
        if text:
            body["text"] = text
        request = Request(
            method="SOCKET",
            url=f"{PUBLIC}/chat",
            path="/chat",
            body=json.dumps(body).encode(),
            received_at=self.clock.now(),
        )
        answer = await self.deliver("webchat", request)
        await self.quiet()
        return answer

    async def quiet(self) -> None:
        """Let everything happen that can happen now."""
        while True:
            await self._bus_idle()
            await self._drain()
            if not self.wire.webhooks and not await self.bus.depth():
                await settle()
                return
            waiting, self.wire.webhooks = self.wire.webhooks, []
            for key, request in waiting:
                await self.hub.ingress.take(self.hub.engines.channels[key], request)

    async def _bus_idle(self) -> None:
        while await self.bus.depth():  # noqa: ASYNC110 - the port has no event for it
            await asyncio.sleep(0.001)

    async def _drain(self) -> None:
        draining = asyncio.create_task(self.hub.outbox.drain())
        while not draining.done():
            await settle()
            wake = self.clock.next_wake
            if wake is not None and not draining.done():
                await self.clock.advance(wake - self.clock.now())
            await asyncio.sleep(0)
        await draining

    def phone(self, channel: str, user: str) -> list[str]:
        """The texts on a phone, oldest first."""
        return [shows.text for shows in self.wire.shown[channel, user]]

    def yes(self, channel: str, user: str) -> str:
        """The yes to the question that a link asked last on this phone."""
        asked = [_ASKED.search(text) for text in self.phone(channel, user)]
        numbers = [found[1] for found in asked if found]
        return f"ja {numbers[-1]}" if numbers else "ja"

    def digits(self, channel: str, user: str) -> str | None:
        """The number that this phone was asked last to repeat, if its last text asks for one."""
        return self.number_in((self.phone(channel, user) or [""])[-1]) or None

    @staticmethod
    def number_in(text: str) -> str:
        """The number that a text asks to repeat, or nothing."""
        found = _CONFIRMED.search(text)
        return "" if found is None else found[1]

    async def bring(self, target: Key, code: str) -> None:
        """Send a code from the target, and repeat the number if one comes back."""
        await self.write(*target, code)
        if number := self.digits(*target):
            await self.write(*target, number)

    async def go_on(self, source: Key, target: Key) -> None:
        """Go on from the source at the target, by code."""
        await self.bring(target, await self.link(source, target))

    def page(self, visitor: str) -> list[str]:
        """The texts that the chat page got, oldest first."""
        return [str(data["text"]) for data in self.wire.pages[visitor]]

    def address(self, channel: str, user: str) -> Address:
        return Address(channel=channel, account="demo", user=user)

    def identity(self, channel: str, user: str) -> IdentityId:
        return self.address(channel, user).identity

    async def pass_time(self, duration: timedelta | float) -> None:
        """Let time pass (a bare number: seconds), with all that falls due in it."""
        await self.clock.advance(duration)
        await self.hub.upkeep.timers()
        await self.quiet()

    # --- looking -----------------------------------------------------------------------------

    async def turn(self, channel: str, user: str) -> Turn:
        """The thread that this person is in."""
        identity = await self.store.identity(self.identity(channel, user))
        assert identity is not None, f"nobody wrote from {channel} {user}"
        return await self.store.turn(identity.thread)

    async def state(self, channel: str, user: str) -> ThreadState:
        return (await self.turn(channel, user)).state

    async def thread(self, channel: str, user: str) -> ThreadId:
        return (await self.state(channel, user)).thread

    async def entries(self, channel: str, user: str) -> list[Entry]:
        """Everything in this person's thread."""
        turn = await self.turn(channel, user)
        spans = [Span(identity=identity.id) for identity in turn.identities]
        return await self.store.entries(spans, limit=10_000)

    async def kinds(self, channel: str, user: str) -> list[str]:
        return [entry.body.kind for entry in await self.entries(channel, user)]

    async def sends(self, channel: str, user: str) -> list[SendState]:
        """How the messages out of this person's thread went, oldest first."""
        entries = await self.entries(channel, user)
        return await self.store.sends(
            [entry.body.send for entry in entries if isinstance(entry.body, MessageOut)]
        )

    async def link(self, source: Key, target: Key) -> str:
        """A code shown to `source` (channel, user) for the target's channel; the code."""
        offer = await self.hub.linking.offer(
            self.identity(*source), channel=target[0], account="demo"
        )
        return offer.code


async def queue(
    kit: HubKit,
    user: str,
    text: str,
    *,
    origin: Origin,
    channel: str = "twilio_sms",
    facet: str | None = None,
) -> None:
    """Put a message of ours into somebody's thread, without a word of theirs."""
    turn = await kit.turn(channel, user)
    note = Arrival(
        id=EventId.new(),
        identity=kit.identity(channel, user),
        at=kit.clock.now(),
        body=AgentNotes(by=ANNA, text="n"),
    )
    (event,) = (await kit.store.accept(Acceptance(arrivals=(note,)))).events
    out = reply(event, 0, text=text)
    item = send_item(turn, out, due=kit.clock.now(), epoch=turn.state.epoch)
    made = change(turn, event, out).model_copy(
        update={
            "sends": (item.model_copy(update={"origin": origin, "facet": facet}),),
            "state": turn.state.model_copy(update={"version": turn.state.version + 1}),
        }
    )
    await kit.store.commit(made)
    await kit.quiet()


async def assert_rebuilds(kit: HubKit) -> None:
    """Every snapshot is what its entries add up to."""
    for row in await kit.store.threads(limit=1000):
        made = (await rebuilt(kit.store, row.state.thread)).state
        assert made.model_dump() == row.state.model_dump()


@contextlib.asynccontextmanager
async def kit_on(record: Record, *, nlu: Nlu | None = None) -> AsyncIterator[HubKit]:
    """A hub on a record's engines; at the end every thread is what its entries add up to."""
    async with (
        record.open() as (store, bus),
        hub_kit(store=store, bus=bus, clock=record.clock, nlu=nlu) as made,
    ):
        yield made
        await assert_rebuilds(made)


async def only_thread(kit: HubKit) -> ThreadId:
    """The id of the one thread there is."""
    rows = await kit.store.threads()
    assert len(rows) == 1, [row.state.thread for row in rows]
    return rows[0].state.thread


@contextlib.asynccontextmanager
async def hub_kit(
    content: ContentSet | None = None,
    forms: Forms | None = None,
    *,
    personas: Personas | None = None,
    store: Store | None = None,
    bus: Bus | None = None,
    nlu: Nlu | None = None,
    clock: FakeClock | None = None,
    settings: HubSettings | None = None,
    wire: PhoneWire | None = None,
    sms_rate: float | None = None,
    spooling: Spooling | None = None,
    crm: Crm | None = None,
    working: bool = True,
) -> AsyncIterator[HubKit]:
    """A hub whose bus runs (`working`); sends are made by `quiet`, so that tests choose when.

    Give the store, bus, clock and wire of an earlier one, and it is that hub after a restart.
    """
    clock = clock or FakeClock()
    bus = bus or FakeBus()
    store = store or FakeStore()
    channels, providers = played(sms_rate=sms_rate)
    wire = wire or PhoneWire(providers, clock)
    engines = Engines(
        store=store,
        bus=bus,
        wire=wire,
        nlu=nlu or FakeNlu(TABLE),
        clock=clock,
        channels=channels,
        spooling=spooling,
        crm=crm,
    )
    hub = Hub(
        engines,
        content=content or plain(),
        forms=forms or shipped_forms(),
        personas=personas or shipped_personas(),
        settings=settings or HubSettings(),
        secret=SecretStr("a test secret of 32 characters!!"),
    )
    # Printing the tracebacks of faults that tests plant takes seconds.
    with capture_logs():
        running = [asyncio.create_task(bus.run(hub.converse.handle))] if working else []
        try:
            yield HubKit(hub, wire=wire, clock=clock, bus=bus, channels=channels)
        finally:
            for task in running:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


@cache
def shipped_forms() -> Forms:
    return Forms.load(ROOT / "config" / "forms")


@cache
def shipped_personas() -> Personas:
    return Personas.load(ROOT / "config" / "personas.yaml")


@cache
def shipped_content() -> ContentSet:
    return ContentSet.load(ROOT / "config" / "content")


@cache
def plain() -> ContentSet:
    """The shipped slots, each saying its name: `[answer.greet]`, in English `[answer.greet|en]`.

    Where an answer has to repeat a number, it is said too: `[link.question 48291]`.
    """
    number = "{% if link.number %} {{ link.number }}{% endif %}"
    marks = (("sv", ""), ("en", "|en"))
    return ContentSet(
        parse(
            f"---\nslot: {slot}\nlocale: {locale}\n---\n"
            f"[{slot}{mark}{number if slot in _NUMBERED else ''}]\n",
            file=f"{slot}.{locale}.md",
        )
        for slot in shipped_content().slots
        for locale, mark in marks
    )


def plain_content(folder: Path, slots: tuple[str, ...]) -> ContentSet:
    """Content that says its own slot, in both languages: `[answer.greet]`, `[answer.greet|en]`."""
    for slot in slots:
        for locale, mark in (("sv", ""), ("en", "|en")):
            head = f"---\nslot: {slot}\nlocale: {locale}\n---\n"
            (folder / f"{slot}.{locale}.md").write_text(f"{head}[{slot}{mark}]\n", "utf-8")
    return ContentSet.load(folder)
