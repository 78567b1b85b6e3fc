"""Store, privacy: words that were kept for long enough go, in every place they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import Denied
from bot.model.forgetting import FirstWords, WordsGone, quiet, without_words
from bot.model.people import ByCustomer
from bot.model.privacy import LegalHold
from bot.model.record import ThreadRow
from bot.model.search import parsed
from bot.model.sending import PartSent
from bot.model.thread import MessageIn, MessageOut, SendStatus
from tests.builders import LAPSES, acceptance, arrival, at, change, entry, reply, send_item, spans
from tests.contract.committing import ANNA, BO, WEB, go_up, laden, said
from tests.contract.traces import blob, traces
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from pathlib import Path

    from bot.model.channel import Address
    from bot.model.thread import Entry
    from bot.ports import Store
    from tests.contract.homes import StoreHome

MARK = "zanzibarzebra"


async def talk(store: Store, where: Address, mark: str) -> list[Entry]:
    """A message, and the answer to it that went out; returns their entries."""
    first = arrival(where, "m1", text=f"Jag heter {mark}")
    (event,) = (await store.accept(acceptance(first))).events
    turn = await store.turn(event.thread)
    out = reply(event, 1, text=f"Hej {mark}")
    await store.commit(
        change(turn, event, entry(event), out).model_copy(update={"sends": (send_item(turn, out),)})
    )
    for claim in await store.claim_sends(now=at(1), limit=10, until=LAPSES):
        await store.part_sent(claim.item.id, PartSent(external_id=f"x-{where.user}"), at=at(2))
    await store.recover_sends(now=LAPSES)
    return await store.entries(spans(where))


def gone(entries: list[Entry], **more: object) -> WordsGone:
    bare = tuple(without_words(one) for one in entries)
    made = WordsGone(identity=bare[0].identity, up_to=bare[-1].seq, entries=bare)
    return made.model_copy(update=more)


async def test_words_go_and_what_happened_stays(store_home: StoreHome) -> None:
    store = await store_home.open()
    hers, his = await talk(store, ANNA, MARK), await talk(store, BO, "bosse")
    await store.forget_words([gone(hers)])
    store = await store_home.open()
    left = await store.entries(spans(ANNA))
    assert [(one.id, one.seq, one.at, one.by) for one in left] == [
        (one.id, one.seq, one.at, one.by) for one in hers
    ]
    said_in, said_out = (one.body for one in left)
    assert isinstance(said_in, MessageIn)
    assert isinstance(said_out, MessageOut)
    assert (said_in.text, said_out.text) == ("", "")
    assert [one.gone for one in left] == [True, True]
    assert await store.find_entries(parsed(MARK)) == []
    assert [one.status for one in await store.sends([said_out.send])] == [SendStatus.UNKNOWN]
    # A receipt finds the message as before.
    sent = await store.sent_part(channel=ANNA.channel, account=ANNA.account, external_id="x-anna")
    assert sent == said_out.send
    assert await store.entries(spans(BO)) == his
    assert len(await store.find_entries(parsed("bosse"))) == 2


async def test_words_that_stay_are_found_as_before(store: Store) -> None:
    first, second = await talk(store, ANNA, MARK)
    await store.forget_words([gone([first])])
    await store.forget_words([gone([first])])
    found = await store.find_entries(parsed(MARK))
    assert [one.entry for one in found] == [second]
    assert await store.entries(spans(ANNA)) == [without_words(first), second]


async def test_a_file_goes_with_the_message_that_has_it(store: Store) -> None:
    hers = await talk(store, ANNA, MARK)
    await talk(store, BO, "bosse")
    files = [blob(ByCustomer(identity=one.identity), "a") for one in (ANNA, BO)]
    for one in files:
        await store.put_blob(one)
        await store.keep_blobs([one.facts.id], by=one.facts.by)
    await store.forget_words([gone(hers, blobs=(files[0].facts.id,))])
    assert await store.blob(files[0].facts.id) is None
    assert await store.blob(files[1].facts.id) == files[1]


async def test_whose_words_are_the_oldest(store: Store) -> None:
    assert await store.first_words() == []
    hers, his = await talk(store, ANNA, MARK), await talk(store, BO, "bosse")
    await said(store, "later", when=50)
    by_id = sorted(
        [
            FirstWords(identity=ANNA.identity, seq=1, at=hers[0].at),
            FirstWords(identity=BO.identity, seq=1, at=his[0].at),
        ],
        key=lambda one: one.identity,
    )
    assert await store.first_words() == by_id
    assert await store.first_words(limit=1) == by_id[:1]
    assert await store.first_words(after=by_id[0].identity) == by_id[1:]
    assert await store.first_words(after=by_id[1].identity) == []
    assert await store.first_words(limit=0) == []
    await store.forget_words([gone(hers), gone(his)])
    passed = {one.identity: one for one in await store.first_words()}
    assert passed[ANNA.identity].seq == hers[1].seq + 1
    assert passed[ANNA.identity].at == at(50)
    assert passed[BO.identity] == FirstWords(identity=BO.identity, seq=his[1].seq + 1, at=None)
    # Once passed, never again.
    await store.forget_words([gone(hers[:1])])
    assert {one.identity: one for one in await store.first_words()} == passed


async def test_a_hold_keeps_the_words_of_all_that_were_named(store: Store) -> None:
    hers, his = await talk(store, ANNA, MARK), await talk(store, BO, "bosse")
    hold = LegalHold(identity=BO.identity, reason="tvist 12", at=at(5))
    await store.put_holds([hold])
    with pytest.raises(Denied, match="tvist 12"):
        await store.forget_words([gone(hers), gone(his)])
    assert await store.entries(spans(ANNA)) == hers
    assert await store.entries(spans(BO)) == his
    await store.forget_words([gone(hers)])
    assert [one.gone for one in await store.entries(spans(ANNA))] == [True, True]


async def test_a_message_that_waits_to_be_sent_keeps_its_text(store: Store) -> None:
    first = arrival(ANNA, "m1", text=MARK)
    (event,) = (await store.accept(acceptance(first))).events
    turn = await store.turn(event.thread)
    done = laden(turn, event)
    await store.commit(done)
    await store.forget_words([gone(await store.entries(spans(ANNA)))])
    (claim,) = await store.claim_sends(now=at(99), limit=10, until=LAPSES)
    assert claim.item == done.sends[0]


async def test_nobody_is_brought_back_by_forgetting(store: Store) -> None:
    hers = await talk(store, ANNA, MARK)
    await store.erase([ANNA.identity])
    await store.forget_words([gone(hers)])
    assert await store.entries(spans(ANNA)) == []
    assert await store.identity(ANNA.identity) is None
    assert await store.first_words() == []


async def test_the_thread_goes_on_after_its_words_are_gone(store: Store) -> None:
    hers = await talk(store, ANNA, MARK)
    await store.forget_words([gone(hers)])
    await said(store, "hej igen", when=70)
    texts = [
        one.body.text for one in await store.entries(spans(ANNA)) if isinstance(one.body, MessageIn)
    ]
    assert texts == ["", "hej igen"]
    assert (await store.turn(ANNA.home_thread)).state.version == 2


async def test_no_word_is_left_anywhere(
    tmp_path: Path, store_home: StoreHome, mongo_url: str, mongo_database: str
) -> None:
    """Also not in events, in the change that a thread keeps, nor in threads that went up."""
    store = await store_home.open()
    hers, web = await talk(store, ANNA, MARK), await talk(store, WEB, MARK)
    await go_up(store, WEB, ANNA, proof_id="p")
    kind = type(store).__name__
    if kind != "FakeStore":
        assert traces(kind, tmp_path, mongo_url, mongo_database, MARK)
    for where, first in ((ANNA, hers), (WEB, web)):
        left = await store.entries(spans(where))
        assert len(left) >= len(first)
        await store.forget_words([gone(left)])
    await store.prune(before=at(1_000_000))
    turn = await store.turn(ANNA.home_thread)
    await store.put_state(ThreadRow(state=quiet(turn.state), identities=turn.identities))
    for word in (MARK, MARK[1:], MARK[3:]):
        assert traces(kind, tmp_path, mongo_url, mongo_database, word) == [], word
    if isinstance(store, FakeStore):
        there = (store.memory.entries, store.memory.sends, store.memory.states)
        assert MARK not in str(there)
