"""How each account fares: what all processes saw of it, read from the store and judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from bot.hub.engines import Channels
from bot.hub.settings import HealthSettings
from bot.hub.signs import Signs
from bot.model.health import (
    ChannelHealth,
    HealthProblem,
    HealthReason,
    HealthState,
    SendsWaiting,
    Sign,
    SignCount,
)
from bot.ports import Clock, Store

# Refused webhooks are held against accepted ones, and failed sends against others, so far back.
WINDOW: Final = timedelta(hours=1)
# The usual silence of an account is looked for so far back.
USUAL: Final = timedelta(days=28)
_FRESH = timedelta(seconds=5)
_MOST_WAITING = 10_000
_OVERDUE = timedelta(minutes=5)
_FEW_FORGED = 5
_FORGED_SHARE = 0.2
_FEW_FAILED = 3
_FEW_HEARD = 5
_ORDER = list(HealthState)

Key = tuple[str, str]


class Healths:
    """Reads and judges; what was read is good for five seconds."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        channels: Channels,
        signs: Signs,
        settings: HealthSettings,
    ) -> None:
        self.settings = settings
        self._store = store
        self._clock = clock
        self._channels = channels
        self._signs = signs
        self._read_at: datetime | None = None
        self._known: tuple[list[SignCount], list[SendsWaiting]] = ([], [])

    async def read(self, *, fresh: bool = False) -> list[ChannelHealth]:
        """Every configured account, by channel and name; raises StoreError."""
        now = self._clock.now()
        if fresh or self._read_at is None or now - self._read_at >= _FRESH:
            await self._signs.write()
            waiting = await self._store.waiting_sends(most=_MOST_WAITING)
            self._known = (await self._store.signs(), waiting)
            self._read_at = now
        signs, waiting = self._known
        return judged(self._channels, signs, waiting, settings=self.settings, now=now)


def judged(
    accounts: Iterable[Key],
    signs: Sequence[SignCount],
    waiting: Sequence[SendsWaiting],
    *,
    settings: HealthSettings,
    now: datetime,
) -> list[ChannelHealth]:
    """What is known of these accounts, as it stands at a moment."""
    seen: dict[Key, dict[Sign, list[SignCount]]] = {}
    for one in signs:
        seen.setdefault((one.channel, one.account), {}).setdefault(one.sign, []).append(one)
    waits = {(one.channel, one.account): one for one in waiting}
    return [
        _Account(key, seen.get(key, {}), waits.get(key), now).judge(settings)
        for key in sorted(accounts)
    ]


