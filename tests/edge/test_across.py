"""Sockets over several processes: two edges, a worker and an outbox on one fan-out."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import socketio
from playwright.async_api import expect

from bot.buses.local import LocalFanout
from bot.edge.fanout import FanoutEmitter
from bot.hub.feed import SendMoved, ThreadMoved
from bot.model.ids import EntryId, EventId, SendId
from bot.model.listing import ThreadFilter
from bot.model.people import ByBot
from bot.model.thread import Entry, MessageOut, SendState, SendStatus
from tests.browser.kit import browsing
from tests.builders import START
from tests.edge.house import Browser, Seat, first_thread, until, until_all
from tests.edge.processes import Processes, processes
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import JsonValue

    from bot.ports import Fanout
    from tests.edge.house import House
    from tests.edge.processes import NewFanout
    from tests.servers import NatsServer

PHONE = "+46701234567"


@contextlib.asynccontextmanager
async def _local() -> AsyncIterator[NewFanout]:
    fanout = LocalFanout()

    async def new() -> Fanout:
        return fanout

    yield new
    await fanout.close()


@contextlib.asynccontextmanager
async def _nats(url: str) -> AsyncIterator[NewFanout]:
    from bot.buses.nats import NatsConnection, NatsFanout  # noqa: PLC0415 - only where it is tested

    name = unique_name()
    async with contextlib.AsyncExitStack() as stack:

        async def new() -> Fanout:
            connection = await NatsConnection.open([url], name=name)
            stack.push_async_callback(connection.close)
            fanout = NatsFanout(connection, name=name)
            stack.push_async_callback(fanout.close)
            return fanout

        yield new


@pytest.fixture(params=["local", "nats"])
async def new_fanout(request: pytest.FixtureRequest) -> AsyncIterator[NewFanout]:
    kind = _local() if request.param == "local" else _nats(request.getfixturevalue("nats_url"))
    async with kind as new:
        yield new


@pytest.fixture
async def apart(new_fanout: NewFanout) -> AsyncIterator[Processes]:
    async with processes(new_fanout, visitor_rate={"per_second": 1000, "burst": 1000}) as running:
        yield running


async def _thread(apart: Processes) -> str:
    """A thread that a customer's phone began, waiting for a human."""
    assert await apart.one.write("twilio_sms", PHONE, "Jag vill prata med en människa") == 200

    async def waits() -> bool:
        return bool(await apart.site.store.threads(ThreadFilter(owner="offered")))

    await until(waits)
    return await first_thread(apart.site.store)


def _names(seat: Seat) -> list[str]:
    viewing = seat.told("viewing")
    return [agent["name"] for agent in viewing[-1]["agents"]] if viewing else []


def _views(seat: Seat) -> list[dict[str, Any]]:
    return [view for told in seat.told("entries") for view in told["entries"]]


def _texts_of_threads(seat: Seat) -> list[tuple[str | None, str]]:
    return [
        (view["entry"]["body"].get("text"), told["thread"])
        for told in seat.told("entries")
        for view in told["entries"]
    ]


# --- customers -------------------------------------------------------------------------------


async def test_an_answer_reaches_the_tabs_of_a_visitor_at_every_edge(apart: Processes) -> None:
    here = await apart.one.visitor()
    there = await apart.two.visitor(token=here.token)
    assert await here.say("Hej 👋🏽", key="m1") == {"ok": True}
    await until_all((here, there), lambda tab: len(tab.texts()) == 2)
    for tab in (here, there):
        assert sorted(one["author"] for one in tab.told("message")) == ["bot", "customer"]
        assert await tab.hears("Hej 👋🏽")
    assert here.texts("bot") == there.texts("bot")
    await apart.one.idle()
    stranger = await apart.two.visitor()
    assert stranger.texts() == []


