"""Twilio and a customer's phone, played for the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.twilio import played
from bot.model.channel import Answer
from bot.model.phone import PhoneShows, ProviderTook

if TYPE_CHECKING:
    from datetime import datetime

    from bot.model.channel import Request
    from bot.model.phone import PhoneWrites
    from channels.twilio_sms import Settings


class Loopback:
    """Twilio for SMS; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook for a text that a customer sends; a choice is what its words say."""
        sid = f"SM{number:032x}"
        fields = {
            "MessageSid": sid,
            "SmsSid": sid,
            "SmsMessageSid": sid,
            "AccountSid": self._settings.account_sid,
            "From": writes.user,
            "To": self._settings.number or "",
            "Body": writes.text or writes.payload or "",
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
            "ApiVersion": "2010-04-01",
        }
        return played.webhook(url, fields, settings=self._settings, at=at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Take a message, show it on the phone, report sent and delivered."""
        taken = played.take(request, settings=self._settings, url=url, number=number)
        if isinstance(taken, Answer):
            return ProviderTook(answer=taken)
        return ProviderTook(
            answer=played.answer(taken),
            shows=(PhoneShows(user=taken.to, text=taken.text, attachments=taken.media),),
            webhooks=played.callbacks(
                taken,
                settings=self._settings,
                statuses=("sent", "delivered"),
                at=request.received_at,
            ),
        )
