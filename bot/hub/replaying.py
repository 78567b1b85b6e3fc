"""Dead letters back on the line."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from bot.errors import NotFound
from bot.hub.engines import Channels
from bot.hub.ingress import Ingress
from bot.model.channel import Request
from bot.model.record import DeadLetter
from bot.ports import Store


async def replay(letter: DeadLetter, *, store: Store, ingress: Ingress, channels: Channels) -> None:
    """Put one dead letter back on the line.

    An event that failed waits to be processed again. A request that could not be read goes through
    its channel as if it had just come in; if it still cannot be read it is a dead letter again.
    Raises NotFound when there is nothing to replay or its account is gone.
    """
    if letter.thread is not None:
        await ingress.publish([await store.revive(letter.event)])
        return
    raw = letter.request
    channel = channels.get((raw.channel, raw.account)) if raw else None
    if raw is None or channel is None:
        raise NotFound(f"dead letter {letter.event} has no request of a configured account")
    await store.discard_dead_letter(letter.event)
    parts = urlsplit(raw.url)
    request = Request(
        method=raw.method,
        url=raw.url,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=raw.headers,
        body=raw.body,
        received_at=raw.at,
    )
    await ingress.take(channel, request)
