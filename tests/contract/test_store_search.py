"""Store, search: what is found by which words, in pages, under the thread it is in now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import StaleVersion
from bot.model.ids import AgentId
from bot.model.people import ByAgent, ByBot, BySystem
from bot.model.record import Absorb, IdentitySeed
from bot.model.search import loosened, parsed
from bot.model.thread import (
    ConversationStarted,
    EchoOut,
    MessageDeleted,
    MessageEdited,
    MessageOut,
    Note,
    ThreadState,
)
from tests.builders import (
    acceptance,
    address,
    arrival,
    change,
    entry,
    joining,
    link,
    reply,
)
from tests.contract.committing import ANNA, BO, WEB, accepted, said

if TYPE_CHECKING:
    from bot.model.channel import Address
    from bot.model.search import Found
    from bot.model.thread import Entry, EntryBody
    from bot.ports import Store
    from tests.contract.homes import StoreHome

EVA = ByAgent(agent=AgentId.of("eva"), name="Eva")


def texts(found: list[Found]) -> list[str]:
    return [one.entry.body.text for one in found if one.entry is not None]  # type: ignore[union-attr]  # of these


async def entries(store: Store, text: str) -> list[str]:
    return texts(await store.find_entries(parsed(text)))


async def customers(store: Store, text: str) -> list[str]:
    found = await store.find_customers(parsed(text))
    assert all(one.entry is None for one in found)
    members = {one.id: one for row in found for one in row.row.identities}
    return [members[one.identity].address.user for one in found]


async def people(store: Store) -> None:
    for where, seed in (
        (ANNA, IdentitySeed(address=ANNA, phone="+46701234567", name="Anna Åkesson")),
        (BO, IdentitySeed(address=BO, name="Bo Ek", username="bosse_e")),
        (WEB, IdentitySeed(address=WEB)),
    ):
        await store.accept(acceptance(arrival(where, "hej", seed=seed)))


async def written(store: Store, where: Address, *bodies: EntryBody) -> tuple[Entry, ...]:
    """Commit entries with these bodies in one change."""
    (event,) = await accepted(store, f"e{len(bodies)}", where=where)
    by = {MessageOut: ByBot(), EchoOut: BySystem(), Note: EVA}
    made = [
        entry(event, n, body=body).model_copy(
            update={"by": by[type(body)]} if type(body) in by else {}
        )
        for n, body in enumerate(bodies)
    ]
    return await store.commit(change(await store.turn(event.thread), event, *made))


# --- words -----------------------------------------------------------------------------------

SAID = (
    "Var är min leverans?",
    "Räksmörgåsen kom inte fram, order 4711-B",
    "Jag vill returnera en jacka 🙂 tack",
    "RETURNERA gärna jackan i butiken",
    "İstanbul straße Ærø",
)


QUERIES = [
    ("leverans", [0]),
    ("LEVERANS?", [0]),
    ("var leverans", [0]),
    ("leverans var", [0]),
    ("lever", [0]),
    ("lever min", []),  # only the last word may be the beginning of one
    ("min lever", [0]),
    ("räksmörgåsen", [1]),
    ("raksmorgasen", [1]),
    ("RAKSMÖR", [1]),
    ("ra\u0308ksmo\u0308rga\u030asen", [1]),
    ("returnera", [3, 2]),
    ("returnera jacka", [3, 2]),
    ("returnera jackan", [3]),
    ('"returnera en"', [2]),
    ('"en returnera"', []),
    ('"vill returnera en jacka"', [2]),
    ('"returnera en jac"', []),
    ('"returnera en jac', [2]),  # still being typed
    ('tack "en jacka"', [2]),
    ("4711", [1]),
    ("4711-B", [1]),
    ("4711-c", []),
    ("b-4711", []),
    ("istanbul", [4]),
    ("strasse", [4]),
    ("aero", [4]),
    ("x leverans", []),
    # what is no query finds nothing, and is no error
    ("", []),
    ("   ", []),
    ("🙂", []),
    ("?!*", []),
    ('"', []),
    ('""', []),
    ("leverans 🙂 !", [0]),
    ('leverans"', [0]),
    ('"leverans', [0]),
    ("leverans*", [0]),
    ("^leverans", [0]),
    ("words:leverans", []),
    ("leverans OR jacka", []),
    ("leverans AND min", []),
    ("NOT leverans", []),
    ("NEAR(min leverans)", []),
    ("{leverans}", [0]),
    ("' ; DROP TABLE entries --", []),
    ("$where leverans", []),
    ("\x00leverans", [0]),
    ("leverans " * 200, [0]),
    ("x" * 10_000, []),
    ("l", []),
]
LOOSE = [
    ("leveranz", [0]),
    ("levrans", [0]),
    ("leveraans", [0]),
    ("leevrans", [0]),
    ("elverans", [0]),
    ("lverens", []),  # two edits
    ("returnara jacka", [3, 2]),
    ("raksmorgasem order", [1]),
    ("leverans", [0]),
]


async def test_what_queries_find(store: Store) -> None:
    for text in SAID:
        await said(store, text)
    for query, found in QUERIES:
        assert await entries(store, query) == [SAID[n] for n in found], query


async def test_a_loose_query_makes_room_for_one_edit(store: Store) -> None:
    for text in SAID:
        await said(store, text)
    for query, found in LOOSE:
        loose = loosened(parsed(query))
        assert loose is not None
        assert texts(await store.find_entries(loose)) == [SAID[n] for n in found], query


async def test_very_long_texts_and_words_are_found_by_their_beginning(store: Store) -> None:
    long = "x" * 100_000
    await said(store, "början " + "ord " * 5_000 + "slutet")
    await said(store, long)
    assert len(await entries(store, "början")) == 1
    assert await entries(store, "slutet") == []
    assert await entries(store, "x" * 60) == [long]


# --- which entries ---------------------------------------------------------------------------


async def test_what_was_said_or_noted_is_found_and_by_whom(store: Store) -> None:
    await written(
        store,
        ANNA,
        MessageEdited(external_id="m1", text="jacka ändrad"),
        EchoOut(external_id="m2", text="jacka från appen"),
        Note(text="jacka i en anteckning"),
        MessageDeleted(external_id="jacka"),
        ConversationStarted(ref="jacka"),
    )
    (event,) = await accepted(store, "jacka in", where=BO)
    out = reply(event, text="jacka från boten")
    by_hand = reply(event, 2, text="jacka för hand").model_copy(update={"by": EVA})
    turn = await store.turn(event.thread)
    await store.commit(change(turn, event, entry(event), out, by_hand))
    everything = [
        "jacka för hand",
        "jacka från boten",
        "jacka in",
        "jacka i en anteckning",
        "jacka från appen",
        "jacka ändrad",
    ]
    assert await entries(store, "jacka") == everything
    assert await entries(store, "from:customer jacka") == ["jacka in", "jacka ändrad"]
    assert await entries(store, "jacka FROM:BOT") == ["jacka från boten"]
    assert await entries(store, "from:agent jacka") == [everything[n] for n in (0, 3, 4)]
    assert await entries(store, "jacka has:note") == ["jacka i en anteckning"]
    assert await entries(store, "jacka has:note from:customer") == []
    # Not the operators' words, and no operator alone.
    for query in ("note", "customer", "from", "has", "has:note", "from:bot", "from:nobody jacka"):
        assert await entries(store, query) == [], query


async def test_a_channel_narrows_it_down(store: Store) -> None:
    await said(store, "jacka på sms", where=ANNA)
    await said(store, "jacka på webben", where=WEB)
    assert await entries(store, "channel:twilio_sms jacka") == ["jacka på sms"]
    assert await entries(store, "jacka channel:web") == ["jacka på webben"]
    assert await entries(store, "jacka channel:nowhere") == []
    assert await entries(store, "channel:web") == []


async def test_a_found_entry_is_the_entry_in_its_thread(store: Store) -> None:
    await said(store, "leverans", where=ANNA)
    (found,) = await store.find_entries(parsed("leverans"))
    turn = await store.turn(ANNA.home_thread)
    assert found.entry is not None
    assert found.entry == await store.entry(found.entry.id)
    assert (found.number, found.identity) == (found.entry.seq, ANNA.identity)
    assert (found.row.state, found.row.identities) == (turn.state, turn.identities)


async def test_what_was_refused_is_not_found(store: Store) -> None:
    (event,) = await accepted(store, "leverans")
    turn = await store.turn(event.thread)
    done = change(turn, event)
    await store.commit(done)
    assert await entries(store, "leverans") == ["leverans"]
    late = entry(event, 5, body=Note(text="leverans igen"))
    with pytest.raises(StaleVersion):
        await store.commit(change(turn, event, late))
    assert await entries(store, "leverans") == ["leverans"]


# --- customers -------------------------------------------------------------------------------


KNOWN = [
    ("anna", ["anna"]),
    ("Åkesson anna", ["anna"]),
    ("akes", ["anna"]),
    ("anna åk", ["anna"]),
    ("bosse_e", ["bo"]),
    ("web-1", ["web-1"]),
    ("+46701234567", ["anna"]),
    ("0701234567", ["anna"]),
    ("070-123 45 67", ["anna"]),
    ("+46 70 123", ["anna"]),
    ("07012", ["anna"]),
    ("701234567", ["anna"]),
    ("0701234568", []),
    ("channel:twilio_sms anna", ["anna"]),
    ("channel:web anna", []),
    ("from:customer anna", []),
    ("has:note anna", []),
    ("anna bo", []),
    ("nobody", []),
    ("", []),
]


async def test_customers_are_found_by_what_is_known_of_them(store: Store) -> None:
    await people(store)
    for query, found in KNOWN:
        assert await customers(store, query) == found, query


async def test_the_last_met_comes_first_in_pages_and_an_unheard_one_is_found(
    store: Store,
) -> None:
    where = [address(f"kund-{n}") for n in range(5)]
    for one in where:
        await store.accept(acceptance(arrival(one, "hej")))
    found = await store.find_customers(parsed("kund"))
    assert [one.identity for one in found] == [one.identity for one in where[::-1]]
    home = where[4].home_thread
    assert found[0].row.state == ThreadState(thread=home)
    assert [one.id for one in found[0].row.identities] == [where[4].identity]
    first = await store.find_customers(parsed("kund"), limit=2)
    rest = await store.find_customers(parsed("kund"), before=first[-1].number, limit=9)
    assert [*first, *rest] == found
    assert await store.find_customers(parsed("kund"), limit=0) == []


async def test_what_is_learned_later_is_found_and_the_first_name_stays(
    store_home: StoreHome,
) -> None:
    store = await store_home.open()
    await store.accept(acceptance(arrival(ANNA, "m1")))
    assert await customers(store, "Lindgren") == []
    for key, name in (("m2", "Anna Lindgren"), ("m3", "Anna Öberg")):
        seed = IdentitySeed(address=ANNA, name=name)
        await store.accept(acceptance(arrival(ANNA, key, seed=seed)))
    store = await store_home.open()
    assert await customers(store, "lindgren") == ["anna"]
    assert await customers(store, "öberg") == []
    assert await customers(store, "anna") == ["anna"]


# --- pages and links -------------------------------------------------------------------------


async def test_pages_fit_together_also_where_words_are_common(store: Store) -> None:
    for n in range(12):
        await said(store, f"en jacka {n}", where=(ANNA, BO)[n % 2])
        await said(store, f"jacka en {n}", where=WEB)
    everything = await entries(store, '"en jacka"')
    assert everything == [f"en jacka {n}" for n in reversed(range(12))]
    pages: list[str] = []
    before = None
    while page := await store.find_entries(parsed('"en jacka"'), before=before, limit=5):
        pages += texts(page)
        before = page[-1].number
    assert pages == everything
    assert await store.find_entries(parsed("jacka"), limit=0) == []


async def test_many_that_only_have_the_words_hide_none_that_has_the_phrase(store: Store) -> None:
    await said(store, "röd jacka")
    for start in range(0, 260, 130):
        bodies = [Note(text=f"jacka röd {start + n}") for n in range(130)]
        await written(store, BO if start else WEB, *bodies)
    assert await entries(store, '"röd jacka"') == ["röd jacka"]


async def test_after_a_link_all_is_found_in_the_surviving_thread(store: Store) -> None:
    await people(store)
    await said(store, "jacka på sms", where=ANNA)
    await said(store, "jacka på webben", where=WEB)
    first = await store.find_entries(parsed("jacka"), limit=1)
    (sent,) = await accepted(store, "KOD", where=ANNA)
    web, sms = await store.turn(WEB.home_thread), await store.turn(ANNA.home_thread)
    absorbed = Absorb(thread=ANNA.home_thread, version=sms.state.version)
    done = change(web, sent)
    await store.commit(done.model_copy(update={"link": link(ANNA, WEB), "absorb": absorbed}))
    found = await store.find_entries(parsed("jacka"))
    assert texts(found) == ["jacka på webben", "jacka på sms"]
    assert {one.row.state.thread for one in found} == {WEB.home_thread}
    assert [one.identity for one in found] == [WEB.identity, ANNA.identity]
    assert texts(await store.find_entries(parsed("jacka"), before=first[0].number)) == [
        "jacka på sms"
    ]
    (anna,) = await store.find_customers(parsed("åkesson"))
    assert (anna.row.state.thread, anna.identity) == (WEB.home_thread, ANNA.identity)
    assert {one.id for one in anna.row.identities} == {ANNA.identity, WEB.identity}


async def test_who_joins_by_phone_is_found_in_the_holders_thread(store: Store) -> None:
    phone = "+46701234567"
    whatsapp = address("anna-w", channel="twilio_whatsapp")
    for one in (ANNA, whatsapp):
        seed = joining(one, phone=phone)
        await store.accept(acceptance(arrival(one, "m1", seed=seed)))
    found = await store.find_customers(parsed("0701234567"))
    assert [one.identity for one in found] == [whatsapp.identity, ANNA.identity]
    assert {one.row.state.thread for one in found} == {ANNA.home_thread}