async def test_a_place_in_the_queue_changes_at_every_edge(apart: Processes) -> None:
    before, behind = await apart.one.visitor(), await apart.two.visitor()
    for place, visitor in enumerate((before, behind), 1):
        await visitor.do("ask_human", {"id": "h1"})
        await until_all([visitor], lambda one: bool(one.told("owner")))
        assert visitor.told("owner")[0]["place"] == place
    await before.do("leave_queue", {})
    await until(lambda: behind.told("owner")[-1]["place"] == 1)


async def test_events_of_one_client_stay_in_order_through_all_processes(apart: Processes) -> None:
    here = await apart.one.visitor()
    there = await apart.two.visitor(token=here.token)
    said = [f"Nummer {n}" for n in range(40)]
    answers = await asyncio.gather(
        *(here.say(text, key=f"m{n}") for n, text in enumerate(said))  # none waits for its answer
    )
    assert answers == [{"ok": True}] * 40
    await until(lambda: len(there.texts("customer")) == 40, seconds=15)
    assert there.texts("customer") == said
    await until(lambda: len(here.texts("customer")) == 40)
    assert here.texts("customer") == said
    bodies = [one.body for one in apart.site.store.memory.entries]
    assert [one.text for one in bodies if one.kind == "message_in"] == said


async def test_who_owns_the_thread_is_told_at_every_edge(apart: Processes) -> None:
    here = await apart.one.visitor()
    there = await apart.two.visitor(token=here.token)
    await here.do("ask_human", {"id": "h1", "text": "Människa"})
    tabs = (here, there)
    await until_all(tabs, lambda tab: [one["owner"] for one in tab.told("owner")] == ["waiting"])
    # The command travels to the worker, its outcome comes back to the edge that asked.
    assert await there.do("leave_queue", {}) == {"ok": True}
    await until_all(tabs, lambda tab: tab.told("owner")[-1]["owner"] == "bot")


async def test_a_message_to_another_channel_is_shown_once_it_left(apart: Processes) -> None:
    visitor = await apart.two.visitor()
    offer = await visitor.do("continue", {"channel": "twilio_sms", "account": "demo"})
    await visitor.hears(await apart.one.bring(PHONE, offer["code"]))
    await apart.one.write("twilio_sms", PHONE, "Hej från telefonen")
    await visitor.hears("Hej från telefonen")
    # The outbox, in another process, says how its answer went.
    await until(lambda: any(
        one["author"] == "bot" and one["channel"] == "twilio_sms" and one["status"] == "sent"
        for one in visitor.told("message")
    ))  # fmt: skip
    shown = [one["id"] for one in visitor.told("message") if one["channel"] == "twilio_sms"]
    assert len(shown) == len(set(shown))


# --- agents ----------------------------------------------------------------------------------


async def test_agents_at_any_edge_see_what_moves_and_how_it_went(apart: Processes) -> None:
    thread = await _thread(apart)
    anna = await apart.one.log_in("Anna")
    seat = await apart.two.seat(anna)  # the session is the store's: any edge knows it
    await seat.do("watch", {"thread": thread})
    status, told = await anna.post(f"/threads/{thread}/accept")
    assert status == 200, told
    status, told = await anna.post(
        f"/threads/{thread}/reply", {"text": "Hej, Anna här", "client_id": "r1"}
    )
    assert status == 200, told
    await until(lambda: any(
        view["entry"]["body"].get("text") == "Hej, Anna här" for view in _views(seat)
    ))  # fmt: skip
    reply = next(v for v in _views(seat) if v["entry"]["body"].get("text") == "Hej, Anna här")
    send = reply["entry"]["body"]["send"]
    known = reply.get("send") or {}
    await until(
        lambda: (
            known.get("status") == "sent"
            or any(
                one["send"]["send"] == send and one["send"]["status"] == "sent"
                for one in seat.told("send")
            )
        )
    )
    await apart.one.phone_shows("twilio_sms", PHONE, "Anna här")
    seqs = [view["entry"]["seq"] for view in _views(seat)]
    assert seqs == sorted(set(seqs))


