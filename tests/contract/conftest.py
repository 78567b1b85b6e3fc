"""The implementations that each suite runs on; a new one is one line in its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pymongo
import pytest

from tests.contract.homes import (
    BUSES,
    CLOCKS,
    FANOUTS,
    MONGO_STORES,
    NATS_BUSES,
    NATS_FANOUTS,
    NLUS,
    SPOOLS,
    STORES,
    WIRES,
)
from tests.servers import unique_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from bot.ports import Bus, Clock, Nlu, Store
    from tests.contract.homes import BusHome, FanoutHome, SpoolHome, StoreHome, WireMaker


@pytest.fixture(scope="session")
def mongo_database(mongo_url: str) -> Iterator[str]:
    """The name of a database of this session's own, for one home at a time."""
    name = unique_name()
    yield name
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(name)


@pytest.fixture
def make_store_home(request: pytest.FixtureRequest) -> Callable[[str, Path], StoreHome]:
    """Makes a home of a kind, in a folder if it needs one."""

    def make(kind: str, folder: Path) -> StoreHome:
        if kind in MONGO_STORES:
            url, database = (request.getfixturevalue(f"mongo_{n}") for n in ("url", "database"))
            return MONGO_STORES[kind](url, database)
        return STORES[kind](folder)

    return make


@pytest.fixture(params=sorted([*STORES, *MONGO_STORES]))
async def store_home(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_store_home: Callable[[str, Path], StoreHome],
) -> AsyncIterator[StoreHome]:
    """A place where a store lives: `open()` it again and it is as after a restart."""
    home = make_store_home(request.param, tmp_path)
    yield home
    await home.close()


@pytest.fixture
async def store(store_home: StoreHome) -> Store:
    return await store_home.open()


@pytest.fixture(params=sorted([*BUSES, *NATS_BUSES]))
async def bus_home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BusHome]:
    """A place where a bus lives: `open()` it again and it is as after a restart."""
    if request.param in NATS_BUSES:
        home = NATS_BUSES[request.param](request.getfixturevalue("nats_url"))
    else:
        home = BUSES[request.param](tmp_path)
    yield home
    await home.close()


@pytest.fixture
async def bus(bus_home: BusHome) -> Bus:
    return await bus_home.open()


@pytest.fixture(params=sorted([*FANOUTS, *NATS_FANOUTS]))
async def fanout_home(request: pytest.FixtureRequest) -> AsyncIterator[FanoutHome]:
    """Where processes tell each other: each `open()` is one more process."""
    if request.param in NATS_FANOUTS:
        home = NATS_FANOUTS[request.param](request.getfixturevalue("nats_url"))
    else:
        home = FANOUTS[request.param]()
    yield home
    await home.close()


@pytest.fixture(params=sorted(SPOOLS))
async def spool_home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SpoolHome]:
    """A place where a spool lives: `open()` it again and it is as after a restart."""
    home = SPOOLS[request.param](tmp_path)
    yield home
    await home.close()


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
