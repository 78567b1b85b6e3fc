"""Reading what Twilio sends: proof, receipts, and what all its messages share.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.kit import forms, media, proofs, text
from bot.kit.forms import Form
from bot.model.channel import (
    Answer,
    Attachment,
    ChannelEvent,
    Forged,
    Ignored,
    OptOut,
    Receipt,
    ReceiptStatus,
    Received,
    Request,
    Sender,
    Unreadable,
    UnreadableReason,
)

if TYPE_CHECKING:
    from bot.kit.twilio.settings import TwilioSettings

# https://www.twilio.com/docs/api/errors/21610
RECIPIENT_OPTED_OUT = "21610"
MOST_MEDIA = 10

_STATUSES = {
    "accepted": ReceiptStatus.QUEUED,
    "scheduled": ReceiptStatus.QUEUED,
    "queued": ReceiptStatus.QUEUED,
    "sending": ReceiptStatus.QUEUED,
    "sent": ReceiptStatus.SENT,
    "partially_delivered": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "read": ReceiptStatus.READ,
    "failed": ReceiptStatus.FAILED,
    "undelivered": ReceiptStatus.FAILED,
    "canceled": ReceiptStatus.FAILED,
}
_OF_INBOUND = frozenset({"receiving", "received"})
_NO_REPLY = Answer(body=b"<Response/>", content_type="text/xml; charset=utf-8")
_ANSWERS = {
    Forged: Answer(status=403, body=b"the signature does not match the request"),
}

Events = tuple[ChannelEvent, ...]
ReadMessage = Callable[[Form], Events]
ReadSender = Callable[[str], Sender | None]


def receive(
    request: Request, *, settings: TwilioSettings, read: ReadMessage, sender: ReadSender
) -> Received:
    """Prove a webhook and read it: a status callback, or else a message by `read`."""
    form = _form(request)
    forged = _proof(request, form, settings)
    if forged is not None:
        return Received(events=(forged,), answer=_ANSWERS[Forged])
    is_status = request.path.endswith("/status") or ("MessageStatus" in form and "Body" not in form)
    events = receipts(form, sender=sender) if is_status else read(form)
    return Received(events=events, answer=_answer(events, is_status=is_status))


def receipts(form: Form, *, sender: ReadSender) -> Events:
    """What a status callback says; `sender` reads the recipient's address."""
    external_id = message_id(form)
    word = (form.get("MessageStatus") or form.get("SmsStatus")).strip().lower()
    if not external_id or not word:
        return unreadable(UnreadableReason.MALFORMED, "no MessageSid or no MessageStatus")
    if word in _OF_INBOUND:
        return (Ignored(reason=f"status of an incoming message: {word}"),)
    status = _STATUSES.get(word)
    if status is None:
        return unreadable(UnreadableReason.UNKNOWN_STATUS, text.clean(word)[:100])
    code = form.get("ErrorCode").strip()
    receipt = Receipt(
        external_id=external_id,
        status=status,
        error_code=code if code not in {"", "0"} else None,
        error_title=_line(form, "ErrorMessage", "ChannelStatusMessage"),
    )
    recipient = sender(form.get("To"))
    if code != RECIPIENT_OPTED_OUT or recipient is None:
        return (receipt,)
    key = f"{external_id}:{RECIPIENT_OPTED_OUT}"
    return (receipt, OptOut(sender=recipient, dedupe_key=key, source=f"twilio:{code}"))


def message_id(form: Form) -> str:
    """The message's id, under its present or an earlier name; empty when there is none."""
    names = ("MessageSid", "SmsMessageSid", "SmsSid")
    return next((found for name in names if (found := _line(form, name))), "")


def attachments(form: Form) -> tuple[Attachment, ...]:
    """The media of a message, in order; Twilio keeps them behind the account's credentials."""
    found: list[Attachment] = []
    for index in range(MOST_MEDIA):
        url = _line(form, f"MediaUrl{index}")
        if not url:
            continue
        mime = media.base_type(form.get(f"MediaContentType{index}"))
        found.append(Attachment(type=media.attachment_type(mime, name=url), url=url, mime=mime))
    return tuple(found)


def unreadable(reason: UnreadableReason, detail: str) -> Events:
    """One event: proven, but nothing we can read."""
    return (Unreadable(reason=reason, detail=detail),)


def _form(request: Request) -> Form:
    if request.method.upper() != "GET":
        return forms.read(request.body)
    return Form(
        (key.encode("utf-8", "replace"), v.encode("utf-8", "replace")) for key, v in request.query
    )


def _proof(request: Request, form: Form, settings: TwilioSettings) -> Forged | None:
    if settings.token is None:
        return None
    reason = proofs.twilio(
        token=settings.token,
        url=request.url,
        pairs=() if request.method.upper() == "GET" else form.pairs,
        body=request.body,
        signature=request.header("x-twilio-signature"),
    )
    return None if reason is None else Forged(reason=reason)


def _answer(events: Events, *, is_status: bool) -> Answer:
    malformed = any(
        isinstance(event, Unreadable) and event.reason is UnreadableReason.MALFORMED
        for event in events
    )
    if malformed:
        return Answer(status=400, body=b"the request lacks what a message or status needs")
    return Answer() if is_status else _NO_REPLY


def _line(form: Form, *names: str) -> str | None:
    found = (text.clean(form.get(name)).strip() for name in names)
    return next((line for line in found if line), None)
