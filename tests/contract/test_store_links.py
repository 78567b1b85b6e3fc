"""Store, threads: a link makes one thread of two, fenced on both sides, by a code used once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.errors import StaleVersion, StoreError
from bot.model.ids import AgentId
from bot.model.people import ByAgent, LinkCode, LinkMark, Mark, Proof
from bot.model.record import Absorb, ThreadRow
from tests.builders import (
    at,
    change,
    link,
    spans,
)
from tests.contract.committing import (
    ANNA,
    BO,
    WEB,
    accepted,
    go_up,
    laden,
    nothing_written,
    said,
)

if TYPE_CHECKING:
    from bot.model.people import Link
    from bot.model.record import ThreadChange
    from bot.ports import Store
    from tests.contract.homes import StoreHome


async def linking(store: Store, code: str | None = None) -> ThreadChange:
    """What a link code, sent by SMS, does: Anna's thread goes up in the web session's."""
    (sent,) = await accepted(store, "KOD", where=ANNA, when=50)
    web, sms = await store.turn(WEB.home_thread), await store.turn(ANNA.home_thread)
    return change(web, sent).model_copy(
        update={
            "link": link(ANNA, WEB),
            "absorb": Absorb(thread=ANNA.home_thread, version=sms.state.version),
            "code": code,
        }
    )


async def test_a_link_makes_one_thread_of_two(store: Store) -> None:
    await said(store, "web-1", where=WEB, when=1)
    await said(store, "sms-1", where=ANNA, when=2)
    (later_web,) = await accepted(store, "web-2", where=WEB, when=3)
    (waiting_sms,) = await accepted(store, "sms-2", where=ANNA, when=4)
    (later_still,) = await accepted(store, "web-3", where=WEB, when=5)
    done = await linking(store)
    await store.commit(done)

    turn = await store.turn(WEB.home_thread)
    assert {one.id for one in turn.identities} == {WEB.identity, ANNA.identity}
    assert turn.state == done.state
    # In the order of acceptance, each for the thread it was accepted for.
    assert turn.events == (later_web, waiting_sms, later_still)
    assert waiting_sms.thread == ANNA.home_thread
    assert await store.turn(ANNA.home_thread) == turn
    assert await store.thread_ids() == [WEB.home_thread]
    assert [row.state.thread for row in await store.threads()] == [WEB.home_thread]
    moved = await store.identity(ANNA.identity)
    assert moved is not None
    assert moved.thread == WEB.home_thread


async def test_an_absorbed_event_is_processed_in_the_survivor_once(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    (waiting,) = await accepted(store, "sms-1", where=ANNA)
    await store.commit(await linking(store))
    turn = await store.turn(waiting.thread)
    await store.commit(change(turn, waiting))
    assert (await store.turn(WEB.home_thread)).events == ()
    with pytest.raises(StaleVersion):
        await store.commit(change(await store.turn(WEB.home_thread), waiting))


async def test_new_messages_of_an_absorbed_identity_come_to_the_survivor(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await store.commit(await linking(store))
    (event,) = await accepted(store, "sms-9", where=ANNA)
    assert event.thread == WEB.home_thread


async def test_a_link_rewrites_no_entry(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await said(store, "sms-1", where=ANNA)
    before = await store.entries(spans(WEB, ANNA))
    written = await store.commit(await linking(store))
    assert await store.entries(spans(WEB, ANNA)) == [*before, *written]
    assert [found.identity for found in before] == [WEB.identity, ANNA.identity]


async def test_links_know_what_was_there_before_them(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await said(store, "sms-1", where=ANNA)
    before = await store.entries(spans(WEB, ANNA))
    assert await store.links([WEB.identity, ANNA.identity]) == []
    written = await store.commit(await linking(store))
    (made,) = await store.links([ANNA.identity, WEB.identity])
    assert made.link == link(ANNA, WEB)
    assert before[-1].seq <= made.seq < written[0].seq
    assert await store.links([WEB.identity]) == []
    assert await store.links([WEB.identity, BO.identity]) == []
    assert await store.links([]) == []


async def test_both_threads_are_fenced(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await said(store, "sms-1", where=ANNA)
    stale_here = await linking(store)
    await said(store, "sms-2", where=ANNA)  # the one to absorb moves on
    with pytest.raises(StaleVersion):
        await store.commit(stale_here)
    (code_event,) = [
        event
        for event in (await store.turn(ANNA.home_thread)).events
        if event.id == stale_here.event
    ]
    stale_there = stale_here.model_copy(
        update={"absorb": Absorb(thread=ANNA.home_thread, version=2)}
    )
    await said(store, "web-2", where=WEB)  # the survivor moves on
    with pytest.raises(StaleVersion):
        await store.commit(stale_there)
    await nothing_written(store, but=4)
    assert await store.links([WEB.identity, ANNA.identity]) == []
    assert await store.thread_ids() == sorted([ANNA.home_thread, WEB.home_thread])
    assert (await store.turn(ANNA.home_thread)).events == (code_event,)


async def test_an_absorbed_thread_takes_no_commit(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await said(store, "sms-1", where=ANNA)
    (waiting,) = await accepted(store, "sms-2", where=ANNA)
    old = await store.turn(ANNA.home_thread)
    await store.commit(await linking(store))
    count = len(await store.entries(spans(ANNA, WEB)))
    with pytest.raises(StaleVersion):
        await store.commit(laden(old, waiting))
    await nothing_written(store, but=count)
    with pytest.raises(StaleVersion):
        await store.put_state(ThreadRow(state=old.state, identities=old.identities))


async def test_a_thread_absorbed_before_its_first_commit_takes_none(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    (waiting,) = await accepted(store, "sms-1", where=ANNA)
    unseen = await store.turn(ANNA.home_thread)
    await store.commit(await linking(store))
    count = len(await store.entries(spans(ANNA, WEB)))
    with pytest.raises(StaleVersion):
        await store.commit(laden(unseen, waiting))
    await nothing_written(store, but=count)
    with pytest.raises(StaleVersion):
        await store.put_state(ThreadRow(state=unseen.state, identities=unseen.identities))
    assert await store.thread_ids() == [WEB.home_thread]


async def test_a_thread_that_absorbed_can_be_absorbed(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    await store.commit(await linking(store))
    await said(store, "bo-1", where=BO)
    (event,) = await accepted(store, "KOD2", where=WEB)
    web = await store.turn(WEB.home_thread)
    await store.commit(
        change(await store.turn(BO.home_thread), event).model_copy(
            update={
                "link": link(WEB, BO, proof_id="two"),
                "absorb": Absorb(thread=WEB.home_thread, version=web.state.version),
            }
        )
    )
    for old in (ANNA.home_thread, WEB.home_thread, BO.home_thread):
        turn = await store.turn(old)
        assert turn.state.thread == BO.home_thread
        assert len(turn.identities) == 3
    everybody = [WEB.identity, ANNA.identity, BO.identity]
    made = await store.links(everybody)
    assert [one.link.proof_id for one in made] == ["code-hash", "two"]
    assert made[0].seq < made[1].seq


async def test_an_absorption_survives_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    await said(store, "web-1", where=WEB)
    await accepted(store, "sms-1", where=ANNA)
    await store.commit(await linking(store))
    before = await store.turn(WEB.home_thread)
    again = await store_home.open()
    assert await again.turn(ANNA.home_thread) == before
    assert await again.thread_ids() == [WEB.home_thread]


async def test_a_code_links_once(store: Store) -> None:
    code = LinkCode(
        hash="h1", source=WEB.identity, channel="twilio_sms", account="demo", expires_at=at(600)
    )
    await said(store, "web-1", where=WEB)
    await store.put_code(code)
    await store.commit(await linking(store, "h1"))
    assert await store.code("h1", now=at(60)) is None
    (again,) = await accepted(store, "KOD", where=BO)
    turn = await store.turn(BO.home_thread)
    count = len(await store.entries(spans(ANNA, WEB, BO)))
    for used in ("h1", "never-made"):
        with pytest.raises(StaleVersion):
            await store.commit(laden(turn, again).model_copy(update={"code": used}))
    await nothing_written(store, but=count)


async def test_of_two_that_use_a_code_at_the_same_moment_one_wins(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    code = LinkCode(
        hash="h1", source=WEB.identity, channel="twilio_sms", account="demo", expires_at=at(600)
    )
    await store.put_code(code)
    attempts = []
    for where in (ANNA, BO):
        (event,) = await accepted(store, "KOD", where=where)
        turn = await store.turn(where.home_thread)
        attempts.append(change(turn, event).model_copy(update={"code": "h1"}))
    results = await asyncio.gather(*map(store.commit, attempts), return_exceptions=True)
    assert sum(isinstance(result, StaleVersion) for result in results) == 1
    assert len(await store.entries(spans(ANNA, BO))) == 1


# --- what became of a link -------------------------------------------------------------------


def marked(of: Link, kind: Mark, *, reason: str = "", when: float = 60) -> LinkMark:
    eva = ByAgent(agent=AgentId.of("eva"), name="Eva")
    return LinkMark(link=of.id, mark=kind, at=at(when), by=eva, reason=reason)


async def say(store: Store, key: str, *marks: LinkMark) -> None:
    """Commit a message of the web session's together with marks."""
    (event,) = await accepted(store, key, where=WEB)
    done = change(await store.turn(WEB.home_thread), event)
    await store.commit(done.model_copy(update={"marks": marks}))


