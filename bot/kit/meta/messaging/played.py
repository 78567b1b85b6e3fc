"""Messenger or Instagram played on the loopback, on their real wire format."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.kit import payload, playing, proofs
from bot.kit.split import measure
from bot.model.channel import Answer, Request
from bot.model.phone import PhoneChoice, PhoneShows, ProviderTook

if TYPE_CHECKING:
    from datetime import datetime

    from bot.kit.meta.graph import Json
    from bot.kit.meta.messaging.sending import Carrier
    from bot.kit.meta.messaging.settings import MessagingSettings
    from bot.kit.payload import Node
    from bot.model.phone import PhoneWrites

_APP_ID = 1517776481860111
_JSON = "application/json"


class Played:
    """One account of a service: sends its webhooks, takes its calls, reports what became of them.

    `known`: what the service's webhooks say that they are about.
    """

    def __init__(
        self, settings: MessagingSettings, *, known: str, account: str, carrier: Carrier
    ) -> None:
        self._known, self._page, self._carrier = known, account, carrier
        self._token = settings.access_token.get_secret_value()
        self._secret = settings.secret

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook that Meta posts: a message, a quick reply or a referral."""
        item: Json
        if writes.ref is not None:
            item = {"referral": {"ref": writes.ref, "source": "SHORTLINK", "type": "OPEN_THREAD"}}
        else:
            message: Json = {"mid": f"m_in{number}", "text": writes.text}
            if writes.payload is not None:
                message["quick_reply"] = {"payload": writes.payload}
            item = {"message": message}
        return self._webhook(
            {"sender": {"id": writes.user}, "recipient": {"id": self._page}, **item}, url, at
        )

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Answer a call of the Send API; then come its echo, its delivery and its reading."""
        if request.header("authorization") != f"Bearer {self._token}":
            return ProviderTook(answer=_error(190, "Invalid OAuth access token."))
        asked = payload.read(request.body) or payload.Node()
        user = asked["recipient"]["id"].text or asked["recipient"]["user_ref"].text
        message = asked["message"]
        if not request.path.endswith("/me/messages") or not user or not message:
            return ProviderTook(answer=_error(100, "Invalid parameter"))
        if measure(message["text"].text, self._carrier.unit) > self._carrier.longest:
            return ProviderTook(answer=_error(100, "Length of param message[text] is too long"))
        mid = f"m_out{number}"
        answer: Json = {"recipient_id": user, "message_id": mid}
        return ProviderTook(
            answer=Answer(body=json.dumps(answer).encode(), content_type=_JSON),
            shows=(_shows(user, message),),
            webhooks=self._reports(user, mid, _text(message), url=url, at=request.received_at),
        )

    def _reports(
        self, user: str, mid: str, text: str, *, url: str, at: datetime
    ) -> tuple[Request, ...]:
        ends: Json = {"sender": {"id": user}, "recipient": {"id": self._page}}
        back: Json = {"sender": {"id": self._page}, "recipient": {"id": user}}
        echo: Json = {"mid": mid, "is_echo": True, "app_id": _APP_ID, "text": text}
        later = at + timedelta(seconds=1)
        watermark = _milliseconds(later)
        told: list[Json] = [{"read": {"mid": mid}}]  # Instagram tells of no deliveries
        if self._known == "page":
            told = [
                {"delivery": {"mids": [mid], "watermark": watermark}},
                {"read": {"watermark": watermark}},
            ]
        return (
            self._webhook({**back, "message": echo}, url, at),
            *(self._webhook({**ends, **each}, url, later) for each in told),
        )

    def _webhook(self, item: Json, url: str, at: datetime) -> Request:
        time = _milliseconds(at)
        entry: Json = {"id": self._page, "time": time, "messaging": [{**item, "timestamp": time}]}
        body = json.dumps({"object": self._known, "entry": [entry]}).encode()
        headers: list[tuple[str, str]] = []
        if self._secret is not None:
            signature = proofs.meta_signature(secret=self._secret, body=body)
            headers.append(("x-hub-signature-256", signature))
        return playing.webhook(url, body=body, at=at, mime=_JSON, headers=headers)


def _shows(user: str, message: Node) -> PhoneShows:
    attached = message["attachment"]["payload"]
    cards = list(attached["elements"])
    files = [attached[name].text for name in ("url", "attachment_id") if attached[name]]
    files += [card["image_url"].text for card in cards if card["image_url"]]
    buttons = [*attached["buttons"], *(each for card in cards for each in card["buttons"])]
    choices = tuple(
        PhoneChoice(
            title=title, payload=button["payload"].text or None, url=button["url"].text or None
        )
        for button in (*message["quick_replies"], *buttons)
        if (title := button["title"].text)
    )
    return PhoneShows(user=user, text=_text(message), choices=choices, attachments=tuple(files))


def _text(message: Node) -> str:
    attached = message["attachment"]["payload"]
    words = [card[name].text for card in attached["elements"] for name in ("title", "subtitle")]
    return message["text"].text or attached["text"].text or "\n".join(filter(None, words))


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _error(code: int, why: str) -> Answer:
    error: Json = {"message": why, "type": "OAuthException", "code": code}
    return Answer(status=400, body=json.dumps({"error": error}).encode(), content_type=_JSON)
