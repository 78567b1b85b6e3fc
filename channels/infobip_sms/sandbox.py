"""Infobip and a customer's phone, played for the sandbox."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from bot.kit import payload, playing, telephone
from bot.model.phone import PhoneShows, ProviderTook

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import JsonValue

    from bot.kit.payload import Node
    from bot.model.channel import Answer, Request
    from bot.model.phone import PhoneWrites
    from channels.infobip_sms import Settings


class Loopback:
    """Infobip's SMS and MMS API; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook for a text that a customer sends; a choice is what its words say."""
        text = writes.text or writes.payload or ""
        message: dict[str, JsonValue] = {
            "messageId": str(number),
            "from": telephone.dialled(writes.user),
            "to": telephone.dialled(self._settings.number),
            "text": text,
            "cleanText": text,
            "receivedAt": _time(at),
            "smsCount": 1,
        }
        batch: JsonValue = {"results": [message], "messageCount": 1, "pendingMessageCount": 0}
        return playing.posted(self._settings.callback(url), batch, at=at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Take a message, show it on the phone, report that it was delivered."""
        message = (payload.read(request.body) or payload.Node())["messages"][0]
        refusal = self._refusal(request, message)
        if refusal is not None:
            return ProviderTook(answer=refusal)
        to, external_id = message["destinations"][0]["to"].text, f"{number:032d}"
        segments = list(message["content"]["messageSegments"])
        text = message["content"]["text"].text or "".join(each["text"].text for each in segments)
        pending = _status(1, "PENDING", 26, "PENDING_ACCEPTED")
        delivered: dict[str, JsonValue] = {
            "messageId": external_id,
            "to": to,
            "sentAt": _time(request.received_at),
            "doneAt": _time(request.received_at),
            "status": _status(3, "DELIVERED", 5, "DELIVERED_TO_HANDSET"),
            "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR"},
        }
        place = message["webhooks"]["delivery"]["url"].text
        who = telephone.caller(to)
        taken: dict[str, JsonValue] = {"messageId": external_id, "status": pending}
        return ProviderTook(
            answer=playing.answered({"messages": [taken]}),
            shows=(
                PhoneShows(
                    user=who.user if who else to,
                    text=text,
                    attachments=tuple(url for each in segments if (url := each["contentUrl"].text)),
                ),
            ),
            webhooks=(
                playing.posted(
                    place or self._settings.callback(f"{url}/status"),
                    {"results": [delivered]},
                    at=request.received_at,
                ),
            ),
        )

    def _refusal(self, request: Request, message: Node) -> Answer | None:
        theirs, ours = request.header("authorization") or "", self._settings.authorization or ""
        if not ours or not hmac.compare_digest(theirs, ours):
            return _error(401, "UNAUTHORIZED", "Invalid login details")
        known = ("/sms/3/messages", "/mms/2/messages")
        if request.method != "POST" or not request.path.endswith(known):
            return _error(404, "NOT_FOUND", "Requested URL not found")
        if not message["destinations"][0]["to"].text or not message["content"].is_object:
            return _error(400, "BAD_REQUEST", "Bad request")
        return None


def _status(group: int, group_name: str, number: int, name: str) -> dict[str, JsonValue]:
    return {"groupId": group, "groupName": group_name, "id": number, "name": name}


def _error(status: int, code: str, told: str) -> Answer:
    said: JsonValue = {"serviceException": {"messageId": code, "text": told}}
    return playing.answered({"requestError": said}, status=status)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
