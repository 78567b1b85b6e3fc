"""Why the bot said what it said, and what it had no words for."""

from __future__ import annotations

from bot.model.value import Value


class Candidate(Value):
    """One content variant that was looked at: chosen, or the reason it was not."""

    variant: str
    verdict: str


class Decision(Value):
    """Who answers, with what, and why (shown to agents and marketers as the trace).

    `rule` is the router's rule that decided; `snapshot` the hash of the live content set.
    """

    rule: str
    slot: str | None = None
    variant: str | None = None
    snapshot: str | None = None
    locale: str | None = None
    missing_locale: bool = False
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()


class Gap(Value):
    """Demand that met no content there: the cell of the matrix that was empty."""

    slot: str
    locale: str
    channel: str
    stage: str | None = None
    persona: str | None = None
    fallback: str | None = None
