"""LINE played on the loopback, on its real wire format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import JsonValue

from bot.kit import payload, playing, proofs
from bot.kit.split import measure
from bot.model.channel import Answer, Request, TextUnit
from bot.model.phone import PhoneChoice, PhoneShows, ProviderTook
from channels.line.presses import packed, unpacked
from channels.line.sending import LONGEST_TEXT, Json

if TYPE_CHECKING:
    from datetime import datetime

    from bot.kit.payload import Node
    from bot.model.phone import PhoneWrites
    from channels.line import Settings

_JSON = "application/json"
_MOST_MESSAGES = 5
_TOKEN = "reply-"  # noqa: S105  # what our tokens begin with


class Loopback:
    """One account's LINE: sends its webhooks, takes its calls."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.access_token.get_secret_value()
        self._secret = settings.secret
        self._bot = settings.bot_user_id or "U0"

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook that LINE posts: a message or a postback, with a reply token."""
        said: Json
        if writes.payload is None:
            text = {"id": str(500_000_000 + number), "type": "text", "text": writes.text}
            said = {"type": "message", "message": dict[str, JsonValue](text)}
        else:
            data = packed(writes.payload, writes.text) or writes.payload
            said = {"type": "postback", "postback": {"data": data}}
        event: Json = {
            **said,
            "mode": "active",
            "timestamp": int(at.timestamp() * 1000),
            "source": {"type": "user", "userId": writes.user},
            "webhookEventId": f"01SANDBOX{number:017d}",
            "deliveryContext": {"isRedelivery": False},
            # The user's name is in it: whoever answers by it is shown on this phone.
            "replyToken": f"{_TOKEN}{number}-{writes.user}",
        }
        body = json.dumps({"destination": self._bot, "events": [event]}).encode()
        headers: list[tuple[str, str]] = []
        if self._secret is not None:
            signature = proofs.line_signature(secret=self._secret, body=body)
            headers.append(("x-line-signature", signature))
        return playing.webhook(url, body=body, at=at, mime=_JSON, headers=headers)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Answer a call of the Messaging API and show what it sends."""
        del url  # LINE posts no receipts
        if request.header("authorization") != f"Bearer {self._token}":
            return _refusal(401, "Authentication failed. Confirm that the token is correct.")
        if request.path.endswith("/content"):
            return ProviderTook(answer=Answer(body=b"file", content_type="image/jpeg"))
        asked = payload.read(request.body) or payload.Node()
        if request.path.endswith("/v2/bot/message/push"):
            user = asked["to"].text
        elif request.path.endswith("/v2/bot/message/reply"):
            user = _answered(asked["replyToken"].text)
            if not user:
                return _refusal(400, "Invalid reply token")
        else:
            return _refusal(404, "Not found")
        return _sent(user, list(asked["messages"]), number)


def _answered(token: str) -> str:
    """Whose message a reply token answers, empty when it is none of ours."""
    return token.removeprefix(_TOKEN).partition("-")[2] if token.startswith(_TOKEN) else ""


def _sent(user: str, messages: list[Node], number: int) -> ProviderTook:
    if not user or not 1 <= len(messages) <= _MOST_MESSAGES:
        return _refusal(400, "The request body has 1 error(s)")
    if any(measure(one["text"].text, TextUnit.UTF16) > LONGEST_TEXT for one in messages):
        return _refusal(400, "Length must be between 0 and 5000")
    ids: list[JsonValue] = [{"id": f"{number}0{nth}"} for nth in range(len(messages))]
    return ProviderTook(
        answer=Answer(body=json.dumps({"sentMessages": ids}).encode(), content_type=_JSON),
        shows=tuple(_shows(user, one) for one in messages),
    )


def _shows(user: str, message: Node) -> PhoneShows:
    choices = tuple(_choice(item["action"]) for item in message["quickReply"]["items"])
    place = ",".join(filter(None, [message["latitude"].text, message["longitude"].text]))
    sticker = "/".join(filter(None, [message["packageId"].text, message["stickerId"].text]))
    attached = filter(None, [message["originalContentUrl"].text, place, sticker])
    return PhoneShows(
        user=user, text=message["text"].text, choices=choices, attachments=tuple(attached)
    )


def _choice(action: Node) -> PhoneChoice:
    data, _ = unpacked(action["data"].text)
    return PhoneChoice(
        title=action["displayText"].text or action["text"].text or action["label"].text,
        payload=data or None,
        url=action["uri"].text or None,
    )


def _refusal(status: int, why: str) -> ProviderTook:
    body = json.dumps({"message": why}).encode()
    return ProviderTook(answer=Answer(status=status, body=body, content_type=_JSON))
