"""How sends went that are heard of before the messages themselves.

A worker announces the message and an outbox, in another process, how it went: the latter may be
heard first.
"""

from __future__ import annotations

from collections import OrderedDict

from bot.model.ids import SendId
from bot.model.thread import SendState

_MOST = 2_000  # the oldest are forgotten; the two announcements are moments apart


class EarlySends:
    """The latest states of sends, for whoever hears of the message later."""

    def __init__(self) -> None:
        self._states: OrderedDict[SendId, SendState] = OrderedDict()

    def put(self, state: SendState) -> None:
        """Remember how it stands with this one."""
        self._states.pop(state.send, None)
        self._states[state.send] = state
        if len(self._states) > _MOST:
            self._states.popitem(last=False)

    def get(self, send: SendId) -> SendState | None:
        """How it stands, or None when nothing was heard (or long ago)."""
        return self._states.get(send)

    def take(self, send: SendId) -> SendState | None:
        """How it stands; forgotten from now on."""
        return self._states.pop(send, None)
