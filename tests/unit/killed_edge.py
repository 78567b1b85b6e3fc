"""Edges that are killed while they spool and replay: `python -m tests.unit.killed_edge FOLDER N`.

The store goes away and comes back all the time. Prints, for each edge's life, which messages were
acknowledged to their senders before it ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
import traceback
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from typing_extensions import override

from bot.buses.silent import SilentBus
from bot.edge.clock import SystemClock
from bot.embedded.database import Database
from bot.embedded.spool import SqliteSpool
from bot.errors import StoreAway
from bot.hub.ingress import Ingress
from bot.hub.outcomes import Outcomes
from bot.hub.spooling import Spooling
from bot.model.phone import PhoneWrites
from bot.stores.sqlite import SqliteStore
from tests.hubs import played, webhook_url

if TYPE_CHECKING:
    from bot.model.record import Acceptance, Accepted

SENDERS = 6
SMS = ("twilio_sms", "demo")
PATIENCE = timedelta(milliseconds=20)


class Hasty(SystemClock):
    """A clock by which one waits less, as an edge's life here is less than a second."""

    @override
    async def sleep(self, duration: timedelta) -> None:
        await super().sleep(duration / 50)


class Wavering(SqliteStore):
    """A store that is away half of the time, in each of the ways to be away."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        super().__init__(database)
        self._chance = chance
        self.away = False

    async def waver(self) -> None:
        while True:
            self.away = False
            await asyncio.sleep(self._chance.uniform(0.02, 0.1))
            self.away = True
            await asyncio.sleep(self._chance.uniform(0.005, 0.04))

    @override
    async def accept(self, acceptance: Acceptance) -> Accepted:
        if not self.away:
            return await super().accept(acceptance)
        way = self._chance.randrange(3)
        if way == 0:
            raise StoreAway("no connection")
        await super().accept(acceptance)
        if way == 1:
            raise StoreAway("done, but the answer was lost")
        await asyncio.sleep(60)
        raise AssertionError("nobody waits so long")


async def live(folder: Path, life: int, told: int) -> None:
    """Take what senders send until killed; tell of each message when it is acknowledged."""
    chance = random.Random(life)
    store = Wavering(Database.open(folder / "samtal.db"), chance)
    spool = SqliteSpool.open(
        folder / "spool.db", longest=timedelta(minutes=15), most_bytes=10_000_000
    )
    clock = Hasty()
    spooling = Spooling(spool, clock=clock, patience=PATIENCE)
    ingress = Ingress(
        store=store,
        bus=SilentBus(),
        clock=clock,
        outcomes=Outcomes(),
        join_by_phone=True,
        spooling=spooling,
    )
    channels, providers = played()

    async def sender(number: int) -> None:
        phone = f"+467012{life:03}{number:02}"
        for message in count():
            request = providers[SMS].write(
                PhoneWrites(user=phone, text=f"message {message}"),
                url=webhook_url(SMS),
                at=clock.now(),
                number=life * 1_000_000 + number * 10_000 + message,
            )
            for _ in range(chance.randint(1, 2)):  # some are sent twice, as providers do
                await ingress.take(channels[SMS], request)
            os.write(told, f"{phone} {message}\n".encode())
            await asyncio.sleep(chance.uniform(0.005, 0.03))

    async with asyncio.TaskGroup() as group:
        group.create_task(store.waver())
        group.create_task(spooling.run(ingress))
        for number in range(SENDERS):
            group.create_task(sender(number))


def edge(folder: Path, life: int, seconds: float) -> list[str]:
    """One edge's life, and what it told."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(hear)
            asyncio.run(live(folder, life, tell))
        finally:
            traceback.print_exc()
            os._exit(1)
    os.close(tell)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(f"edge {life} ended by itself, see above")
    with os.fdopen(hear) as lines:
        return lines.read().splitlines()


def main(folder: Path, lives: int) -> None:
    """Let edges live for a moment, one after the other, on the same files."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    chance = random.Random(7)
    told = [edge(folder, life, chance.uniform(0.3, 0.8)) for life in range(lives)]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
