"""Proofs of origin. The Twilio vector is the one of its security documentation."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kit import forms, proofs
from bot.model.channel import ForgeryReason

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PAIRS = [
    (b"CallSid", b"CA1234567890ABCDE"),
    (b"Caller", b"+14158675309"),
    (b"Digits", b"1234"),
    (b"From", b"+14158675309"),
    (b"To", b"+18005551212"),
]
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def twilio(
    *,
    url: str = URL,
    pairs: list[tuple[bytes, bytes]] | None = None,
    signature: str | None = SIGNATURE,
    body: bytes = b"",
) -> ForgeryReason | None:
    pairs = PAIRS if pairs is None else pairs
    return proofs.twilio(token="12345", url=url, pairs=pairs, body=body, signature=signature)


def test_twilios_own_example_is_proven() -> None:
    assert twilio() is None


def test_the_order_of_the_form_does_not_matter() -> None:
    assert twilio(pairs=PAIRS[::-1]) is None


@pytest.mark.parametrize("signature", [None, ""])
def test_no_signature_is_missing(signature: str | None) -> None:
    assert twilio(signature=signature) is ForgeryReason.MISSING


@pytest.mark.parametrize(
    "signature", ["x", SIGNATURE[:-1], SIGNATURE.lower(), "é", "RSOYDt4T1cUTdK1PDd93/VVr8B8= "]
)
def test_another_signature_is_invalid(signature: str) -> None:
    assert twilio(signature=signature) is ForgeryReason.INVALID


def test_one_changed_value_is_invalid() -> None:
    assert twilio(pairs=[*PAIRS[:2], (b"Digits", b"1235"), *PAIRS[3:]]) is ForgeryReason.INVALID


def signed(url: str, tail: bytes = b"") -> str:
    return base64.b64encode(hmac.new(b"12345", url.encode() + tail, "sha1").digest()).decode()


@pytest.mark.parametrize(
    "signed_url",
    ["https://hub.example.com/w?a=1", "https://hub.example.com:443/w?a=1"],
)
@pytest.mark.parametrize(
    "seen_url", ["https://hub.example.com/w?a=1", "https://hub.example.com:443/w?a=1"]
)
def test_the_default_port_may_be_there_or_not(signed_url: str, seen_url: str) -> None:
    assert twilio(url=seen_url, pairs=[], signature=signed(signed_url)) is None


@pytest.mark.parametrize(
    "other",
    ["http://hub.example.com/w", "https://hub.example.com/w/", "https://hub.example.org/w"],
)
def test_another_address_is_invalid(other: str) -> None:
    found = twilio(url="https://hub.example.com/w", pairs=[], signature=signed(other))
    assert found is ForgeryReason.INVALID


def test_a_name_repeated_counts_each_value_once_and_sorted() -> None:
    pairs = [(b"D", b"5"), (b"D", b"1"), (b"D", b"1"), (b"A", b"x")]
    assert (
        twilio(
            url="https://h.example/", pairs=pairs, signature=signed("https://h.example/", b"AxD1D5")
        )
        is None
    )


def test_a_json_body_is_covered_by_its_hash() -> None:
    body = b'{"a": "\xc3\xa5"}'
    url = f"https://h.example/w?bodySHA256={hashlib.sha256(body).hexdigest()}"
    pairs = [(b"ignored", b"here")]
    assert twilio(url=url, pairs=pairs, body=body, signature=signed(url)) is None
    assert (
        twilio(url=url, pairs=[], body=body + b" ", signature=signed(url)) is ForgeryReason.INVALID
    )


def test_bytes_that_are_no_text_are_signed_as_they_are() -> None:
    form = forms.read(b"Body=%FF%FE&A=1")
    url = "https://h.example/w"
    assert twilio(url=url, pairs=list(form.pairs), signature=signed(url, b"A1Body\xff\xfe")) is None


@given(url=st.text(max_size=40), signature=st.text(max_size=40), body=st.binary(max_size=40))
def test_nothing_makes_the_proof_raise(url: str, signature: str, body: bytes) -> None:
    assert twilio(url=url, pairs=list(forms.read(body).pairs), signature=signature) is not None


META = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize(
    ("body", "header", "found"),
    [
        (b"Hello, World!", META, None),
        (b"Hello, World?", META, ForgeryReason.INVALID),
        (b"Hello, World!", META.removeprefix("sha256="), ForgeryReason.INVALID),
        (b"Hello, World!", META.replace("sha256", "sha1"), ForgeryReason.INVALID),
        (b"Hello, World!", "", ForgeryReason.MISSING),
        (b"Hello, World!", None, ForgeryReason.MISSING),
    ],
)
def test_meta(body: bytes, header: str | None, found: ForgeryReason | None) -> None:
    # The vector is GitHub's published one: the same algorithm.
    assert proofs.meta(secret="It's a Secret to Everybody", body=body, header=header) is found


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("s3cret", None),
        ("S3cret", ForgeryReason.INVALID),
        ("s3cret ", ForgeryReason.INVALID),
        ("så", ForgeryReason.INVALID),
        (None, ForgeryReason.MISSING),
        ("", ForgeryReason.MISSING),
    ],
)
def test_a_shared_token(header: str | None, found: ForgeryReason | None) -> None:
    assert proofs.shared_token(secret="s3cret", header=header) is found


LINE = base64.b64encode(hmac.new(b"s3cret", b"a", "sha256").digest()).decode()


@pytest.mark.parametrize(
    ("body", "header", "found"),
    [
        (b"a", LINE, None),
        (b"b", LINE, ForgeryReason.INVALID),
        (b"a", "é", ForgeryReason.INVALID),
        (b"a", "", ForgeryReason.MISSING),
        (b"a", None, ForgeryReason.MISSING),
    ],
)
def test_line(body: bytes, header: str | None, found: ForgeryReason | None) -> None:
    assert proofs.line(secret="s3cret", body=body, header=header) is found


def test_viber() -> None:
    header = hmac.new(b"t0ken", b"\xff{}", "sha256").hexdigest()
    assert proofs.viber(token="t0ken", body=b"\xff{}", header=header) is None
    assert proofs.viber(token="t0ken", body=b"{}", header=header) is ForgeryReason.INVALID
    assert proofs.viber(token="other", body=b"\xff{}", header=header) is ForgeryReason.INVALID
    assert proofs.viber(token="t0ken", body=b"\xff{}", header=None) is ForgeryReason.MISSING


@pytest.mark.parametrize(
    ("timestamp", "found"),
    [
        ("1767225600", None),
        ("1767225300", None),
        ("1767225900", None),
        ("1767225299", ForgeryReason.EXPIRED),
        ("1767225901", ForgeryReason.EXPIRED),
        ("1767225600.5", ForgeryReason.INVALID),
        ("-1", ForgeryReason.INVALID),
        ("٣", ForgeryReason.INVALID),
        ("9" * 400, ForgeryReason.INVALID),
        ("", ForgeryReason.MISSING),
        (None, ForgeryReason.MISSING),
    ],
)
def test_slack_believes_what_was_signed_within_five_minutes(
    timestamp: str | None, found: ForgeryReason | None
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    base = f"v0:{timestamp}:a=1".encode()
    header = "v0=" + hmac.new(b"s3cret", base, "sha256").hexdigest()
    verdict = partial(proofs.slack, secret="s3cret", header=header, timestamp=timestamp, now=now)
    assert verdict(body=b"a=1") is found
    assert verdict(body=b"a=2") is not None
