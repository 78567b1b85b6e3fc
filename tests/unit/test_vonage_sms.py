"""What the samples of SMS by Vonage leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.kit import forms, proofs
from bot.model.channel import Forged, Inbound, Receipt, Unreadable, Unsupported
from bot.model.sending import Reply, Retry, Sent
from tests.contract import channel_samples as kit

if TYPE_CHECKING:
    from bot.model.channel import ChannelEvent, Request

TEXT = {"msisdn": "46701740605", "to": "46701380010", "messageId": "0B01", "text": "Hej"}


def asked(fields: dict[str, str], *, method: str = "GET", path: str = "") -> Request:
    key = "query" if method == "GET" else "form"
    data = {"name": "x", "method": method, "path": path, key: fields}
    return kit.request(kit.Sample("vonage_sms", "incoming", "x", data))


def read(fields: dict[str, str], *, method: str = "GET", path: str = "") -> ChannelEvent:
    channel = kit.adapter("vonage_sms", unsigned=True)
    (event,) = channel.receive(asked(fields, method=method, path=path)).events
    return event


def signed(fields: dict[str, str], *, method: str = "sha256") -> dict[str, str]:
    pairs = forms.read(forms.write(fields.items())).pairs
    secret = str(kit.table("vonage_sms")["settings"]["signature_secret"])
    return fields | {"sig": proofs.vonage_signature(secret=secret, method=method, pairs=pairs)}


@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1", "sha256", "sha512"])
def test_the_account_has_one_method(method: str) -> None:
    channel = kit.adapter("vonage_sms", signature_method=method)
    (event,) = channel.receive(asked(signed(TEXT, method=method))).events
    assert isinstance(event, Inbound)
    other = "sha1" if method != "sha1" else "md5"
    (event,) = channel.receive(asked(signed(TEXT, method=other))).events
    assert isinstance(event, Forged)


def test_a_secret_in_the_url_is_no_parameter_of_vonages() -> None:
    channel = kit.adapter("vonage_sms", webhook_secret="s3")
    (event,) = channel.receive(asked(signed(TEXT) | {"secret": "s3"})).events
    assert isinstance(event, Inbound)
    for fields in (signed(TEXT), signed(TEXT) | {"secret": "s4"}, TEXT | {"secret": "s3"}):
        (event,) = channel.receive(asked(fields)).events
        assert isinstance(event, Forged)


def test_a_check_of_the_address_is_answered_well() -> None:
    received = kit.adapter("vonage_sms", unsigned=True).receive(asked({}))
    assert [event.kind for event in received.events] == ["unreadable"]
    assert received.answer.status == 200


@pytest.mark.parametrize("lacking", ["msisdn", "messageId"])
def test_what_a_message_needs(lacking: str) -> None:
    event = read({name: value for name, value in TEXT.items() if name != lacking})
    assert isinstance(event, Unreadable)
    assert event.reason == "malformed"


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_text_leaves_a_trace(text: str) -> None:
    event = read(TEXT | {"text": text, "type": "text"})
    assert isinstance(event, Unsupported)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("accepted", "sent"),
        ("Buffered", "sent"),
        ("delivered", "delivered"),
        ("expired", "failed"),
        ("failed", "failed"),
        ("rejected", "failed"),
    ],
)
def test_every_status(status: str, said: str) -> None:
    event = read({"messageId": "0C01", "status": status, "err-code": "0"}, path="/status")
    assert isinstance(event, Receipt)
    assert (event.status, event.error_code) == (said, None)


def test_the_ids_of_all_sms_of_a_text_are_kept() -> None:
    body = (
        b'{"messages":[{"status":"0","message-id":"A1"},{"status":"0","message-id":"A2"},'
        b'{"status":"0"}]}'
    )
    message = kit.message("vonage_sms", text="a" * 400)
    driven = kit.drive(
        kit.adapter("vonage_sms").send(message), lambda _: Reply(status=200, body=body)
    )
    assert (len(driven.calls), driven.parts) == (1, ["A1", "A2"])
    assert isinstance(driven.delivery, Sent)


def test_an_error_within_vonage_is_tried_again() -> None:
    body = b'{"messages":[{"status":"5"}]}'
    driven = kit.drive(
        kit.adapter("vonage_sms").send(kit.message("vonage_sms", text="Hej")),
        lambda _: Reply(status=200, body=body),
    )
    assert isinstance(driven.delivery, Retry)


def test_without_a_secret_of_the_api_nothing_is_sent() -> None:
    channel = kit.adapter("vonage_sms", api_secret=None)
    driven = kit.drive(
        channel.send(kit.message("vonage_sms", text="Hej")), lambda _: Reply(status=1)
    )
    assert driven.calls == []
    assert driven.delivery is not None
    assert driven.delivery.model_dump()["failure"]["kind"] == "config"
