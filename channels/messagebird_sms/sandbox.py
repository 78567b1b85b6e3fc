"""MessageBird and a customer's phone, played for the sandbox."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bot.kit import forms, payload, playing, signed_tokens, telephone
from bot.kit.callbacks import plain
from bot.kit.forms import FORM_TYPE
from bot.model.phone import PhoneShows, ProviderTook

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import JsonValue

    from bot.model.channel import Answer, Request
    from bot.model.phone import PhoneWrites
    from channels.messagebird_sms import Settings


class Loopback:
    """MessageBird's SMS and MMS API; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook for a text that a customer sends; a choice is what its words say."""
        fields = {
            "id": f"{number:032x}",
            "recipient": telephone.dialled(self._settings.number),
            "originator": telephone.dialled(writes.user),
            "body": writes.text or writes.payload or "",
            "createdDatetime": at.isoformat(),
        }
        body = forms.write(fields.items())
        return self._proven(self._settings.callback(url), body=body, at=at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Take a message, show it on the phone, report that it was delivered (by GET)."""
        document = payload.read(request.body) or payload.Node()
        refusal = self._refusal(request, document)
        if refusal is not None:
            return ProviderTook(answer=refusal)
        to, text = document["recipients"][0].text, document["body"].text
        files = tuple(each.text for each in document["mediaUrls"])
        external_id = f"{number:032x}"
        report = {
            "id": external_id,
            "reference": document["reference"].text,
            "recipient": to,
            "status": "delivered",
            "statusDatetime": request.received_at.isoformat(),
        }
        place = document["reportUrl"].text or self._settings.callback(f"{url}/status")
        # The signature covers the URL: a colon in it is not quoted, as clients would take that out.
        place += ("&" if "?" in place else "?") + urlencode(report, safe=":")
        who = telephone.caller(to)
        return ProviderTook(
            answer=playing.answered(
                {"id": external_id, "direction": "mt", "body": text}, status=201
            ),
            shows=(PhoneShows(user=who.user if who else to, text=text, attachments=files),),
            webhooks=(self._proven(place, body=b"", at=request.received_at),),
        )

    def _refusal(self, request: Request, document: payload.Node) -> Answer | None:
        key = f"AccessKey {plain(self._settings.access_key)}"
        if not hmac.compare_digest(request.header("authorization") or "", key):
            return _error(401, 2, "Request not allowed (incorrect access_key)", "access_key")
        if request.method != "POST" or not request.path.endswith(("/messages", "/mms")):
            return _error(404, 98, "API not found", None)
        if not document["recipients"][0].text:
            return _error(422, 9, "no (correct) recipients found", "recipients")
        if not document["body"].text and not list(document["mediaUrls"]):
            return _error(422, 9, "body is required", "body")
        return None

    def _proven(self, url: str, *, body: bytes, at: datetime) -> Request:
        key = plain(self._settings.signing_key)
        headers = []
        if key:
            token = signed_tokens.messagebird_token(key=key, url=url, body=body, at=at)
            headers.append(("messagebird-signature-jwt", token))
        return playing.webhook(url, body=body, at=at, mime=FORM_TYPE, headers=headers)


def _error(status: int, code: int, told: str, parameter: str | None) -> Answer:
    error: dict[str, JsonValue] = {"code": code, "description": told, "parameter": parameter}
    return playing.answered({"errors": [error]}, status=status)
