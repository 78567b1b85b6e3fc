"""Meta's webhooks: the handshake, the proof, and batches in which every item counts.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.kit import consent, payload, proofs
from bot.kit.consent import Wish
from bot.kit.payload import Node
from bot.model.channel import (
    Answer,
    ChannelEvent,
    Echo,
    Forged,
    ForgeryReason,
    Ignored,
    OptIn,
    OptOut,
    ReadUpTo,
    Receipt,
    Received,
    Unreadable,
    UnreadableReason,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from bot.kit.meta.settings import MetaSettings
    from bot.model.channel import Request, Sender

Events = tuple[ChannelEvent, ...]
ReadWebhook = Callable[[Node], Events]


def receive(request: Request, *, settings: MetaSettings, known: str, read: ReadWebhook) -> Received:
    """Answer Meta's handshake, or prove a webhook of the `known` object and read its batch."""
    if request.method.upper() == "GET":
        return _handshake(request, settings)
    if settings.secret is not None:
        reason = proofs.meta(
            secret=settings.secret,
            body=request.body,
            header=request.header("x-hub-signature-256"),
        )
        if reason is not None:
            return _refused(reason)
    webhook = payload.read(request.body)
    if webhook is None or not webhook.is_object:
        return _unreadable(UnreadableReason.MALFORMED, "the body is no JSON object", status=400)
    if webhook["object"].text != known:
        return _unreadable(UnreadableReason.UNKNOWN_OBJECT, f"the object is not {known}")
    if not webhook["entry"].is_list:
        return _unreadable(UnreadableReason.MALFORMED, "there is no list of entries", status=400)
    return Received(events=read(webhook))


def distinct(events: Iterable[ChannelEvent]) -> Events:
    """The events of a batch in order, repeats within it left out."""
    found: dict[tuple[str, str], ChannelEvent] = {}
    for nth, event in enumerate(events):
        found.setdefault(_identity(event, nth), event)
    return tuple(found.values())


def asked(text: str, sender: Sender, key: str, at: datetime | None) -> OptOut | OptIn | None:
    """What a text that is nothing but STOP or START asks for."""
    source = f"keyword:{consent.keyword(text)}"
    match consent.wish(text, telephone=False):
        case Wish.STOP:
            return OptOut(sender=sender, dedupe_key=key, source=source, confirm=True, at=at)
        case Wish.START:
            return OptIn(sender=sender, dedupe_key=key, source=source, confirm=True, at=at)
        case _:
            return None


def _identity(event: ChannelEvent, nth: int) -> tuple[str, str]:
    if isinstance(event, Ignored | Unreadable):
        return event.kind, event.model_dump_json()
    if isinstance(event, Receipt | ReadUpTo):
        return event.kind, str(nth)
    if isinstance(event, Echo):
        return event.kind, event.external_id
    return event.kind, getattr(event, "dedupe_key", str(nth))


def _handshake(request: Request, settings: MetaSettings) -> Received:
    """Repeat the challenge to whoever knows the verify token, as plain text only."""
    query = dict(request.query)
    expected = settings.verify_token
    token = expected.get_secret_value() if expected else ""
    proven = proofs.shared_token(secret=token, header=query.get("hub.verify_token"))
    if not token or proven is not None or query.get("hub.mode") != "subscribe":
        return _refused(ForgeryReason.VERIFICATION)
    challenge = query.get("hub.challenge", "")
    return Received(answer=Answer(body=challenge.encode("utf-8", "replace")))


def _refused(reason: ForgeryReason) -> Received:
    answer = Answer(status=403, body=b"this does not prove to come from Meta")
    return Received(events=(Forged(reason=reason),), answer=answer)


def _unreadable(reason: UnreadableReason, detail: str, *, status: int = 200) -> Received:
    event = Unreadable(reason=reason, detail=detail)
    return Received(events=(event,), answer=Answer(status=status))
