"""A visitor of the web chat in few bytes and microseconds, so that thousands fit one process.

Frames of RFC 6455, compressed by RFC 7692 where the server wants that; in them the packets of
Engine.IO 4 and Socket.IO 5 (https://socket.io/docs/v4/engine-io-protocol/).
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import zlib
from collections.abc import Callable

from pydantic import JsonValue
from typing_extensions import override

Hear = Callable[["Visitor", str, dict[str, JsonValue]], None]

_COMPRESSED, _TEXT, _CLOSE, _PING, _PONG = 0x40, 0x1, 0x8, 0x9, 0xA
_OPCODE, _LENGTH, _SHORT, _LONG = 0x0F, 0x7F, 126, 127
_NO_MASK = bytes(4)  # a mask of zeros is a mask, and costs nothing
_TAIL = b"\x00\x00\xff\xff"  # RFC 7692, 7.2.2
_BROWSERS = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


class Visitor(asyncio.Protocol):
    """One socket; `ready` when everything was replayed, `lost` once it has ended."""

    def __init__(self, number: int, hear: Hear, *, account: str, deflate: bool) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.name = ""
        self.compressed = False
        self.lost = ""
        self.ready: asyncio.Future[None] = loop.create_future()
        self._hear = hear
        self._auth = json.dumps({"account": account})
        self._offer = _BROWSERS if deflate else ""
        self._transport: asyncio.Transport | None = None
        self._got = bytearray()
        self._begun = False
        self._inflate: zlib._Decompress | None = None
        self._acks: dict[str, asyncio.Future[JsonValue]] = {}
        self._numbers = itertools.count()

    async def say(self, event: str, data: dict[str, JsonValue]) -> JsonValue:
        """Send an event; returns its acknowledgement."""
        number = str(next(self._numbers))
        done: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
        self._acks[number] = done
        self._write(f"42/chat,{number}{json.dumps([event, data])}".encode())
        return await done

    def close(self) -> None:
        """End it as a page does that is closed."""
        self.lost = "closed by us"
        if self._transport is not None:
            self._transport.close()

    # --- the connection ----------------------------------------------------------------------

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("no stream")
        self._transport = transport
        host, port = transport.get_extra_info("peername")
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n{self._offer}\r\n".encode()
        )

    @override
    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._begun and not self._begin():
            return
        while (frame := self._frame()) is not None:
            self._take(*frame)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or f"the server closed it ({exc or 'in good order'})"
        error = ConnectionResetError(self.lost)
        if not self.ready.done():
            self.ready.set_exception(error)
        for waiting in self._acks.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _begin(self) -> bool:
        """Read the answer to the handshake; False until all of it is there."""
        head, mark, rest = self._got.partition(b"\r\n\r\n")
        if not mark:
            return False
        if not head.startswith(b"HTTP/1.1 101"):
            self.lost = head.split(b"\r\n")[0].decode()
            if self._transport is not None:
                self._transport.abort()
            return False
        self.compressed = b"permessage-deflate" in head.lower()
        self._got = bytearray(rest)
        self._begun = True
        return True

    # --- frames ------------------------------------------------------------------------------

    def _frame(self) -> tuple[int, bytes] | None:
        """The next frame, or None until all of it is there: its first byte and its payload."""
        got, at = self._got, 2
        if len(got) < at:
            return None
        length = got[1] & _LENGTH
        if length >= _SHORT:
            at = 4 if length == _SHORT else 10
            length = int.from_bytes(got[2:at], "big")
        if len(got) < at + length:
            return None
        first, body = got[0], bytes(got[at : at + length])
        del got[: at + length]
        return first, body

    def _take(self, first: int, body: bytes) -> None:
        opcode = first & _OPCODE
        if opcode == _PING:
            self._write(body, opcode=_PONG)
        elif opcode == _CLOSE and self._transport is not None:
            self._transport.close()
        elif opcode == _TEXT:
            if first & _COMPRESSED:
                self._inflate = self._inflate or zlib.decompressobj(-zlib.MAX_WBITS)
                body = self._inflate.decompress(body + _TAIL)
            self._packet(body.decode())

    def _write(self, body: bytes, *, opcode: int = _TEXT) -> None:
        if self._transport is None:
            return
        length = len(body)
        if length < _SHORT:
            head = bytes((0x80 | opcode, 0x80 | length))
        else:
            head = bytes((0x80 | opcode, 0x80 | _SHORT)) + length.to_bytes(2, "big")
        self._transport.write(head + _NO_MASK + body)

    # --- packets -----------------------------------------------------------------------------

    def _packet(self, text: str) -> None:
        kind, rest = text[:2], text[2:].removeprefix("/chat,")
        if kind.startswith("0"):  # the engine is open: into the namespace
            self._write(f"40/chat,{self._auth}".encode())
        elif kind == "2":
            self._write(b"3")
        elif kind == "42":
            event, *told = json.loads(rest)
            self._event(event, told[0] if told else {})
        elif kind == "43":
            number, _, _ = rest.partition("[")
            self._acks.pop(number).set_result(json.loads(rest[len(number) :])[0])
        elif kind in {"44", "41"}:
            self.lost = rest
            if self._transport is not None:
                self._transport.abort()

    def _event(self, event: str, data: dict[str, JsonValue]) -> None:
        if event == "welcome":
            self.name = str(data["visitor"])
        elif event == "replayed" and not self.ready.done():
            self.ready.set_result(None)
        self._hear(self, event, data)
