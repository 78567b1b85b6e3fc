"""What the check of a kill run does not look at: owners, agents, browsers, reports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from bot.model.channel import ReceiptStatus
from bot.model.thread import SendStatus
from tests.crash.checker import PLAYED, Owners, check, grouped
from tests.crash.facts import Answered, Facts, Turned
from tests.faults.agents import NAMES, Act
from tests.faults.browsers import View

# An outbox looks at the epoch when it claims a send. From then on it may make the call until the
# claim ends, if it was stopped meanwhile; no later.
CLAIM = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What everybody outside saw, beside the facts of the store."""

    facts: Facts
    acts: tuple[Act, ...] = ()
    views: tuple[View, ...] = ()
    delivered: frozenset[str] = frozenset()


def problems(history: History) -> list[str]:
    """Everything that is wrong, in words; empty when all is well."""
    return [
        *check(history.facts, late=True),
        *_epochs(history.facts),
        *_commands(history),
        *_rounds(history),
        *_stale(history),
        *_reports(history),
        *_views(history),
    ]


# --- owners ----------------------------------------------------------------------------------


def _epochs(facts: Facts) -> Iterator[str]:
    """Every change of owner raises the epoch by one, and leads to another owner."""
    for thread, group in grouped(facts.turned, key=lambda one: one.thread).items():
        rows = sorted(group, key=lambda one: one.seq)
        first = Turned(thread, 0, "", 0, "bot")
        for before, after in pairwise([first, *rows]):
            if after.epoch != before.epoch + 1:
                yield f"thread {thread}: epoch {after.epoch} follows epoch {before.epoch}"
            if after.owner == before.owner:
                yield f"thread {thread}: {after.owner} came to own what was {after.owner}'s"
            if after.owner in NAMES and before.owner in NAMES:
                yield f"thread {thread}: {after.owner} took it from {before.owner}"


def _commands(history: History) -> Iterator[str]:
    """What an agent was told is so: a reply that was taken is there once, in the agent's time."""
    facts, owners = history.facts, Owners(history.facts.turned)
    written = grouped(
        [one for one in facts.answered if one.author in NAMES], key=lambda one: one.text
    )
    known = {act.text for act in history.acts if act.what == "reply"}
    for act in history.acts:
        if act.what != "reply":
            continue
        found = written.get(act.text, [])
        if act.how == "done" and len(found) != 1:
            yield f"{act.agent}'s reply {act.text[:40]!r} was taken and is there {len(found)} times"
        if act.how == "rejected" and found:
            yield f"{act.agent}'s reply {act.text[:40]!r} was refused and is there"
        if act.how == "unsure" and len(found) > 1:
            yield f"{act.agent}'s reply {act.text[:40]!r} is there {len(found)} times"
        for one in found:
            owner = owners.before(one.thread, one.seq)
            if owner != act.agent and not _taken_over_with(facts, one):
                yield f"{act.agent}'s reply {act.text[:40]!r} stands where {owner} owned the thread"
    yield from (f"nobody wrote the reply {text[:40]!r}" for text in written if text not in known)
    yield from (
        f"{act.agent} got no answer to a {act.what} in {act.tries} tries"
        for act in history.acts
        if act.how == "unsure"
    )


def _taken_over_with(facts: Facts, reply: Answered) -> bool:
    """Whether the reply itself took the thread over from the bot, as writing does."""
    return any(one.event == reply.event and one.owner == reply.author for one in facts.turned)


def _rounds(history: History) -> Iterator[str]:
    """Of two agents who race, one wins."""
    rounds: dict[int, list[Act]] = defaultdict(list)
    for act in history.acts:
        if act.what == "takeover":
            rounds[act.round].append(act)
    for number, acts in rounds.items():
        winners = [act.agent for act in acts if act.how == "done"]
        if all(act.how != "unsure" for act in acts) and len(winners) != 1:
            yield f"round {number} of {acts[0].thread} has winners {winners}"


# --- out -------------------------------------------------------------------------------------


def _stale(history: History) -> Iterator[str]:
    """What the bot decided before a takeover does not leave after it."""
    facts = history.facts
    calls = {call.sid: call for call in facts.calls}
    taken_at = _takeovers(history)
    for answer in facts.answered:
        if answer.author != "bot":
            continue
        over = [at for seq, at in taken_at.get(answer.thread, ()) if seq > answer.seq]
        for sid in answer.sids:
            if over and sid in calls and calls[sid].at > min(over) + CLAIM:
                late = calls[sid].at - min(over)
                yield f"{answer.send} left {late:.0f} s after an agent had taken over"


def _takeovers(history: History) -> dict[str, list[tuple[int, float]]]:
    """Where agents took over, and when at the latest: the place, and the 2xx of the first reply."""
    facts = history.facts
    acked = {act.text: act.ended for act in history.acts if act.how == "done" and act.text}
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    turns = grouped(facts.turned, key=lambda one: one.thread)
    for one in facts.answered:
        if one.author not in NAMES or one.text not in acked:
            continue
        before = [turn.seq for turn in turns.get(one.thread, ()) if turn.seq < one.seq]
        if before:
            found[one.thread].append((max(before), acked[one.text]))
    return found


def _reports(history: History) -> Iterator[str]:
    """What the provider reported as delivered, and we accepted, is known as delivered."""
    for answer in history.facts.answered:
        if answer.channel != PLAYED or answer.status != SendStatus.SENT:
            continue
        told = bool(answer.sids) and set(answer.sids) <= history.delivered
        if told and answer.reached != ReceiptStatus.DELIVERED:
            yield f"send {answer.send} was delivered and counts as {answer.reached}"


# --- browsers --------------------------------------------------------------------------------


def _views(history: History) -> Iterator[str]:
    """A page shows what the thread holds, each message once, in its order."""
    for view in history.views:
        wanted = lines_of(history.facts, view.visitor)
        shown = [line.id for line in view.lines]
        yield from (f"{view.visitor}'s page: {wrong}" for wrong in view.wrong)
        for missing in sorted(set(wanted) - set(shown)):
            yield f"{view.visitor}'s page lacks {missing}{_how(history.facts, missing)}"
        for strange in sorted(set(shown) - set(wanted)):
            yield f"{view.visitor}'s page shows {strange}, which the thread does not hold"
        if set(shown) == set(wanted) and shown != wanted:
            yield f"{view.visitor}'s page shows the thread in another order"


def _how(facts: Facts, entry: str) -> str:
    sent = [one for one in facts.answered if one.entry == entry]
    return f" ({sent[0].send} {sent[0].status})" if sent else ""


def lines_of(facts: Facts, visitor: str) -> list[str]:
    """The entries that a visitor is shown, in order."""
    rows = [(one.seq, one.entry) for one in facts.shown if one.sender == visitor]
    rows += [
        (one.seq, one.entry)
        for one in facts.answered
        if one.recipient == visitor and one.status != SendStatus.DROPPED
    ]
    return [entry for _, entry in sorted(rows)]
