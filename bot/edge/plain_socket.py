"""Engine.IO's WebSocket without compression."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from engineio.async_drivers.aiohttp import WebSocket
from typing_extensions import override


class PlainSocket(WebSocket):  # type: ignore[misc]  # the library has no types
    """Declines compression: it takes a hundred kilobytes a socket, and what is sent is short."""

    @override
    async def __call__(self, environ: Mapping[str, web.Request]) -> web.WebSocketResponse:
        self._sock = web.WebSocketResponse(
            max_msg_size=self.server.max_http_buffer_size, compress=False
        )
        await self._sock.prepare(environ["aiohttp.request"])
        self.environ = environ
        await self.handler(self)
        return self._sock
