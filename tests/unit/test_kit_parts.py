"""A message in parts: what left is remembered, and an interrupted send goes on where it was."""

from __future__ import annotations

import pytest

from bot.kit import failures, parts
from bot.kit.parts import Taken
from bot.model.channel import Address
from bot.model.ids import SendId
from bot.model.sending import (
    CallResult,
    Delivery,
    FailureKind,
    HttpCall,
    Lost,
    Outbound,
    PartSent,
    Refused,
    Reply,
    Retry,
    Sent,
    Uncertain,
)
from tests.builders import START

CALLS = [HttpCall(method="POST", url=f"https://api.example.com/{n}") for n in range(2)]


def outbound(*sent: str) -> Outbound:
    to = Address(channel="x_sms", account="demo", user="+46701740605")
    done = tuple(PartSent(external_id=one) for one in sent)
    return Outbound(id=SendId.of("one"), to=to, text="Hej", at=START, parts_sent=done)


def judge(result: CallResult) -> Taken | Delivery:
    if failures.succeeded(result) and isinstance(result, Reply):
        return Taken(ids=tuple(filter(None, result.body.decode().split(","))))
    return failures.failed(result)


def sent(message: Outbound, *bodies: str) -> tuple[list[str], list[str], Delivery]:
    """The addresses asked, the ids given, and the end; a body `!` is an error of the provider."""
    asked, ids, left = list[str](), list[str](), list(bodies)
    sending = parts.send(message, calls=CALLS, judge=judge, warnings=["a warning"])
    result: CallResult | None = None
    try:
        while True:
            step = sending.send(result)
            result = None
            if isinstance(step, PartSent):
                ids.append(step.external_id)
            elif isinstance(step, HttpCall):
                asked.append(step.url[-1])
                body = left.pop(0)
                result = Reply(status=503 if body == "!" else 200, body=body.encode())
    except StopIteration as stop:
        end: Delivery = stop.value
        return asked, ids, end


def test_each_part_has_its_id() -> None:
    assert sent(outbound(), "a", "b") == (["0", "1"], ["a", "b"], Sent(warnings=("a warning",)))


def test_what_the_provider_cut_up_has_further_ids_at_the_end() -> None:
    assert sent(outbound(), "a,a2", "b,b2,b3")[:2] == (["0", "1"], ["a", "b", "a2", "b2", "b3"])


def test_the_first_failure_ends_it_and_the_next_attempt_goes_on_there() -> None:
    asked, ids, end = sent(outbound(), "a,a2", "!")
    assert (asked, ids) == (["0", "1"], ["a"])
    assert isinstance(end, Retry)
    assert sent(outbound("a"), "b")[:2] == (["1"], ["b"])
    assert sent(outbound("a", "b"))[:2] == ([], [])


def test_a_part_without_an_id_has_a_name_of_ours() -> None:
    _, ids, end = sent(outbound(), "", "b")
    assert ids == [f"unnamed:{SendId.of('one')}:0", "b"]
    assert end == Sent(
        warnings=("a warning", "the provider gave no message id: receipts cannot be matched")
    )


def test_no_calls_is_nothing_to_send() -> None:
    with pytest.raises(StopIteration) as stop:
        next(parts.send(outbound(), calls=[], judge=judge, warnings=["no text", "no file"]))
    assert isinstance(stop.value.value, Refused)
    assert stop.value.value.failure.kind is FailureKind.INVALID
    assert stop.value.value.failure.message == "no text; no file"


def test_a_call_without_a_result_is_uncertain() -> None:
    sending = parts.send(outbound(), calls=CALLS, judge=judge)
    next(sending)
    with pytest.raises(StopIteration) as stop:
        sending.send(Lost(reason="timed out"))
    assert isinstance(stop.value.value, Uncertain)
