"""From Sinch's callbacks to what customers did, and what became of ours.

Source: https://developers.sinch.com/docs/sms/api-reference/sms/tag/Webhooks and
https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import media, telephone, times
from bot.kit.callbacks import malformed, unreadable
from bot.kit.text import clean
from bot.model.channel import Attachment, Inbound, Receipt, ReceiptStatus, UnreadableReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.kit.callbacks import Events
    from bot.kit.payload import Node

_MESSAGES = frozenset({"mo_text", "mo_binary", "mo_media"})
# We ask for reports per recipient: those of a whole batch say nothing of a person.
_REPORTS = frozenset({"recipient_delivery_report_sms", "recipient_delivery_report_mms"})
_STATUSES = {
    "queued": ReceiptStatus.QUEUED,
    "dispatched": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "aborted": ReceiptStatus.FAILED,
    "cancelled": ReceiptStatus.FAILED,
    "deleted": ReceiptStatus.FAILED,
    "expired": ReceiptStatus.FAILED,
    "failed": ReceiptStatus.FAILED,
    "rejected": ReceiptStatus.FAILED,
}
_REASONS = {
    "402": "Unroutable",
    "403": "Internal error",
    "404": "Temporary delivery failure",
    "405": "Unmatched parameter",
    "406": "Internal expiry",
    "407": "Cancelled",
    "408": "Internal reject",
    "410": "Unmatched default originator",
    "411": "Exceeded parts limit",
    "412": "Unprovisioned region",
    "413": "The account is blocked",
    "414": "Bad media URL",
    "415": "Delivery report rejected",
    "416": "Delivery report not supported",
    "417": "Delivery report unreachable",
    "418": "Delivery report unrecognized",
}


def read(document: Node) -> Events:
    """What a callback says, by its type; one without a type by what it has."""
    if not document.is_object:
        return malformed("the body is no JSON object")
    kind = _line(document["type"])
    if kind in _REPORTS or (not kind and "batch_id" in document):
        return _report(document)
    if kind in _MESSAGES or (not kind and "from" in document):
        return _message(document, kind)
    if not kind:
        return malformed("the callback has no type")
    return unreadable(UnreadableReason.UNKNOWN_EVENT, kind[:100])


def _report(document: Node) -> Events:
    external_id, word = _line(document["batch_id"]), _line(document["status"])
    if not external_id or not word:
        return malformed("no batch_id or no status")
    status = _STATUSES.get(word.lower())
    if status is None:
        return unreadable(UnreadableReason.UNKNOWN_STATUS, word[:100])
    code = _line(document["code"]) if status is ReceiptStatus.FAILED else ""
    receipt = Receipt(
        external_id=external_id,
        status=status,
        at=times.iso(document["operator_status_at"].text) or times.iso(document["at"].text),
        error_code=code or None,
        error_title=_REASONS.get(code) or (word if code else None),
        client_ref=_line(document["client_reference"]) or None,
    )
    return (receipt,)


def _message(document: Node, kind: str) -> Events:
    external_id, number = _line(document["id"]), _line(document["from"])
    if not external_id or not number or not document["body"]:
        return malformed("no id, no from or no body")
    who = telephone.caller(number)
    if who is None:
        return unreadable(UnreadableReason.INVALID_SENDER, "from is no number")
    body = document["body"]
    message = Inbound(
        sender=who,
        dedupe_key=external_id,
        external_id=external_id,
        to=_line(document["to"]) or None,
        text=clean(body.text or body["message"].text or body["subject"].text),
        attachments=tuple(_attachments(body)),
        at=times.iso(document["received_at"].text) or times.iso(document["sent_at"].text),
    )
    if kind == "mo_binary":
        return (telephone.unsupported(message, "binary message"),)
    if any(each["status"].text == "Failed" for each in body["media"]):
        message = message.model_copy(update={"incomplete": True})
        if not message.text.strip() and not message.attachments:
            return (telephone.unsupported(message, "a file that Sinch could not keep"),)
    return telephone.said(message)


def _attachments(body: Node) -> Iterator[Attachment]:
    for each in body["media"]:
        url = _line(each["url"])
        if url and each["status"].text != "Failed":
            mime = media.base_type(each["content_type"].text)
            yield Attachment(type=media.attachment_type(mime, name=url), url=url, mime=mime)


def _line(node: Node) -> str:
    return clean(node.text).strip()
