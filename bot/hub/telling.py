"""What other systems tell, read: a fact, or why it is none."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import UTC, datetime
from typing import Annotated, Final, Self

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, to_json

from bot.model.channel import Address
from bot.model.fact import OUR_SOURCES, TOLD_KINDS, Fact, HeldFact, LegalBasis, Told, ToldKind
from bot.model.ids import FactId, IdentityId
from bot.model.value import AwareDatetime, Value

# The channel of the identities that businesses know customers by: log-ins, customer numbers.
LOGIN: Final = "login"

# What broken integrations send for "nobody" (R10), in lower case.
_NOBODY: Final = frozenset(
    {"null", "undefined", "none", "nil", "nan", "anonymous", "guest", "test", "true", "false"}
    | {"unknown", "[object object]", "n/a", "-", "{}"}
)
_OLDEST: Final = datetime(1900, 1, 1, tzinfo=UTC)

_Key = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
_WORD: Final = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
_Word = Annotated[str, StringConstraints(pattern=_WORD)]


def _text_only(told: object) -> object:
    if not isinstance(told, str):
        msg = "not a text"
        raise ValueError(msg)  # noqa: TRY004 - what pydantic takes
    return told


_Moment = Annotated[AwareDatetime, BeforeValidator(_text_only)]

ToldBody = Annotated[Told, Field(discriminator="kind")]


def login_address(realm: str, sub: str) -> Address:
    """Where a system of the business's own knows a customer."""
    return Address(channel=LOGIN, account=realm, user=sub)


class Subject(Value):
    """Whom a fact is about: a log-in or customer number (`realm` and `sub`), or an identity."""

    realm: _Word | None = None
    sub: _Key | None = None
    identity: IdentityId | None = None

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        by_login = self.realm is not None and self.sub is not None and self.identity is None
        by_identity = self.identity is not None and self.realm is None and self.sub is None
        if not (by_login or by_identity):
            msg = "neither realm and sub, nor identity alone"
            raise ValueError(msg)
        if self.sub is not None and is_nobody(self.sub):
            msg = "this sub stands for nobody"
            raise ValueError(msg)
        return self

    @property
    def address(self) -> Address | None:
        """The log-in's address; None for an identity."""
        if self.realm is None or self.sub is None:
            return None
        return login_address(self.realm, self.sub)


class ToldFact(Value):
    """A fact as another system tells it; `source` and `id` together are told once.

    `data` is what the kind says, without `kind` and `version`, which stand beside it. `at` is when
    it happened. With a `partner`, its `legal_basis` is required. `facet` is the persona it is of.
    """

    source: _Word
    id: _Key
    kind: ToldKind
    version: int = Field(ge=1)
    at: _Moment
    subject: Subject
    partner: _Key | None = None
    legal_basis: LegalBasis | None = None
    facet: _Word | None = None
    data: ToldBody

    @model_validator(mode="before")
    @classmethod
    def _name_the_data(cls, told: object) -> object:
        """Kind and version say what the data is."""
        if not isinstance(told, dict):
            return told
        data = told.get("data")
        if not isinstance(data, dict):
            return told
        named = {name: told[name] for name in ("kind", "version") if name in told}
        if not data.keys().isdisjoint(("kind", "version")):
            msg = "data: kind and version stand beside it, not in it"
            raise ValueError(msg)
        return {**told, "data": data | named}

    @model_validator(mode="after")
    def _may_be_used(self) -> Self:
        if self.source in OUR_SOURCES:
            msg = f"source: {self.source} is a name of our own"
            raise ValueError(msg)
        if self.at < _OLDEST:
            msg = "at: long before any of our customers"
            raise ValueError(msg)
        if (self.partner is None) is not (self.legal_basis is None):
            msg = "partner and legal_basis go together"
            raise ValueError(msg)
        return self

    @property
    def fact_id(self) -> FactId:
        """The id that a repeat has too."""
        return FactId.of("told", self.source, self.id)

    def about(self, identity: IdentityId, *, received_at: datetime) -> Fact:
        """The fact to keep."""
        return Fact(
            id=self.fact_id,
            identity=identity,
            at=self.at.astimezone(UTC),
            received_at=received_at,
            source=self.source,
            body=self.data,
            partner=self.partner,
            legal_basis=self.legal_basis,
            facet=self.facet,
        )


