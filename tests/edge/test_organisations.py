"""Organisations over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.model.people import Role

if TYPE_CHECKING:
    from tests.edge.house import Desk, House

PATH = "/organisations/556677-8899"


async def identity_of(server: House, desk: Desk, user: str, text: str) -> str:
    await server.write("telegram", user, text)
    await server.idle()
    _, found = await desk.get("/threads")
    identities = [one for row in found["threads"] for one in row["identities"]]
    return next(str(one["id"]) for one in identities if one["address"]["user"] == user)


async def test_people_are_added_and_the_deal_is_shown(server: House) -> None:
    anna = await server.log_in("Anna")
    first = await identity_of(server, anna, "77", "pris till firman")
    second = await identity_of(server, anna, "78", "hej")
    assert (await anna.get(PATH))[0] == 404
    wish: dict[str, Any] = {"identity": first, "name": "Firman AB", "client_id": "c1"}
    status, found = await anna.post(f"{PATH}/members", wish)
    assert (status, found["name"], len(found["members"])) == (200, "Firman AB", 1)
    wish = {"identity": second, "role": "decider", "client_id": "c2"}
    assert (await anna.post(f"{PATH}/members", wish))[0] == 200
    assert (await anna.post(f"{PATH}/members", wish))[0] == 200
    assert (await anna.post(f"{PATH}/members", {**wish, "role": "user"}))[0] == 409
    status, found = await anna.get(PATH)
    assert (status, found["key"], found["name"]) == (200, "556677-8899", "Firman AB")
    roles = {member["identities"][0]: member["roles"] for member in found["members"]}
    assert roles[first] == []
    assert [(held["role"], held["source"], held["inferred"]) for held in roles[second]] == [
        ("decider", "agent", False)
    ]
    assert "decider" not in found["missing_roles"]
    assert found["stage"] == "consider"


@pytest.mark.parametrize(
    ("wish", "status", "where"),
    [
        ({"role": "boss"}, 422, "body.role"),
        ({"client_id": ""}, 422, "body.client_id"),
        ({"identity": "idn_000000000000000000000000"}, 404, None),
        ({"extra": 1}, 422, "body.extra"),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_kept(
    server: House, wish: dict[str, object], status: int, where: str | None
) -> None:
    anna = await server.log_in("Anna")
    own = await identity_of(server, anna, "77", "hej")
    body = {"identity": own, "client_id": "c1", **wish}
    found, problem = await anna.post(f"{PATH}/members", body)
    assert found == status
    if where:
        assert problem["errors"][0]["where"] == where
    assert (await anna.get(PATH))[0] == 404


async def test_keys_and_people_are_checked(server: House) -> None:
    anna = await server.log_in("Anna")
    assert (await anna.get("/organisations/a%20b"))[0] == 422
    author = await server.log_in("Cilla", role=Role.AUTHOR)
    assert (await author.get(PATH))[0] == 403
