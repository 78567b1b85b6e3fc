"""`/api/v1`: REST for the console and for machines."""

from __future__ import annotations

import json

from aiohttp import web

from bot.edge.api import (
    accounts,
    agents,
    attachments,
    catalog,
    customers,
    facts,
    files,
    organisations,
    replies,
    review,
    session,
    threads,
)
from bot.edge.api.openapi import document
from bot.edge.api.route import BASE, add_to
from bot.edge.auth import Gatekeeper
from bot.edge.parts import EdgeParts

__all__ = ["OPERATIONS", "VERSION", "offer"]

VERSION = "1.0.0"
OPERATIONS = (
    *session.OPERATIONS,
    *threads.OPERATIONS,
    *customers.OPERATIONS,
    *replies.OPERATIONS,
    *attachments.OPERATIONS,
    *files.OPERATIONS,
    *organisations.OPERATIONS,
    *catalog.OPERATIONS,
    *accounts.OPERATIONS,
    *facts.OPERATIONS,
    *review.OPERATIONS,
    *agents.OPERATIONS,
)


def offer(app: web.Application, parts: EdgeParts, gate: Gatekeeper) -> None:
    """Offer all operations and the document that describes them."""
    add_to(app, OPERATIONS, parts, gate)
    described = document(
        OPERATIONS, title="Samtal", version=VERSION, server=parts.settings.public_base_url
    )
    body = json.dumps(described, ensure_ascii=False).encode()

    async def openapi(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app.router.add_get(f"{BASE}/openapi.json", openapi)
