"""Links, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

import apsw

from bot.errors import StoreError
from bot.model.ids import IdentityId
from bot.model.people import Link, LinkMark
from bot.model.record import LinkMade
from bot.stores.sqlite.rows import next_seq
from bot.stores.sqlite.texts import texts

_INSERT_MARK: Final = "INSERT OR IGNORE INTO link_marks (link, kind, mark) VALUES (?, ?, ?)"
_LINKS: Final = """
SELECT l.link, l.seq, m.mark FROM links l LEFT JOIN link_marks m ON m.link = l.id
WHERE l.one IN (SELECT value FROM json_each(:among))
    AND l.other IN (SELECT value FROM json_each(:among))
ORDER BY l.rowid, m.place
"""

_Row = tuple[str, int, str | None]


def insert_link(connection: apsw.Connection, link: Link) -> None:
    """Record a link, before the entries that go with it; one that is there stays as it is."""
    connection.execute(
        "INSERT OR IGNORE INTO links (id, one, other, seq, link) VALUES (?, ?, ?, ?, ?)",
        (
            link.id,
            link.one,
            link.other,
            next_seq(connection, "entries") - 1,
            link.model_dump_json(),
        ),
    )


def insert_marks(connection: apsw.Connection, marks: Iterable[LinkMark]) -> None:
    """Record what became of links; the first of each kind counts."""
    for mark in marks:
        try:
            connection.execute(_INSERT_MARK, (mark.link, mark.mark, mark.model_dump_json()))
        except apsw.ConstraintError as error:
            raise StoreError(f"there is no link {mark.link} to mark as {mark.mark}") from error


def links_among(identities: Sequence[IdentityId], connection: apsw.Connection) -> list[LinkMade]:
    """The links between these identities, the oldest first, with their marks."""
    among = texts.dump_json(tuple(identities)).decode()
    rows: list[_Row] = list(connection.execute(_LINKS, {"among": among}))
    return [
        LinkMade(
            link=Link.model_validate_json(link),
            seq=seq,
            marks=tuple(
                LinkMark.model_validate_json(mark) for *_, mark in marked if mark is not None
            ),
        )
        for (link, seq), marked in groupby(rows, key=_link_of)
    ]


def _link_of(row: _Row) -> tuple[str, int]:
    return row[:2]
