"""Signed tokens in which a provider proves a whole webhook: its body's hash, and its URL's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta

from bot.kit import payload
from bot.model.channel import ForgeryReason

_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_LEEWAY = 1.0  # seconds, as MessageBird's own libraries have it
_LIVES = timedelta(minutes=1)


def messagebird(
    *, key: str, url: str, body: bytes, token: str | None, now: datetime
) -> ForgeryReason | None:
    """Check `MessageBird-Signature-JWT`: issuer, times, and the hashes of URL and body.

    Source: https://developers.messagebird.com/api/#verifying-http-requests
    """
    if not token:
        return ForgeryReason.MISSING
    claims = _claims(token, key)
    if claims is None or claims["iss"].text != "MessageBird":
        return ForgeryReason.INVALID
    begins, ends = claims["nbf"].number, claims["exp"].number
    if (
        begins is None
        or ends is None
        or not _matches(url.encode("utf-8", "replace"), claims["url_hash"])
    ):
        return ForgeryReason.INVALID
    if not _covers(claims, body):
        return ForgeryReason.INVALID
    is_now = begins - _LEEWAY <= now.timestamp() < ends + _LEEWAY
    return None if is_now else ForgeryReason.EXPIRED


def vonage(*, key: str, body: bytes, header: str | None) -> ForgeryReason | None:
    """Check the bearer token of a webhook of the Messages API: issuer, and the body's hash.

    Source: https://developer.vonage.com/getting-started/concepts/webhooks#decoding-signed-webhooks
    """
    if not header:
        return ForgeryReason.MISSING
    scheme, _, token = header.partition(" ")
    claims = _claims(token, key) if scheme == "Bearer" else None
    if claims is None or claims["iss"].text != "Vonage" or not _covers(claims, body):
        return ForgeryReason.INVALID
    return None


def messagebird_token(*, key: str, url: str, body: bytes, at: datetime) -> str:
    """The token by which MessageBird proves a request."""
    claims: dict[str, str | int] = {
        "iss": "MessageBird",
        "nbf": int(at.timestamp()),
        "exp": int((at + _LIVES).timestamp()),
        "jti": _sha256(url.encode() + body)[:32],
        "url_hash": _sha256(url.encode()),
    }
    if body:
        claims["payload_hash"] = _sha256(body)
    head = _packed(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    signed = f"{head}.{_packed(json.dumps(claims).encode())}"
    return f"{signed}.{_signature(signed, key, 'sha256')}"


def _covers(claims: payload.Node, body: bytes) -> bool:
    """Whether the token speaks of this body, or of none where there is none."""
    if not body:
        return "payload_hash" not in claims
    return _matches(body, claims["payload_hash"])


def _matches(content: bytes, claim: payload.Node) -> bool:
    return _same(_sha256(content), claim.text)


def _claims(token: str, key: str) -> payload.Node | None:
    """What a token says if the key signed it; one without a signature says nothing."""
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    algorithm = (_unpacked(head) or payload.Node())["alg"].text
    # Encoded signatures are compared: decoded, the last letter would have bits that do not count.
    known = _HASHES.get(algorithm)
    if known is None or not _same(_signature(signed, key, known), signature):
        return None
    return _unpacked(body)


def _signature(signed: str, key: str, algorithm: str) -> str:
    text = signed.encode("utf-8", "surrogatepass")
    return _packed(hmac.new(key.encode(), text, algorithm).digest())


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unpacked(part: str) -> payload.Node | None:
    try:
        return payload.read(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogatepass"))
