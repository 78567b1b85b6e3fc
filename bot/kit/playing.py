"""What played providers of several channels share, for sandboxes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from bot.model.channel import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydantic import JsonValue

JSON_TYPE = "application/json"


def webhook(
    url: str, *, body: bytes, at: datetime, mime: str, headers: Sequence[tuple[str, str]] = ()
) -> Request:
    """The POST that a provider makes to a URL; a GET when there is no body."""
    parts = urlsplit(url)
    return Request(
        method="POST" if body else "GET",
        url=url,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=(*((("content-type", mime),) if body else ()), *headers),
        body=body,
        received_at=at,
    )


def posted(url: str, document: JsonValue, *, at: datetime) -> Request:
    """The POST of a JSON document."""
    return webhook(url, body=json.dumps(document).encode(), at=at, mime=JSON_TYPE)


def answered(document: JsonValue, *, status: int = 200) -> Answer:
    """A JSON document in answer to a call."""
    return Answer(status=status, body=json.dumps(document).encode(), content_type=JSON_TYPE)
