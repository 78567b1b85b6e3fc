"""Sinch and a customer's phone, played for the sandbox."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.kit import payload, playing, telephone
from bot.kit.callbacks import plain
from bot.model.phone import PhoneShows, ProviderTook

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import JsonValue

    from bot.kit.payload import Node
    from bot.model.channel import Answer, Request
    from bot.model.phone import PhoneWrites
    from channels.sinch_sms import Settings

_LONGEST_TEXT = 2000


class Loopback:
    """Sinch's REST API; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The callback for a text that a customer sends; a choice is what its words say."""
        message: JsonValue = {
            "type": "mo_text",
            "id": f"{number:026d}",
            "from": telephone.dialled(writes.user),
            "to": telephone.dialled(self._settings.number),
            "body": writes.text or writes.payload or "",
            "received_at": at.isoformat(),
            "operator_id": "24001",
        }
        return playing.posted(self._settings.callback(url), message, at=at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Take a batch of one, show it on the phone, report on its way and its delivery."""
        batch = payload.read(request.body) or payload.Node()
        refusal = self._refusal(request, batch)
        if refusal is not None:
            return ProviderTook(answer=refusal)
        to, text, external_id = batch["to"][0].text, batch["body"].text, f"{number:026d}"
        place = batch["callback_url"].text or self._settings.callback(f"{url}/status")
        who = telephone.caller(to)
        taken: JsonValue = {"id": external_id, "to": [to], "body": text, "canceled": False}
        return ProviderTook(
            answer=playing.answered(taken, status=201),
            shows=(PhoneShows(user=who.user if who else to, text=text),),
            webhooks=tuple(
                playing.posted(
                    place,
                    {
                        "type": "recipient_delivery_report_sms",
                        "batch_id": external_id,
                        "recipient": to,
                        "code": code,
                        "status": status,
                        "at": request.received_at.isoformat(),
                    },
                    at=request.received_at,
                )
                for code, status in ((401, "Dispatched"), (0, "Delivered"))
            ),
        )

    def _refusal(self, request: Request, batch: Node) -> Answer | None:
        token = f"Bearer {plain(self._settings.api_token)}"
        if not hmac.compare_digest(request.header("authorization") or "", token):
            return playing.answered({}, status=401)
        plan = quote(self._settings.service_plan_id, safe="")
        if request.method != "POST" or not request.path.endswith(f"/xms/v1/{plan}/batches"):
            return playing.answered({}, status=404)
        lacking = next((name for name in ("to", "body") if not batch[name]), None)
        if lacking is not None:
            return _error("syntax_constraint_violation", f"Field {lacking}: may not be empty")
        if len(batch["body"].text) > _LONGEST_TEXT:
            return _error("syntax_constraint_violation", "Field body: too long")
        return None


def _error(code: str, told: str) -> Answer:
    return playing.answered({"code": code, "text": told}, status=400)
