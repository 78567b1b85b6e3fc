"""One process by itself: how it starts or does not, reloads, and ends."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench import twilio
from tests.bench.provider import Behaviour
from tests.bench.server import MODEL, ROOT
from tests.roles.installation import (
    ANSWER,
    QUESTION,
    SQLITE,
    Installation,
    Node,
    distributed,
    installation,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not MODEL.is_dir(), reason="no trained model: make var/model"),
]

PHONE = "+46701234567"
NOBODY = distributed(
    mongo="mongodb://samtal:hush@127.0.0.1:9/", nats="nats://127.0.0.1:9", name="nobody"
)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(tmp_path, SQLITE) as made:
        yield made


async def asked(place: Installation, node: Node, number: int) -> int:
    """What becomes of one question."""
    sid = f"SM{number:032x}"
    return await place.post(node, sid=sid, sender=PHONE, text=QUESTION.format(number))


async def test_it_says_that_it_drains_goes_on_meanwhile_and_finishes_what_it_has(
    place: Installation,
) -> None:
    node = place.node("all", edge='drain_delay = "PT2S"')
    await place.start(node)
    assert (await node.probe())[0] == 200
    place.provider.behave = lambda: _slow(3)
    assert await asked(place, node, 1) == 200
    await until(lambda: len(place.provider.calls) == 1, 30)
    began = time.monotonic()
    node.running.signal(signal.SIGTERM)
    await until(lambda: _is(node, 503), 1)
    status, document = await node.probe()
    assert (status, document["status"]) == (503, "draining")
    assert set(document["parts"].values()) == {"ready"}
    assert (await node.get("/healthz"))[0] == 200
    assert await asked(place, node, 2) == 200  # a balancer may not have seen it yet
    assert await node.ended() == 0
    took = time.monotonic() - began
    assert 2 <= took < 15
    assert [line["event"] for line in node.lines()][-1] == "stopped"
    assert node.events("send settled")[0]["status"] == "sent"  # it was finished, not cut
    # What was accepted meanwhile is answered by the next process, and only that.
    place.provider.behave = lambda: _slow(0)
    await place.start(node)
    await until(lambda: len(place.shown(PHONE)) == 2, 30)
    await asyncio.sleep(0.5)
    assert len(place.shown(PHONE)) == 2


async def test_the_second_signal_ends_it_at_once(place: Installation) -> None:
    node = place.node("all", edge='drain_delay = "PT1M"')
    await place.start(node)
    node.running.signal(signal.SIGTERM)
    await until(lambda: _is(node, 503), 5)
    began = time.monotonic()
    assert await node.stop() == 128 + signal.SIGTERM
    assert time.monotonic() - began < 5
    assert node.events("ending at once")


async def test_it_can_be_stopped_while_it_starts(tmp_path: Path) -> None:
    async with installation(tmp_path, NOBODY.replace("PT2S", "PT1M")) as place:
        node = place.node("outbox")
        node.start()
        await until(lambda: node.log.exists() and bool(node.events("waiting for the store")), 30)
        assert await node.stop() == 0
        assert [line["event"] for line in node.lines()][-1] == "stopped while starting"


async def test_a_store_that_does_not_answer_ends_the_start_in_one_line(tmp_path: Path) -> None:
    async with installation(tmp_path, NOBODY) as place:
        node = place.node("edge")
        node.start()
        assert await node.ended() == 2
        said = [
            line for line in node.log.read_text("utf-8").splitlines() if not line.startswith("{")
        ]
        assert len(said) == 1
        assert said[0].startswith("samtal: store.url: the store did not answer within 2 s")
        assert "hush" not in node.log.read_text("utf-8")


async def test_a_port_that_is_taken_ends_the_start_in_one_line(place: Installation) -> None:
    node = place.node("all")
    with socket.create_server(("127.0.0.1", node.port)):
        node.start()
        assert await node.ended() == 2
    (said,) = node.log.read_text("utf-8").splitlines()
    assert said.startswith("samtal: edge.host, edge.port: cannot listen: ")
    assert f"('127.0.0.1', {node.port}): address already in use" in said


async def test_a_role_that_its_engines_cannot_have_is_refused(place: Installation) -> None:
    node = place.node("worker")
    node.start()
    assert await node.ended() == 2
    assert node.log.read_text("utf-8") == (
        "samtal: store.engine: SQLite is for one process, and --role worker is one of several. "
        'Set engine = "mongo", or run with --role all.\n'
    )
    assert not (place.folder / "samtal.db").exists()


FEW = "account_rate = { per_second = 0.001, burst = 2 }"
MANY = "account_rate = { per_second = 1000, burst = 1000 }"


async def test_a_reload_takes_over_everything_or_nothing(place: Installation) -> None:
    content = place.folder / "content"
    shutil.copytree(f"{ROOT}/config/content", content)
    node = place.node("all", content=str(content), edge=FEW)
    await place.start(node)
    assert await asked(place, node, 1) == 200
    await until(lambda: len(place.shown(PHONE)) == 1, 30)
    assert ANSWER in place.shown(PHONE)[0]
    await _one_wrong_file_changes_nothing(place, node, content)
    await _once_mended_it_holds_whole(place, node, content)
    await _accounts_go_and_secrets_change(place, node, content)
    assert await node.stop() == 0


async def _one_wrong_file_changes_nothing(place: Installation, node: Node, content: Path) -> None:
    hours = next(path for path in content.rglob("*.md") if ANSWER in path.read_text("utf-8"))
    hours.write_text(hours.read_text("utf-8").replace(ANSWER, "Vi har öppet"), "utf-8")
    (content / "broken.md").write_text("---\nslot: [\n---\nHej\n", "utf-8")
    place.configure(node, content=str(content), edge=MANY, more=_account("second"))
    await reloaded(node, failed=1)
    (refused,) = node.events("configuration not taken over")
    assert "broken.md" in refused["error"]
    assert "\n" not in refused["error"]
    assert await node.figure("samtal_config_version") == 1
    assert (await node.get("/webhooks/twilio_sms/second"))[0] == 404
    assert await asked(place, node, 2) == 200
    await until(lambda: len(place.shown(PHONE)) == 2, 30)
    assert ANSWER in place.shown(PHONE)[1]
    assert await asked(place, node, 3) == 429


async def _once_mended_it_holds_whole(place: Installation, node: Node, content: Path) -> None:
    """Content, accounts, rates, thresholds, the log's level; the port is left as it was."""
    (content / "broken.md").unlink()
    hub = "max_tries = 3"
    more = _account("second")
    place.configure(
        node, content=str(content), more=more, edge=MANY, level="debug", port="1", hub=hub
    )
    await reloaded(node, ok=1)
    assert await node.figure("samtal_config_version") == 2
    (taken,) = node.events("configuration taken over")
    wanted = {"hub.max_tries", "edge.account_rate", "log.level", "channels.twilio_sms.second added"}
    assert wanted <= set(taken["changed"])
    assert len(taken["changed"]) == len(wanted) + 1  # and the content
    assert "token" not in str(taken)
    assert [line["keys"] for line in node.events("needs a restart to change")] == [["edge.port"]]
    assert await asked(place, node, 3) == 200
    await until(lambda: len(place.shown(PHONE)) == 3, 30)
    assert place.shown(PHONE)[2].startswith("Vi har öppet")
    assert (await node.get("/webhooks/twilio_sms/second"))[0] != 404
    assert [line for line in node.lines() if line["level"] == "debug"]


