"""From Infobip's batches to what customers did, and what became of ours.

Source: https://www.infobip.com/docs/api/channels/sms/inbound-sms/receive-inbound-sms-messages,
https://www.infobip.com/docs/api/channels/mms (inbound), the delivery reports beside them, and
https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import media, telephone, times
from bot.kit.callbacks import ignored, malformed, unreadable
from bot.kit.text import clean
from bot.model.channel import (
    Attachment,
    Inbound,
    OptOut,
    Receipt,
    ReceiptStatus,
    UnreadableReason,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.kit.callbacks import Events
    from bot.kit.payload import Node

_GROUPS = {
    "ACCEPTED": ReceiptStatus.SENT,
    "PENDING": ReceiptStatus.SENT,
    "UNDELIVERABLE": ReceiptStatus.FAILED,
    "DELIVERED": ReceiptStatus.DELIVERED,
    "EXPIRED": ReceiptStatus.FAILED,
    "REJECTED": ReceiptStatus.FAILED,
}
# By number where a report has no name.
_GROUP_IDS = ("ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED")
# It has reached the operator, and a report on the handset may follow.
_ON_THE_WAY = "DELIVERED_TO_OPERATOR"
# The person's number takes no such messages, by their own wish.
OPTED_OUT = frozenset({"REJECTED_DND"})
_NO_ERROR = frozenset({"", "0"})


def read(document: Node) -> Events:
    """What a webhook says: each item of its batch for itself."""
    if not document["results"].is_list:
        return malformed("there is no list of results")
    events = tuple(event for item in document["results"] for event in _item(item))
    return events or ignored("a batch without results")


def _item(item: Node) -> Events:
    if not item.is_object:
        return malformed("a result is no object")
    external_id = _line(item["messageId"])
    if not external_id:
        return malformed("a result has no messageId")
    if item["status"]:
        return _report(item, external_id)
    return _message(item, external_id)


# --- reports ---------------------------------------------------------------------------------


def _report(item: Node, external_id: str) -> Events:
    status, error = item["status"], item["error"]
    group = _group(status)
    reached = _GROUPS.get(group)
    if reached is None:
        return unreadable(UnreadableReason.UNKNOWN_STATUS, group[:100])
    name = _line(status["name"])
    if name == _ON_THE_WAY:
        reached = ReceiptStatus.SENT
    code, title = _why(status, error) if reached is ReceiptStatus.FAILED else ("", "")
    receipt = Receipt(
        external_id=external_id,
        status=reached,
        at=times.iso(item["doneAt"].text) or times.iso(item["sentAt"].text),
        error_code=code or None,
        error_title=title or None,
        client_ref=_line(item["callbackData"]) or None,
    )
    who = telephone.caller(_line(item["to"]) or _line(item["destination"]))
    if name not in OPTED_OUT or who is None:
        return (receipt,)
    return (
        receipt,
        OptOut(sender=who, dedupe_key=f"{external_id}:{name}", source=f"infobip:{name}"),
    )


def _group(status: Node) -> str:
    """The name of a status's group, from what there is of it."""
    name = _line(status["groupName"]).upper()
    if name:
        return name
    number = status["groupId"].integer
    if number is not None and 0 <= number < len(_GROUP_IDS):
        return _GROUP_IDS[number]
    return _line(status["name"]).partition("_")[0].upper() or _line(status).upper()


def _why(status: Node, error: Node) -> tuple[str, str]:
    """Code and words of a failure: those of the error where there is one, else the status's."""
    code = _line(error["id"])
    told = error if code not in _NO_ERROR else status
    return _line(told["id"]), _line(told["description"]) or _line(told["name"])


# --- messages --------------------------------------------------------------------------------


def _message(item: Node, external_id: str) -> Events:
    number = _line(item["from"]) or _line(item["sender"])
    if not number:
        return malformed("a message does not say who it is from")
    who = telephone.caller(number)
    if who is None:
        return unreadable(UnreadableReason.INVALID_SENDER, "from is no number")
    pieces = _pieces(item)
    texts = [clean(piece["value"].text or piece["text"].text) for piece in pieces if _said(piece)]
    message = Inbound(
        sender=who,
        dedupe_key=external_id,
        external_id=external_id,
        to=_line(item["to"]) or _line(item["destination"]) or None,
        text=clean(item["text"].text) or "\n".join(filter(None, texts)),
        attachments=tuple(_attachments(pieces)),
        at=times.iso(item["receivedAt"].text),
    )
    if not message.text.strip() and not message.attachments:
        return ignored("a message without text")
    return telephone.said(message)


def _pieces(item: Node) -> list[Node]:
    """The parts of an MMS, in each of the shapes that Infobip has for them."""
    content = item["message"] or item["content"]
    return list(content) if content.is_list else [content]


def _said(piece: Node) -> bool:
    """Whether a part is what the person wrote; an MMS also has its layout (`application/smil`)."""
    mime = media.base_type(piece["contentType"].text)
    return mime is None or mime.startswith("text/")


def _attachments(pieces: list[Node]) -> Iterator[Attachment]:
    for piece in pieces:
        url = _line(piece["url"])
        if url:
            mime = media.base_type(piece["contentType"].text)
            yield Attachment(
                type=media.attachment_type(mime, name=url),
                url=url,
                mime=mime,
                name=_line(piece["name"]) or None,
            )


def _line(node: Node) -> str:
    return clean(node.text).strip()