class Wrong(Value):
    """One thing that is wrong with what was told: in which field, what, and how to mend it."""

    field: str
    what: str
    mend: str = ""

    @property
    def line(self) -> str:
        """All of it in one line."""
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.what}" + (f" ({self.mend})" if self.mend else "")


class Misfit(Value):
    """What was told and is no fact; `strange`: of a shape that we do not know, not just wrong."""

    raw: JsonValue
    wrong: tuple[Wrong, ...]
    source: str | None = None
    id: str | None = None
    strange: bool = False

    @property
    def can_be_held(self) -> bool:
        """Whether it goes into quarantine: it is strange, and says whose word it is."""
        return self.strange and self.source is not None and self.id is not None

    def held(self, *, at: datetime) -> HeldFact:
        """As it goes into quarantine."""
        raw = to_json(self.raw, inf_nan_mode="constants").decode()
        return HeldFact(
            id=FactId.of("held", self.source or "", self.id or "", raw),
            source=self.source or "",
            reason="; ".join(one.line for one in self.wrong),
            raw=raw,
            at=at,
        )


def read_told(raw: JsonValue) -> ToldFact | Misfit:
    """Read one fact."""
    try:
        return ToldFact.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
    first: dict[str, ErrorDetails] = {}
    for one in found:
        first.setdefault(_place(one), one)
    return Misfit(
        raw=raw,
        wrong=tuple(_wrong(one, place) for place, one in first.items()),
        source=_known(raw, "source", first),
        id=_known(raw, "id", first),
        strange=any(_is_strange(one, place) for place, one in first.items()),
    )


def is_source(name: str) -> bool:
    """Whether another system may call itself so."""
    return re.fullmatch(_WORD, name) is not None and name not in OUR_SOURCES


def is_nobody(sub: str) -> bool:
    """Whether a customer number is what broken systems write for nobody (R10)."""
    plain = sub.strip().lower()
    return plain in _NOBODY or not plain.strip("0+ ")


# --- what pydantic says ----------------------------------------------------------------------

_A_TIME: Final = "Send a time with its zone, like 2026-03-01T12:00:00Z."
# By the field's own name, or by the kind of mistake.
_MENDS: Final = {
    "kind": f"Send one of {', '.join(TOLD_KINDS)}.",
    "version": "Send 1.",
    "at": _A_TIME,
    "amount": "Send decimal text like 1295.00.",
    "currency": "Send three capital letters, like SEK.",
    "source": "Send up to 64 small letters, digits, and . _ -",
    "realm": "Send up to 64 small letters, digits, and . _ -",
    "missing": "Add this field.",
    "extra_forbidden": "Leave this field out; its name is not known here.",
    "string_type": "Send a JSON string.",
    "string_too_short": "Send a longer text.",
    "string_too_long": "Send a shorter text.",
    "bool_type": "Send true or false.",
    "int_type": "Send a whole number.",
    "enum": "Send one of the values named.",
}


def _place(error: ErrorDetails) -> str:
    """The field as the sender names it."""
    parts = [str(part) for part in error["loc"]]
    if error["type"].startswith("union_tag"):
        return "kind"
    if parts[:1] == ["data"] and parts[1:2] and parts[1] in TOLD_KINDS:
        del parts[1]  # the kind that the data was read as
    return "version" if parts == ["data", "version"] else ".".join(parts)


def _is_strange(error: ErrorDetails, place: str) -> bool:
    """Whether it is of a shape that we do not know."""
    return error["type"] == "extra_forbidden" or (
        place in {"kind", "version"} and error["type"] == "literal_error"
    )


def _wrong(error: ErrorDetails, place: str) -> Wrong:
    what = error["msg"].removeprefix("Value error, ")
    if place in {"kind", "version"} and error["type"] == "literal_error":
        what = f"a {place} that is not known here"
    name = place.rpartition(".")[2]
    mend = _MENDS.get(error["type"]) if error["type"] != "literal_error" else None
    return Wrong(field=place, what=what, mend=mend or _MENDS.get(name, ""))


def _known(raw: JsonValue, name: str, wrong: Container[str]) -> str | None:
    """A field of the envelope, if it was right."""
    found = raw.get(name) if isinstance(raw, dict) else None
    return found if isinstance(found, str) and name not in wrong else None