async def _accounts_go_and_secrets_change(place: Installation, node: Node, content: Path) -> None:
    place.configure(node, content=str(content), edge=MANY, port="1", token="another")
    await reloaded(node, ok=2)
    taken = node.events("configuration taken over")[-1]
    assert "channels.twilio_sms.second removed" in taken["changed"]
    assert "channels.twilio_sms.bench changed" in taken["changed"]
    assert (await node.get("/webhooks/twilio_sms/second"))[0] == 404
    assert await asked(place, node, 4) == 403  # signed with the secret of before
    lines = len(node.lines())
    await node.probe()
    assert len(node.lines()) == lines  # no debug lines any more


async def reloaded(node: Node, *, ok: int = 0, failed: int = 0) -> None:
    """SIGHUP, until so many reloads have ended so."""
    result, count = ("ok", ok) if ok else ("failed", failed)

    async def done() -> bool:
        _, body = await node.get("/metrics")
        return f'samtal_config_reloads_total{{result="{result}"}} {count}.0' in body

    node.running.signal(signal.SIGHUP)
    await until(done, 30)


def _account(name: str) -> str:
    return f"""\
[channels.twilio_sms.{name}]
account_sid = "{twilio.ACCOUNT_SID}"
auth_token = "another-token-of-the-tests"
number = "+46766860001"
"""


def _slow(seconds: float) -> Behaviour:
    return Behaviour(delay=seconds)


async def _is(node: Node, status: int) -> bool:
    return (await node.probe())[0] == status
