"""Messages that come in pieces, each by itself and in any order, are put together here.

Each piece is an entry, and what is not together in time is shown as it is, marked as incomplete
(docs/decisions/0021).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.hub.scene import Scene
from bot.model.channel import Inbound, Piece, Sender
from bot.model.event import PiecesOverdue, Rejected
from bot.model.record import Span
from bot.model.thread import Entry, MessageIn, PieceIn
from bot.ports import Store

PATIENCE = timedelta(minutes=5)
# Of a person's latest entries; pieces of one message come within seconds of each other.
_LOOKED_AT = 300
_MISSING = "[…]"


class Pieces:
    """Keeps pieces of messages and hands on the whole ones."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def whole(self, scene: Scene, body: Inbound | PiecesOverdue) -> Inbound | None:
        """The message that this event makes whole, or shows at last as it is; None for none yet."""
        if isinstance(body, PiecesOverdue):
            return await self._overdue(scene, body.first)
        if body.piece is None:
            return body
        return await self._gathered(scene, body, body.piece)

    async def _gathered(self, scene: Scene, body: Inbound, piece: Piece) -> Inbound | None:
        others = await self._waiting(scene, piece)
        mine = PieceIn(
            external_id=body.external_id or body.dedupe_key,
            text=body.text,
            piece=piece,
            provider_at=body.at,
        )
        scene.draft.add(mine, by=scene.customer)
        if len({each.piece.number for each in (*others, mine)}) == piece.total:
            return _joined(scene, [*others, mine])
        if not others:
            due = scene.draft.now + PATIENCE
            overdue = PiecesOverdue(first=mine.external_id)
            scene.draft.set_timer(overdue, key=mine.external_id, due=due)
        return None

    async def _overdue(self, scene: Scene, first: str) -> Inbound | None:
        entries = await self._latest(scene)
        pieces = {e.body.external_id: e.body for e in entries if isinstance(e.body, PieceIn)}
        there = _open(entries, pieces[first].piece) if first in pieces else []
        if first not in {each.external_id for each in there}:
            scene.draft.outcome = Rejected(reason="its pieces are together")
            return None
        return _joined(scene, there)

    async def _waiting(self, scene: Scene, piece: Piece) -> list[PieceIn]:
        """The pieces of the same message that came before; none of an older one of that name."""
        entries = await self._latest(scene)
        since = scene.draft.now - 2 * PATIENCE
        return _open([entry for entry in entries if entry.at >= since], piece)

    async def _latest(self, scene: Scene) -> list[Entry]:
        spans = [Span(identity=scene.identity.id)]
        return await self._store.entries(spans, limit=_LOOKED_AT, newest=True)


def _open(entries: Sequence[Entry], piece: Piece) -> list[PieceIn]:
    """The pieces of this message that were not put together yet."""
    found: list[PieceIn] = []
    for entry in sorted(entries, key=lambda each: each.seq):
        match entry.body:
            case PieceIn(piece=other) as one if (other.ref, other.total) == (
                piece.ref,
                piece.total,
            ):
                found.append(one)
                if len({each.piece.number for each in found}) == piece.total:
                    found.clear()
            case MessageIn(external_id=shown) if shown in {each.external_id for each in found}:
                found.clear()
            case _:
                pass
    return found


def _joined(scene: Scene, pieces: Sequence[PieceIn]) -> Inbound:
    """The message that these pieces make, with a mark where some are missing."""
    by_number = {each.piece.number: each for each in pieces}
    first = by_number[min(by_number)]
    numbers = range(1, first.piece.total + 1)
    return Inbound(
        sender=Sender(user=scene.identity.address.user),
        dedupe_key=first.external_id,
        external_id=first.external_id,
        text=_text([by_number[n].text if n in by_number else None for n in numbers]),
        at=first.provider_at,
        incomplete=len(by_number) < first.piece.total,
    )


def _text(texts: Sequence[str | None]) -> str:
    """Texts in order; a row of missing ones is one mark."""
    kept = [
        _MISSING if text is None else text
        for place, text in enumerate(texts)
        if text is not None or place == 0 or texts[place - 1] is not None
    ]
    return "".join(kept)
