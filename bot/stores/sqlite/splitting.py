"""Letting parts of a thread go, each to a thread of its own."""

from __future__ import annotations

from typing import Final

import apsw

from bot.errors import StoreError
from bot.model.listing import Listing
from bot.model.record import Split, ThreadChange
from bot.model.splitting import leads, refusal
from bot.stores.sqlite.listing import list_on_channels, unlist_from_channels
from bot.stores.sqlite.rows import identities_in

# Higher than any version that the thread had before it went up in another.
_COME_BACK: Final = """
INSERT INTO threads (id, version, epoch, state, owner, holder, since, phase, language, last_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET absorbed_by = NULL, version = excluded.version,
    epoch = excluded.epoch, state = excluded.state, owner = excluded.owner,
    holder = excluded.holder, since = excluded.since, phase = excluded.phase,
    language = excluded.language, last_at = excluded.last_at
"""
_LEAD: Final = "UPDATE threads SET absorbed_by = ? WHERE id = ? AND absorbed_by IS NOT NULL"


def split_off(connection: apsw.Connection, change: ThreadChange) -> None:
    """Let the parts of a thread go that a change splits off; raises StoreError."""
    thread = change.state.thread
    members = identities_in(connection, thread)
    taken = [
        split.state.thread
        for split in change.splits
        if identities_in(connection, split.state.thread)
    ]
    refused = refusal(change, members, taken=taken)
    if refused is not None:
        raise StoreError(refused)
    unlist_from_channels(connection, thread)
    for split in change.splits:
        _let_go(connection, split)
    list_on_channels(connection, thread)
    for gone, lead in leads(change, members):
        connection.execute(_LEAD, (lead, gone))


def _let_go(connection: apsw.Connection, split: Split) -> None:
    thread = split.state.thread
    last: int | None = connection.execute("SELECT version FROM threads WHERE id = ?", (thread,)).get
    state = split.state.model_copy(update={"version": (last or 0) + 1})
    row = (thread, state.version, state.epoch, state.model_dump_json(), *Listing.of(state))
    connection.execute(_COME_BACK, row)
    connection.executemany(
        "UPDATE identities SET thread = ? WHERE id = ?",
        [(thread, identity) for identity in split.identities],
    )
    list_on_channels(connection, thread)
