"""The REST API: who gets in, what is refused and how it is said."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from yarl import URL

from bot.edge.auth import token_hash
from bot.errors import StoreError
from bot.model.channel import AttachmentType
from bot.model.listing import ThreadFilter
from bot.model.people import ApiToken, Role
from bot.model.record import Acceptance, RawRequest
from bot.model.thread import MessageIn
from tests.builders import START
from tests.edge.house import PASSWORD, House, first_thread, house, until

if TYPE_CHECKING:
    from tests.edge.house import Desk

API = "/api/v1"


async def _thread(server: House, text: str = "Hej") -> str:
    """A thread that a customer began by SMS."""
    await server.write("twilio_sms", "+46701234567", text)
    return await first_thread(server.store)


async def _offered(server: House) -> str:
    thread = await _thread(server, "Jag vill prata med en människa")

    async def waits() -> bool:
        return bool(await server.store.threads(ThreadFilter(owner="offered")))

    await until(waits)
    return thread


def _problem(found: dict[str, Any], slug: str) -> None:
    assert found["type"] == f"/problems/{slug}", found
    assert found["title"]


# --- logging in ------------------------------------------------------------------------------


async def test_logging_in_and_out(server: House) -> None:
    desk = await server.log_in("Anna")
    status, me = await desk.get("/session")
    assert (status, me["name"], me["role"], me["csrf"]) == (200, "Anna", "agent", desk.csrf)
    cookie = desk.http.cookie_jar.filter_cookies(URL(server.base))["samtal_session"]
    assert cookie.value == desk.cookie
    kept = list(server.store.memory.sessions.values())
    assert [one.token_hash for one in kept] == [token_hash(desk.cookie)]
    headers = {"X-CSRF-Token": desk.csrf}
    async with desk.http.delete(f"{server.base}{API}/session", headers=headers) as out:
        assert (out.status, await out.read()) == (204, b"")
    again = {"Cookie": f"samtal_session={desk.cookie}"}
    async with server.http.get(f"{server.base}{API}/session", headers=again) as gone:
        assert gone.status == 401
    assert server.store.memory.sessions == {}


@pytest.mark.parametrize("secure", [True, False])
async def test_the_cookie_is_kept_from_scripts(*, secure: bool) -> None:
    async with house(cookie_secure=secure) as server:
        agent = await server.agent()
        body = {"email": agent.email.upper(), "password": PASSWORD}
        async with server.http.post(f"{server.base}{API}/session", json=body) as got:
            cookie = got.headers["Set-Cookie"]
            assert got.headers["Cache-Control"] == "no-store"
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age=43200" in cookie
    assert ("Secure" in cookie) is secure


async def test_wrong_log_ins_all_sound_the_same(server: House) -> None:
    anna = await server.agent("Anna")
    gone = await server.agent("Gone")
    await server.store.put_agent(gone.model_copy(update={"active": False}))
    tries = [
        (anna.email, "wrong password"),
        ("nobody@example.com", PASSWORD),
        (gone.email, PASSWORD),
    ]
    answers = []
    for email, password in tries:
        body = {"email": email, "password": password}
        async with server.http.post(f"{server.base}{API}/session", json=body) as got:
            found = await got.json()
            assert "Set-Cookie" not in got.headers
            answers.append((got.status, found["type"], found["detail"]))
    assert set(answers) == {
        (401, "/problems/wrong-login", "E-mail and password do not fit together.")
    }
    assert server.store.memory.sessions == {}


async def test_guessing_is_stopped_by_e_mail_and_by_address() -> None:
    async with house(
        login_tries=3, client_login_tries=5, trusted_proxies=["127.0.0.0/8"]
    ) as server:
        anna = await server.agent("Anna")

        async def attempt(email: str, client: str, password: str = "wrong password") -> int:
            headers = {"X-Forwarded-For": client}
            body = {"email": email, "password": password}
            async with server.http.post(
                f"{server.base}{API}/session", json=body, headers=headers
            ) as got:
                return got.status

        assert [await attempt(anna.email, f"1.1.1.{n}") for n in range(4)] == [401, 401, 401, 429]
        assert await attempt(anna.email.upper(), "1.1.1.9", PASSWORD) == 429  # right, but too late
        statuses = [await attempt(f"{n}@example.com", "2.2.2.2") for n in range(6)]
        assert statuses == [401, 401, 401, 401, 401, 429]
        assert server.store.memory.sessions == {}


async def test_no_other_site_may_log_a_browser_in(server: House) -> None:
    agent = await server.agent()
    body = {"email": agent.email, "password": PASSWORD}
    headers = {"Origin": "https://evil.example.com"}
    async with server.http.post(f"{server.base}{API}/session", json=body, headers=headers) as got:
        assert got.status == 403
        assert "Set-Cookie" not in got.headers
    async with server.http.post(f"{server.base}{API}/session", data=body) as got:
        assert got.status == 415


# --- who may -------------------------------------------------------------------------------


async def test_changes_by_cookie_need_the_token_of_the_page(server: House) -> None:
    thread = await _offered(server)
    desk = await server.log_in()
    url = f"{server.base}{API}/threads/{thread}/accept"
    for headers in ({}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": "å"}):
        async with desk.http.post(url, headers=headers) as got:
            assert got.status == 403
            _problem(await got.json(), "csrf")
    foreign = {"X-CSRF-Token": desk.csrf, "Origin": "https://evil.example.com"}
    async with desk.http.post(url, headers=foreign) as got:
        assert got.status == 403
    assert (await desk.get(f"/threads/{thread}"))[1]["state"]["owner"]["kind"] == "offered"
    assert await desk.post(f"/threads/{thread}/accept") == (200, {"status": "done"})


async def test_a_machine_has_a_token_and_needs_no_csrf(server: House) -> None:
    thread = await _offered(server)
    await server.store.put_token(
        ApiToken(token_hash=token_hash("machine-token"), name="Export", role=Role.AGENT)
    )
    url = f"{server.base}{API}/threads/{thread}/note"
    for authorization, status in (
        ("Bearer machine-token", 200),
        ("bearer  machine-token", 200),
        ("Bearer wrong", 401),
        ("Bearer ", 401),
        ("Basic bWFjaGluZS10b2tlbjo=", 401),
    ):
        headers = {"Authorization": authorization}
        async with server.http.post(url, json={"text": "seen"}, headers=headers) as got:
            assert got.status == status, authorization
            assert "machine-token" not in await got.text()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (
            Role.AGENT,
            {
                "/threads",
                "/threads/counts",
                "/queues",
                "/search?q=x",
                "/replies?channel=webchat",
                "/channels",
                "/session",
            },
        ),
        (Role.AUTHOR, {"/gaps", "/channels", "/session"}),
        (
            Role.ADMIN,
            {
                "/threads",
                "/threads/counts",
                "/queues",
                "/search?q=x",
                "/replies?channel=webchat",
                "/gaps",
                "/channels",
                "/session",
                "/agents",
                "/dead-letters",
                "/channels/accounts",
            },
        ),
    ],
)
async def test_roles(server: House, role: Role, allowed: set[str]) -> None:
    desk = await server.log_in("Anna", role=role)
    everything = {
        "/threads",
        "/threads/counts",
        "/queues",
        "/search?q=x",
        "/replies?channel=webchat",
        "/gaps",
        "/channels",
        "/session",
        "/agents",
        "/dead-letters",
        "/channels/accounts",
    }
    for path in sorted(everything):
        status, found = await desk.get(path)
        assert status == (200 if path in allowed else 403), path
        if status == 403:
            _problem(found, "role")


@pytest.mark.parametrize(
    "path",
    [
        "/session",
        "/threads",
        "/threads/counts",
        "/queues",
        "/search?q=x",
        "/threads/x/entries",
        "/gaps",
        "/channels",
        "/agents",
    ],
)
async def test_nobody_gets_in_without_a_log_in(server: House, path: str) -> None:
    for headers in ({}, {"Cookie": "samtal_session=made-up"}):
        async with server.http.get(f"{server.base}{API}{path}", headers=headers) as got:
            assert got.status == 401
            _problem(await got.json(), "not-logged-in")


async def test_a_dismissed_agent_is_out_at_once(server: House) -> None:
    desk = await server.log_in("Anna")
    agent = await server.store.agent_by_email("anna@example.com")
    assert agent is not None
    await server.store.put_agent(agent.model_copy(update={"active": False}))
    assert (await desk.get("/threads"))[0] == 401


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        (b'{"text": "\xff"}', 400, None),
        (b'"text"', 422, "body"),
        (b"{}", 422, "body.text"),
        (b'{"text": ""}', 422, "body.text"),
        (b'{"text": 7}', 422, "body.text"),
        (b'{"text": "x", "bold": true}', 422, "body.bold"),
        (b'{"text": "\\ud800"}', 400, None),
        (b"[" * 5000, 400, None),
        (b"", 400, None),
        (b'{"text": "' + b"x" * 10_001 + b'"}', 422, "body.text"),
    ],
)
async def test_bodies_that_are_wrong_say_where(
    server: House, body: bytes, status: int, where: str | None
) -> None:
    thread = await _thread(server)
    desk = await server.log_in()
    headers = {"X-CSRF-Token": desk.csrf, "Content-Type": "application/json"}
    async with desk.http.post(
        f"{server.base}{API}/threads/{thread}/note", data=body, headers=headers
    ) as got:
        found = await got.json()
        assert (got.status, got.content_type) == (status, "application/problem+json"), found
    assert found["status"] == status
    assert found["instance"] == got.headers["X-Request-Id"]
    if where is not None:
        assert where in [one["where"] for one in found["errors"]]
    kinds = [entry.body.kind for entry in server.store.memory.entries]
    assert "note" not in kinds


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("limit=ten", "query.limit"),
        ("limit=5&limit=6", "query.limit"),
        ("owner=me", "query.owner"),
        ("agent=", "query.agent"),
        ("queue=a%20b", "query.queue"),
        ("phase=closed", "query.phase"),
        ("channel=SMS", "query.channel"),
        ("language=fi", "query.language"),
        ("order=oldest", "query.order"),
        ("cursor=", "query.cursor"),
        ("cursor=thr_9f86d081884c7d659a2feaa0", "query.cursor"),
        ("cursor=123456789012345678.thr_9f86d081884c7d659a2feaa0", "query.cursor"),
        ("colour=red", "query.colour"),
    ],
)
async def test_queries_that_are_wrong_say_where(server: House, query: str, where: str) -> None:
    desk = await server.log_in()
    status, found = await desk.get(f"/threads?{query}")
    assert status == 422
    assert [one["where"] for one in found["errors"]] == [where]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", f"{API}/nope", 404),
        ("PATCH", f"{API}/threads", 405),
        ("GET", f"{API}/threads/thr_nope", 404),
        ("GET", f"{API}/threads/{'x' * 65}", 422),
        ("GET", f"{API}/threads/%00/entries", 404),
    ],
)
async def test_what_is_not_there_is_a_problem(
    server: House, method: str, path: str, status: int
) -> None:
    desk = await server.log_in()
    headers = {"X-CSRF-Token": desk.csrf}
    async with desk.http.request(method, server.base + path, headers=headers) as got:
        assert (got.status, got.content_type) == (status, "application/problem+json")
        assert (await got.json())["status"] == status
        if status == 405:
            assert got.headers["Allow"] == "GET"


async def test_a_failing_store_is_not_explained_to_strangers(server: House) -> None:
    desk = await server.log_in()
    await server.idle()
    server.store.failing = StoreError("the disk is full at /secret/path")
    status, found = await desk.get("/threads")
    server.store.failing = None
    assert status == 503
    assert "secret" not in json.dumps(found)


# --- threads ---------------------------------------------------------------------------------


async def test_reading_threads_and_entries(server: House) -> None:
    thread = await _thread(server, "Hej 👋")
    await server.phone_shows("twilio_sms", "+46701234567", "Fjällbutiken")
    desk = await server.log_in()
    status, listed = await desk.get("/threads")
    assert (status, [row["state"]["thread"] for row in listed["threads"]]) == (200, [thread])
    assert listed["next"] is None
    assert (await desk.get("/threads?owner=agent"))[1] == {"threads": [], "next": None}
    _, found = await desk.get(f"/threads/{thread}/entries")
    entries = found["entries"]
    assert entries[0]["entry"]["body"]["text"] == "Hej 👋"
    assert entries[0]["address"]["channel"] == "twilio_sms"
    sequence = [view["entry"]["seq"] for view in entries]
    assert sequence == sorted(sequence)
    _, later = await desk.get(f"/threads/{thread}/entries?after={sequence[0]}&limit=1")
    assert [view["entry"]["seq"] for view in later["entries"]] == sequence[1:2]
    _, earlier = await desk.get(f"/threads/{thread}/entries?before={sequence[-1]}&limit=1")
    assert [view["entry"]["seq"] for view in earlier["entries"]] == sequence[-2:-1]


async def test_lists_are_filtered_ordered_and_paged(server: House) -> None:
    phones = [f"+4670123456{n}" for n in range(3)]
    for phone in phones:
        await server.write("twilio_sms", phone, "Jag vill prata med en människa")
    desk = await server.log_in("Anna")

    async def listed(query: str) -> tuple[list[str], str | None]:
        status, found = await desk.get(f"/threads?{query}")
        assert status == 200, found
        return [row["identities"][0]["address"]["user"] for row in found["threads"]], found["next"]

    async def all_wait() -> bool:
        return len((await listed("owner=offered"))[0]) == 3

    await until(all_wait)
    (_, rows) = await desk.get("/threads?owner=offered")
    queue = rows["threads"][0]["state"]["owner"]["queue"]
    language = rows["threads"][0]["state"]["language"]
    everybody = sorted(phones)
    wanted = f"queue={queue}&phase=open&channel=twilio_sms&language={language}"
    assert sorted((await listed(wanted))[0]) == everybody
    for query in ("channel=web", "phase=resolved", "owner=bot", f"agent=agt_x&queue={queue}"):
        assert await listed(query) == ([], None), query
    for query in (wanted, "order=waiting", f"order=waiting&queue={queue}", "owner=offered"):
        whole, _ = await listed(query)
        first, cursor = await listed(f"{query}&limit=2")
        second, end = await listed(f"{query}&limit=2&cursor={cursor}")
        assert (first + second, end) == (whole, None), query
    status, counts = await desk.get("/threads/counts")
    waiting = [{"queue": queue, "waiting": 3}]
    others = {"snoozed": 0, "bot": 0, "all": 3, "most": 100}
    assert (status, counts) == (
        200,
        {"mine": 0, "agents": 0, "waiting": 3, "queues": waiting, **others},
    )
    bo = await server.log_in("Bo")
    thread = rows["threads"][0]["state"]["thread"]
    assert (await bo.post(f"/threads/{thread}/accept"))[0] == 200
    waiting = [{"queue": queue, "waiting": 2}]
    held = {"agents": 1, "waiting": 2, "queues": waiting, **others}
    assert (await desk.get("/threads/counts"))[1] == {"mine": 0, **held}
    assert (await bo.get("/threads/counts"))[1] == {"mine": 1, **held}
    me = (await bo.get("/session"))[1]["id"]
    assert len((await listed(f"agent={me}"))[0]) == 1
    tomorrow = (server.parts.clock.now() + timedelta(days=1)).isoformat()
    assert (await bo.post(f"/threads/{thread}/snooze", {"until": tomorrow}))[0] == 200
    assert (await bo.get("/threads/counts"))[1] == {"mine": 1, **held, "snoozed": 1}


async def test_queues_are_those_of_the_settings_and_those_that_somebody_waits_in(
    server: House,
) -> None:
    thread = await _offered(server)
    desk = await server.log_in("Anna")
    assert await desk.get("/queues") == (200, {"queues": [{"queue": "support", "waiting": 1}]})
    assert (await desk.post(f"/threads/{thread}/accept"))[0] == 200
    transfer = {"queue": "vip", "note": "n"}
    assert (await desk.post(f"/threads/{thread}/transfer", transfer))[0] == 200
    server.hub.settings = server.hub.settings.model_copy(update={"queues": ("returns", "vip")})
    status, found = await desk.get("/queues")
    assert (status, [(one["queue"], one["waiting"]) for one in found["queues"]]) == (
        200,
        [("returns", 0), ("support", 0), ("vip", 1)],
    )


async def test_searching(server: House) -> None:
    thread = await _thread(server, "Hej 👋 var är min Räksmörgås, tack? " + "Och så vidare. " * 20)
    desk = await server.log_in("Anna")
    await desk.post(f"/threads/{thread}/note", {"text": "raksmorgasen är slut"})
    status, found = await desk.get("/search?q=RAKSMORG")
    assert status == 200
    assert [(hit["thread"], hit["entry"] is None) for hit in found["hits"]] == [(thread, False)] * 2
    assert (found["next"], found["loose"]) == (None, False)
    note, said = found["hits"]
    assert note["snippet"] == "raksmorgasen är slut"
    assert note["marks"] == [{"start": 0, "end": 12}]
    units = said["snippet"].encode("utf-16-le")
    (mark,) = said["marks"]
    assert units[2 * mark["start"] : 2 * mark["end"]].decode("utf-16-le") == "Räksmörgås"
    assert said["snippet"].startswith("Hej 👋 var är min")
    assert said["snippet"].endswith("…")
    _, entries = await desk.get(f"/threads/{thread}/entries?limit=500")
    (seq,) = [
        one["entry"]["seq"] for one in entries["entries"] if one["entry"]["id"] == said["entry"]
    ]
    assert (said["seq"], said["row"]["state"]["thread"]) == (seq, thread)
    _, first = await desk.get("/search?q=raksmorg&limit=1")
    _, second = await desk.get(f"/search?q=raksmorg&limit=1&cursor={first['next']}")
    assert first["hits"] + second["hits"] == found["hits"]
    assert second["next"] is None
    _, narrow = await desk.get("/search?q=raksmorg%20has:note%20channel:twilio_sms")
    assert narrow["hits"] == [note]
    _, typo = await desk.get("/search?q=raksmorgosen")
    assert (typo["loose"], [hit["snippet"] for hit in typo["hits"]]) == (True, [note["snippet"]])
    _, person = await desk.get("/search?q=%2B4670%20123%2045%2067")
    (hit,) = person["hits"]
    assert (hit["thread"], hit["entry"], hit["seq"], hit["at"]) == (thread, None, None, None)
    assert (hit["snippet"], hit["marks"]) == ("+46701234567", [{"start": 1, "end": 12}])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "%22",
        "%22%22%20%22",
        "%F0%9F%91%8B",
        "(",
        "NEAR(",
        "*",
        "a*b",
        "%00",
        "%FF",
        "x" * 4000,
        "-",
    ],
)
async def test_odd_searches_find_nothing_and_are_no_errors(server: House, query: str) -> None:
    await _thread(server, "Hej")
    desk = await server.log_in()
    status, found = await desk.get(f"/search?q={query}")
    assert (status, found) == (200, {"hits": [], "next": None, "loose": False})


@pytest.mark.parametrize(
    ("query", "where"),
    [("", "query.q"), ("q=x&limit=101", "query.limit"), ("q=x&cursor=7", "query.cursor")],
)
async def test_searches_that_are_wrong_say_where(server: House, query: str, where: str) -> None:
    desk = await server.log_in()
    status, found = await desk.get(f"/search?{query}")
    assert (status, [one["where"] for one in found["errors"]]) == (422, [where])


async def test_two_agents_at_once_and_the_second_hears_who_was_first(server: House) -> None:
    thread = await _offered(server)
    anna, bo = await server.log_in("Anna"), await server.log_in("Bo")
    answers = await asyncio.gather(
        anna.post(f"/threads/{thread}/accept"), bo.post(f"/threads/{thread}/accept")
    )
    statuses = sorted(status for status, _ in answers)
    assert statuses == [200, 409]
    loser = next(found for status, found in answers if status == 409)
    winner = "Anna" if answers[0][0] == 200 else "Bo"
    assert loser["winner"] == winner
    _problem(loser, "rejected")
    _, row = await anna.get(f"/threads/{thread}")
    assert row["state"]["owner"]["name"] == winner


async def test_what_agents_do(server: House) -> None:
    thread = await _offered(server)
    anna = await server.log_in("Anna")
    assert (await anna.post(f"/threads/{thread}/accept"))[0] == 200
    assert (await anna.post(f"/threads/{thread}/note", {"text": "VIP"}))[0] == 200
    transfer = {"queue": "returns", "note": "about a return"}
    assert (await anna.post(f"/threads/{thread}/transfer", transfer))[0] == 200
    assert (await _owner(anna, thread))["queue"] == "returns"
    assert (await anna.post(f"/threads/{thread}/accept"))[0] == 200
    assert (await anna.post(f"/threads/{thread}/resolve", {}))[0] == 200
    assert (await _owner(anna, thread))["kind"] == "bot"
    assert (await anna.post(f"/threads/{thread}/takeover"))[0] == 200
    assert (await _owner(anna, thread))["name"] == "Anna"
    assert (await anna.post(f"/threads/{thread}/hand-back", {"note": "done"}))[0] == 200
    assert (await _owner(anna, thread))["kind"] == "bot"
    _, found = await anna.get(f"/threads/{thread}/entries")
    notes = [view["entry"] for view in found["entries"] if view["entry"]["body"]["kind"] == "note"]
    assert [(note["body"]["text"], note["by"]["name"]) for note in notes] == [
        ("VIP", "Anna"),
        ("about a return", "Anna"),
    ]
    assert all(
        "VIP" not in one["text"] for one in await server.screen("twilio_sms", "+46701234567")
    )


async def test_a_reply_is_sent_once_however_often_it_is_asked_for(server: House) -> None:
    thread = await _offered(server)
    anna = await server.log_in("Anna")
    await anna.post(f"/threads/{thread}/accept")
    reply = {"text": "Hej från Anna", "client_id": "c-1"}
    answers = await asyncio.gather(
        *(anna.post(f"/threads/{thread}/reply", reply) for _ in range(3))
    )
    assert answers == [(200, {"status": "done"})] * 3
    await server.phone_shows("twilio_sms", "+46701234567", "Hej från Anna")
    await asyncio.sleep(0.1)
    shown = [one["text"] for one in await server.screen("twilio_sms", "+46701234567")]
    assert shown.count("Hej från Anna") == 1


async def test_a_note_is_kept_once_however_often_it_is_asked_for(server: House) -> None:
    thread = await _thread(server)
    anna, bo = await server.log_in("Anna"), await server.log_in("Bo")
    note = {"text": "VIP", "client_id": "c-1"}
    answers = await asyncio.gather(*(anna.post(f"/threads/{thread}/note", note) for _ in range(3)))
    assert answers == [(200, {"status": "done"})] * 3
    # A colleague's page may have come to the same id.
    assert (await bo.post(f"/threads/{thread}/note", note))[0] == 200
    _, found = await anna.get(f"/threads/{thread}/entries")
    notes = [view["entry"] for view in found["entries"] if view["entry"]["body"]["kind"] == "note"]
    assert [one["by"]["name"] for one in notes] == ["Anna", "Bo"]
    status, wrong = await anna.post(f"/threads/{thread}/note", {"text": "x", "client_id": "a b"})
    assert (status, wrong["errors"][0]["where"]) == (422, "body.client_id")


async def test_canned_replies_are_the_contents(server: House) -> None:
    thread = await _thread(server, "Hej")
    anna = await server.log_in("Anna")
    asked = f"/replies?channel=twilio_sms&language=sv&thread={thread}&q=N%C3%84R%20delivery.time"
    status, found = await anna.get(asked)
    (reply,) = found.pop("replies")
    assert (status, found) == (200, {"language": "sv"})
    assert reply.pop("variant").startswith("answers/answer.delivery.time/sms.sv@")
    assert reply == {
        "slot": "answer.delivery.time",
        "title": "När kommer det?",
        "text": "Varor i lager är framme inom 2 till 4 vardagar. Du får ett sms när paketet finns "
        "att hämta.",
    }
    for language in ("sv", "en"):
        _, found = await anna.get(f"/replies?channel=telegram&language={language}&thread={thread}")
        assert len(found["replies"]) > 20
        assert not [one for one in found["replies"] if "{" in one["title"] + one["text"]]
    assert (await anna.get("/replies?channel=telegram&thread=thr_nope"))[0] == 404
    for query, where in (
        ("language=sv", "query.channel"),
        ("channel=SMS", "query.channel"),
        ("channel=telegram&language=fi", "query.language"),
        (f"channel=telegram&q={'x' * 201}", "query.q"),
    ):
        status, wrong = await anna.get(f"/replies?{query}")
        assert (status, [one["where"] for one in wrong["errors"]]) == (422, [where])


async def test_a_draft_is_refused_when_a_colleague_has_replied_since(server: House) -> None:
    thread = await _offered(server)
    anna, bo = await server.log_in("Anna"), await server.log_in("Bo")
    _, found = await anna.get(f"/threads/{thread}/entries")
    seen = found["entries"][-1]["entry"]["seq"]
    assert (await bo.post(f"/threads/{thread}/reply", {"text": "Bo", "client_id": "b"}))[0] == 200
    assert (await bo.post(f"/threads/{thread}/hand-back", {}))[0] == 200
    draft = {"text": "Anna", "client_id": "a", "seen": seen}
    status, refused = await anna.post(f"/threads/{thread}/reply", draft)
    assert (status, refused["winner"]) == (409, "Bo")
    assert refused["detail"] == "a colleague has replied since: Bo"
    _problem(refused, "rejected")
    assert (await _owner(anna, thread))["kind"] == "bot"
    _, found = await anna.get(f"/threads/{thread}/entries?after={seen}")
    texts = [view["entry"]["body"].get("text") for view in found["entries"]]
    assert "Bo" in texts
    assert "Anna" not in texts
    status, wrong = await anna.post(f"/threads/{thread}/reply", {**draft, "seen": -1})
    assert (status, wrong["errors"][0]["where"]) == (422, "body.seen")


async def test_a_case_is_put_aside_and_taken_up(server: House) -> None:
    thread = await _offered(server)
    anna, bo = await server.log_in("Anna"), await server.log_in("Bo")
    await anna.post(f"/threads/{thread}/accept")
    until = server.parts.clock.now() + timedelta(days=1)
    wish = {"until": until.astimezone(timezone(timedelta(hours=2))).isoformat()}
    assert (await bo.post(f"/threads/{thread}/snooze", wish))[0] == 409
    assert await anna.post(f"/threads/{thread}/snooze", wish) == (200, {"status": "done"})
    episode = (await anna.get(f"/threads/{thread}"))[1]["state"]["episode"]
    assert (episode["phase"], episode["until"]) == (
        "snoozed",
        until.isoformat().replace("+00:00", "Z"),
    )
    assert await anna.post(f"/threads/{thread}/unsnooze") == (200, {"status": "done"})
    episode = (await anna.get(f"/threads/{thread}"))[1]["state"]["episode"]
    assert (episode["phase"], episode["until"]) == ("open", None)
    assert (await anna.post(f"/threads/{thread}/unsnooze"))[0] == 409


@pytest.mark.parametrize("away", [timedelta(0), timedelta(days=366)])
async def test_a_case_is_put_aside_for_a_year_at_most(server: House, away: timedelta) -> None:
    thread = await _offered(server)
    anna = await server.log_in("Anna")
    await anna.post(f"/threads/{thread}/accept")
    wish = {"until": (server.parts.clock.now() + away).isoformat()}
    status, found = await anna.post(f"/threads/{thread}/snooze", wish)
    assert (status, found["errors"][0]["where"]) == (422, "body.until")
    assert (await anna.post(f"/threads/{thread}/snooze", {"until": "2031-01-01T00:00:00"}))[
        0
    ] == 422
    episode = (await anna.get(f"/threads/{thread}"))[1]["state"]["episode"]
    assert episode["phase"] == "open"


async def _owner(desk: Desk, thread: str) -> dict[str, Any]:
    _, row = await desk.get(f"/threads/{thread}")
    owner: dict[str, Any] = row["state"]["owner"]
    return owner


# --- the rest --------------------------------------------------------------------------------


async def test_people_are_added_by_admins_and_can_log_in(server: House) -> None:
    boss = await server.log_in("Boss", role=Role.ADMIN)
    new = {"email": "cilla@example.com", "name": "Cilla", "role": "author", "password": PASSWORD}
    status, made = await boss.post("/agents", new)
    assert (status, made["name"], made["active"]) == (201, "Cilla", True)
    assert "password" not in json.dumps(made)
    assert (await boss.post("/agents", new))[0] == 409
    _, found = await boss.get("/agents")
    assert [one["name"] for one in found["agents"]] == ["Boss", "Cilla"]
    body = {"email": new["email"], "password": PASSWORD}
    async with server.http.post(f"{server.base}{API}/session", json=body) as got:
        assert got.status == 201
    short = {**new, "email": "d@example.com", "password": "too short"}
    status, refused = await boss.post("/agents", short)
    assert status == 422
    assert "too short" not in json.dumps(refused["errors"]).replace("Send a longer text.", "")
    agent = await server.log_in("Anna")
    assert (await agent.post("/agents", {**new, "email": "e@example.com"}))[0] == 403


async def test_channels_are_described_without_secrets(server: House) -> None:
    desk = await server.log_in()
    _, found = await desk.get("/channels")
    accounts = {one["channel"]: one for one in found["channels"]}
    assert set(accounts) == {"twilio_sms", "telegram", "messenger", "webchat"}
    assert accounts["twilio_sms"]["continuable"] is True
    assert accounts["webchat"]["continuable"] is False
    assert "token" not in json.dumps(found)


async def test_dead_letters_are_shown_to_admins(server: House) -> None:
    boss = await server.log_in("Boss", role=Role.ADMIN)
    raw = RawRequest(
        channel="telegram", account="demo", method="POST", url="https://x/", headers=(),
        body=b"\xff rubbish", at=START,
    )  # fmt: skip
    await server.store.accept(Acceptance(request=raw, unreadable="malformed: no JSON"))
    _, found = await boss.get("/dead-letters")
    letters = {one["reason"]: one for one in found["dead_letters"]}
    assert letters["malformed: no JSON"]["request"] == "\ufffd rubbish"
    assert letters["malformed: no JSON"]["channel"] == "telegram"


async def test_gaps_are_shown_to_authors(server: House) -> None:
    author = await server.log_in("Cilla", role=Role.AUTHOR)
    status, found = await author.get("/gaps?limit=5")
    assert (status, found) == (200, {"gaps": []})


async def test_an_attachment_is_a_download_and_nothing_else(server: House) -> None:
    desk = await server.log_in()
    update = {
        "update_id": 5,
        "message": {
            "message_id": 5,
            "date": 1_770_000_000,
            "from": {"id": 9, "is_bot": False, "first_name": "Bo"},
            "chat": {"id": 9, "type": "private", "first_name": "Bo"},
            "document": {"file_id": "F1", "file_unique_id": "u", "file_name": "kvitto\r\n<b>.html"},
        },
    }
    async with server.http.post(
        f"{server.base}/webhooks/telegram/demo",
        json=update,
        headers={"X-Telegram-Bot-Api-Secret-Token": "s"},
    ) as taken:
        assert taken.status == 200

    async def there() -> bool:
        return any(entry.body.kind == "message_in" for entry in server.store.memory.entries)

    await until(there)
    thread = await first_thread(server.store)
    entry = next(one for one in server.store.memory.entries if one.body.kind == "message_in")
    assert isinstance(entry.body, MessageIn)
    assert [one.type for one in entry.body.attachments] == [AttachmentType.FILE]
    path = f"{server.base}{API}/threads/{thread}/entries/{entry.seq}/attachments"
    async with desk.http.get(f"{path}/0") as got:
        assert (got.status, await got.read()) == (200, b"file")
        assert got.headers["Content-Type"] == "application/octet-stream"
        assert got.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''kvitto")
        assert "<" not in got.headers["Content-Disposition"]
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in got.headers["Content-Security-Policy"]
    for wrong in (f"{path}/1", path.replace(f"/{entry.seq}/", f"/{entry.seq + 900}/") + "/0"):
        async with desk.http.get(wrong) as got:
            assert got.status == 404
    async with server.http.get(f"{path}/0") as got:
        assert got.status == 401


async def test_the_document_describes_exactly_what_is_offered(server: House) -> None:
    async with server.http.get(f"{server.base}{API}/openapi.json") as got:
        document = await got.json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    offered = {
        (route.method, route.resource.canonical)
        for route in server.app.router.routes()
        if route.resource is not None
        and route.resource.canonical.startswith(API)
        and route.method != "HEAD"
        and not route.resource.canonical.endswith("openapi.json")
    }
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert described == offered
    reply = document["paths"][f"{API}/threads/{{thread}}/reply"]["post"]
    assert set(reply["responses"]) >= {"200", "401", "403", "404", "409", "422", "default"}
    assert reply["security"] == [{"session": [], "csrf": []}, {"bearer": []}]
    ids = [one["operationId"] for item in document["paths"].values() for one in item.values()]
    assert len(ids) == len(set(ids))
