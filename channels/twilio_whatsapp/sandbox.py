"""Twilio and a customer's WhatsApp, played for the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.twilio import played
from bot.model.channel import Answer
from bot.model.phone import PhoneShows, ProviderTook
from channels.twilio_whatsapp.reading import SCHEME
from channels.twilio_whatsapp.sending import address

if TYPE_CHECKING:
    from datetime import datetime

    from bot.model.channel import Request
    from bot.model.phone import PhoneWrites
    from channels.twilio_whatsapp import Settings


class Loopback:
    """Twilio for WhatsApp; see `bot.ports.Provider`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The webhook for a text that a customer sends or a button that was pressed."""
        fields = {
            "MessageSid": f"SM{number:032x}",
            "AccountSid": self._settings.account_sid,
            "From": address(writes.user),
            "To": address(self._settings.number or ""),
            "Body": writes.text,
            "NumMedia": "0",
            "SmsStatus": "received",
            "WaId": "".join(filter(str.isdecimal, writes.user)),
            "ApiVersion": "2010-04-01",
        }
        if writes.name:
            fields["ProfileName"] = writes.name
        if writes.payload is not None:
            fields |= {"ButtonPayload": writes.payload, "ButtonText": writes.text}
        if writes.ref:
            fields |= {"ReferralSourceType": "post", "ReferralSourceUrl": writes.ref}
        return played.webhook(url, fields, settings=self._settings, at=at)

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Take a message, show it on the phone, report sent, delivered and read."""
        taken = played.take(request, settings=self._settings, url=url, number=number)
        if isinstance(taken, Answer):
            return ProviderTook(answer=taken)
        user = taken.to.removeprefix(SCHEME)
        return ProviderTook(
            answer=played.answer(taken),
            shows=(PhoneShows(user=user, text=taken.text, attachments=taken.media),),
            webhooks=played.callbacks(
                taken,
                settings=self._settings,
                statuses=("sent", "delivered", "read"),
                at=request.received_at,
            ),
        )
