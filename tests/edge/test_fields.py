"""What agents write into profiles: their word, shown by the rule, or refused with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from bot.hub.correcting import CHANGED, NO_PROGRAMME, VERIFIED
from bot.hub.settings import HubSettings
from bot.model.fact import Attribute, AttributeKey, TierChanged
from bot.model.people import Role
from tests.builders import fact
from tests.edge.house import House, house
from tests.edge.test_customers import LOGIN, PHONE, card, known, wrote

if TYPE_CHECKING:
    from bot.model.fact import Fact
    from tests.edge.house import Desk

HERE = PHONE.home_thread


@pytest.fixture
async def server() -> AsyncIterator[House]:
    async with house(hub_settings=HubSettings(vip_tiers=("guld",))) as running:
        yield running


async def correct(desk: Desk, field: str, value: object, **more: object) -> tuple[int, Any]:
    body = {"value": value, "client_id": "c1", **more}
    url = f"{desk.base}/api/v1/customers/{HERE}/fields/{field}"
    async with desk.http.put(url, json=body, headers={"X-CSRF-Token": desk.csrf}) as response:
        return response.status, await response.json()


async def shown(desk: Desk, field: str) -> dict[str, Any] | None:
    found = {one["key"]: one["best"] for one in (await card(desk, HERE))["profile"]}
    best: dict[str, Any] | None = found.get(field)
    return best


def told(key: AttributeKey, value: str, *, when: float = 0, verified: bool = False) -> Fact:
    body = Attribute(key=key, value=value, verified=verified)
    return fact(PHONE, f"{key}{value}", when=when, body=body).model_copy(update={"source": "crm"})


async def test_a_field_that_nobody_told_is_filled_in(server: House) -> None:
    await wrote(server, PHONE)
    desk = await server.log_in("Anna")
    assert await shown(desk, "email") is None
    assert await correct(desk, "email", " Anna@MAIL.se ", seen="") == (200, {"status": "done"})
    best = await shown(desk, "email")
    assert best is not None
    said = best["told"]
    assert (said["value"], said["source"], said["by"]) == ("Anna@mail.se", "agent", "Anna")
    assert (said["identity"], said["verified"], best["others"]) == (PHONE.identity, False, [])
    (kept,) = await server.store.facts([PHONE.identity], kinds=["attribute"])
    assert (kept.source, kept.by.name if kept.by else None) == ("agent", "Anna")


async def test_a_word_is_said_once_and_in_one_form(server: House) -> None:
    await wrote(server, PHONE)
    desk = await server.log_in("Anna")
    assert (await correct(desk, "phone", "070-174 06 05"))[0] == 200
    assert (await correct(desk, "phone", "070-174 06 06"))[0] == 200  # the same client_id
    assert (await correct(desk, "language", "SV", client_id="c2"))[0] == 200
    assert (await correct(desk, "language", "sv", client_id="c3"))[0] == 200
    facts = await server.store.facts([PHONE.identity], kinds=["attribute"])
    assert sorted(one.body.value for one in facts if isinstance(one.body, Attribute)) == [
        "+46701740605",
        "sv",
    ]


async def test_a_correction_sticks_but_for_what_is_verified(server: House) -> None:
    await wrote(server, PHONE)
    desk = await server.log_in("Anna")
    await known(server, told(AttributeKey.NAME, "Ana"))
    assert (await correct(desk, "name", "Anna", seen="Ana"))[0] == 200
    await known(server, told(AttributeKey.NAME, "Annette", when=10**9))
    best = await shown(desk, "name")
    assert best is not None
    assert (best["told"]["value"], [one["value"] for one in best["others"]]) == (
        "Anna",
        ["Annette"],
    )
    sure = told(AttributeKey.NAME, "Anna-Lisa", when=-9, verified=True)
    await known(server, sure.model_copy(update={"source": "bank"}))
    best = await shown(desk, "name")
    assert best is not None
    assert best["told"]["value"] == "Anna-Lisa"


async def test_what_is_verified_is_not_corrected_here(server: House) -> None:
    await wrote(server, PHONE)
    desk = await server.log_in("Anna")
    await known(server, told(AttributeKey.EMAIL, "a@mail.se", verified=True))
    status, problem = await correct(desk, "email", "b@mail.se", seen="a@mail.se")
    assert (status, problem["detail"], problem["present"]) == (409, VERIFIED, "a@mail.se")
    assert len(await server.store.facts([PHONE.identity], kinds=["attribute"])) == 1


async def test_who_is_late_hears_what_the_field_holds(server: House) -> None:
    await wrote(server, PHONE)
    anna, bo = await server.log_in("Anna"), await server.log_in("Bo")
    assert (await correct(anna, "city", "Umeå", seen=""))[0] == 200
    status, problem = await correct(bo, "city", "Luleå", seen="")
    assert (status, problem["detail"], problem["present"]) == (409, CHANGED, "Umeå")
    assert (await correct(bo, "city", "Luleå", seen="umeå", client_id="c2"))[0] == 200
    best = await shown(anna, "city")
    assert best is not None
    assert (best["told"]["value"], best["told"]["by"]) == ("Luleå", "Bo")


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("email", "anna", "body.value"),
        ("phone", "12", "body.value"),
        ("birthday", "1984-13-01", "body.value"),
        ("name", " ", "body.value"),
        ("name", 7, "body.value"),
        ("shoes", "42", "path.field"),
    ],
)
async def test_what_a_field_cannot_hold_is_refused(
    server: House, field: str, value: object, where: str
) -> None:
    await wrote(server, PHONE)
    desk = await server.log_in("Anna")
    status, problem = await correct(desk, field, value)
    assert status == 422
    assert all(one["where"].startswith(where) for one in problem["errors"]), problem
    assert await server.store.facts([PHONE.identity], kinds=["attribute"]) == []


async def test_a_tier_is_of_the_programme_that_is_known(server: House) -> None:
    await wrote(server, PHONE)
    desk = await server.log_in("Anna")
    status, problem = await correct(desk, "tier", "Silver")
    assert (status, problem["detail"]) == (409, NO_PROGRAMME)
    await known(server, fact(PHONE, "t", body=TierChanged(programme="klubben", tier="Guld")))
    assert (await correct(desk, "tier", "Silver", seen="Guld", client_id="c2"))[0] == 200
    best = await shown(desk, "tier")
    assert best is not None
    assert (best["told"]["value"], [one["value"] for one in best["others"]]) == ("Silver", ["Guld"])
    newest = (await server.store.facts([PHONE.identity], kinds=["tier_changed"]))[0]
    assert newest.body == TierChanged(programme="klubben", tier="Silver")
    # Nobody makes a customer easy to link by a word about their tier.
    assert (await card(desk, HERE))["vip"] is True


async def test_who_may_not_and_who_is_unknown(server: House) -> None:
    await wrote(server, PHONE)
    author = await server.log_in("Ada", role=Role.AUTHOR)
    assert (await correct(author, "name", "Åsa"))[0] == 403
    desk = await server.log_in("Anna")
    url = f"{desk.base}/api/v1/customers/{LOGIN.identity}/fields/name"
    body = {"value": "Åsa", "client_id": "c1"}
    async with desk.http.put(url, json=body, headers={"X-CSRF-Token": desk.csrf}) as response:
        assert response.status == 404
    async with desk.http.put(url, json=body) as response:
        assert response.status == 403
