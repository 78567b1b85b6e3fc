"""An HTTP/1.1 client of few microseconds, so that load does not cost more than what it measures."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from typing_extensions import override

from tests.bench.twilio import Signed


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class Client:
    """Posts over kept connections to one place; a connection that breaks is a ConnectionError."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._idle: list[_Connection] = []

    async def post(self, request: Signed) -> Answer:
        """Post one request."""
        return await self.send("POST", request)

    async def send(self, method: str, request: Signed) -> Answer:
        """Make one request."""
        lines = [f"{method} {request.path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in request.headers]
        lines.append(f"Content-Length: {len(request.body)}")
        return await self.exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + request.body)

    async def get(self, path: str) -> Answer:
        """Get one document."""
        return await self.exchange(
            f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n\r\n".encode()
        )

    async def exchange(self, request: bytes) -> Answer:
        """Send bytes as they are and read one answer; raises ConnectionError."""
        connection = await self._connection()
        try:
            answer = await connection.exchange(request)
        except BaseException:  # given up: what still comes would be taken for the next answer
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._got = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None
        self.alive = True

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        self._got += data
        head, mark, rest = self._got.partition(b"\r\n\r\n")
        if not mark:
            return
        length = _length(bytes(head))
        if len(rest) < length:
            return
        self._got = rest[length:]
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Answer(int(head[9:12]), bytes(rest[:length])))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError("closed before the answer"))

    async def exchange(self, request: bytes) -> Answer:
        if self._transport is None or not self.alive:
            raise ConnectionResetError("closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        self.alive = False
        if self._transport is not None:
            self._transport.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0
