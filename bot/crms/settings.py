"""What an operator says of the CRM: `[crm]`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from bot.model.crm import MappedField, Rule, Terms, ValuePair
from bot.model.fact import OUR_SOURCES, FieldKey
from bot.model.value import Value

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
_Theirs = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_LEAST = timedelta(seconds=1)


def _not_ours(name: str) -> str:
    if name in OUR_SOURCES:
        msg = f"{name} is a name of our own"
        raise ValueError(msg)
    return name


class CrmField(Value):
    """A field that the CRM keeps too: its name and its values there, and whose word counts."""

    theirs: _Theirs = Field(description="What the field is called there.")
    values: dict[str, str] = Field(
        default_factory=dict, description="What values are called there: ours = theirs."
    )
    rule: Rule = Field(Rule.NEWEST, description="Whose word counts when both changed it.")
    push: bool = Field(default=True, description="Tell it of corrections that agents make.")

    @model_validator(mode="after")
    def _goes_both_ways(self) -> Self:
        if len(set(self.values.values())) < len(self.values):
            msg = "values: two of ours are called the same there"
            raise ValueError(msg)
        return self


class CrmSettings(Value):
    """One CRM, loyalty or commerce system that speaks JSON over HTTP."""

    name: _Name = Field("crm", description="What it is called in logs and on cards.")
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+[^?#\s]*$")] = Field(
        description="Base of its API: .../customers is below it."
    )
    secret: SecretStr = Field(min_length=16, description="Bearer token that it asks for.")
    source: Annotated[_Name, AfterValidator(_not_ours)] = Field(
        description="Source under which it tells facts."
    )
    realm: _Name = Field(description="Realm whose customer numbers are the ids it has.")
    pull_every: timedelta | None = Field(
        None, ge=_LEAST, description="How often it is asked what changed (none: never)."
    )
    fields: dict[FieldKey, CrmField] = Field(
        min_length=1, description="`[crm.fields.<field>]`: what both sides keep."
    )

    @model_validator(mode="after")
    def _each_has_its_own(self) -> Self:
        if len({one.theirs for one in self.fields.values()}) < len(self.fields):
            msg = "fields: two of ours are called the same there"
            raise ValueError(msg)
        return self

    @property
    def terms(self) -> Terms:
        """The same as the hub reads it."""
        return Terms(
            name=self.name,
            source=self.source,
            realm=self.realm,
            pull_every=self.pull_every,
            fields=tuple(_mapped(key, one) for key, one in self.fields.items()),
        )


def _mapped(key: FieldKey, field: CrmField) -> MappedField:
    pairs = tuple(ValuePair(ours=ours, theirs=theirs) for ours, theirs in field.values.items())
    return MappedField(
        key=key, theirs=field.theirs, values=pairs, rule=field.rule, pushed=field.push
    )
