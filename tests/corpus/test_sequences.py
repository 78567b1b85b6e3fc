"""The corpus's sequences on our hub, and the player itself: a wrong end must be seen."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.corpus import sequences
from tests.corpus.cases import Case, load
from tests.corpus.our_hub import make_hub, make_hub_on
from tests.corpus.test_corpus import FOLDER
from tests.records import DISTRIBUTED, servers_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpus.hub_under_test import MakeHub

FILE = FOLDER / "sequences.json"
CASES = load([FILE]) if FILE.is_file() else []
CONFIG = {"account_sid": "AC1", "auth_token": "tok", "number": "+46101388888"}
PHONE = "+46701740605"
LONG = "Hela meningen ryms i ett meddelande. " * 60


@pytest.fixture(params=("sqlite", DISTRIBUTED))
def engines(request: pytest.FixtureRequest) -> MakeHub:
    """Makes hubs on each pair of engines."""
    return make_hub_on(request.param, servers_of(request))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_sequence(case: Case, engines: MakeHub, tmp_path: Path) -> None:
    outcome = await sequences.run(case, engines, tmp_path)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.problems == ()


def receive(sid: str = "SM1", text: str = "Hej", **more: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever fields the case names
    return _request({"MessageSid": sid, "From": PHONE, "To": "+46101388888", "Body": text}) | more


def status(sid: str, word: str) -> dict[str, Any]:
    return _request({"MessageSid": sid, "MessageStatus": word, "To": PHONE}, tail="/status")


def _request(form: dict[str, str], tail: str = "") -> dict[str, Any]:
    path = f"/webhooks/twilio_sms/demo{tail}"
    signed = f"https://hub.example.com{path}" + "".join(f"{k}{form[k]}" for k in sorted(form))
    mac = hmac.new(b"tok", signed.encode(), hashlib.sha1).digest()
    return {
        "do": "receive",
        "channel": "twilio_sms",
        "config": CONFIG,
        "request": {
            "method": "POST",
            "path": path,
            "query": "",
            "headers": {"X-Twilio-Signature": base64.b64encode(mac).decode()},
            "body": urlencode(form),
        },
    }


def send(text: str, *responses: dict[str, Any], to: str = PHONE, **more: object) -> dict[str, Any]:
    message = {"to": to, "text": text, "origin": more.pop("origin", "bot")}
    return {
        "do": "send",
        "channel": "twilio_sms",
        "config": CONFIG,
        "message": message,
        "provider_responses": list(responses),
        **more,
    }


def took(sid: str) -> dict[str, Any]:
    return {"status": 201, "body": f'{{"sid": "{sid}"}}'}


DOWN = {"status": 503, "body": "upstream down"}
LATER = {"status": 429, "headers": {"Retry-After": "30"}, "body": "{}"}


async def problems(folder: Path, steps: list[dict[str, Any]], final: dict[str, Any]) -> list[str]:
    data = {
        "id": "own",
        "kind": "sequence",
        "channel": "twilio_sms",
        "steps": steps,
        "final": final,
    }
    outcome = await sequences.run(
        Case("own", "sequence", "twilio_sms", "core", data), make_hub, folder
    )
    assert outcome.skipped is None
    return list(outcome.problems)


async def test_a_process_that_dies_before_the_answer_says_unknown_and_sends_no_more(
    tmp_path: Path,
) -> None:
    steps = [send("Hej", took("SM1"), crash_after=True), {"do": "run_retries"}]
    final = {"message_status": "unknown", "requests_count": 1, "no_silent_loss": True}
    assert await problems(tmp_path, steps, final) == []
    (why,) = await problems(tmp_path, steps, {"message_status": "sent"})
    assert why == "message_status: ['unknown'], expected one of ['sent']"


async def test_a_message_that_came_while_the_store_was_down_comes_again(tmp_path: Path) -> None:
    steps = [
        receive("SM1", simulate="store_down", expect_status_any=[503]),
        {"do": "store_up"},
        receive("SM1"),
        {"do": "restart"},
    ]
    final = {"messages_count": 1, "each_once": True, "bot_replies_max": 1, "errors": 1}
    assert await problems(tmp_path, steps, final) == []
    assert await problems(tmp_path, steps[:2], {"messages_count": 1}) == [
        "messages_count: 0, expected 1"
    ]


async def test_a_slow_bot_does_not_hold_the_answer_up(tmp_path: Path) -> None:
    steps = [receive(simulate="slow_bot_5s")]
    assert await problems(tmp_path, steps, {"ack_within_s": 3, "bot_replies_max": 1}) == []
    assert await problems(tmp_path, steps, {"bot_replies_max": 0}) == [
        "bot_replies_max: 1, at most 0 expected"
    ]


async def test_a_later_message_does_not_overtake_one_that_waits(tmp_path: Path) -> None:
    steps = [
        send("först", LATER),
        send("sedan", took("SM2")),
        {"do": "run_retries", "provider_responses": [took("SM1"), took("SM2")]},
    ]
    assert await problems(tmp_path, steps[:2], {"pending": ["först", "sedan"]}) == []
    final = {"delivered": ["först", "sedan"], "delivered_order": ["först", "sedan"]}
    assert await problems(tmp_path, steps, final) == []
    assert len(await problems(tmp_path, steps, {"delivered_order": ["sedan", "först"]})) == 1


WRONG_ENDS: dict[str, object] = {
    "messages": [{"external_id": "SM1", "text": "Nej"}],
    "messages_count": 2,
    "messages_inbound": 0,
    "messages_outbound": 1,
    "customers": 2,
    "threads": 0,
    "thread_channels": ["telegram"],
    "identities": ["+46701740606"],
    "bot_replies_max": 0,
    "status_of": {"SMa": "read"},
    "message_status": "failed",
    "message_status_any": ["queued", "unknown"],
    "external_ids": ["SMa"],
    "requests_count": 1,
    "requests_max": 2,
    "delivered": ["aldrig skickat"],
    "not_sent": ["En rea"],
    "pending": ["En rea"],
    "parts_delivered_once": False,
    "history_order": ["En rea", "Hej"],
    "text_contains": ["Hej", "då"],
    "text_not_shown": ["Hej"],
    "marked_incomplete": True,
    "outbound_text": ["En rea"],
    "outbound_origin": "agent",
    "ack_within_s": -1,
    "each_once": False,
    "no_silent_loss": False,
    "errors": 1,
    "opted_out": [PHONE],
    "what_nobody_knows": True,
}
STEPS = [
    receive("SM1", "Hej"),
    send(LONG, took("SMa"), took("SMb")),
    send("En rea", took("SMc"), origin="campaign"),
    status("SMa", "delivered"),
]
RIGHT_END: dict[str, object] = {
    "messages": [{"external_id": "SM1", "text": "Hej", "from": "46701740605"}],
    "messages_count": 1,
    "messages_inbound": 1,
    "messages_outbound": 3,
    "customers": 1,
    "threads": 1,
    "thread_channels": ["twilio_sms"],
    "identities": [PHONE],
    "bot_replies_max": 1,
    "status_of": {"SMa": "delivered"},
    "message_status": "sent",
    "message_status_any": ["sent", "delivered"],
    "external_ids": ["SMa", "SMb"],
    "requests_count": 3,
    "requests_max": 3,
    "delivered": ["En rea"],
    "pending": [],
    "parts_delivered_once": True,
    "history_order": ["Hej", "En rea"],
    "text_contains": ["He", "ej"],
    "text_not_shown": ["Nej"],
    "marked_incomplete": False,
    "ack_within_s": 3,
    "each_once": True,
    "no_silent_loss": True,
    "errors": 0,
    "opted_out": [],
}


async def test_a_right_end_is_seen(tmp_path: Path) -> None:
    assert await problems(tmp_path, STEPS, RIGHT_END) == []


async def test_every_wrong_end_is_seen(tmp_path: Path) -> None:
    found = await problems(tmp_path, STEPS, WRONG_ENDS)
    blind = [name for name in WRONG_ENDS if not any(name in problem for problem in found)]
    assert blind == []


async def test_every_check_has_its_wrong_end() -> None:
    from tests.corpus.finals import KNOWN  # noqa: PLC0415 - loaded only where it is needed

    assert KNOWN - set(WRONG_ENDS) == {"delivered_order"}  # it has a test of its own


async def test_opting_out_is_seen_and_holds_back_campaigns_only(tmp_path: Path) -> None:
    steps = [
        receive("SM1", "STOPP"),
        send("Rea", took("SMa"), origin="campaign"),
        send("Svar", took("SMb"), origin="agent"),
    ]
    final = {"opted_out": [PHONE], "not_sent": ["Rea"], "delivered": ["Svar"], "requests_count": 1}
    assert await problems(tmp_path, steps, final) == []


async def test_a_part_sent_twice_is_seen(tmp_path: Path) -> None:
    steps = [send("Hej", took("SMa")), send("Hej", took("SMb"))]
    assert await problems(tmp_path, steps, {"parts_delivered_once": True}) == [
        "parts_delivered_once: False, expected True"
    ]


async def test_an_unknown_step_is_no_step(tmp_path: Path) -> None:
    steps = [receive(), {"do": "pray"}, receive("SM2", simulate="rain")]
    found = await problems(tmp_path, steps, {})
    assert found == ["unknown step 'pray'", "unknown simulation 'rain'"]


async def test_a_sequence_of_a_channel_we_have_not_is_skipped(tmp_path: Path) -> None:
    step = receive() | {"channel": "pigeon_post"}
    data = {"steps": [step], "final": {}}
    outcome = await sequences.run(
        Case("own", "sequence", "pigeon_post", "core", data), make_hub, tmp_path
    )
    assert outcome.skipped == "no channel pigeon_post"