async def test_agents_see_each_other_across_edges(apart: Processes) -> None:
    thread = await _thread(apart)
    anna = await apart.one.seat(await apart.one.log_in("Anna"))
    bo_logged_in = await apart.two.log_in("Bo")
    bo = await apart.two.seat(bo_logged_in)
    await anna.do("watch", {"thread": thread})
    await until(lambda: _names(anna) == ["Anna"])
    await bo.do("watch", {"thread": thread})
    await until_all((anna, bo), lambda seat: sorted(_names(seat)) == ["Anna", "Bo"])
    again = await apart.one.seat(bo_logged_in)  # the same agent twice is one viewer
    await again.do("watch", {"thread": thread})
    await until(lambda: sorted(_names(again)) == ["Anna", "Bo"])
    await again.close()
    await apart.one.idle()
    assert sorted(_names(anna)) == ["Anna", "Bo"]
    await bo.close()
    await until(lambda: _names(anna) == ["Anna"])


async def test_typing_is_seen_across_edges_and_not_by_who_types(apart: Processes) -> None:
    visitor = await apart.one.visitor()
    await visitor.do("ask_human", {"id": "h1", "text": "Människa"})
    await until(lambda: bool(visitor.told("owner")))
    thread = await first_thread(apart.site.store)
    anna = await apart.two.seat(await apart.two.log_in("Anna"))
    bo = await apart.one.seat(await apart.one.log_in("Bo"))
    for seat in (anna, bo):
        await seat.do("watch", {"thread": thread})
    assert (await anna.do("typing", {"thread": thread}))["ok"] is True
    await until(lambda: visitor.told("typing") == [{"name": "Anna"}])
    await until(lambda: [one["name"] for one in bo.told("typing")] == ["Anna"])
    assert anna.told("typing") == []
    await visitor.do("typing", {})
    await until(lambda: [one["who"] for one in anna.told("typing")] == ["customer"])


async def test_logging_out_at_one_edge_ends_the_seats_at_all(apart: Processes) -> None:
    desk = await apart.one.log_in("Anna")
    seat, other = await apart.two.seat(desk), await apart.two.seat(await apart.two.log_in("Bo"))
    async with desk.http.delete(
        f"{apart.one.base}/api/v1/session", headers={"X-CSRF-Token": desk.csrf}
    ) as out:
        assert out.status == 204
    await until(lambda: "/desk" not in seat.client.namespaces)
    await _thread(apart)
    await until(lambda: bool(other.told("thread")))
    assert seat.told("thread") == []


async def test_whoever_watches_a_thread_follows_it_at_every_edge(apart: Processes) -> None:
    visitor = await apart.one.visitor()
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(visitor.texts("bot")))
    await apart.one.write("twilio_sms", PHONE, "Hej från telefonen")

    async def two() -> bool:
        return len(await apart.site.store.threads()) == 2

    await until(two)
    anna = await apart.one.seat(await apart.one.log_in("Anna"))
    bo = await apart.two.seat(await apart.two.log_in("Bo"))
    for row in await apart.site.store.threads():
        await anna.do("watch", {"thread": row.state.thread})
        await bo.do("watch", {"thread": row.state.thread})
    offer = await visitor.do("continue", {"channel": "twilio_sms", "account": "demo"})
    await apart.one.bring(PHONE, offer["code"])
    seats = (anna, bo)
    await until_all(seats, lambda seat: any("absorbed" in one for one in seat.told("thread")))
    (moved,) = (one for one in bo.told("thread") if "absorbed" in one)
    into = moved["row"]["state"]["thread"]
    await apart.one.write("twilio_sms", PHONE, "Nu är vi en")
    await until_all(seats, lambda seat: ("Nu är vi en", into) in _texts_of_threads(seat))


# --- how sends went, heard before the messages -----------------------------------------------


