"""What customers sent, fetched from the provider when an agent opens it."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from bot.edge.api.route import Ask, operation
from bot.edge.api.shapes import OneAttachment
from bot.edge.api.threads import AT_THE_DESK
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal
from bot.edge.uploads import blob_of
from bot.hub.desk import EntryView
from bot.model.channel import Attachment
from bot.model.sending import Media, MediaGone
from bot.model.thread import EchoOut, MessageIn
from bot.ports import Channel

_LARGEST = 25 * 1024 * 1024


@operation(
    "GET",
    "/threads/{thread}/entries/{seq}/attachments/{index}",
    summary="One attachment",
    tag="threads",
    roles=AT_THE_DESK,
    errors=(404, 502),
)
async def get_attachment(ask: Ask, path: OneAttachment) -> web.Response:
    """The bytes of an attachment, always as a download: nothing of it runs in our pages."""
    view = await _entry(ask, path)
    attachment = _attachment(view, path.index)
    ours = await blob_of(ask.parts, attachment)
    if ours is not None:
        kept = Media(body=ours.body, mime=ours.facts.media_type, name=ours.facts.name)
        return _download(kept, name=None)
    channel = ask.parts.channels.get((view.address.channel, view.address.account))
    if channel is None:
        raise Refusal(404, "The channel that it came by is no longer configured.")
    media = await _fetched(channel, attachment, ask.parts)
    if isinstance(media, MediaGone):
        raise Refusal(502, f"The provider does not have it: {media.reason}")
    if len(media.body) > _LARGEST:
        raise Refusal(502, f"It has more than {_LARGEST} bytes.")
    return _download(media, name=attachment.name)


async def _entry(ask: Ask, path: OneAttachment) -> EntryView:
    views = await ask.parts.desk.entries(path.thread, before=path.seq + 1, limit=1)
    if not views or views[0].entry.seq != path.seq:
        raise Refusal(404, "This thread has no such entry.")
    return views[0]


def _attachment(view: EntryView, index: int) -> Attachment:
    body = view.entry.body
    found = body.attachments if isinstance(body, MessageIn | EchoOut) else ()
    if index >= len(found):
        raise Refusal(404, "This entry has no such attachment.")
    return found[index]


async def _fetched(channel: Channel, attachment: Attachment, parts: EdgeParts) -> Media | MediaGone:
    fetching = channel.fetch(attachment)
    try:
        call = next(fetching)
        while True:
            result = await parts.wire.call(call)
            parts.hub.signs.called(channel, result)
            call = fetching.send(result)
    except StopIteration as stop:
        media: Media | MediaGone = stop.value
        return media


def _download(media: Media, *, name: str | None) -> web.Response:
    shown = (media.name or name or "attachment").replace("\r", " ").replace("\n", " ")
    return web.Response(
        body=media.body,
        headers={
            # The provider's word on the type is not believed: it could name a page of scripts.
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(shown[:200], safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        },
    )


OPERATIONS = (get_attachment,)
