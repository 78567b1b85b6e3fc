"""Workers that are killed while they write: `python -m tests.unit.killed_writer FILE ROUNDS`.

Prints, for each worker, the keys that were acknowledged to it before it died.
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
from itertools import count
from pathlib import Path

from bot.buses.sqlite import SqliteBus
from bot.edge.clock import SystemClock
from bot.embedded.database import Database
from bot.model.channel import ReceiptStatus
from bot.stores.sqlite import SqliteStore
from tests.builders import (
    acceptance,
    address,
    arrival,
    change,
    consent,
    entry,
    receipt,
    reply,
    send_item,
)

CALLERS = 8


async def write(path: Path, worker: int, told: int) -> None:
    """Accept and commit until killed; tell of each message when it is acknowledged."""
    database = Database.open(path)
    store = SqliteStore(database, SqliteBus(database, clock=SystemClock()))

    async def caller(number: int) -> None:
        where = address(f"w{worker}-{number}")
        for turn_number in count():
            keys = (f"{turn_number}-a", f"{turn_number}-b")
            whole = acceptance(*(arrival(where, key) for key in keys), body=b"{}").model_copy(
                update={
                    "receipts": (receipt(f"{where.user}-{turn_number}", ReceiptStatus.READ),),
                    "consents": (consent(where, opted_out=True),),
                }
            )
            events = (await store.accept(whole)).events
            os.write(told, f"{where.user} accepted {turn_number}\n".encode())
            for event in events:
                turn = await store.turn(event.thread)
                out = reply(event)
                await store.commit(
                    change(turn, event, entry(event), out).model_copy(
                        update={"sends": (send_item(turn, out),)}
                    )
                )
            os.write(told, f"{where.user} committed {turn_number}\n".encode())

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))


def worker(path: Path, number: int, life: float) -> list[str]:
    """One worker's life, and what it told."""
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(hear)
            asyncio.run(write(path, number, tell))
        finally:
            traceback.print_exc()
            os._exit(1)
    os.close(tell)
    time.sleep(life)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(f"worker {number} ended by itself, see above")
    with os.fdopen(hear) as lines:
        return lines.read().splitlines()


def main(path: Path, rounds: int) -> None:
    """Let workers live for a moment, one after the other, on the same file."""
    chance = random.Random(4)
    lives = [worker(path, number, chance.uniform(0.08, 0.3)) for number in range(rounds)]
    sys.stdout.write(json.dumps(lives))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