@pytest.mark.parametrize(
    ("status", "elsewhere"),
    [(SendStatus.SENT, True), (SendStatus.FAILED, True), (SendStatus.DROPPED, False)],
)
async def test_how_a_send_went_may_be_heard_before_the_message(
    apart: Processes, status: SendStatus, *, elsewhere: bool
) -> None:
    visitor = await apart.two.visitor()
    offer = await visitor.do("continue", {"channel": "twilio_sms", "account": "demo"})
    await visitor.hears(await apart.one.bring(PHONE, offer["code"]))
    seat = await apart.two.seat(await apart.two.log_in("Anna"))
    (row,) = await apart.site.store.threads()
    thread = row.state.thread
    await seat.do("watch", {"thread": thread})
    await apart.one.idle()
    phone = next(one for one in row.identities if one.address.channel == "twilio_sms")
    send = SendState(send=SendId.new(), status=status)
    entry = Entry(
        id=EntryId.new(),
        seq=1000,
        at=START,
        identity=phone.id,
        by=ByBot(),
        event=EventId.new(),
        body=MessageOut(send=send.send, text="Svar till telefonen"),
    )
    moved = ThreadMoved(state=row.state, identities=row.identities, entries=(entry,))
    apart.outbox.feed.announce(SendMoved(thread=thread, identity=phone.id, send=send))
    await until(
        lambda: bool(seat.told("send")) and seat.told("send")[-1]["send"]["send"] == send.send
    )
    apart.worker.feed.announce(moved)
    await until(lambda: any(view["entry"]["id"] == entry.id for view in _views(seat)))
    (view,) = (view for view in _views(seat) if view["entry"]["id"] == entry.id)
    assert view["send"]["status"] == status.value
    await apart.one.idle()
    shown = [one["status"] for one in visitor.told("message") if one["id"] == entry.id]
    assert shown == ([status.value] if elsewhere else [])
    # In the usual order it is shown the same, and not again.
    apart.outbox.feed.announce(SendMoved(thread=thread, identity=phone.id, send=send))
    await apart.one.idle()
    assert len([one for one in visitor.told("message") if one["id"] == entry.id]) == len(shown)


# --- who does not read, what is rubbish ------------------------------------------------------


async def test_a_client_that_does_not_read_is_dropped_at_its_edge_alone(
    new_fanout: NewFanout,
) -> None:
    async with processes(new_fanout, backlog_bytes=65_536) as apart:
        reader = await apart.one.visitor()
        async with _deaf(apart.two, token=reader.token):
            live, room = apart.two.parts.live, f"visitor:{reader.told('welcome')[0]['visitor']}"
            await until(lambda: len(live.members("/chat", room)) == 1)
            emitter = FanoutEmitter(await new_fanout())
            for n in range(400):
                text: JsonValue = {"id": str(n), "text": "x" * 50_000, "author": "bot", "seq": 0}
                await emitter.emit("/chat", room, "message", text)
                await asyncio.sleep(0.002)
                if not live.members("/chat", room):
                    break
            await until(lambda: not live.members("/chat", room))
        assert "samtal_sockets_dropped_total 1.0" in _figures(apart.two)
        assert "samtal_sockets_dropped_total 0.0" in _figures(apart.one)
        assert (await reader.say("Jag är kvar", key="m1"))["ok"] is True
        ids = [one["id"] for one in reader.told("message") if one["id"].isdigit()]
        assert ids == [str(n) for n in range(len(ids))]  # in order, none missing


@contextlib.asynccontextmanager
async def _deaf(house: House, *, token: str) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as session:
        url = f"{house.base.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
        ws = await session.ws_connect(url, max_msg_size=0)
        await ws.receive()
        await ws.send_str('40/chat,{"token":"' + token + '"}')
        await house.idle()
        response = ws._response  # noqa: SLF001 - to stop reading
        transport = response.connection.transport  # type: ignore[union-attr]  # it is open
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        yield
        response.close()  # its socket's own good-bye would wait for an answer


def _figures(house: House) -> str:
    return house.parts.metrics.exposition().decode()


