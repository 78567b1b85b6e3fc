"""Commands that work on the store, also beside running servers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from pydantic import SecretStr

from bot.app.accounts import load_accounts
from bot.app.engines import SECRET_BYTES, beside
from bot.buses.silent import SilentBus
from bot.edge.auth import SHORTEST_PASSWORD, Passwords, token_hash
from bot.edge.clock import SystemClock
from bot.errors import ConfigError, Denied, NotFound
from bot.hub.engines import Channels
from bot.hub.ingress import Ingress
from bot.hub.outcomes import Outcomes
from bot.hub.rebuild import rebuild_all
from bot.hub.replaying import replay
from bot.model.ids import AgentId
from bot.model.people import Agent, ApiToken, Role
from bot.model.record import DeadLetter
from bot.ports import Store
from config.settings import Settings

_ALL = 100_000


async def replay_dead_letters(
    settings: Settings, *, event: str | None, everything: bool
) -> list[str]:
    """Put dead letters back on the line, or list them when none is named; raises NotFound.

    A running server's sweeper takes them up within a few minutes; else the next one does.
    """
    channels, clock = load_accounts(settings).channels, SystemClock()
    async with beside(settings) as store:
        ingress = Ingress(
            store=store,
            bus=SilentBus(),
            clock=clock,
            outcomes=Outcomes(),
            join_by_phone=settings.hub.join_by_phone,
        )
        letters = await store.dead_letters(limit=_ALL)
        if event is not None:
            letters = [letter for letter in letters if letter.event == event]
            if not letters:
                raise NotFound(f"no dead letter {event}")
        if event is None and not everything:
            lines = [_line(letter) for letter in letters]
        else:
            lines = await _replayed(letters, store=store, ingress=ingress, channels=channels)
        return lines or ["no dead letters"]


async def _replayed(
    letters: Sequence[DeadLetter], *, store: Store, ingress: Ingress, channels: Channels
) -> list[str]:
    lines = []
    for letter in letters:
        try:
            await replay(letter, store=store, ingress=ingress, channels=channels)
        except (Denied, NotFound) as error:
            lines.append(f"{_line(letter)} -> not replayed: {error}")
        else:
            lines.append(f"{_line(letter)} -> replayed")
    return lines


def _line(letter: DeadLetter) -> str:
    return f"{letter.event} {letter.at.isoformat()} tries={letter.tries} {letter.reason}"


async def rebuild(settings: Settings) -> list[str]:
    """Make every snapshot anew; returns the threads whose snapshot differed."""
    async with beside(settings) as store:
        return [str(thread) for thread in await rebuild_all(store)]


async def add_user(settings: Settings, *, email: str, name: str, role: str, password: str) -> None:
    """Add a person who logs in; raises ConfigError for a bad value, Conflict for a taken e-mail."""
    if "@" not in email:
        raise ConfigError("is no e-mail", where=f"email {email}", mend="Write name@example.com.")
    if len(password) < SHORTEST_PASSWORD:
        raise ConfigError("is too short", where="password", mend="Take 12 characters or more.")
    async with beside(settings) as store:
        await put_agent(store, email, name=name, role=_persons(role), password=password)


async def put_agent(store: Store, email: str, *, name: str, role: Role, password: str) -> None:
    """Keep a person with the hash of their password."""
    passwords = Passwords()
    try:
        hashed = await passwords.hash(SecretStr(password))
    finally:
        passwords.close()
    await store.put_agent(
        Agent(id=AgentId.new(), email=email, name=name, role=role, password_hash=hashed)
    )


async def add_token(settings: Settings, *, name: str, role: str) -> str:
    """A bearer token for a machine; it is shown once, and only its hash is kept."""
    token = secrets.token_urlsafe(SECRET_BYTES)
    async with beside(settings) as store:
        await store.put_token(ApiToken(token_hash=token_hash(token), name=name, role=_role(role)))
    return token


def _persons(name: str) -> Role:
    role = _role(name)
    if role is Role.INTEGRATION:
        raise ConfigError("is for machines", where=f"role {name}", mend="Make a token for it.")
    return role


def _role(name: str) -> Role:
    if name not in set(Role):
        raise ConfigError("no such role", where=f"role {name}", mend=f"One of {', '.join(Role)}.")
    return Role(name)
