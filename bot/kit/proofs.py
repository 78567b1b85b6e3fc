"""Proofs of origin, all in constant time; None means proven."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit, urlunsplit

from bot.model.channel import ForgeryReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bot.model.channel import Request

_SLACK_LEEWAY = 300
_MOST_DIGITS = 12
_DEFAULT_PORTS = {"https": 443, "http": 80}
# How the URLs that providers call carry a secret of ours: in this parameter, or as this user's
# password.
CALLBACK_PARAMETER = "secret"
CALLBACK_USER = "samtal"


def twilio(
    *,
    token: str,
    url: str,
    pairs: Sequence[tuple[bytes, bytes]],
    body: bytes,
    signature: str | None,
) -> ForgeryReason | None:
    """Check `X-Twilio-Signature` over the public URL and the form's names and values.

    A request whose query has `bodySHA256` covers its raw body by that hash instead of by form
    values. Twilio signs with or without the port, so the URL counts in each form.
    Source: https://www.twilio.com/docs/usage/security#validating-requests
    """
    if not signature:
        return ForgeryReason.MISSING
    hashes = parse_qs(url.partition("?")[2]).get("bodySHA256")
    if hashes:
        if not _same(hashlib.sha256(body).hexdigest(), hashes[0].lower()):
            return ForgeryReason.INVALID
        pairs = ()
    tail = twilio_tail(pairs)
    for candidate in _as_given_and_by_port(url):
        if _same(twilio_signature(token=token, url=candidate, tail=tail), signature):
            return None
    return ForgeryReason.INVALID


def twilio_signature(*, token: str, url: str, tail: bytes) -> str:
    """The signature Twilio gives a URL and the form after it (`twilio_tail`)."""
    text = url.encode("utf-8", "surrogateescape") + tail
    mac = hmac.new(token.encode(), text, hashlib.sha1)
    return base64.b64encode(mac.digest()).decode("ascii")


def twilio_tail(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    """What Twilio signs of a form: names sorted, each followed by its sorted unique values."""
    values: dict[bytes, set[bytes]] = {}
    for name, value in pairs:
        values.setdefault(name, set()).add(value)
    return b"".join(name + value for name in sorted(values) for value in sorted(values[name]))


def vonage(
    *, secret: str, method: str, pairs: Sequence[tuple[bytes, bytes]], signature: str | None
) -> ForgeryReason | None:
    """Check the parameter `sig` over all other parameters, by the account's method.

    Source: https://developer.vonage.com/getting-started/concepts/signing-messages
    """
    if not signature:
        return ForgeryReason.MISSING
    ours = vonage_signature(secret=secret, method=method, pairs=pairs)
    return None if _same(ours, signature.lower()) else ForgeryReason.INVALID


def vonage_signature(*, secret: str, method: str, pairs: Sequence[tuple[bytes, bytes]]) -> str:
    """The `sig` that Vonage gives these parameters: `md5hash`, or an HMAC by the hash named."""
    signed = b"".join(
        b"&" + name + b"=" + value.replace(b"&", b"_").replace(b"=", b"_")
        for name, value in sorted(pairs)
        if name != b"sig"
    )
    if method == "md5hash":
        return hashlib.md5(signed + secret.encode()).hexdigest()  # noqa: S324 - their default
    return hmac.new(secret.encode(), signed, method).hexdigest()


def callback_secret(*, secret: str, request: Request) -> ForgeryReason | None:
    """Check the secret in the URL that the provider was given, where it has no proof of its own.

    It comes as the parameter `secret`, or in basic authentication as the password of `samtal`.
    """
    shown = dict(request.query).get(CALLBACK_PARAMETER)
    header = request.header("authorization")
    if not shown and not header:
        return ForgeryReason.MISSING
    basic = basic_authorization(user=CALLBACK_USER, password=secret)
    if _same(secret, shown or "") or _same(basic, header or ""):
        return None
    return ForgeryReason.INVALID


def basic_authorization(*, user: str, password: str) -> str:
    """The value of `Authorization` for a name and a password (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def meta(*, secret: str, body: bytes, header: str | None) -> ForgeryReason | None:
    """Check `X-Hub-Signature-256`: `sha256=` and the HMAC of the raw body in hexadecimal.

    Source: https://developers.facebook.com/docs/messenger-platform/webhooks#validate-payloads
    """
    if not header:
        return ForgeryReason.MISSING
    return (
        None if _same(meta_signature(secret=secret, body=body), header) else ForgeryReason.INVALID
    )


def meta_signature(*, secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for a body."""
    return "sha256=" + _sha256(secret, body).hexdigest()


def line(*, secret: str, body: bytes, header: str | None) -> ForgeryReason | None:
    """Check `X-Line-Signature`: the HMAC of the raw body in base64.

    Source: https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/
    """
    if not header:
        return ForgeryReason.MISSING
    proven = _same(line_signature(secret=secret, body=body), header)
    return None if proven else ForgeryReason.INVALID


def line_signature(*, secret: str, body: bytes) -> str:
    """The value of `X-Line-Signature` for a body."""
    return base64.b64encode(_sha256(secret, body).digest()).decode("ascii")


def viber(*, token: str, body: bytes, header: str | None) -> ForgeryReason | None:
    """Check `X-Viber-Content-Signature`: the HMAC of the raw body in hexadecimal.

    Source: https://developers.viber.com/docs/api/rest-bot-api/#callbacks
    """
    if not header:
        return ForgeryReason.MISSING
    proven = _same(viber_signature(token=token, body=body), header)
    return None if proven else ForgeryReason.INVALID


def viber_signature(*, token: str, body: bytes) -> str:
    """The value of `X-Viber-Content-Signature` for a body."""
    return _sha256(token, body).hexdigest()


def slack(
    *, secret: str, body: bytes, header: str | None, timestamp: str | None, now: datetime
) -> ForgeryReason | None:
    """Check `X-Slack-Signature` over `X-Slack-Request-Timestamp` and the raw body.

    A request more than five minutes away from now may be a replay.
    Source: https://docs.slack.dev/authentication/verifying-requests-from-slack/
    """
    if not header or not timestamp:
        return ForgeryReason.MISSING
    if not _same(slack_signature(secret=secret, timestamp=timestamp, body=body), header):
        return ForgeryReason.INVALID
    # Only digits: what the sender has signed as anything else is no time.
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= _MOST_DIGITS):
        return ForgeryReason.INVALID
    away = abs(now.timestamp() - int(timestamp))
    return ForgeryReason.EXPIRED if away > _SLACK_LEEWAY else None


def slack_signature(*, secret: str, timestamp: str, body: bytes) -> str:
    """The value of `X-Slack-Signature` for a body at a time in Unix seconds."""
    base = b"v0:" + timestamp.encode("utf-8", "surrogatepass") + b":" + body
    return "v0=" + _sha256(secret, base).hexdigest()


def shared_token(*, secret: str, header: str | None) -> ForgeryReason | None:
    """Check a header that repeats a secret, such as `X-Telegram-Bot-Api-Secret-Token`."""
    if not header:
        return ForgeryReason.MISSING
    return None if _same(secret, header) else ForgeryReason.INVALID


def _sha256(secret: str, body: bytes) -> hmac.HMAC:
    return hmac.new(secret.encode(), body, hashlib.sha256)


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(
        ours.encode("utf-8", "surrogatepass"), theirs.encode("utf-8", "surrogatepass")
    )


def _as_given_and_by_port(url: str) -> Iterator[str]:
    """The URL as given, then without a port and with the default one; mostly the first is it."""
    yield url
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    yield urlunsplit(parts._replace(netloc=host))
    default = _DEFAULT_PORTS.get(parts.scheme, 80)
    yield urlunsplit(parts._replace(netloc=f"{host}:{port or default}"))
