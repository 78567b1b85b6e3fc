"""What a Viber message carries besides text.

Source: https://developers.viber.com/docs/api/rest-bot-api/#receive-message-from-user
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.plain import is_web
from bot.model.channel import Attachment, AttachmentType

if TYPE_CHECKING:
    from bot.kit.payload import Node

_FILES = {
    "picture": AttachmentType.IMAGE,
    "video": AttachmentType.VIDEO,
    "file": AttachmentType.FILE,
}
KINDS = frozenset({"text", "url", "sticker", "location", "contact", *_FILES})

_ABSURD_SIZE = 2**53


def attachment_of(message: Node) -> Attachment | None:
    """What a message is besides text, or None when there is nothing in it."""
    match message["type"].text:
        case "sticker":
            return _sticker(message)
        case "location":
            return _place(message["location"])
        case "contact":
            return _contact(message["contact"])
        case kind if kind in _FILES:
            return _file(message, _FILES[kind])
        case _:
            return None


def _file(message: Node, kind: AttachmentType) -> Attachment | None:
    url = message["media"].words.strip()
    if not is_web(url):
        return None
    size = message["size"].integer or message["file_size"].integer
    return Attachment(
        type=kind,
        url=url,
        name=message["file_name"].words or None,
        size=size if size is not None and 0 <= size < _ABSURD_SIZE else None,
    )


def _sticker(message: Node) -> Attachment | None:
    sticker, url = message["sticker_id"].words, message["media"].words.strip()
    if not sticker:
        return None
    return Attachment(
        type=AttachmentType.STICKER, sticker_id=sticker, url=url if is_web(url) else None
    )


def _place(point: Node) -> Attachment | None:
    latitude, longitude = point["lat"].number, point["lon"].number
    if latitude is None or longitude is None:
        return None
    return Attachment(
        type=AttachmentType.LOCATION,
        latitude=latitude,
        longitude=longitude,
        address=point["address"].words or None,
    )


def _contact(contact: Node) -> Attachment | None:
    name, phone = contact["name"].words, contact["phone_number"].words
    if not (name or phone):
        return None
    return Attachment(type=AttachmentType.CONTACT, name=name or None, phone=phone or None)
