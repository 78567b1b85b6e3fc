"""The web chat beyond its samples: limits, what a page may say, what it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.model.channel import Attachment, AttachmentType, Inbound, Unreadable
from bot.model.sending import Choice, Emit, MediaGone, Origin, Refused, Reply, Sent
from channels.webchat import Adapter, FromVisitor, Settings, ToVisitor
from tests.contract import channel_samples as kit

if TYPE_CHECKING:
    from bot.model.channel import ChannelEvent


def adapter(**settings: object) -> Adapter:
    made = Settings.model_validate(settings)
    return Adapter(made, account="shop", public_base_url=kit.BASE)


def received(**said: object) -> ChannelEvent:
    return read(adapter(), **said)


def read(channel: Adapter, **said: object) -> ChannelEvent:
    said = {"visitor": "v_1", "event": "message", "id": "c1"} | said
    sample = kit.Sample(
        "webchat", "incoming", "made", {"method": "SOCKET", "body": json.dumps(said)}
    )
    (event,) = channel.receive(kit.request(sample)).events
    return event


def test_ten_thousand_characters_and_no_more() -> None:
    whole = received(text="👋" * 10_000)
    assert isinstance(whole, Inbound)
    assert len(whole.text) == 10_000
    event = received(text="👋" * 10_001)
    assert isinstance(event, Unreadable)
    assert event.detail == "text: 10001 characters, 10000 is the limit"


def test_only_what_came_by_a_socket_is_believed() -> None:
    data = {"method": "SOCKET", "body": json.dumps({"visitor": "v", "event": "started", "id": "1"})}
    request = kit.request(kit.Sample("webchat", "incoming", "made", data))
    webhook = request.model_copy(update={"path": "/webhooks/webchat/shop"})
    assert [event.kind for event in adapter().receive(request).events] == ["started"]
    assert [event.kind for event in adapter().receive(webhook).events] == ["forged"]


def test_the_limit_can_be_lower() -> None:
    assert read(adapter(max_text_length=3), text="fyra").kind == "unreadable"
    assert read(adapter(max_text_length=3), text="tre").kind == "inbound"


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ({"text": ""}, "text or files: a message needs it"),
        ({"text": {"a": 1}}, "text or files: a message needs it"),
        ({"event": "press"}, "payload: a press needs it"),
        ({"event": "form", "fields": {}}, "fields: a form needs it"),
        ({"event": "read"}, "entry: a read needs it"),
        ({"visitor": "x" * 129}, "visitor: String should have at most 128 characters"),
        ({"id": "", "text": "hej"}, "id: String should have at least 1 character"),
    ],
)
def test_what_a_page_may_not_say(said: dict[str, object], detail: str) -> None:
    event = received(**said)
    assert isinstance(event, Unreadable)
    assert event.detail == detail


def test_a_detail_never_repeats_what_was_written() -> None:
    event = received(payload="hemligt" * 200, event="press")
    assert isinstance(event, Unreadable)
    assert "hemligt" not in event.detail


def test_two_visitors_may_number_alike() -> None:
    keys = set()
    for visitor in ("v_1", "v_2"):
        event = received(visitor=visitor, text="hej")
        assert isinstance(event, Inbound)
        keys.add(event.dedupe_key)
    assert keys == {"v_1:c1", "v_2:c1"}


@pytest.mark.parametrize(
    ("origin", "author"),
    [
        (Origin.BOT, "bot"),
        (Origin.CAMPAIGN, "bot"),
        (Origin.AGENT, "agent"),
        (Origin.SYSTEM, "system"),
    ],
)
def test_the_page_is_told_who_writes(origin: Origin, author: str) -> None:
    message = kit.message("webchat", text="Hej", origin=origin)
    driven = kit.drive(adapter().send(message), lambda _: Reply(status=200))
    (emit,) = driven.calls
    assert isinstance(emit, Emit)
    assert ToVisitor.model_validate_json(emit.data).author == author
    assert driven.parts == [message.entry]


def test_all_of_a_message_reaches_the_page() -> None:
    picture = Attachment(type=AttachmentType.IMAGE, url="https://cdn.example.com/a.png")
    choice = Choice(title="Ja", payload="yes")
    message = kit.message("webchat", text="Så?", attachments=(picture,), choices=(choice,))
    (emit,) = kit.drive(adapter().send(message), lambda _: Reply(status=200)).calls
    assert isinstance(emit, Emit)
    shown = ToVisitor.model_validate_json(emit.data)
    assert (shown.attachments, shown.choices) == ((picture,), (choice,))
    assert (shown.account, shown.seq, shown.send) == ("shop", 7, message.id)


def test_a_file_alone_is_a_message() -> None:
    picture = Attachment(type=AttachmentType.IMAGE, url="https://cdn.example.com/a.png")
    message = kit.message("webchat", attachments=(picture,))
    driven = kit.drive(adapter().send(message), lambda _: Reply(status=200))
    assert driven.delivery == Sent()


def test_a_text_over_the_limit_is_refused_whole() -> None:
    message = kit.message("webchat", text="a" * 10_001)
    driven = kit.drive(adapter().send(message), lambda _: Reply(status=200))
    assert isinstance(driven.delivery, Refused)
    assert driven.delivery.failure.message == "10001 characters, 10000 is the limit"
    assert driven.calls == []


def test_nothing_is_fetched() -> None:
    picture = Attachment(type=AttachmentType.IMAGE, url="http://169.254.169.254/")
    calls, found = kit.drive_fetch(adapter().fetch(picture), lambda _: Reply(status=200))
    assert calls == []
    assert found == MediaGone(reason="the web chat keeps no such image")


def test_no_link_without_a_page() -> None:
    assert adapter().deep_link("K7") is None
    link = adapter(page_url="https://x.se/chat?a=1").deep_link("K7/å")
    assert link == "https://x.se/chat?a=1#K7%2F%C3%A5"


def test_it_reaches_only_an_open_page() -> None:
    assert adapter().capabilities.push is False
    assert adapter().capabilities.window is None


def test_the_format_is_a_schema() -> None:
    assert set(FromVisitor.model_json_schema()["required"]) == {"visitor", "event", "id"}
    assert {"id", "seq", "at", "author"} <= set(ToVisitor.model_json_schema()["required"])
