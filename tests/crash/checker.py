"""Whether what a run left behind is right: nothing lost, nothing doubled, everything in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TypeVar

from bot.model.thread import SendStatus
from tests.bench.provider import Call
from tests.crash.facts import Answered, Facts, Posted

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The figures of a run."""

    posted: int
    accepted: int
    shown: int
    answers: int
    sent: int
    unknown: int
    taken_by_provider: int
    unknown_but_taken: int
    threads: int

    def line(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


def check(facts: Facts) -> list[str]:
    """Everything that is wrong, in words; empty when all is well."""
    return [
        *_left_over(facts),
        *_lost_or_doubled(facts),
        *_mixed_up(facts),
        *_out_of_order(facts),
        *_unanswered(facts),
        *_badly_sent(facts),
        *_calls(facts),
    ]


def count(facts: Facts) -> Counts:
    """How much of everything there was."""
    statuses = Counter(answer.status for answer in facts.answered)
    known = {sid for answer in facts.answered if _is_sent(answer) for sid in answer.sids}
    return Counts(
        posted=len(facts.posted),
        accepted=sum(one.accepted_at is not None for one in facts.posted),
        shown=len(facts.shown),
        answers=len(facts.answered),
        sent=statuses[SendStatus.SENT],
        unknown=statuses[SendStatus.UNKNOWN],
        taken_by_provider=len(facts.calls),
        unknown_but_taken=sum(call.sid not in known for call in facts.calls),
        threads=len({one.thread for one in facts.shown}),
    )


# --- in --------------------------------------------------------------------------------------


def _left_over(facts: Facts) -> Iterator[str]:
    if facts.waiting:
        yield f"{facts.waiting} accepted events still wait"
    yield from (f"dead letter: {reason}" for reason in facts.dead)
    yield from (f"snapshot of {thread} is not what its entries say" for thread in facts.differing)


def _lost_or_doubled(facts: Facts) -> Iterator[str]:
    times = Counter(one.sid for one in facts.shown)
    for one in facts.posted:
        seen = times.pop(one.sid, 0)
        if seen > 1:
            yield f"message {one.sid} of {one.sender} is shown {seen} times"
        elif seen == 0 and one.accepted_at is not None:
            yield f"message {one.sid} of {one.sender} was accepted and is lost"
    yield from (f"message {sid} is shown and was never posted" for sid in times)


def _mixed_up(facts: Facts) -> Iterator[str]:
    """Texts and senders are those that were posted; a sender has one thread, a thread one."""
    posted = {one.sid: one for one in facts.posted}
    for one in facts.shown:
        source = posted.get(one.sid)
        if source is None:
            continue
        if one.text != source.text:
            yield f"message {one.sid} reads {one.text!r}, {source.text!r} was posted"
        if one.sender != source.sender:
            yield f"message {one.sid} of {source.sender} is shown as of {one.sender}"
    for sender, group in _grouped(facts.shown, key=lambda one: one.sender).items():
        threads = {one.thread for one in group}
        if len(threads) > 1:
            yield f"{sender} is in {len(threads)} threads: {', '.join(sorted(threads))}"
    for thread, group in _grouped(facts.shown, key=lambda one: one.thread).items():
        senders = {one.sender for one in group}
        if len(senders) > 1:
            yield f"thread {thread} has {len(senders)} senders: {', '.join(sorted(senders))}"


def _out_of_order(facts: Facts) -> Iterator[str]:
    posted = {one.sid: one for one in facts.posted}
    for thread, group in _grouped(facts.shown, key=lambda one: one.thread).items():
        rows = sorted(group, key=lambda one: one.seq)
        for before, after in pairwise(rows):
            if before.accepted > after.accepted:
                yield f"thread {thread}: {after.sid} was accepted before {before.sid}, shown after"
        yield from _against_the_clock(
            thread, [posted[one.sid] for one in rows if one.sid in posted]
        )


def _against_the_clock(thread: str, rows: Sequence[Posted]) -> Iterator[str]:
    """What was answered with a 2xx before something else was first posted must stand before it."""
    latest = rows[0].first_at if rows else 0.0
    for one in rows:
        if one.accepted_at is not None and one.accepted_at < latest:
            yield f"thread {thread}: {one.sid} stands after a message that was posted after its 2xx"
        latest = max(latest, one.first_at)


# --- out -------------------------------------------------------------------------------------


def _unanswered(facts: Facts) -> Iterator[str]:
    answers = Counter(one.event for one in facts.answered)
    for one in facts.shown:
        found = answers.pop(one.event, 0)
        if found != 1:
            yield f"message {one.sid} of {one.sender} has {found} answers"
    yield from (f"event {event} has an answer and no message" for event in answers)
    places = {one.event: one for one in facts.shown}
    for thread, group in _grouped(facts.answered, key=lambda one: one.thread).items():
        rows = sorted(group, key=lambda one: one.seq)
        asked = [places[one.event].seq for one in rows if one.event in places]
        if asked != sorted(asked):
            yield f"thread {thread}: answers stand in another order than their messages"


def _badly_sent(facts: Facts) -> Iterator[str]:
    for answer in facts.answered:
        if answer.status not in {SendStatus.SENT, SendStatus.UNKNOWN}:
            yield f"send {answer.send} to {answer.recipient} ended as {answer.status}"
        if answer.status == SendStatus.SENT and len(answer.sids) != 1:
            yield f"send {answer.send} counts as sent with {len(answer.sids)} parts"
    times = Counter(sid for answer in facts.answered for sid in answer.sids)
    yield from (f"provider's id {sid} belongs to {n} parts" for sid, n in times.items() if n > 1)


def _calls(facts: Facts) -> Iterator[str]:
    calls = _grouped(facts.calls, key=lambda call: call.to)
    answers = _grouped(facts.answered, key=lambda answer: answer.recipient)
    named = {sid for answer in facts.answered for sid in answer.sids}
    for recipient in sorted(calls.keys() | answers.keys()):
        rows = sorted(answers.get(recipient, ()), key=lambda one: one.seq)
        yield from _taken(recipient, rows, calls.get(recipient, ()), named)


def _taken(
    recipient: str, answers: Sequence[Answered], calls: Sequence[Call], named: set[str]
) -> Iterator[str]:
    """The provider took what was sent, once and in order; an unknown send at most once."""
    left = list(calls)
    for answer in answers:
        if answer.sids:
            wanted = answer.sids[0]
            if not left or left[0].sid != wanted:
                yield f"{recipient}: the provider did not take {wanted} ({answer.send}) in its turn"
                return
        elif answer.status != SendStatus.UNKNOWN or not left or left[0].sid in named:
            continue  # it never left, as far as anybody can tell
        if left[0].body != answer.text:
            yield f"{recipient}: the provider took {left[0].body!r} for {answer.send}"
        del left[0]
    for call in left:
        yield f"{recipient}: the provider took {call.sid}, which no send accounts for"


def _is_sent(answer: Answered) -> bool:
    return answer.status == SendStatus.SENT


def _grouped(items: Iterable[T], *, key: Callable[[T], str]) -> Mapping[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