async def test_rubbish_on_the_fan_out_harms_nobody(new_fanout: NewFanout, apart: Processes) -> None:
    rubbish = (
        b"", b"\x80\x04pickle.", b"{", b"0123456789abcdef 1\n{", b"0123456789abcdef 2\n[]",
        b'0123456789abcdef 3\n{"namespace": "/chat"}', b'0123456789abcdef 4\n[{"kind":"missed"}]',
    )  # fmt: skip
    visitor = await apart.one.visitor()
    fanout = await new_fanout()
    for subject in ("feed", "sockets", "presence", "sessions"):
        for message in rubbish:
            await fanout.tell(subject, message)
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(visitor.texts("bot")))
    figures = _figures(apart.one)
    for subject in ("feed", "sockets", "presence", "sessions"):
        assert f'samtal_fanout_messages_total{{result="unread",subject="{subject}"}}' in figures
    assert visitor.client.connected


async def test_bytes_do_not_travel(apart: Processes) -> None:
    data: Any = {"picture": b"\x00"}
    with pytest.raises(TypeError, match="JSON"):
        await apart.one.parts.live.emit("/chat", "visitor:x", "message", data)


# --- when something may have been missed -----------------------------------------------------


async def test_after_something_was_missed_sockets_come_again_and_get_it(
    new_fanout: NewFanout,
) -> None:
    async with processes(new_fanout, resync_spread=0.2) as apart:
        quiet = Browser(apart.two.base, faithful=True)
        apart.two.clients.append(quiet)
        await quiet.connect({})
        await quiet.say("Hej", key="m1")
        await until(lambda: bool(quiet.texts("bot")))
        other = await apart.one.visitor(token=quiet.token)
        room = f"visitor:{quiet.told('welcome')[0]['visitor']}"
        for member in apart.two.parts.live.members("/chat", room):
            await apart.two.parts.live.leave("/chat", member, room)  # now it misses what comes
        await other.say("Hello", key="m2")
        await until(lambda: len(other.texts("bot")) == 2)
        await apart.one.idle()
        assert len(quiet.texts("bot")) == 1
        # Somebody's numbers have a hole: what was in it, nobody knows.
        fanout = await new_fanout()
        for number in (1, 3):
            await fanout.tell("feed", b"00000000000000aa %d\n[]" % number)
        await until(lambda: len(quiet.texts("bot")) == 2)
        assert quiet.shown() == other.shown()
        assert [text for text in quiet.shown() if text in {"Hej", "Hello"}] == ["Hej", "Hello"]
        assert len(quiet.shown()) == 4  # each once
        assert len(quiet.told("welcome")) == 2
        assert "samtal_sockets_resynced_total 1.0" in _figures(apart.two)


async def test_a_single_process_never_has_its_sockets_come_again(apart: Processes) -> None:
    visitor = await apart.one.visitor()
    for house in (apart.one, apart.two):
        assert "samtal_sockets_resynced_total 0.0" in _figures(house)
        assert 'result="missed"' not in _figures(house)
    assert visitor.client.connected


async def test_when_the_broker_goes_and_comes_back_nothing_is_lost(
    nats_server: NatsServer,
) -> None:
    async with (
        _nats(nats_server.url) as new_fanout,
        processes(new_fanout, resync_spread=0.1) as apart,
    ):
        here = Browser(apart.one.base, faithful=True)
        apart.one.clients.append(here)
        await here.connect({})
        there = Browser(apart.two.base, faithful=True)
        apart.two.clients.append(there)
        await there.connect({"token": here.token})
        await here.say("Hej", key="m1")
        await until_all((here, there), lambda tab: len(tab.texts()) == 2)
        await asyncio.to_thread(nats_server.kill)
        # What is written meanwhile is kept; its answer is tried again, as no edge can be told.
        await until(lambda: len(here.told("welcome")) > 1 and here.client.connected)
        assert (await _insistent(here, "Hello", key="m2"))["ok"] is True
        await apart.one.idle()
        await asyncio.to_thread(nats_server.start)
        await until_all((here, there), lambda tab: len(tab.shown()) == 4, seconds=20)
        assert here.shown() == there.shown()
        assert [one.item.text for one in apart.site.store.memory.sends.values()] == [
            text for text in here.shown() if text not in {"Hej", "Hello"}
        ]


