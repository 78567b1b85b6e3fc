"""Log-outs, told to all edges: a session ends everywhere at once."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from pydantic import ValidationError

from bot.errors import BusError
from bot.hub.circle import Circle, Tally
from bot.model.value import Value
from bot.ports import Clock, Fanout

log = structlog.get_logger("samtal.sessions")

SUBJECT = "sessions"
VISITORS = "visitors"


class Ended(Value):
    """A session ended; only the hash of its cookie, or of a visitor's token, travels."""

    token_hash: str


class EndedSessions:
    """Tells other edges of log-outs, and hears theirs; without a fan-out it does neither."""

    def __init__(
        self,
        fanout: Fanout | None,
        *,
        clock: Clock,
        tally: Tally | None = None,
        subject: str = SUBJECT,
    ) -> None:
        self._circle = Circle(fanout, subject=subject, tally=tally) if fanout else None
        self._clock = clock

    @property
    def circle(self) -> Circle | None:
        """What it hears others on."""
        return self._circle

    async def tell(self, token_hash: str) -> None:
        """This session ended here; an edge that cannot be told finds out at the next act."""
        if self._circle is None:
            return
        try:
            await self._circle.tell(Ended(token_hash=token_hash).model_dump_json().encode())
        except BusError as error:
            log.warning("others are not told of a log-out", reason=str(error))

    async def run(self, ended: Callable[[str], None], *, missed: Callable[[], None]) -> None:
        """Call `ended` with the hash of each session that ends elsewhere, until cancelled.

        `missed` is called when some may not have been heard.
        """
        circle = self._circle
        if circle is None:
            return

        async def hear(body: bytes) -> None:
            try:
                ended(Ended.model_validate_json(body).token_hash)
            except ValidationError as error:
                circle.unread(f"{error.error_count()} mistakes")

        await circle.listen(hear, missed=missed, clock=self._clock)
