"""WhatsApp by the Cloud API beyond its samples: people, batches, choices, what answers say."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.errors import ConfigError
from bot.model.channel import (
    Attachment,
    AttachmentType,
    IdentityChanged,
    Ignored,
    Inbound,
    Receipt,
    Unsupported,
)
from bot.model.sending import (
    Choice,
    ChoiceKind,
    HttpCall,
    PartSent,
    Refused,
    Reply,
    Retry,
    Sent,
    Unreachable,
)
from channels.whatsapp_cloud import Adapter, Settings
from channels.whatsapp_cloud.outcomes import judge
from tests.contract import channel_samples as kit

if TYPE_CHECKING:
    from bot.model.channel import ChannelEvent
    from bot.model.sending import Delivery

NUMBER = "555000111"
USER = "46701740605"
PLAIN = {"phone_number_id": NUMBER, "access_token": "tok", "unsigned": True}
PICTURE = Attachment(type=AttachmentType.IMAGE, url="https://cdn.example.com/a.png")


def adapter(**more: object) -> Adapter:
    made = Settings.model_validate(PLAIN | more)
    return Adapter(made, account="demo", public_base_url=kit.BASE)


def events(*, number: str = NUMBER, field: str = "messages", **value: object) -> list[ChannelEvent]:
    said = {"metadata": {"phone_number_id": number, "display_phone_number": "46766860001"}} | value
    entry = {"id": "1", "changes": [{"field": field, "value": said}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]})
    sample = kit.Sample("whatsapp_cloud", "incoming", "made", {"body": body})
    return list(adapter().receive(kit.request(sample)).events)


def message(**what: object) -> dict[str, Any]:
    return {"from": USER, "id": "wamid.1", "timestamp": "1767225601", "type": "text"} | what


def bodies(**more: object) -> tuple[list[Any], Delivery | None]:
    """The JSON that a message goes out as, and how it ended."""
    ok = Reply(status=200, body=b'{"messages": [{"id": "wamid.1"}]}')
    driven = kit.drive(adapter().send(kit.message("whatsapp_cloud", **more)), lambda _: ok)
    return [json.loads(c.body) for c in driven.calls if isinstance(c, HttpCall)], driven.delivery


def choices(*titles: str, kind: ChoiceKind = ChoiceKind.REPLY) -> tuple[Choice, ...]:
    return tuple(Choice(title=title, kind=kind) for title in titles)


def refusal(code: int, status: int = 400, **more: object) -> Reply:
    error = {"error": {"code": code, "message": f"(#{code}) no"} | more}
    return Reply(status=status, body=json.dumps(error).encode())


# --- settings --------------------------------------------------------------------------------


def test_without_an_app_secret_it_says_which_account_and_how_to_mend_it() -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.model_validate({"phone_number_id": NUMBER, "access_token": "tok"})
    assert (raised.value.where, raised.value.mend) == (
        "WhatsApp account",
        "Set app_secret (Meta app, Settings, Basic), or unsigned = true for tests",
    )


def test_without_its_number_there_is_no_link() -> None:
    assert adapter().deep_link("K7") is None


# --- people ----------------------------------------------------------------------------------


def test_the_ids_of_a_contact_are_the_senders_if_one_of_them_is() -> None:
    contacts = [
        {"wa_id": "46701740699", "user_id": "SE.1", "profile": {"name": "Kim"}},
        {"wa_id": USER, "user_id": "SE.2", "profile": {"name": "Bo"}},
    ]
    (event,) = events(messages=[message(text={"body": "Hej"})], contacts=contacts)
    assert isinstance(event, Inbound)
    assert (event.sender.user, event.sender.name, event.sender.aliases) == (
        f"+{USER}",
        "Bo",
        ("SE.2",),
    )


def test_names_of_somebody_else_are_nobodys() -> None:
    contacts = [{"wa_id": "46701740699", "user_id": "SE.1", "profile": {"name": "Kim"}}]
    (event,) = events(messages=[message(text={"body": "Hej"})], contacts=contacts)
    assert isinstance(event, Inbound)
    assert (event.sender.name, event.sender.aliases) == (None, ())


def test_what_is_no_user_id_is_no_alias() -> None:
    told = message(text={"body": "Hej"}, from_user_id="foo_bar")
    (event,) = events(messages=[told])
    assert isinstance(event, Inbound)
    assert event.sender.aliases == ()


def test_a_short_number_is_somebody_but_no_telephone_number_to_join_by() -> None:
    (event,) = events(messages=[message(text={"body": "Hej"}) | {"from": "5678"}])
    assert isinstance(event, Inbound)
    assert (event.sender.user, event.sender.phone) == ("+5678", None)


def test_an_update_of_a_user_id_in_the_words_of_before() -> None:
    ids = {"previous": "SE.1", "current": "SE.2"}
    update = {"wa_id": USER, "user_id": ids, "timestamp": 1767225601}
    (event,) = events(user_id_update=[update], field="user_id_update")
    assert isinstance(event, IdentityChanged)
    assert (event.sender.user, event.sender.aliases, event.new_identity) == (
        f"+{USER}",
        ("SE.1", "SE.2"),
        "SE.2",
    )


# --- reading ---------------------------------------------------------------------------------


def test_a_message_without_a_type_is_what_is_in_it() -> None:
    told = message(text={"body": "Hej"})
    del told["type"]
    (event,) = events(messages=[told])
    assert isinstance(event, Inbound)
    assert event.text == "Hej"


@pytest.mark.parametrize("kind", ["image", "location", "contacts", "interactive", "hologram"])
@pytest.mark.parametrize("inner", [None, {}, [], "x", 7, {"id": None, "latitude": "north"}])
def test_what_says_nothing_leaves_a_trace(kind: str, inner: object) -> None:
    (event,) = events(messages=[message(type=kind) | {kind: inner}])
    assert isinstance(event, Unsupported)
    assert (event.what, event.external_id) == (kind, "wamid.1")


def test_two_receipts_of_one_message_are_both_told() -> None:
    told = [{"id": "wamid.1", "status": word, "timestamp": "1"} for word in ("sent", "read")]
    found = [event.status for event in events(statuses=told) if isinstance(event, Receipt)]
    assert found == ["sent", "read"]


def test_an_echo_that_names_the_business_as_its_recipient_is_the_others() -> None:
    told = message(to="46766860001", text={"body": "Hej"})
    (event,) = events(message_echoes=[told], field="smb_message_echoes")
    assert event.model_dump()["recipient"] == f"+{USER}"


def test_what_metas_own_agent_says_in_standby_is_an_echo() -> None:
    told = message(to=USER, text={"body": "Hej"}) | {"from": "46766860001"}
    (event,) = events(standby={"message_echoes": [told]}, field="standby")
    assert (event.kind, event.model_dump()["recipient"]) == ("echo", f"+{USER}")


def test_nothing_of_another_number_is_read() -> None:
    told = message(text={"body": "Hej"})
    status = {"id": "wamid.1", "status": "read", "timestamp": "1"}
    found = events(number="999", messages=[told], statuses=[status], message_echoes=[told])
    assert [event.kind for event in found] == ["ignored"]


def test_a_change_of_nothing_is_left_alone() -> None:
    assert events(messages=None) == [Ignored(reason="event_ignored: messages")]


# --- sending ---------------------------------------------------------------------------------


def test_choices_go_below_the_last_piece_and_media_does_not_come_in_their_midst() -> None:
    text = "Hela meningen ryms i ett meddelande. " * 150
    sent, delivery = bodies(text=text, choices=choices("Ja"), attachments=(PICTURE,))
    assert isinstance(delivery, Sent)
    kinds = [body["type"] for body in sent]
    assert (kinds[0], set(kinds[1:-1]), kinds[-1]) == ("image", {"text"}, "interactive")
    shown = sent[-1]["interactive"]
    assert "header" not in shown
    assert len(shown["body"]["text"]) <= 1024
    pieces = [body["text"]["body"] for body in sent[1:-1]] + [shown["body"]["text"]]
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_caption_that_is_too_long_is_a_message() -> None:
    sent, _ = bodies(text="x" * 1025, attachments=(PICTURE,))
    assert [body["type"] for body in sent] == ["image", "text"]
    assert "caption" not in sent[0]["image"]


def test_titles_that_are_the_same_when_cut_are_told_apart() -> None:
    long = "Vandringskängor för damer, "
    sent, _ = bodies(text="Vilka?", choices=choices(f"{long}röda", f"{long}blå"))
    rows = sent[0]["interactive"]["action"]["sections"][0]["rows"]
    assert len({row["title"] for row in rows}) == len({row["id"] for row in rows}) == 2
    assert max(len(row["title"]) for row in rows) <= 24
    assert [row["description"] for row in rows] == [f"{long}röda", f"{long}blå"]


def test_payloads_that_are_the_same_have_ids_that_are_not() -> None:
    same = tuple(Choice(title=title, payload="go") for title in ("Ja", "Ok"))
    sent, _ = bodies(text="Vad?", choices=same)
    buttons = sent[0]["interactive"]["action"]["buttons"]
    assert [button["reply"]["id"] for button in buttons] == ["go", "go#1"]


def test_what_goes_with_no_other_kind_is_said_to_be_left_out() -> None:
    link = Choice(title="Guide", kind=ChoiceKind.URL, url="https://shop.example/g")
    sent, delivery = bodies(text="Läs", choices=(link, *choices("Ja"), link))
    assert sent[0]["interactive"]["body"]["text"] == "Läs\nGuide: https://shop.example/g"
    assert isinstance(delivery, Sent)
    assert delivery.warnings == ("the choice 'Ja' was left out: it goes with no other kind",)


@pytest.mark.parametrize(
    ("spec", "parameters"),
    [
        ("12", {}),
        ("dx:12", {"flow_action": "data_exchange"}),
        ("12?token=a%20b", {"flow_token": "a b"}),
        ("12/S", {"flow_action": "navigate", "flow_action_payload": {"screen": "S"}}),
    ],
)
def test_a_flow_is_named_with_its_screen_and_data(spec: str, parameters: dict[str, Any]) -> None:
    flow = Choice(title="Boka", kind=ChoiceKind.FORM, url=spec)
    sent, _ = bodies(text="Välj", choices=(flow,))
    expected = {"flow_message_version": "3", "flow_id": "12", "flow_cta": "Boka"} | parameters
    assert sent[0]["interactive"]["action"]["parameters"] == expected


def test_asking_for_a_place_without_words_is_said_to_be_left_out() -> None:
    asks = choices("", kind=ChoiceKind.LOCATION)
    sent, delivery = bodies(choices=asks, attachments=(PICTURE,))
    assert [body["type"] for body in sent] == ["image"]
    assert isinstance(delivery, Sent)
    assert delivery.warnings == ("asking for a place was left out: there is no text to ask with",)
    assert isinstance(bodies(choices=asks)[1], Refused)


# --- answers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "ends", "kind"),
    [
        (0, Refused, "config"),
        (4, Retry, "rate_limited"),
        (10, Refused, "config"),
        (100, Refused, "rejected_with_reason"),
        (368, Refused, "rejected_with_reason"),
        (80007, Retry, "rate_limited"),
        (130429, Retry, "rate_limited"),
        (131000, Retry, "provider_error"),
        (131016, Retry, "provider_error"),
        (131026, Unreachable, "unreachable"),
        (131042, Refused, "config"),
        (131047, Refused, "window_closed"),
        (131048, Retry, "rate_limited"),
        (131049, Refused, "rejected_with_reason"),
        (131050, Unreachable, "opted_out"),
        (131053, Retry, "provider_error"),
        (131056, Retry, "rate_limited"),
        (132001, Refused, "rejected_with_reason"),
        (133010, Refused, "config"),
    ],
)
def test_what_a_code_means(code: int, ends: type, kind: str) -> None:
    ended = judge(refusal(code))
    assert isinstance(ended, ends)
    assert not isinstance(ended, PartSent | Sent)
    assert (ended.failure.kind, ended.failure.code) == (kind, str(code))


def test_what_passes_by_metas_word_is_tried_again_when_it_says() -> None:
    passing = refusal(999, is_transient=True).model_copy(
        update={"headers": (("Retry-After", "7"),)}
    )
    ended = judge(passing)
    assert isinstance(ended, Retry)
    assert ended.after == timedelta(seconds=7)


def test_a_success_without_an_id_is_none() -> None:
    ended = judge(Reply(status=200, body=b'{"messages": []}'))
    assert isinstance(ended, Refused)
    assert ended.failure.kind == "bad_response"
