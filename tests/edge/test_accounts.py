"""Accounts by the API, and their check, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.hub.checking import probe_answer
from bot.model.people import Role
from tests.edge.house import SECRET, Desk, House, house

if TYPE_CHECKING:
    from pydantic import JsonValue

PATH = "/channels/telegram/extra"
SETTINGS = {"bot_token": "1:t", "secret_token": "s", "bot_username": "ExtraBot"}


async def ask(
    server: House, desk: Desk, method: str, path: str, body: object = None
) -> tuple[int, Any]:
    headers = {"X-CSRF-Token": desk.csrf}
    url = f"{server.base}/api/v1{path}"
    async with desk.http.request(method, url, json=body, headers=headers) as response:
        told = None if response.status == 204 else await response.json()
        return response.status, told


async def test_an_account_is_made_used_and_taken_away(server: House) -> None:
    admin = await server.log_in("Ada", role=Role.ADMIN)
    status, made = await ask(server, admin, "PUT", PATH, {"settings": SETTINGS})
    assert (status, made["version"], made["by"]) == (200, 1, "Ada")
    assert made["secrets"] == {"bot_token": True, "secret_token": True}
    assert "1:t" not in str(made)
    hook = f"{server.base}/webhooks/telegram/extra"
    proof = {"X-Telegram-Bot-Api-Secret-Token": "s"}
    async with server.http.post(hook, json={"update_id": 1}, headers=proof) as response:
        assert response.status == 200
    _, listed = await admin.get("/channels/accounts")
    sources = {(one["channel"], one["account"]): one["source"] for one in listed["accounts"]}
    assert sources["telegram", "extra"] == "api"
    assert sources["telegram", "demo"] == "file"
    status, told = await ask(server, admin, "PUT", PATH, {"settings": {**SETTINGS, "rate": 1.0}})
    assert (status, told["present"]) == (409, "1")
    status, _ = await ask(server, admin, "DELETE", f"{PATH}?seen=1")
    assert status == 204
    async with server.http.post(hook, json={"update_id": 2}, headers=proof) as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (PATH, {"settings": {"bot_tokn": "1:t"}}, 422, "bot_token"),
        (PATH, {"settings": {"bot_token": "1:t"}}, 422, "secret_token"),
        (PATH, {"settings": SETTINGS, "seen": -1}, 422, "body.seen"),
        ("/channels/pigeon/extra", {"settings": {}}, 422, "no such channel"),
        ("/channels/telegram/Extra", {"settings": SETTINGS}, 422, "path.account"),
        ("/channels/telegram/demo", {"settings": SETTINGS}, 409, "configuration file"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    server: House, path: str, body: JsonValue, status: int, said: str
) -> None:
    admin = await server.log_in("Ada", role=Role.ADMIN)
    found, told = await ask(server, admin, "PUT", path, body)
    assert found == status
    assert said in str(told)
    assert await server.store.accounts() == []


async def test_only_administrators_see_and_change_accounts(server: House) -> None:
    agent = await server.log_in()
    for method, path in (
        ("GET", "/channels/accounts"),
        ("PUT", PATH),
        ("DELETE", f"{PATH}?seen=1"),
        ("POST", "/channels/telegram/demo/check"),
    ):
        status, _ = await ask(server, agent, method, path, {"settings": SETTINGS})
        assert status == 403, (method, path)
    assert await server.store.accounts() == []


# --- the check -------------------------------------------------------------------------------


async def checked(server: House, account: str) -> dict[str, tuple[str, str]]:
    admin = await server.log_in("Ada", role=Role.ADMIN)
    status, found = await ask(server, admin, "POST", f"/channels/{account}/check")
    assert status == 200, found
    return {one["topic"]: (one["verdict"], one["what"]) for one in found["findings"]}


async def test_a_sound_account_and_a_public_url_without_https(server: House) -> None:
    assert await server.write("telegram", "4711", "hej") == 200
    found = await checked(server, "telegram/demo")
    assert found["credentials"] == ("right", "the provider takes them")
    assert found["webhooks"][0] == "right"
    assert found["public_url"][0] == "wrong"
    assert "is not https" in found["public_url"][1]


async def test_the_played_provider_is_asked_of_sms_too(server: House) -> None:
    assert (await checked(server, "twilio_sms/demo"))["credentials"][0] == "right"
    assert (await checked(server, "webchat/demo"))["credentials"][0] == "unknown"


async def test_a_token_that_is_refused_is_said_without_the_token(server: House) -> None:
    admin = await server.log_in("Ada", role=Role.ADMIN)
    base = f"{server.base}/sandbox/telegram/demo"
    wrong = {**SETTINGS, "bot_token": "9:stolen", "api_base": base}
    assert (await ask(server, admin, "PUT", PATH, {"settings": wrong}))[0] == 200
    found = await checked(server, "telegram/extra")
    assert found["credentials"][0] == "wrong"
    assert "Unauthorized" in found["credentials"][1]
    assert "9:stolen" not in str(found)
    _, listed = await admin.get("/channels")
    (health,) = [one["health"] for one in listed["channels"] if one["account"] == "extra"]
    assert [one["problem"] for one in health["reasons"]] == ["token_refused"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "had no signature"),
        ({"X-Twilio-Signature": "AAAA"}, "not of the account's secret"),
        (
            {
                "X-Twilio-Signature": "AAAA",
                "X-Forwarded-Host": "old.example",
                "X-Forwarded-Proto": "https",
            },
            "called at https://old.example",
        ),
    ],
)
async def test_why_webhooks_are_refused(server: House, headers: dict[str, str], said: str) -> None:
    url = f"{server.base}/webhooks/twilio_sms/demo"
    async with server.http.post(url, data={"From": "+46701234567"}, headers=headers) as response:
        assert response.status == 403
    verdict, what = (await checked(server, "twilio_sms/demo"))["webhooks"]
    assert verdict == "wrong"
    assert said in what


async def test_a_check_of_nothing_is_none(server: House) -> None:
    admin = await server.log_in("Ada", role=Role.ADMIN)
    status, _ = await ask(server, admin, "POST", f"{PATH}/check")
    assert status == 404


async def test_the_public_url_leads_here_or_not(server: House) -> None:
    async with server.http.get(f"{server.base}/probe/{'ab' * 16}") as response:
        assert await response.text() == probe_answer(SECRET, "ab" * 16)
    async with server.http.get(f"{server.base}/probe/short") as response:
        assert response.status == 404


async def test_an_unreachable_and_a_private_public_url() -> None:
    async with house(public="https://127.0.0.1:1") as server:
        found = await checked(server, "telegram/demo")
        assert found["public_url"][0] == "wrong"
        assert "not a public address" in found["public_url"][1]
