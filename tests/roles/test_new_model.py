"""A served process takes a newly published model without a restart, and loses no message."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bot.embedded.database import Database
from bot.model.channel import Address
from bot.model.record import Span
from bot.model.thread import MessageIn
from bot.stores.sqlite import SqliteStore
from nlu.shelf import Shelf
from nlu.train import train
from tests.bench import twilio
from tests.bench.server import ROOT
from tests.roles.installation import (
    ANSWER,
    QUESTION,
    SQLITE,
    Installation,
    Node,
    installation,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WATCH = 'watch = "PT1S"'


def phone(number: int) -> str:
    return f"+467012{number:05}"


def two_models(folder: Path) -> tuple[Path, Path]:
    """Two models of the shipped examples that differ in a setting alone."""
    data = folder / "examples"
    shutil.copytree(ROOT / "config/nlu", data)
    settings = data / "settings.yaml"
    made = []
    for rate in ("0.15", "0.14"):
        text = settings.read_text("utf-8").replace("reject_rate: 0.15\n", f"reject_rate: {rate}\n")
        settings.write_text(text, "utf-8")
        train(data, folder / f"model{rate}")
        made.append(folder / f"model{rate}")
    return made[0], made[1]


class Customers:
    """Customers who ask, one after the other, each with a phone of their own, until told."""

    def __init__(self, place: Installation, node: Node) -> None:
        self._place, self._node = place, node
        self.asked = 0
        self.enough = asyncio.Event()

    async def ask(self) -> None:
        while not self.enough.is_set():
            self.asked += 1
            sid, text = f"SM{self.asked:032x}", QUESTION.format(self.asked)
            answer = self._place.post(self._node, sid=sid, sender=phone(self.asked), text=text)
            assert await answer == 200
            await asyncio.sleep(0.1)

    async def answered(self, count: int) -> None:
        await until(lambda: len(self._place.provider.calls) >= count, 60)


async def read_by(folder: Path, count: int) -> Counter[str]:
    """By which model the one message of each phone was read."""
    store = SqliteStore(Database.open(folder / "samtal.db"))
    models: Counter[str] = Counter()
    try:
        for number in range(1, count + 1):
            who = Address(channel="twilio_sms", account=twilio.ACCOUNT, user=phone(number))
            entries = await store.entries([Span(identity=who.identity)], limit=100)
            (said,) = (one.body for one in entries if isinstance(one.body, MessageIn))
            assert said.text == QUESTION.format(number)
            assert said.understanding is not None
            models[said.understanding.model] += 1
    finally:
        await store.close()
    return models


async def test_a_published_model_is_taken_over_while_customers_write(tmp_path: Path) -> None:
    first, second = await asyncio.to_thread(two_models, tmp_path)
    shelf = Shelf(tmp_path / "models")
    before = shelf.publish(first)
    async with installation(tmp_path, SQLITE) as place:
        node = place.node("all", model=str(shelf.folder), nlu=WATCH)
        await place.start(node)
        process = node.running
        customers = Customers(place, node)
        asking = asyncio.create_task(customers.ask())
        await customers.answered(5)
        after = shelf.publish(second)
        assert after != before
        await until(lambda: bool(node.events("model taken over")), 60)
        taken = customers.asked
        await customers.answered(taken + 5)
        assert shelf.roll_back() == before
        await until(lambda: len(node.events("model taken over")) == 2, 60)
        await customers.answered(customers.asked + 2)
        customers.enough.set()
        await asking
        await customers.answered(customers.asked)
        assert [line["model"] for line in node.events("model taken over")] == [after, before]
        assert node.running is process
        assert (await node.probe())[0] == 200
        assert await node.stop() == 0
        for number in range(1, customers.asked + 1):
            (shown,) = place.shown(phone(number))
            assert ANSWER in shown
        models = await read_by(tmp_path, customers.asked)
        assert set(models) == {before, after}
        assert models.total() == customers.asked
        assert models[after] >= 5


async def test_a_broken_model_is_left_and_the_one_in_use_goes_on(tmp_path: Path) -> None:
    first, second = await asyncio.to_thread(two_models, tmp_path)
    shelf = Shelf(tmp_path / "models")
    before = shelf.publish(first)
    async with installation(tmp_path, SQLITE) as place:
        node = place.node("all", model=str(shelf.folder), nlu=WATCH)
        await place.start(node)
        (second / "intent" / "facts.json").write_text("{}", "utf-8")
        shelf.publish(second)
        await until(lambda: bool(node.events("model not taken over")), 60)
        assert "the model's files were changed" in node.events("model not taken over")[0]["error"]
        customers = Customers(place, node)
        asking = asyncio.create_task(customers.ask())
        await customers.answered(3)
        customers.enough.set()
        await asking
        await customers.answered(customers.asked)
        assert await node.stop() == 0
        assert node.events("model taken over") == []
        assert await read_by(tmp_path, customers.asked) == {before: customers.asked}
