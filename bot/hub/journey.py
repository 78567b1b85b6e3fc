"""The belief over journey stages: a Bayesian filter over all that is seen of somebody.

Signs come as likelihood ratios: what a message was read as, kinds of pages, and facts of other
systems. In each step the belief fades towards no knowledge, moves by the matrix and is multiplied:

    b'(s) ~ [sum_r faded(b)(r) A(r, s)] * product over signs of ratio(s) ** weight

Signs of one sitting are one step, in which the same sign counts once; so their order says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

from bot.hub.settings import HubSettings
from bot.model.fact import Fact, FactKind, SubscriptionChanged, TicketOpened, Visited
from bot.model.ids import IdentityId
from bot.model.journey import Evidence, StageRatio
from bot.model.thread import ThreadState
from bot.model.understanding import StageShare, Understanding
from bot.model.value import AwareDatetime, Value

# The kinds of facts that can say something of a journey.
SIGNS: Final[tuple[FactKind, ...]] = (
    "visited",
    "purchased",
    "delivered",
    "returned",
    "ticket_opened",
    "ticket_closed",
    "tier_changed",
    "store_visited",
    "subscription_changed",
)
# A stage that a message does not speak of at all is not impossible.
_FLOOR: Final = 0.01
# Scope from which a message counts in full, and below which it says nothing.
_LINE: Final = 0.5
_SPEAKS: Final = 0.25
# Whatever is seen of somebody speaks against it that they are dormant.
_ALIVE: Final = 0.1


class Belief(Value):
    """A belief as of a moment; `shares` is empty when nothing is known."""

    shares: tuple[StageShare, ...] = ()
    at: AwareDatetime | None = None


class Move(Value):
    """How signs moved a belief."""

    before: Belief
    after: Belief
    because: tuple[Evidence, ...]

    @property
    def summary(self) -> str:
        """What moved it most, in a word or two: the last message, else the last sign."""
        messages = [one for one in self.because if one.kind == "message"]
        return (messages or self.because)[-1].what


class Journey:
    """The filter, by the settings of an installation."""

    def __init__(self, settings: HubSettings) -> None:
        self._stages = settings.stages
        self._settings = chosen = settings.journey
        self._dormant = chosen.dormant if chosen.dormant in settings.stages else None
        awake = [stage for stage in self._stages if stage != self._dormant]
        self._prior = {stage: 1 / len(awake) if stage in awake else 0.0 for stage in self._stages}
        self._flat = 1 / len(awake)
        self._rows = {stage: chosen.row(stage, self._stages) for stage in self._stages}

    # --- signs -------------------------------------------------------------------------------

    def heard(
        self, read: Understanding | None, *, at: datetime, identity: IdentityId
    ) -> tuple[Evidence, ...]:
        """What a message says of the journey; the less the more it is out of scope."""
        if read is None or not read.guesses or read.scope < _SPEAKS:
            return ()
        shares = {share.stage: share.share for share in read.stages}
        if not any(shares.get(stage) for stage in self._stages):
            return ()
        ratios = tuple(
            StageRatio(
                stage=stage,
                ratio=round(max(shares.get(stage, 0.0), _FLOOR) / self._flat, 6),
            )
            for stage in self._stages
        )
        sign = Evidence(
            kind="message",
            what=read.guesses[0].intent,
            at=at,
            identity=identity,
            weight=round(self._settings.message_weight * min(1.0, read.scope / _LINE), 6),
            ratios=ratios,
        )
        return (sign,)

    def seen(self, facts: Iterable[Fact], *, now: datetime) -> tuple[Evidence, ...]:
        """What facts say of the journey; many say nothing."""
        signs = []
        for fact in facts:
            kind, what = self._sign(fact)
            ratios = self._settings.ratios.get(what)
            if not ratios:
                continue
            if self._dormant:
                ratios = {self._dormant: _ALIVE, **ratios}
            signs.append(
                Evidence(
                    kind="page" if kind == "page" else "fact",
                    what=what,
                    at=min(fact.at, now),
                    identity=fact.identity,
                    fact=fact.id,
                    weight=1.0,
                    ratios=tuple(
                        StageRatio(stage=stage, ratio=ratios[stage])
                        for stage in self._stages
                        if stage in ratios
                    ),
                )
            )
        return tuple(signs)

    def _sign(self, fact: Fact) -> tuple[str, str]:
        match fact.body:
            case Visited(page=page):
                path = urlsplit(page).path.casefold()
                kinds = self._settings.pages.items()
                kind = next(
                    (k for k, shapes in kinds if any(fnmatchcase(path, s) for s in shapes)), ""
                )
                return "page", f"page.{kind}"
            case TicketOpened(severity=detail) | SubscriptionChanged(state=detail):
                special = f"{fact.body.kind}.{detail}"
                known = special in self._settings.ratios
                return "fact", special if known else fact.body.kind
            case body:
                return "fact", body.kind

    # --- the filter --------------------------------------------------------------------------

    def moved(self, belief: Belief, signs: Sequence[Evidence]) -> Move | None:
        """The belief after these signs; None when there are none.

        A sign from before the belief's time counts less the older it is.
        """
        before = belief = self._named_now(belief)
        counted: list[Evidence] = []
        for step in self._steps(belief, signs):
            counted += step
            belief = self._after(belief, step)
        if not counted:
            return None
        return Move(before=before, after=belief, because=tuple(counted))

    def as_of(self, belief: Belief, now: datetime) -> tuple[StageShare, ...]:
        """What is believed at a moment at which nothing new was seen."""
        known = self._named_now(belief)
        if not known.shares or known.at is None:
            return ()
        return self._shares(self._faded(known, now))

    def _named_now(self, belief: Belief) -> Belief:
        """With today's stages: one that was renamed keeps its share, one that is gone loses it."""
        if tuple(share.stage for share in belief.shares) == self._stages:
            return belief
        shares = dict.fromkeys(self._stages, 0.0)
        for share in belief.shares:
            name = self._settings.renamed.get(share.stage, share.stage)
            if name in shares:
                shares[name] += share.share
        return belief.model_copy(
            update={"shares": self._shares(shares) if any(shares.values()) else ()}
        )

    def _steps(self, belief: Belief, signs: Sequence[Evidence]) -> Iterator[list[Evidence]]:
        """The signs of each sitting, in order of time; a message is a step of its own."""
        ordered = sorted(
            signs,
            key=lambda one: (one.at, one.kind == "message", one.kind, one.what, one.fact or ""),
        )
        since = belief.at
        step: dict[tuple[str, str], Evidence] = {}
        begun: datetime | None = None
        for sign in ordered:
            at = sign.at if since is None else max(sign.at, since)
            late = (at - sign.at) / self._settings.half_life
            counts = sign.model_copy(update={"weight": round(sign.weight * math.pow(0.5, late), 6)})
            fresh = begun is None or at - begun > self._settings.sitting
            if step and (fresh or sign.kind == "message"):
                yield list(step.values())
                step = {}
            if not step:
                begun = at
            # The latest of a kind stands for all of them.
            step.pop((sign.kind, sign.what), None)
            step[sign.kind, sign.what] = counts
            if sign.kind == "message":
                yield list(step.values())
                step = {}
        if step:
            yield list(step.values())

    def _after(self, belief: Belief, step: Sequence[Evidence]) -> Belief:
        last = max(sign.at for sign in step)
        at = last if belief.at is None else max(last, belief.at)
        carried = self._prior
        if belief.shares:
            faded = self._faded(belief, at)
            carried = {
                to: sum(faded[stage] * self._rows[stage][place] for stage in self._stages)
                for place, to in enumerate(self._stages)
            }
        # In an order of their own, so that the sums do not depend on which came first.
        for sign in sorted(step, key=lambda one: (one.kind, one.what)):
            told = {ratio.stage: ratio.ratio for ratio in sign.ratios}
            carried = {
                stage: share * math.pow(told.get(stage, 1.0), sign.weight)
                for stage, share in carried.items()
            }
        return Belief(shares=self._shares(carried), at=at)

    def _faded(self, belief: Belief, now: datetime) -> dict[str, float]:
        """Towards no knowledge by the half-life, and after a long silence towards dormant."""
        settings = self._settings
        idle = max((now - (belief.at or now)) / settings.half_life, 0.0)
        forget = 1 - math.pow(0.5, idle)
        shares = {share.stage: share.share for share in belief.shares}
        faded = {
            stage: shares[stage] * (1 - forget) + self._prior[stage] * forget
            for stage in self._stages
        }
        silent = idle - settings.dormant_after / settings.half_life
        if self._dormant is None or silent <= 0:
            return faded
        asleep = 1 - math.pow(0.5, silent)
        faded = {stage: share * (1 - asleep) for stage, share in faded.items()}
        faded[self._dormant] += asleep
        return faded

    def _shares(self, weights: dict[str, float]) -> tuple[StageShare, ...]:
        total = sum(weights.values())
        return tuple(
            StageShare(stage=stage, share=round(weights[stage] / total, 6))
            for stage in self._stages
        )


def likeliest(belief: tuple[StageShare, ...]) -> str | None:
    """The stage with the largest share, or None when nothing is known."""
    return max(belief, key=lambda share: share.share).stage if belief else None


def news(state: ThreadState, persona: str, facts: Sequence[Fact]) -> list[Fact]:
    """The facts that have not moved a journey yet and are this persona's.

    What is told of no persona is that of whoever speaks first after it.
    """
    own = state.as_persona(persona).belief_at
    moved = [state.belief_at, *(facet.belief_at for facet in state.facets)]
    any_of_them = max((at for at in moved if at is not None), default=None)
    fresh = []
    for fact in facts:
        since = any_of_them if fact.facet is None else own
        mine = fact.facet in {None, persona}
        if mine and (since is None or fact.received_at > since):
            fresh.append(fact)
    return fresh