class _Account:
    """What is known of one account."""

    def __init__(
        self,
        key: Key,
        signs: Mapping[Sign, Sequence[SignCount]],
        waiting: SendsWaiting | None,
        now: datetime,
    ) -> None:
        self._key = key
        self._signs = signs
        self._waiting = waiting
        self._now = now

    def judge(self, settings: HealthSettings) -> ChannelHealth:
        found = (
            self._token(),
            self._forged(),
            self._failing(),
            self._overdue(),
            self._limited(),
            self._silent(settings),
        )
        reasons = sorted(
            (one for one in found if one is not None),
            key=lambda one: -_ORDER.index(one.state),
        )
        return ChannelHealth(
            channel=self._key[0],
            account=self._key[1],
            state=reasons[0].state if reasons else HealthState.OK,
            reasons=tuple(reasons),
            last_in=self._last_at(Sign.HEARD),
            last_out=self._last_at(Sign.SENT),
            accepted=self._count(Sign.ACCEPTED),
            refused=self._count(Sign.FORGED),
            waiting=0 if self._waiting is None else self._waiting.count,
            limited_until=self._limited_until(),
        )

    def _token(self) -> HealthReason | None:
        refused = self._last(Sign.TOKEN)
        if refused is None or self._is_since(refused, Sign.SENT, Sign.TAKEN):
            return None
        return HealthReason(
            problem=HealthProblem.TOKEN,
            state=HealthState.FAILING,
            at=refused.last_at,
            detail=refused.detail,
            what="the provider refuses our credentials",
            mend="Make a new token or key at the provider and put it into the account's settings.",
        )

    def _forged(self) -> HealthReason | None:
        refused, accepted = self._count(Sign.FORGED), self._count(Sign.ACCEPTED)
        last = self._last(Sign.FORGED)
        if last is None or refused < _FEW_FORGED:
            return None
        if refused / (refused + accepted) < _FORGED_SHARE:
            return None
        # Anybody can post nonsense here: while the provider's own are taken, that is no failure.
        none_taken = not self._is_since(last, Sign.ACCEPTED) and not accepted
        return HealthReason(
            problem=HealthProblem.SIGNATURES,
            state=HealthState.FAILING if none_taken else HealthState.WARNING,
            at=last.last_at,
            count=refused,
            detail=last.detail,
            what=f"{refused} webhooks of the last hour were refused, {accepted} were taken",
            mend="Compare the account's secret with the provider's, and the webhook's URL there "
            "with edge.public_base_url; a check of the account tells them apart.",
        )

    def _failing(self) -> HealthReason | None:
        failed, sent = self._count(Sign.FAILED), self._count(Sign.SENT)
        last = self._last(Sign.FAILED)
        if last is None or failed < _FEW_FAILED or failed < sent:
            return None
        return HealthReason(
            problem=HealthProblem.FAILING,
            state=HealthState.WARNING if self._is_since(last, Sign.SENT) else HealthState.FAILING,
            at=last.last_at,
            count=failed,
            detail=last.detail,
            what=f"{failed} tries to send in the last hour failed, {sent} went well",
            mend="See what the provider says of its state; what can be sent later is tried again.",
        )

    def _overdue(self) -> HealthReason | None:
        waiting = self._waiting
        if waiting is None or self._now - waiting.due < _OVERDUE:
            return None
        return HealthReason(
            problem=HealthProblem.WAITING,
            state=HealthState.FAILING,
            at=waiting.due,
            count=waiting.count,
            what=f"{waiting.count} messages wait to be sent, and nobody takes them",
            mend="See whether a process with the role outbox (or all) runs and reaches the store.",
        )

    def _limited(self) -> HealthReason | None:
        until = self._limited_until()
        last = self._last(Sign.LIMITED)
        if until is None or last is None:
            return None
        return HealthReason(
            problem=HealthProblem.LIMITED,
            state=HealthState.WARNING,
            at=last.last_at,
            count=self._count(Sign.LIMITED),
            detail=last.detail,
            what=f"the provider wants no calls before {until:%Y-%m-%d %H:%M:%S} UTC",
            mend="Nothing is lost: it goes on then. Lower the account's rate if it comes often.",
        )

    def _silent(self, settings: HealthSettings) -> HealthReason | None:
        heard = [one for one in self._signs.get(Sign.HEARD, ()) if self._now - one.slot <= USUAL]
        if settings.silence is None or len(heard) < _FEW_HEARD:
            return None
        usual = max(later.last_at - before.last_at for before, later in pairwise(heard))
        quiet = self._now - heard[-1].last_at
        if quiet < max(settings.silence_least, usual * settings.silence):
            return None
        return HealthReason(
            problem=HealthProblem.SILENT,
            state=HealthState.WARNING,
            at=heard[-1].last_at,
            what=f"nobody has written for {_hours(quiet)}; "
            f"the longest silence of four weeks was {_hours(usual)}",
            mend="Write to it yourself. If nothing comes, see the webhook's URL at the provider.",
        )

    def _limited_until(self) -> datetime | None:
        last = self._last(Sign.LIMITED)
        if last is None or last.until is None or last.until <= self._now:
            return None
        return last.until

    def _last(self, sign: Sign) -> SignCount | None:
        return max(self._signs.get(sign, ()), key=lambda one: one.last_at, default=None)

    def _last_at(self, sign: Sign) -> datetime | None:
        last = self._last(sign)
        return None if last is None else last.last_at

    def _is_since(self, one: SignCount, *signs: Sign) -> bool:
        """Whether any of these came after it."""
        latest = [at for at in map(self._last_at, signs) if at is not None]
        return bool(latest) and max(latest) > one.last_at

    def _count(self, sign: Sign) -> int:
        """How often it was seen in the window: in the stretches that began within it."""
        seen = self._signs.get(sign, ())
        return sum(one.count for one in seen if self._now - one.slot <= WINDOW)


def _hours(duration: timedelta) -> str:
    return f"{round(duration / timedelta(hours=1))} h"
