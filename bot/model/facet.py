"""A customer's facets: the same person, as one of several personas."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal

from bot.model.ids import EpisodeId
from bot.model.journey import Evidence
from bot.model.understanding import Need, StageShare
from bot.model.value import AwareDatetime, Value

# Everybody speaks as this persona until they show another one.
PRIVATE: Final = "private"


class Interest(Value):
    """An intent, product, category or motive that was spoken of, and when last."""

    kind: Literal["intent", "product", "category", "motive"]
    value: str
    at: AwareDatetime


class Facet(Value):
    """What is known of a customer as one persona: their journey, and what they spoke of lately.

    `interests` are the latest first, a few at most; `needs` the kinds of answers asked for.
    `because` is what moved the belief last, from `before`.
    """

    persona: str
    belief: tuple[StageShare, ...] = ()
    belief_at: AwareDatetime | None = None
    before: tuple[StageShare, ...] = ()
    because: tuple[Evidence, ...] = ()
    interests: tuple[Interest, ...] = ()
    needs: tuple[Need, ...] = ()
    first_at: AwareDatetime | None = None
    last_at: AwareDatetime | None = None


class FacetBy(StrEnum):
    """Who says to which facet a case belongs."""

    CUE = "cue"
    AGENT = "agent"


class FacetChanged(Value):
    """The customer speaks as this persona from here on.

    By their own words (`quote` shows it), or because an agent says so. `episode`: that case is the
    facet's from here on.
    """

    kind: Literal["facet_changed"] = "facet_changed"
    facet: str
    reason: FacetBy
    quote: str = ""
    episode: EpisodeId | None = None


class FacetsStand(Value):
    """All facets said anew, and the one spoken as now: threads became one, or one became two."""

    kind: Literal["facets_stand"] = "facets_stand"
    facets: tuple[Facet, ...]
    facet: str
    reason: Literal["linked", "unlinked"]
