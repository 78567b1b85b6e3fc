"""A CRM on the loopback that tells of every change, ours too: cards follow, and nothing loops."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import SecretStr

from bot.crms.plain import PlainCrm
from bot.crms.settings import CrmField, CrmSettings
from bot.hub.settings import HubSettings
from bot.hub.telling import login_address
from bot.model.crm import PushCounts, Rule
from bot.model.sending import HttpCall, Reply
from tests.edge.house import House, house, until
from tests.edge.test_customers import card
from tests.edge.test_facts import Teller, teller
from tests.fakes.memory import Memory
from tests.played_crm import SECRET, PlayedCrm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from tests.edge.house import Desk

NUMBER = "4711"
LOGIN = login_address("shop", NUMBER)


class Crm:
    """The CRM's server, and the webhooks that it fires."""

    def __init__(self) -> None:
        self.played = PlayedCrm(NUMBER)
        self.played.told = self._fire
        self.results: list[str] = []
        self.url = ""
        self.teller: Teller | None = None
        self._fired: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Be there; again at the same place as before."""
        app = web.Application()
        app.router.add_route("*", "/api/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}/api"

    async def stop(self) -> None:
        """Be away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def told(self) -> None:
        """All that was fired has been answered."""
        while self._fired:
            await asyncio.gather(*self._fired)

    async def _answer(self, request: web.Request) -> web.Response:
        result = self.played(
            HttpCall(
                method=request.method,
                url=str(request.url),
                headers=tuple(request.headers.items()),
                body=await request.read(),
            )
        )
        assert isinstance(result, Reply)
        return web.Response(status=result.status, body=result.body)

    def _fire(self, customer: str, field: str, value: str, when: datetime) -> None:
        task = asyncio.get_running_loop().create_task(self._tell(customer, value, when))
        self._fired.add(task)
        task.add_done_callback(self._fired.discard)

    async def _tell(self, customer: str, value: str, when: datetime) -> None:
        assert self.teller is not None
        (result,) = await self.teller.tell(
            {
                "source": "crm",
                "id": f"{customer} {value} {when.isoformat()}",
                "kind": "tier_changed",
                "version": 1,
                "at": when.isoformat(),
                "subject": {"realm": "shop", "sub": customer},
                "data": {"programme": "klubben", "tier": value},
            }
        )
        self.results.append(result["status"])


@asynccontextmanager
async def crm_there() -> AsyncIterator[Crm]:
    crm = Crm()
    await crm.start()
    try:
        yield crm
    finally:
        await crm.told()
        await crm.stop()


@asynccontextmanager
async def ours(crm: Crm, memory: Memory, rule: Rule = Rule.NEWEST) -> AsyncIterator[House]:
    settings = CrmSettings(
        url=crm.url,
        secret=SecretStr(SECRET),
        source="crm",
        realm="shop",
        pull_every=timedelta(seconds=1),
        fields={"tier": CrmField(theirs="level", values={"guld": "GOLD"}, rule=rule)},
    )
    hub = HubSettings(programme="klubben")
    async with house(memory=memory, crm=PlainCrm(settings), hub_settings=hub) as server:
        crm.teller = await teller(server)
        yield server
        await crm.told()


async def changed_there(crm: Crm, value: str) -> str:
    """Somebody there changes the tier; what became of its webhook."""
    crm.played.change(NUMBER, "level", value)
    await crm.told()
    return crm.results[-1]


async def correct(desk: Desk, value: str, key: str) -> None:
    url = f"{desk.base}/api/v1/customers/{LOGIN.identity}/fields/tier"
    body = {"value": value, "client_id": key}
    async with desk.http.put(url, json=body, headers={"X-CSRF-Token": desk.csrf}) as response:
        assert (response.status, await response.json()) == (200, {"status": "done"})


async def tier(desk: Desk) -> dict[str, Any]:
    profile = (await card(desk, LOGIN.identity))["profile"]
    (best,) = [one["best"] for one in profile if one["key"] == "tier"]
    found: dict[str, Any] = best
    return found


