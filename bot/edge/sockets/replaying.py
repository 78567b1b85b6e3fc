"""Shows visitors what they may see of their thread, from an entry number on."""

from __future__ import annotations

import structlog

from bot.edge.live import Live
from bot.edge.parts import EdgeParts
from bot.edge.sockets.present import Present
from bot.edge.sockets.shapes import chat_message, document
from bot.edge.sockets.visitors import NAMESPACE, Visitor
from bot.hub.desk import EntryView
from bot.model.thread import SendStatus

log = structlog.get_logger("samtal.chat")

_UNDER_WAY = {SendStatus.QUEUED, SendStatus.SENDING}


class Replaying:
    """Replays to sockets; a later replay, or a reset, ends an earlier one at once."""

    def __init__(self, parts: EdgeParts, present: Present) -> None:
        self._live: Live = parts.live
        self._chat = parts.chat
        self._present = present

    async def replay(self, visitor: Visitor, *, after: int) -> None:
        """Send what came after, then say up to where that is everything."""
        number = self._present.begin(visitor.sid)
        seq = await self._shown(visitor, number, after=after)
        if self._present.counts(visitor.sid, number):
            await self._live.emit_here(NAMESPACE, visitor.sid, "replayed", {"seq": seq})

    async def _shown(self, visitor: Visitor, number: int, *, after: int) -> int:
        """Send what came after `after`; returns up to where that is everything.

        A message under way is left to the outbox, which may yet drop it; nothing from there on
        counts as replayed, so that it is asked for again if the socket breaks before it comes.
        """
        seen, safe, complete = after, after, True
        while self._live.connected(NAMESPACE, visitor.sid):
            signed = self._present.signed(visitor.sid)
            views = await self._chat.history(visitor.address, after=seen, signed=signed)
            if not views:
                break
            for view in views:
                if not self._present.counts(visitor.sid, number):
                    return safe
                seen = view.entry.seq
                complete = complete and not _under_way(view)
                safe = seen if complete else safe
                await self._show(visitor, view)
        return safe

    async def _show(self, visitor: Visitor, view: EntryView) -> None:
        message = None if _under_way(view) else chat_message(view, aside=False)
        if message is not None:
            await self._live.emit_here(NAMESPACE, visitor.sid, "message", document(message))


def _under_way(view: EntryView) -> bool:
    return view.send is not None and view.send.status in _UNDER_WAY
