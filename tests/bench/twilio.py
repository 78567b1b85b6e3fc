"""Twilio's side of the wire for load: signed webhooks, by its documentation and not by our code.

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import urlencode

ACCOUNT = "bench"
ACCOUNT_SID = "AC" + "b" * 32
TOKEN = "the-token-of-the-load-tests"
NUMBER = "+46766860000"
PATH = f"/webhooks/twilio_sms/{ACCOUNT}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A request ready to be posted."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def signed(base: str, path: str, fields: dict[str, str]) -> Signed:
    """A form that Twilio posts to `base + path`."""
    signature = signature_of(base + path, fields)
    return Signed(
        path,
        (
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Twilio-Signature", signature),
            ("User-Agent", "TwilioProxy/1.1"),
        ),
        urlencode(fields).encode(),
    )


def signature_of(url: str, fields: dict[str, str]) -> str:
    """The value of `X-Twilio-Signature`."""
    tail = "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(TOKEN.encode(), (url + tail).encode(), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def message(base: str, *, sid: str, sender: str, text: str) -> Signed:
    """An incoming SMS."""
    fields = {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": ACCOUNT_SID,
        "From": sender,
        "To": NUMBER,
        "Body": text,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }
    return signed(base, PATH, fields)


def receipt(base: str, path: str, *, sid: str, to: str, status: str) -> Signed:
    """A status callback for a message that we sent."""
    fields = {
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "To": to,
        "From": NUMBER,
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
    }
    return signed(base, path, fields)
