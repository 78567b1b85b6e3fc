"""Twilio's API played on the loopback: takes every message, and keeps what it took.

As a process of its own (`python -m tests.bench.provider`) it tells its ports in one line of JSON;
whoever connects to `stream` is told each message as `recipient<TAB>monotonic seconds`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web

from tests.bench import twilio
from tests.bench.client import Client

_RECEIPTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Call:
    """One message that the provider took."""

    sid: str
    to: str
    body: str
    at: float


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How to answer one call: after how long, and what goes wrong.

    `refuse` is a status to answer instead of taking the message (429 says to come again `after` so
    many seconds); `cut` ends the connection without an answer, before or after the message was
    taken.
    """

    delay: float = 0.0
    refuse: int = 0
    after: int = 1
    cut: Literal["", "before", "after"] = ""


class Provider:
    """The played API; `calls` are the messages taken, in order of arrival."""

    def __init__(self, behave: Callable[[], Behaviour] = Behaviour) -> None:
        self.calls: list[Call] = []
        self.refused = 0
        self.receipts = False
        self.behave = behave
        self.hear: Callable[[Call], None] | None = None
        self.receipts_made = 0
        self._numbers = itertools.count(1)
        self._due: deque[tuple[str, str, str]] = deque()
        self._woken = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: dict[str, Client] = {}

    async def start(self, port: int = 0, *, host: str = "127.0.0.1") -> int:
        """Listen; returns the port."""
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages.json", self._take)
        app.router.add_get("/calls", self._tell)
        app.router.add_get("/counts", self._count)
        app.router.add_post("/behave", self._change)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self._tasks = [asyncio.create_task(self._report()) for _ in range(_RECEIPTS_AT_ONCE)]
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening; calls under way are cut."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._clients.values():
            client.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        form = await request.post()
        behaviour = self.behave()
        if behaviour.refuse:
            self.refused += 1
            return _refusal(behaviour)
        if behaviour.cut == "before":
            self.refused += 1
            await asyncio.sleep(behaviour.delay)
            return _cut(request)
        sid = f"SM{next(self._numbers):032x}"
        call = Call(sid, str(form["To"]), str(form["Body"]), time.monotonic())
        self.calls.append(call)
        if self.hear is not None:
            self.hear(call)
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        if self.receipts and "StatusCallback" in form:
            self._due.append((sid, call.to, str(form["StatusCallback"])))
            self._woken.set()
        if behaviour.cut == "after":
            return _cut(request)
        return web.json_response({"sid": sid, "status": "queued", "error_code": None}, status=201)

    async def _report(self) -> None:
        """Tell of deliveries, as Twilio does, some at a time."""
        while True:
            while self._due:
                sid, to, callback = self._due.popleft()
                accepted = await self.report(sid, to=to, callback=callback)
                self.receipts_made += accepted  # not before the await: others count meanwhile
            self._woken.clear()
            await self._woken.wait()

    async def report(self, sid: str, *, to: str, callback: str) -> bool:
        """Tell of one delivery; whether it was accepted."""
        parts = urlsplit(callback)
        base = f"{parts.scheme}://{parts.netloc}"
        client = self._clients.setdefault(base, Client(parts.hostname or "", parts.port or 80))
        request = twilio.receipt(base, parts.path, sid=sid, to=to, status="delivered")
        try:
            return (await client.post(request)).status == HTTPStatus.OK
        except OSError:
            return False

    async def _tell(self, _: web.Request) -> web.Response:
        rows = [[call.sid, call.to, call.body, call.at] for call in self.calls]
        return web.json_response(rows)

    async def _count(self, _: web.Request) -> web.Response:
        return web.json_response([len(self.calls), self.receipts_made])

    async def _change(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        delay = float(wanted.get("delay", 0.0))
        self.behave = lambda: Behaviour(delay=delay)
        self.receipts = bool(wanted.get("receipts", False))
        if wanted.get("forget"):
            self.calls.clear()
            self.receipts_made = 0
        return web.Response()


def _refusal(behaviour: Behaviour) -> web.Response:
    """Too many requests, or trouble of its own."""
    status, busy = behaviour.refuse, behaviour.refuse == HTTPStatus.TOO_MANY_REQUESTS
    code = 20429 if busy else 20500
    said = {"code": code, "message": HTTPStatus(status).phrase, "status": status}
    headers = {"Retry-After": str(behaviour.after)} if busy else {}
    return web.json_response(said, status=status, headers=headers)


def _cut(request: web.Request) -> web.Response:
    """End the connection with a reset; the answer that this returns reaches nobody."""
    if request.transport is not None:
        connection: socket.socket | None = request.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


class Stream:
    """Tells whoever is connected of each call."""

    def __init__(self, provider: Provider) -> None:
        self._listeners: set[asyncio.StreamWriter] = set()
        provider.hear = self._hear

    async def start(self) -> tuple[asyncio.Server, int]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return server, int(server.sockets[0].getsockname()[1])

    def _hear(self, call: Call) -> None:
        line = f"{call.to}\t{call.at}\n".encode()
        for listener in self._listeners:
            listener.write(line)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._listeners.add(writer)
        writer.write(b"ready\n")
        await reader.read()  # returns at the end of the connection
        self._listeners.discard(writer)
        writer.close()


async def orphaned(parent: int) -> None:
    """Return when the process that started us is gone: nothing stays behind a broken run."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the system tells nobody of it
        await asyncio.sleep(1)


async def main(parent: int) -> None:
    """Serve until the process is ended, or its parent is gone."""
    provider = Provider()
    server, stream = await Stream(provider).start()
    port = await provider.start()
    print(json.dumps({"port": port, "stream": stream}), flush=True)
    await orphaned(parent)
    server.close()
    await provider.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parent", type=int, required=True)
    asyncio.run(main(parser.parse_args().parent))
