"""The browser apps: widget and desk, and with the sandbox a shop and its customers' phones."""

from __future__ import annotations

import gzip
import hashlib
import html
import re
import secrets
from collections.abc import Awaitable, Callable
from importlib import resources
from importlib.resources.abc import Traversable

from aiohttp import web

from bot.edge.policy import content_policy
from bot.edge.problems import Refusal
from bot.edge.settings import EdgeSettings

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
    ".woff2": "font/woff2",
}
_HTML = ".html"
_PACKED = {".css", ".js", ".svg"}
_HASHED = re.compile(r"-[A-Za-z0-9_-]{8}\.[a-z0-9]+$")  # the build names it by what is in it
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_BACK = "no-cache"
_NONCE = b"{{nonce}}"

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Pages:
    """Serves what `make web` built, read once; no name from outside ever reaches the disk."""

    def __init__(self, settings: EdgeSettings, *, sandbox: bool) -> None:
        self._settings = settings
        self._sandbox = sandbox
        built = resources.files("bot.edge").joinpath("static")
        self._files = {
            entry.name: _File(entry, site=settings.site_name)
            for entry in (built.iterdir() if built.is_dir() else ())
            if _suffix(entry.name) in _TYPES
        }

    def add_to(self, app: web.Application) -> None:
        """Offer the routes."""
        router = app.router
        router.add_get("/", self._page("shop.html") if self._sandbox else _to_the_desk)
        router.add_get("/desk", self._page("console.html"))
        router.add_get("/desk/{place:.*}", self._page("console.html"))
        if self._sandbox:
            router.add_get("/sandbox", self._page("phones.html"))
        router.add_get("/widget.js", self._named("widget.js"))
        router.add_get("/static/{name}", self.static)

    async def static(self, request: web.Request) -> web.Response:
        """One file."""
        name = request.match_info["name"]
        if name.endswith(_HTML):
            raise Refusal(404)
        return self._file(name).response(request)

    def _named(self, name: str) -> Handler:
        async def file(request: web.Request) -> web.Response:
            return self._file(name).response(request)

        return file

    def _page(self, name: str) -> Handler:
        async def page(request: web.Request) -> web.Response:
            return self._file(name).page(request, self._settings)

        return page

    def _file(self, name: str) -> _File:
        if not self._files:
            raise Refusal(503, "The browser apps are not built; run `make web` and start anew.")
        file = self._files.get(name)
        if file is None:
            raise Refusal(404)
        return file


async def _to_the_desk(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/desk"})


class _File:
    """A file in memory, packed too, with a tag that browsers ask back with."""

    def __init__(self, entry: Traversable, *, site: str) -> None:
        suffix = _suffix(entry.name)
        body = entry.read_bytes()
        if suffix == _HTML:
            body = body.replace(b"{{site}}", html.escape(site).encode())
        self._body = body
        self._packed = gzip.compress(body, mtime=0) if suffix in _PACKED else None
        tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        self._headers = {
            "ETag": tag,
            "Cache-Control": _FOR_EVER if _HASHED.search(entry.name) else _ASK_BACK,
            "Content-Type": _TYPES[suffix],
            "Vary": "Accept-Encoding",
            # Other sites carry the widget.
            "Cross-Origin-Resource-Policy": "cross-origin",
        }

    def response(self, request: web.Request) -> web.Response:
        """The file, or 304 when the browser has it."""
        if self._headers["ETag"] in request.headers.get("If-None-Match", ""):
            kept = ("ETag", "Cache-Control", "Vary")
            return web.Response(status=304, headers={name: self._headers[name] for name in kept})
        if self._packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers = {**self._headers, "Content-Encoding": "gzip"}
            return web.Response(body=self._packed, headers=headers)
        return web.Response(body=self._body, headers=self._headers)

    def page(self, request: web.Request, settings: EdgeSettings) -> web.Response:
        """The page; one that wants a nonce for its styles gets a new one each time."""
        if _NONCE not in self._body:
            return self.response(request)
        nonce = secrets.token_urlsafe(16)
        return web.Response(
            body=self._body.replace(_NONCE, nonce.encode()),
            headers={
                "Content-Security-Policy": content_policy(settings, nonce=nonce),
                "Content-Type": _TYPES[_HTML],
                "Cache-Control": "no-store",
            },
        )


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"
