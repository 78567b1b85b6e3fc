"""Short lists of texts as JSON."""

from __future__ import annotations

from pydantic import TypeAdapter

texts: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])
