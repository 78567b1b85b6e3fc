"""Whether what a run left behind is right: nothing lost, nothing doubled, everything in order."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TypeVar

from bot.kit.split import split
from bot.kit.twilio.settings import LONGEST_BODY
from bot.model.channel import TextUnit
from bot.model.thread import SendStatus
from tests.bench.provider import Call
from tests.crash.facts import Answered, Facts, Posted, Turned

T = TypeVar("T")

PLAYED = "twilio_sms"  # the channel whose provider is played


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The figures of a run."""

    posted: int
    accepted: int
    shown: int
    answers: int
    sent: int
    unknown: int
    dropped: int
    taken_by_provider: int
    unknown_but_taken: int
    threads: int

    def line(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


def check(facts: Facts, *, late: bool = False) -> list[str]:
    """Everything that is wrong, in words; empty when all is well.

    `late`: a send that is unknown may have left out of its turn (whoever made it slept meanwhile).
    """
    return [
        *_left_over(facts),
        *_lost_or_doubled(facts),
        *_mixed_up(facts),
        *_out_of_order(facts),
        *_unanswered(facts),
        *_badly_sent(facts),
        *_calls(facts, late=late),
    ]


def count(facts: Facts) -> Counts:
    """How much of everything there was."""
    statuses = Counter(answer.status for answer in facts.answered)
    known = {sid for answer in facts.answered for sid in answer.sids}
    return Counts(
        posted=len(facts.posted),
        accepted=sum(one.accepted_at is not None for one in facts.posted),
        shown=len(facts.shown),
        answers=len(facts.answered),
        sent=statuses[SendStatus.SENT],
        unknown=statuses[SendStatus.UNKNOWN],
        dropped=statuses[SendStatus.DROPPED],
        taken_by_provider=len(facts.calls),
        unknown_but_taken=sum(call.sid not in known for call in facts.calls),
        threads=len({one.thread for one in facts.shown}),
    )


def parts(answer: Answered) -> list[str]:
    """The texts that a message out leaves as."""
    if answer.channel != PLAYED:
        return [answer.text]
    return split(answer.text, limit=LONGEST_BODY, unit=TextUnit.SMS)


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
    for sender, group in grouped(facts.shown, key=lambda one: one.sender).items():
        threads = {one.thread for one in group}
        if len(threads) > 1:
            yield f"{sender} is in {len(threads)} threads: {', '.join(sorted(threads))}"
    for thread, group in grouped(facts.shown, key=lambda one: one.thread).items():
        senders = {one.sender for one in group}
        if len(senders) > 1:
            yield f"thread {thread} has {len(senders)} senders: {', '.join(sorted(senders))}"


def _out_of_order(facts: Facts) -> Iterator[str]:
    posted = {one.sid: one for one in facts.posted}
    for thread, group in grouped(facts.shown, key=lambda one: one.thread).items():
        rows = sorted(group, key=lambda one: one.seq)
        for before, after in pairwise(rows):
            if before.accepted is None or after.accepted is None:
                continue
            if before.accepted > after.accepted:
                yield f"thread {thread}: {after.sid} was accepted before {before.sid}, shown after"
        yield from _against_the_clock(
            thread, [posted[one.sid] for one in rows if one.sid in posted]
        )


def _against_the_clock(thread: str, rows: Sequence[Posted]) -> Iterator[str]:
    """What was answered with a 2xx before something else was first posted must stand before it."""
    latest = rows[0] if rows else None
    for one in rows:
        if latest is None or one.first_at > latest.first_at:
            latest = one
        elif one.accepted_at is not None and one.accepted_at < latest.first_at:
            where = f" ({one.edge}; {latest.sid}, {latest.edge})" if one.edge else ""
            yield (
                f"thread {thread}: {one.sid} stands after a message that was posted after its 2xx"
                f"{where}"
            )


# --- out -------------------------------------------------------------------------------------


class Owners:
    """Who might speak at each place of each thread."""

    def __init__(self, turned: Iterable[Turned]) -> None:
        self._turns = {
            thread: sorted(group, key=lambda one: one.seq)
            for thread, group in grouped(turned, key=lambda one: one.thread).items()
        }

    def before(self, thread: str, seq: int) -> str:
        """The owner just before an entry."""
        turns = self._turns.get(thread, [])
        place = bisect_left(turns, seq, key=lambda one: one.seq)
        return turns[place - 1].owner if place else "bot"

    def changed_after(self, thread: str, seq: int) -> bool:
        """Whether somebody else came to own the thread after an entry."""
        turns = self._turns.get(thread, [])
        return bool(turns) and turns[-1].seq > seq


def _unanswered(facts: Facts) -> Iterator[str]:
    """What was asked while the bot owned the thread has one answer, and nothing else has one."""
    owners, commands = Owners(facts.turned), {one.event for one in facts.turned}
    by_bot = [one for one in facts.answered if one.author in {"bot", "system"}]
    answers = Counter(one.event for one in by_bot)
    for one in facts.shown:
        found = answers.pop(one.event, 0)
        owner = owners.before(one.thread, one.seq)
        if owner == "bot" and found != 1:
            yield f"message {one.sid} of {one.sender} has {found} answers"
        if owner not in {"bot", "offered"} and found:
            yield f"message {one.sid} of {one.sender} was answered while {owner} owned the thread"
    for event in answers:
        if event not in commands:
            yield f"event {event} has an answer and no message"
    places = {one.event: one for one in facts.shown}
    for thread, group in grouped(by_bot, key=lambda one: one.thread).items():
        rows = sorted(group, key=lambda one: one.seq)
        asked = [places[one.event].seq for one in rows if one.event in places]
        if asked != sorted(asked):
            yield f"thread {thread}: answers stand in another order than their messages"


def _badly_sent(facts: Facts) -> Iterator[str]:
    owners = Owners(facts.turned)
    for answer in facts.answered:
        overtaken = answer.author == "bot" and owners.changed_after(answer.thread, answer.seq)
        ends = {SendStatus.SENT, SendStatus.UNKNOWN, *([SendStatus.DROPPED] if overtaken else [])}
        if answer.status not in ends:
            yield f"send {answer.send} to {answer.recipient} ended as {answer.status}"
        if answer.status == SendStatus.SENT and len(answer.sids) != len(parts(answer)):
            yield f"send {answer.send} counts as sent with {len(answer.sids)} parts"
    times = Counter(sid for answer in facts.answered for sid in answer.sids)
    yield from (f"provider's id {sid} belongs to {n} parts" for sid, n in times.items() if n > 1)


def _calls(facts: Facts, *, late: bool) -> Iterator[str]:
    calls = grouped(facts.calls, key=lambda call: call.to)
    played = [answer for answer in facts.answered if answer.channel == PLAYED]
    answers = grouped(played, key=lambda answer: answer.recipient)
    for recipient in sorted(calls.keys() | answers.keys()):
        rows = sorted(answers.get(recipient, ()), key=lambda one: one.seq)
        taken = calls.get(recipient, [])
        yield from _taken(recipient, rows, taken)
        yield from _unnamed(recipient, rows, taken, late=late)


def _taken(recipient: str, answers: Sequence[Answered], calls: Sequence[Call]) -> Iterator[str]:
    """The provider took every part that was told to us, once, in order, as it was written."""
    named = {sid for answer in answers for sid in answer.sids}
    taken = iter([call for call in calls if call.sid in named])
    for answer in answers:
        for sid, text in zip(answer.sids, parts(answer), strict=False):
            call = next(taken, None)
            if call is None or call.sid != sid:
                yield f"{recipient}: the provider did not take {sid} ({answer.send}) in its turn"
                return
            if call.body != text:
                yield f"{recipient}: the provider took {call.body!r} for {answer.send}"


def _unnamed(
    recipient: str, answers: Sequence[Answered], calls: Sequence[Call], *, late: bool
) -> Iterator[str]:
    """What it took without our knowing is the next part of an unknown send, each at most once."""
    at = {sid: place for place, answer in enumerate(answers) for sid in answer.sids}
    open_ = [place for place, one in enumerate(answers) if one.status == SendStatus.UNKNOWN]
    reached = -1
    for index, call in enumerate(calls):
        if call.sid in at:
            reached = max(reached, at[call.sid])
            continue
        fitting = [place for place in open_ if _next_part(answers[place]) == call.body]
        ahead = min((at[one.sid] for one in calls[index:] if one.sid in at), default=len(answers))
        # A part of its own may stand on either side: the parts of one send have one place.
        in_turn = [place for place in fitting if reached <= place <= ahead]
        if not fitting:
            yield f"{recipient}: the provider took {call.sid}, which no send accounts for"
        elif in_turn:
            open_.remove(in_turn[0])
            reached = max(reached, in_turn[0])
        else:
            open_.remove(fitting[0])
            if not late:
                send = answers[fitting[0]].send
                yield f"{recipient}: the provider took {call.sid} for {send} out of its turn"


def late_sends(facts: Facts) -> int:
    """How many unknown sends left out of their turn."""
    return len(list(_calls(facts, late=False))) - len(list(_calls(facts, late=True)))


def _next_part(answer: Answered) -> str | None:
    texts = parts(answer)
    return texts[len(answer.sids)] if len(answer.sids) < len(texts) else None


def grouped(items: Iterable[T], *, key: Callable[[T], str]) -> Mapping[str, list[T]]:
    """The items under each key, in their order."""
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
