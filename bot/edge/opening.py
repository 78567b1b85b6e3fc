"""When people answer: opening hours of a week, on the clocks of one place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bot.model.value import AwareDatetime, Value

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"({'|'.join(_DAYS)})"
_SPAN = re.compile(rf"{_DAY}(?:-{_DAY})? (\d\d:\d\d)-(\d\d:\d\d)")
_MIDNIGHT = "24:00"
_WEEK = 7


class Span(Value):
    """The same hours on some days of the week; it closes at midnight where `closes` is None."""

    days: frozenset[int]
    opens: time
    closes: time | None

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read `mon-fri 08:00-17:00` or `sat 10:00-24:00`; raises ValueError."""
        found = _SPAN.fullmatch(text)
        if found is None:
            msg = f"{text!r} is not like 'mon-fri 08:00-17:00'"
            raise ValueError(msg)
        first, last = _DAYS.index(found[1]), _DAYS.index(found[2] or found[1])
        days = frozenset((first + n) % _WEEK for n in range((last - first) % _WEEK + 1))
        opens = time.fromisoformat(found[3])
        closes = None if found[4] == _MIDNIGHT else time.fromisoformat(found[4])
        if closes is not None and closes <= opens:
            msg = f"{text!r} closes before it opens; write hours over midnight as two"
            raise ValueError(msg)
        return cls(days=days, opens=opens, closes=closes)

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """From when to when it is open on a day, in UTC; None when it is not."""
        if day.weekday() not in self.days:
            return None
        last = day if self.closes else day + timedelta(days=1)
        # As moments, so that an hour that clocks show twice, or never, does no harm.
        opens = datetime.combine(day, self.opens, zone).astimezone(UTC)
        return opens, datetime.combine(last, self.closes or time(), zone).astimezone(UTC)


class Hours(Value):
    """Whether it is open now, and if not, when it opens next."""

    open: bool
    opens_at: AwareDatetime | None = None


def hours(spans: Sequence[Span], zone: ZoneInfo, *, now: datetime) -> Hours:
    """What holds now; at least one span is given."""
    opens_at = None
    for opens, closes in _from(spans, zone, now.astimezone(zone).date()):
        if opens <= now < closes:
            return Hours(open=True)
        if opens > now:
            opens_at = min(opens_at or opens, opens)
    return Hours(open=False, opens_at=opens_at)


def _from(
    spans: Sequence[Span], zone: ZoneInfo, today: date
) -> Iterator[tuple[datetime, datetime]]:
    """All that is open from a day on, for so long that each span comes up in the future."""
    for days in range(_WEEK + 1):
        for span in spans:
            found = span.on(today + timedelta(days=days), zone)
            if found is not None:
                yield found
