"""Twilio's settings, and what the calls carry."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from bot.errors import ConfigError
from bot.kit.twilio import api, played
from bot.kit.twilio.settings import TwilioSettings
from bot.model.channel import Address, Answer, Attachment, AttachmentType, Request
from bot.model.ids import SendId
from bot.model.sending import (
    Call,
    HttpCall,
    Lost,
    MediaGone,
    Outbound,
    PartSent,
    Reply,
    TemplateUse,
    Uncertain,
)
from tests.builders import START

if TYPE_CHECKING:
    from bot.model.sending import CallResult

SECRET = "auth-token-of-the-test"
WHOLE: dict[str, Any] = {"account_sid": "AC1", "auth_token": SECRET, "number": "+4610"}


def settings(**more: Any) -> TwilioSettings:  # noqa: ANN401 - whatever fields the case names
    return TwilioSettings.model_validate(WHOLE | more)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"auth_token": None}, "no auth_token, so webhooks could not be proven"),
        ({"auth_token": ""}, "no auth_token, so webhooks could not be proven"),
        ({"api_key": "SK1"}, "api_key and api_secret belong together"),
        ({"api_secret": "x"}, "api_key and api_secret belong together"),
        ({"number": None}, "neither number nor messaging_service_sid"),
    ],
)
def test_settings_that_would_not_do_are_refused_with_the_mend(
    wrong: dict[str, str | None], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        settings(**wrong)
    assert refused.value.mend.startswith("Set ")


@pytest.mark.parametrize("wrong", [{"auth_tokn": "x"}, {"max_text_length": 1601}, {"rate": 0}])
def test_a_slip_of_the_pen_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_running_unproven_takes_the_word() -> None:
    assert settings(auth_token=None, unsigned=True).token is None
    assert settings(unsigned=True).token is None
    assert settings().token == SECRET


def test_every_field_is_described() -> None:
    assert [n for n, field in TwilioSettings.model_fields.items() if not field.description] == []


def test_secrets_are_not_shown() -> None:
    made = settings(api_key="SK1", api_secret="another secret of the test")
    assert SECRET not in repr(made) + str(made) + made.model_dump_json()
    assert "another secret" not in repr(made) + made.model_dump_json()
    hidden = {secret.get_secret_value() for secret in made.secrets}
    assert hidden == {SECRET, "another secret of the test", made.authorization}


def test_an_api_key_signs_in_instead_of_the_token() -> None:
    made = settings(api_key="SK1", api_secret="x")
    assert made.authorization == "Basic " + base64.b64encode(b"SK1:x").decode()
    assert (
        settings().authorization == "Basic " + base64.b64encode(f"AC1:{SECRET}".encode()).decode()
    )


def message(**more: Any) -> Outbound:  # noqa: ANN401 - whatever fields the case names
    to = Address(channel="twilio_sms", account="demo", user="+4670")
    return Outbound(id=SendId.of("a"), to=to, at=START, **more)


def test_a_call_names_what_must_not_be_logged() -> None:
    sending = api.send(message(), settings=settings(), parts=[(("Body", "Hej"),)])
    call = next(sending)
    assert isinstance(call, HttpCall)
    hidden = {secret.get_secret_value() for secret in call.secrets}
    assert hidden >= {SECRET, settings().authorization}
    assert SECRET not in repr(call).replace(settings().authorization or "", "")


def test_a_wire_that_gives_no_result_leaves_the_send_uncertain() -> None:
    sending = api.send(message(), settings=settings(), parts=[(("Body", "Hej"),)])
    next(sending)
    with pytest.raises(StopIteration) as stop:
        sending.send(None)
    assert isinstance(stop.value.value, Uncertain)


def test_a_message_that_twilio_takes_without_an_id_is_sent_and_told() -> None:
    parts = [(("Body", "a"),), (("Body", "b"),)]
    sending = api.send(message(), settings=settings(), parts=parts)
    steps: list[Call | PartSent] = [next(sending)]
    steps.append(sending.send(Reply(status=201, body=b"not json")))
    steps.append(sending.send(None))
    steps.append(sending.send(Reply(status=201, body=b'{"sid": "SM2"}')))
    with pytest.raises(StopIteration) as stop:
        sending.send(None)
    ids = [step.external_id for step in steps if isinstance(step, PartSent)]
    assert ids == [f"unnamed:{message().id}:0", "SM2"]
    assert stop.value.value.warnings == (
        "the provider gave no message id: receipts cannot be matched",
    )


@pytest.mark.parametrize(
    ("use", "fields"),
    [
        (TemplateUse(name="a", language="sv"), None),
        (TemplateUse(name="HX1", language="sv"), (("ContentSid", "HX1"),)),
        (
            TemplateUse(name="a", language="sv", external_id="HX2", parameters=("å", "b")),
            (("ContentSid", "HX2"), ("ContentVariables", '{"1": "å", "2": "b"}')),
        ),
    ],
)
def test_templates(use: TemplateUse, fields: api.Fields | None) -> None:
    assert api.template(use) == fields


def fetched(url: str | None, *results: CallResult) -> tuple[list[HttpCall], object]:
    attachment = Attachment(type=AttachmentType.FILE, url=url)
    fetching = api.fetch(attachment, settings=settings())
    made: list[HttpCall] = []
    try:
        call = next(fetching)
        for result in results:
            assert isinstance(call, HttpCall)
            made.append(call)
            call = fetching.send(result)
    except StopIteration as stop:
        return made, stop.value
    raise AssertionError(f"one more call: {call}")


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://api.twilio.com/2010-04-01/x", True),
        ("https://mcs.us1.twilio.com/v1/x", True),
        ("http://api.twilio.com/x", False),
        ("https://api.twilio.com.evil.example/x", False),
        ("https://eviltwilio.com/x", False),
        ("https://api.twilio.com@evil.example/x", False),
        ("https://169.254.169.254/latest", False),
    ],
)
def test_credentials_go_to_twilio_alone(url: str, trusted: bool) -> None:
    (call,), _ = fetched(url, Reply(status=200, body=b"x"))
    assert (bool(call.headers), call.guarded) == (trusted, not trusted)


@pytest.mark.parametrize(
    ("url", "results", "why"),
    [
        (None, (), "the attachment has no web address"),
        ("cat.jpg", (), "the attachment has no web address"),
        ("file:///etc/passwd", (), "the attachment has no web address"),
        ("https://x.example/", (Lost(reason="timed out"),), "timed out"),
        ("https://x.example/", (Reply(status=302),), "the provider answered 302"),
        (
            "https://x.example/",
            (Reply(status=302, headers=(("Location", "/again"),)),) * 4,
            "too many redirects",
        ),
        (
            "https://x.example/",
            (Reply(status=302, headers=(("Location", "gopher://x/"),)),),
            "the attachment has no web address",
        ),
    ],
)
def test_what_cannot_be_fetched_says_why(
    url: str | None, results: tuple[CallResult, ...], why: str
) -> None:
    made, gone = fetched(url, *results)
    assert (len(made), gone) == (len(results), MediaGone(reason=why))


# --- played ----------------------------------------------------------------------------------


def posted(form: bytes, *, authorization: str | None = None, path: str = "") -> Request:
    return Request(
        method="POST",
        url="http://127.0.0.1/x",
        path=path or "/2010-04-01/Accounts/AC1/Messages.json",
        headers=(("authorization", authorization or settings().authorization or ""),),
        body=form,
        received_at=START,
    )


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (posted(b"To=1&Body=a", authorization="Basic eA=="), 401, b"20003"),
        (posted(b"To=1&Body=a", path="/2010-04-01/Accounts/AC2/Messages.json"), 404, b"20404"),
        (posted(b"Body=a"), 400, b"21604"),
        (posted(b"To=1"), 400, b"21619"),
        (posted(b"To=1&Body=" + b"a" * 1601), 400, b"21617"),
    ],
)
def test_the_played_twilio_refuses_as_the_real_one(
    request_: Request, status: int, code: bytes
) -> None:
    answer = played.take(request_, settings=settings(), url="https://h.example/w", number=1)
    assert isinstance(answer, Answer)
    assert (answer.status, code in answer.body) == (status, True)


def test_the_played_twilio_reports_where_it_was_told() -> None:
    form = b"To=%2B4670&Body=Hej&StatusCallback=https%3A%2F%2Fh.example%2Fs%3Fa%3D1"
    taken = played.take(posted(form), settings=settings(), url="https://h.example/w", number=7)
    assert isinstance(taken, played.Taken)
    assert (taken.sid, taken.to, taken.text, taken.sender) == (
        f"SM{7:032x}",
        "+4670",
        "Hej",
        "+4610",
    )
    (back,) = played.callbacks(taken, settings=settings(), statuses=("sent",), at=START)
    assert (back.url, back.path, back.query) == ("https://h.example/s?a=1", "/s", (("a", "1"),))
