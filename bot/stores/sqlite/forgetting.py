"""Letting go of words that have been kept for long enough, in the file and in its search index."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import apsw

from bot.model.forgetting import FirstWords, WordsGone, without_text
from bot.model.ids import IdentityId
from bot.model.numbers import SEND_NUMBERS
from bot.model.record import SendItem
from bot.model.thread import MessageOut, SendStatus
from bot.stores.sqlite.search import forget_entry
from bot.stores.sqlite.texts import texts

_FIRST: Final = """
SELECT id, words_gone + 1, (
    SELECT entry ->> '$.at' FROM entries
    WHERE identity = identities.id AND seq > words_gone ORDER BY seq LIMIT 1
) FROM identities WHERE id > ? ORDER BY id LIMIT ?
"""
_SEND: Final = "SELECT item FROM sends WHERE id = ? AND status > ?"


def first_words(
    after: IdentityId | None, limit: int, connection: apsw.Connection
) -> list[FirstWords]:
    """See `Privacy.first_words`."""
    return [
        FirstWords(
            identity=IdentityId(identity),
            seq=seq,
            at=None if at is None else datetime.fromisoformat(at),
        )
        for identity, seq, at in connection.execute(_FIRST, (after or "", max(limit, 0)))
    ]


def forget_words(connection: apsw.Connection, gone: WordsGone) -> None:
    """Put what is left in place of what there was; that nobody holds it has been seen."""
    for entry in gone.entries:
        forget_entry(connection, entry.id)
        connection.execute(
            "UPDATE entries SET entry = ? WHERE id = ?", (entry.model_dump_json(), entry.id)
        )
        if isinstance(entry.body, MessageOut):
            _empty_send(connection, entry.body.send)
    connection.execute(
        "DELETE FROM blobs WHERE id IN (SELECT value FROM json_each(?))",
        (texts.dump_json(gone.blobs).decode(),),
    )
    connection.execute(
        "UPDATE identities SET words_gone = max(words_gone, ?) WHERE id = ?",
        (gone.up_to, gone.identity),
    )


def _empty_send(connection: apsw.Connection, send: str) -> None:
    item: str | None = connection.execute(_SEND, (send, SEND_NUMBERS[SendStatus.SENDING])).get
    if item is not None:
        bare = without_text(SendItem.model_validate_json(item))
        connection.execute("UPDATE sends SET item = ? WHERE id = ?", (bare.model_dump_json(), send))
