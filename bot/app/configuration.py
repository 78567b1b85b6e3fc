"""The configuration, and what of it goes with a role."""

from __future__ import annotations

from pathlib import Path

from bot.app.roles import ProcessRole
from bot.errors import ConfigError
from config.settings import Settings, load


def settings_from(path: Path | None) -> Settings:
    """Read the settings; raises ConfigError."""
    return load(path)


def check_role(settings: Settings, role: ProcessRole) -> None:
    """Refuse what cannot be divided over several processes; raises ConfigError."""
    if role is ProcessRole.ALL:
        return
    for section, engine, other in (
        ("store", settings.store.engine, "mongo"),
        ("bus", settings.bus.engine, "nats"),
    ):
        if engine == "sqlite":
            raise ConfigError(
                f"SQLite is for one process, and --role {role} is one of several",
                where=f"{section}.engine",
                mend=f'Set engine = "{other}", or run with --role all.',
            )
    if settings.sandbox:
        raise ConfigError(
            f"the sandbox is played in one process, and --role {role} is one of several",
            where="sandbox",
            mend="Set sandbox = false, or run with --role all.",
        )