async def test_marks_come_with_their_link_oldest_first(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    one = await go_up(store, ANNA, WEB, proof_id="one")
    other = await go_up(store, BO, WEB, proof_id="other")
    revealed = marked(one, Mark.REVEALED, when=90)
    ended, others = marked(one, Mark.ENDED, reason="two people"), marked(other, Mark.ENDED)
    await say(store, "web-2", revealed)
    await say(store, "web-3", others, ended)
    everybody = [where.identity for where in (ANNA, WEB, BO)]
    made = await store.links(everybody)
    assert [found.link for found in made] == [one, other]
    assert [found.marks for found in made] == [(revealed, ended), (others,)]
    assert [(found.revealed, found.holds) for found in made] == [(True, False), (False, False)]
    assert [found.link for found in await store.links([ANNA.identity, WEB.identity])] == [one]


async def test_of_two_marks_of_a_kind_the_first_counts(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    made = await go_up(store, ANNA, WEB, proof_id="one")
    first = marked(made, Mark.ENDED, reason="first")
    await say(store, "web-2", first, marked(made, Mark.ENDED, reason="at once"))
    await say(store, "web-3", marked(made, Mark.ENDED, reason="later", when=1))
    (found,) = await store.links([ANNA.identity, WEB.identity])
    assert found.marks == (first,)


async def test_a_link_may_be_marked_as_it_is_made(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    done = await linking(store)
    assert done.link is not None
    revealed = marked(done.link, Mark.REVEALED)
    await store.commit(done.model_copy(update={"marks": (revealed,)}))
    (found,) = await store.links([ANNA.identity, WEB.identity])
    assert (found.link, found.marks) == (done.link, (revealed,))


async def test_a_mark_of_an_unknown_link_writes_nothing(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    made = await go_up(store, ANNA, WEB, proof_id="one")
    count = len(await store.entries(spans(ANNA, WEB)))
    (event,) = await accepted(store, "web-2", where=WEB)
    before = await store.turn(WEB.home_thread)
    marks = (marked(made, Mark.ENDED), marked(link(ANNA, BO), Mark.ENDED))
    with pytest.raises(StoreError):
        await store.commit(laden(before, event).model_copy(update={"marks": marks}))
    await nothing_written(store, but=count)
    assert await store.turn(WEB.home_thread) == before
    (found,) = await store.links([ANNA.identity, WEB.identity])
    assert found.marks == ()


async def test_a_link_is_kept_with_who_made_it_and_why(store: Store) -> None:
    await said(store, "web-1", where=WEB)
    done = await linking(store)
    eva = ByAgent(agent=AgentId.of("eva"), name="Eva")
    by_hand = link(ANNA, WEB).model_copy(
        update={"proof": Proof.AGENT, "by": eva, "reason": "said so on the telephone"}
    )
    (said_so,) = done.entries
    told = said_so.model_copy(update={"link": by_hand.id})
    (written,) = await store.commit(done.model_copy(update={"link": by_hand, "entries": (told,)}))
    (found,) = await store.links([ANNA.identity, WEB.identity])
    assert found.link == by_hand
    assert written.link == by_hand.id
    assert await store.entry(told.id) == written
    assert (await store.entries(spans(ANNA)))[-1] == written


async def test_a_code_says_what_it_proves_and_who_may_use_it(store: Store) -> None:
    plain = LinkCode(
        hash="h1", source=WEB.identity, channel="twilio_sms", account="demo", expires_at=at(600)
    )
    sent = plain.model_copy(
        update={"hash": "h2", "source": ANNA.identity, "proof": Proof.OTP, "only": WEB.identity}
    )
    for code in (plain, sent):
        await store.put_code(code)
    assert await store.code("h1", now=at(0)) == plain
    assert await store.code("h2", now=at(0)) == sent
