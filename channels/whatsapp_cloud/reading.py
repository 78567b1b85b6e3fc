"""From one webhook of the Cloud API to its events.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview.
Every item of every change of every entry is read on its own: one that cannot be read costs none of
the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.kit.meta import webhook
from bot.kit.payload import Node
from bot.model.channel import (
    Echo,
    Ignored,
    Inbound,
    Started,
    Unreadable,
    UnreadableReason,
    Unsupported,
)
from channels.whatsapp_cloud import signals
from channels.whatsapp_cloud.content import content, kind_of, unseen
from channels.whatsapp_cloud.people import known, person, writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.kit.meta.webhook import Events
    from bot.model.channel import ChannelEvent, Sender

_OTHER_ACCOUNT = Ignored(reason="other_account_ignored: meant for another account's phone number")
# What names the message that it is about, by an id that no other number has.
_OF_ANY_NUMBER = frozenset({"edit", "revoke"})
_FRAME = frozenset({"messaging_product", "metadata", "contacts"})

ReadItem = Callable[[Node, Node], "Events"]


def read(said: Node, *, phone_number_id: str) -> Events:
    """All events of a webhook, in order, repeats within it left out."""
    return webhook.distinct(_all(said, phone_number_id))


def _all(said: Node, phone_number_id: str) -> Iterator[ChannelEvent]:
    for entry in said["entry"]:
        for change in entry["changes"]:
            yield from _change(change, phone_number_id)


def _change(change: Node, phone_number_id: str) -> Iterator[ChannelEvent]:
    value, field = change["value"], change["field"].words
    number = value["metadata"]["phone_number_id"].words
    is_ours = number in {"", phone_number_id}
    told = [name for name in value.keys if name not in _FRAME and value[name]]
    if not value.is_object or not told:
        yield Ignored(reason=f"event_ignored: {field[:50] or 'nothing'}")
        return
    for name in told:
        reading = _READINGS.get(name)
        if reading is None:
            yield _left_alone(field, name, value)
            continue
        for item in _items(value[name]):
            if is_ours or name in _OF_THE_BUSINESS or kind_of(item) in _OF_ANY_NUMBER:
                yield from reading(item, value)
            else:
                yield _OTHER_ACCOUNT


def _items(node: Node) -> Iterator[Node]:
    yield from node if node.is_list else (node,)


def _left_alone(field: str, name: str, value: Node) -> Ignored:
    """What is between Meta and the business, or what we do not know."""
    happened = value["event"].words
    line = " ".join(dict.fromkeys(filter(None, (field, happened or name))))
    return Ignored(reason=f"event_ignored: {line}"[:100])


# --- messages --------------------------------------------------------------------------------


def _message(message: Node, value: Node) -> Events:
    if not message.is_object:
        return signals.malformed("a message is no object")
    if message["group_id"]:
        return (Ignored(reason="group_message_ignored: a message to a group"),)
    sender = _mover(message) or writer(message, value["contacts"])
    if sender is None:
        said = "a message does not say who it is from"
        return (Unreadable(reason=UnreadableReason.INVALID_SENDER, detail=said),)
    if message["timestamp"] and message["timestamp"].number is None:
        return signals.malformed("the time of a message is none")
    return _done(message, value, sender, key=_key(message, sender))


def _done(message: Node, value: Node, sender: Sender, *, key: str) -> Events:
    match kind_of(message):
        case "edit":
            return signals.edit(message, sender, key, ours=False)
        case "revoke":
            return signals.revoke(message, sender, key, ours=False)
        case "reaction":
            return signals.reaction(message, sender, key)
        case "system":
            return signals.system(message, sender, key)
        case "request_welcome":
            return (Started(sender=sender, dedupe_key=key, at=message["timestamp"].moment),)
        case _:
            came_by = signals.referral(message, sender, key)
            return (*came_by, _content(message, value, sender, key))


def _content(message: Node, value: Node, sender: Sender, key: str) -> ChannelEvent:
    said, at = content(message), message["timestamp"].moment
    external_id = message["id"].words or None
    if kind_of(message) == "text":
        wish = webhook.asked(said.text, sender, key, at)
        if wish is not None:
            return wish
    if not said:
        return Unsupported(
            sender=sender, dedupe_key=key, external_id=external_id, what=unseen(message), at=at
        )
    return Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=external_id,
        to=value["metadata"]["phone_number_id"].words or None,
        text=said.text,
        attachments=said.attachments,
        at=at,
        reply_to=message["context"]["id"].words or None,
        press=said.press,
        incomplete=bool(said.lacking),
    )


def _mover(message: Node) -> Sender | None:
    """Who changed number or id: by what they were before, which is where we know them."""
    told = message["system"]
    if kind_of(message) != "system":
        return None
    before = (told["previous_user_id"], told["previous_parent_user_id"])
    if told["type"].words == "user_changed_user_id":
        return person((*before, message["from"], message["from_user_id"]))
    return person((told["customer"], message["from"], *before, message["from_user_id"]))


def _key(message: Node, sender: Sender) -> str:
    made = f"{sender.user}:{(message['timestamp']).words}:{kind_of(message)}"
    return message["id"].words or made


# --- what the business itself wrote ----------------------------------------------------------


def _echo(message: Node, value: Node) -> Events:
    """A message from the WhatsApp Business app, or its edit or deletion.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/smb_message_echoes
    """
    recipient, external_id = _recipient(message, value), message["id"].words
    if recipient is None or not external_id:
        return signals.malformed("an echo lacks its recipient or id")
    match kind_of(message):
        case "edit":
            return signals.edit(message, recipient, external_id, ours=True)
        case "revoke":
            return signals.revoke(message, recipient, external_id, ours=True)
        case "reaction" | "system" as kind:
            return (Ignored(reason=f"echo_ignored: {kind}"),)
        case _:
            said, at = content(message), message["timestamp"].moment
            echo = Echo(recipient=recipient.user, external_id=external_id, text=said.text, at=at)
            return (echo.model_copy(update={"attachments": said.attachments}),)


def _recipient(message: Node, value: Node) -> Sender | None:
    business = known(value["metadata"]["display_phone_number"].words)
    ends = [message["to"], message["from"]]
    if business is not None:
        ends = [end for end in ends if known(end.words) != business]
    ids = (message["to_user_id"], message["to_parent_user_id"])
    return person((*ends[:1], *ids), value["contacts"])


def _standby(standby: Node, value: Node) -> Events:
    """Meta's own agent has the conversation: what it says counts, the rest is its affair."""
    echoes = [event for item in standby["message_echoes"] for event in _echo(item, value)]
    if echoes:
        return tuple(echoes)
    return (Ignored(reason="standby_ignored: another app has this conversation"),)


_READINGS: dict[str, ReadItem] = {
    "errors": lambda item, _: (signals.error(item),),
    "messages": _message,
    "statuses": lambda item, value: signals.status(item, value["contacts"]),
    "message_echoes": _echo,
    "standby": _standby,
    "user_preferences": lambda item, value: signals.preference(item, value["contacts"]),
    "user_id_update": lambda item, value: signals.user_id_update(item, value["contacts"]),
}
_OF_THE_BUSINESS = frozenset({"errors", "user_preferences", "user_id_update"})
