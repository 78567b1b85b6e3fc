"""Which kind of attachment a MIME type is."""

from __future__ import annotations

import mimetypes
from urllib.parse import urlsplit

from bot.model.channel import AttachmentType

_BY_FAMILY = {
    "image": AttachmentType.IMAGE,
    "video": AttachmentType.VIDEO,
    "audio": AttachmentType.AUDIO,
}
_VCARDS = frozenset({"text/vcard", "text/x-vcard", "text/directory"})


def attachment_type(mime: str | None, *, name: str = "") -> AttachmentType:
    """The kind of a MIME type, or of a file name or URL where there is none; FILE when unknown."""
    known = base_type(mime) or mime_of(name)
    if known in _VCARDS:
        return AttachmentType.CONTACT
    family = (known or "").partition("/")[0]
    return _BY_FAMILY.get(family, AttachmentType.FILE)


def base_type(mime: str | None) -> str | None:
    """A MIME type without its parameters, in lower case; None when there is none."""
    return (mime or "").partition(";")[0].strip().lower() or None


def mime_of(name: str) -> str | None:
    """What the ending of a file name or URL says, or None."""
    try:
        path = urlsplit(name).path
    except ValueError:
        return None
    return mimetypes.guess_type(path)[0]
