"""A worker on MongoDB that is killed before its nth write: `python -m tests.unit.killed_mongo`.

Reads orders, one a line, and answers each with "killed" or "ended". The worker of each order is a
process of its own, forked from this one, so that all of them start at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime

from bot.model.ids import SendId
from bot.model.record import Settlement, ThreadChange
from bot.model.sending import PartSent
from bot.model.value import Value
from bot.stores.mongo import MongoStore
from bot.stores.mongo.driver import Driver

if TYPE_CHECKING:
    from collections.abc import Callable

# With motor, whose calls run in threads, the writes that were begun before the last moment land
# meanwhile; with pymongo, whose calls run in the loop, they never leave. Both are worth meeting.
_LAST_MOMENT = 0.03


class Order(Value):
    """What a worker is to do, and before which of its writes it dies."""

    url: str
    database: str
    driver: Literal["motor", "pymongo"]
    dies_before: int
    change: ThreadChange | None = None
    settlement: Settlement | None = None
    send: SendId | None = None
    part: PartSent | None = None
    now: AwareDatetime
    until: AwareDatetime


def dying(before: int) -> Callable[[str, str], None]:
    """Kills this process ahead of its nth write."""
    writes = 0

    def tell(_collection: str, _operation: str) -> None:
        nonlocal writes
        writes += 1
        if writes == before:
            time.sleep(_LAST_MOMENT)
            os.kill(os.getpid(), signal.SIGKILL)

    return tell


async def work(order: Order) -> None:
    driver = Driver.open(order.url, order.database, order.driver)
    store = MongoStore(driver)
    await driver.ping()
    driver.before_write = dying(order.dies_before)
    if order.change is not None:
        await store.commit(order.change)
    elif order.settlement is not None:
        await store.settle(order.settlement)
    elif order.send is not None and order.part is not None:
        await store.part_sent(order.send, order.part, at=order.now)
    else:
        await store.claim_sends(now=order.now, limit=10, until=order.until)
    await store.close()


def follow(order: Order) -> str:
    """How the worker ended."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work(order))
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    return "ended" if os.WEXITSTATUS(status) == 0 else "failed"


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(follow(Order.model_validate_json(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
