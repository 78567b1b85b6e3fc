"""What goes into the API about facts, and comes out of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator, StringConstraints

from bot.hub.facts import FactResult, HeldPage
from bot.hub.knowing import ProfileField
from bot.hub.telling import Misfit, ToldFact, read_told
from bot.model.fact import Fact, FactKind, FactPlace, HeldFact
from bot.model.ids import FactId
from bot.model.moments import micros, moment
from bot.model.value import Value

MOST_FACTS = 1_000

# A moment and a fact; whoever asks need not know.
FactCursor = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,17}\.fct_[0-9a-f]{24}$")]


# Each is read by itself, so that a wrong one does not refuse the others.
_Told = Annotated[ToldFact | Misfit, PlainValidator(read_told, json_schema_input_type=ToldFact)]


class FactBatch(Value):
    """Facts, each judged for itself."""

    facts: tuple[_Told, ...] = Field(min_length=1, max_length=MOST_FACTS)


class FactResults(Value):
    """What became of each fact, in the order in which they were sent."""

    results: tuple[FactResult, ...]


class FactsWanted(Value):
    """Which facts of a customer; `cursor` is the `next` of the page before."""

    kind: FactKind | None = None
    cursor: FactCursor | None = None
    limit: int = Field(50, ge=1, le=200)

    @property
    def before(self) -> FactPlace | None:
        """Where the page before ended."""
        return place_of(self.cursor)


class FactList(Value):
    """A page of facts, the newest first; `next` is the cursor of the page after, if there is."""

    facts: tuple[Fact, ...]
    next: str | None = None

    @classmethod
    def of(cls, found: list[Fact], *, limit: int) -> FactList:
        """The page, of one fact more than go on it."""
        page = tuple(found[:limit])
        more = len(found) > limit
        return cls(facts=page, next=cursor_of(FactPlace.of(page[-1])) if more else None)


class Profile(Value):
    """The fields of a customer's profile: what is shown, and what contradicts it."""

    fields: tuple[ProfileField, ...]


class QuarantineWanted(Value):
    """Which page of the quarantine; `cursor` is the `next` of the page before."""

    cursor: FactCursor | None = None
    limit: int = Field(100, ge=1, le=1_000)

    @property
    def after(self) -> FactPlace | None:
        """Where the page before ended."""
        return place_of(self.cursor)


class Quarantine(Value):
    """A page of what was told in a shape that is not known, the oldest first."""

    held: tuple[HeldFact, ...]
    next: str | None = None

    @classmethod
    def of(cls, page: HeldPage) -> Quarantine:
        """The page as it is answered."""
        return cls(held=page.held, next=None if page.next is None else cursor_of(page.next))


class OneHeldFact(Value):
    """The one in quarantine that the path names."""

    held: FactId


def place_of(cursor: str | None) -> FactPlace | None:
    """The place that a cursor means."""
    if cursor is None:
        return None
    at, _, fact = cursor.partition(".")
    return FactPlace(at=moment(int(at)), id=FactId(fact))


def cursor_of(place: FactPlace) -> str:
    """A place as a cursor."""
    return f"{micros(place.at)}.{place.id}"
