"""What a LINE message carries besides text.

Source: https://developers.line.biz/en/reference/messaging-api/#message-event. Files lie with LINE,
to be got by the message's id, or with the app that sent them (`contentProvider`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.plain import is_web
from bot.model.channel import Attachment, AttachmentType

if TYPE_CHECKING:
    from bot.kit.payload import Node

_FILES = {
    "image": AttachmentType.IMAGE,
    "video": AttachmentType.VIDEO,
    "audio": AttachmentType.AUDIO,
    "file": AttachmentType.FILE,
}
_ABSURD_SIZE = 2**53


def attachment_of(message: Node) -> Attachment | None:
    """What a message is besides text, or None when that is nothing we know."""
    match message["type"].text:
        case "sticker":
            return _sticker(message)
        case "location":
            return _place(message)
        case kind if kind in _FILES:
            return _file(message, _FILES[kind])
        case _:
            return None


def lacks_its_file(attachment: Attachment) -> bool:
    """Whether this is a file that cannot be got."""
    return attachment.type in _FILES.values() and not (attachment.url or attachment.media_id)


def _file(message: Node, kind: AttachmentType) -> Attachment:
    external = message["contentProvider"]["type"].text == "external"
    url = message["contentProvider"]["originalContentUrl"].words.strip()
    size = message["fileSize"].integer
    return Attachment(
        type=kind,
        url=url if external and is_web(url) else None,
        media_id=None if external else message["id"].words or None,
        name=message["fileName"].words or None,
        size=size if size is not None and 0 <= size < _ABSURD_SIZE else None,
    )


def _sticker(message: Node) -> Attachment:
    # Only a message sticker has words of the person's own; else its keywords tell what it shows.
    shown = message["text"].words or message["keywords"][0].words
    return Attachment(
        type=AttachmentType.STICKER,
        name=shown or None,
        package_id=message["packageId"].words or None,
        sticker_id=message["stickerId"].words or None,
    )


def _place(message: Node) -> Attachment | None:
    latitude, longitude = message["latitude"].number, message["longitude"].number
    if latitude is None or longitude is None:
        return None
    return Attachment(
        type=AttachmentType.LOCATION,
        latitude=latitude,
        longitude=longitude,
        name=message["title"].words or None,
        address=message["address"].words or None,
    )
