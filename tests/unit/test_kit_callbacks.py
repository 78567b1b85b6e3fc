"""Webhooks proven by a secret in their URL, by `sig`, or by a signed token."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.errors import ConfigError
from bot.kit import callbacks, proofs, signed_tokens, times
from bot.kit.callbacks import CallbackSettings
from bot.model.channel import Answer, ForgeryReason, Inbound, Request, Sender
from tests.builders import START

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "made-up-key"
URL = "https://hub.example.com/webhooks/x_sms/demo?a=1&b=%C3%A5"


class Settings(CallbackSettings):
    """Settings of the tests."""

    account_of = "Example"


SETTINGS = Settings.model_validate({"webhook_secret": "p&ss ord"})


def request(query: str = "", **headers: str) -> Request:
    return Request(
        method="POST",
        url=URL,
        path="/webhooks/x_sms/demo",
        query=(("secret", query),) if query else (),
        headers=tuple(headers.items()),
        received_at=START,
    )


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("given", [{}, {"webhook_secret": ""}])
def test_nobody_is_believed_by_accident(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="no webhook_secret, so webhooks") as told:
        Settings.model_validate(given)
    assert "Example account" in str(told.value)
    assert Settings.model_validate(given | {"unsigned": True}).refusal(request()) is None


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (request("p&ss ord"), None),
        (request(authorization=basic("samtal", "p&ss ord")), None),
        (request(), ForgeryReason.MISSING),
        (request("p&ss or"), ForgeryReason.INVALID),
        (request(authorization=basic("samtal", "other")), ForgeryReason.INVALID),
        (request(authorization=basic("other", "p&ss ord")), ForgeryReason.INVALID),
        (request(authorization="Basic"), ForgeryReason.INVALID),
        (request("\udc80"), ForgeryReason.INVALID),
    ],
)
def test_the_secret_in_the_url(asked: Request, reason: ForgeryReason | None) -> None:
    assert SETTINGS.refusal(asked) is reason


def test_what_the_provider_gets_to_call() -> None:
    assert SETTINGS.callback("https://x/status") == "https://x/status?secret=p%26ss%20ord"
    named = {secret.get_secret_value() for secret in SETTINGS.callback_secrets}
    assert named == {"p&ss ord", "p%26ss%20ord"}
    unsigned = Settings.model_validate({"unsigned": True})
    assert (unsigned.callback("https://x"), unsigned.callback_secrets) == ("https://x", ())


def test_only_what_is_malformed_altogether_is_answered_so() -> None:
    bad = callbacks.malformed("no id")
    good = Inbound(sender=Sender(user="+46701740605"), dedupe_key="k")
    assert callbacks.received(bad).answer.status == 400
    assert callbacks.received((*bad, good)).answer == Answer()


# --- Vonage's sig ----------------------------------------------------------------------------

PAIRS = [(b"text", b"a & b = c"), (b"msisdn", b"46701740605")]


@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1", "sha256", "sha512"])
def test_every_method_of_vonage(method: str) -> None:
    ours = proofs.vonage_signature(secret=KEY, method=method, pairs=PAIRS)

    def proven(signature: str | None, *, pairs: list[tuple[bytes, bytes]]) -> ForgeryReason | None:
        return proofs.vonage(secret=KEY, method=method, pairs=pairs, signature=signature)

    assert proven(ours, pairs=[*PAIRS[::-1], (b"sig", ours.encode())]) is None
    assert proven(ours.upper(), pairs=PAIRS) is None
    assert proven(ours, pairs=PAIRS[:1]) is ForgeryReason.INVALID
    assert proven(ours[:-1], pairs=PAIRS) is ForgeryReason.INVALID
    assert proven("", pairs=PAIRS) is ForgeryReason.MISSING


def test_vonages_plain_hash_has_the_secret_after_the_parameters() -> None:
    signed = b"&msisdn=46701740605&text=a _ b _ c" + KEY.encode()
    ours = proofs.vonage_signature(secret=KEY, method="md5hash", pairs=PAIRS)
    assert ours == hashlib.md5(signed).hexdigest()  # noqa: S324 - their default


# --- tokens ----------------------------------------------------------------------------------


def test_messagebirds_token_covers_url_body_and_time() -> None:
    token = signed_tokens.messagebird_token(key=KEY, url=URL, body=b"a=1", at=START)

    def proven(**other: object) -> ForgeryReason | None:
        frame = {"key": KEY, "url": URL, "body": b"a=1", "token": token, "now": START} | other
        return signed_tokens.messagebird(**frame)  # type: ignore[arg-type]  # what is given

    assert proven() is None
    assert proven(token=None) is ForgeryReason.MISSING
    assert proven(key="another") is ForgeryReason.INVALID
    assert proven(url=URL + "0") is ForgeryReason.INVALID
    assert proven(body=b"a=2") is ForgeryReason.INVALID
    assert proven(body=b"") is ForgeryReason.INVALID
    assert proven(now=START + timedelta(minutes=2)) is ForgeryReason.EXPIRED
    assert proven(now=START - timedelta(minutes=2)) is ForgeryReason.EXPIRED
    for place in range(len(token)):
        changed = token[:place] + chr(ord(token[place]) ^ 1) + token[place + 1 :]
        assert proven(token=changed) is ForgeryReason.INVALID


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "\udc80.x.y", "e30.e30.", "....", "é"])
def test_what_is_no_token_is_invalid(token: str) -> None:
    header = f"Bearer {token}"
    assert signed_tokens.vonage(key=KEY, body=b"", header=header) is ForgeryReason.INVALID


def test_a_token_without_a_signature_proves_nothing() -> None:
    def packed(document: Mapping[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    claims = {"iss": "Vonage"}
    for algorithm in ("none", "None", "RS256", "", 5):
        token = f"{packed({'alg': algorithm})}.{packed(claims)}."
        header = f"Bearer {token}"
        assert signed_tokens.vonage(key=KEY, body=b"", header=header) is ForgeryReason.INVALID


# --- times -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-01 00:00:01", "2026-01-01T00:00:01+00:00"),
        ("2016-10-06T09:28:39.220+0000", "2016-10-06T09:28:39.220000+00:00"),
        ("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00+00:00"),
        (" 2026-01-01T00:00:00Z ", "2026-01-01T00:00:00+00:00"),
        ("20260101000001", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_in_iso_8601(written: str, read: str | None) -> None:
    found = times.iso(written)
    assert (found.isoformat() if found else None) == read
