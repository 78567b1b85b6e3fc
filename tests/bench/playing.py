"""The provider and the load generator, each a process of its own, and how to talk to them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from tests.bench.client import Client
from tests.bench.load import Order, Took
from tests.bench.provider import Call
from tests.bench.server import ROOT
from tests.bench.twilio import Signed
from tests.crash.facts import Posted

_LONGEST = 120.0  # seconds that an order may take


class Played:
    """The provider's process."""

    def __init__(self, *, port: int, stream: int) -> None:
        self.port = port
        self.stream = stream
        self._client = Client("127.0.0.1", port)

    async def behave(
        self, *, delay: float = 0.0, receipts: bool = False, forget: bool = False
    ) -> None:
        """Answer calls after a delay, tell of deliveries or not; forget what was taken so far."""
        wanted = {"delay": delay, "receipts": receipts, "forget": forget}
        headers = (("Content-Type", "application/json"),)
        await self._client.post(Signed("/behave", headers, json.dumps(wanted).encode()))

    async def calls(self) -> list[Call]:
        """Every message that was taken."""
        return [Call(*row) for row in json.loads((await self._client.get("/calls")).body)]

    async def counts(self) -> tuple[int, int]:
        """How many messages were taken, and how many receipts accepted."""
        taken, receipts = json.loads((await self._client.get("/counts")).body)
        return taken, receipts

    def close(self) -> None:
        self._client.close()


@asynccontextmanager
async def played() -> AsyncIterator[Played]:
    """The provider, for as long as the block lasts."""
    command = [sys.executable, "-m", "tests.bench.provider", "--parent", str(os.getpid())]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await _line(process)
        provider = Played(**json.loads(line))
        yield provider
        provider.close()
    finally:
        process.terminate()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> bytes:
    if process.stdout is None:
        raise RuntimeError("no standard output")
    async with asyncio.timeout(30):
        return await process.stdout.readline()


async def carry_out(order: Order) -> Took:
    """Have the load generator carry out an order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.load",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LONGEST):
            out, _ = await process.communicate(json.dumps(asdict(order)).encode())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    return Took(**json.loads(out))


def read_posted(record: Path) -> list[Posted]:
    """What the load generator posted."""
    with record.open(encoding="utf-8") as file:
        return [Posted(*json.loads(line)) for line in file]
