"""From one event of Slack's Events API to ours.

Source: https://docs.slack.dev/apis/events-api/ and https://docs.slack.dev/reference/events/message.
What people say in channels is not said to us; what they do to a message names it, wherever it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import consent, media, plain
from bot.model.channel import (
    Attachment,
    AttachmentType,
    ChannelEvent,
    Deleted,
    Echo,
    Edited,
    Ignored,
    Inbound,
    Reacted,
    Unreadable,
    UnreadableReason,
    Unsupported,
)
from channels.slack import markup
from channels.slack.nodes import is_shared, nobody, person

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.kit.payload import Node

# Messages of people; all other subtypes tell what happened in a channel.
_SAID = frozenset({"", "file_share", "me_message", "thread_broadcast"})
_SLACKBOT = "USLACKBOT"
_BROKEN = frozenset({"app_uninstalled", "tokens_revoked"})
_ABSURD_SIZE = 2**53


def read(callback: Node) -> ChannelEvent:
    """The event that a callback is; always exactly one."""
    event = callback["event"]
    kind = event["type"].words[:50]
    if not kind:
        return Unreadable(reason=UnreadableReason.MALFORMED, detail="there is no event in it")
    if kind in _BROKEN:
        return Ignored(reason=f"channel_error: {kind}, Slack takes no more of our calls")
    reading = _READINGS.get(kind)
    if reading is None:
        return Ignored(reason=f"event_ignored: {kind}")
    return reading(callback, event)


def _key(callback: Node, event: Node) -> str:
    """What repeats are known by: `X-Slack-Retry-Num` alone tells no repeat."""
    made = f"{event['channel'].words}:{event['event_ts'].words or event['ts'].words}"
    return callback["event_id"].words or made


def _is_ours(callback: Node, event: Node) -> bool:
    """Whether the bot's user, whom the event was authorized for, is who did it."""
    user = event["user"].text
    bots = [one for one in callback["authorizations"] if one["is_bot"].is_true]
    return bool(user) and any(one["user_id"].text == user for one in bots)


def _is_bots(callback: Node, message: Node) -> bool:
    """Whether a message is a bot's; those of incoming webhooks have a subtype and no bot."""
    by_subtype = message["subtype"].text == "bot_message"
    return by_subtype or bool(message["bot_id"]) or _is_ours(callback, message)


# --- messages --------------------------------------------------------------------------------


def _message(callback: Node, event: Node) -> ChannelEvent:
    subtype = event["subtype"].words[:50]
    if subtype in _CHANGES:
        return _CHANGES[subtype](callback, event)
    if _is_bots(callback, event):
        return _echo(callback, event)
    if subtype not in _SAID:
        return Ignored(reason=f"event_ignored: {subtype}")
    if is_shared(event):
        return Ignored(reason="group_message_ignored")
    if event["user"].text == _SLACKBOT:
        return Ignored(reason="event_ignored: said by Slack itself")
    return _content(callback, event)


def _content(callback: Node, event: Node) -> ChannelEvent:
    sender = person(event["user"].words)
    if sender is None:
        return nobody("a message")
    key, at = _key(callback, event), _when(callback, event)
    ts, text = event["ts"].words, markup.read(event["text"].words)
    carried = _attachments(event)
    if not carried:
        asked = consent.asked(text, sender=sender, key=key, at=at)
        if asked is not None:
            return asked
    external_id = ts or callback["event_id"].words or None
    if not (text or carried):
        what = "empty message"
        return Unsupported(sender=sender, dedupe_key=key, external_id=external_id, what=what, at=at)
    thread = event["thread_ts"].words
    return Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=external_id,
        text=text,
        attachments=carried,
        at=at,
        reply_to=thread if thread and thread != ts else None,
        incomplete=any(not one.url for one in carried),
    )


def _when(callback: Node, event: Node) -> datetime | None:
    return event["ts"].moment or event["event_ts"].moment or callback["event_time"].moment


def _attachments(event: Node) -> tuple[Attachment, ...]:
    files = [_file(file) for file in event["files"] if file.is_object]
    links = [one["from_url"].words.strip() for one in event["attachments"] if one["is_share"]]
    shares = [Attachment(type=AttachmentType.SHARE, url=url) for url in links if plain.is_web(url)]
    return (*files, *shares)


