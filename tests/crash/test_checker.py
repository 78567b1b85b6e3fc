"""The check sees what is wrong: each case breaks one thing in a run that was right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.provider import Call
from tests.crash.checker import check, count, late_sends, parts
from tests.crash.facts import Answered, Facts, Posted, Shown, Turned

ANNA, BO = "+46700000001", "+46700000002"


def posted(number: int, sender: str, *, first: float, taken: float | None) -> Posted:
    return Posted(f"SM{number}", sender, f"när har ni öppet? {number}", first, taken)


def shown(number: int, sender: str, *, seq: int) -> Shown:
    text = f"när har ni öppet? {number}"
    return Shown(f"thr_{sender}", seq, f"evt_{number}", number, sender, f"SM{number}", text)


def answered(number: int, recipient: str, *, seq: int) -> Answered:
    return Answered(
        thread=f"thr_{recipient}",
        seq=seq,
        event=f"evt_{number}",
        recipient=recipient,
        text="Alla dagar 10-18.",
        send=f"snd_{number}",
        status="sent",
        sids=(f"XX{number}",),
    )


def call(number: int, to: str) -> Call:
    return Call(f"XX{number}", to, "Alla dagar 10-18.", float(number))


def good() -> Facts:
    """Anna wrote 1, 2 and 4, Bo 3; the answer to 2 is unknown and came, that to 4 and did not."""
    first, second, third, fourth = (answered(n, who, seq=10 * n + 1) for n, who in WHO)
    return Facts(
        posted=tuple(posted(n, who, first=n, taken=n + 0.5) for n, who in WHO),
        shown=tuple(shown(n, who, seq=10 * n) for n, who in WHO),
        answered=(
            first,
            replace(second, status="unknown", sids=()),
            third,
            replace(fourth, status="unknown", sids=()),
        ),
        calls=(call(1, ANNA), call(2, ANNA), call(3, BO)),
    )


WHO = ((1, ANNA), (2, ANNA), (3, BO), (4, ANNA))
FOUR = (call(1, ANNA), call(9, ANNA), call(3, BO), call(4, ANNA))
THREE = replace(good(), calls=(call(1, ANNA), call(2, ANNA), call(3, BO), call(4, ANNA)))


def test_a_run_that_was_right_has_no_problem() -> None:
    assert check(good()) == []
    assert check(THREE) == []
    counts = count(good())
    assert counts.posted == counts.accepted == counts.shown == counts.answers == 4
    assert (counts.sent, counts.unknown, counts.threads) == (2, 2, 2)
    assert (counts.taken_by_provider, counts.unknown_but_taken) == (3, 1)


def test_what_was_never_accepted_may_be_shown_or_not() -> None:
    facts = good()
    lost = posted(5, BO, first=5, taken=None)
    assert check(replace(facts, posted=(*facts.posted, lost))) == []


def test_while_an_agent_owns_the_thread_the_bot_says_nothing() -> None:
    facts = good()
    said = replace(answered(9, ANNA, seq=16), author="Eva", event="evt_reply")
    first, _, *rest = facts.answered
    quiet = replace(
        facts, answered=(first, said, *rest), turned=(OVER, BACK), calls=FOUR, posted=facts.posted
    )
    assert check(quiet) == []


def test_a_bots_answer_may_be_dropped_when_somebody_took_over() -> None:
    facts = good()
    rows = (facts.answered[0], replace(facts.answered[1], status="dropped", sids=()))
    calls = (call(1, ANNA), call(3, BO))
    late = replace(OVER, seq=22)
    dropped = replace(
        facts, answered=(*rows, *facts.answered[2:]), calls=calls, turned=(late, BACK)
    )
    assert check(dropped) == []


def test_a_long_answer_is_taken_in_its_parts() -> None:
    facts = good()
    bodies = parts(replace(facts.answered[0], text=LONG))
    assert len(bodies) == 2
    rows = (replace(facts.answered[0], text=LONG, sids=("XX1", "XX1b")), *facts.answered[1:])
    first = replace(call(1, ANNA), body=bodies[0])
    second = replace(call(1, ANNA), sid="XX1b", body=bodies[1])
    whole = replace(facts, answered=rows, calls=(first, second, call(2, ANNA), call(3, BO)))
    assert check(whole) == []
    half = replace(rows[0], status="unknown", sids=("XX1",))
    assert check(replace(whole, answered=(half, *rows[1:]))) == []


def shown_as(place: int, **changes: object) -> Facts:
    facts = good()
    rows = list(facts.shown)
    rows[place] = replace(rows[place], **changes)  # type: ignore[arg-type]  # the case's own fields
    return replace(facts, shown=tuple(rows))


def answered_as(place: int, **changes: object) -> Facts:
    facts = good()
    rows = list(facts.answered)
    rows[place] = replace(rows[place], **changes)  # type: ignore[arg-type]  # the case's own fields
    return replace(facts, answered=tuple(rows))


def posted_as(place: int, **changes: object) -> Facts:
    facts = good()
    rows = list(facts.posted)
    rows[place] = replace(rows[place], **changes)  # type: ignore[arg-type]  # the case's own fields
    return replace(facts, posted=tuple(rows))


def without(place: int) -> Facts:
    facts = good()
    return replace(
        facts,
        shown=facts.shown[:place] + facts.shown[place + 1 :],
        answered=facts.answered[:place] + facts.answered[place + 1 :],
        calls=tuple(one for one in facts.calls if one.sid != f"XX{place + 1}"),
    )


def with_calls(*calls: Call) -> Facts:
    return replace(good(), calls=calls)


LONG = "Ett långt svar. " * 120
OVER = Turned(f"thr_{ANNA}", 15, "evt_over", 1, "Eva")
BACK = Turned(f"thr_{ANNA}", 25, "evt_back", 2, "bot")


BROKEN = {
    "lost": (without(2), f"message SM3 of {BO} was accepted and is lost"),
    "shown twice": (
        replace(good(), shown=(*good().shown, replace(good().shown[3], seq=99))),
        f"message SM4 of {ANNA} is shown 2 times",
    ),
    "never posted": (
        replace(good(), posted=good().posted[1:]),
        "message SM1 is shown and was never posted",
    ),
    "another text": (
        shown_as(0, text="hej"),
        "message SM1 reads 'hej', 'när har ni öppet? 1' was posted",
    ),
    "another sender": (
        shown_as(2, sender=ANNA),
        f"message SM3 of {BO} is shown as of {ANNA}",
    ),
    "two threads": (
        shown_as(1, thread="thr_other"),
        f"{ANNA} is in 2 threads: thr_{ANNA}, thr_other",
    ),
    "two senders": (
        shown_as(2, thread=f"thr_{ANNA}"),
        f"thread thr_{ANNA} has 2 senders: {ANNA}, {BO}",
    ),
    "not in order of acceptance": (
        shown_as(0, accepted=3),
        f"thread thr_{ANNA}: SM2 was accepted before SM1, shown after",
    ),
    "against the clock": (
        posted_as(0, first_at=3.0, accepted_at=3.5),
        f"thread thr_{ANNA}: SM2 stands after a message that was posted after its 2xx",
    ),
    "no answer": (
        replace(good(), answered=good().answered[:3]),
        f"message SM4 of {ANNA} has 0 answers",
    ),
    "two answers": (
        replace(THREE, answered=(*good().answered, answered(4, ANNA, seq=99))),
        f"message SM4 of {ANNA} has 2 answers",
    ),
    "answer to nothing": (
        answered_as(0, event="evt_9"),
        "event evt_9 has an answer and no message",
    ),
    "answers change places": (
        answered_as(0, seq=35),
        f"thread thr_{ANNA}: answers stand in another order than their messages",
    ),
    "failed": (answered_as(1, status="failed"), f"send snd_2 to {ANNA} ended as failed"),
    "still queued": (answered_as(3, status="queued"), f"send snd_4 to {ANNA} ended as queued"),
    "sent without a part": (answered_as(0, sids=()), "send snd_1 counts as sent with 0 parts"),
    "an id twice": (
        answered_as(1, sids=("XX1",)),
        "provider's id XX1 belongs to 2 parts",
    ),
    "not taken": (
        with_calls(call(2, ANNA), call(3, BO)),
        f"{ANNA}: the provider did not take XX1 (snd_1) in its turn",
    ),
    "taken twice": (
        with_calls(*THREE.calls, call(9, BO)),
        f"{BO}: the provider took XX9, which no send accounts for",
    ),
    "an unknown one taken twice": (
        with_calls(*THREE.calls, call(9, ANNA)),
        f"{ANNA}: the provider took XX9, which no send accounts for",
    ),
    "to somebody else": (
        with_calls(call(1, ANNA), call(2, ANNA), call(3, ANNA)),
        f"{BO}: the provider did not take XX3 (snd_3) in its turn",
    ),
    "another body": (
        with_calls(replace(call(1, ANNA), body="?"), call(2, ANNA), call(3, BO)),
        f"{ANNA}: the provider took '?' for snd_1",
    ),
    "taken out of order": (
        replace(
            good(),
            answered=(good().answered[0], answered(2, ANNA, seq=21), *good().answered[2:]),
            calls=(call(2, ANNA), call(1, ANNA), call(3, BO)),
        ),
        f"{ANNA}: the provider did not take XX1 (snd_1) in its turn",
    ),
    "an unknown one out of its turn": (
        replace(
            THREE,
            answered=(
                replace(answered(1, ANNA, seq=11), status="unknown", sids=(), text="Hej!"),
                answered(2, ANNA, seq=21),
                *good().answered[2:],
            ),
            calls=(call(2, ANNA), replace(call(1, ANNA), body="Hej!"), call(3, BO)),
        ),
        f"{ANNA}: the provider took XX1 for snd_1 out of its turn",
    ),
    "a part is missing": (
        answered_as(0, text=LONG),
        "send snd_1 counts as sent with 1 parts",
    ),
    "the bot answers for an agent": (
        replace(good(), turned=(OVER, BACK)),
        f"message SM2 of {ANNA} was answered while Eva owned the thread",
    ),
    "dropped while nobody took over": (
        answered_as(1, status="dropped"),
        f"send snd_2 to {ANNA} ended as dropped",
    ),
    "waiting": (replace(good(), waiting=2), "2 accepted events still wait"),
    "dead": (replace(good(), dead=("KeyError: x",)), "dead letter: KeyError: x"),
    "snapshot": (
        replace(good(), differing=("thr_1",)),
        "snapshot of thr_1 is not what its entries say",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_run_is_found_out(name: str) -> None:
    facts, expected = BROKEN[name]
    assert expected in check(facts)


def test_an_unknown_one_may_leave_late_where_somebody_slept() -> None:
    facts, _ = BROKEN["an unknown one out of its turn"]
    assert check(facts, late=True) == []
    assert late_sends(facts) == 1
    assert late_sends(good()) == 0
