"""Telegram beyond its samples: keyboards, cutting, tolerance, what the answers say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.errors import ConfigError
from bot.kit import forms
from bot.model.channel import (
    Attachment,
    AttachmentType,
    Ignored,
    Inbound,
    OptIn,
    Press,
    PressKind,
    Started,
    Unsupported,
)
from bot.model.sending import Choice, ChoiceKind, HttpCall, Lost, Reply, Retry, Sent, TemplateUse
from channels.telegram import Adapter, Settings
from channels.telegram.keyboards import markup
from channels.telegram.sending import judge
from tests.contract import channel_samples as kit

if TYPE_CHECKING:
    from bot.model.channel import ChannelEvent, Request
    from bot.model.sending import Delivery

TOKEN = "1234:made-up"
UNSIGNED = Settings.model_validate({"bot_token": TOKEN, "unsigned": True})
CHAT = {"id": 501, "type": "private"}
PERSON = {"id": 501, "first_name": "Åsa"}


def adapter() -> Adapter:
    return Adapter(UNSIGNED, account="demo", public_base_url=kit.BASE)


def webhook(update: object) -> Request:
    return kit.request(
        kit.Sample("telegram", "incoming", "made", {"body": json.dumps(update)}),
    )


def event(**message: Any) -> ChannelEvent:  # noqa: ANN401 any field of a message
    said = {"message_id": 11, "date": 1767225601, "from": PERSON, "chat": CHAT} | message
    (read,) = adapter().receive(webhook({"update_id": 9, "message": said})).events
    return read


def sent(**more: object) -> tuple[list[dict[str, str]], Delivery | None]:
    """The forms that a message goes out as, and how it ended."""
    ok = Reply(status=200, body=b'{"ok": true, "result": {"message_id": 7}}')
    driven = kit.drive(adapter().send(kit.message("telegram", **more)), lambda _: ok)
    calls = [call for call in driven.calls if isinstance(call, HttpCall)]
    return [
        {k.decode(): v.decode() for k, v in forms.read(call.body).pairs}
        | {"method": call.url.rpartition("/")[2]}
        for call in calls
    ], driven.delivery


# --- settings --------------------------------------------------------------------------------


def test_without_a_secret_token_it_says_how_to_mend_it() -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.model_validate({"bot_token": TOKEN})
    assert str(raised.value) == (
        "Telegram account: no secret_token, so webhooks could not be proven. Set secret_token to "
        "what setWebhook was given, or unsigned = true for tests"
    )


def test_unsigned_believes_also_when_a_secret_is_set() -> None:
    both = Settings.model_validate({"bot_token": TOKEN, "secret_token": "s", "unsigned": True})
    assert both.secret is None


@pytest.mark.parametrize("code", ["", "a b", "å", "x" * 65, "a&b"])
def test_no_link_for_a_code_that_telegram_would_not_carry(code: str) -> None:
    assert kit.adapter("telegram").deep_link(code) is None


def test_no_link_without_the_bots_name() -> None:
    assert adapter().deep_link("K7") is None


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("/start", None),
        ("/start ", None),
        ("/start@ExampleShopBot K7", "K7"),
        ("/start\nK7", "K7"),
    ],
)
def test_starts(text: str, ref: str | None) -> None:
    read = event(text=text)
    assert isinstance(read, Started)
    assert read.ref == ref


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("/start and then more words", "/start"),
        ("/order_42", "/order_42"),
        ("/hjälp", None),
        ("see /order", None),
        ("/", None),
    ],
)
def test_commands_are_messages(text: str, payload: str | None) -> None:
    read = event(text=text)
    assert isinstance(read, Inbound)
    assert read.text == text
    assert read.press == (Press(kind=PressKind.COMMAND, payload=payload) if payload else None)


def test_start_as_a_word_allows_messages_again() -> None:
    read = event(text="Start!")
    assert isinstance(read, OptIn)
    assert read.source == "keyword:START"


def test_a_form_that_says_stop_is_a_form() -> None:
    read = event(web_app_data={"button_text": "Stopp", "data": "no JSON"})
    assert isinstance(read, Inbound)
    assert read.press == Press(kind=PressKind.FORM, payload="no JSON")


def test_help_is_a_word_like_any_other() -> None:
    assert isinstance(event(text="hjälp"), Inbound)


def test_half_an_emoji_and_a_nul_cost_only_themselves() -> None:
    read = event(text="a\ud83d\u0000b", **{"from": {"id": 501, "first_name": "\udc00Åsa"}})
    assert isinstance(read, Inbound)
    assert read.text == "ab"
    assert read.sender.name == "Åsa"


def test_an_animation_is_not_a_document_too() -> None:
    file = {"file_id": "a1", "mime_type": "video/mp4"}
    read = event(animation=file, document=file)
    assert isinstance(read, Inbound)
    assert [(a.type, a.media_id) for a in read.attachments] == [(AttachmentType.VIDEO, "a1")]


def test_photo_sizes_without_measures_go_by_their_bytes() -> None:
    sizes = [{"file_id": "b", "file_size": 20}, {"file_id": "a", "file_size": 10}]
    read = event(photo=list(reversed(sizes)))
    assert isinstance(read, Inbound)
    assert (read.attachments[0].media_id, read.attachments[0].size) == ("b", 20)


def test_an_absurd_size_is_no_size() -> None:
    read = event(document={"file_id": "d", "file_size": 2**53})
    assert isinstance(read, Inbound)
    assert read.attachments[0].size is None


def test_a_time_beyond_the_calendar_is_no_time() -> None:
    read = event(text="hej", date=10**17)
    assert isinstance(read, Inbound)
    assert read.at is None


def test_an_old_group_without_a_type_is_a_group() -> None:
    assert event(text="hej", chat={"id": -42}) == Ignored(reason="group_message_ignored")


def test_a_live_location_that_moves_is_no_edit() -> None:
    moved = {"message_id": 11, "from": PERSON, "chat": CHAT, "location": {"latitude": 1}}
    (read,) = adapter().receive(webhook({"update_id": 9, "edited_message": moved})).events
    assert read == Ignored(reason="update_ignored: edit without text")


def test_a_caption_taken_away_is_an_edit() -> None:
    bare = {"message_id": 11, "from": PERSON, "chat": CHAT, "photo": [{"file_id": "p"}]}
    (read,) = adapter().receive(webhook({"update_id": 9, "edited_message": bare})).events
    assert read.kind == "edited"
    assert read.text == ""


def test_a_message_of_a_kind_from_the_future_leaves_a_trace() -> None:
    read = event(hologram={"file_id": "h"})
    assert isinstance(read, Unsupported)
    assert read.what == "message"


def test_a_press_whose_button_is_gone_says_its_payload() -> None:
    press = {"id": "1", "from": PERSON, "data": "size:42"}
    (read,) = adapter().receive(webhook({"update_id": 9, "callback_query": press})).events
    assert isinstance(read, Inbound)
    assert (read.text, read.reply_to, read.at) == ("size:42", None, None)


# --- keyboards -------------------------------------------------------------------------------


def keyboard(*choices: Choice, language: str | None = None) -> tuple[Any, tuple[str, ...]]:
    made = markup(choices, language=language)
    return json.loads(made.json), made.warnings


def test_payloads_over_64_bytes_fall_back_to_typed_titles_and_say_so() -> None:
    shown, warnings = keyboard(Choice(title="Ja", payload="å" * 33))
    assert shown["keyboard"] == [[{"text": "Ja"}]]
    assert warnings == ("the choices come back as their titles, without their payloads",)


def test_a_payload_of_64_bytes_comes_back() -> None:
    shown, warnings = keyboard(Choice(title="Ja", payload="å" * 32))
    assert shown == {"inline_keyboard": [[{"text": "Ja", "callback_data": "å" * 32}]]}
    assert warnings == ()


def test_asking_for_phone_and_place_keeps_the_keyboard_up() -> None:
    shown, warnings = keyboard(
        Choice(title="", kind=ChoiceKind.PHONE),
        Choice(title="Här", kind=ChoiceKind.LOCATION),
        language="sv",
    )
    assert shown == {
        "keyboard": [
            [{"text": "Skicka telefonnummer", "request_contact": True}],
            [{"text": "Här", "request_location": True}],
        ],
        "resize_keyboard": True,
        "one_time_keyboard": False,
    }
    assert warnings == ()


def test_a_form_opens_its_address() -> None:
    shown, _ = keyboard(Choice(title="Mät", kind=ChoiceKind.FORM, url="https://x.se/f"))
    assert shown["keyboard"] == [[{"text": "Mät", "web_app": {"url": "https://x.se/f"}}]]


def test_many_choices_share_rows_of_thirty_characters() -> None:
    shown, _ = keyboard(*(Choice(title=f"Storlek {size}") for size in range(36, 43)))
    assert [len(row) for row in shown["keyboard"]] == [2, 2, 2, 1]


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        (Choice(title=" "), "it has no title"),
        (Choice(title="A", kind=ChoiceKind.URL), "it has no URL"),
        (Choice(title="A", kind=ChoiceKind.URL, url="x.se"), "x.se is no public web address"),
        (
            Choice(title="A", kind=ChoiceKind.URL, url="http://["),
            "http://[ is no public web address",
        ),
        (
            Choice(title="A", kind=ChoiceKind.FORM, url="http://x.se"),
            "http://x.se is no public https address",
        ),
    ],
)
def test_what_telegram_would_refuse_is_left_out(choice: Choice, why: str) -> None:
    shown, warnings = keyboard(choice)
    assert shown == {"remove_keyboard": True}
    assert warnings == (f"the choice {choice.title!r} was left out: {why}",)


# --- sending ---------------------------------------------------------------------------------


def test_a_caption_of_1024_units_stays_with_its_file() -> None:
    picture = Attachment(type=AttachmentType.IMAGE, media_id="p1")
    calls, _ = sent(text="😀" * 512, attachments=(picture,))
    assert [(call["method"], call["photo"]) for call in calls] == [("sendPhoto", "p1")]


def test_a_longer_one_goes_ahead_of_it() -> None:
    picture = Attachment(type=AttachmentType.IMAGE, media_id="p1")
    calls, _ = sent(text="😀" * 512 + "a", attachments=(picture,))
    assert [call["method"] for call in calls] == ["sendMessage", "sendPhoto"]
    assert "caption" not in calls[1]
    assert "reply_markup" not in calls[0]


PLACE = Attachment(type=AttachmentType.LOCATION, latitude=1, longitude=0)


def at(url: str = "https://x.se/a", **more: object) -> Attachment:
    return Attachment.model_validate({"type": "image", "url": url} | more)


@pytest.mark.parametrize(
    ("carried", "method"),
    [
        (at(mime="image/gif"), "sendAnimation"),
        (at(type="audio", mime="audio/ogg; codecs=opus"), "sendVoice"),
        (at(type="sticker"), "sendSticker"),
        (at(type="share"), "sendMessage"),
        (Attachment(type=AttachmentType.CONTACT, phone="+4670", name="Bo"), "sendContact"),
        (PLACE, "sendLocation"),
        (PLACE.model_copy(update={"name": "A", "address": "B"}), "sendVenue"),
    ],
)
def test_each_attachment_goes_its_way(carried: Attachment, method: str) -> None:
    calls, delivery = sent(text="", attachments=(carried,))
    assert [call["method"] for call in calls] == [method]
    assert delivery == Sent()


def test_a_template_is_not_silently_a_text() -> None:
    _, delivery = sent(text="Hej", template=TemplateUse(name="t", language="sv"))
    assert delivery == Sent(warnings=("Telegram has no templates: only the text was sent",))


# --- answers ---------------------------------------------------------------------------------


def answer(status: int, **body: object) -> Reply:
    return Reply(status=status, body=json.dumps(body).encode())


def refusal(code: int, why: str, *, status: int | None = None) -> Reply:
    return answer(status or code, ok=False, error_code=code, description=why)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (refusal(400, "Bad Request: chat not found"), ("unreachable", "unreachable", "400")),
        (refusal(403, "bot can't initiate conversation"), ("unreachable", "unreachable", "403")),
        (refusal(403, "Forbidden: anything else"), ("unreachable", "opted_out", "403")),
        (refusal(404, "Not Found"), ("refused", "config", "404")),
        (refusal(400, "Bad", status=200), ("refused", "rejected_with_reason", "400")),
        (refusal(500, "Internal"), ("retry", "unreachable", "500")),
        (answer(502), ("retry", "unreachable", "502")),
        (answer(200, ok=True, result={}), ("refused", "bad_response", "200")),
        (Lost(reason="cut"), ("uncertain", "uncertain", None)),
    ],
)
def test_what_an_answer_says(result: Reply | Lost, verdict: tuple[str, str, str | None]) -> None:
    read = judge(result).model_dump(mode="json")
    assert (read["kind"], read["failure"]["kind"], read["failure"]["code"]) == verdict


def test_a_wait_beyond_all_reason_is_a_day() -> None:
    told = answer(429, ok=False, error_code=429, parameters={"retry_after": 10**12})
    read = judge(told)
    assert isinstance(read, Retry)
    assert read.after == timedelta(days=1)


def test_the_provider_time_is_the_events_time() -> None:
    read = event(text="hej")
    assert isinstance(read, Inbound)
    assert read.at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
