"""The check sees what is wrong: each case breaks one thing in a run that was right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.provider import Call
from tests.crash.facts import Answered, Facts, Posted, Shown, Turned
from tests.faults.agents import Act
from tests.faults.browsers import Line, Page, View
from tests.faults.checker import CLAIM, History, lines_of, problems

ANNA, THREAD = "+46700000001", "thr_1"
VISITOR, CHAT = "visitor-1", "thr_2"


def answered(number: int, *, seq: int, **changes: object) -> Answered:
    made = Answered(
        thread=THREAD,
        seq=seq,
        event=f"evt_{number}",
        recipient=ANNA,
        text=f"svar {number}",
        send=f"snd_{number}",
        status="sent",
        sids=(f"XX{number}",),
        reached="delivered",
        entry=f"ent_out_{number}",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the case's own fields


def shown(number: int, *, seq: int, thread: str = THREAD, sender: str = ANNA) -> Shown:
    text = f"fråga {number}"
    entry = f"ent_in_{number}"
    return Shown(thread, seq, f"evt_{number}", None, sender, f"SM{number}", text, entry)


def good() -> History:
    """Anna asks 1; Eva takes over, Ivar is too late; 2 is hers; she hands back; the bot says 3."""
    facts = Facts(
        posted=tuple(
            Posted(f"SM{number}", who, f"fråga {number}", number, number + 0.5, "edge1")
            for number, who in ((1, ANNA), (2, ANNA), (3, ANNA), (4, VISITOR))
        ),
        shown=(
            shown(1, seq=10),
            shown(2, seq=30),
            shown(3, seq=50),
            shown(4, seq=60, thread=CHAT, sender=VISITOR),
        ),
        answered=(
            answered(1, seq=11),
            answered(8, seq=35, author="Eva", text="Hej från Eva", sids=("XX8",)),
            answered(3, seq=51),
            answered(
                4,
                seq=61,
                thread=CHAT,
                recipient=VISITOR,
                channel="webchat",
                sids=("ent_out_4",),
                reached="sent",
            ),
        ),
        calls=(
            Call("XX1", ANNA, "svar 1", 1.6),
            Call("XX8", ANNA, "Hej från Eva", 2.6),
            Call("XX3", ANNA, "svar 3", 4.6),
        ),
        turned=(
            Turned(THREAD, 20, "evt_over", 1, "Eva"),
            Turned(THREAD, 40, "evt_back", 2, "bot"),
        ),
    )
    view = View(
        visitor=VISITOR,
        lines=(
            Line(60, "ent_in_4", "customer", "fråga 4"),
            Line(61, "ent_out_4", "bot", "svar 4"),
        ),
        wrong=(),
        connects=2,
        told_twice=1,
    )
    return History(
        facts=facts, acts=ACTS, views=(view,), delivered=frozenset({"XX1", "XX8", "XX3"})
    )


def act(agent: str, what: str, how: str, **changes: object) -> Act:
    made = Act(agent=agent, what="takeover", thread=THREAD, round=1, began=2.0, ended=2.4, tries=1)
    for name, value in {"what": what, "how": how, **changes}.items():
        setattr(made, name, value)
    return made


ACTS = (
    act("Eva", "takeover", "done"),
    act("Ivar", "takeover", "rejected"),
    act("Eva", "reply", "done", text="Hej från Eva", ended=2.5),
    act("Eva", "hand-back", "done"),
)
EVA, IVAR, REPLY, BACK = ACTS


def facts_with(**changes: object) -> History:
    history = good()
    return replace(history, facts=replace(history.facts, **changes))  # type: ignore[arg-type]  # fields by their names


def answers(place: int, **changes: object) -> History:
    rows = list(good().facts.answered)
    rows[place] = replace(rows[place], **changes)  # type: ignore[arg-type]  # fields by their names
    return facts_with(answered=tuple(rows))


def turns(*turned: Turned) -> History:
    return facts_with(turned=turned)


def page(*lines: Line, wrong: tuple[str, ...] = ()) -> History:
    history = good()
    return replace(history, views=(replace(history.views[0], lines=lines, wrong=wrong),))


def test_a_run_that_was_right_has_no_problem() -> None:
    assert problems(good()) == []
    assert lines_of(good().facts, VISITOR) == ["ent_in_4", "ent_out_4"]


BOTH = " (edge1; SM2, edge1)"
OVER, BACK_TURN = good().facts.turned
IN_4, OUT_4 = good().views[0].lines
BROKEN = {
    "an epoch is left out": (
        turns(OVER, replace(BACK_TURN, epoch=3)),
        f"thread {THREAD}: epoch 3 follows epoch 1",
    ),
    "an epoch comes twice": (
        turns(OVER, replace(BACK_TURN, epoch=1)),
        f"thread {THREAD}: epoch 1 follows epoch 1",
    ),
    "both agents own it": (
        turns(OVER, Turned(THREAD, 21, "evt_x", 2, "Ivar"), replace(BACK_TURN, epoch=3)),
        f"thread {THREAD}: Ivar took it from Eva",
    ),
    "owned twice": (
        turns(OVER, Turned(THREAD, 21, "evt_x", 2, "Eva"), replace(BACK_TURN, epoch=3)),
        f"thread {THREAD}: Eva came to own what was Eva's",
    ),
    "two winners": (
        replace(good(), acts=(EVA, replace(IVAR, how="done"), REPLY, BACK)),
        f"round 1 of {THREAD} has winners ['Eva', 'Ivar']",
    ),
    "no winner": (
        replace(good(), acts=(replace(EVA, how="rejected"), IVAR, REPLY, BACK)),
        f"round 1 of {THREAD} has winners []",
    ),
    "a reply is lost": (
        facts_with(answered=(good().facts.answered[0], *good().facts.answered[2:])),
        "Eva's reply 'Hej från Eva' was taken and is there 0 times",
    ),
    "a reply is there twice": (
        facts_with(
            answered=(
                *good().facts.answered,
                answered(9, seq=36, author="Eva", text="Hej från Eva"),
            )
        ),
        "Eva's reply 'Hej från Eva' was taken and is there 2 times",
    ),
    "a refused reply is there": (
        replace(good(), acts=(EVA, IVAR, replace(REPLY, how="rejected"), BACK)),
        "Eva's reply 'Hej från Eva' was refused and is there",
    ),
    "a reply while another owned": (
        turns(replace(OVER, owner="Ivar"), BACK_TURN),
        "Eva's reply 'Hej från Eva' stands where Ivar owned the thread",
    ),
    "nobody wrote it": (
        answers(1, text="Hej från någon"),
        "nobody wrote the reply 'Hej från någon'",
    ),
    "no answer to an agent": (
        replace(good(), acts=(EVA, IVAR, REPLY, replace(BACK, how="unsure"))),
        "Eva got no answer to a hand-back in 1 tries",
    ),
    "the bot answers while Eva owns": (
        facts_with(answered=(*good().facts.answered, answered(2, seq=31))),
        f"message SM2 of {ANNA} was answered while Eva owned the thread",
    ),
    "the bot's send leaves under a stale epoch": (
        facts_with(
            calls=(
                Call("XX1", ANNA, "svar 1", 2.5 + CLAIM + 1),
                *good().facts.calls[1:],
            )
        ),
        "snd_1 left 91 s after an agent had taken over",
    ),
    "a report is lost": (
        answers(0, reached="sent"),
        "send snd_1 was delivered and counts as sent",
    ),
    "a page lacks a message": (page(IN_4), f"{VISITOR}'s page lacks ent_out_4 (snd_4 sent)"),
    "a page shows another's": (
        page(IN_4, OUT_4, Line(62, "ent_x", "bot", "?")),
        f"{VISITOR}'s page shows ent_x, which the thread does not hold",
    ),
    "a page in another order": (
        page(OUT_4, IN_4),
        f"{VISITOR}'s page shows the thread in another order",
    ),
    "a page was told two things": (
        page(IN_4, OUT_4, wrong=("ent_out_4 is two things",)),
        f"{VISITOR}'s page: ent_out_4 is two things",
    ),
    "a page shows one twice": (
        page(IN_4, OUT_4, OUT_4),
        f"{VISITOR}'s page shows the thread in another order",
    ),
    "lost": (
        facts_with(shown=good().facts.shown[:2] + good().facts.shown[3:]),
        f"message SM3 of {ANNA} was accepted and is lost",
    ),
    "reordered": (
        facts_with(
            shown=(
                shown(1, seq=30),
                shown(2, seq=10),
                *good().facts.shown[2:],
            )
        ),
        f"thread {THREAD}: SM1 stands after a message that was posted after its 2xx{BOTH}",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_run_is_found_out(name: str) -> None:
    history, expected = BROKEN[name]
    assert expected in problems(history)


def message(seq: int, text: str = "svar", **more: object) -> dict[str, object]:
    return {"id": f"ent_{seq}", "seq": seq, "author": "bot", "text": text, **more}


def test_a_page_shows_each_message_once_at_its_place() -> None:
    shown_page = Page()
    shown_page.opens()
    shown_page.hear("message", message(7))
    shown_page.hear("message", message(3))
    shown_page.hear("message", message(7))
    assert [line.seq for line in shown_page.lines] == [3, 7]
    assert (shown_page.told_twice, shown_page.wrong) == (1, [])
    shown_page.hear("message", message(3, "något annat"))
    assert len(shown_page.wrong) == 1


def test_a_page_asks_again_for_what_came_after_the_last_it_can_be_sure_of() -> None:
    shown_page = Page()
    shown_page.opens()
    shown_page.hear("welcome", {"token": "t", "visitor": "v"})
    shown_page.hear("message", message(9))  # the replay is not over: 4 may still come
    assert shown_page.auth() == {"last_seq": 0, "token": "t"}
    shown_page.hear("replayed", {"seq": 9})
    shown_page.hear("message", message(12, aside=True))
    shown_page.hear("message", message(15))  # 13 may have been lost on its way
    assert shown_page.auth() == {"last_seq": 9, "token": "t"}
