"""Commands for a person's rights: a copy, being forgotten, and a hold against that."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import IO

from bot.app.engines import beside
from bot.edge.clock import SystemClock
from bot.errors import ConfigError
from bot.hub.subjects import Customer, erase, files, find, records
from bot.model.blob import Blob
from bot.model.privacy import LegalHold
from bot.model.value import Value
from config.settings import Settings


class _Folder:
    """A new folder, filled with what is known of one customer."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise ConfigError("is there already", where=str(path), mend="Name a new folder.")
        path.mkdir(parents=True, mode=0o700)
        self._path = path
        self._open: dict[str, IO[str]] = {}
        self.counts: Counter[str] = Counter()

    def write(self, kind: str, value: Value) -> None:
        """Add a line to the file of a kind."""
        if kind not in self._open:
            self._open[kind] = (self._path / f"{kind}.jsonl").open("w", encoding="utf-8")
        self._open[kind].write(value.model_dump_json() + "\n")
        self.counts[kind] += 1

    def keep(self, blob: Blob) -> None:
        """Add a file, under its id: a name from outside never reaches the disk."""
        (self._path / "files").mkdir(exist_ok=True)
        (self._path / "files" / blob.facts.id).write_bytes(blob.body)
        self.write("files", blob.facts)

    def close(self) -> None:
        """Finish the files."""
        for one in self._open.values():
            one.close()


async def export_customer(settings: Settings, name: str, path: Path) -> list[str]:
    """Write all that is known of a customer into a new folder: JSON lines by kind, and files."""
    async with beside(settings) as store:
        customer = await find(store, name)
        folder = _Folder(path)
        try:
            async for record in records(store, customer):
                folder.write(record.kind, record.value)
            async for blob in files(store, customer):
                folder.keep(blob)
        finally:
            folder.close()
        return [f"{count} {kind}" for kind, count in folder.counts.items()]


async def erase_customer(settings: Settings, name: str, *, sure: bool) -> str:
    """Forget a customer; raises ConfigError without `sure`, Denied under a hold."""
    async with beside(settings) as store:
        customer = await find(store, name)
        if not sure:
            raise ConfigError(
                "would be erased for good",
                where=_shown(customer),
                mend="Say --yes. `samtal export` makes a copy first.",
            )
        await erase(store, customer)
        return f"erased: {_shown(customer)}"


async def hold_customer(settings: Settings, name: str, *, reason: str | None) -> str:
    """Hold a customer for a reason, or (None) no longer."""
    async with beside(settings) as store:
        customer = await find(store, name)
        if reason is None:
            await store.end_holds(customer.ids)
            return f"not held any more: {_shown(customer)}"
        if not reason.strip():
            raise ConfigError("is empty", where="--reason", mend="Say why.")
        at = SystemClock().now()
        await store.put_holds(
            [LegalHold(identity=one, reason=reason, at=at) for one in customer.ids]
        )
        return f"held: {_shown(customer)}"


def _shown(customer: Customer) -> str:
    channels = ", ".join(sorted({one.address.channel for one in customer.identities}))
    return f"{customer.thread} ({len(customer.identities)} identities: {channels})"
