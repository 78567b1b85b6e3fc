"""What a reload takes over, names, and leaves; with no process of its own."""

from __future__ import annotations

import io
import json
import logging
import sys
from copy import copy
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
import structlog

from bot.app.accounts import Current
from bot.app.reloading import Reach, Reloading, loaded
from bot.edge.limits import Buckets
from bot.edge.logs import configure, set_level
from bot.edge.metrics import Metrics
from bot.edge.retuning import Retuning
from bot.edge.settings import EdgeSettings, Rate
from bot.errors import ConfigError
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.hubs import HubKit, hub_kit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    """The log as it was, whatever a test makes of it."""
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, number = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(number)


def settings(**sections: object) -> Settings:
    return Settings.model_validate({"channels": {"webchat": {"site": {}}}, **sections})


@pytest.fixture
async def kit() -> AsyncIterator[HubKit]:
    async with hub_kit(working=False) as made:
        yield made


class Process:
    """What a reload reaches."""

    def __init__(self, kit: HubKit) -> None:
        first = loaded(settings())
        self.hub = kit.hub
        self.channels = Current(first.accounts.channels)
        self.realms = Current(first.settings.identity.realms)
        self.metrics = Metrics()
        self.tuned: list[EdgeSettings] = []
        retuning = Retuning()
        retuning.subscribe(self.tuned.append)
        self.reloading = Reloading(
            first,
            Reach(
                hub=kit.hub,
                channels=self.channels,
                providers=Current(first.accounts.providers),
                realms=self.realms,
                metrics=self.metrics,
                retune=retuning.retune,
            ),
        )


async def test_the_hub_goes_on_with_other_settings(kit: HubKit) -> None:
    process = Process(kit)
    hub = {
        "join_by_phone": False,
        "link_lifetime": "PT1M",
        "keep_requests": "P1D",
        "backlog_limit": 7,
        "stop_grace": "PT9S",
    }
    assert await process.reloading.reload(lambda: settings(hub=hub))
    taken = process.hub
    assert taken.ingress.join_by_phone is False
    assert taken.linking.lifetime.total_seconds() == 60
    assert taken.upkeep.keep_requests == timedelta(days=1)
    assert taken.pressure.limit == 7
    assert taken.handling.grace.total_seconds() == 9
    assert taken.settings == process.reloading.settings.hub


async def test_accounts_come_and_go_for_whoever_holds_the_mapping(kit: HubKit) -> None:
    process = Process(kit)
    held = process.channels
    assert list(held) == [("webchat", "site")]
    before = held["webchat", "site"]
    assert await process.reloading.reload(
        lambda: settings(channels={"webchat": {"shop": {}, "site": {}}})
    )
    assert sorted(held) == [("webchat", "shop"), ("webchat", "site")]
    assert held["webchat", "site"] is not before
    assert await process.reloading.reload(lambda: settings(channels={}))
    assert (len(held), held.get(("webchat", "site"))) == (0, None)


async def test_a_key_takes_over_from_another_without_a_restart(kit: HubKit) -> None:
    process = Process(kit)
    assert dict(process.realms) == {}
    for kids in (("old",), ("old", "new"), ("new",)):
        keys = [{"kid": kid, "algorithm": "HS256", "secret": kid * 16} for kid in kids]
        shop = {"accounts": ["site"], "audience": "samtal", "keys": keys}
        wanted = settings(identity={"realms": {"shop": shop}})
        assert await process.reloading.reload(partial(copy, wanted))
        assert [key.kid for key in process.realms["shop"].keys] == list(kids)


@pytest.mark.parametrize("error", [ConfigError("x", where="y", mend="z"), LookupError("a fault")])
async def test_what_cannot_be_read_changes_nothing(error: Exception, kit: HubKit) -> None:
    process = Process(kit)
    before = process.reloading.settings

    def read() -> Settings:
        raise error

    assert not await process.reloading.reload(read)
    # Right in itself, but not what its files are.
    wrong = settings(hub={"backlog_limit": 7}, channels={"webchat": {"site": {"colour": "red"}}})
    assert not await process.reloading.reload(lambda: wrong)
    wrong = settings(hub={"backlog_limit": 7}, content={"folder": "nowhere"})
    assert not await process.reloading.reload(lambda: wrong)
    assert process.reloading.settings is before
    assert process.hub.pressure.limit == 20_000
    assert process.tuned == []
    text = process.metrics.exposition().decode()
    assert 'samtal_config_reloads_total{result="failed"} 3.0' in text
    assert "samtal_config_version 1.0" in text


async def test_what_is_fixed_stays_and_rates_do_not(kit: HubKit) -> None:
    process = Process(kit)
    edge = {
        "port": 1,
        "public_base_url": "https://other.example.com",
        "account_rate": {"per_second": 1, "burst": 1},
    }
    wanted = settings(edge=edge, store={"path": "elsewhere.db"}, log={"format": "console"})
    assert await process.reloading.reload(lambda: wanted)
    now = process.reloading.settings
    assert now.edge.port == 8080
    assert now.edge.public_base_url == "http://127.0.0.1:8080"
    assert (now.store, now.log.format) == (settings().store, "json")
    assert [one.account_rate.burst for one in process.tuned] == [1]
    # Nothing of that is forgotten: the next reload still names what waits for a new process.
    assert await process.reloading.reload(lambda: wanted)
    assert process.reloading.settings.edge.port == 8080
    assert "samtal_config_version 3.0" in process.metrics.exposition().decode()


def test_a_bucket_fills_at_another_rate() -> None:
    buckets = Buckets(Rate(per_second=1, burst=2), clock=FakeClock())
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1]
    buckets.retune(Rate(per_second=4, burst=2))
    assert buckets.take("a") == 0.25
    assert [buckets.take("b") for _ in range(3)] == [0, 0, 0.25]


def test_the_level_changes_for_loggers_that_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    structlog.reset_defaults()
    configure(level="info", as_json=True)
    log, other = structlog.get_logger("one"), logging.getLogger("other")
    said = {}
    for level in ("info", "debug", "error", "warning"):
        set_level(level)
        start = written.tell()
        log.debug("debug")
        log.info("info")
        log.bind(more=1).info("bound")
        other.info("other")
        log.error("error")
        lines = written.getvalue()[start:].splitlines()
        said[level] = [json.loads(line)["event"] for line in lines]
    assert said == {
        "info": ["info", "bound", "other", "error"],
        "debug": ["debug", "info", "bound", "other", "error"],
        "error": ["error"],
        "warning": ["error"],
    }
