"""What the reader looks for besides intents; written by a person in `settings.yaml`."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from bot.model.understanding import Need
from bot.model.value import Value

STAGES = ("awareness", "research", "consider", "purchase", "onboarding", "support", "loyalty")
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class OrderNumber(Value):
    """A form that order numbers have; `normal` is filled with the groups of the pattern."""

    pattern: str
    normal: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as wrong:
            raise ValueError(f"not a regular expression: {wrong}") from wrong
        return pattern

    @model_validator(mode="after")
    def _fills(self) -> Self:
        groups = re.compile(self.pattern).groups
        try:
            self.normal.format(*["0"] * groups)
        except (IndexError, KeyError, ValueError) as wrong:
            raise ValueError(f"`normal` uses more than the {groups} groups there are") from wrong
        return self


class Named(Value):
    """A thing of the catalogue and all the ways in which customers write it."""

    id: str
    names: Names
    category: str | None = None


class Signs(Value):
    """Words that weigh alike."""

    weight: Share
    names: Names


class Frustration(Value):
    """Signs of frustration; several add up as 1 - (1-a)(1-b)..."""

    phrases: tuple[Signs, ...] = ()
    marks: Share = 0.3
    capitals: Share = 0.35
    intents: dict[str, Share] = Field(default_factory=dict)


class Costs(Value):
    """What errors cost, in any unit: only how they compare counts."""

    wrong: Annotated[float, Field(gt=0)] = 3
    question: Annotated[float, Field(gt=0)] = 2
    human: Annotated[float, Field(gt=0)] = 4


class NluSettings(Value):
    """Settings of the reader; every phrase matches in any case, with or without diacritics."""

    stages: Annotated[tuple[str, ...], Field(min_length=2)] = STAGES
    reject_rate: Annotated[float, Field(gt=0, lt=0.5)] = 0.15
    phone_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "SE"
    order_numbers: tuple[OrderNumber, ...] = ()
    products: tuple[Named, ...] = ()
    categories: tuple[Named, ...] = ()
    human_phrases: tuple[str, ...] = ()
    human_intents: tuple[str, ...] = ("human.request",)
    negations: tuple[str, ...] = ()
    frustration: Frustration = Frustration()
    costs: Costs = Costs()
    needs: dict[Need, Names] = Field(default_factory=dict)
    motives: dict[str, Names] = Field(default_factory=dict)
    urgency: tuple[Signs, ...] = ()
    pleased: tuple[Signs, ...] = ()
    meanings: dict[str, str] = Field(default_factory=dict)
