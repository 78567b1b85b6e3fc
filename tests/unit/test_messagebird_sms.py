"""What the samples of SMS by MessageBird leave open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.model.channel import Attachment, AttachmentType, Forged, Inbound, Receipt, Request
from bot.model.sending import HttpCall, Reply, Sent
from tests.contract import channel_samples as kit

CHANNEL = "messagebird_sms"
FORM = {"id": "a1", "recipient": "46701380011", "originator": "46701740605", "body": "Hej"}


def asked(form: dict[str, str], **more: Any) -> Request:  # noqa: ANN401 - whatever fields the case names
    data = {"name": "x", "form": form} | more
    return kit.request(kit.Sample(CHANNEL, "incoming", "x", data))


def pictures(count: int) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(type=AttachmentType.IMAGE, url=f"https://cdn.example.com/{n}.png")
        for n in range(count)
    )


def sent(text: str, attachments: tuple[Attachment, ...]) -> list[tuple[str, Any]]:
    channel = kit.adapter(CHANNEL, number="+18005551212")
    message = kit.message(CHANNEL, text=text, attachments=attachments)
    driven = kit.drive(channel.send(message), lambda _: Reply(status=201, body=b'{"id":"x"}'))
    assert isinstance(driven.delivery, Sent)
    calls = [call for call in driven.calls if isinstance(call, HttpCall)]
    return [(call.url.rpartition("/")[2], json.loads(call.body)) for call in calls]


def test_an_american_number_sends_files_as_mms() -> None:
    ((path, document),) = sent("Här", pictures(2))
    assert path == "mms"
    assert document["body"] == "Här"
    assert document["mediaUrls"] == [f"https://cdn.example.com/{n}.png" for n in range(2)]
    ((_, alone),) = sent("", pictures(1))
    assert "body" not in alone


def test_ten_files_an_mms_and_the_rest_of_a_long_text_by_sms() -> None:
    calls = sent("Hela meningen ryms i ett meddelande. " * 120, pictures(11))
    assert [path for path, _ in calls] == ["mms", "mms", "messages", "messages"]
    assert [len(document.get("mediaUrls", ())) for _, document in calls] == [10, 1, 0, 0]
    assert len({document["reference"] for _, document in calls}) == 4


def test_what_comes_unsigned_is_believed_for_the_secret_in_its_url_alone() -> None:
    both = kit.adapter(CHANNEL, webhook_secret="s3")
    (event,) = both.receive(asked(FORM, query={"secret": "s3"})).events
    assert isinstance(event, Inbound)
    wrong = {"messagebird-signature-jwt": "a.b.c"}
    for request in (asked(FORM), asked(FORM, query={"secret": "s3"}, headers=wrong)):
        (event,) = both.receive(request).events
        assert isinstance(event, Forged)
    (event,) = kit.adapter(CHANNEL).receive(asked(FORM, query={"secret": "s3"})).events
    assert isinstance(event, Forged)
    only = kit.adapter(CHANNEL, signing_key=None, webhook_secret="s3")
    (event,) = only.receive(asked(FORM, query={"secret": "s3"})).events
    assert isinstance(event, Inbound)


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({"createdDatetime": "2026-01-01T02:00:00+02:00"}, "2026-01-01T00:00:00+00:00"),
        ({"CreatedDatetime": "nonsense", "date_utc": "1767225600"}, "2026-01-01T00:00:00+00:00"),
        ({"receive_datetime": "20260101000000"}, "2026-01-01T00:00:00+00:00"),
        ({"date_utc": "1e400"}, None),
        ({}, None),
    ],
)
def test_when_it_was_written(more: dict[str, str], at: str | None) -> None:
    (event,) = kit.adapter(CHANNEL, unsigned=True).receive(asked(FORM | more)).events
    assert isinstance(event, Inbound)
    assert (event.at.isoformat() if event.at else None) == at


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("scheduled", "queued"),
        ("sent", "sent"),
        ("buffered", "sent"),
        ("delivered", "delivered"),
        ("expired", "failed"),
        ("delivery_failed", "failed"),
    ],
)
def test_every_status(status: str, said: str) -> None:
    form = {"id": "a1", "recipient": "46701740605", "status": status, "statusErrorCode": "0"}
    (event,) = kit.adapter(CHANNEL, unsigned=True).receive(asked(form, path="/status")).events
    assert isinstance(event, Receipt)
    assert (event.status, event.error_code) == (said, None)


def test_a_report_that_names_our_own_number_is_no_message_of_it() -> None:
    form = {"id": "a1", "originator": "46701380011", "recipient": "46701740605", "reference": "r"}
    told = form | {"status": "delivery_failed", "statusErrorCode": "9"}
    for path in ("/status", ""):
        (event,) = kit.adapter(CHANNEL, unsigned=True).receive(asked(told, path=path)).events
        assert isinstance(event, Receipt)
        assert (event.external_id, event.status, event.error_code) == ("a1", "failed", "9")
    for said in ({"body": "sent"}, {"mediaUrls[]": "https://media.example.net/a.png"}):
        (event,) = kit.adapter(CHANNEL, unsigned=True).receive(asked(told | said)).events
        assert isinstance(event, Inbound)
        assert event.sender.user == "+46701380011"
