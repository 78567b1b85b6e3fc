"""One installation as several processes over MongoDB and NATS."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pymongo
import pytest

from tests.bench.server import MODEL
from tests.roles.installation import (
    ANSWER,
    QUESTION,
    Installation,
    Node,
    distributed,
    installation,
    until,
)
from tests.servers import Mongod, NatsServer, unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not MODEL.is_dir(), reason="no trained model: make var/model"),
]

PHONE = "+46701234567"


@pytest.fixture
def name(mongo_url: str) -> Iterator[str]:
    """A database and a prefix of the test's own."""
    made = unique_name()
    yield made
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(made)


@pytest.fixture
async def place(
    tmp_path: Path, mongo_url: str, nats_url: str, name: str
) -> AsyncIterator[Installation]:
    engines = distributed(mongo=mongo_url, nats=nats_url, name=name)
    async with installation(tmp_path, engines) as made:
        yield made


class Senders:
    """Numbered questions of several people, each posted until it is accepted, as providers do."""

    def __init__(self, place: Installation, edge: Node, *, people: int) -> None:
        self.people = [f"+4670{number:07d}" for number in range(people)]
        self.asked: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._place = place
        self._edge = edge
        self._numbers = itertools.count(1)

    async def ask(self, person: str) -> None:
        """One more question, accepted when this returns."""
        self.asked[person] += 1
        text = QUESTION.format(self.asked[person])
        sid = f"SM{next(self._numbers):032x}"
        while True:
            status = await self._place.post(self._edge, sid=sid, sender=person, text=text)
            self.statuses[status] += 1
            if 200 <= status < 300:
                return
            await asyncio.sleep(0.2)

    async def run(self, enough: asyncio.Event) -> None:
        """All of them ask, one question after another, until it is enough."""

        async def one(person: str) -> None:
            while not enough.is_set():
                await self.ask(person)
                await asyncio.sleep(1)

        await asyncio.gather(*(one(person) for person in self.people))

    def answered(self) -> bool:
        return all(len(self._place.shown(one)) >= self.asked[one] for one in self.people)


async def test_three_processes_answer_and_end_in_good_order_under_load(
    place: Installation, mongo_url: str, name: str
) -> None:
    edge, worker, outbox = (place.node(role) for role in ("edge", "worker", "outbox"))
    await place.start(edge, worker, outbox)
    senders = Senders(place, edge, people=6)
    await senders.ask(senders.people[0])
    await until(senders.answered, 60)
    assert ANSWER in place.shown(senders.people[0])[0]

    states = {node.role: (await node.probe())[1]["parts"] for node in place.nodes}
    common = dict.fromkeys(("store", "bus", "channels", "fanout"), "ready")
    assert states == {"edge": common, "worker": common | {"model": "ready"}, "outbox": common}
    loaded = {node.role: "spacy" in _maps(node) for node in place.nodes}
    assert loaded == {"edge": False, "worker": True, "outbox": False}
    assert (await worker.get("/webhooks/twilio_sms/bench"))[0] == 404  # probes, and no edge

    enough = asyncio.Event()
    load = asyncio.create_task(senders.run(enough))
    codes = []
    for node in (worker, outbox, edge):
        await asyncio.sleep(1.5)
        codes.append(await node.stop())
        await place.start(node)
    await asyncio.sleep(1)
    enough.set()
    await load
    await until(senders.answered, 60)
    await asyncio.sleep(0.5)  # what came twice would come now
    assert codes == [0, 0, 0]
    assert set(senders.statuses) <= {0, 200, 503}
    for person in senders.people:
        # Nothing is lost, nothing is sent twice.
        assert len(place.shown(person)) == senders.asked[person]
    assert sum(senders.asked.values()) > 20
    _assert_recorded(mongo_url, name, senders)
    assert [line for node in place.nodes for line in node.lines() if "exception" in line] == []
    assert await worker.figure('samtal_handling_seconds_count{result="done"}') > 0
    await until(lambda: _says(edge, "samtal_bus_depth", 0), 30)
    assert [await node.stop() for node in place.nodes] == [0, 0, 0]


def _assert_recorded(mongo_url: str, name: str, senders: Senders) -> None:
    """Each question stands once in the store, in its sender's order; no send is unknown."""
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        database = client[name]
        assert database.dead_letters.count_documents({}) == 0
        assert database.events.count_documents({"state": 0}) == 0
        texts: dict[str, list[str]] = {}
        for entry in database.entries.find({"value": {"$regex": "message_in"}}).sort("seq"):
            texts.setdefault(str(entry["identity"]), []).append(str(entry["value"]))
    assert len(texts) == len(senders.people)
    for told in texts.values():
        expected = [QUESTION.format(number) for number in range(1, len(told) + 1)]
        assert [text for text in expected if any(f'"{text}"' in one for one in told)] == expected
        assert [f'"{text}"' in one for text, one in zip(expected, told, strict=True)] == [
            True
        ] * len(told)


def _maps(node: Node) -> str:
    return Path(f"/proc/{node.running.pid}/maps").read_text("ascii", "replace")


