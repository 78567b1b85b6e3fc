"""Messenger beyond its samples: windows, batches, choices, what the answers say."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.errors import ConfigError
from bot.kit.meta.messaging.outcomes import judge
from bot.model.channel import (
    Attachment,
    AttachmentType,
    Deleted,
    Echo,
    Ignored,
    Inbound,
    OptIn,
    Reacted,
    Receipt,
    Referral,
)
from bot.model.sending import (
    Choice,
    ChoiceKind,
    HttpCall,
    Origin,
    PartSent,
    Refused,
    Reply,
    Retry,
    Sent,
)
from channels.messenger import Adapter, Settings
from tests.contract import channel_samples as kit

if TYPE_CHECKING:
    from bot.model.channel import ChannelEvent
    from bot.model.sending import Delivery

PAGE = "100200300"
PLAIN = {"page_id": PAGE, "access_token": "tok", "unsigned": True}


def adapter(**more: object) -> Adapter:
    made = Settings.model_validate(PLAIN | more)
    return Adapter(made, account="demo", public_base_url=kit.BASE)


def events(*items: dict[str, Any], where: str = "messaging") -> list[ChannelEvent]:
    body = {"object": "page", "entry": [{"id": PAGE, where: list(items)}]}
    sample = kit.Sample("messenger", "incoming", "made", {"body": json.dumps(body)})
    return list(adapter().receive(kit.request(sample)).events)


def item(**what: object) -> dict[str, Any]:
    frame = {"sender": {"id": "7001"}, "recipient": {"id": PAGE}, "timestamp": 1767225601250}
    return frame | what


def bodies(channel: Adapter | None = None, **more: object) -> tuple[list[Any], Delivery | None]:
    """The JSON that a message goes out as, and how it ended."""
    ok = Reply(status=200, body=b'{"message_id": "m_1"}')
    driven = kit.drive((channel or adapter()).send(kit.message("messenger", **more)), lambda _: ok)
    calls = [call for call in driven.calls if isinstance(call, HttpCall)]
    return [json.loads(call.body) for call in calls], driven.delivery


# --- settings --------------------------------------------------------------------------------


def test_without_an_app_secret_it_says_how_to_mend_it() -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.model_validate({"page_id": PAGE, "access_token": "tok"})
    assert raised.value.mend == (
        "Set app_secret (Meta app, Settings, Basic), or unsigned = true for tests"
    )


def test_a_proof_of_calls_needs_the_secret() -> None:
    with pytest.raises(ConfigError, match="appsecret_proof needs app_secret"):
        Settings.model_validate(PLAIN | {"appsecret_proof": True})


def test_a_proof_of_calls_is_the_hmac_of_the_token_and_named_as_a_secret() -> None:
    channel = adapter(app_secret="s3", appsecret_proof=True)
    ok = Reply(status=200, body=b'{"message_id": "m_1"}')
    (call,) = kit.drive(channel.send(kit.message("messenger", text="Hej")), lambda _: ok).calls
    proof = hmac.new(b"s3", b"tok", hashlib.sha256).hexdigest()
    assert isinstance(call, HttpCall)
    assert call.url == f"https://graph.facebook.com/v25.0/me/messages?appsecret_proof={proof}"
    assert [secret.get_secret_value() for secret in call.secrets] == ["tok", proof]


def test_a_handshake_without_a_verify_token_configured_is_refused() -> None:
    query = [["hub.mode", "subscribe"], ["hub.verify_token", ""], ["hub.challenge", "1"]]
    sample = kit.Sample("messenger", "incoming", "made", {"method": "GET", "query": query})
    received = adapter().receive(kit.request(sample))
    assert [event.kind for event in received.events] == ["forged"]
    assert (received.answer.status, b"1" in received.answer.body) == (403, False)


def test_a_challenge_is_never_a_page() -> None:
    query = [
        ["hub.mode", "subscribe"],
        ["hub.verify_token", "made-up-verify-8"],
        ["hub.challenge", "<script>alert(1)</script>"],
    ]
    sample = kit.Sample("messenger", "incoming", "made", {"method": "GET", "query": query})
    answer = kit.adapter("messenger").receive(kit.request(sample)).answer
    assert answer.content_type == "text/plain; charset=utf-8"


# --- reading ---------------------------------------------------------------------------------


def test_an_item_for_another_page_in_our_entry_is_not_ours() -> None:
    other = item(message={"mid": "m_1", "text": "Hej"}, recipient={"id": "999"})
    assert events(other) == [Ignored(reason="other_account_ignored: meant for another page")]


def test_the_same_mid_from_a_message_and_its_edit_are_two_things() -> None:
    said = item(message={"mid": "m_1", "text": "Hje"})
    mended = item(message_edit={"mid": "m_1", "text": "Hej", "num_edit": 1})
    assert [event.kind for event in events(said, mended, said)] == ["inbound", "edited"]


def test_what_the_page_takes_back_is_deleted_by_the_page() -> None:
    back = {"sender": {"id": PAGE}, "recipient": {"id": "7001"}}
    (event,) = events(item(message={"mid": "m_1", "is_echo": True, "is_deleted": True}) | back)
    assert isinstance(event, Deleted)
    assert (event.external_id, event.sender.user, event.ours) == ("m_1", "7001", True)


def test_two_deliveries_in_one_webhook_are_both_told() -> None:
    first, second = (item(delivery={"mids": [mid], "watermark": 1}) for mid in ("m_1", "m_2"))
    assert [e.external_id for e in events(first, second) if isinstance(e, Receipt)] == [
        "m_1",
        "m_2",
    ]


def test_a_message_by_an_advertisement_tells_both() -> None:
    ad = {"ref": "sale", "ad_id": "60", "source": "ADS"}
    came, said = events(item(message={"mid": "m_1", "text": "Hej", "referral": ad}))
    assert isinstance(came, Referral)
    assert (came.ref, came.ad_id, came.dedupe_key) == ("sale", "60", "m_1:referral")
    assert isinstance(said, Inbound)


def test_a_press_says_whom_it_was_for_and_a_sender_may_be_a_reference() -> None:
    press = item(sender={"user_ref": "cart-77"}, postback={"title": "Meny", "payload": "menu"})
    (event,) = events(press)
    assert isinstance(event, Inbound)
    assert (event.to, event.sender.user) == (PAGE, "cart-77")


@pytest.mark.parametrize(("name", "emoji"), [("love", "❤️"), ("hug", "hug"), ("", "reaction")])
def test_a_reaction_without_its_emoji_is_named(name: str, emoji: str) -> None:
    (event,) = events(item(reaction={"mid": "m_1", "reaction": name, "action": "react"}))
    assert isinstance(event, Reacted)
    assert event.emoji == emoji


def test_a_message_taken_back() -> None:
    (event,) = events(item(message={"mid": "m_1", "is_deleted": True}))
    assert isinstance(event, Deleted)
    assert (event.external_id, event.dedupe_key) == ("m_1", "m_1:deleted")


def test_what_the_page_says_counts_also_while_another_app_has_the_conversation() -> None:
    echo = {
        "sender": {"id": PAGE},
        "recipient": {"id": "7001"},
        "message": {"mid": "m_1", "is_echo": True, "text": "Hej, Anna här"},
    }
    (event,) = events(echo, where="standby")
    assert isinstance(event, Echo)
    assert (event.recipient, event.text) == ("7001", "Hej, Anna här")


def test_a_ticked_checkbox_is_known_by_its_reference_and_written_to_by_it() -> None:
    (event,) = events({"recipient": {"id": PAGE}, "optin": {"ref": "cart", "user_ref": "cart-77"}})
    assert isinstance(event, OptIn)
    assert (event.sender.user, event.ref) == ("cart-77", "cart")
    to = {"channel": "messenger", "account": "demo", "user": "cart-77"}
    (body,), _ = bodies(to=to, text="Hej", last_inbound_at=None)
    assert body["recipient"] == {"user_ref": "cart-77"}


def test_a_preview_without_a_link_does_not_make_a_text_incomplete() -> None:
    said = {"mid": "m_1", "text": "se x.se", "attachments": [{"type": "fallback", "payload": None}]}
    (event,) = events(item(message=said))
    assert isinstance(event, Inbound)
    assert (event.incomplete, event.attachments) == (False, ())


@pytest.mark.parametrize("url", ["/reel/1", "javascript:alert(1)", "", "file:///etc/passwd"])
def test_a_link_that_is_none_is_not_kept(url: str) -> None:
    said = {"mid": "m_1", "attachments": [{"type": "image", "payload": {"url": url}}]}
    (event,) = events(item(message=said))
    assert event.kind == "unsupported"


def test_a_webhook_without_entries_is_not_passed_over() -> None:
    sample = kit.Sample("messenger", "incoming", "made", {"body": '{"object": "page"}'})
    received = adapter().receive(kit.request(sample))
    assert [event.kind for event in received.events] == ["unreadable"]
    assert received.answer.status == 400


def test_a_referral_that_tells_nothing_is_not_passed_over() -> None:
    (event,) = events(item(referral={"type": "OPEN_THREAD"}))
    assert event == Ignored(reason="event_ignored: a referral that tells nothing")


# --- windows ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "ago", "kind"),
    [
        (Origin.BOT, timedelta(hours=24), "RESPONSE"),
        (Origin.BOT, timedelta(hours=24, seconds=1), None),
        (Origin.SYSTEM, timedelta(hours=1), "RESPONSE"),
        (Origin.CAMPAIGN, timedelta(hours=1), "UPDATE"),
        (Origin.CAMPAIGN, timedelta(days=2), None),
        (Origin.AGENT, timedelta(hours=1), "RESPONSE"),
        (Origin.AGENT, timedelta(days=7), "MESSAGE_TAG"),
        (Origin.AGENT, timedelta(days=7, seconds=1), None),
        (Origin.AGENT, None, None),
    ],
)
def test_windows(origin: Origin, ago: timedelta | None, kind: str | None) -> None:
    last = None if ago is None else kit.NOW - ago
    sent, delivery = bodies(text="Hej", origin=origin, last_inbound_at=last)
    assert [body["messaging_type"] for body in sent] == ([kind] if kind else [])
    assert [body.get("tag") for body in sent if kind == "MESSAGE_TAG"] == (
        ["HUMAN_AGENT"] if kind == "MESSAGE_TAG" else []
    )
    if kind is None:
        assert isinstance(delivery, Refused)
        assert delivery.failure.kind == "window_closed"


def test_without_the_permission_people_have_a_day_too() -> None:
    channel = adapter(human_agent=False)
    last = kit.NOW - timedelta(days=2)
    sent, delivery = bodies(channel, text="Hej", origin=Origin.AGENT, last_inbound_at=last)
    assert sent == []
    assert isinstance(delivery, Refused)
    assert channel.capabilities.human_window is None


# --- sending ---------------------------------------------------------------------------------


def test_thirteen_quick_replies_and_no_more() -> None:
    (body,), delivery = bodies(text="Välj", choices=tuple(Choice(title=str(n)) for n in range(15)))
    assert [reply["title"] for reply in body["message"]["quick_replies"]] == list(
        map(str, range(13))
    )
    assert delivery == Sent(warnings=("2 choices were left out: Messenger shows 13",))


def test_a_long_title_is_shortened_where_seen_and_whole_where_it_counts() -> None:
    title = "Vandringskängor för fjället"
    (body,), delivery = bodies(text="Välj", choices=(Choice(title=title),))
    (reply,) = body["message"]["quick_replies"]
    assert reply == {"content_type": "text", "title": "Vandringskängor för…", "payload": title}
    assert isinstance(delivery, Sent)
    assert len(delivery.warnings) == 1


def test_links_and_replies_together() -> None:
    link = Choice(title="Guide", kind=ChoiceKind.URL, url="https://x.se/g")
    (body,), delivery = bodies(text="Läs", choices=(link, Choice(title="Nej tack")))
    message = body["message"]
    assert message["attachment"]["payload"]["text"] == "Läs"
    assert message["attachment"]["payload"]["buttons"][0]["url"] == "https://x.se/g"
    assert [reply["title"] for reply in message["quick_replies"]] == ["Nej tack"]
    assert delivery == Sent()


@pytest.mark.parametrize(("length", "is_button"), [(640, True), (641, False)])
def test_a_text_over_640_units_has_no_buttons(length: int, *, is_button: bool) -> None:
    link = Choice(title="Guide", kind=ChoiceKind.URL, url="https://x.se/g")
    (body,), _ = bodies(text="a" * length, choices=(link,))
    assert ("attachment" in body["message"]) is is_button


def test_four_links_are_lines_of_the_text() -> None:
    links = tuple(
        Choice(title=f"L{n}", kind=ChoiceKind.URL, url=f"https://x.se/{n}") for n in range(4)
    )
    (body,), _ = bodies(text="Läs", choices=links)
    assert body["message"] == {
        "text": "Läs\nL0: https://x.se/0\nL1: https://x.se/1\nL2: https://x.se/2\nL3: https://x.se/3"
    }


def test_what_messenger_has_no_form_for_is_said_in_words() -> None:
    place = Attachment(type=AttachmentType.LOCATION, name="Butiken", latitude=59.25, longitude=18.5)
    contact = Attachment(type=AttachmentType.CONTACT, name="Bo", phone="+46701740606")
    (body,), delivery = bodies(text="Här:", attachments=(place, contact))
    assert body["message"]["text"] == (
        "Här:\nButiken, https://maps.google.com/?q=59.25,18.5\nBo, +46701740606"
    )
    assert delivery == Sent()


def test_asking_for_a_place_is_left_out_and_said() -> None:
    choice = Choice(title="Var?", kind=ChoiceKind.LOCATION)
    (body,), delivery = bodies(text="Hej", choices=(choice,))
    assert body["message"] == {"text": "Hej"}
    assert delivery == Sent(warnings=("asking for a place was left out: Messenger no longer can",))


# --- answers ---------------------------------------------------------------------------------


def error(code: int, subcode: int | None = None, *, status: int = 400, **more: object) -> Reply:
    body = {"error": {"message": "why", "code": code, "error_subcode": subcode, **more}}
    return Reply(status=status, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("result", "kind", "failure"),
    [
        *((error(code), "retry", "rate_limited") for code in (4, 32, 613, 80007, 130429, 131056)),
        (error(2), "retry", "provider_error"),
        (error(1), "retry", "provider_error"),
        (error(1, 99), "refused", "config"),
        (error(10), "refused", "config"),
        (error(200), "refused", "config"),
        (error(200, 1545041), "unreachable", "unreachable"),
        (error(100, 2018001), "unreachable", "unreachable"),
        (error(100), "refused", "rejected_with_reason"),
        (error(36000, status=200), "refused", "rejected_with_reason"),
        (error(9999, is_transient=True), "retry", "provider_error"),
        (error(9999, status=503), "retry", "unreachable"),
        (Reply(status=200, body=b"{}"), "refused", "bad_response"),
    ],
)
def test_what_an_answer_says(result: Reply, kind: str, failure: str) -> None:
    read = judge(result).model_dump(mode="json")
    assert (read["kind"], read["failure"]["kind"]) == (kind, failure)


def test_the_window_is_also_known_by_its_words() -> None:
    said = error(10, message="(#10) This message is sent outside of allowed window. Learn more")
    read = judge(said)
    assert isinstance(read, Refused)
    assert read.failure.kind == "window_closed"


def test_an_id_beside_an_error_is_not_sent() -> None:
    both = Reply(status=200, body=b'{"message_id": "m_1", "error": {"code": 4, "message": "x"}}')
    assert isinstance(judge(both), Retry)
    assert judge(Reply(status=200, body=b'{"message_id": "m_1"}')) == PartSent(external_id="m_1")
