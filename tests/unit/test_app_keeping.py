"""Accounts that the API makes: sealed, versioned, beneath those of the file, taken over by all."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.app.accounts import Current, Key, load_accounts
from bot.app.keeping import StoredAccounts
from bot.app.sealing import Sealed
from bot.edge.accounts import InFile, Moved, Wanted
from bot.errors import ConfigError, NotFound
from bot.ports import Channel, Provider
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore

SECRET = SecretStr("the secret of the accounts' tests")
TOKEN = "123:very-secret-bot-token"
KEY: Key = ("telegram", "main")
SETTINGS = Settings.model_validate({"channels": {"webchat": {"site": {}}}})


class Process:
    """One process of an installation."""

    def __init__(
        self, store: FakeStore, *, secret: SecretStr = SECRET, settings: Settings = SETTINGS
    ) -> None:
        file = load_accounts(settings)
        self.channels: Current[Key, Channel] = Current(file.channels)
        self.providers: Current[Key, Provider] = Current(file.providers)
        self.keeping = StoredAccounts(
            settings,
            store=store,
            clock=FakeClock(),
            secret=secret,
            channels=self.channels,
            providers=self.providers,
        )


def bot(*, seen: int = 0, keep: tuple[str, ...] = (), **more: object) -> Wanted:
    values = {"bot_token": TOKEN, "secret_token": "hook-secret", **more}
    settings = {name: value for name, value in values.items() if name not in keep}
    return Wanted.model_validate({"settings": settings, "keep": keep, "seen": seen})


async def test_an_account_is_made_and_every_process_takes_it_over() -> None:
    store = FakeStore()
    one, other = Process(store), Process(store)
    view = await one.keeping.put(KEY, bot(bot_username="FjallBot"), by="Ada")
    assert (view.source, view.version, view.by, view.problem) == ("api", 1, "Ada", None)
    assert view.secrets == {"bot_token": True, "secret_token": True}
    assert view.settings["bot_username"] == "FjallBot"
    assert TOKEN not in view.model_dump_json()
    assert sorted(one.channels) == [KEY, ("webchat", "site")]
    assert sorted(other.channels) == [("webchat", "site")]
    await other.keeping.refresh()
    assert other.channels[KEY].deep_link("code") == "https://t.me/FjallBot?start=code"
    before = other.channels[KEY]
    await other.keeping.refresh()
    assert other.channels[KEY] is before
    restarted = Process(store)
    await restarted.keeping.refresh()
    assert KEY in restarted.channels


async def test_nothing_of_the_settings_can_be_read_in_the_store_or_the_log() -> None:
    store = FakeStore()
    with capture_logs() as lines:
        await Process(store).keeping.put(KEY, bot(), by="Ada")
    (stored,) = await store.accounts()
    assert TOKEN.encode() not in stored.sealed
    assert b"bot_token" not in stored.sealed
    (audit,) = [line for line in lines if line["event"] == "account changed"]
    assert (audit["by"], audit["did"], audit["version"]) == ("Ada", "made", 1)
    assert audit["settings"] == ["bot_token", "secret_token"]
    assert TOKEN not in str(lines)


async def test_replacing_wants_the_version_that_was_seen_and_the_same_changes_nothing() -> None:
    store = FakeStore()
    keeping = Process(store).keeping
    await keeping.put(KEY, bot(), by="Ada")
    assert (await keeping.put(KEY, bot(), by="Bo")).by == "Ada"
    with pytest.raises(Moved) as moved:
        await keeping.put(KEY, bot(bot_username="OtherBot"), by="Bo")
    assert moved.value.present == 1
    kept = bot(seen=1, keep=("bot_token", "secret_token"), bot_username="OtherBot")
    view = await keeping.put(KEY, kept, by="Bo")
    assert (view.version, view.by) == (2, "Bo")
    assert view.secrets == {"bot_token": True, "secret_token": True}
    assert (await keeping.put(KEY, kept, by="Cleo")).by == "Bo"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(settings={"bot_token": TOKEN, "bot_tokn": "x"}), "unknown key"),
        (Wanted(settings={"secret_token": "s"}), "is missing"),
        (Wanted(settings={"bot_token": TOKEN}), "could not be proven"),
        (Wanted(settings={}, keep=("bot_token",)), "cannot stay as it is"),
    ],
)
async def test_wrong_settings_change_nothing(wanted: Wanted, words: str) -> None:
    store = FakeStore()
    process = Process(store)
    with pytest.raises(ConfigError, match=words) as error:
        await process.keeping.put(KEY, wanted, by="Ada")
    assert TOKEN not in str(error.value)
    assert await store.accounts() == []
    assert KEY not in process.channels


async def test_there_is_no_such_channel() -> None:
    with pytest.raises(ConfigError, match="no such channel"):
        await Process(FakeStore()).keeping.put(("pigeon", "main"), bot(), by="Ada")


async def test_the_file_wins_by_name() -> None:
    store = FakeStore()
    process = Process(store)
    for attempt in (
        process.keeping.put(("webchat", "site"), Wanted(settings={}), by="Ada"),
        process.keeping.drop(("webchat", "site"), seen=1, by="Ada"),
    ):
        with pytest.raises(InFile):
            await attempt
    await process.keeping.put(KEY, bot(bot_username="ApiBot"), by="Ada")
    own = {"telegram": {"main": {"bot_token": "9:f", "unsigned": True, "bot_username": "FileBot"}}}
    later = Process(store, settings=Settings.model_validate({"channels": own}))
    views = await later.keeping.views()
    assert [(view.source, bool(view.problem)) for view in views] == [("api", True), ("file", False)]
    assert later.channels[KEY].deep_link("c") == "https://t.me/FileBot?start=c"
    process.channels.take_over({})  # a reload without the web chat leaves what the API made
    assert list(process.channels) == [KEY]


async def test_another_secret_opens_nothing_and_loses_nothing() -> None:
    store = FakeStore()
    await Process(store).keeping.put(KEY, bot(), by="Ada")
    other = Process(store, secret=SecretStr("some other secret of 16"))
    (view, _) = await other.keeping.views()
    assert view.problem is not None
    assert "another secret" in view.problem
    assert (view.secrets, view.settings, KEY in other.channels) == ({}, {}, False)
    back = Process(store)
    await back.keeping.refresh()
    assert KEY in back.channels
    view = await other.keeping.put(KEY, bot(seen=1), by="Bo")  # set anew with the new secret
    assert (view.version, view.problem, KEY in other.channels) == (2, None, True)


async def test_an_account_goes_at_the_version_that_was_seen() -> None:
    store = FakeStore()
    one, other = Process(store), Process(store)
    await one.keeping.put(KEY, bot(), by="Ada")
    await other.keeping.refresh()
    with pytest.raises(Moved):
        await one.keeping.drop(KEY, seen=2, by="Ada")
    await one.keeping.drop(KEY, seen=1, by="Ada")
    await other.keeping.refresh()
    assert (KEY in one.channels, KEY in other.channels) == (False, False)
    with pytest.raises(NotFound):
        await one.keeping.drop(KEY, seen=1, by="Ada")


def test_what_is_sealed_for_one_account_opens_for_no_other() -> None:
    sealed = Sealed(SECRET)
    made = sealed.seal({"bot_token": TOKEN}, channel="telegram", account="main")
    assert sealed.open(made, channel="telegram", account="main") == {"bot_token": TOKEN}
    assert sealed.open(made, channel="telegram", account="other") is None
    assert sealed.open(made[:-1] + b"x", channel="telegram", account="main") is None
    assert sealed.open(b"", channel="telegram", account="main") is None
