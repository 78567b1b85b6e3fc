"""A worker process over NATS, to be stopped and killed: `python -m tests.unit.nats_worker`.

It writes a line to a file for each envelope that it begins and that it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bot.buses.nats import NatsBus, NatsConnection, Settings
from bot.edge.clock import SystemClock
from bot.model.value import Value

if TYPE_CHECKING:
    from bot.model.record import Envelope


class Plan(Value):
    """What a worker does: where, and how long it works on an envelope."""

    url: str
    name: str
    file: Path
    partitions: int = 4
    ack_wait: timedelta = timedelta(seconds=1)
    work: timedelta = timedelta(0)


class Line(NamedTuple):
    """What a worker did; `at` is the machine's monotonic clock, in seconds."""

    pid: int
    what: str
    event: str
    thread: str
    tries: int
    at: float


def lines_of(file: Path, *what: str) -> list[Line]:
    """What workers wrote, in the order they did; one that was killed may leave half a line."""
    text = file.read_text("utf-8") if file.exists() else ""
    lines = [Line(*json.loads(line)) for line in text.split("\n")[:-1] if line.endswith("]")]
    return [line for line in lines if line.what in what]


async def work(plan: Plan) -> None:
    connection = await NatsConnection.open([plan.url], name=plan.name)
    bus = NatsBus(
        connection,
        clock=SystemClock(),
        partitions=plan.partitions,
        name=plan.name,
        settings=Settings(ack_wait=plan.ack_wait),
    )
    file = os.open(plan.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(what: str, event: str, thread: str, tries: int) -> None:
        line = Line(os.getpid(), what, event, thread, tries, time.monotonic())
        os.write(file, json.dumps(line).encode() + b"\n")

    async def handle(envelope: Envelope, *, tries: int) -> None:
        write("begins", envelope.event, envelope.thread, tries)
        await asyncio.sleep(plan.work.total_seconds())
        write("ends", envelope.event, envelope.thread, tries)

    write("starts", "", "", 0)
    await bus.run(handle)


if __name__ == "__main__":
    asyncio.run(work(Plan.model_validate_json(sys.argv[1])))
