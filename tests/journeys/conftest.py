"""What the journeys run on: the real reader, the shipped content, each kind of store and bus."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import pytest

from nlu.commands import train
from nlu.reader import Reader
from nlu.serving import SpacyNlu
from tests.hubs import ROOT, HubKit, PhoneWire, hub_kit, played, shipped_content, shipped_forms
from tests.records import KINDS, record_of


class Start(Protocol):
    """Starts the hub, again and again on the same record."""

    def __call__(self) -> AbstractAsyncContextManager[HubKit]: ...


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The reader as it is shipped, trained on its examples once for all journeys."""
    folder = tmp_path_factory.mktemp("nlu") / "model"
    train(ROOT / "config" / "nlu", folder)
    return Reader.load(folder)


@pytest.fixture
async def nlu(reader: Reader) -> AsyncIterator[SpacyNlu]:
    serving = SpacyNlu(reader)
    yield serving
    await serving.close()


@pytest.fixture(params=KINDS)
def start(request: pytest.FixtureRequest, tmp_path: Path, nlu: SpacyNlu) -> Start:
    """Starts the hub on one kind of store and bus; phones and time go on between two starts."""
    record = record_of(request, tmp_path)
    wire = PhoneWire(played()[1], record.clock)

    @contextlib.asynccontextmanager
    async def started() -> AsyncIterator[HubKit]:
        async with (
            record.open() as (store, bus),
            hub_kit(
                shipped_content(),
                shipped_forms(),
                store=store,
                bus=bus,
                nlu=nlu,
                clock=record.clock,
                wire=wire,
            ) as kit,
        ):
            yield kit

    return started
