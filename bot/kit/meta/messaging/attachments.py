"""What a message carries besides text.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages
and https://developers.facebook.com/docs/instagram-platform/webhooks/examples
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bot.kit.text import clean
from bot.model.channel import Attachment, AttachmentType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.kit.payload import Node

_FILES = {
    "image": AttachmentType.IMAGE,
    "video": AttachmentType.VIDEO,
    "audio": AttachmentType.AUDIO,
    "file": AttachmentType.FILE,
}
_HEART = "like_heart"


class Carried(NamedTuple):
    """What can be shown, and the provider's names of what cannot."""

    attachments: tuple[Attachment, ...]
    unsupported: tuple[str, ...]


def carried(message: Node) -> Carried:
    """All attachments of a message; a type we do not know is shown by its link if it has one."""
    found: list[Attachment] = []
    lacking: list[str] = []
    nodes = list(message["attachments"])
    stickers = {_sticker_id(node) for node in nodes if node["type"].text == "sticker"}
    for node in nodes:
        if node["type"].text == "image" and _sticker_id(node) in stickers - {""}:
            continue  # for a while a sticker comes a second time as an image
        attachment = _read(node)
        if attachment is not None:
            found.append(attachment)
        else:
            lacking.append(clean(node["type"].text)[:50] or "attachment")
    if message["is_unsupported"].is_true:
        lacking.append("unsupported message")
    return Carried((*found, *_about(message)), tuple(lacking))


def _about(message: Node) -> Iterator[Attachment]:
    """The story that a message answers, and the product that it asks about."""
    story = _web(message["reply_to"]["story"]["url"])
    if story:
        yield Attachment(type=AttachmentType.SHARE, url=story, name="story")
    product = clean(message["referral"]["product"]["id"].text)
    if product:
        yield Attachment(type=AttachmentType.SHARE, name=product)


def _read(node: Node) -> Attachment | None:
    kind = node["type"].text
    if kind == _HEART:
        return Attachment(type=AttachmentType.STICKER, name="❤️", sticker_id=_HEART)
    if _sticker_id(node):
        return _sticker(node)
    if kind == "location":
        return _place(node)
    url = _web(node["payload"]["url"]) or _web(node["url"])
    if url is None:
        return None
    if kind in _FILES:
        return Attachment(type=_FILES[kind], url=url, name=clean(node["name"].text) or None)
    # Shared links, posts and reels: whatever Meta calls them, they are somewhere to look.
    title = node["payload"]["title"].text or node["title"].text
    return Attachment(type=AttachmentType.SHARE, url=url, name=clean(title) or None)


def _sticker(node: Node) -> Attachment:
    return Attachment(
        type=AttachmentType.STICKER,
        url=_web(node["payload"]["url"]),
        sticker_id=_sticker_id(node),
    )


def _place(node: Node) -> Attachment | None:
    point = node["payload"]["coordinates"]
    latitude, longitude = point["lat"].number, point["long"].number
    if latitude is None or longitude is None:
        return None
    return Attachment(
        type=AttachmentType.LOCATION,
        latitude=latitude,
        longitude=longitude,
        name=clean(node["title"].text) or None,
    )


def _sticker_id(node: Node) -> str:
    return clean(node["payload"]["sticker_id"].text)


def _web(node: Node) -> str | None:
    url = clean(node.text).strip()
    return url if url.lower().startswith(("https://", "http://")) else None
