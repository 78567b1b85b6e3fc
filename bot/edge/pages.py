"""The pages: a shop with web chat, a plain desk, and the sandbox's phones."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Awaitable, Callable
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import web

from bot.edge.problems import Refusal
from bot.edge.settings import EdgeSettings

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}
_HTML = ".html"


class Pages:
    """Serves the files of `static`, read once; no name from outside ever reaches the disk."""

    def __init__(self, settings: EdgeSettings, *, sandbox: bool) -> None:
        self._sandbox = sandbox
        self._files = {
            entry.name: _File(entry, site=settings.site_name)
            for entry in resources.files("bot.edge").joinpath("static").iterdir()
            if _suffix(entry.name) in _TYPES
        }

    def add_to(self, app: web.Application) -> None:
        """Offer the routes."""
        router = app.router
        router.add_get("/", self._page("shop.html"))
        router.add_get("/desk", self._page("desk.html"))
        if self._sandbox:
            router.add_get("/sandbox", self._page("phones.html"))
        router.add_get("/static/{name}", self.static)

    async def static(self, request: web.Request) -> web.Response:
        """One file."""
        file = self._files.get(request.match_info["name"])
        if file is None or file.type.startswith("text/html"):
            raise Refusal(404)
        return file.response(request)

    def _page(self, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        file = self._files[name]

        async def page(request: web.Request) -> web.Response:
            return file.response(request)

        return page


class _File:
    """A file in memory, with a tag that browsers ask back with."""

    def __init__(self, entry: Traversable, *, site: str) -> None:
        self.type = _TYPES[_suffix(entry.name)]
        body = entry.read_bytes()
        if entry.name.endswith(_HTML):
            body = body.replace(b"{{site}}", html.escape(site).encode())
        self._body = body
        self._tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'

    def response(self, request: web.Request) -> web.Response:
        """The file, or 304 when the browser has it."""
        headers = {"ETag": self._tag, "Cache-Control": "no-cache"}
        if self._tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._body, headers={**headers, "Content-Type": self.type})


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"
