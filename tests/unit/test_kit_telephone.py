"""What channels by telephone share."""

from __future__ import annotations

import pytest

from bot.kit import telephone
from bot.model.channel import (
    Address,
    Attachment,
    AttachmentType,
    HelpKeyword,
    Inbound,
    OptIn,
    OptOut,
    Sender,
    Unsupported,
)
from bot.model.ids import SendId
from bot.model.sending import Choice, Outbound, TemplateUse
from tests.builders import START

PICTURE = Attachment(type=AttachmentType.IMAGE, url="https://cdn.example.com/a.png")


def heard(text: str, **more: object) -> Inbound:
    frame = {"sender": Sender(user="+46701740605"), "dedupe_key": "k1", "external_id": "m1"}
    return Inbound.model_validate(frame | {"text": text, "at": START} | more)


def outbound(**more: object) -> Outbound:
    to = Address(channel="x_sms", account="demo", user="+46701740605")
    return Outbound.model_validate({"id": SendId.of("one"), "to": to, "at": START} | more)


@pytest.mark.parametrize(
    ("written", "user", "phone"),
    [
        ("46701740605", "+46701740605", "+46701740605"),
        ("+46701740605", "+46701740605", "+46701740605"),
        (" 46701740605", "+46701740605", "+46701740605"),  # a plus that was read as a space
        ("71120", "71120", None),
        ("0701740605", "0701740605", None),  # whose country nobody knows
    ],
)
def test_who_calls(written: str, user: str, phone: str | None) -> None:
    assert telephone.caller(written) == Sender(user=user, phone=phone)


@pytest.mark.parametrize(
    "written", ["", "12", "MTN", "+", "4670174060512345", "٤٦٧٠١٧٤٠٦٠٥", "46 70"]
)
def test_what_is_no_number_is_nobody(written: str) -> None:
    assert telephone.caller(written) is None


def test_a_link_that_opens_the_sms_app() -> None:
    assert telephone.deep_link("46701380010", "AB-2") == "sms:+46701380010?body=AB-2"
    assert telephone.deep_link("71120", "AB 2") == "sms:71120?body=AB%202"
    assert telephone.deep_link("Butiken", "AB-2") is None
    assert telephone.deep_link(None, "AB-2") is None


def test_a_keyword_of_consent_is_no_message() -> None:
    who, at = Sender(user="+46701740605"), START
    assert telephone.said(heard("stopp")) == (
        OptOut(sender=who, dedupe_key="k1", source="keyword:STOPP", confirm=True, at=at),
    )
    assert telephone.said(heard("Start")) == (
        OptIn(sender=who, dedupe_key="k1", source="keyword:START", confirm=True, at=at),
    )


def test_a_wish_for_help_is_a_message_too() -> None:
    message = heard("HJÄLP")
    helped = HelpKeyword(sender=message.sender, dedupe_key="k1", at=START)
    assert telephone.said(message) == (helped, message)


def test_a_word_with_a_picture_is_no_keyword() -> None:
    message = heard("stopp", attachments=(PICTURE,))
    assert telephone.said(message) == (message,)


def test_an_empty_message_leaves_a_trace() -> None:
    (event,) = telephone.said(heard(" \n"))
    assert isinstance(event, Unsupported)
    assert (event.what, event.external_id) == ("empty message", "m1")


def test_files_go_as_links_and_what_is_left_out_is_told() -> None:
    place = Attachment(type=AttachmentType.LOCATION, latitude=59.3, longitude=18.1)
    message = outbound(
        text="Hej",
        attachments=(PICTURE, place),
        choices=(Choice(title="Ja"),),
        template=TemplateUse(name="a", language="sv"),
    )
    assert telephone.texts(message, limit=160) == (
        ["Hej\nhttps://cdn.example.com/a.png"],
        [
            "SMS has no buttons: the choices were left out",
            "an attachment of type location was left out: it has no web address",
            "SMS has no templates: the text was sent instead",
        ],
    )
    assert telephone.texts(outbound(text=" "), limit=160) == ([], [])