async def _insistent(tab: Browser, text: str, *, key: str) -> dict[str, Any]:
    """Say it as our page does: again, under the same id, when the socket went in between."""
    while True:
        with contextlib.suppress(socketio.exceptions.SocketIOError):
            return await tab.say(text, key=key)
        await asyncio.sleep(0.05)


# --- leaving ---------------------------------------------------------------------------------


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_after_a_farewell_clients_go_to_another_edge_by_themselves(
    transports: list[str],
) -> None:
    async with (
        _local() as new_fanout,
        processes(new_fanout) as apart,
        _front(apart.one.base) as front,
    ):
        visitor = Browser(front.base, transports=transports, faithful=True)
        apart.two.clients.append(visitor)
        await visitor.connect({})
        await visitor.say("Hej", key="m1")
        await until(lambda: len(visitor.texts("bot")) == 1)
        shown = visitor.shown()
        front.target = apart.two.base
        started = asyncio.get_running_loop().time()
        await apart.one.parts.live.farewell()
        await until(lambda: len(visitor.told("replayed")) == 2)
        assert asyncio.get_running_loop().time() - started < 3
        assert visitor.shown() == shown
        assert (await visitor.say("Hello", key="m2"))["ok"] is True
        await until(lambda: len(visitor.texts("bot")) == 2)
        assert visitor.texts("customer") == ["Hej", "Hello"]
        url = f"{apart.one.base}/socket.io/?EIO=4&transport=polling"
        async with apart.one.http.get(url) as refused:
            assert refused.status == 503
            assert refused.headers["Retry-After"] == "1"


async def test_a_client_that_says_good_bye_is_not_kept_polling(apart: Processes) -> None:
    url = f"{apart.one.base}/socket.io/?EIO=4&transport=polling"
    async with apart.one.http.get(url) as opened:
        sid = (await opened.text()).split('"sid":"')[1].split('"')[0]
    poll = asyncio.create_task(_text(apart.one, f"{url}&sid={sid}"))
    await apart.one.idle()
    assert not poll.done()
    async with apart.one.http.post(f"{url}&sid={sid}", data=b"1") as closing:
        assert closing.status == 200
    assert await asyncio.wait_for(poll, 2) == (200, "6")  # Engine.IO's "nothing"


async def _text(house: House, url: str) -> tuple[int, str]:
    async with house.http.get(url) as got:
        return got.status, await got.text()


@pytest.mark.browser
async def test_our_own_page_goes_to_another_edge_too_and_shows_everything_once() -> None:
    async with (
        _local() as new_fanout,
        processes(new_fanout, trusted_proxies=["127.0.0.1/32"]) as apart,
        _front(apart.one.base) as front,
        browsing() as browser,
    ):
        page = await browser.new_page(locale="sv-SE")
        await page.goto(front.base)
        await page.get_by_role("button", name="Chatta med oss").last.click()
        await page.locator("#text").fill("Hej")
        await page.keyboard.press("Enter")
        log = page.get_by_role("log")
        await expect(log.locator(".bot .text")).to_have_count(1)
        front.target = apart.two.base
        await apart.one.parts.live.farewell()
        await page.locator("#text").fill("Hello")  # at once: it is kept until the socket is back
        await page.keyboard.press("Enter")
        await expect(log.locator(".bot .text")).to_have_count(2)
        await expect(log.locator(".customer .text")).to_have_text(["Hej", "Hello"])
        assert apart.two.parts.live.members("/chat", await _only_room(apart))


async def _only_room(apart: Processes) -> str:
    (row,) = await apart.site.store.threads()
    return f"visitor:{row.identities[0].address.user}"


class _Front:
    """Forwards connections to whichever server is the target when they come."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.base = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self.target.removeprefix("http://").split(":")
        back_reader, back_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pipe(reader, back_writer), _pipe(back_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def _front(target: str) -> AsyncIterator[_Front]:
    front = _Front(target)
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    front.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield front
    finally:
        server.close()
