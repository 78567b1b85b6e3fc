"""What every value of the model has in common."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = ["AwareDatetime", "Id", "Value"]


class Value(BaseModel):
    """An immutable value; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Id(str):
    """An identifier of one kind of thing; two kinds never mix under mypy.

    An id is its prefix and 24 hexadecimal digits, for instance `thr_9f86d081884c7d659a2feaa0`.
    """

    __slots__ = ()
    prefix: ClassVar[str] = ""

    @classmethod
    def new(cls) -> Self:
        """A random id, 96 bits."""
        return cls(f"{cls.prefix}_{secrets.token_hex(12)}")

    @classmethod
    def of(cls, *parts: str) -> Self:
        """The id that these parts always give, so that the same thing met twice has one id."""
        framed = "".join(f"{len(part)}:{part}" for part in parts)
        digest = hashlib.blake2b(framed.encode("utf-8", "surrogatepass"), digest_size=12)
        return cls(f"{cls.prefix}_{digest.hexdigest()}")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Self], handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate as text, keep as this type."""
        return core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(min_length=1, max_length=64)
        )
