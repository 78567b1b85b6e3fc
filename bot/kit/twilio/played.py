"""Twilio played on its wire format, for sandboxes: signed webhooks out, API calls in."""

from __future__ import annotations

import hmac
import json
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from bot.kit import forms, proofs
from bot.kit.twilio.settings import LONGEST_BODY, TwilioSettings
from bot.model.channel import Answer, Request
from bot.model.value import Value

_JSON = "application/json"


class Taken(Value):
    """A message that Twilio took: what it said, to whom, and where its statuses go."""

    sid: str
    to: str
    sender: str
    text: str
    media: tuple[str, ...]
    callback: str


def webhook(url: str, fields: dict[str, str], *, settings: TwilioSettings, at: datetime) -> Request:
    """The signed POST that Twilio makes to a URL."""
    body = forms.write(fields.items())
    token = settings.auth_token.get_secret_value() if settings.auth_token else ""
    tail = proofs.twilio_tail(forms.read(body).pairs)
    parts = urlsplit(url)
    return Request(
        method="POST",
        url=url,
        path=parts.path,
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=(
            ("content-type", forms.FORM_TYPE),
            ("x-twilio-signature", proofs.twilio_signature(token=token, url=url, tail=tail)),
        ),
        body=body,
        received_at=at,
    )


def take(request: Request, *, settings: TwilioSettings, url: str, number: int) -> Taken | Answer:
    """Take a message as the API does, or answer with the API's error."""
    if not hmac.compare_digest(request.header("authorization") or "", settings.authorization or ""):
        return _error(401, 20003, "Authenticate")
    account = f"/2010-04-01/Accounts/{settings.account_sid}"
    if request.method != "POST" or not request.path.endswith(f"{account}/Messages.json"):
        return _looked_up(request, account)
    form = forms.read(request.body)
    text = form.get("Body") or form.get("ContentSid")
    media = form.all("MediaUrl")
    if not form.get("To"):
        return _error(400, 21604, "'To' phone number is required")
    if not text and not media:
        return _error(400, 21619, "A text message body or media urls must be specified")
    if len(text) > LONGEST_BODY:
        return _error(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    return Taken(
        sid=f"SM{number:032x}",
        to=form.get("To"),
        sender=form.get("From") or settings.number or "",
        text=text,
        media=media,
        callback=form.get("StatusCallback") or f"{url}/status",
    )


def _looked_up(request: Request, account: str) -> Answer:
    """The account's own resource, or that there is none."""
    if request.method != "GET" or not request.path.endswith(f"{account}.json"):
        return _error(404, 20404, f"The requested resource {request.path} was not found")
    told = {"sid": account.rpartition("/")[2], "status": "active"}
    return Answer(body=json.dumps(told).encode(), content_type=_JSON)


def answer(taken: Taken) -> Answer:
    """What the API says about a message it took."""
    said = {
        "sid": taken.sid,
        "status": "queued",
        "to": taken.to,
        "from": taken.sender,
        "body": taken.text,
        "error_code": None,
        "error_message": None,
    }
    return Answer(status=201, body=json.dumps(said).encode(), content_type=_JSON)


def callbacks(
    taken: Taken, *, settings: TwilioSettings, statuses: tuple[str, ...], at: datetime
) -> tuple[Request, ...]:
    """The status callbacks of a message, in order."""
    return tuple(
        webhook(
            taken.callback,
            {
                "MessageSid": taken.sid,
                "SmsSid": taken.sid,
                "MessageStatus": status,
                "SmsStatus": status,
                "To": taken.to,
                "From": taken.sender,
                "AccountSid": settings.account_sid,
                "ApiVersion": "2010-04-01",
            },
            settings=settings,
            at=at,
        )
        for status in statuses
    )


def _error(status: int, code: int, message: str) -> Answer:
    said = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Answer(status=status, body=json.dumps(said).encode(), content_type=_JSON)
