"""From one webhook of Messenger or Instagram to its events.

Source: https://developers.facebook.com/docs/messenger-platform/reference/webhook-events and
https://developers.facebook.com/docs/instagram-platform/webhooks/examples. Every item of every entry
is read on its own: one that cannot be read costs none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from bot.kit.meta import webhook
from bot.kit.meta.messaging import signals
from bot.kit.meta.messaging.attachments import carried
from bot.kit.meta.messaging.parties import made_key, party_id, sender_of
from bot.kit.payload import Node
from bot.kit.text import clean
from bot.model.channel import (
    ChannelEvent,
    Deleted,
    Echo,
    Ignored,
    Inbound,
    Press,
    PressKind,
    Sender,
    Unreadable,
    UnreadableReason,
    Unsupported,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_FRAME = frozenset({"sender", "recipient", "timestamp", "prior_message"})

Events = tuple[ChannelEvent, ...]
ReadItem = Callable[[Node, Sender], Events]


class Reading(NamedTuple):
    """Whose webhooks are read: the account's id, what such an account is called, and how."""

    account: str
    called: str
    readings: Mapping[str, ReadItem]

    @property
    def elsewhere(self) -> Ignored:
        """Something for another account."""
        return Ignored(reason=f"other_account_ignored: meant for another {self.called}")


def read_page(said: Node, *, page_id: str) -> Events:
    """All events of a page's webhook, in order, repeats within it left out."""
    return webhook.distinct(_all(said, Reading(page_id, "page", _READINGS)))


def read_instagram(said: Node, *, account_id: str) -> Events:
    """All events of an Instagram account's webhook, in order, repeats within it left out."""
    return webhook.distinct(_all(said, Reading(account_id, "account", _ON_INSTAGRAM)))


def _all(said: Node, whose: Reading) -> Iterator[ChannelEvent]:
    for entry in said["entry"]:
        if entry["id"].text != whose.account:
            yield whose.elsewhere
            continue
        for item in entry["messaging"]:
            yield from _item(item, whose)
        for item in entry["standby"]:
            yield from _standby(item, whose)
        if entry["changes"]:
            yield Ignored(reason=f"{whose.called}_change_ignored")


# --- one item --------------------------------------------------------------------------------


def _item(item: Node, whose: Reading) -> Events:
    if item["message"]["is_echo"].is_true:
        return _echo(item, whose)
    if party_id(item["recipient"]) not in {"", whose.account}:
        return (whose.elsewhere,)
    reading = next((reading for name, reading in whose.readings.items() if item[name]), None)
    if reading is None:
        return (_not_said(item),)
    sender = sender_of(item)
    if sender is None:
        said = "an item does not say who it is from"
        return (Unreadable(reason=UnreadableReason.INVALID_SENDER, detail=said),)
    return reading(item, sender)


def _not_said(item: Node) -> Ignored:
    """What is between Meta and the apps of a page, or what we do not know."""
    enforced = item["policy_enforcement"]
    if enforced:
        # Meta limits the page or lifts the limit: an operator has to know.
        action, why = enforced["action"].words, enforced["reason"].words
        return Ignored(reason=f"channel_error: policy_enforcement {action}: {why}"[:300])
    other = next((name for name in item.keys if name not in _FRAME), "nothing")
    return Ignored(reason=clean(f"event_ignored: {other[:50]}"))


def _standby(item: Node, whose: Reading) -> Events:
    """Another app has the conversation: what the business says counts, the rest is its affair."""
    if item["message"]["is_echo"].is_true:
        return _echo(item, whose)
    if item["read"] or item["delivery"]:
        return _item(item, whose)
    return (Ignored(reason="standby_ignored: another app has this conversation"),)


def _echo(item: Node, whose: Reading) -> Events:
    if party_id(item["sender"]) not in {"", whose.account}:
        return (whose.elsewhere,)
    message, recipient = item["message"], party_id(item["recipient"])
    if recipient == whose.account:
        return (Ignored(reason=f"echo_ignored: the {whose.called} wrote to itself"),)
    external_id = message["mid"].words
    if not recipient or not external_id:
        said = "an echo lacks its recipient or mid"
        return (Unreadable(reason=UnreadableReason.MALFORMED, detail=said),)
    if message["is_deleted"].is_true:
        return (_deleted(item, Sender(user=recipient), external_id, ours=True),)
    return (
        Echo(
            recipient=recipient,
            external_id=external_id,
            text=message["text"].words,
            attachments=carried(message).attachments,
            app_id=message["app_id"].words or None,
            at=item["timestamp"].moment,
        ),
    )


# --- messages and presses --------------------------------------------------------------------


def _message(item: Node, sender: Sender) -> Events:
    message = item["message"]
    key = message["mid"].words or made_key(item, sender, "message")
    if message["is_deleted"].is_true:
        return (_deleted(item, sender, key, ours=False),)
    came_by = signals.referral_of(message["referral"], item, sender=sender, key=f"{key}:referral")
    return (*came_by, _content(item, sender, key))


def _deleted(item: Node, sender: Sender, external_id: str, *, ours: bool) -> Deleted:
    return Deleted(
        sender=sender,
        dedupe_key=f"{external_id}:deleted",
        external_id=external_id,
        ours=ours,
        at=item["timestamp"].moment,
    )


def _content(item: Node, sender: Sender, key: str) -> ChannelEvent:
    message, at = item["message"], item["timestamp"].moment
    text, external_id = message["text"].words, message["mid"].words or None
    attachments, lacking = carried(message)
    press = _quick_reply(message)
    if text and not attachments and press is None:
        asked = webhook.asked(text, sender, key, at)
        if asked is not None:
            return asked
    if not (text or attachments or press):
        what = ", ".join(lacking) or "empty message"
        return Unsupported(sender=sender, dedupe_key=key, external_id=external_id, what=what, at=at)
    return Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=external_id,
        to=party_id(item["recipient"]) or None,
        text=text,
        attachments=attachments,
        at=at,
        reply_to=message["reply_to"]["mid"].words or None,
        press=press,
        # A link's preview without a link says no more than the text that has it.
        incomplete=any(what != "fallback" for what in lacking),
    )


def _quick_reply(message: Node) -> Press | None:
    payload = message["quick_reply"]["payload"].words
    return Press(kind=PressKind.QUICK_REPLY, payload=payload) if payload else None


def _postback(item: Node, sender: Sender) -> Events:
    postback = item["postback"]
    payload, mid = postback["payload"].words, postback["mid"].words
    key = mid or made_key(item, sender, f"postback:{payload}")
    press = Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=mid or None,
        to=party_id(item["recipient"]) or None,
        text=postback["title"].words,
        at=item["timestamp"].moment,
        press=Press(kind=PressKind.POSTBACK, payload=payload),
    )
    return (
        *signals.referral_of(postback["referral"], item, sender=sender, key=f"{key}:referral"),
        press,
    )


_READINGS: dict[str, ReadItem] = {
    "message": _message,
    "postback": _postback,
    "message_edit": signals.edit,
    "reaction": signals.reaction,
    "delivery": signals.delivery,
    "read": signals.read_mark,
    "optin": signals.optin,
    "referral": signals.referral,
}
_ON_INSTAGRAM = {**_READINGS, "read": signals.seen_mark}