async def test_changed_there_is_on_the_card_and_changed_here_is_one_patch() -> None:
    memory = Memory()
    async with crm_there() as crm, ours(crm, memory) as server:
        desk = await server.log_in("Anna")
        assert await changed_there(crm, "GOLD") == "taken"
        assert (await tier(desk))["told"]["value"] == "guld"
        assert await changed_there(crm, "brons") == "taken"
        assert (await tier(desk))["told"]["value"] == "brons"
        assert crm.played.patches == []
        await correct(desk, "guld", "c1")
        await until(lambda: len(crm.results) == 3)
        assert crm.results[-1] == "echo"
        assert crm.played.patches == [(NUMBER, {"level": "GOLD"})]
        asked = len(crm.played.asked)
        # It goes on asking, and nothing comes of it.
        await until(lambda: len(crm.played.asked) >= asked + 3)
        assert crm.played.patches == [(NUMBER, {"level": "GOLD"})]
        assert crm.results == ["taken", "taken", "echo"]
        best = await tier(desk)
        assert (best["told"]["value"], best["told"]["by"], best["others"]) == ("guld", "Anna", [])
        assert (await card(desk, LOGIN.identity))["pushes"] == []
        facts = await server.store.facts([LOGIN.identity])
        assert [fact.source for fact in facts] == ["crm", "agent", "crm", "crm"]


async def test_away_for_a_while_and_a_restart_of_ours_meanwhile() -> None:
    memory = Memory()
    async with crm_there() as crm:
        async with ours(crm, memory) as server:
            await changed_there(crm, "brons")
            desk = await server.log_in("Anna")
            await crm.stop()
            await correct(desk, "guld", "c1")

            async def waits() -> bool:
                (push,) = (await card(desk, LOGIN.identity))["pushes"]
                return push["status"] == "waiting" and "cannot connect" in push["reason"]

            await until(waits)
            assert (await tier(desk))["told"]["value"] == "guld"
        async with ours(crm, memory) as server:
            await crm.start()
            await until(lambda: crm.played.patches == [(NUMBER, {"level": "GOLD"})])
            await until(lambda: crm.results == ["taken", "echo"])
        async with ours(crm, memory) as server:
            asked = len(crm.played.asked)
            await until(lambda: len(crm.played.asked) > asked)
            assert len(crm.played.patches) == 1
            assert await server.store.count_pushes() == PushCounts(waiting=0, failed=0)


async def test_what_they_refuse_is_shown_and_not_repeated() -> None:
    async with crm_there() as crm, ours(crm, Memory()) as server:
        desk = await server.log_in("Anna")
        await changed_there(crm, "brons")

        def is_refused() -> bool:
            return any(call.method == "PATCH" for call in crm.played.asked)

        crm.played.refusing = True
        await correct(desk, "platina", "c1")
        await until(is_refused)

        async def is_shown() -> bool:
            (push,) = (await card(desk, LOGIN.identity))["pushes"]
            return bool(push["status"] == "failed")

        await until(is_shown)
        (push,) = (await card(desk, LOGIN.identity))["pushes"]
        assert (push["crm"], push["field"], push["reason"]) == ("crm", "tier", "400: no such level")
        asked = len(crm.played.asked)
        await until(lambda: len(crm.played.asked) >= asked + 2)
        assert [call.method for call in crm.played.asked].count("PATCH") == 1
        async with server.http.get(f"{server.base}/metrics") as response:
            figures = await response.text()
        assert 'samtal_crm_pushes_total{status="failed"} 1.0' in figures
        assert "samtal_crm_failed 1.0" in figures


async def test_their_rule_wins_over_what_waits() -> None:
    async with crm_there() as crm, ours(crm, Memory(), Rule.THEIRS) as server:
        desk = await server.log_in("Anna")
        await changed_there(crm, "brons")
        crm.played.answers = [Reply(status=503)] * 50
        await correct(desk, "guld", "c1")
        assert await changed_there(crm, "silver") == "taken"
        crm.played.answers = []
        best = await tier(desk)
        assert (best["told"]["value"], best["others"][0]["overruled"]) == ("silver", True)
        asked = len(crm.played.asked)
        await until(lambda: len(crm.played.asked) >= asked + 2)
        assert crm.played.patches == []
