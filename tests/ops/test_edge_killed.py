"""A real edge process that spools, says so, is killed, and starts again."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pymongo
import pytest

from tests.roles.installation import QUESTION, Node, distributed, installation, until
from tests.servers import unique_name

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Mongod

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PHONE = "+46701234567"
KEPT = 6


async def _is_empty(edge: Node) -> bool:
    return await edge.figure("samtal_spool_waiting") == 0


def _recorded(mongod: Mongod, name: str) -> list[str]:
    """The questions in the store, in the order of acceptance."""
    with pymongo.MongoClient[dict[str, object]](mongod.url) as client:
        values = [str(event["value"]) for event in client[name].events.find().sort("seq")]
    return [
        question
        for value in values
        for question in map(QUESTION.format, range(KEPT + 3))
        if f'"{question}"' in value
    ]


async def test_what_a_killed_edge_had_accepted_is_recorded_by_the_next(
    tmp_path: Path, mongod: Mongod, nats_url: str
) -> None:
    name = unique_name()
    engines = distributed(mongo=mongod.url, nats=nats_url, name=name)
    async with installation(tmp_path, engines) as place:
        edge = place.node("edge")
        await place.start(edge)

        async def post(number: int) -> int:
            text = QUESTION.format(number)
            return await place.post(edge, sid=f"SM{number:032x}", sender=PHONE, text=text)

        assert await post(0) == 200
        mongod.signal(signal.SIGSTOP)
        assert [await post(number) for number in range(1, KEPT + 1)] == [200] * KEPT
        status, document = await edge.probe()
        assert (status, document["parts"]["store"]) == (200, "spooling")
        assert await edge.figure("samtal_spool_waiting") == KEPT
        edge.running.kill()
        mongod.signal(signal.SIGCONT)
        await place.start(edge)
        await until(lambda: _is_empty(edge), 20)
        assert await post(KEPT + 1) == 200
        assert await post(1) == 200  # the provider was not sure: a repeat
        expected = [QUESTION.format(number) for number in range(KEPT + 2)]
        recorded = await asyncio.to_thread(_recorded, mongod, name)
        assert recorded == expected
        assert (await edge.probe())[1]["parts"]["store"] == "ready"
        assert await edge.stop() == 0
