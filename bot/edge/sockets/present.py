"""Who is at a socket now: which visitor, signed in until when, and which replay counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.edge.live import Live
from bot.edge.sockets.visitors import NAMESPACE, Visitor, room_of
from bot.model.value import AwareDatetime
from bot.ports import Clock

Lapsed = Callable[[str], Awaitable[None]]


@dataclass(kw_only=True)
class _Stay:
    """One socket's; `round` rises whenever what it has been shown so far counts no more."""

    visitor: Visitor
    round: int = 0
    signed_until: AwareDatetime | None = None
    lapse: asyncio.TimerHandle | None = None


class Present:
    """The visitors at the sockets of this process."""

    def __init__(self, live: Live, clock: Clock) -> None:
        self._live = live
        self._clock = clock
        self._stays: dict[str, _Stay] = {}

    def __contains__(self, sid: str) -> bool:
        return sid in self._stays

    def come(self, visitor: Visitor) -> None:
        """Somebody is at a socket; who was there before is not any more."""
        self.go(visitor.sid)
        self._stays[visitor.sid] = _Stay(visitor=visitor)

    def go(self, sid: str) -> bool:
        """Nobody is there any more; False when nobody was."""
        stay = self._stays.pop(sid, None)
        if stay is not None and stay.lapse is not None:
            stay.lapse.cancel()
        return stay is not None

    def visitor(self, sid: str) -> Visitor | None:
        """Who is there, or None."""
        stay = self._stays.get(sid)
        return None if stay is None else stay.visitor

    def all(self) -> list[Visitor]:
        """Everybody who is here."""
        return [stay.visitor for stay in self._stays.values()]

    # --- signed in ---------------------------------------------------------------------------

    def sign(self, sid: str, *, until: AwareDatetime) -> None:
        """They are at a log-in of the business, until a moment: then they are shown less."""
        stay = self._stays.get(sid)
        if stay is None:
            return
        if stay.lapse is not None:
            stay.lapse.cancel()
        left = max(0.0, (until - self._clock.now()).total_seconds())
        stay.signed_until = until
        stay.lapse = asyncio.get_running_loop().call_later(left, self._lapse, sid)

    def signed(self, sid: str) -> bool:
        """Whether their log-in holds now."""
        stay = self._stays.get(sid)
        until = None if stay is None else stay.signed_until
        return until is not None and self._clock.now() < until

    def _lapse(self, sid: str) -> None:
        stay = self._stays.get(sid)
        if stay is not None:
            stay.signed_until = stay.lapse = None
            self._live.start(self.reset(sid))

    # --- what they were shown ----------------------------------------------------------------

    def begin(self, sid: str) -> int:
        """A new round of showing; what an earlier one had still to show is left out."""
        stay = self._stays.get(sid)
        if stay is None:
            return 0
        stay.round += 1
        return stay.round

    def counts(self, sid: str, number: int) -> bool:
        """Whether this round is still the one that counts, and somebody there."""
        stay = self._stays.get(sid)
        return stay is not None and stay.round == number

    async def reset(self, sid: str) -> None:
        """Have the page drop what it shows, and ask anew (R19)."""
        self.begin(sid)
        await self._live.emit_here(NAMESPACE, sid, "reset", {"signed": self.signed(sid)})

    async def reset_all(self, user: str) -> None:
        """The same for all sockets of a visitor."""
        for sid in self._live.members(NAMESPACE, room_of(user)):
            await self.reset(sid)
