"""For whom, where and when something is to be said, and what was found to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.hub.content.render import Variables

if TYPE_CHECKING:
    from datetime import datetime

    from bot.hub.content.variant import Variant
    from bot.model.decision import Decision, Gap
    from bot.model.sending import Choice
    from bot.model.understanding import Need


_NONE = Variables()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the choice of a variant rests on; None means not known. `now` is aware."""

    channel: str
    locale: str
    now: datetime
    persona: str | None = None
    stage: str | None = None
    need: Need | None = None
    variables: Variables = _NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What to say. `variant` is of the safe fallback's slot when the asked slot had none.

    `decision.rule` is empty: the router names its rule. `gap` is set whenever what was found is
    not in the locale asked for, or is only the safe fallback.
    """

    text: str
    choices: tuple[Choice, ...]
    variant: Variant
    decision: Decision
    gap: Gap | None
