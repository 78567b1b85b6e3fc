"""Typed routes: what a handler's signature says is what is checked, documented and answered."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import get_type_hints

from aiohttp import web
from pydantic import ValidationError

from bot.edge.auth import Gatekeeper, Principal
from bot.edge.parts import EdgeParts
from bot.edge.problems import Mistake, Refusal, mistakes
from bot.model.people import Role
from bot.model.value import Value

BASE = "/api/v1"
AnyRole = frozenset(Role)

Answered = Value | web.Response | None
Handler = Callable[..., Awaitable[Answered]]


@dataclass(kw_only=True)
class Ask:
    """One request to the API, with who makes it.

    `status` replaces the operation's own; `finishing` is done to the response before it leaves.
    """

    parts: EdgeParts
    gate: Gatekeeper
    http: web.Request
    caller: Principal | None
    status: int | None = None
    finishing: list[Callable[[web.Response], None]] = field(default_factory=list)

    @property
    def principal(self) -> Principal:
        """Who makes it; only operations that are open to all have nobody."""
        if self.caller is None:
            raise Refusal(401, "Log in first.")
        return self.caller


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API: where it is, who may do it, what goes in and comes out.

    `roles` None means that nobody has to be logged in. `result` None means 204, or with `binary`
    any bytes. `takes_file`: the body is a file's bytes.
    """

    method: str
    path: str
    summary: str
    tag: str
    roles: frozenset[Role] | None
    status: int
    errors: tuple[int, ...]
    handler: Handler
    name: str
    detail: str
    path_model: type[Value] | None
    query_model: type[Value] | None
    body_model: type[Value] | None
    result: type[Value] | None
    binary: bool
    takes_file: bool

    async def answer(
        self, http: web.Request, *, parts: EdgeParts, gate: Gatekeeper
    ) -> web.Response:
        """Check who asks and what, do it, and answer with the result."""
        caller = None if self.roles is None else await gate.who(http)
        if caller is not None and self.roles is not None and caller.role not in self.roles:
            needed = ", ".join(sorted(self.roles))
            raise Refusal(403, f"This needs one of the roles: {needed}.", slug="role")
        ask = Ask(parts=parts, gate=gate, http=http, caller=caller)
        result = await self.handler(ask, **await self._arguments(http))
        response = self._response(result, ask.status)
        for finish in ask.finishing:
            finish(response)
        return response

    async def _arguments(self, http: web.Request) -> dict[str, Value]:
        found: dict[str, Value] = {}
        if self.path_model is not None:
            found["path"] = _validated(self.path_model, dict(http.match_info), place="path")
        if self.query_model is not None:
            found["query"] = _query(self.query_model, http)
        if self.body_model is not None:
            found["body"] = await _body(self.body_model, http)
        return found

    def _response(self, result: Answered, status: int | None) -> web.Response:
        if isinstance(result, web.Response):
            return result
        if result is None:
            return web.Response(status=204)
        return web.Response(
            status=status or self.status,
            body=result.model_dump_json().encode(),
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
        )


def operation(  # noqa: PLR0913 - what an operation consists of
    method: str,
    path: str,
    *,
    summary: str,
    tag: str,
    roles: frozenset[Role] | None,
    status: int = 200,
    errors: tuple[int, ...] = (),
    takes_file: bool = False,
) -> Callable[[Handler], Operation]:
    """Make an operation of a handler `(ask, path?, query?, body?)`; its types say the rest."""

    def make(handler: Handler) -> Operation:
        hints = get_type_hints(handler)
        returned = hints.get("return")
        return Operation(
            method=method,
            path=path,
            summary=summary,
            tag=tag,
            roles=roles,
            status=status,
            errors=errors,
            handler=handler,
            name=handler.__name__,
            detail=inspect.getdoc(handler) or "",
            path_model=hints.get("path"),
            query_model=hints.get("query"),
            body_model=hints.get("body"),
            result=returned if inspect.isclass(returned) and issubclass(returned, Value) else None,
            binary=returned is web.Response,
            takes_file=takes_file,
        )

    return make


def add_to(
    app: web.Application, operations: tuple[Operation, ...], parts: EdgeParts, gate: Gatekeeper
) -> None:
    """Offer the operations."""
    for one in operations:
        handler = partial(one.answer, parts=parts, gate=gate)
        app.router.add_route(one.method, BASE + one.path, handler)


def _validated(model: type[Value], values: dict[str, str], *, place: str) -> Value:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = mistakes(error, place=place)
        raise Refusal(422, f"Something in the {place} is wrong.", errors=found) from None


def _query(model: type[Value], http: web.Request) -> Value:
    twice = [name for name in dict(http.query) if len(http.query.getall(name)) > 1]
    if twice:
        wrong = tuple(
            Mistake(where=f"query.{name}", what="given twice", mend="Give it once.")
            for name in twice
        )
        raise Refusal(422, "Something in the query is wrong.", errors=wrong)
    return _validated(model, dict(http.query), place="query")


async def _body(model: type[Value], http: web.Request) -> Value:
    if http.content_type != "application/json":
        raise Refusal(415, "Send JSON, with Content-Type: application/json.")
    raw = await http.read()
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        found = mistakes(error, place="body")
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise Refusal(400, "The body is not JSON in UTF-8.", errors=found) from None
        raise Refusal(422, "Something in the body is wrong.", errors=found) from None
