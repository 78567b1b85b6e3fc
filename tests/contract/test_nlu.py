"""Nlu: one understanding for each text, within its bounds, without holding up the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from bot.model.understanding import Understanding, Utterance
from tests.builders import understood
from tests.fakes.nlu import FakeNlu

if TYPE_CHECKING:
    from bot.ports import Nlu

TEXTS = (
    "Hej! När kommer min leverans?",
    "hello, where is my delivery",
    "vad är ert pris",
    "jag vill prata med en människa NU!!!",
    "",
    "   \n\t ",
    "👋🏽👩‍👩‍👧‍👦",
    "asdf qwer zxcv",
    "åäö ÅÄÖ é ñ 漢字 عربي \u202e\u0000",
    "12345 +46701234567 https://example.com/a?b=c",
    "leverans " * 3_000,
    "a" * 20_000,
)


async def read(nlu: Nlu, *texts: str) -> list[Understanding]:
    return await nlu.read([Utterance(text=text) for text in texts])


def test_the_model_has_a_version(nlu: Nlu) -> None:
    assert nlu.model
    assert nlu.model == nlu.model.strip()


async def test_nothing_to_read_is_nothing_read(nlu: Nlu) -> None:
    assert await nlu.read([]) == []


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_every_reading_keeps_its_bounds(nlu: Nlu, text: str) -> None:
    (found,) = await read(nlu, text)
    assert len(found.guesses) <= 5
    confidences = [guess.confidence for guess in found.guesses]
    assert confidences == sorted(confidences, reverse=True)
    assert len({guess.intent for guess in found.guesses}) == len(found.guesses)
    shares = [share.share for share in found.stages]
    measures = (
        *confidences,
        *shares,
        found.language_confidence,
        found.frustration,
        found.human_wanted,
    )
    assert all(0 <= measure <= 1 for measure in measures)
    assert sum(shares) == pytest.approx(1)
    assert found.model == nlu.model
    for entity in found.entities:
        assert text[entity.start : entity.end] == entity.text


async def test_readings_come_in_order_and_do_not_depend_on_the_batch(nlu: Nlu) -> None:
    together = await read(nlu, *TEXTS)
    assert len(together) == len(TEXTS)
    alone = [(await read(nlu, text))[0] for text in TEXTS]
    for one, other in zip(together, alone, strict=True):
        assert one.intent == other.intent
        assert one.language == other.language
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)
        assert one.entities == other.entities
    assert [found.intent for found in await read(nlu, *reversed(TEXTS))] == [
        found.intent for found in reversed(together)
    ]


async def test_the_same_text_reads_the_same(nlu: Nlu) -> None:
    first, second = await read(nlu, TEXTS[0], TEXTS[0])
    assert first == second
    assert await read(nlu, TEXTS[0], TEXTS[0]) == [first, second]


async def test_the_language_is_heard(nlu: Nlu) -> None:
    swedish, english = await read(nlu, TEXTS[0], TEXTS[1])
    assert (swedish.language, english.language) == ("sv", "en")


async def test_a_text_that_tells_no_language_is_in_the_threads(nlu: Nlu) -> None:
    for language in ("sv", "en"):
        (found,) = await nlu.read([Utterance(text="123", language=language)])
        assert found.language == language


async def test_what_means_nothing_is_out_of_scope(nlu: Nlu) -> None:
    for found in await read(nlu, "", "   \n\t "):
        assert (found.in_scope, found.intent) == (False, None)


async def test_many_may_read_at_once(nlu: Nlu) -> None:
    batches = await asyncio.gather(*(read(nlu, text) for text in TEXTS))
    assert [found.intent for (found,) in batches] == [
        found.intent for found in await read(nlu, *TEXTS)
    ]


async def test_reading_does_not_hold_up_the_loop(nlu: Nlu) -> None:
    await read(nlu, TEXTS[0])  # whatever is done once, is done
    loop = asyncio.get_running_loop()
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        last = loop.time()
        while True:
            await asyncio.sleep(0.005)
            longest, last = max(longest, loop.time() - last), loop.time()

    watcher = asyncio.create_task(watch())
    await read(nlu, *(f"{n} hej, när kommer min leverans nummer {n}?" for n in range(300)))
    await asyncio.sleep(0.01)
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)
    # A server on a busy machine: what a customer would notice is a second.
    assert 0 < longest < 1.0


# --- the fake's own ways ---------------------------------------------------------------------


async def test_the_fake_finds_keywords_in_the_order_of_its_table() -> None:
    nlu = FakeNlu({"retur": "return.how", "faktura": understood("invoice.copy", confidence=0.8)})
    both, one, none = await read(nlu, "faktura på RETUR?", "Fakturan, faktura!", "returen")
    assert [(guess.intent, guess.confidence) for guess in both.guesses] == [
        ("return.how", 0.9),
        ("invoice.copy", pytest.approx(0.09)),
    ]
    assert (one.intent, one.confidence) == ("invoice.copy", 0.8)
    assert (none.intent, none.guesses, none.in_scope) == (None, (), False)


async def test_the_fake_remembers_what_it_read() -> None:
    nlu = FakeNlu()
    await read(nlu, "hej", "hello")
    assert nlu.reads == [(Utterance(text="hej"), Utterance(text="hello"))]
