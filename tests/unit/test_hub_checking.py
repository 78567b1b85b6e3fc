"""Checks of accounts: the public URL as it answers, seen from here; and the doctor's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.doctor import examine
from bot.embedded.database import Database
from bot.hub.checking import probe_answer
from bot.hub.signs import Signs
from bot.model.health import CheckFinding, CheckVerdict, Sign
from bot.model.sending import CallResult, HttpCall, Reply, Unreached
from bot.stores.sqlite import SqliteStore
from channels import webchat
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.hubs import PUBLIC, HubKit, hub_kit


async def public_url(kit: HubKit, url: str = PUBLIC) -> CheckFinding:
    channel = kit.channels["webchat", "demo"]
    return (await kit.hub.checks.check(channel, public_url=url)).findings[0]


async def test_the_public_url_leads_here() -> None:
    asked: list[HttpCall] = []
    async with hub_kit(working=False) as kit:
        secret = kit.hub.checks._secret  # noqa: SLF001 - what the edge answers with

        def here(call: HttpCall) -> CallResult:
            asked.append(call)
            answer = probe_answer(secret, call.url.rpartition("/")[2])
            return Reply(status=200, body=answer.encode())

        kit.wire.elsewhere = here
        found = await public_url(kit)
    assert (found.verdict, found.what) == (CheckVerdict.RIGHT, f"{PUBLIC} leads here")
    (call,) = asked
    assert call.guarded
    assert call.url.startswith(f"{PUBLIC}/probe/")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Reply(status=200, body=b"welcome to our shop"), "something else answers"),
        (Reply(status=404), "with 404"),
        (Unreached(reason="no such name"), "cannot be reached from here: no such name"),
    ],
)
async def test_somebody_else_or_nobody_answers_there(answer: CallResult, said: str) -> None:
    async with hub_kit(working=False) as kit:
        kit.wire.elsewhere = lambda _: answer
        found = await public_url(kit)
    assert found.verdict is CheckVerdict.WRONG
    assert said in found.what
    assert "edge.public_base_url" in found.mend


async def test_what_is_not_https_is_not_even_called() -> None:
    async with hub_kit(working=False) as kit:
        found = await public_url(kit, "http://hub.example.com")
        assert found.verdict is CheckVerdict.WRONG
        assert kit.wire.calls == []


async def test_the_doctor_tells_how_accounts_fare_and_checks_them(tmp_path: Path) -> None:
    path = tmp_path / "samtal.db"
    settings = Settings.model_validate(
        {
            "store": {"path": path},
            "secret": "the secret of this test",
            "channels": {"webchat": {"site": {}}},
        }
    )
    lines = await examine(settings, check=True)
    assert not [line for line in lines if line.startswith("channel webchat/site")]
    assert "checks: nothing to look at before the first start" in lines
    store = SqliteStore(Database.open(path))
    channel = webchat.Adapter(webchat.Settings(), account="site", public_base_url=PUBLIC)
    signs = Signs(store=store, clock=FakeClock())
    signs.note(channel, Sign.TOKEN, detail="it said no")
    await signs.write()
    await store.close()
    lines = await examine(settings, check=True)
    at = lines.index("channel webchat/site: failing, last message in never, last message out never")
    assert lines[at + 1].startswith(
        "  failing: the provider refuses our credentials (it said no). Make a new token"
    )
    found = lines.index("check webchat/site:")
    assert "public_url wrong: http://127.0.0.1:8080 is not https" in lines[found + 1]
    assert "webhooks unknown: no webhook has come yet" in lines[found + 2]
