"""What goes to the web chat adapter: a `SOCKET` request with the visitor's event as JSON."""

from __future__ import annotations

import json

from pydantic import JsonValue

from bot.edge.settings import EdgeSettings
from bot.model.channel import Request
from bot.model.value import AwareDatetime


def socket_request(
    document: dict[str, JsonValue], *, settings: EdgeSettings, at: AwareDatetime
) -> Request:
    """The request that stands for one event of a visitor; the server vouches for `visitor`."""
    return Request(
        method="SOCKET",
        url=f"{settings.public_base_url}/chat",
        path="/chat",
        headers=(("content-type", "application/json"),),
        body=json.dumps(document, ensure_ascii=False).encode(),
        received_at=at,
    )
