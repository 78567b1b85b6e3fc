"""Visits over `/chat`: what is kept of a page that was seen, for whom, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.errors import StoreError
from bot.model.channel import Address
from bot.model.fact import Fact, FactKind, TrafficSource, Visited
from tests.edge.house import Browser, House, house, until

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)
SHOP = "https://shop.example.com"
PHONE = Address(channel="twilio_sms", account="demo", user="+46701740605")
# The one kind of facts looked at.
SEEN: tuple[FactKind, ...] = ("visited",)


async def browser_of(
    server: House, *, origin: str | None = None, headers: Mapping[str, str] | None = None
) -> Browser:
    given = {"User-Agent": AGENT, **(headers or {})}
    found = Browser(server.base, headers=given if origin is None else given | {"Origin": origin})
    server.clients.append(found)
    await found.connect({})
    return found


def address_of(browser: Browser) -> Address:
    user = str(browser.told("welcome")[0]["visitor"])
    return Address(channel="webchat", account="demo", user=user)


async def visits(server: House, *whose: Browser | Address) -> list[Fact]:
    addresses = [one if isinstance(one, Address) else address_of(one) for one in whose]
    return await server.store.facts([one.identity for one in addresses], limit=1000)


def seen(server: House, path: str = "/", *, key: str = "v1", **more: str) -> dict[str, str]:
    return {"id": key, "url": f"{server.base}{path}", **more}


async def test_of_a_page_what_is_meant_to_be_kept_is_kept() -> None:
    async with house(embed_origins=[SHOP], place_header="CF-IPCountry") as server:
        browser = await browser_of(server, origin=SHOP, headers={"CF-IPCountry": "se"})
        query = "utm_medium=cpc&utm_campaign=v%C3%A5r&mail=anna@example.com"
        ack = await browser.do(
            "visit",
            {
                "id": "v1",
                "url": f"{SHOP}/t%C3%A4lt?{query}#x",
                "title": "Tält",
                "referrer": "https://www.google.com/search?q=anna+andersson",
                "time_zone": "Europe/Stockholm",
            },
        )
        assert ack == {"ok": True, "kept": True}
        (found,) = await visits(server, browser)
        assert found.body == Visited(
            page="shop.example.com/t%C3%A4lt",
            title="Tält",
            source=TrafficSource.PAID,
            referrer="www.google.com",
            campaign="vår",
            device="phone/chrome",
            time_zone="Europe/Stockholm",
            place="SE",
        )
        assert found.source == "webchat"
        whole = str(vars(server.store.memory))
        for secret in ("anna@example.com", "anna+andersson", "Android"):
            assert secret not in whole


async def test_a_visit_is_kept_once(server: House) -> None:
    browser = await browser_of(server)
    for _ in range(2):
        assert (await browser.do("visit", seen(server)))["ok"]
    assert len(await visits(server, browser)) == 1


async def test_who_has_not_written_gets_an_identity_and_no_conversation(server: House) -> None:
    desk = await server.log_in()
    seat = await server.seat(desk)
    browser = await browser_of(server)
    assert server.store.memory.identities == {}
    for number in range(3):
        await browser.do("visit", seen(server, f"/{number}", key=f"v{number}"))
    await until(lambda: not server.store.memory.waiting())
    assert list(server.store.memory.identities) == [address_of(browser).identity]
    kinds = [event.body.kind for event in server.store.memory.events.values()]
    assert kinds == ["visitor_seen"]
    assert server.store.memory.entries == []
    assert browser.told("message") == []
    assert seat.told("thread") == []
    assert (await desk.get("/threads"))[1]["threads"] == []
    pages = [
        one.body.page for one in await visits(server, browser) if isinstance(one.body, Visited)
    ]
    assert [page.rpartition("/")[2] for page in pages] == ["2", "1", "0"]


async def test_visits_join_the_customer_on_proof_and_nobody_elses_do(server: House) -> None:
    anna, other = await browser_of(server), await browser_of(server)
    for number in range(5):
        await anna.do("visit", seen(server, f"/{number}", key=f"v{number}"))
    await other.do("visit", seen(server, "/other"))
    await anna.say("Hej", key="m1")
    await until(lambda: bool(anna.texts("bot")))
    await server.write("twilio_sms", PHONE.user, "Hej")
    await server.phone_shows("twilio_sms", PHONE.user, "")

    async def known() -> list[Fact]:
        row = await server.hub.desk.thread(PHONE.home_thread)
        own = [one.id for one in row.identities]
        return await server.hub.knowing.facts(own, kinds=SEEN)

    assert await known() == []
    offer = await anna.do("continue", {"channel": "twilio_sms", "account": "demo"})
    await server.bring(PHONE.user, offer["code"])

    async def joined() -> bool:
        return len(await known()) > 0

    await until(joined)
    facts = await known()
    assert len(facts) == 5
    assert {one.identity for one in facts} == {address_of(anna).identity}
    assert await visits(server, PHONE) == []
    assert len(await visits(server, other)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://shop.example.com.evil.example/",
        "http://shop.example.com/",
        "https://shop.example.com:444/",
        "javascript:alert(1)",
        "/tents",
        "https://[x",
    ],
)
async def test_pages_of_other_sites_are_refused(url: str) -> None:
    async with house(embed_origins=[SHOP, "https://other.example"]) as server:
        browser = await browser_of(server, origin=SHOP)
        ack = await browser.do("visit", {"id": "v1", "url": url})
        assert (ack["ok"], ack["problem"]["errors"][0]["where"]) == (False, "event.url")
        # Nor does it count as a page of another site that carries the chat.
        ack = await browser.do("visit", {"id": "v2", "url": "https://other.example/"})
        assert ack["ok"] is False
        assert server.store.memory.facts == {}
        assert server.store.memory.identities == {}
        assert (await browser.do("visit", {"id": "v3", "url": f"{SHOP}/"}))["kept"] is True


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"url": ""}, "event.url"),
        ({"url": "https://a.example/" + "x" * 5000}, "event.url"),
        ({"id": "a b"}, "event.id"),
        ({"time_zone": "Europe/Stockholm; drop"}, "event.time_zone"),
        ({"title": "x" * 1001}, "event.title"),
        ({"more": "x"}, "event.more"),
    ],
)
async def test_wrong_fields_are_refused(server: House, changed: dict[str, str], where: str) -> None:
    browser = await browser_of(server)
    ack = await browser.do("visit", {**seen(server), **changed})
    assert (ack["ok"], ack["problem"]["errors"][0]["where"]) == (False, where)
    assert server.store.memory.facts == {}


@pytest.mark.parametrize("place", ["T1X", "<b>", "Sweden", ""])
async def test_a_place_that_is_none_is_not_kept(place: str) -> None:
    async with house(place_header="X-Place") as server:
        browser = await browser_of(server, headers={"X-Place": place})
        await browser.do("visit", seen(server))
        (found,) = await visits(server, browser)
        assert isinstance(found.body, Visited)
        assert found.body.place is None


async def test_a_place_is_only_taken_from_the_header_that_is_named(server: House) -> None:
    browser = await browser_of(server, headers={"CF-IPCountry": "SE"})
    await browser.do("visit", seen(server))
    (found,) = await visits(server, browser)
    assert isinstance(found.body, Visited)
    assert found.body.place is None


@pytest.mark.parametrize(("a_day", "kept"), [(0, 0), (2, 2)])
async def test_so_many_are_kept_a_day(a_day: int, kept: int) -> None:
    async with house(visits_a_day=a_day) as server:
        browser = await browser_of(server)
        acks: list[dict[str, Any]] = [
            await browser.do("visit", seen(server, f"/{n}", key=f"v{n}")) for n in range(4)
        ]
        assert [ack["kept"] for ack in acks] == [n < kept for n in range(4)]
        assert len(await visits(server, browser)) == kept
        assert len(server.store.memory.identities) == (1 if kept else 0)


async def test_too_many_at_once_are_refused() -> None:
    async with house(visitor_rate={"per_second": 0.01, "burst": 2}) as server:
        browser = await browser_of(server)
        acks = [await browser.do("visit", seen(server, key=f"v{n}")) for n in range(3)]
        assert [ack["ok"] for ack in acks] == [True, True, False]
        assert acks[2]["problem"]["status"] == 429
        assert len(await visits(server, browser)) == 2


async def test_a_store_that_fails_keeps_nothing_and_says_so(server: House) -> None:
    browser = await browser_of(server)
    server.store.failing = StoreError("the disk is full")
    ack = await browser.do("visit", seen(server))
    server.store.failing = None
    assert (ack["ok"], ack["problem"]["status"]) == (False, 503)
    assert server.store.memory.facts == {}
