"""What the samples of SMS by Infobip leave open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.errors import ConfigError
from bot.model.channel import Attachment, AttachmentType, ChannelEvent, Inbound, Receipt, Unreadable
from bot.model.sending import HttpCall, MediaGone, Reply
from tests.contract import channel_samples as kit

CHANNEL = "infobip_sms"
TAKEN = b'{"messages":[{"messageId":"x","status":{"groupId":1}}]}'


def read(*results: object) -> tuple[ChannelEvent, ...]:
    data = {"name": "x", "body": json.dumps({"results": results})}
    request = kit.request(kit.Sample(CHANNEL, "incoming", "x", data))
    return kit.adapter(CHANNEL, unsigned=True).receive(request).events


def sent(message: dict[str, Any], **settings: object) -> kit.Driven:
    channel = kit.adapter(CHANNEL, **settings)
    made = kit.message(CHANNEL, **message)
    return kit.drive(channel.send(made), lambda _: Reply(status=200, body=TAKEN))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"groupName": "accepted"}, "sent"),
        ({"groupName": "PENDING"}, "sent"),
        ({"groupName": "UNDELIVERABLE"}, "failed"),
        ({"groupName": "DELIVERED"}, "delivered"),
        ({"groupName": "EXPIRED"}, "failed"),
        ({"groupName": "REJECTED"}, "failed"),
        ({"groupId": 3}, "delivered"),
        ({"groupId": "5"}, "failed"),
        ({"name": "DELIVERED_TO_HANDSET"}, "delivered"),
        ("DELIVERED", "delivered"),
    ],
)
def test_every_group_of_statuses(status: object, said: str) -> None:
    (event,) = read({"messageId": "m", "status": status})
    assert isinstance(event, Receipt)
    assert event.status == said


@pytest.mark.parametrize("status", [{"groupId": 6}, {"groupId": -1}, {"x": 1}, 7, ["DELIVERED"]])
def test_other_statuses_are_unknown(status: object) -> None:
    (event,) = read({"messageId": "m", "status": status})
    assert isinstance(event, Unreadable)
    assert event.reason == "unknown_status"


@pytest.mark.parametrize(
    "more",
    [
        {"from": "46701740605", "text": "Hej"},
        {"sender": "46701740605", "content": [{"type": "TEXT", "text": "Hej"}]},
        {"sender": "46701740605", "message": {"type": "TEXT", "text": "Hej"}},
        {"from": 46701740605, "message": [{"contentType": "text/plain", "value": "Hej"}]},
    ],
)
def test_every_shape_of_a_message(more: dict[str, object]) -> None:
    (event,) = read({"messageId": "m", **more})
    assert isinstance(event, Inbound)
    assert (event.text, event.sender.user) == ("Hej", "+46701740605")


def test_what_lacks_a_sender_is_malformed() -> None:
    (event,) = read({"messageId": "m", "text": "Hej"})
    assert isinstance(event, Unreadable)
    assert event.reason == "malformed"


def test_by_name_and_password() -> None:
    (call,) = sent({"text": "Hej"}, api_key=None, username="Anna", password="pass").calls
    assert isinstance(call, HttpCall)
    assert dict(call.headers)["Authorization"] == "Basic QW5uYTpwYXNz"
    named = {secret.get_secret_value() for secret in call.secrets}
    assert {"pass", "Basic QW5uYTpwYXNz", "made-up-secret-7c31"} <= named


@pytest.mark.parametrize("half", [{"username": "Anna"}, {"password": "pass"}])
def test_half_a_login_is_refused(half: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="belong together"):
        kit.settings(CHANNEL, api_key=None, **half)
    assert kit.settings(CHANNEL, **half) is not None


def test_without_credentials_nothing_is_sent() -> None:
    driven = sent({"text": "Hej"}, api_key=None)
    assert driven.calls == []
    assert driven.delivery is not None
    assert driven.delivery.model_dump()["failure"]["kind"] == "config"


def test_files_as_links_where_the_sender_has_no_mms() -> None:
    picture = Attachment(type=AttachmentType.IMAGE, url="https://cdn.example.com/a.png")
    driven = sent({"text": "Här", "attachments": (picture,)}, mms=False)
    (call,) = driven.calls
    assert isinstance(call, HttpCall)
    assert call.url.endswith("/sms/3/messages")
    (message,) = json.loads(call.body)["messages"]
    assert message["content"] == {"text": "Här\nhttps://cdn.example.com/a.png"}


def test_a_picture_without_a_text() -> None:
    picture = Attachment(
        type=AttachmentType.IMAGE, url="https://cdn.example.com/a", mime="image/gif"
    )
    (call,) = sent({"text": " ", "attachments": (picture,)}).calls
    assert isinstance(call, HttpCall)
    (message,) = json.loads(call.body)["messages"]
    assert [each["type"] for each in message["content"]["messageSegments"]] == ["LINK"]
    assert message["content"]["messageSegments"][0]["contentType"] == "image/gif"


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://api.infobip.com/x", True),
        ("https://abc.api.infobip.com/x", True),
        ("http://abc.api.infobip.com/x", False),
        ("https://api.infobip.com.evil.example/x", False),
        ("https://evilapi.infobip.com/x", False),
        ("https://api.infobip.com@evil.example/x", False),
    ],
)
def test_credentials_go_to_infobip_alone(url: str, trusted: bool) -> None:
    fetching = kit.adapter(CHANNEL).fetch(Attachment(type=AttachmentType.IMAGE, url=url))
    calls, _ = kit.drive_fetch(fetching, lambda _: Reply(status=200, body=b"x"))
    (call,) = calls
    assert isinstance(call, HttpCall)
    assert (bool(call.headers), call.guarded) == (trusted, not trusted)


def test_an_address_that_is_none_is_not_fetched() -> None:
    fetching = kit.adapter(CHANNEL).fetch(Attachment(type=AttachmentType.IMAGE, url="http://["))
    calls, found = kit.drive_fetch(fetching, lambda _: Reply(status=200))
    assert (calls, isinstance(found, MediaGone)) == ([], True)


def test_the_layout_of_an_mms_is_not_what_was_said() -> None:
    (event,) = read(
        {
            "messageId": "m",
            "from": "46701740605",
            "message": [
                {"contentType": "application/smil", "value": "<smil><body/></smil>"},
                {"contentType": "Text/Plain; charset=utf-8", "value": "de här"},
                {"contentType": "image/png", "url": "https://media.example.net/a.png"},
                {"value": "och den"},
            ],
        }
    )
    assert isinstance(event, Inbound)
    assert event.text == "de här\noch den"
    assert [each.url for each in event.attachments] == ["https://media.example.net/a.png"]
