"""What comes out of the API about one persona."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import StringConstraints

from bot.edge.api.shapes import PersonaNames, PersonaOut
from bot.hub.evidence import Evidence, PersonaEvidence
from bot.hub.persona_cards import PersonaTexts
from bot.model.facet import PRIVATE
from bot.model.value import AwareDatetime, Value


class OnePersona(Value):
    """The persona in the path."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class CardVersion(Value):
    """A version of a card, and since when it stood."""

    version: str
    since: AwareDatetime


class PersonaCardOut(PersonaOut):
    """A persona with its card and what was counted; `evidence` null: nothing has been yet.

    `since`: when this version of the card was first seen; null in the minute after a change.
    """

    version: str
    since: AwareDatetime | None
    versions: tuple[CardVersion, ...]
    card: PersonaTexts
    evidence: Evidence | None

    @classmethod
    def of(cls, found: PersonaEvidence) -> Self:
        """The hub's value as it is shown."""
        persona, seen = found.persona, found.versions
        version = persona.texts.version
        return cls(
            key=persona.key,
            names=PersonaNames(sv=persona.sv, en=persona.en),
            default=persona.key == PRIVATE,
            organisation=persona.organisation,
            version=version,
            since=seen[0].at if seen and seen[0].version == version else None,
            versions=tuple(CardVersion(version=one.version, since=one.at) for one in seen),
            card=persona.texts,
            evidence=found.evidence,
        )
