"""As whom customers speak, over real HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.model.counts import ACTIVE, CardSeen, Cell, PersonaCounts, PersonaTally
from bot.model.people import Role

if TYPE_CHECKING:
    from tests.edge.house import Desk, House

USER = "77"


async def thread_of(server: House, desk: Desk) -> str:
    await server.write("telegram", USER, "pris")
    await server.idle()
    _, found = await desk.get("/threads")
    (row,) = found["threads"]
    thread: str = row["state"]["thread"]
    return thread


async def state(desk: Desk, thread: str) -> dict[str, Any]:
    _, row = await desk.get(f"/threads/{thread}")
    found: dict[str, Any] = row["state"]
    return found


async def test_personas_are_listed_with_their_names(server: House) -> None:
    desk = await server.log_in(role=Role.AUTHOR)
    status, found = await desk.get("/personas")
    assert (status, [one["key"] for one in found["personas"]]) == (
        200,
        ["private", "business", "parent"],
    )
    assert found["personas"][1] == {
        "key": "business",
        "names": {"sv": "Företag", "en": "Business"},
        "default": False,
        "organisation": True,
    }
    assert [one["default"] for one in found["personas"]] == [True, False, False]


async def test_the_card_of_a_persona(server: House) -> None:
    desk = await server.log_in(role=Role.AUTHOR)
    status, found = await desk.get("/personas/business")
    assert status == 200
    assert (found["key"], found["names"]["sv"], found["organisation"]) == (
        "business",
        "Företag",
        True,
    )
    assert found["card"]["sv"]["objectives"][0] == "ett pris som håller hela säsongen"
    assert len(found["version"]) == 16


async def test_what_was_counted_of_a_persona(server: House) -> None:
    desk = await server.log_in(role=Role.AUTHOR)
    now = server.parts.clock.now()
    cells = (Cell(key="research", count=18), Cell(key="loyalty", count=2))
    tally = PersonaTally(persona="business", ever=20, active=20, stages=cells)
    later = now + timedelta(hours=1)
    counts = PersonaCounts(at=later, since=now - ACTIVE, personas=(tally,))
    await server.store.put_persona_counts(counts)
    await server.store.see_cards([CardSeen(persona="business", version="old", at=now)])
    _, found = await desk.get("/personas/business")
    evidence = found["evidence"]
    assert (evidence["active"], evidence["ever"], evidence["compared_at"]) == (20, 20, None)
    assert [(one["key"], one["count"]) for one in evidence["stages"]] == [
        ("loyalty", None),
        ("research", None),
    ]
    status, _ = await desk.get("/personas/pirate")
    assert status == 404


async def test_an_agent_says_as_whom_the_customer_speaks(server: House) -> None:
    anna = await server.log_in("Anna")
    thread = await thread_of(server, anna)
    before = await state(anna, thread)
    assert (before["facet"], before["episode"]["facet"]) == ("private", "private")
    wish = {"facet": "business", "episode": before["episode"]["id"]}
    assert await anna.post(f"/threads/{thread}/facet", wish) == (200, {"status": "done"})
    assert await anna.post(f"/threads/{thread}/facet", wish) == (200, {"status": "done"})
    after = await state(anna, thread)
    assert (after["facet"], after["episode"]["facet"], after["episode"]["facet_by"]) == (
        "business",
        "business",
        "agent",
    )
    assert [facet["persona"] for facet in after["facets"]] == ["business", "private"]
    _, listed = await anna.get(f"/threads/{thread}/entries")
    changed = [
        view["entry"]
        for view in listed["entries"]
        if view["entry"]["body"]["kind"] == "facet_changed"
    ]
    assert [(one["by"]["name"], one["body"]["reason"]) for one in changed] == [("Anna", "agent")]


@pytest.mark.parametrize(
    ("wish", "status", "where"),
    [
        ({"facet": "stranger"}, 422, "body.facet"),
        ({"facet": ""}, 422, "body.facet"),
        ({}, 422, "body.facet"),
        ({"facet": "business", "episode": "epi_000000000000000000000000"}, 409, None),
    ],
)
async def test_what_cannot_be_set_is_refused(
    server: House, wish: dict[str, str], status: int, where: str | None
) -> None:
    anna = await server.log_in("Anna")
    thread = await thread_of(server, anna)
    before = await state(anna, thread)
    found, problem = await anna.post(f"/threads/{thread}/facet", wish)
    assert found == status
    if where:
        assert problem["errors"][0]["where"] == where
    after = await state(anna, thread)
    assert (after["facet"], after["episode"]) == (before["facet"], before["episode"])


async def test_only_people_at_the_desk_may_say_so(server: House) -> None:
    thread = await thread_of(server, await server.log_in("Anna"))
    author = await server.log_in("Cilla", role=Role.AUTHOR)
    assert (await author.post(f"/threads/{thread}/facet", {"facet": "business"}))[0] == 403
