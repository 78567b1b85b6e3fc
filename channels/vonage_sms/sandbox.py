"""Vonage and a customer's phone, played for the sandbox."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from bot.kit import forms, playing, proofs, sms, telephone
from bot.kit.callbacks import plain
from bot.kit.forms import FORM_TYPE
from bot.model.phone import PhoneShows, ProviderTook

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic import JsonValue

    from bot.kit.forms import Form
    from bot.model.channel import Request
    from bot.model.phone import PhoneWrites
    from channels.vonage_sms import Settings

_LONGEST_TEXT = 3200


class Loopback:
    """Vonage's SMS API; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook for a text that a customer sends; a choice is what its words say."""
        text = writes.text or writes.payload or ""
        fields = {
            "msisdn": telephone.dialled(writes.user),
            "to": telephone.dialled(self._settings.number),
            "messageId": f"{number:016X}",
            "text": text,
            "type": "text" if not sms.cost(text).culprits else "unicode",
            "keyword": text.split()[0].upper() if text.split() else "",
        }
        return self._webhook(self._settings.callback(url), fields, at=at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Take a message, show it on the phone, report that it was delivered."""
        form = forms.read(request.body)
        to, text = form.get("to"), form.get("text")
        refusal = self._refusal(request, form)
        if refusal is not None:
            code, why = refusal
            told: dict[str, JsonValue] = {"status": code, "error-text": why}
            answer = playing.answered({"message-count": "1", "messages": [told]})
            return ProviderTook(answer=answer)
        message_id = f"{number:016X}"
        taken: dict[str, JsonValue] = {"to": to, "message-id": message_id, "status": "0"}
        receipt = {
            "msisdn": to,
            "to": form.get("from"),
            "messageId": message_id,
            "status": "delivered",
            "err-code": "0",
            "api-key": self._settings.api_key,
        }
        callback = form.get("callback") or self._settings.callback(f"{url}/status")
        shown = telephone.caller(to)
        return ProviderTook(
            answer=playing.answered({"message-count": "1", "messages": [taken]}),
            shows=(PhoneShows(user=shown.user if shown else to, text=text),),
            webhooks=(self._webhook(callback, receipt, at=request.received_at),),
        )

    def _refusal(self, request: Request, form: Form) -> tuple[str, str] | None:
        """The status and the words of a call that is not taken, or None."""
        secret = plain(self._settings.api_secret)
        named = form.get("api_key") == self._settings.api_key
        if not named or not secret or not hmac.compare_digest(form.get("api_secret"), secret):
            return "4", "Bad Credentials"
        if request.method != "POST" or not request.path.endswith("/sms/json"):
            return "3", "Invalid path"
        if not form.get("to") or not form.get("text"):
            return "2", "Missing to or text param"
        return ("12", "Message too long") if len(form.get("text")) > _LONGEST_TEXT else None

    def _webhook(self, url: str, fields: dict[str, str], *, at: datetime) -> Request:
        signed = {
            **fields,
            "message-timestamp": f"{at:%Y-%m-%d %H:%M:%S}",
            "timestamp": str(int(at.timestamp())),
        }
        secret = plain(self._settings.signature_secret)
        if secret:
            signed["sig"] = proofs.vonage_signature(
                secret=secret,
                method=self._settings.signature_method,
                pairs=forms.read(forms.write(signed.items())).pairs,
            )
        return playing.webhook(url, body=forms.write(signed.items()), at=at, mime=FORM_TYPE)
