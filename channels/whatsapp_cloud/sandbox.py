"""The Cloud API and customers' telephones played on the loopback, on the real wire format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.kit import payload, playing, proofs
from bot.kit.split import measure
from bot.model.channel import Answer, Request, TextUnit
from bot.model.phone import PhoneChoice, PhoneShows, ProviderTook
from channels.whatsapp_cloud.sending import LONGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.kit.meta.graph import Json
    from bot.kit.payload import Node
    from bot.model.phone import PhoneWrites
    from channels.whatsapp_cloud import Settings


_ACCOUNT = "100000000000001"
_JSON = "application/json"
_FILES = ("image", "video", "audio", "document", "sticker")
_STATUSES = ("sent", "delivered", "read")


class Loopback:
    """One phone number's WhatsApp: sends its webhooks, takes its calls, reports on them."""

    def __init__(self, settings: Settings) -> None:
        self._number_id = settings.phone_number_id
        self._number = _bare(settings.number or "")
        self._token = settings.access_token.get_secret_value()
        self._secret = settings.secret

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook that Meta posts: a text, a pressed button, or a text by an advertisement."""
        user = _bare(writes.user)
        message: Json = {
            "from": user,
            "id": f"wamid.in{number}",
            "timestamp": str(int(at.timestamp())),
        }
        if writes.payload is not None:
            pressed: Json = {"id": writes.payload, "title": writes.text}
            shown: Json = {"type": "button_reply", "button_reply": pressed}
            message |= {"type": "interactive", "interactive": shown}
        else:
            message |= {"type": "text", "text": {"body": writes.text}}
        if writes.ref is not None:
            message["referral"] = {"source_type": "post", "source_url": writes.ref}
        contact: Json = {"wa_id": user}
        if writes.name:
            contact["profile"] = {"name": writes.name}
        return self._webhook({"contacts": [contact], "messages": [message]}, url, at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Answer a call for a message; then come its receipts."""
        if request.header("authorization") != f"Bearer {self._token}":
            return ProviderTook(answer=_error(401, 190, "Invalid OAuth access token."))
        asked = payload.read(request.body) or payload.Node()
        user = asked["to"].text or asked["recipient"].text
        message = asked[asked["type"].text]
        if not request.path.endswith(f"/{self._number_id}/messages") or not user or not message:
            return ProviderTook(answer=_error(400, 100, "(#100) Invalid parameter"))
        text = message["body"]["text"].text or message["body"].text or message["caption"].text
        if measure(text, TextUnit.UTF16) > LONGEST_TEXT:
            return ProviderTook(answer=_error(400, 100, "(#100) Param text['body'] is too long"))
        wamid = f"wamid.out{number}"
        taken: Json = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": user, "wa_id": _bare(user)}],
            "messages": [{"id": wamid}],
        }
        shows = PhoneShows(
            user=user, text=text, choices=tuple(_choices(message)), attachments=_links(asked)
        )
        return ProviderTook(
            answer=Answer(body=json.dumps(taken).encode(), content_type=_JSON),
            shows=(shows,),
            webhooks=tuple(self._reports(wamid, user, url=url, at=request.received_at)),
        )

    def _reports(self, wamid: str, user: str, *, url: str, at: datetime) -> Iterator[Request]:
        for word in _STATUSES:
            status: Json = {
                "id": wamid,
                "status": word,
                "timestamp": str(int(at.timestamp())),
                "recipient_id": _bare(user),
            }
            yield self._webhook({"statuses": [status]}, url, at)

    def _webhook(self, what: Json, url: str, at: datetime) -> Request:
        number: Json = {"display_phone_number": self._number, "phone_number_id": self._number_id}
        value: Json = {"messaging_product": "whatsapp", "metadata": number, **what}
        entry: Json = {"id": _ACCOUNT, "changes": [{"field": "messages", "value": value}]}
        said: Json = {"object": "whatsapp_business_account", "entry": [entry]}
        body = json.dumps(said).encode()
        headers: list[tuple[str, str]] = []
        if self._secret is not None:
            signature = proofs.meta_signature(secret=self._secret, body=body)
            headers.append(("x-hub-signature-256", signature))
        return playing.webhook(url, body=body, at=at, mime=_JSON, headers=headers)


def _choices(message: Node) -> Iterator[PhoneChoice]:
    action = message["action"]
    buttons = [each["reply"] for each in action["buttons"]]
    rows = [row for section in action["sections"] for row in section["rows"]]
    for each in (*buttons, *rows):
        yield PhoneChoice(title=each["title"].text, payload=each["id"].text or None)
    link = action["parameters"]
    if link["url"]:
        yield PhoneChoice(title=link["display_text"].text, url=link["url"].text)


def _links(asked: Node) -> tuple[str, ...]:
    places = (asked, asked["interactive"]["header"])
    files = [place[kind] for place in places for kind in _FILES if place[kind]]
    return tuple(file["link"].text or file["id"].text for file in files)


def _bare(user: str) -> str:
    return user.removeprefix("+")


def _error(status: int, code: int, why: str) -> Answer:
    error: Json = {"message": why, "type": "OAuthException", "code": code}
    return Answer(status=status, body=json.dumps({"error": error}).encode(), content_type=_JSON)
