"""Dead letters back on the line."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from bot.errors import Denied, NotFound
from bot.hub.engines import Channels
from bot.hub.ingress import Ingress
from bot.model.channel import Forged, Request, Unreadable
from bot.model.record import DeadLetter
from bot.ports import Store


async def replay(letter: DeadLetter, *, store: Store, ingress: Ingress, channels: Channels) -> None:
    """Put one dead letter back on the line.

    An event that failed waits to be processed again. A request that could not be read goes through
    its channel as if it had just come in; if it still cannot be read it stays a dead letter.
    Raises NotFound when there is nothing to replay or its account is gone, Denied when the
    channel's secrets have changed since, so that the request is not proven any more.
    """
    if letter.thread is not None:
        await ingress.publish([await store.revive(letter.event)])
        return
    raw = letter.request
    channel = channels.get((raw.channel, raw.account)) if raw else None
    if raw is None or channel is None:
        raise NotFound(f"dead letter {letter.event} has no request of a configured account")
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
    read = channel.receive(request).events
    if any(isinstance(event, Forged) for event in read):
        raise Denied(f"dead letter {letter.event} no longer proves where it came from; it stays")
    await ingress.take(channel, request)
    # Last: whoever dies in between finds it again, and taking it twice changes nothing.
    if not any(isinstance(event, Unreadable) for event in read):
        await store.discard_dead_letter(letter.event)
