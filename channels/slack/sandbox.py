"""Slack played on the loopback, on its real wire format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import JsonValue

from bot.kit import forms, payload, playing, proofs
from bot.model.channel import Answer, Request
from bot.model.phone import PhoneChoice, PhoneShows, ProviderTook
from channels.slack.markup import escaped, unescaped
from channels.slack.sending import Json

if TYPE_CHECKING:
    from datetime import datetime

    from bot.kit.payload import Node
    from bot.model.phone import PhoneWrites
    from channels.slack import Settings

_JSON = "application/json"
_TRUNCATED_AT = 40_000


class Loopback:
    """One app's Slack: sends its events and interactions, takes its calls."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.bot_token.get_secret_value()
        self._secret = settings.secret
        self._app = settings.app_id or "A0SANDBOX"
        self._team = settings.team_id or "T0SANDBOX"

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """What Slack posts: a message event, or the interaction of a press."""
        ts = _ts(at, number)
        if writes.payload is not None:
            form = {"payload": json.dumps(_press(writes, ts))}
            return self._request(forms.write(form.items()), forms.FORM_TYPE, url, at)
        event: Json = {
            "type": "message",
            "channel": f"D{writes.user}",
            "channel_type": "im",
            "user": writes.user,
            "text": escaped(writes.text),
            "ts": ts,
            "event_ts": ts,
        }
        callback: Json = {
            "type": "event_callback",
            "api_app_id": self._app,
            "team_id": self._team,
            "event_id": f"Ev{number:09d}",
            "event_time": int(at.timestamp()),
            "event": event,
        }
        return self._request(json.dumps(callback).encode(), _JSON, url, at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Answer a call of the Web API and show what it sends."""
        del url  # Slack posts no receipts
        if request.header("authorization") != f"Bearer {self._token}":
            return _refusal("invalid_auth")
        if not request.path.endswith("/chat.postMessage"):
            return _refusal("unknown_method")
        asked = payload.read(request.body) or payload.Node()
        user, text = asked["channel"].text, asked["text"].text
        if not user:
            return _refusal("channel_not_found")
        if not text and not asked["blocks"]:
            return _refusal("no_text")
        if len(text) > _TRUNCATED_AT:
            return _refusal("msg_too_long")
        answer: Json = {"ok": True, "channel": f"D{user}", "ts": _ts(request.received_at, number)}
        return ProviderTook(answer=_answered(answer), shows=(_shows(user, asked),))

    def _request(self, body: bytes, mime: str, url: str, at: datetime) -> Request:
        headers: list[tuple[str, str]] = []
        if self._secret is not None:
            sent = str(int(at.timestamp()))
            signature = proofs.slack_signature(secret=self._secret, timestamp=sent, body=body)
            headers += [("x-slack-request-timestamp", sent), ("x-slack-signature", signature)]
        return playing.webhook(url, body=body, at=at, mime=mime, headers=headers)


def _ts(at: datetime, number: int) -> str:
    return f"{int(at.timestamp())}.{number % 1_000_000:06d}"


def _press(writes: PhoneWrites, ts: str) -> Json:
    action: Json = {
        "type": "button",
        "action_id": "choice-0",
        "action_ts": ts,
        "text": {"type": "plain_text", "text": writes.text},
        "value": writes.payload,
    }
    return {
        "type": "block_actions",
        "user": {"id": writes.user, "name": writes.name or "customer"},
        "channel": {"id": f"D{writes.user}", "name": "directmessage"},
        "container": {"type": "message", "message_ts": ts},
        "actions": [action],
    }


def _shows(user: str, message: Node) -> PhoneShows:
    blocks = list(message["blocks"])
    pictures = [block["image_url"].text for block in blocks if block["image_url"]]
    buttons = [button for block in blocks for button in block["elements"]]
    choices = tuple(
        PhoneChoice(
            title=button["text"]["text"].text,
            payload=button["value"].text or None,
            url=button["url"].text or None,
        )
        for button in buttons
    )
    return PhoneShows(
        user=user,
        text="" if pictures else unescaped(message["text"].text),
        choices=choices,
        attachments=tuple(pictures),
    )


def _answered(answer: dict[str, JsonValue]) -> Answer:
    return Answer(body=json.dumps(answer).encode(), content_type=_JSON)


def _refusal(error: str) -> ProviderTook:
    return ProviderTook(answer=_answered({"ok": False, "error": error}))
