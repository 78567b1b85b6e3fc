"""Sending a message in parts: one call each, and those that left before are left out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from bot.kit import failures
from bot.model.sending import (
    Call,
    CallResult,
    Delivery,
    FailureKind,
    HttpCall,
    Lost,
    Outbound,
    PartSent,
    Sent,
)
from bot.model.value import Value

Sending = Generator[Call | PartSent, CallResult | None, Delivery]


class Taken(Value):
    """The provider took a part, under these ids: more than one where it cut it up itself."""

    ids: tuple[str, ...] = ()


Judge = Callable[[CallResult], Taken | Delivery]


def send(
    message: Outbound, *, calls: Sequence[HttpCall], judge: Judge, warnings: Sequence[str] = ()
) -> Sending:
    """Make each call whose part did not leave yet, in order; stops at the first that fails.

    A call's first id is given as soon as it is known and the further ones at the very end, so
    that an interrupted send goes on at the right call.
    """
    if not calls:
        told = "; ".join(warnings) or "the message is empty"
        return failures.refused(FailureKind.INVALID, message=told)
    told_also, more = list(warnings), list[str]()
    for index, call in enumerate(calls):
        if index < len(message.parts_sent):
            continue
        outcome = judge((yield call) or Lost(reason="the call got no result"))
        if not isinstance(outcome, Taken):
            return outcome
        if outcome.ids:
            first, *others = outcome.ids
        else:
            told_also.append("the provider gave no message id: receipts cannot be matched")
            first, others = f"unnamed:{message.id}:{index}", []
        yield PartSent(external_id=first)
        more += others
    for external_id in more:
        yield PartSent(external_id=external_id)
    return Sent(warnings=tuple(told_also))
