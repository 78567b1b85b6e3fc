"""What a Telegram message carries besides text.

Source: https://core.telegram.org/bots/api#message
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.channel import Attachment, AttachmentType

if TYPE_CHECKING:
    from bot.kit.payload import Node

_FILES = {
    "video": AttachmentType.VIDEO,
    "video_note": AttachmentType.VIDEO,
    "voice": AttachmentType.AUDIO,
    "audio": AttachmentType.AUDIO,
    "document": AttachmentType.FILE,
}
# Telegram keeps photos as JPEG; of stickers it tells two booleans instead of a type.
_PHOTO_MIME = "image/jpeg"
_STICKER_MIMES = {"is_animated": "application/x-tgsticker", "is_video": "video/webm"}
_ABSURD_SIZE = 2**53


def attachments(message: Node) -> tuple[Attachment, ...]:
    """All attachments of a message; a file that Telegram gave no id for has no `media_id`."""
    found = [_photo(message), _animation(message), _sticker(message)]
    found += [
        _file(message[name], kind)
        for name, kind in _FILES.items()
        # An animation comes a second time as a document, for old clients.
        if message[name] and not (name == "document" and message["animation"])
    ]
    found += [_place(message), _contact(message)]
    return tuple(attachment for attachment in found if attachment is not None)


def own_phone(message: Node, user: str) -> str | None:
    """The sender's phone number in E.164 where the shared contact is the sender's own.

    Telegram itself fills in the `user_id` of the contact's number, so equality attests it.
    """
    contact = message["contact"]
    digits = "".join(char for char in contact["phone_number"].words if char in "0123456789")
    return f"+{digits}" if digits and user and contact["user_id"].words == user else None


def _file(file: Node, kind: AttachmentType) -> Attachment:
    return Attachment(
        type=kind,
        media_id=file["file_id"].words or None,
        mime=file["mime_type"].words or None,
        name=file["file_name"].words or file["title"].words or None,
        size=_size(file),
    )


def _photo(message: Node) -> Attachment | None:
    sizes = list(message["photo"])
    if not sizes:
        return None
    largest = max(sizes, key=lambda size: (_area(size), size["file_size"].number or 0))
    return _file(largest, AttachmentType.IMAGE).model_copy(update={"mime": _PHOTO_MIME})


def _animation(message: Node) -> Attachment | None:
    file = message["animation"]
    if not file:
        return None
    still = file["mime_type"].words.startswith("image/")
    return _file(file, AttachmentType.IMAGE if still else AttachmentType.VIDEO)


def _sticker(message: Node) -> Attachment | None:
    sticker = message["sticker"]
    if not sticker:
        return None
    mime = next((m for flag, m in _STICKER_MIMES.items() if sticker[flag].is_true), "image/webp")
    return Attachment(
        type=AttachmentType.STICKER,
        media_id=sticker["file_id"].words or None,
        mime=mime,
        name=sticker["emoji"].words or None,
        size=_size(sticker),
        package_id=sticker["set_name"].words or None,
        sticker_id=sticker["file_unique_id"].words or None,
    )


def _place(message: Node) -> Attachment | None:
    # A venue comes with its point a second time as `location`.
    venue = message["venue"]
    point = venue["location"] or message["location"]
    if not point:
        return None
    return Attachment(
        type=AttachmentType.LOCATION,
        latitude=point["latitude"].number,
        longitude=point["longitude"].number,
        name=venue["title"].words or None,
        address=venue["address"].words or None,
    )


def _contact(message: Node) -> Attachment | None:
    contact = message["contact"]
    if not contact:
        return None
    name = f"{contact['first_name'].words} {contact['last_name'].words}".strip()
    return Attachment(
        type=AttachmentType.CONTACT,
        name=name or None,
        phone=contact["phone_number"].words or None,
    )


def _area(size: Node) -> float:
    return (size["width"].number or 0) * (size["height"].number or 0)


def _size(file: Node) -> int | None:
    size = file["file_size"].integer
    return size if size is not None and 0 <= size < _ABSURD_SIZE else None
