"""Keeps the accounts that are made by the API, and takes over what any process made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from pydantic import BaseModel, SecretStr

from bot.app.accounts import Account, Accounts, Current, Key, made
from bot.app.sealing import Sealed, Values
from bot.edge.accounts import AccountView, InFile, Moved, Wanted
from bot.errors import ConfigError, NotFound, StoreError
from bot.model.accounts import StoredAccount
from bot.ports import Channel, Clock, Provider, Store
from config.settings import Settings

log = structlog.get_logger("samtal.accounts")

_EVERY = timedelta(seconds=3)
_OTHER_SECRET = "it was sealed with another secret: set that one again, or the account anew"  # noqa: S105 - words
_SHADOWED = "the configuration file has an account of this name, which is used"


@dataclass(frozen=True, kw_only=True)
class Known:
    """A stored account, and what was made of it, or why nothing could be."""

    stored: StoredAccount
    values: Values | None = None
    account: Account | None = None
    problem: str | None = None


class StoredAccounts:
    """Lies beneath the accounts of the file, which win by their name."""

    def __init__(  # noqa: PLR0913 - what it stands between
        self,
        settings: Settings,
        *,
        store: Store,
        clock: Clock,
        secret: SecretStr,
        channels: Current[Key, Channel],
        providers: Current[Key, Provider],
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._sealed = Sealed(secret)
        self._channels = channels
        self._providers = providers
        self._known: dict[Key, Known] = {}

    async def run(self) -> None:
        """Take over what other processes made, until cancelled."""
        while True:
            await self._clock.sleep(_EVERY)
            try:
                await self.refresh()
            except StoreError as error:
                log.warning("accounts not looked up", error=type(error).__name__)

    async def refresh(self) -> None:
        """Take over what the store has; raises StoreError."""
        stored = await self._store.accounts()
        known = {key: self._known_of(one) for one in stored for key in [(one.channel, one.account)]}
        if known != self._known:
            changed = sorted(
                key for key in {*known, *self._known} if known.get(key) != self._known.get(key)
            )
            self._known = known
            self._take_over(Accounts.of(one.account for one in known.values() if one.account))
            log.info("accounts taken over", changed=["/".join(key) for key in changed])

    async def views(self) -> list[AccountView]:
        """See `bot.edge.accounts`."""
        await self.refresh()
        file = self._channels.own
        found = [AccountView(channel=key[0], account=key[1], source="file") for key in file]
        found += [_view(known, shadowed=key in file) for key, known in self._known.items()]
        return sorted(found, key=lambda one: (one.channel, one.account, one.source))

    async def put(self, key: Key, wanted: Wanted, *, by: str) -> AccountView:
        """See `bot.edge.accounts`."""
        self._refuse_file(key)
        await self.refresh()
        known = self._known.get(key)
        values = self._completed(key, wanted, known)
        made(self._settings, key, values)
        if known is not None and known.values == values:
            return _view(known, shadowed=False)
        present = 0 if known is None else known.stored.version
        if wanted.seen != present:
            raise Moved(present)
        sealed = self._sealed.seal(values, channel=key[0], account=key[1])
        stored = StoredAccount(
            channel=key[0],
            account=key[1],
            version=present + 1,
            sealed=sealed,
            by=by,
            at=self._clock.now(),
        )
        if not await self._store.put_account(stored):
            await self.refresh()
            now = self._known.get(key)
            raise Moved(0 if now is None else now.stored.version)
        await self.refresh()
        before = {} if known is None or known.values is None else known.values
        log.info(
            "account changed",
            by=by,
            channel=key[0],
            account=key[1],
            version=stored.version,
            did="made" if known is None else "replaced",
            settings=sorted(
                name for name in {*before, *values} if before.get(name) != values.get(name)
            ),
        )
        return _view(self._known_of(stored), shadowed=False)

    async def drop(self, key: Key, *, seen: int, by: str) -> None:
        """See `bot.edge.accounts`."""
        self._refuse_file(key)
        await self.refresh()
        if key not in self._known:
            raise NotFound(f"no account {'/'.join(key)}")
        if not await self._store.drop_account(*key, version=seen):
            raise Moved(self._known[key].stored.version)
        await self.refresh()
        log.info("account changed", by=by, channel=key[0], account=key[1], did="removed")

    def _refuse_file(self, key: Key) -> None:
        if key in self._channels.own:
            raise InFile

    def _completed(self, key: Key, wanted: Wanted, known: Known | None) -> Values:
        """The settings as wanted, with those that are to stay."""
        before = {} if known is None or known.values is None else known.values
        for name in wanted.keep:
            if name not in before:
                raise ConfigError(
                    "is not set, so it cannot stay as it is",
                    where=f"channels.{key[0]}.{key[1]}: {name}",
                    mend="Send its value in `settings`.",
                )
        return {**{name: before[name] for name in wanted.keep}, **wanted.settings}

    def _known_of(self, stored: StoredAccount) -> Known:
        """What is made of a stored account; one that is known already stays as it was made."""
        key = (stored.channel, stored.account)
        before = self._known.get(key)
        if before is not None and before.stored == stored:
            return before
        values = self._sealed.open(stored.sealed, channel=key[0], account=key[1])
        if values is None:
            log.error("account not in service", account="/".join(key), reason=_OTHER_SECRET)
            return Known(stored=stored, problem=_OTHER_SECRET)
        try:
            return Known(stored=stored, values=values, account=made(self._settings, key, values))
        except ConfigError as error:
            log.error("account not in service", account="/".join(key), reason=str(error))  # noqa: TRY400 - one line
            return Known(stored=stored, values=values, problem=str(error))

    def _take_over(self, accounts: Accounts) -> None:
        self._channels.take_beneath(accounts.channels)
        self._providers.take_beneath(accounts.providers)


def _view(known: Known, *, shadowed: bool) -> AccountView:
    stored = known.stored
    told = AccountView(
        channel=stored.channel,
        account=stored.account,
        source="api",
        version=stored.version,
        by=stored.by,
        at=stored.at,
        problem=_SHADOWED if shadowed else known.problem,
    )
    if known.account is None:
        return told
    secrets, settings = _parted(known.account.settings)
    return told.model_copy(update={"secrets": secrets, "settings": settings})


def _parted(settings: BaseModel) -> tuple[Mapping[str, bool], Values]:
    """Which secrets are set, and all other settings; pydantic masks secrets further inside."""
    secrets = {
        name: getattr(settings, name) is not None
        for name, field in type(settings).model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    return secrets, settings.model_dump(mode="json", exclude=set(secrets))
