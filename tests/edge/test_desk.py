"""`/desk` over real Socket.IO: who may sit there, and what they are shown."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import socketio

from bot.edge.auth import token_hash
from bot.model.listing import ThreadFilter
from bot.model.people import Role
from tests.edge.house import House, Seat, first_thread, house, until

if TYPE_CHECKING:
    from tests.edge.house import Desk


async def _offered(server: House) -> str:
    await server.write("twilio_sms", "+46701234567", "Jag vill prata med en människa")

    async def waits() -> bool:
        return bool(await server.store.threads(ThreadFilter(owner="offered")))

    await until(waits)
    return await first_thread(server.store)


@pytest.mark.parametrize("why", ["no cookie", "wrong cookie", "an author", "another site"])
async def test_only_agents_sit_at_the_desk(server: House, why: str) -> None:
    desk: Desk = await server.log_in(
        "Cilla", role=Role.AUTHOR if why == "an author" else Role.AGENT
    )
    cookie = {"no cookie": "", "wrong cookie": "made-up"}.get(why, desk.cookie)
    headers = {"Origin": "https://shop.example.com"} if why == "another site" else {}
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Seat(server.base).connect(cookie, **headers)


async def test_agents_see_what_moves(server: House) -> None:
    desk = await server.log_in("Anna")
    seat = await server.seat(desk)
    thread = await _offered(server)
    await until(
        lambda: any(
            one["row"]["state"]["owner"]["kind"] == "offered" for one in seat.told("thread")
        )
    )
    assert seat.told("entries") == []  # nobody watches it yet
    watched = await seat.do("watch", {"thread": thread})
    texts = [view["entry"]["body"].get("text") for view in watched["entries"]]
    assert "Jag vill prata med en människa" in texts
    last = watched["entries"][-1]["entry"]["seq"]
    await server.write("twilio_sms", "+46701234567", "Hallå?")
    await until(lambda: any(
        view["entry"]["body"].get("text") == "Hallå?"
        for told in seat.told("entries") for view in told["entries"]
    ))  # fmt: skip
    assert all(told["thread"] == thread for told in seat.told("entries"))
    again = await seat.do("watch", {"thread": thread, "after": last})
    assert again["entries"][0]["entry"]["body"]["text"] == "Hallå?"
    await seat.do("unwatch", {"thread": thread})
    count = len(seat.told("entries"))
    await server.write("twilio_sms", "+46701234567", "Hallå igen?")
    await until(lambda: seat.told("thread")[-1]["row"]["state"]["last_text"] == "Hallå igen?")
    assert len(seat.told("entries")) == count


async def test_agents_see_each_other(server: House) -> None:
    thread = await _offered(server)
    anna = await server.seat(await server.log_in("Anna"))
    bo = await server.seat(await server.log_in("Bo"))
    await anna.do("watch", {"thread": thread})
    await bo.do("watch", {"thread": thread})
    await until(lambda: _names(anna) == ["Anna", "Bo"])
    await anna.do("typing", {"thread": thread})
    await until(lambda: [one["name"] for one in bo.told("typing")] == ["Anna"])
    assert anna.told("typing") == []
    await bo.close()
    await until(lambda: _names(anna) == ["Anna"])


def _names(seat: Seat) -> list[str]:
    return sorted(agent["name"] for agent in seat.told("viewing")[-1]["agents"])


async def test_whoever_watches_a_thread_follows_it_into_another(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(visitor.texts("bot")))
    await server.write("twilio_sms", "+46701234567", "Hej från telefonen")

    async def two() -> bool:
        return len(await server.store.threads()) == 2

    await until(two)
    seat = await server.seat(await server.log_in("Anna"))
    for row in await server.store.threads():
        await seat.do("watch", {"thread": row.state.thread})
    offer = await visitor.do("continue", {"channel": "twilio_sms", "account": "demo"})
    await server.bring("+46701234567", offer["code"])
    await until(lambda: any("absorbed" in one for one in seat.told("thread")))
    (moved,) = (one for one in seat.told("thread") if "absorbed" in one)
    into = moved["row"]["state"]["thread"]
    assert moved["absorbed"] != into
    await server.write("twilio_sms", "+46701234567", "Nu är vi en")
    await until(lambda: any(
        told["thread"] == into and told["entries"][0]["entry"]["body"].get("text") == "Nu är vi en"
        for told in seat.told("entries")
    ))  # fmt: skip


async def test_logging_out_ends_the_seat_of_who_only_listens(server: House) -> None:
    desk = await server.log_in("Anna")
    seat, other = await server.seat(desk), await server.seat(await server.log_in("Bo"))
    async with desk.http.delete(
        f"{server.base}/api/v1/session", headers={"X-CSRF-Token": desk.csrf}
    ) as out:
        assert out.status == 204
    await until(lambda: "/desk" not in seat.client.namespaces)
    await _offered(server)
    await until(lambda: bool(other.told("thread")))
    assert seat.told("thread") == []


async def test_a_session_that_ended_elsewhere_ends_the_seat_at_its_next_act(server: House) -> None:
    thread = await _offered(server)
    desk = await server.log_in("Anna")
    seat = await server.seat(desk)
    await server.store.end_session(token_hash(desk.cookie))
    answer = await seat.do("watch", {"thread": thread})
    assert (answer["ok"], answer["problem"]["status"]) == (False, 401)
    await until(lambda: "/desk" not in seat.client.namespaces)


async def test_a_session_that_ran_out_hears_nothing_more() -> None:
    async with house(session_lifetime=timedelta(seconds=1)) as server:
        seat = await server.seat(await server.log_in("Anna"))
        await asyncio.sleep(1.1)
        await _offered(server)
        await until(lambda: "/desk" not in seat.client.namespaces)
        assert seat.told("thread") == []


@pytest.mark.parametrize(
    ("event", "data", "status"),
    [
        ("watch", {}, 422),
        ("watch", {"thread": "thr_nope"}, 404),
        ("watch", {"thread": "x", "after": -1}, 422),
        ("typing", {"thread": "thr_nope"}, 404),
        ("unwatch", "x", 422),
        ("shout", {}, 404),
    ],
)
async def test_what_is_wrong_is_refused(
    server: House, event: str, data: object, status: int
) -> None:
    seat = await server.seat(await server.log_in("Anna"))
    answer = await seat.do(event, data)
    assert (answer["ok"], answer["problem"]["status"]) == (False, status)
