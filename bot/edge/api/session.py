"""Logging in and out."""

from __future__ import annotations

from bot.edge.api.route import AnyRole, Ask, operation
from bot.edge.api.shapes import LogIn, Me
from bot.edge.auth import Principal
from bot.edge.clients import own_origin
from bot.edge.problems import Refusal


@operation(
    "POST", "/session", summary="Log in", tag="session", roles=None, status=201, errors=(401, 429)
)
async def log_in(ask: Ask, body: LogIn) -> Me:
    """Start a session; the cookie comes with the answer."""
    if not own_origin(ask.http, ask.parts.settings):
        raise Refusal(403, "Log in from a page of this server.", slug="origin")
    address = ask.gate.client(ask.http)
    logged_in = await ask.gate.log_in(body.email, body.password, address=address)
    ask.finishing.append(lambda response: ask.gate.put_cookie(response, logged_in.token))
    agent, session = logged_in.agent, logged_in.session
    return _me(Principal(id=agent.id, name=agent.name, role=agent.role, session=session))


@operation("GET", "/session", summary="Who am I", tag="session", roles=AnyRole)
async def who_am_i(ask: Ask) -> Me:
    """Who is logged in, and the token that changes need."""
    return _me(ask.principal)


@operation("DELETE", "/session", summary="Log out", tag="session", roles=AnyRole)
async def log_out(ask: Ask) -> None:
    """End the session."""
    await ask.gate.log_out(ask.principal)
    ask.finishing.append(ask.gate.drop_cookie)


def _me(principal: Principal) -> Me:
    session = principal.session
    return Me(
        id=principal.id,
        name=principal.name,
        role=principal.role,
        csrf=session.csrf if session else None,
        expires_at=session.expires_at if session else None,
    )


OPERATIONS = (log_in, who_am_i, log_out)
