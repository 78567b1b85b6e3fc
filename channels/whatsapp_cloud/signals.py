"""What is no message: receipts, preferences, changed numbers, errors of the account.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.channel import (
    Deleted,
    Edited,
    IdentityChanged,
    Ignored,
    OptIn,
    OptOut,
    Reacted,
    Receipt,
    ReceiptStatus,
    Referral,
    Unreadable,
    UnreadableReason,
)
from channels.whatsapp_cloud.content import content
from channels.whatsapp_cloud.people import known, person

if TYPE_CHECKING:
    from bot.kit.meta.webhook import Events
    from bot.kit.payload import Node
    from bot.model.channel import Sender

OPTED_OUT = "131050"

_STATUSES = {
    "sent": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "read": ReceiptStatus.READ,
    "played": ReceiptStatus.READ,
    "failed": ReceiptStatus.FAILED,
}
# What became of a message that says nothing of how far it came.
_OTHER_STATUSES = frozenset({"deleted", "warning", "accepted", "held_for_quality_assessment"})
_MARKETING = "marketing_messages"
_MOVED = frozenset({"user_changed_number", "customer_changed_number", "user_changed_user_id"})
_NEW_DEVICE = frozenset({"customer_identity_changed", "user_identity_changed"})
_NEW_IDS = ("wa_id", "new_wa_id", "user_id", "parent_user_id")
_LONGEST = 300


def malformed(detail: str) -> Events:
    """Proven, and not to be read."""
    return (Unreadable(reason=UnreadableReason.MALFORMED, detail=detail),)


# --- receipts --------------------------------------------------------------------------------


def status(node: Node, contacts: Node) -> Events:
    """How far a message has come, or why it did not.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
    """
    external_id, word = node["id"].words, node["status"].words.strip().lower()
    if not external_id or not word:
        return malformed("a status lacks its message's id or the status")
    if word in _OTHER_STATUSES or node["type"].words == "payment":
        return (Ignored(reason=f"status_ignored: {word[:50]}"),)
    if word not in _STATUSES:
        return (Unreadable(reason=UnreadableReason.UNKNOWN_STATUS, detail=word[:100]),)
    error = node["errors"][0]
    code = error["code"].words or None
    at = node["timestamp"].moment
    receipt = Receipt(
        external_id=external_id,
        status=_STATUSES[word],
        at=at,
        error_code=code,
        error_title=error["title"].words or error["message"].words or None,
    )
    names = ("recipient_id", "recipient_user_id", "parent_recipient_user_id")
    who = person((node[name] for name in names), contacts) if code == OPTED_OUT else None
    if who is None:
        return (receipt,)
    key, source = f"{external_id}:{OPTED_OUT}", f"whatsapp:{OPTED_OUT}"
    return (receipt, OptOut(sender=who, dedupe_key=key, source=source, scope=_MARKETING, at=at))


def preference(node: Node, contacts: Node) -> Events:
    """Marketing stopped or allowed in WhatsApp's own settings, which hold for the whole business.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/user_preferences
    """
    who = person((node[name] for name in ("wa_id", "user_id", "parent_user_id")), contacts)
    if who is None:
        said = "a preference does not say whose it is"
        return (Unreadable(reason=UnreadableReason.INVALID_SENDER, detail=said),)
    wish, scope = node["value"].words.strip().lower(), node["category"].words or None
    key = f"{who.user}:{scope}:{wish}:{(node['timestamp']).words}"
    source, at = f"whatsapp:{wish}"[:100], node["timestamp"].moment
    match wish:
        case "stop":
            return (OptOut(sender=who, dedupe_key=key, source=source, scope=scope, at=at),)
        case "resume" | "signup":
            ref = node["signup_id"].words or None
            return (OptIn(sender=who, dedupe_key=key, source=source, scope=scope, ref=ref, at=at),)
        case _:
            return (Ignored(reason=f"preference_ignored: {wish[:50]}"),)


def error(node: Node) -> Ignored:
    """Something is wrong with the app or the account: an operator has to know."""
    told = [node[name].words for name in ("code", "title", "message")]
    details = node["error_data"]["details"].words
    line = " ".join(dict.fromkeys(filter(None, [*told, details])))
    return Ignored(reason=f"channel_error: {line}"[:_LONGEST])


# --- what happened to a message --------------------------------------------------------------


def edit(message: Node, sender: Sender, key: str, *, ours: bool) -> Events:
    """An earlier message changed; of a file only the caption can."""
    change = message["edit"]
    external_id = change["original_message_id"].words
    if not external_id:
        return malformed("an edit does not say of which message")
    return (
        Edited(
            sender=sender,
            dedupe_key=key,
            external_id=external_id,
            text=content(change["message"]).text,
            ours=ours,
            at=message["timestamp"].moment,
        ),
    )


def revoke(message: Node, sender: Sender, key: str, *, ours: bool) -> Events:
    """An earlier message was taken back."""
    external_id = message["revoke"]["original_message_id"].words
    if not external_id:
        return malformed("a deletion does not say of which message")
    at = message["timestamp"].moment
    return (Deleted(sender=sender, dedupe_key=key, external_id=external_id, ours=ours, at=at),)


def reaction(message: Node, sender: Sender, key: str) -> Events:
    """A reaction put on a message, or taken away (without an emoji)."""
    mark = message["reaction"]
    external_id = mark["message_id"].words
    if not external_id:
        return malformed("a reaction does not say to which message")
    return (
        Reacted(
            sender=sender,
            dedupe_key=key,
            external_id=external_id,
            emoji=mark["emoji"].words,
            at=message["timestamp"].moment,
        ),
    )


def referral(message: Node, sender: Sender, key: str) -> tuple[Referral, ...]:
    """The advertisement or post by which the person came to write this."""
    came_by = message["referral"]
    source, place = came_by["source_type"].words, came_by["source_url"].words
    ad_id, click = came_by["source_id"].words, came_by["ctwa_clid"].words
    if not (source or place or ad_id or click):
        return ()
    return (
        Referral(
            sender=sender,
            dedupe_key=f"{key}:referral",
            ref=click or place or None,
            source=source or None,
            ad_id=ad_id or None,
            at=message["timestamp"].moment,
        ),
    )


# --- what happened to a person ---------------------------------------------------------------


def system(message: Node, sender: Sender, key: str) -> Events:
    """A person has another number or user id from now on, or another telephone.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/system
    """
    told = message["system"]
    kind = told["type"].words
    if kind in _NEW_DEVICE:
        return (IdentityChanged(sender=sender, dedupe_key=key, at=message["timestamp"].moment),)
    new = [who.user for name in _NEW_IDS if (who := known(told[name].words)) is not None]
    new = [user for user in dict.fromkeys(new) if user != sender.user]
    if kind not in _MOVED or not new:
        return (Ignored(reason=f"event_ignored: system {kind[:50]}"),)
    aliases = tuple(dict.fromkeys((*sender.aliases, *new)))
    return (
        IdentityChanged(
            sender=sender.model_copy(update={"aliases": aliases}),
            dedupe_key=key,
            new_identity=new[0],
            at=message["timestamp"].moment,
        ),
    )


def user_id_update(node: Node, contacts: Node) -> Events:
    """A person's user id was replaced, in the words of before it was a system message."""
    ids, parents = node["user_id"], node["parent_user_id"]
    who = person((node["wa_id"], ids["previous"], parents["previous"]), contacts)
    new = known(ids["current"].words)
    if who is None or new is None:
        said = "an update of a user id does not say whose it is or what it becomes"
        return (Unreadable(reason=UnreadableReason.INVALID_SENDER, detail=said),)
    aliases = tuple(dict.fromkeys((*who.aliases, new.user)))
    return (
        IdentityChanged(
            sender=who.model_copy(update={"aliases": aliases}),
            dedupe_key=f"{who.user}:{new.user}:{(node['timestamp']).words}",
            new_identity=new.user,
            at=node["timestamp"].moment,
        ),
    )
