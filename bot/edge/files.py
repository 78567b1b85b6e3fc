"""`POST /chat-api/files` for visitors, and `GET /files/{id}/{name}` for whoever knows a file's id.

A provider must be able to fetch what goes out over it, so a file is open to all who know its id;
nobody can guess one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from urllib.parse import quote

from aiohttp import web

from bot.edge.clients import chat_origin
from bot.edge.file_types import is_image
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal, too_many
from bot.edge.sockets.incoming import ChatAuth, read
from bot.edge.sockets.visitors import Reception, Visitor, VisitorLimits
from bot.edge.uploads import NAME_HEADER, PATH, take
from bot.model.ids import BlobId
from bot.model.people import ByCustomer

UPLOADS = "/chat-api/files"
_HOUR = timedelta(hours=1)
_ALLOWED: Final = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": f"Authorization, Content-Type, {NAME_HEADER}",
    "Access-Control-Max-Age": "600",
}


class Files:
    """Takes visitors' files, and hands out everybody's."""

    def __init__(self, parts: EdgeParts, limits: VisitorLimits) -> None:
        self._parts = parts
        self._limits = limits
        self._reception = Reception(parts)

    def add_to(self, app: web.Application) -> None:
        """Offer the routes."""
        app.router.add_get(PATH + "/{id:blb_[0-9a-f]{32}}/{name}", self.hand_out)
        app.router.add_post(UPLOADS, self.upload)
        app.router.add_route("OPTIONS", UPLOADS, self.preflight)
        app.on_response_prepare.append(self._share)

    async def upload(self, http: web.Request) -> web.Response:
        """Take a visitor's file; 201 says that it is kept for a day, or as long as a message."""
        self._check_origin(http)
        visitor = await self._visitor(http)
        self._limits.count(visitor)
        await self._count(visitor)
        file = await take(http, self._parts, by=ByCustomer(identity=visitor.address.identity))
        return web.Response(
            status=201,
            body=file.model_dump_json().encode(),
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
        )

    async def preflight(self, http: web.Request) -> web.Response:
        """Tell a browser what a page of another origin may send."""
        self._check_origin(http)
        return web.Response(status=204, headers=_ALLOWED)

    async def hand_out(self, http: web.Request) -> web.Response:
        """A file: images to be shown, all else as a download; nothing of it runs in our pages."""
        blob = await self._parts.store.blob(BlobId(http.match_info["id"]))
        if blob is None:
            raise Refusal(404)
        facts = blob.facts
        shown = "inline" if is_image(facts.media_type) else "attachment"
        charset = "; charset=utf-8" if facts.media_type.startswith("text/") else ""
        headers = {
            "Content-Type": facts.media_type + charset,
            "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(facts.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=31536000, immutable",
            "ETag": f'"{facts.sha256}"',
        }
        if headers["ETag"] in http.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        return web.Response(body=blob.body, headers=headers)

    async def _share(self, http: web.Request, response: web.StreamResponse) -> None:
        """Let a page that may carry the chat read the answer, problems too."""
        origin = http.headers.get("Origin")
        if http.path != UPLOADS or origin is None:
            return
        response.headers["Vary"] = "Origin"
        if chat_origin(http, self._parts.settings):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Request-Id"

    def _check_origin(self, http: web.Request) -> None:
        if not chat_origin(http, self._parts.settings):
            raise Refusal(403, "This page may not carry the web chat.", slug="origin")

    async def _visitor(self, http: web.Request) -> Visitor:
        scheme, _, token = http.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Refusal(401, "Send the visitor's token as: Authorization: Bearer <token>")
        account = {"account": http.query["account"]} if "account" in http.query else {}
        given = read(ChatAuth, ({"token": token.strip(), **account},))
        return await self._reception.visitor(given, sid="", request=http)

    async def _count(self, visitor: Visitor) -> None:
        tries = await self._parts.store.count_attempt(
            f"files:{visitor.client}", now=self._parts.clock.now(), window=_HOUR
        )
        if tries > self._parts.settings.client_files_an_hour:
            raise too_many(_HOUR.total_seconds(), what="too many files were uploaded")
