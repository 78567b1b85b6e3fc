"""What was said of marketing, and what counts of it: for one address, and over several."""

from __future__ import annotations

from collections.abc import Iterable

from bot.model.facet import PRIVATE
from bot.model.ids import IdentityId
from bot.model.value import AwareDatetime, Value


class ConsentFact(Value):
    """Marketing at one address was refused or allowed; append-only, the newest counts.

    `facet`: as this persona only; none: whoever they speak as.
    """

    identity: IdentityId
    opted_out: bool
    source: str
    at: AwareDatetime
    facet: str | None = None


class Consent(Value):
    """Whether marketing is allowed, and the word that decides it."""

    allowed: bool
    told: ConsentFact


def standing(told: Iterable[ConsentFact]) -> list[ConsentFact]:
    """What counts of one identity's words, which come oldest first.

    A word for all facets does away with those before it; one for a facet with the facet's own.
    """
    counts: dict[str | None, ConsentFact] = {}
    for fact in told:
        if fact.facet is None:
            counts.clear()
        counts[fact.facet] = fact
    return [counts[facet] for facet in sorted(counts, key=lambda facet: facet or "")]


def strictest(told: Iterable[ConsentFact], *, facet: str | None) -> Consent | None:
    """Whether marketing to this facet is allowed, by what counts of each identity; None: unsaid.

    A no of any identity is a no (R18). Of those that say the same, the latest is shown. `facet`
    None: a facet that nobody has said anything of.
    """
    by_identity: dict[IdentityId, list[ConsentFact]] = {}
    for fact in told:
        by_identity.setdefault(fact.identity, []).append(fact)
    found = [one for words in by_identity.values() if (one := _own(words, facet)) is not None]
    return max(found, key=lambda one: (not one.allowed, one.told.at), default=None)


def is_refused(told: Iterable[ConsentFact], *, facet: str | None) -> bool:
    """Whether a message for this facet may not be sent; what is of none is the private one's."""
    found = strictest(told, facet=facet or PRIVATE)
    return found is not None and not found.allowed


def _own(words: Iterable[ConsentFact], facet: str | None) -> Consent | None:
    by_facet = {fact.facet: fact for fact in words}
    fact = by_facet.get(facet) or by_facet.get(None)
    if fact is not None:
        return Consent(allowed=not fact.opted_out, told=fact)
    # Who said yes as somebody else has said it for no more than that.
    elsewhere = [fact for fact in by_facet.values() if not fact.opted_out]
    latest = max(elsewhere, key=lambda fact: fact.at, default=None)
    return None if latest is None else Consent(allowed=False, told=latest)
