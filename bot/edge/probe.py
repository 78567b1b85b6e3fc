"""`GET /probe/{nonce}`: proves to whoever asks that it is this installation that answers here."""

from __future__ import annotations

import re

from aiohttp import web
from pydantic import SecretStr

from bot.edge.problems import Refusal
from bot.hub.checking import probe_answer

_NONCE = re.compile(r"[0-9a-f]{32}")


class Probe:
    """Answers what a check asks at the public URL."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    def add_to(self, app: web.Application) -> None:
        """Offer the route."""
        app.router.add_get("/probe/{nonce}", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        """The nonce's hash with a key that the installation alone has."""
        nonce = request.match_info["nonce"]
        if not _NONCE.fullmatch(nonce):
            raise Refusal(404)
        return web.Response(
            text=probe_answer(self._secret, nonce), headers={"Cache-Control": "no-store"}
        )
