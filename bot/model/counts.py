"""How many customers speak as each persona, and how: counted now and then, kept by the day."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.model.value import AwareDatetime, Value

# Who spoke as a persona within this is active; and so far back lies what is compared with.
ACTIVE: Final = timedelta(days=90)


class Cell(Value):
    """How many customers have something: a stage, a channel, a language, a need."""

    key: str
    count: int


class PersonaTally(Value):
    """Customers who spoke as one persona: ever, and lately; of the latter, how many have what.

    `stages` and `languages` have each customer once (`unknown` where there is none); of `channels`
    and `needs` one customer may have several.
    """

    persona: str
    ever: int
    active: int
    stages: tuple[Cell, ...] = ()
    channels: tuple[Cell, ...] = ()
    languages: tuple[Cell, ...] = ()
    needs: tuple[Cell, ...] = ()


class PersonaCounts(Value):
    """All personas that anybody speaks as, counted from `at` on; `since` then is active."""

    at: AwareDatetime
    since: AwareDatetime
    personas: tuple[PersonaTally, ...]


class CardSeen(Value):
    """From when on a persona's card said this; the version is a hash of it."""

    persona: str
    version: str
    at: AwareDatetime
