"""Viber played on the loopback, on its real wire format."""

from __future__ import annotations

import hmac
import html
import json
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import JsonValue

from bot.kit import payload, playing, proofs
from bot.kit.split import measure
from bot.model.channel import Answer, Request, TextUnit
from bot.model.phone import PhoneChoice, PhoneShows, ProviderTook
from channels.viber.sending import LONGEST_TEXT, Json
from channels.viber.tracking import payload_of, tracked

if TYPE_CHECKING:
    from datetime import datetime

    from bot.kit.payload import Node
    from bot.model.phone import PhoneWrites
    from channels.viber import Settings

_JSON = "application/json"
_TOKENS_FROM = 4_912_661_846_655_238_145


class Loopback:
    """One bot's Viber: sends its callbacks, takes its calls, reports what became of them."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token
        self._secret = settings.secret

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The callback that Viber posts: a message, or the start of a chat by a link."""
        who: Json = {
            "id": writes.user,
            "name": writes.name or "Customer",
            "language": "sv",
            "country": "SE",
            "api_version": 10,
        }
        if writes.ref is not None:
            event: Json = {"event": "conversation_started", "type": "open", "context": writes.ref}
            return self._callback({**event, "user": who, "subscribed": False}, url, at, number)
        message: Json = {"type": "text", "text": writes.text}
        if writes.payload is not None:
            message["tracking_data"] = tracked({writes.text: writes.payload}) or ""
        return self._callback(
            {"event": "message", "sender": who, "message": message}, url, at, number
        )

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Answer a call of the API and show what it sends; then come its receipts."""
        asked = payload.read(request.body) or payload.Node()
        if not hmac.compare_digest(
            (request.header("x-viber-auth-token") or "").encode(), self._token.encode()
        ):
            return _answered(2, "invalidAuthToken")
        user = asked["receiver"].text
        if not request.path.endswith("/pa/send_message") or not user or not asked["type"]:
            return _answered(4, "missingData")
        if measure(asked["text"].text, TextUnit.UTF16) > LONGEST_TEXT:
            return _answered(3, "badData")
        token = _TOKENS_FROM + number
        later = request.received_at + timedelta(seconds=1)
        reports = tuple(
            self._callback({"event": event, "user_id": user}, url, later, number)
            for event in ("delivered", "seen")
        )
        took = _answered(0, "ok", message_token=token)
        return took.model_copy(update={"shows": (_shows(user, asked),), "webhooks": reports})

    def _callback(self, event: Json, url: str, at: datetime, number: int) -> Request:
        times: Json = {
            "timestamp": int(at.timestamp() * 1000),
            "message_token": _TOKENS_FROM + number,
        }
        body = json.dumps({**event, **times}).encode()
        headers: list[tuple[str, str]] = []
        if self._secret is not None:
            signature = proofs.viber_signature(token=self._secret, body=body)
            headers.append(("x-viber-content-signature", signature))
        return playing.webhook(url, body=body, at=at, mime=_JSON, headers=headers)


def _shows(user: str, message: Node) -> PhoneShows:
    data = message["tracking_data"].text
    choices = tuple(_choice(one, data) for one in message["keyboard"]["Buttons"])
    point = [message["location"][name].text for name in ("lat", "lon")]
    attached = [
        message["media"].text,
        ",".join(filter(None, point)),
        message["contact"]["phone_number"].text,
        message["sticker_id"].text,
    ]
    return PhoneShows(
        user=user,
        text=message["text"].text,
        choices=choices,
        attachments=tuple(filter(None, attached)),
    )


def _choice(button: Node, data: str) -> PhoneChoice:
    body, opens = button["ActionBody"].text, button["ActionType"].text == "open-url"
    return PhoneChoice(
        title=html.unescape(button["Text"].text),
        payload=None if opens else payload_of(data, body),
        url=body if opens else None,
    )


def _answered(status: int, message: str, **more: JsonValue) -> ProviderTook:
    body = json.dumps({"status": status, "status_message": message, **more}).encode()
    return ProviderTook(answer=Answer(body=body, content_type=_JSON))
