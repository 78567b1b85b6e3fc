"""From Vonage's parameters to what a customer did by SMS, or what became of ours.

Source: https://developer.vonage.com/messaging/sms/guides/inbound-sms and
https://developer.vonage.com/messaging/sms/guides/delivery-receipts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import forms, payload, telephone, times
from bot.kit.callbacks import malformed, unreadable
from bot.kit.proofs import CALLBACK_PARAMETER
from bot.kit.text import clean
from bot.model.channel import (
    Inbound,
    Piece,
    Receipt,
    ReceiptStatus,
    UnreadableReason,
)
from channels.vonage_sms import messages_api

if TYPE_CHECKING:
    from bot.kit.callbacks import Events
    from bot.kit.forms import Form
    from bot.model.channel import Request

Pairs = tuple[tuple[bytes, bytes], ...]

_STATUSES = {
    "accepted": ReceiptStatus.SENT,
    "buffered": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "expired": ReceiptStatus.FAILED,
    "failed": ReceiptStatus.FAILED,
    "rejected": ReceiptStatus.FAILED,
}
_ERRORS = {
    "1": "Unknown",
    "2": "Absent Subscriber, Temporary",
    "3": "Absent Subscriber, Permanent",
    "4": "Call Barred by User",
    "5": "Portability Error",
    "6": "Anti-Spam Rejection",
    "7": "Handset Busy",
    "8": "Network Error",
    "9": "Illegal Number",
    "10": "Illegal Message",
    "11": "Unroutable",
    "12": "Destination Unreachable",
    "13": "Subscriber Age Restriction",
    "14": "Number Blocked by Carrier",
    "15": "Prepaid Insufficient Funds",
    "16": "Gateway Quota Exceeded",
    "50": "Entity Filter",
    "51": "Header Filter",
    "52": "Content Filter",
    "53": "Consent Filter",
    "54": "Regulation Error",
    "99": "General Error",
}
_TEXTS = frozenset({"", "text", "unicode"})
_MOST_PIECES = 255


def parameters(request: Request) -> Pairs:
    """The parameters of a request, from wherever they are; those of a JSON body as texts."""
    if not request.body.strip():
        return tuple(
            (name.encode("utf-8", "replace"), value.encode("utf-8", "replace"))
            for name, value in request.query
            if name != CALLBACK_PARAMETER
        )
    if not _is_json(request):
        return forms.read(request.body).pairs
    document = payload.read(request.body) or payload.Node()
    return tuple(
        (name.encode("utf-8", "replace"), _written(document[name]).encode("utf-8", "replace"))
        for name in document.keys
    )


def read(request: Request, pairs: Pairs) -> Events:
    """What a proven request says: a receipt, a message, or one of the Messages API."""
    form = forms.Form(pairs)
    if "message_uuid" in form:
        return messages_api.read(payload.read(request.body) or payload.Node())
    if not pairs:
        return malformed("there are no parameters")
    is_message = "type" in form or "text" in form
    if "status" in form and not is_message:
        return _receipt(form)
    if request.path.endswith("/status") and not is_message:
        return malformed("there is no status")
    return _message(form)


def _receipt(form: Form) -> Events:
    external_id, word = _line(form, "messageId", "message-id"), _line(form, "status")
    if not external_id or not word:
        return malformed("no messageId or no status")
    status = _STATUSES.get(word.lower())
    if status is None:
        return unreadable(UnreadableReason.UNKNOWN_STATUS, word[:100])
    code = _line(form, "err-code")
    failed = code not in {"", "0"}
    receipt = Receipt(
        external_id=external_id,
        status=status,
        at=times.iso(form.get("message-timestamp")),
        error_code=code if failed else None,
        error_title=_ERRORS.get(code) if failed else None,
        client_ref=_line(form, "client-ref") or None,
    )
    return (receipt,)


def _message(form: Form) -> Events:
    external_id, number = _line(form, "messageId", "message-id"), _line(form, "msisdn")
    if not external_id or not number:
        return malformed("no messageId or no msisdn")
    who = telephone.caller(number)
    if who is None:
        return unreadable(UnreadableReason.INVALID_SENDER, "msisdn is no number")
    message = Inbound(
        sender=who,
        dedupe_key=external_id,
        external_id=external_id,
        to=_line(form, "to") or None,
        text=clean(form.get("text")),
        at=times.iso(form.get("message-timestamp")),
    )
    kind = _line(form, "type").lower()
    if kind not in _TEXTS:
        return (telephone.unsupported(message, f"{kind[:50]} message"),)
    if _line(form, "concat").lower() == "true":
        return (message.model_copy(update=_cut(form)),)
    return telephone.said(message)


def _cut(form: Form) -> dict[str, Piece | bool]:
    """Which piece of a longer message this is; one that does not say is incomplete."""
    ref, total = _line(form, "concat-ref"), _number(form, "concat-total")
    number = _number(form, "concat-part")
    if ref and 0 < number <= total and total > 1:
        return {"piece": Piece(ref=ref, number=number, total=total)}
    return {"incomplete": total != 1}


def _number(form: Form, name: str) -> int:
    """A whole number from 1 to 255, 0 for all else."""
    number = payload.Node(_line(form, name)).integer or 0
    return number if 1 <= number <= _MOST_PIECES else 0


def _is_json(request: Request) -> bool:
    told = (request.header("content-type") or "").lower()
    return "json" in told or request.body.lstrip().startswith(b"{")


def _written(node: payload.Node) -> str:
    return node.text or ("" if node.json in {"null", '""'} else node.json)


def _line(form: Form, *names: str) -> str:
    return next((found for name in names if (found := clean(form.get(name)).strip())), "")
