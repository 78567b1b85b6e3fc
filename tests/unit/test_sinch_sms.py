"""What the samples of SMS by Sinch leave open."""

from __future__ import annotations

import json

import pytest

from bot.model.channel import ChannelEvent, Inbound, Receipt, Unreadable, Unsupported
from bot.model.sending import Reply
from tests.contract import channel_samples as kit

CHANNEL = "sinch_sms"
TEXT = {"type": "mo_text", "id": "m", "from": "46701740605", "to": "1008", "body": "Hej"}


def read(document: object) -> ChannelEvent:
    data = {"name": "x", "body": json.dumps(document)}
    request = kit.request(kit.Sample(CHANNEL, "incoming", "x", data))
    (event,) = kit.adapter(CHANNEL, unsigned=True).receive(request).events
    return event


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("Queued", "queued"),
        ("Dispatched", "sent"),
        ("Delivered", "delivered"),
        ("Aborted", "failed"),
        ("Cancelled", "failed"),
        ("Deleted", "failed"),
        ("Expired", "failed"),
        ("Failed", "failed"),
        ("Rejected", "failed"),
    ],
)
def test_every_status(status: str, said: str) -> None:
    report = {
        "type": "recipient_delivery_report_sms",
        "batch_id": "b",
        "status": status,
        "code": 999,
    }
    event = read(report)
    assert isinstance(event, Receipt)
    assert event.status == said
    failed = ("999", status) if said == "failed" else (None, None)
    assert (event.error_code, event.error_title) == failed


def test_without_a_type_it_is_what_it_has() -> None:
    untyped = {name: value for name, value in TEXT.items() if name != "type"}
    assert isinstance(read(untyped), Inbound)
    assert isinstance(read({"batch_id": "b", "status": "Delivered"}), Receipt)


@pytest.mark.parametrize("lacking", ["id", "from", "body"])
def test_what_a_message_needs(lacking: str) -> None:
    event = read({name: value for name, value in TEXT.items() if name != lacking})
    assert isinstance(event, Unreadable)
    assert event.reason == "malformed"


@pytest.mark.parametrize("document", [{}, [], None, 7, "mo_text", {"type": None}, {"type": 7}])
def test_other_documents_say_nothing(document: object) -> None:
    assert isinstance(read(document), Unreadable)


def test_an_mms_without_anything_that_was_kept_leaves_a_trace() -> None:
    media = [{"code": 2, "status": "Failed"}]
    event = read(TEXT | {"type": "mo_media", "body": {"media": media}})
    assert isinstance(event, Unsupported)


def test_without_a_token_nothing_is_sent() -> None:
    channel = kit.adapter(CHANNEL, api_token=None)
    driven = kit.drive(channel.send(kit.message(CHANNEL, text="Hej")), lambda _: Reply(status=201))
    assert driven.calls == []
    assert driven.delivery is not None
    assert driven.delivery.model_dump()["failure"]["kind"] == "config"
