"""What a person did without saying anything: edits, reactions, receipts, links, consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.meta.messaging.parties import made_key
from bot.kit.meta.nodes import text_of, time_of
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
    mid = text_of(change["mid"])
    if not mid:
        return (Unreadable(reason=UnreadableReason.MALFORMED, detail="an edit lacks its mid"),)
    times = text_of(change["num_edit"]) or text_of(item["timestamp"])
    return (
        Edited(
            sender=sender,
            dedupe_key=f"{mid}:edit:{times}",
            external_id=mid,
            text=text_of(change["text"]),
            at=time_of(item["timestamp"]),
        ),
    )


def reaction(item: Node, sender: Sender) -> Events:
    """A reaction put on a message, or taken away."""
    mark = item["reaction"]
    mid, taken = text_of(mark["mid"]), mark["action"].text == "unreact"
    if not mid:
        return (Unreadable(reason=UnreadableReason.MALFORMED, detail="a reaction lacks its mid"),)
    name = text_of(mark["reaction"])
    emoji = text_of(mark["emoji"]) or _EMOJI.get(name, name or "reaction")
    return (
        Reacted(
            sender=sender,
            dedupe_key=made_key(item, sender, f"reaction:{mid}:{'' if taken else emoji}"),
            external_id=mid,
            emoji="" if taken else emoji,
            at=time_of(item["timestamp"]),
        ),
    )


# --- receipts, links, consent ----------------------------------------------------------------


def delivery(item: Node, sender: Sender) -> Events:
    """Messages delivered: by their ids where Meta names them, else up to a moment."""
    told = item["delivery"]
    at = time_of(told["watermark"])
    mids = [text_of(mid) for mid in told["mids"]]
    if any(mids):
        status = ReceiptStatus.DELIVERED
        return tuple(Receipt(external_id=mid, status=status, at=at) for mid in mids if mid)
    return _up_to(at, sender, ReceiptStatus.DELIVERED)


def read_mark(item: Node, sender: Sender) -> Events:
    """Messages read, up to a moment."""
    read = item["read"]
    mid = text_of(read["mid"])
    if mid:
        at = time_of(item["timestamp"])
        return (Receipt(external_id=mid, status=ReceiptStatus.READ, at=at),)
    return _up_to(time_of(read["watermark"]), sender, ReceiptStatus.READ)


def seen_mark(item: Node, sender: Sender) -> Events:
    """Messages seen, up to one that is named: Instagram tells of the last alone.

    Source: https://developers.facebook.com/docs/instagram-platform/webhooks/examples
    """
    mid, at = text_of(item["read"]["mid"]), time_of(item["timestamp"])
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
    key = made_key(item, sender, f"referral:{text_of(item['referral']['ref'])}")
    came_by = referral_of(item["referral"], item, sender=sender, key=key)
    return came_by or (Ignored(reason="event_ignored: a referral that tells nothing"),)


def referral_of(came_by: Node, item: Node, *, sender: Sender, key: str) -> tuple[Referral, ...]:
    """The way a person came, where `came_by` tells one."""
    ref, source = text_of(came_by["ref"]), text_of(came_by["source"])
    ad_id = text_of(came_by["ad_id"])
    if not (ref or source or ad_id):
        return ()
    return (
        Referral(
            sender=sender,
            dedupe_key=key,
            ref=ref or None,
            source=source or None,
            ad_id=ad_id or None,
            at=time_of(item["timestamp"]),
        ),
    )


def optin(item: Node, sender: Sender) -> Events:
    """Consent to messages given or taken back, with the token to send them by."""
    wish, at = item["optin"], time_of(item["timestamp"])
    kind = text_of(wish["type"])
    # Meta writes STOP_NOTIFICATIONS in one place and STOP NOTIFICATIONS in another.
    status = text_of(wish["notification_messages_status"]).upper().replace("_", " ")
    token = text_of(wish["notification_messages_token"]) or text_of(wish["one_time_notif_token"])
    ref = text_of(wish["ref"]) or text_of(wish["payload"])
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