def _file(file: Node) -> Attachment:
    """A file; one that is hidden or was deleted has no address any more."""
    addresses = (file[name].words.strip() for name in ("url_private_download", "url_private"))
    mime, name = file["mimetype"].words or None, file["name"].words
    size = file["size"].integer
    return Attachment(
        type=media.attachment_type(mime, name=name),
        url=next(filter(plain.is_web, addresses), None),
        media_id=file["id"].words or None,
        mime=mime,
        name=name or file["title"].words or None,
        size=size if size is not None and 0 <= size < _ABSURD_SIZE else None,
    )


def _echo(callback: Node, event: Node) -> ChannelEvent:
    """A bot's message, where it is one to somebody and not known to be our own.

    What we sent ourselves is known already; of the chat with one person, an event of it names only
    the chat. Other bots talk in channels: that is of interest where it answers a person.
    """
    recipient, ts = event["parent_user_id"].words, event["ts"].words
    if is_shared(event) and not recipient:
        return Ignored(reason="group_message_ignored: a bot's")
    if not is_shared(event) and _is_own_app(callback, event):
        return Ignored(reason="echo_ignored: our own message")
    recipient = recipient or event["channel"].words
    if not ts or person(recipient) is None:
        return nobody("an echo")
    return Echo(
        recipient=recipient,
        external_id=ts,
        text=markup.read(event["text"].words),
        attachments=_attachments(event),
        app_id=event["app_id"].words or event["bot_id"].words or None,
        at=event["ts"].moment,
    )


def _is_own_app(callback: Node, event: Node) -> bool:
    app = event["app_id"].text or event["bot_profile"]["app_id"].text
    return _is_ours(callback, event) or (bool(app) and app == callback["api_app_id"].text)


def _mention(_: Node, event: Node) -> ChannelEvent:
    """Where the mention is in the chat with one person, it comes as a message as well."""
    return Ignored(
        reason="group_message_ignored: app_mention"
        if is_shared(event)
        else "event_ignored: app_mention"
    )


# --- what is done to a message ---------------------------------------------------------------


def _changed(callback: Node, event: Node) -> ChannelEvent:
    message, before = event["message"], event["previous_message"]
    if message["subtype"].text == "tombstone":
        return _gone(callback, event, ts=message["ts"].words, user=before["user"].words)
    if _is_bots(callback, message):
        return Ignored(reason="echo_ignored: our own message changed")
    text = message["text"].words
    if before and text == before["text"].words:
        return Ignored(reason="event_ignored: message_changed, and its words did not")
    sender, ts = person(message["user"].words), message["ts"].words
    if sender is None or not ts:
        return nobody("an edit")
    return Edited(
        sender=sender,
        dedupe_key=_key(callback, event),
        external_id=ts,
        text=markup.read(text),
        at=message["edited"]["ts"].moment or _when(callback, event),
    )


def _deleted(callback: Node, event: Node) -> ChannelEvent:
    before = event["previous_message"]
    if _is_bots(callback, before):
        return Ignored(reason="echo_ignored: our own message deleted")
    ts = event["deleted_ts"].words or before["ts"].words
    return _gone(callback, event, ts=ts, user=before["user"].words)


def _gone(callback: Node, event: Node, *, ts: str, user: str) -> ChannelEvent:
    sender = person(user)
    if sender is None or not ts:
        return nobody("a deletion")
    return Deleted(
        sender=sender,
        dedupe_key=_key(callback, event),
        external_id=ts,
        at=_when(callback, event),
    )


def _reaction(callback: Node, event: Node) -> ChannelEvent:
    """A reaction by its name, as Slack gives it (`thumbsup`)."""
    if _is_ours(callback, event):
        return Ignored(reason="echo_ignored: our own reaction")
    ts = event["item"]["ts"].words
    if not ts:
        return Ignored(reason="event_ignored: a reaction to no message")
    sender = person(event["user"].words)
    if sender is None:
        return nobody("a reaction")
    taken = event["type"].text == "reaction_removed"
    made = f"{event['item']['channel'].words}:{ts}:{event['event_ts'].words}"
    return Reacted(
        sender=sender,
        dedupe_key=callback["event_id"].words or made,
        external_id=ts,
        emoji="" if taken else event["reaction"].words or "reaction",
        at=event["event_ts"].moment or callback["event_time"].moment,
    )


_CHANGES: dict[str, Callable[[Node, Node], ChannelEvent]] = {
    "message_changed": _changed,
    "message_deleted": _deleted,
}
_READINGS: dict[str, Callable[[Node, Node], ChannelEvent]] = {
    "message": _message,
    "app_mention": _mention,
    "reaction_added": _reaction,
    "reaction_removed": _reaction,
}
