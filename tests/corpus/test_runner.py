"""The runner itself: whatever a case expects wrongly must fail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from bot.model.sending import HttpCall
from tests.corpus import calls, compare, runner
from tests.corpus.__main__ import main
from tests.corpus.cases import Case

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = {"account_sid": "AC1", "auth_token": "tok", "number": "+46101388888", "not_ours": "x"}
API = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
PATH = "/webhooks/twilio_sms/demo"
FORM = {"MessageSid": "SM1", "From": "+46701740605", "To": "+46101388888", "Body": "Hej"}


def signature(form: dict[str, str], path: str = PATH) -> str:
    signed = f"https://hub.example.com{path}" + "".join(f"{k}{form[k]}" for k in sorted(form))
    return base64.b64encode(hmac.new(b"tok", signed.encode(), hashlib.sha1).digest()).decode()


def incoming(
    form: dict[str, str] | None = None, path: str = PATH, **expect: object
) -> dict[str, Any]:
    form = FORM if form is None else form
    return {
        "id": "in",
        "kind": "incoming",
        "channel": "twilio_sms",
        "level": "core",
        "config": CONFIG,
        "request": {
            "method": "POST",
            "path": path,
            "query": "",
            "headers": {"X-Twilio-Signature": signature(form, path)},
            "body": urlencode(form),
        },
        "signing": {"scheme": "twilio-hmac-sha1", "valid": True},
        "expect": {
            "status": 200,
            "error": None,
            "messages": [{"external_id": "SM1", "from": "46701740605", "text": "Hej"}],
            "statuses": [],
            "events": [],
            **expect,
        },
    }


def outgoing(**more: object) -> dict[str, Any]:
    return {
        "id": "out",
        "kind": "outgoing",
        "channel": "twilio_sms",
        "level": "core",
        "config": CONFIG,
        "message": {"to": "+46701740605", "text": "Hej du"},
        "expect_requests": [{"method": "POST", "url": API, "form": {"Body": "Hej du"}}],
        "provider_responses": [{"url": "*", "status": 201, "body": '{"sid": "SM9"}'}],
        "expect": {"status": "sent", "external_ids": ["SM9"]},
        **more,
    }


def problems(data: dict[str, Any]) -> list[str]:
    case = Case(data["id"], data["kind"], data["channel"], data["level"], data)
    outcome = runner.run(case)
    assert outcome.skipped is None
    return list(outcome.problems)


def changed(data: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    copy = deepcopy(data)
    place: Any = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return copy


STATUS = {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "21610", "To": "+46701"}
RECEIPT = incoming(
    STATUS,
    f"{PATH}/status",
    messages=[],
    statuses=[{"external_id": "SM1", "status": "sent", "status_any": ["failed"]}],
    events=[{"type": "opt_out", "from": "+46701"}],
)


@pytest.mark.parametrize("case", [incoming(), RECEIPT, outgoing()])
def test_a_right_expectation_passes(case: dict[str, Any]) -> None:
    assert problems(case) == []


WRONG_IN = {
    "status": (("expect", "status"), 201),
    "status_any": (("expect", "status_any"), [201, 202]),
    "text": (("expect", "messages", 0, "text"), "Hej "),
    "sender": (("expect", "messages", 0, "from"), "46701740606"),
    "alternatives": (("expect", "messages", 0, "external_id_any"), ["SM2", "SM3"]),
    "kind": (("expect", "messages", 0, "from_kind"), "bsuid"),
    "attachment": (("expect", "messages", 0, "attachments"), [{"type": "image"}]),
    "time": (("expect", "messages", 0, "timestamp"), "2026-01-01T00:00:00.000Z"),
    "payload": (("expect", "messages", 0, "payload"), "x"),
    "no message": (("expect", "messages"), []),
    "one more": (("expect", "messages"), [{}, {}]),
    "most": (("expect",), {"status": 200, "messages": None, "max_messages": 0}),
    "least": (("expect",), {"status": 200, "messages": None, "min_messages": 2}),
    "receipt": (("expect", "statuses"), [{"external_id": "SM1"}]),
    "event": (("expect", "events"), [{"type": "opt_out"}]),
    "error": (("expect", "error"), "malformed"),
    "echo": (("expect", "echoes"), [{"text": "Hej"}]),
    "body": (("expect", "body"), "challenge"),
    "part of body": (("expect", "body_contains"), "challenge"),
    "content type": (("expect", "content_type"), "application/json"),
    "signature": (("request", "headers", "X-Twilio-Signature"), "x"),
    "configuration": (("config", "auth_token"), "another"),
}


@pytest.mark.parametrize("name", WRONG_IN)
def test_a_wrong_expectation_of_a_request_fails(name: str) -> None:
    path, value = WRONG_IN[name]
    assert len(problems(changed(incoming(), *path, to=value))) >= 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("expect", "statuses", 0, "status_any"), ["sent", "delivered"]),
        (("expect", "statuses", 0, "error_code"), "30007"),
        (("expect", "events", 0, "from"), "+46702"),
        (("expect", "events", 0, "type"), "opt_in"),
        (("expect", "statuses"), []),
    ],
)
def test_a_wrong_expectation_of_a_receipt_fails(path: tuple[str | int, ...], value: object) -> None:
    assert len(problems(changed(RECEIPT, *path, to=value))) >= 1


def test_an_optional_event_may_be_missing_but_not_a_message() -> None:
    optional = incoming(events=[{"type": "referral"}], events_optional=True)
    assert problems(optional) == []
    assert problems(changed(optional, "expect", "messages", to=[])) != []


def test_an_error_means_that_nothing_was_stored() -> None:
    (why,) = problems(
        changed(RECEIPT, "expect", to={"status": 200, "error": "ignored", "messages": []})
    )[:1]
    assert why == "error is none, expected 'ignored'"


WRONG_OUT = {
    "method": (("expect_requests", 0, "method"), "GET"),
    "url": (("expect_requests", 0, "url"), API + "x"),
    "pattern": (("expect_requests", 0, "url_pattern"), "https://api.twilio.com/"),
    "form": (("expect_requests", 0, "form", "Body"), "Hej"),
    "present": (("expect_requests", 0, "form", "MediaUrl"), {"$present": True}),
    "json": (("expect_requests", 0, "json"), {}),
    "header": (("expect_requests", 0, "headers"), {"Authorization": "Basic x"}),
    "query": (("expect_requests", 0, "query"), {"a": "1"}),
    "auth": (("expect_requests", 0, "auth_any"), [{"headers": {"X": "1"}}, {"query": {"t": "1"}}]),
    "contains": (("expect_requests", 0, "body_contains"), "Nej"),
    "nothing sent": (("expect_requests",), []),
    "two sent": (("expect_requests",), [{"method": "POST"}, {"method": "POST"}]),
    "end": (("expect", "status"), "failed"),
    "id": (("expect", "external_ids"), ["SM8"]),
    "ids": (("expect", "external_ids"), ["SM9", "SM9"]),
    "warning": (("expect", "warnings"), ["something"]),
    "event": (("expect", "events"), [{"type": "opt_out"}]),
    "split": (("expect", "split"), {"max_len": 3, "min_parts": 1}),
    "parts": (("expect", "split"), {"max_len": 99, "min_parts": 2}),
    "field": (
        ("expect", "split"),
        {"max_len": 99, "field": "To", "joined_equals_text_ignoring_whitespace": True},
    ),
    "opted out": (("context",), {"opted_out": True, "last_inbound_at": None}),
}


@pytest.mark.parametrize("name", WRONG_OUT)
def test_a_wrong_expectation_of_a_send_fails(name: str) -> None:
    path, value = WRONG_OUT[name]
    data = outgoing(message={"to": "+46701740605", "text": "Hej du", "origin": "campaign"})
    assert len(problems(changed(data, *path, to=value))) >= 1


@pytest.mark.parametrize(
    ("expect", "why"),
    [
        ({"status": "retry", "error": {"kind": "unreachable"}}, "failed as rate_limited"),
        ({"status": "retry", "error": {"kind": "rate_limited", "code": "1"}}, "the error code is"),
        ({"status": "retry", "error": {"kind": "rate_limited", "message": "no"}}, "the reason is"),
        ({"status": "retry", "retry_after_s": 8}, "to be tried again after 0:00:07"),
        ({"status": "sent"}, "ended as retry"),
    ],
)
def test_a_wrong_expectation_of_a_failure_fails(expect: dict[str, Any], why: str) -> None:
    data = outgoing(
        provider_responses=[
            {"status": 429, "headers": {"Retry-After": "7"}, "body": '{"code": 20429}'}
        ]
    )
    (found,) = problems(changed(data, "expect", to=expect))
    assert found.startswith(why)
    right = {"status": "retry", "error": {"kind": "rate_limited"}, "retry_after_s": 7}
    assert problems(changed(data, "expect", to=right)) == []


def test_missing_credentials_send_nothing() -> None:
    data = outgoing(config={"account_sid": "AC1", "number": "1"}, expect_requests=[])
    assert (
        problems(changed(data, "expect", to={"status": "failed", "error": {"kind": "config"}}))
        == []
    )


@pytest.mark.parametrize("name", ["closed", "never", "open", "template"])
def test_the_window(name: str) -> None:
    context = {
        "closed": {"last_inbound_at": "2025-12-30T23:59:59.000Z"},
        "never": {"last_inbound_at": None},
        "open": {"last_inbound_at": "2025-12-31T00:00:01.000Z"},
        "template": {"last_inbound_at": None},
    }[name]
    data = outgoing(channel="twilio_whatsapp", context=context, clock=1767225600)
    if name == "template":
        data["message"]["template"] = {"name": "n", "language": "sv", "provider_id": "HX1"}
    sent = problems(changed(data, "expect_requests", to=None))
    refused = {"status": "failed", "error": {"kind": "window_closed"}}
    not_sent = problems(changed(changed(data, "expect", to=refused), "expect_requests", to=[]))
    assert (sent == [], not_sent == []) == (
        (name in {"open", "template"}),
        (name in {"closed", "never"}),
    )


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"kind": "segment", "text": "Hej", "expect": {"encoding": "GSM-7", "segments": 1}}, 2),
        (
            {
                "kind": "signature",
                "scheme": "telegram-secret-token",
                "secret": "a",
                "header": "a",
                "expect": {"valid": True},
            },
            False,
        ),
    ],
)
def test_a_wrong_vector_fails(data: dict[str, Any], wrong: object) -> None:
    whole = {"id": "v", "channel": "telegram", "level": "core", **data}
    key = "segments" if data["kind"] == "segment" else "valid"
    assert problems(whole) == []
    assert len(problems(changed(whole, "expect", key, to=wrong))) == 1


def test_an_exception_is_a_failure_and_no_end() -> None:
    (why,) = problems(changed(incoming(), "request", to={}))
    assert why.startswith("KeyError: 'path'")


def test_other_channels_are_skipped_with_a_reason() -> None:
    data = incoming() | {"channel": "pigeon_post"}
    outcome = runner.run(Case("in", "incoming", "pigeon_post", "core", data))
    assert (outcome.skipped, outcome.problems) == ("no channel pigeon_post", ())


# --- comparison ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "actual", "fits"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": []}}, {"a": {"b": []}}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": [{"x": 1}]}, {"a": [{"x": 1, "y": 2}]}, True),
        ({"a": {"$present": True}}, {"a": ""}, True),
        ({"a": {"$present": True}}, {"b": 1}, False),
        ({"$json_equal": {"1": "x"}}, '{ "1": "x" }', True),
        ({"$json_equal": {"1": "x"}}, '{"1": "x", "2": "y"}', False),
        ({"$json_subset": {"1": "x"}}, '{"1": "x", "2": "y"}', True),
        ({"$json_subset": {"1": "x"}}, "no json", False),
        (1, True, False),
        ("1", 1, False),
    ],
)
def test_json_subset(expected: object, actual: object, fits: bool) -> None:
    assert compare.json_subset(expected, actual) is fits


@pytest.mark.parametrize(
    ("expected", "actual", "fits"),
    [
        ({"from": "+46 70-174"}, {"from": "4670174"}, True),
        ({"text": "+4670174"}, {"text": "4670174"}, False),
        ({"from": "abc1"}, {"from": "1"}, False),
        (
            {"timestamp": "2026-01-01T00:00:00.123Z"},
            {"timestamp": "2026-01-01T01:00:00.123999+01:00"},
            True,
        ),
        (
            {"timestamp": "2026-01-01T00:00:00.123Z"},
            {"timestamp": "2026-01-01T00:00:00.124Z"},
            False,
        ),
        ({"attachments": [{"type": "document"}]}, {"attachments": [{"type": "file"}]}, True),
        ({"attachments": []}, {"attachments": [{"type": "file"}]}, False),
        ({"from_alt": ["US.1"]}, {"from_alt": ["US.1", "US.2"]}, True),
        ({"from_alt": ["US.3"]}, {"from_alt": ["US.1"]}, False),
        ({"payload": {"age": 32}}, {"payload": {"age": "32"}}, True),
        ({"payload": {"age": 32}}, {"payload": {"age": "33"}}, False),
        ({"a_any": [1, 2]}, {"a": 2}, True),
        ({"a": 9, "a_any": [1, 2]}, {"a": 2}, True),
        ({"a": None}, {}, True),
        ({"a": ""}, {}, False),
    ],
)
def test_fields(expected: dict[str, Any], actual: dict[str, Any], fits: bool) -> None:
    assert (compare.subset(expected, actual, "x") == []) is fits


def test_responses_by_url_and_the_last_again() -> None:
    responses = calls.Responses(
        [
            {"url": "*/send", "status": 1},
            {"url": "https://x.example/v25.0/up*", "status": 2},
            {"url": "*/send", "status": 3},
        ]
    )
    urls = ["https://x.example/send", "https://x.example/v19.0/up/1", "https://x.example/send?a=1"]
    found = [responses.to(url) for url in [*urls, urls[0], urls[1]]]
    assert [each and each["status"] for each in found] == [1, 2, 3, 3, 2]
    assert calls.Responses([]).to(urls[0]) is None


def call(text: str, url: str = "https://x.example/send") -> HttpCall:
    return HttpCall(method="POST", url=url, body=json.dumps({"to": "1", "text": text}).encode())


def split_case(**rules: object) -> dict[str, Any]:
    return {
        "message": {"text": "ett två tre 👩‍👧 fyra"},
        "expect": {"split": {"max_len": 12, "min_parts": 2, **rules}},
    }


EXPECTED_PARTS = [
    {"method": "POST", "json": {"to": "1", "text": "ett två"}, "part_of_split": True},
    {"method": "POST", "json": {"to": "1", "text": "tre 👩‍👧 fyra"}, "part_of_split": True},
]
WHOLE = {
    "joined_equals_text_ignoring_whitespace": True,
    "no_split_inside_grapheme": True,
    "keep_whole": ["👩‍👧"],
}


@pytest.mark.parametrize(
    ("parts", "fits"),
    [
        (["ett två", "tre 👩‍👧 fyra"], True),
        (["ett", "två tre", "👩‍👧 fyra"], True),
        (["ett två tre 👩‍👧 fyra"], False),
        (["ett två", "👩‍👧 fyra"], False),
        (["ett två tre 👩", "\u200d👧 fyra"], False),
    ],
)
def test_other_cuts_are_fine_within_the_rules(parts: list[str], fits: bool) -> None:
    made = [call(part) for part in parts]
    for rules in ({**WHOLE, "field": "text"}, WHOLE):
        assert (calls.compare(EXPECTED_PARTS, made, split_case(**rules)) == []) is fits


def test_a_part_that_goes_elsewhere_fails() -> None:
    wrong = [changed(part, "json", "to", to="22") for part in EXPECTED_PARTS]
    assert calls.compare(wrong, [call("ett två"), call("tre 👩‍👧 fyra")], split_case()) != []


def test_an_optional_call_may_be_missing() -> None:
    expected: list[dict[str, Any]] = [
        {"url": "https://x.example/typing", "optional": True},
        {"url": "https://x.example/send"},
    ]
    case = {"message": {"text": "a"}, "expect": {}}
    typing = call("", "https://x.example/typing")
    assert calls.compare(expected, [call("a")], case) == []
    assert calls.compare(expected, [typing, call("a")], case) == []
    assert calls.compare(expected, [call("a"), typing], case) != []
    assert calls.compare(expected, [typing], case) != []


# --- command line ----------------------------------------------------------------------------


def corpus(folder: Path, *cases: dict[str, Any]) -> Path:
    file = folder / "cases.json"
    file.write_text(json.dumps({"schema": "channel-corpus/1", "cases": list(cases)}), "utf-8")
    return file


def test_a_failing_core_case_is_named_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = changed(incoming(), "expect", "messages", 0, "text", to="Nej") | {"id": "wrong"}
    assert main([str(corpus(tmp_path, incoming(), wrong))]) == 1
    assert capsys.readouterr().out.splitlines() == [
        'FAIL core wrong: message[0].text is "Hej", expected "Nej"',
        "core: 1 passed, 1 failed",
        "extended: 0 passed, 0 failed",
    ]


def test_a_failing_extended_case_is_named_and_exits_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = changed(incoming(), "expect", "status", to=299) | {"level": "extended"}
    assert main([str(tmp_path), "--json"]) == 2
    corpus(tmp_path, wrong, incoming() | {"id": "other"})
    assert main([str(tmp_path), "--json", "--channel", "twilio_sms", "--kind", "incoming"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["levels"] == {
        "core": {"passed": 1, "failed": 0},
        "extended": {"passed": 0, "failed": 1},
    }
    assert [each["id"] for each in printed["failed"]] == ["in"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.json"], "no such file or folder"),
        (["{file}", "--channel", "smoke"], "no case of channel 'smoke'; there are: twilio_sms"),
        (["{file}", "--kind", "segment"], "no case is of that channel and kind"),
        (["{file}", "{file}"], "the id 'in' is there twice"),
        (["{other}"], 'not a corpus file, "schema" must be "channel-corpus/1"'),
        (["{broken}"], "not readable as JSON"),
        (["{empty}"], "the folder has no *.json"),
    ],
)
def test_wrong_use_says_what_and_exits_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.json").write_text("{}", "utf-8")
    (tmp_path / "broken.json").write_text("{", "utf-8")
    (tmp_path / "empty").mkdir()
    places = {
        "file": corpus(tmp_path, incoming()),
        "other": tmp_path / "other.json",
        "broken": tmp_path / "broken.json",
        "empty": tmp_path / "empty",
    }
    assert main([argument.format(**places) for argument in arguments]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.out == ""
