"""Another model while messages flow: nothing is lost, and nothing is read by half of two."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.errors import ConfigError
from bot.model.thread import MessageIn
from bot.model.understanding import Understanding, Utterance
from nlu.reader import Reader
from nlu.serving import SpacyNlu
from nlu.shelf import Shelf
from tests.hubs import hub_kit
from tests.unit.nlu_models import small_model
from tests.unit.test_nlu_shelf import swapped_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TEXTS = (
    "I want to return a jacket",
    "which tent is best",
    "var är mitt paket",
    "skicka tillbaka skorna, tack! " * 8,
)
SWAPS = 20
VISITORS = 6


@pytest.fixture
async def nlu(tmp_path: Path) -> AsyncIterator[SpacyNlu]:
    Shelf(tmp_path / "models").publish(small_model())
    nlu = SpacyNlu.load(tmp_path / "models")
    yield nlu
    await nlu.close()


def plain(read: Understanding) -> Understanding:
    """What one model alone makes of a text; whose facet it is, is the hub's."""
    return read.model_copy(update={"personas": ()})


def whole_models() -> dict[str, Reader]:
    readers = [Reader.load(folder) for folder in (small_model(), swapped_model())]
    return {reader.model.version: reader for reader in readers}


async def test_messages_flow_through_a_hub_while_models_are_swapped(
    nlu: SpacyNlu, tmp_path: Path
) -> None:
    shelf, done = Shelf(tmp_path / "models"), asyncio.Event()

    async def swap() -> None:
        for number in range(SWAPS):
            shelf.publish((swapped_model, small_model)[number % 2]())
            take_over = await asyncio.to_thread(nlu.fresh, shelf.folder)
            assert take_over is not None
            assert take_over() == nlu.model == shelf.live
        done.set()

    async with hub_kit(nlu=nlu) as kit:
        sent: dict[str, int] = {}

        async def talk(visitor: str) -> None:
            while not done.is_set() or sent.get(visitor, 0) < len(TEXTS):
                text = TEXTS[sent.get(visitor, 0) % len(TEXTS)]
                await kit.chat(visitor, text)
                sent[visitor] = sent.get(visitor, 0) + 1

        await asyncio.gather(swap(), *(talk(f"v{number}") for number in range(VISITORS)))
        await kit.quiet()
        models, used = whole_models(), set()
        for visitor, count in sent.items():
            entries = await kit.entries("webchat", visitor)
            heard = [one.body for one in entries if isinstance(one.body, MessageIn)]
            assert len(heard) == count
            for number, message in enumerate(heard):
                read = message.understanding
                assert message.text == TEXTS[number % len(TEXTS)]
                assert read is not None
                used.add(read.model)
                # The language of the thread is known from the second message on.
                alone = models[read.model].read([Utterance(text=message.text)])[0]
                assert plain(read).guesses == alone.guesses
                assert read.scope == alone.scope
        assert used == set(models)


async def test_a_long_job_is_read_by_one_model_to_its_end(nlu: SpacyNlu, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "models")
    for number in range(4):
        job = asyncio.create_task(nlu.read([Utterance(text=TEXTS[3])] * 40))
        await asyncio.sleep(0)
        shelf.publish((swapped_model, small_model)[number % 2]())
        take_over = await asyncio.to_thread(nlu.fresh, shelf.folder)
        assert take_over is not None
        after = take_over()
        assert len({read.model for read in await job}) == 1
        assert (await nlu.read([Utterance(text="hej")]))[0].model == after


async def test_the_same_model_is_not_loaded_again_and_a_broken_one_not_taken(
    nlu: SpacyNlu, tmp_path: Path
) -> None:
    shelf, before = Shelf(tmp_path / "models"), nlu.model
    assert nlu.fresh(shelf.folder) is None
    version = shelf.publish(swapped_model())
    (shelf.folder / version / "intent" / "facts.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="files were changed"):
        nlu.fresh(shelf.folder)
    assert nlu.model == before
    assert (await nlu.read([Utterance(text="hej")]))[0].model == before
