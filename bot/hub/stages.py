"""Which stages a journey has, how it moves between them, and what speaks for which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from bot.model.value import Value

STAGES: Final = (
    "awareness",
    "research",
    "consider",
    "purchase",
    "onboarding",
    "support",
    "loyalty",
    "dormant",
)
_Share = Annotated[float, Field(gt=0, lt=1)]
# One sign alone must not decide: at most ten times likelier, or less likely.
Ratio = Annotated[float, Field(ge=0.1, le=10)]
Moves = dict[str, dict[str, _Share]]
Ratios = dict[str, dict[str, Ratio]]

# Written by hand: most stay, and there is a way from everywhere to everywhere.
_MOVES: Final[Moves] = {
    "awareness": {"research": 0.10, "consider": 0.05, "support": 0.03, "purchase": 0.02},
    "research": {"consider": 0.10, "purchase": 0.04, "support": 0.03, "awareness": 0.02},
    "consider": {"purchase": 0.09, "research": 0.06, "support": 0.03},
    "purchase": {"onboarding": 0.08, "support": 0.06, "research": 0.03, "consider": 0.03},
    "onboarding": {"support": 0.08, "loyalty": 0.05, "research": 0.04},
    "support": {"onboarding": 0.05, "research": 0.05, "loyalty": 0.04, "purchase": 0.04},
    "loyalty": {"research": 0.08, "consider": 0.04, "purchase": 0.04, "support": 0.04},
    "dormant": {
        "dormant": 0.50,
        "research": 0.15,
        "awareness": 0.10,
        "support": 0.10,
        "consider": 0.06,
        "purchase": 0.05,
    },
}
_RATIOS: Final[Ratios] = {
    "page.guide": {"awareness": 2.5, "research": 2.5},
    "page.category": {"awareness": 1.5, "research": 3},
    "page.search": {"awareness": 2, "research": 3},
    "page.product": {"research": 2, "consider": 3},
    "page.compare": {"research": 2, "consider": 4},
    "page.pricing": {"consider": 3, "purchase": 2},
    "page.cart": {"consider": 2, "purchase": 5},
    "page.checkout": {"purchase": 8},
    "page.manual": {"onboarding": 4, "support": 2},
    "page.help": {"onboarding": 2, "support": 4},
    "purchased": {"awareness": 0.3, "purchase": 3, "onboarding": 6, "loyalty": 2},
    "delivered": {"onboarding": 8, "support": 2},
    "returned": {"research": 1.5, "support": 6, "loyalty": 0.5},
    "ticket_opened": {"support": 8},
    "ticket_opened.critical": {"support": 10, "loyalty": 0.3},
    "ticket_closed": {"onboarding": 2, "support": 0.4, "loyalty": 1.5},
    "tier_changed": {"loyalty": 6},
    "store_visited": {"research": 2.5, "consider": 2.5, "purchase": 1.5},
    "subscription_changed.started": {"onboarding": 6},
    "subscription_changed.renewed": {"loyalty": 6},
    "subscription_changed.paused": {"support": 2, "loyalty": 0.5},
    "subscription_changed.ended": {"support": 2, "loyalty": 0.2, "dormant": 4},
}
_PAGES: Final[dict[str, tuple[str, ...]]] = {
    "checkout": ("*/checkout*", "*/kassa*"),
    "cart": ("*/cart*", "*/varukorg*"),
    "compare": ("*/compare*", "*/jamfor*"),
    "pricing": ("*/pricing*", "*/prices*", "*/priser*", "*/offert*"),
    "manual": ("*/manual*", "*/bruksanvisning*", "*/kom-igang*"),
    "help": ("*/help*", "*/faq*", "*/support*", "*/hjalp*", "*/kundservice*"),
    "guide": ("*/guide*", "*/blog*", "*/rad/*", "*/inspiration*"),
    "search": ("*/search*", "*/sok*"),
    "product": ("*/product/*", "*/products/*", "*/produkt/*", "*/p/*"),
    "category": ("*/category/*", "*/kategori/*", "*/c/*"),
}


class JourneySettings(Value):
    """How the belief over stages moves; every table can be replaced, a stage at a time by its name.

    `moves`: from a stage to others; what a row leaves over is shared evenly by the stages that it
    does not name, staying where it is counts as named. `ratios`: how many times likelier a sign is
    in a stage. `pages`: kinds of pages by patterns of their addresses, the first that fits.
    """

    stay: _Share = Field(0.78, description="Chance to stay where a row of moves does not say it.")
    moves: Moves = Field(_MOVES, description="Chances to move from a stage to another.")
    message_weight: float = Field(
        0.7, gt=0, le=1, description="How much one message counts; below 1 as messages repeat."
    )
    half_life: timedelta = Field(
        timedelta(days=14), gt=timedelta(0), description="Time in which half of a belief fades."
    )
    dormant: str | None = Field("dormant", description="The stage of those who keep silent.")
    dormant_after: timedelta = Field(
        timedelta(days=60), gt=timedelta(0), description="Silence after which somebody is dormant."
    )
    sitting: timedelta = Field(
        timedelta(minutes=30),
        ge=timedelta(0),
        description="Within it the same sign counts once.",
    )
    ratios: Ratios = Field(_RATIOS, description="What each sign speaks for.")
    pages: dict[str, tuple[str, ...]] = Field(_PAGES, description="Kinds of pages.")
    renamed: dict[str, str] = Field(
        default_factory=dict, description="Stages that had another name when beliefs were kept."
    )

    def row(self, stage: str, stages: tuple[str, ...]) -> tuple[float, ...]:
        """The chances to move from a stage to each of the stages; sums to 1."""
        told = {to: share for to, share in self.moves.get(stage, {}).items() if to in stages}
        told.setdefault(stage, self.stay)
        unnamed = len(stages) - len(told)
        left = 1 - sum(told.values())
        row = [told.get(to) or left / unnamed for to in stages]
        total = sum(row)
        return tuple(share / total for share in row)

    def unknown(self, stages: Iterable[str]) -> list[str]:
        """Stages that are named here by whoever wrote the settings and are none of these."""
        named: set[str] = set(self.renamed.values())
        tables: tuple[tuple[str, Mapping[str, Mapping[str, float]]], ...] = (
            ("moves", self.moves),
            ("ratios", self.ratios),
        )
        for name, table in tables:
            if name in self.model_fields_set:
                named |= {stage for row in table.values() for stage in row}
        if "moves" in self.model_fields_set:
            named |= set(self.moves)
        return sorted(named - set(stages))

    @model_validator(mode="after")
    def _rows_leave_some(self) -> Self:
        for stage, row in self.moves.items():
            told = sum(row.values()) + (0 if stage in row else self.stay)
            if told >= 1:
                msg = (
                    f"moves.{stage} and staying sum to {told:.2f}; leave some for the other stages"
                )
                raise ValueError(msg)
        return self
