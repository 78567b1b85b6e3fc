"""What people said of messages, as rows to learn from."""

from __future__ import annotations

from pathlib import Path

from bot.app.engines import beside
from bot.edge.clock import SystemClock
from bot.errors import ConfigError
from bot.hub.reviewing import Labelled, Reviewing
from config.settings import Settings


async def labelled(settings: Settings) -> list[Labelled]:
    """All messages whose meaning somebody said, the newest first."""
    async with beside(settings) as store:
        return [row async for row in Reviewing(store=store, clock=SystemClock()).labelled()]


def write_rows(rows: list[Labelled], file: Path) -> str:
    """Write a new .jsonl file; says how many. They are customers' words: keep it as such."""
    try:
        with file.open("x", encoding="utf-8") as lines:
            lines.writelines(row.model_dump_json() + "\n" for row in rows)
    except FileExistsError as error:
        raise ConfigError("is there already", where=str(file), mend="Name a new file.") from error
    return f"{len(rows)} rows"
