"""The contract of every channel with a provider: played on its wire format, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.kit.split import measure
from bot.model.channel import Echo, Inbound, ReadUpTo, Receipt, Referral, Request, Started
from bot.model.phone import PhoneWrites
from bot.model.sending import Choice, HttpCall, Reply, Sent, Unreachable
from tests.contract import channel_samples as kit
from tests.contract.channel_samples import BASE, NOW

if TYPE_CHECKING:
    from bot.model.channel import Received
    from bot.model.phone import PhoneShows
    from bot.model.sending import Call, CallResult
    from bot.ports import Provider

PLAYED = [name for name in kit.names() if kit.has_loopback(name)]

each_played = pytest.mark.parametrize("channel", PLAYED)

# --- the played provider ---------------------------------------------------------------------


class Phone:
    """A channel with its played provider: what is sent shows, what comes back is kept."""

    def __init__(self, channel: str) -> None:
        self.settings = kit.settings(channel)
        self.channel = kit.build(channel, self.settings)
        self.provider: Provider = kit.loopback(channel, self.settings)
        self.url = BASE + kit.webhook_path(channel)
        self.shows: list[PhoneShows] = []
        self.webhooks: list[Request] = []

    def write(self, number: int = 5, **what: str | None) -> Received:
        writes = PhoneWrites.model_validate({"user": kit.user(self.channel.name), **what})
        return self.channel.receive(
            self.provider.write(writes, url=self.url, at=NOW, number=number)
        )

    def answer(self, call: Call) -> CallResult:
        assert isinstance(call, HttpCall)
        base = str(self.settings.model_dump()["api_base"]).rstrip("/")
        assert call.url.startswith(base + "/")
        path, _, query = call.url.removeprefix(base).partition("?")
        request = Request(
            method=call.method,
            url=call.url,
            path=path,
            query=tuple((p.split("=", 1)[0], p.split("=", 1)[-1]) for p in query.split("&") if p),
            headers=tuple((name.lower(), value) for name, value in call.headers),
            body=call.body,
            received_at=NOW,
        )
        number = 100 + len(self.shows)
        took = self.provider.take(request, url=self.url, number=number)
        self.shows += took.shows
        self.webhooks += took.webhooks
        return Reply(
            status=took.answer.status,
            headers=(("Content-Type", took.answer.content_type),),
            body=took.answer.body,
        )


@each_played
def test_what_the_phone_writes_is_believed_and_read(channel: str) -> None:
    phone = Phone(channel)
    received = phone.write(text="Hej på er 👋", name="Åsa")
    (event,) = received.events
    assert isinstance(event, Inbound)
    assert (event.text, event.sender.user) == ("Hej på er 👋", kit.user(channel))
    assert received.answer.status == 200
    other = phone.write(number=6, text="Hej på er 👋").events[0]
    assert isinstance(other, Inbound)
    assert other.dedupe_key != event.dedupe_key
    assert other.external_id != event.external_id


@each_played
def test_what_the_phone_presses_comes_back(channel: str) -> None:
    (event,) = Phone(channel).write(text="Blå", payload="color:blue").events
    assert isinstance(event, Inbound)
    assert event.text == "Blå"
    if "press" not in kit.table(channel)["exempt"]:
        assert event.press is not None
        assert event.press.payload == "color:blue"


@each_played
def test_a_link_is_followed_where_the_channel_has_such_links(channel: str) -> None:
    events = Phone(channel).write(text="K7-m_2", ref="K7-m_2").events
    carried = [e.ref for e in events if isinstance(e, Started | Referral)]
    carried += [e.text for e in events if isinstance(e, Inbound)]
    assert "K7-m_2" in carried


@each_played
def test_the_webhook_of_another_secret_is_refused(channel: str) -> None:
    phone = Phone(channel)
    secrets = [
        name for name in kit.optional_secrets(type(phone.settings)) if getattr(phone.settings, name)
    ]
    other = kit.loopback(channel, kit.settings(channel, **dict.fromkeys(secrets, "another-secret")))
    writes = PhoneWrites(user=kit.user(channel), text="let me in")
    kit.assert_refused(phone.channel.receive(other.write(writes, url=phone.url, at=NOW, number=1)))


@each_played
def test_the_provider_takes_a_message_and_reports_on_it(channel: str) -> None:
    phone = Phone(channel)
    message = kit.message(channel, text="Din order är på väg ☺")
    driven = kit.drive(phone.channel.send(message), phone.answer)
    assert isinstance(driven.delivery, Sent), driven.delivery
    assert [(s.user, s.text) for s in phone.shows] == [(kit.user(channel), "Din order är på väg ☺")]
    assert len(driven.parts) == 1
    for webhook in phone.webhooks:
        events = phone.channel.receive(webhook).events
        assert events
        for event in events:
            assert isinstance(event, Receipt | Echo | ReadUpTo)
            if not isinstance(event, ReadUpTo):
                assert event.external_id == driven.parts[0]
    assert bool(phone.webhooks) == bool(phone.channel.capabilities.receipts)


@each_played
def test_the_phone_shows_the_choices(channel: str) -> None:
    phone = Phone(channel)
    message = kit.message(
        channel,
        text="Passar det?",
        choices=(Choice(title="Ja"), Choice(title="Nej")),
    )
    driven = kit.drive(phone.channel.send(message), phone.answer)
    assert isinstance(driven.delivery, Sent)
    can = phone.channel.capabilities.max_choices > 0
    shown = phone.shows[-1].choices
    assert [one.title for one in shown] == (["Ja", "Nej"] if can else [])
    assert [one.url for one in shown] == [None] * len(shown)
    assert bool(driven.delivery.warnings) is not can


@each_played
def test_a_choice_that_the_phone_shows_can_be_pressed(channel: str) -> None:
    phone = Phone(channel)
    if not phone.channel.capabilities.max_choices:
        return
    choice = Choice(title="Blå", payload="color:blue")
    kit.drive(
        phone.channel.send(kit.message(channel, text="Färg?", choices=(choice,))), phone.answer
    )
    (shown,) = phone.shows[-1].choices
    assert (shown.title, shown.payload) == ("Blå", "color:blue")
    (event,) = phone.write(text=shown.title, payload=shown.payload).events
    assert isinstance(event, Inbound)
    assert event.press is not None
    assert event.press.payload == "color:blue"


@each_played
@given(text=st.text(alphabet="aå👍🏽é.\n ", min_size=1, max_size=60), times=st.integers(1, 12))
@settings(max_examples=25)
def test_no_part_is_longer_than_the_channel_carries(channel: str, text: str, times: int) -> None:
    phone = Phone(channel)
    able = phone.channel.capabilities
    long = text * (times * able.text_limit // (4 * len(text)) + 1)
    driven = kit.drive(phone.channel.send(kit.message(channel, text=long)), phone.answer)
    if not long.strip():
        assert not phone.shows
        return
    assert isinstance(driven.delivery, Sent), driven.delivery
    assert len(set(driven.parts)) == len(driven.calls)
    assert max(measure(s.text, able.text_unit) for s in phone.shows) <= able.text_limit
    assert "".join("".join(s.text for s in phone.shows).split()) == "".join(long.split())


@each_played
def test_a_channel_with_another_token_is_not_served(channel: str) -> None:
    phone = Phone(channel)
    secrets = dict.fromkeys(kit.secrets(phone.settings), "another-token")
    other = kit.build(channel, kit.settings(channel, **secrets))
    driven = kit.drive(other.send(kit.message(channel, text="Hej")), phone.answer)
    assert not isinstance(driven.delivery, Sent | Unreachable)
    assert driven.parts == []
    assert phone.shows == []
