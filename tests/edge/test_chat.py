"""`/chat` over real Socket.IO: who visitors are, what is taken, what is shown, what is replayed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
import socketio

from bot.edge.sockets.tokens import VisitorTokens
from bot.errors import StoreError
from bot.model.channel import Address, ReceiptStatus
from bot.model.thread import SendStatus
from tests.edge.house import SECRET, Browser, House, first_thread, house, until, until_all

if TYPE_CHECKING:
    from tests.edge.house import Desk


def _address(browser: Browser) -> Address:
    user = str(browser.told("welcome")[0]["visitor"])
    return Address(channel="webchat", account="demo", user=user)


async def _refused(server: House, **auth: object) -> dict[str, object]:
    client = socketio.AsyncClient(reconnection=False)
    errors: list[dict[str, object]] = []
    client.on("connect_error", errors.append, namespace="/chat")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(server.base, namespaces=["/chat"], auth=auth, wait_timeout=2)
    await client.disconnect()
    problem = errors[0]["data"]
    assert isinstance(problem, dict)
    return problem


# --- who visitors are ------------------------------------------------------------------------


async def test_a_new_visitor_is_told_who_they_are(server: House) -> None:
    visitor = await server.visitor()
    welcome = visitor.told("welcome")[0]
    assert VisitorTokens(SECRET).visitor(welcome["token"], account="demo") == welcome["visitor"]
    assert welcome["state"] == {"owner": "bot"}
    assert {one["channel"] for one in welcome["channels"]} == {
        "twilio_sms",
        "telegram",
        "messenger",
    }
    assert welcome["text_limit"] == 4000
    assert visitor.told("replayed") == [{"seq": 0}]
    assert server.store.memory.identities == {}  # looking in leaves no trace


async def test_two_new_visitors_are_two(server: House) -> None:
    one, other = await server.visitor(), await server.visitor()
    assert one.token != other.token
    await one.say("Bara mitt", key="m1")
    await until(lambda: bool(one.texts("bot")))
    assert other.told("message") == []


@pytest.mark.parametrize("token", ["", "made-up", "a" * 22 + "." + "b" * 43, "x" * 200, 7])
async def test_a_token_that_is_not_ours_is_refused_and_not_taken_for_new(
    server: House, token: object
) -> None:
    problem = await _refused(server, token=token)
    assert problem["status"] in {401, 422}


async def test_a_visitors_id_with_anothers_signature_opens_nothing(server: House) -> None:
    anna, bo = await server.visitor(), await server.visitor()
    await anna.say("Hemligt", key="m1")
    await until(lambda: bool(anna.texts("customer")))
    mixed = f"{anna.token.split('.')[0]}.{bo.token.split('.')[1]}"
    problem = await _refused(server, token=mixed)
    assert problem["type"] == "/problems/visitor-token"


async def test_an_unknown_account_and_odd_fields_are_refused(server: House) -> None:
    assert (await _refused(server, account="nope"))["status"] == 404
    assert (await _refused(server, colour="red"))["status"] == 422
    assert (await _refused(server, last_seq=-1))["status"] == 422


async def test_a_page_of_another_site_needs_to_be_named() -> None:
    shop = "https://shop.example.com"
    async with house(embed_origins=[shop]) as server:
        for origin, status in ((shop, 200), ("https://evil.example.com", 403)):
            url = f"{server.base}/socket.io/?EIO=4&transport=polling"
            async with server.http.get(url, headers={"Origin": origin}) as got:
                assert got.status == status


# --- what is taken ---------------------------------------------------------------------------


async def test_a_message_is_acknowledged_once_it_is_kept(server: House) -> None:
    visitor = await server.visitor()
    assert await visitor.say("Hej 👋🏽 åäö", key="m1") == {"ok": True}
    bodies = [event.body for event in server.store.memory.events.values()]
    assert [(one.kind, getattr(one, "text", "")) for one in bodies] == [("inbound", "Hej 👋🏽 åäö")]


async def test_what_cannot_be_kept_is_not_acknowledged(server: House) -> None:
    visitor = await server.visitor()
    await server.idle()
    server.store.failing = StoreError("disk full at /secret")
    answer = await visitor.say("Hej", key="m1")
    server.store.failing = None
    assert (answer["ok"], answer["problem"]["status"]) == (False, 503)
    assert "secret" not in str(answer)
    assert await visitor.say("Hej", key="m1") == {"ok": True}
    assert len(server.store.memory.events) == 1


async def test_the_same_id_again_changes_nothing(server: House) -> None:
    visitor = await server.visitor()
    for _ in range(3):
        assert await visitor.say("Hej", key="m1") == {"ok": True}
    await until(lambda: bool(visitor.texts("bot")))
    await server.idle()
    assert visitor.texts("customer") == ["Hej"]
    assert len(visitor.texts("bot")) == 1
    other = await server.visitor()
    await other.say("Jag också", key="m1")  # another browser numbers its own
    await until(lambda: other.texts("customer") == ["Jag också"])


@pytest.mark.parametrize(
    ("event", "data", "status"),
    [
        ("message", {"id": "m1"}, 422),
        ("message", {"id": "m1", "text": ""}, 422),
        ("message", {"id": "m1", "text": "   "}, 422),
        ("message", {"id": "m1", "text": 7}, 422),
        ("message", {"id": "", "text": "x"}, 422),
        ("message", {"id": "m 1", "text": "x"}, 422),
        ("message", {"id": "m1", "text": "x", "visitor": "somebody else"}, 422),
        ("message", {"id": "m1", "text": "\ud800"}, 422),
        ("message", {"id": "m1", "text": "x" * 4001}, 413),
        ("message", "Hej", 422),
        ("message", ["Hej"], 422),
        ("message", None, 422),
        ("message", ("one", "two"), 422),
        ("press", {"id": "m1"}, 422),
        ("form", {"id": "m1", "fields": {}}, 422),
        ("continue", {"channel": "fax", "account": "demo"}, 404),
        ("continue", {"channel": "webchat", "account": "demo"}, 404),
        ("leave_queue", {}, 404),
        ("end", {"id": "e 1"}, 422),
        ("end", {"reason": "bored"}, 422),
        ("nonsense", {}, 404),
    ],
)
async def test_what_is_wrong_is_refused_with_a_reason(
    server: House, event: str, data: object, status: int
) -> None:
    visitor = await server.visitor()
    answer = await visitor.do(event, data)
    assert (answer["ok"], answer["problem"]["status"]) == (False, status)
    assert answer["problem"]["title"]
    kinds = [one.body.kind for one in server.store.memory.events.values()]
    assert "inbound" not in kinds
    assert (await visitor.say("Hej", key="after")) == {"ok": True}  # the connection lives on


async def test_too_many_events_have_to_wait() -> None:
    async with house(visitor_rate={"per_second": 0.1, "burst": 2}) as server:
        visitor = await server.visitor()
        answers = [await visitor.say("Hej", key=f"m{n}") for n in range(3)]
        assert [one["ok"] for one in answers] == [True, True, False]
        assert answers[2]["problem"]["status"] == 429
        other = await server.visitor()
        assert (await other.say("Hej", key="m1"))["ok"] is True
        assert len(server.store.memory.events) == 3


async def test_one_client_with_many_visitors_has_to_wait() -> None:
    async with house(socket_rate={"per_second": 0.1, "burst": 2}) as server:
        answers = []
        for _ in range(3):
            visitor = await server.visitor()
            answers.append((await visitor.say("Hej", key="m1"))["ok"])
        assert answers == [True, True, False]


async def test_too_many_connections_have_to_wait() -> None:
    async with house(connect_rate={"per_second": 0.1, "burst": 2}) as server:
        url = f"{server.base}/socket.io/?EIO=4&transport=polling"
        statuses = []
        for _ in range(3):
            async with server.http.get(url) as got:
                statuses.append(got.status)
        assert statuses == [200, 200, 429]


async def test_one_client_has_only_so_many_sockets_open() -> None:
    async with house(sockets_per_client=2) as server:
        url = f"{server.base.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
        async with server.http.ws_connect(url) as one, server.http.ws_connect(url) as two:
            await one.receive()
            await two.receive()
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await server.http.ws_connect(url)
            assert refused.value.status == 429
        await server.idle()
        async with server.http.ws_connect(url) as again:
            assert (await again.receive()).type is aiohttp.WSMsgType.TEXT


async def test_a_code_may_be_asked_for_before_anything_was_said() -> None:
    async with house(codes_an_hour=2) as server:
        visitor = await server.visitor()
        target = {"channel": "telegram", "account": "demo"}
        offer = await visitor.do("continue", target)
        assert offer["ok"] is True
        assert offer["deep_link"].endswith(offer["code"])
        assert offer["expires_at"]
        again = await visitor.do("continue", target)
        assert again["code"] != offer["code"]
        assert (await visitor.do("continue", target))["problem"]["status"] == 429
        await server.write("telegram", "77", again["code"])
        await visitor.hears(again["code"])


async def test_a_message_that_was_seen_is_read(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(visitor.texts("bot")))
    shown = next(one for one in visitor.told("message") if one["author"] == "bot")
    assert await visitor.do("read", {"entry": shown["id"]}) == {"ok": True}
    await server.idle()
    (state,) = await server.store.sends([shown["send"]])
    assert state.reached is ReceiptStatus.READ


async def test_only_messages_to_the_visitor_can_be_read_by_them(server: House) -> None:
    visitor, other = await server.visitor(), await server.visitor()
    await other.say("Hej", key="m1")
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(visitor.texts("bot")) and bool(other.texts("bot")))
    await server.idle()
    own = next(one for one in visitor.told("message") if one["author"] == "customer")
    theirs = next(one for one in other.told("message") if one["author"] == "bot")
    for entry in (own["id"], theirs["id"], "ent_unknown", "x" * 64):
        assert await visitor.do("read", {"entry": entry}) == {"ok": True}
    assert server.store.memory.receipts == []
    (state,) = await server.store.sends([theirs["send"]])
    assert state.reached is ReceiptStatus.SENT
    assert (await visitor.do("read", {"entry": "x" * 65}))["problem"]["status"] == 422


async def test_a_press_a_form_and_a_start_travel_too(server: House) -> None:
    visitor = await server.visitor()
    assert await visitor.do("started", {"id": "s1", "ref": "campaign"}) == {"ok": True}
    press = {"id": "p1", "payload": "intent:greet", "title": "Säg hej"}
    assert await visitor.do("press", press) == {"ok": True}
    form = {"id": "f1", "fields": {"order": "4711"}, "text": "Order 4711"}
    assert await visitor.do("form", form) == {"ok": True}
    await until(lambda: visitor.texts("customer") == ["Säg hej", "Order 4711"])
    kinds = [one.body.kind for one in server.store.memory.events.values()]
    assert kinds == ["started", "inbound", "inbound"]


async def test_compression_is_declined(server: House) -> None:
    """A compressor for each of thousands of sockets would take more than all the rest."""
    url = f"{server.base.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    async with server.http.ws_connect(url, compress=15) as ws:
        assert ws.compress == 0
        assert (await ws.receive_str()).startswith("0{")


async def test_rubbish_on_the_wire_ends_at_most_its_own_connection(server: House) -> None:
    url = f"{server.base.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
    for rubbish in ("x", "4", "42/chat,", '42/chat,["message"', "42/chat,{}", "45-", "9", "\0"):
        async with server.http.ws_connect(url) as ws:
            await ws.receive()
            await ws.send_str("40/chat,{}")
            await ws.send_str(rubbish)
            await ws.send_bytes(b"\x00\x01")
    async with server.http.ws_connect(url) as ws:
        await ws.receive()
        await ws.send_str("x" * 70_000)
        assert (await ws.receive()).type in {
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.ERROR,
        }
    visitor = await server.visitor()
    assert (await visitor.say("Hej", key="m1"))["ok"] is True


# --- what is replayed ------------------------------------------------------------------------


async def test_a_page_that_comes_back_gets_what_it_missed_and_nothing_twice(server: House) -> None:
    first = await server.visitor()
    await first.say("Hej", key="m1")
    await until(lambda: bool(first.texts("bot")))
    last = max(one["seq"] for one in first.told("message") if not one.get("aside"))
    seen = {one["id"] for one in first.told("message")}
    await first.close()

    other = await server.visitor(token=first.token)  # meanwhile, in another tab
    assert {one["id"] for one in other.told("message")} == seen
    await other.say("Hello", key="m2")
    await until(lambda: len(other.texts("bot")) == 2)

    back = await server.visitor(token=first.token, last_seq=last)
    missed = [one["id"] for one in back.told("message")]
    assert len(missed) == len(set(missed)) == 2
    assert not seen & set(missed)
    assert back.texts() == other.texts()[-2:]
    assert back.told("replayed")[0]["seq"] == max(one["seq"] for one in back.told("message"))


async def test_tabs_of_one_visitor_show_the_same(server: House) -> None:
    one = await server.visitor()
    two = await server.visitor(token=one.token)
    await one.say("Hej", key="m1")
    await until(lambda: bool(two.texts("bot")) and bool(two.texts("customer")))
    assert (await two.hears("Hej"))["external_id"] == "m1"
    await until(lambda: sorted(one.texts()) == sorted(two.texts()))


async def test_a_message_under_way_is_left_to_the_outbox(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(visitor.texts("bot")))
    sends = server.store.memory.sends
    row = next(iter(sends.values()))
    row.move(SendStatus.SENDING)
    back = await server.visitor(token=visitor.token)
    assert back.texts() == ["Hej"]
    held = back.told("replayed")[0]["seq"]
    assert held == next(one["seq"] for one in back.told("message"))  # not past what is missing
    row.move(SendStatus.SENT)
    again = await server.visitor(token=visitor.token, last_seq=held)
    assert again.texts() == visitor.texts("bot")


async def test_a_dropped_message_is_never_shown(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(visitor.texts("bot")))
    row = next(iter(server.store.memory.sends.values()))
    row.move(SendStatus.DROPPED)
    assert (await server.visitor(token=visitor.token)).texts() == ["Hej"]


async def test_history_of_another_channel_comes_with_the_link_and_not_before(
    server: House,
) -> None:
    await server.write("twilio_sms", "+46701234567", "Detta var före länken")
    visitor = await server.visitor()
    offer = await visitor.do("continue", {"channel": "twilio_sms", "account": "demo"})
    await visitor.hears(await server.bring("+46701234567", offer["code"]))
    assert offer["code"] not in visitor.texts()
    await server.write("twilio_sms", "+46701234567", "Detta var efter")
    await visitor.hears("Detta var efter")
    assert not any("före" in text for text in visitor.texts())
    back = await server.visitor(token=visitor.token)
    assert not any("före" in text for text in back.texts())
    assert any("efter" in text for text in back.texts())


# --- who reads and who does not --------------------------------------------------------------


async def test_a_client_that_does_not_read_is_dropped_and_others_are_not() -> None:
    async with house(backlog_bytes=65_536) as server:
        reader = await server.visitor()
        deaf = aiohttp.ClientSession()
        url = f"{server.base.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket"
        ws = await deaf.ws_connect(url, max_msg_size=0)
        await ws.receive()
        await ws.send_str('40/chat,{"token":"' + reader.token + '"}')
        await server.idle()
        response = ws._response  # noqa: SLF001 - to stop reading
        transport = response.connection.transport  # type: ignore[union-attr]  # it is open
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        room = f"visitor:{_address(reader).user}"
        live = server.parts.live
        for n in range(400):
            await live.emit("/chat", room, "message", {"id": str(n), "text": "x" * 50_000})
            await asyncio.sleep(0)
            if len(live.members("/chat", room)) == 1:
                break
            await asyncio.sleep(0.005)
        await until(lambda: len(live.members("/chat", room)) == 1)
        figures = server.parts.metrics.exposition().decode()
        assert "samtal_sockets_dropped_total 1.0" in figures
        assert (await reader.say("Jag är kvar", key="m1"))["ok"] is True
        response.close()  # its socket's own good-bye would wait for an answer
        await deaf.close()


async def test_an_agent_who_types_is_seen_typing(server: House) -> None:
    visitor = await server.visitor()
    await visitor.do("ask_human", {"id": "h1", "text": "Människa"})
    await until(lambda: bool(visitor.told("owner")))
    desk: Desk = await server.log_in("Anna")
    seat = await server.seat(desk)
    thread = await first_thread(server.store)
    await seat.do("watch", {"thread": thread})
    assert (await seat.do("typing", {"thread": thread}))["ok"] is True
    await until(lambda: visitor.told("typing") == [{"name": "Anna"}])
    await visitor.do("typing", {})
    await until(lambda: bool(seat.told("typing")))
    assert seat.told("typing")[0]["who"] == "customer"


async def test_what_is_replayed_says_its_language_its_cards_and_what_it_asks_for(
    server: House,
) -> None:
    visitor = await server.visitor(language="en")
    for key, intent in (("p1", "product.advice.tent"), ("p2", "return.start")):
        await visitor.do("press", {"id": key, "payload": f"intent:{intent}", "title": "?"})
    asked = await visitor.hears("order number")
    advice = await visitor.hears("tunnel tent")
    again = await server.visitor(token=visitor.token)
    replayed = {one["id"]: one for one in again.told("message")}
    assert [one["language"] for one in (asked, advice)] == ["en", "en"]
    assert [card["title"] for card in advice["cards"]] == ["Abisko 2", "Sarek 3"]
    assert asked["question"]["label"] == "Order number"
    for live in (asked, advice):
        known = replayed[live["id"]]
        for name in ("language", "cards", "question"):
            assert known.get(name) == live.get(name)
    assert {
        one.get("language") for one in again.told("message") if one["author"] == "customer"
    } == {None}


async def test_leaving_the_queue(server: House) -> None:
    visitor = await server.visitor()
    await visitor.do("ask_human", {"id": "h1"})
    await until(
        lambda: bool(visitor.told("owner")) and visitor.told("owner")[-1]["owner"] == "waiting"
    )
    assert await visitor.do("leave_queue", {}) == {"ok": True}
    await until(lambda: visitor.told("owner")[-1]["owner"] == "bot")


async def test_who_waits_is_told_the_place_in_the_queue_and_when_it_changes(
    server: House,
) -> None:
    visitors = [await server.visitor() for _ in range(3)]
    first, second, third = visitors
    for n, visitor in enumerate(visitors, 1):
        await visitor.do("ask_human", {"id": "h1"})
        await until_all([visitor], lambda one: bool(one.told("owner")))
        told = {"owner": "waiting", "queue": "support", "place": n}
        assert visitor.told("owner") == [told]
    again = await server.visitor(token=third.token)
    assert again.told("welcome")[0]["state"] == {"owner": "waiting", "queue": "support", "place": 3}
    desk: Desk = await server.log_in("Anna")
    thread = (await server.store.queue("support", most=1))[0]
    assert (await desk.post(f"/threads/{thread}/accept"))[0] == 200
    await second.do("leave_queue", {})
    await until_all(
        (third, again),
        lambda tab: bool(tab.told("owner")) and tab.told("owner")[-1]["place"] == 1,
    )
    assert first.told("owner")[-1] == {"owner": "agent", "name": "Anna"}
    assert second.told("owner")[-1] == {"owner": "bot"}
    before = [len(visitor.told("owner")) for visitor in visitors]
    stranger = await server.visitor()
    await stranger.do("ask_human", {"id": "h1"})
    await until(lambda: bool(stranger.told("owner")))
    assert stranger.told("owner")[-1]["place"] == 2
    await asyncio.sleep(2.5)  # what moved behind them is not told to those before
    assert [len(visitor.told("owner")) for visitor in visitors] == before


async def test_ending_the_conversation_releases_the_agent(server: House) -> None:
    visitor = await server.visitor()
    await visitor.do("ask_human", {"id": "h1"})
    await until(lambda: bool(visitor.told("owner")))
    desk: Desk = await server.log_in("Anna")
    thread = await first_thread(server.store)
    assert (await desk.post(f"/threads/{thread}/accept"))[0] == 200
    await until(lambda: visitor.told("owner")[-1]["owner"] == "agent")
    for _ in range(2):
        assert await visitor.do("end", {"id": "e1"}) == {"ok": True}
    await until(lambda: visitor.told("owner")[-1]["owner"] == "bot")
    _, found = await desk.get(f"/threads/{thread}/entries")
    ended = [
        (view["entry"]["body"]["kind"], view["entry"]["by"]["kind"])
        for view in found["entries"]
        if view["entry"]["body"].get("reason") == "customer_ended"
    ]
    assert ended == [("episode_changed", "customer"), ("owner_changed", "customer")]
    _, row = await desk.get(f"/threads/{thread}")
    assert row["state"]["episode"]["phase"] == "resolved"


async def test_ending_what_has_not_begun_leaves_nothing(server: House) -> None:
    visitor = await server.visitor()
    assert await visitor.do("end", {}) == {"ok": True}
    assert server.store.memory.events == {}
    assert server.store.memory.identities == {}


async def test_the_welcome_says_what_the_page_needs_to_know() -> None:
    always = ["mon-sun 00:00-24:00"]
    async with house(site_name="Butiken", file_bytes=4096, opening_hours=always) as server:
        visitor = await server.visitor()
        (welcome,) = visitor.told("welcome")
        assert (welcome["site_name"], welcome["file_bytes"]) == ("Butiken", 4096)
        assert welcome["file_types"][:2] == ["image/png", "image/jpeg"]
        assert welcome["hours"] == {"open": True}


async def test_where_no_hours_are_configured_none_are_told(server: House) -> None:
    visitor = await server.visitor()
    assert "hours" not in visitor.told("welcome")[0]
