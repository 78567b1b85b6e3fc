"""Instagram beyond its samples: what was seen, cards, links."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.model.channel import ReadUpTo, Receipt
from bot.model.sending import Card, Choice, ChoiceKind, HttpCall, Reply, Sent
from channels.instagram import Adapter, Settings
from tests.contract import channel_samples as kit

if TYPE_CHECKING:
    from bot.model.channel import ChannelEvent

ACCOUNT = "17840001"
PLAIN = {"ig_account_id": ACCOUNT, "access_token": "tok", "unsigned": True}


def adapter(**more: object) -> Adapter:
    made = Settings.model_validate(PLAIN | more)
    return Adapter(made, account="demo", public_base_url=kit.BASE)


def events(**what: object) -> list[ChannelEvent]:
    item = {"sender": {"id": "7001"}, "recipient": {"id": ACCOUNT}} | what
    body = {"object": "instagram", "entry": [{"id": ACCOUNT, "messaging": [item]}]}
    sample = kit.Sample("instagram", "incoming", "made", {"body": json.dumps(body)})
    return list(adapter().receive(kit.request(sample)).events)


def sent(*cards: Card, text: str = "") -> tuple[list[Any], tuple[str, ...]]:
    """The messages that cards go out as, and what could not be carried."""
    ok = Reply(status=200, body=b'{"message_id": "m_1"}')
    message = kit.message("instagram", text=text, cards=cards)
    driven = kit.drive(adapter().send(message), lambda _: ok)
    assert isinstance(driven.delivery, Sent)
    calls = [call for call in driven.calls if isinstance(call, HttpCall)]
    return [json.loads(call.body)["message"] for call in calls], driven.delivery.warnings


def test_seen_without_a_time_is_a_receipt_of_that_message() -> None:
    (event,) = events(read={"mid": "m_1"})
    assert isinstance(event, Receipt)
    assert (event.external_id, event.status) == ("m_1", "read")


def test_seen_up_to_a_moment_is_read_as_messenger_tells_it() -> None:
    (event,) = events(timestamp=1767225601250, read={"watermark": 1767225605125})
    assert isinstance(event, ReadUpTo)
    assert (event.external_id, event.watermark.microsecond) == (None, 125_000)


def test_a_row_has_ten_cards_and_cards_need_no_text() -> None:
    messages, warnings = sent(*(Card(title=f"Tält {n}", text="x") for n in range(12)))
    rows = [message["attachment"]["payload"]["elements"] for message in messages]
    assert [len(row) for row in rows] == [10, 2]
    assert warnings == ()


def test_a_card_says_what_of_it_is_not_shown() -> None:
    buttons = (
        Choice(title="Här?", kind=ChoiceKind.LOCATION),
        Choice(title="Köp", kind=ChoiceKind.URL),
        Choice(title="Ja"),
    )
    messages, warnings = sent(Card(title="Abisko", text="lång " * 30, buttons=buttons))
    (card,) = messages[0]["attachment"]["payload"]["elements"]
    assert card["buttons"] == [{"type": "postback", "title": "Ja", "payload": "Ja"}]
    assert len(card["subtitle"]) <= 80
    assert len(warnings) == 3


@pytest.mark.parametrize("username", ["två ord", "", "a/b"])
def test_a_name_that_is_none_is_refused(username: str) -> None:
    with pytest.raises(ValueError, match="username"):
        Settings.model_validate(PLAIN | {"username": username})


def test_without_its_name_there_is_no_link() -> None:
    assert adapter().deep_link("K7") is None
