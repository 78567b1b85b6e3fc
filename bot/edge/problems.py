"""Errors as the client sees them: RFC 9457 problem details, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web
from pydantic import Field, ValidationError

from bot.model.value import Value

CONTENT_TYPE = "application/problem+json"
_SLUGS = {
    400: ("bad-request", "The request cannot be read"),
    401: ("not-logged-in", "Not logged in"),
    403: ("not-allowed", "Not allowed"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "This method is not offered here"),
    408: ("too-slow", "The request took too long to arrive"),
    409: ("conflict", "Somebody else was first"),
    413: ("too-large", "The request is too large"),
    415: ("wrong-content-type", "The content type is not taken here"),
    422: ("invalid", "Something in the request is wrong"),
    429: ("too-many", "Too many requests"),
    500: ("fault", "A fault of ours"),
    502: ("provider", "The provider did not deliver"),
    503: ("not-now", "Not possible right now"),
}


class Mistake(Value):
    """One thing that is wrong: where it stands, what it is, how to mend it."""

    where: str
    what: str
    mend: str = ""


class Problem(Value):
    """A problem by RFC 9457; `winner` names who was first in a conflict.

    `present`: what holds, where it is not what was to be replaced.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str | None = None
    errors: tuple[Mistake, ...] = Field(default=())
    winner: str | None = None
    present: str | None = None


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(  # noqa: PLR0913 - what a problem consists of
        self,
        status: int,
        detail: str = "",
        *,
        errors: tuple[Mistake, ...] = (),
        winner: str | None = None,
        present: str | None = None,
        headers: Mapping[str, str] | None = None,
        slug: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.winner = winner
        self.present = present
        self.headers = dict(headers or {})
        self.slug = slug

    def problem(self, *, instance: str | None = None) -> Problem:
        """The document that the client gets."""
        slug, title = _SLUGS.get(self.status, ("error", "Something went wrong"))
        return Problem(
            type=f"/problems/{self.slug or slug}",
            title=title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            errors=self.errors,
            winner=self.winner,
            present=self.present,
        )


def too_many(retry_after: float, *, what: str) -> Refusal:
    """A refusal that says when to come back."""
    seconds = max(1, round(retry_after + 0.5))
    return Refusal(429, f"{what}; come back in {seconds} s", headers={"Retry-After": str(seconds)})


def respond(refusal: Refusal, *, instance: str | None = None) -> web.Response:
    """The HTTP response of a refusal."""
    document = refusal.problem(instance=instance).model_dump(mode="json", exclude_none=True)
    return web.Response(
        status=refusal.status,
        body=json.dumps(document, ensure_ascii=False).encode(),
        headers={**refusal.headers, "Content-Type": CONTENT_TYPE},
    )


def mistakes(error: ValidationError, *, place: str) -> tuple[Mistake, ...]:
    """What pydantic found wrong, without repeating the input (it may be a secret)."""
    return tuple(
        Mistake(
            where=".".join([place, *(str(part) for part in found["loc"])]),
            what=found["msg"],
            mend=_MENDS.get(found["type"], ""),
        )
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    )


_MENDS = {
    "missing": "Add this field.",
    "extra_forbidden": "Leave this field out; its name is not known here.",
    "string_type": "Send a JSON string.",
    "int_parsing": "Send a whole number.",
    "bool_parsing": "Send true or false.",
    "string_too_short": "Send a longer text.",
    "string_too_long": "Send a shorter text.",
    "datetime_from_date_parsing": "Send a time like 2026-03-01T12:00:00Z.",
    "timezone_aware": "Send a time with its zone, like 2026-03-01T12:00:00Z.",
    "enum": "Send one of the values named.",
    "literal_error": "Send one of the values named.",
}
