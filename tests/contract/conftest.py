"""The implementations that each suite runs on; a new one is one line in its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.homes import BUSES, CLOCKS, NLUS, STORES, WIRES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.ports import Bus, Clock, Nlu, Store
    from tests.contract.homes import BusHome, StoreHome, WireMaker


@pytest.fixture(params=sorted(STORES))
async def store_home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StoreHome]:
    """A place where a store lives: `open()` it again and it is as after a restart."""
    home = STORES[request.param](tmp_path)
    yield home
    await home.close()


@pytest.fixture
async def store(store_home: StoreHome) -> Store:
    return await store_home.open()


@pytest.fixture(params=sorted(BUSES))
async def bus_home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BusHome]:
    """A place where a bus lives: `open()` it again and it is as after a restart."""
    home = BUSES[request.param](tmp_path)
    yield home
    await home.close()


@pytest.fixture
async def bus(bus_home: BusHome) -> Bus:
    return await bus_home.open()


@pytest.fixture(params=sorted(CLOCKS))
def clock(request: pytest.FixtureRequest) -> Clock:
    return CLOCKS[request.param]()


@pytest.fixture(params=sorted(WIRES))
def wire_maker(request: pytest.FixtureRequest) -> WireMaker:
    """Makes a wire; `allow` names addresses to take as lying outside of our network."""
    return WIRES[request.param]


@pytest.fixture(params=sorted(NLUS), scope="module")
def nlu(request: pytest.FixtureRequest) -> Nlu:
    return NLUS[request.param]()
