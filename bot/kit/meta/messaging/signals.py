"""What a person did without saying anything: edits, reactions, receipts, links, consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.meta.messaging.parties import made_key
from bot.model.channel import (
    Edited,
    Ignored,
    OptIn,
    OptOut,
    Reacted,
    ReadUpTo,
    Receipt,
    ReceiptStatus,
    Referral,
    Unreadable,
    UnreadableReason,
)

if TYPE_CHECKING:
    from datetime import datetime

    from bot.kit.payload import Node
    from bot.model.channel import ChannelEvent, Sender

    Events = tuple[ChannelEvent, ...]

_EMOJI = {
    "love": "❤️",
    "smile": "😆",
    "wow": "😮",
    "sad": "😢",
    "angry": "😠",
    "like": "👍",
    "dislike": "👎",
}


def edit(item: Node, sender: Sender) -> Events:
    """An earlier message changed."""
    change = item["message_edit"]
    mid = change["mid"].words
    if not mid:
        return (Unreadable(reason=UnreadableReason.MALFORMED, detail="an edit lacks its mid"),)
    times = change["num_edit"].words or item["timestamp"].words
    return (
        Edited(
            sender=sender,
            dedupe_key=f"{mid}:edit:{times}",
            external_id=mid,
            text=change["text"].words,
            at=item["timestamp"].moment,
        ),
    )


def reaction(item: Node, sender: Sender) -> Events:
    """A reaction put on a message, or taken away."""
    mark = item["reaction"]
    mid, taken = mark["mid"].words, mark["action"].text == "unreact"
    if not mid:
        return (Unreadable(reason=UnreadableReason.MALFORMED, detail="a reaction lacks its mid"),)
    name = mark["reaction"].words
    emoji = mark["emoji"].words or _EMOJI.get(name, name or "reaction")
    return (
        Reacted(
            sender=sender,
            dedupe_key=made_key(item, sender, f"reaction:{mid}:{'' if taken else emoji}"),
            external_id=mid,
            emoji="" if taken else emoji,
            at=item["timestamp"].moment,
        ),
    )


# --- receipts, links, consent ----------------------------------------------------------------


def delivery(item: Node, sender: Sender) -> Events:
    """Messages delivered: by their ids where Meta names them, else up to a moment."""
    told = item["delivery"]
    at = told["watermark"].moment
    mids = [mid.words for mid in told["mids"]]
    if any(mids):
        status = ReceiptStatus.DELIVERED
        return tuple(Receipt(external_id=mid, status=status, at=at) for mid in mids if mid)
    return _up_to(at, sender, ReceiptStatus.DELIVERED)


def read_mark(item: Node, sender: Sender) -> Events:
    """Messages read, up to a moment."""
    read = item["read"]
    mid = read["mid"].words
    if mid:
        at = item["timestamp"].moment
        return (Receipt(external_id=mid, status=ReceiptStatus.READ, at=at),)
    return _up_to(read["watermark"].moment, sender, ReceiptStatus.READ)


def seen_mark(item: Node, sender: Sender) -> Events:
    """Messages seen, up to one that is named: Instagram tells of the last alone.

    Source: https://developers.facebook.com/docs/instagram-platform/webhooks/examples
    """
    mid, at = item["read"]["mid"].words, item["timestamp"].moment
    if not mid or at is None:
        return read_mark(item, sender)
    return (ReadUpTo(sender=sender, watermark=at, external_id=mid),)


def _up_to(watermark: datetime | None, sender: Sender, status: ReceiptStatus) -> Events:
    if watermark is None:
        said = f"a mark of {status} lacks its watermark"
        return (Unreadable(reason=UnreadableReason.MALFORMED, detail=said),)
    return (ReadUpTo(sender=sender, watermark=watermark, status=status),)


def referral(item: Node, sender: Sender) -> Events:
    """A person came (back) by a link or an advertisement."""
    key = made_key(item, sender, f"referral:{(item['referral']['ref']).words}")
    came_by = referral_of(item["referral"], item, sender=sender, key=key)
    return came_by or (Ignored(reason="event_ignored: a referral that tells nothing"),)


def referral_of(came_by: Node, item: Node, *, sender: Sender, key: str) -> tuple[Referral, ...]:
    """The way a person came, where `came_by` tells one."""
    ref, source = came_by["ref"].words, came_by["source"].words
    ad_id = came_by["ad_id"].words
    if not (ref or source or ad_id):
        return ()
    return (
        Referral(
            sender=sender,
            dedupe_key=key,
            ref=ref or None,
            source=source or None,
            ad_id=ad_id or None,
            at=item["timestamp"].moment,
        ),
    )


def optin(item: Node, sender: Sender) -> Events:
    """Consent to messages given or taken back, with the token to send them by."""
    wish, at = item["optin"], item["timestamp"].moment
    kind = wish["type"].words
    # Meta writes STOP_NOTIFICATIONS in one place and STOP NOTIFICATIONS in another.
    status = wish["notification_messages_status"].words.upper().replace("_", " ")
    token = wish["notification_messages_token"].words or wish["one_time_notif_token"].words
    ref = wish["ref"].words or wish["payload"].words
    key = made_key(item, sender, f"optin:{kind}:{status}:{token or ref}")
    source = kind or "send_to_messenger"
    if status.startswith("STOP"):
        return (OptOut(sender=sender, dedupe_key=key, source=source, at=at),)
    return (
        OptIn(
            sender=sender,
            dedupe_key=key,
            source=source,
            ref=ref or None,
            scope=kind or None,
            token=token or None,
            at=at,
        ),
    )
