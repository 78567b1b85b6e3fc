"""The SQLite store copied while it is served, and put back."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from bot.edge.clock import SystemClock
from bot.embedded.backup import back_up, put_back
from bot.errors import ConfigError
from config.settings import Settings

_SECRET = ".secret"  # noqa: S105 - the end of a file's name


def make_backup(settings: Settings, to: Path) -> list[str]:
    """Copy the store to a new file, and beside it the secret that was made for it.

    Returns what there is now, in words; raises ConfigError for MongoDB, StoreError.
    """
    store = _file_of(settings)
    lines = [f"{to}: {back_up(store, to)} bytes"]
    secret = store.with_suffix(_SECRET)
    if settings.secret is None and secret.exists():
        lines.append(_copied(secret, to.with_suffix(_SECRET)))
    return lines


def restore_backup(settings: Settings, source: Path) -> list[str]:
    """Put a copy in the store's place, with its secret; what was there is kept beside it.

    Returns what there is now, in words; raises ConfigError for MongoDB, StoreError also while a
    server runs.
    """
    store = _file_of(settings)
    store.parent.mkdir(parents=True, exist_ok=True)
    aside = f".before-{_stamp(SystemClock().now())}"
    kept = put_back(source, store, aside=aside)
    lines = [f"{store}: as in {source}", *(f"{path}: what was there before" for path in kept)]
    secret, ours = source.with_suffix(_SECRET), store.with_suffix(_SECRET)
    if settings.secret is None and secret.exists():
        if ours.exists():
            ours.rename(ours.with_name(ours.name + aside))
        lines.append(_copied(secret, ours))
    return lines


def _file_of(settings: Settings) -> Path:
    if settings.store.engine != "sqlite":
        raise ConfigError(
            "this command copies a SQLite store only",
            where="store.engine",
            mend="For MongoDB see docs/operations.md, Backup.",
        )
    return settings.store.path


def _copied(secret: Path, to: Path) -> str:
    to.touch(mode=0o600)
    shutil.copyfile(secret, to)
    return f"{to}: the secret, keep it as such"


def _stamp(now: datetime) -> str:
    return now.strftime("%Y%m%dT%H%M%SZ")