async def test_without_the_broker_requests_are_accepted_and_answered_later(
    tmp_path: Path, mongo_url: str, name: str, nats_server: NatsServer
) -> None:
    nats_server.kill()
    engines = distributed(mongo=mongo_url, nats=nats_server.url, name=name)
    async with installation(tmp_path, engines) as place:
        edge, worker, outbox = (place.node(role) for role in ("edge", "worker", "outbox"))
        for node in place.nodes:
            node.start()
        await edge.ready()
        await outbox.ready()
        status, document = await edge.probe()
        assert (status, document["status"]) == (200, "ready")
        assert document["parts"]["store"] == "ready"
        assert document["parts"]["bus"] != "ready"
        sid = "SM" + "0" * 31 + "1"
        assert await place.post(edge, sid=sid, sender=PHONE, text=QUESTION.format(1)) == 200
        await until(lambda: _answers(worker), 60)
        assert (await worker.probe())[0] == 503  # a worker without the bus has nothing to do
        assert place.provider.calls == []
        nats_server.start()
        await until(lambda: len(place.shown(PHONE)) == 1, 60)
        await worker.ready()
        # Away again while everything runs: accepted, and answered once it is back.
        nats_server.kill()
        sid = "SM" + "0" * 31 + "2"
        assert await place.post(edge, sid=sid, sender=PHONE, text=QUESTION.format(2)) == 200
        await asyncio.sleep(1)
        assert len(place.shown(PHONE)) == 1
        nats_server.start()
        await until(lambda: len(place.shown(PHONE)) == 2, 60)
        assert await outbox.stop() == 0
        assert await worker.stop() == 0
        assert await edge.stop() == 0


async def _answers(node: Node) -> bool:
    try:
        return (await node.get("/healthz"))[0] == 200
    except OSError:
        return False


async def test_too_much_on_the_bus_puts_new_messages_off(place: Installation) -> None:
    edge = place.node("edge", hub="backlog_limit = 10")
    await place.start(edge)
    statuses = []
    for number in range(1, 200):
        sid = f"SM{number:032x}"
        text = QUESTION.format(number)
        statuses.append(await place.post(edge, sid=sid, sender=PHONE, text=text))
        if statuses[-1] != 200:
            break
        await asyncio.sleep(0.03)
    assert statuses[-1] == 503
    taken = statuses.count(200)
    assert 11 <= taken < 199
    assert await edge.figure("samtal_backlog_full") == 1
    name = 'samtal_webhooks_total{account="bench",channel="twilio_sms",result="full"}'
    assert await edge.figure(name) == 1
    # A worker works it off; then there is room again, and nothing that was taken is lost.
    worker, outbox = place.node("worker"), place.node("outbox")
    await place.start(worker, outbox)
    await until(lambda: len(place.shown(PHONE)) == taken, 30)
    await asyncio.sleep(1.5)
    sid = f"SM{len(statuses):032x}"
    text = QUESTION.format(len(statuses))
    assert await place.post(edge, sid=sid, sender=PHONE, text=text) == 200
    await until(lambda: len(place.shown(PHONE)) == taken + 1, 30)
    assert [await node.stop() for node in place.nodes] == [0, 0, 0]


async def test_without_the_store_requests_are_spooled_and_every_process_lives_on(
    tmp_path: Path, mongod: Mongod, nats_url: str
) -> None:
    engines = distributed(mongo=mongod.url, nats=nats_url, name=unique_name())
    async with installation(tmp_path, engines) as place:
        edge, worker, outbox = (place.node(role) for role in ("edge", "worker", "outbox"))
        await place.start(edge, worker, outbox)
        assert await _asked(place, edge, 1) == 200
        await until(lambda: len(place.shown(PHONE)) == 1, 60)
        mongod.kill()
        for number in (2, 3, 4):
            assert await _asked(place, edge, number) == 200
        status, document = await edge.probe()
        assert (status, document["status"]) == (200, "ready")
        assert document["parts"]["store"] == "spooling"
        assert await edge.figure("samtal_spool_waiting") == 3
        assert await edge.figure("samtal_spool_bytes") > 1000
        for node in (worker, outbox):
            assert (await node.probe())[0] == 503
        await asyncio.sleep(5)
        assert len(place.shown(PHONE)) == 1
        assert [node.running.running for node in place.nodes] == [True] * 3
        mongod.start()
        await until(lambda: len(place.shown(PHONE)) == 4, 30)
        await until(lambda: _says(edge, "samtal_spool_waiting", 0), 30)
        await asyncio.gather(*(node.ready() for node in place.nodes))
        assert (await edge.probe())[1]["parts"]["store"] == "ready"
        assert [_number(text) for text in _texts(mongod.url)] == [1, 2, 3, 4]
        assert [await node.stop() for node in place.nodes] == [0, 0, 0]
        assert len(place.shown(PHONE)) == 4


async def _asked(place: Installation, node: Node, number: int) -> int:
    sid = f"SM{number:032x}"
    return await place.post(node, sid=sid, sender=PHONE, text=QUESTION.format(number))


async def _says(node: Node, name: str, value: float) -> bool:
    return await node.figure(name) == value


def _number(text: str) -> int:
    return int(text.rpartition(" ")[2])


def _texts(mongo_url: str) -> list[str]:
    """Everything that customers said, in the store's order."""
    with pymongo.MongoClient[dict[str, str]](mongo_url) as client:
        name = next(name for name in client.list_database_names() if name.startswith("t"))
        found = client[name].entries.find({"value": {"$regex": "message_in"}}).sort("seq")
        return [json.loads(entry["value"])["body"]["text"] for entry in found]
