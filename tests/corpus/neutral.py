"""Our events in the corpus's words."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from bot.model.channel import (
    Attachment,
    ChannelEvent,
    Deleted,
    Echo,
    Edited,
    HelpKeyword,
    IdentityChanged,
    Ignored,
    Inbound,
    OptIn,
    OptOut,
    Press,
    PressKind,
    Reacted,
    ReadUpTo,
    Receipt,
    Referral,
    Sender,
    Started,
    Unsupported,
)
from tests.corpus.compare import digits

_OWN_KIND = frozenset({"telegram", "messenger", "instagram", "line", "viber", "slack"})
_EVENT_TYPES: dict[type, str] = {
    OptOut: "opt_out",
    OptIn: "opt_in",
    HelpKeyword: "help_keyword",
    Started: "conversation_started",
    Referral: "referral",
    Edited: "edit",
    Deleted: "delete",
    Reacted: "reaction",
    ReadUpTo: "read",
    Unsupported: "unsupported",
    IdentityChanged: "identity_change",
}
# How our reasons for leaving something alone begin or what they speak of.
_IGNORED_WORDS = {
    "group_message_ignored": ("group", "channel post", "supergroup"),
    "other_account_ignored": ("other account", "another page", "another account", "other page"),
    "channel_error": ("error",),
    "interaction": ("interaction",),
    "ignored": ("",),
}


def message(event: Inbound, channel: str) -> dict[str, Any]:
    who = event.sender
    return {
        "external_id": event.external_id,
        "dedupe_key": event.dedupe_key,
        "from": who.user,
        "from_kind": from_kind(who, channel),
        "from_alt": list(who.aliases),
        "to": event.to,
        "contact_name": who.name,
        "username": who.username,
        "text": event.text,
        "attachments": [attachment(each) for each in event.attachments],
        "timestamp": _iso(event.at),
        "reply_to": event.reply_to,
        "reply_token": event.reply_token,
        "payload": _payload(event.press),
        "payload_kind": event.press.kind.value if event.press else None,
    }


def from_kind(who: Sender, channel: str) -> str:
    if channel in _OWN_KIND:
        return channel
    is_number = who.user.removeprefix("+").isdecimal()
    return "phone" if is_number and digits(who.phone or who.user) == digits(who.user) else "bsuid"


def attachment(each: Attachment) -> dict[str, Any]:
    return {key: value for key, value in each.model_dump(mode="json").items() if value is not None}


def echo(event: Echo) -> dict[str, Any]:
    return {
        "external_id": event.external_id,
        "to": event.recipient,
        "text": event.text,
        "attachments": [attachment(each) for each in event.attachments],
        "timestamp": _iso(event.at),
    }


def receipt(event: Receipt) -> dict[str, Any]:
    return {
        "external_id": event.external_id,
        "status": event.status.value,
        "timestamp": _iso(event.at),
        "error_code": event.error_code,
        "error_title": event.error_title,
        "client_ref": event.client_ref,
    }


def events(event: ChannelEvent) -> list[dict[str, Any]]:
    """What one of our events counts as; an ignored thing counts as each type its reason names."""
    if isinstance(event, Ignored):
        reason = event.reason.lower()
        return [
            {"type": kind, "reason": event.reason}
            for kind, words in _IGNORED_WORDS.items()
            if any(word in reason for word in words)
        ]
    kind = _EVENT_TYPES.get(type(event))
    if kind is None:
        return []
    if isinstance(event, IdentityChanged) and event.new_identity is None:
        kind = "identity_verify"
    return [{"type": kind, **_fields(event)}]


def _fields(event: ChannelEvent) -> dict[str, Any]:
    fields = event.model_dump(mode="json", exclude={"kind", "sender"})
    who = getattr(event, "sender", None)
    if isinstance(who, Sender):
        fields |= {"from": who.user, "contact_name": who.name}
    if isinstance(event, Reacted):
        fields["action"] = "react" if event.emoji else "unreact"
    if isinstance(event, Referral):
        fields |= {"source_id": event.ad_id, "click_id": event.ref}
    if isinstance(event, Edited | Deleted):
        fields["direction"] = "out" if event.ours else "in"
    fields["timestamp"] = _iso(getattr(event, "at", None))
    return fields


def provider_type_named(expected: dict[str, Any], actual: dict[str, Any]) -> bool:
    """Whether the reason of an ignored thing names the provider's type, where one is expected."""
    wanted = expected.get("provider_type")
    if wanted is None:
        return True
    reason = str(actual.get("reason", "")).lower().replace("_", "").replace(" ", "")
    return str(wanted).lower().replace("_", "") in reason


def _payload(press: Press | None) -> object:
    if press is None:
        return None
    if press.kind is PressKind.FORM:
        return dict(press.fields) or _parsed(press.payload)
    if press.kind is PressKind.LIST and press.payload.startswith("["):
        return _parsed(press.payload)  # several were chosen
    return press.payload


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
