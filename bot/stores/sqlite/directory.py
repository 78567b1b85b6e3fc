"""People who log in, and the small secrets with a lifetime."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import apsw
from pydantic import SecretStr

from bot.embedded.database import Database
from bot.errors import Conflict, StoreClosed
from bot.model.ids import AgentId, IdentityId
from bot.model.moments import micros, moment
from bot.model.people import Agent, ApiToken, LinkCode, Proof, Role, Session

_AGENT = "SELECT id, email, name, role, password_hash, active FROM agents"
_PUT_AGENT = """
INSERT INTO agents (id, email, email_key, name, role, password_hash, active)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET email = excluded.email, email_key = excluded.email_key,
    name = excluded.name, role = excluded.role, password_hash = excluded.password_hash,
    active = excluded.active
"""
_PUT_CODE = """
INSERT OR REPLACE INTO codes (hash, source, channel, account, expires_at, proof, only)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_CODE = "SELECT source, channel, account, expires_at, proof, only FROM codes WHERE hash = ?"
# More attempts under one key than anybody allows are not told apart: it bounds the table.
_MANY_ATTEMPTS = 1_000

_AgentRow = tuple[str, str, str, str, str, int]


class SqliteDirectory:
    """The `Directory` section of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_agent(self, agent: Agent) -> None:
        """See the port."""
        await self._database.write(partial(_put_agent, agent))

    async def agent(self, agent: AgentId) -> Agent | None:
        """See the port."""
        row: _AgentRow | None = self._database.glance(
            lambda look: look.execute(f"{_AGENT} WHERE id = ?", (agent,)).get
        )
        return None if row is None else _agent_of(row)

    async def agent_by_email(self, email: str) -> Agent | None:
        """See the port."""
        row: _AgentRow | None = self._database.glance(
            lambda look: look.execute(f"{_AGENT} WHERE email_key = ?", (_email_key(email),)).get
        )
        return None if row is None else _agent_of(row)

    async def agents(self) -> list[Agent]:
        """See the port."""
        rows: list[_AgentRow] = await self._database.read(lambda look: list(look.execute(_AGENT)))
        return sorted(
            (_agent_of(row) for row in rows), key=lambda agent: (agent.name.casefold(), agent.id)
        )

    async def put_session(self, session: Session) -> None:
        """See the port."""
        row = (session.token_hash, session.agent, session.csrf, micros(session.expires_at))
        await self._write("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)", row)

    async def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """See the port."""
        row: tuple[str, str, int] | None = self._database.glance(
            lambda look: (
                look.execute(
                    "SELECT agent, csrf, expires_at FROM sessions WHERE token_hash = ?",
                    (token_hash,),
                ).get
            )
        )
        if row is None:
            return None
        agent, csrf, expires_at = row
        if expires_at <= micros(now):
            self._forget("DELETE FROM sessions WHERE expires_at <= ?", now)
            return None
        return Session(
            token_hash=token_hash, agent=AgentId(agent), csrf=csrf, expires_at=moment(expires_at)
        )

    async def end_session(self, token_hash: str) -> None:
        """See the port."""
        await self._write("DELETE FROM sessions WHERE token_hash = ?", (token_hash,))

    async def put_token(self, token: ApiToken) -> None:
        """See the port."""
        row = (token.token_hash, token.name, token.role)
        await self._write("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?)", row)

    async def token(self, token_hash: str) -> ApiToken | None:
        """See the port."""
        row: tuple[str, str] | None = self._database.glance(
            lambda look: (
                look.execute(
                    "SELECT name, role FROM tokens WHERE token_hash = ?", (token_hash,)
                ).get
            )
        )
        if row is None:
            return None
        return ApiToken(token_hash=token_hash, name=row[0], role=Role(row[1]))

    async def put_code(self, code: LinkCode) -> None:
        """See the port."""
        row = (
            code.hash,
            code.source,
            code.channel,
            code.account,
            micros(code.expires_at),
            code.proof,
            code.only,
        )
        await self._write(_PUT_CODE, row)

    async def code(self, code_hash: str, *, now: datetime) -> LinkCode | None:
        """See the port."""
        row: tuple[str, str, str, int, str, str | None] | None = self._database.glance(
            lambda look: look.execute(_CODE, (code_hash,)).get
        )
        if row is None:
            return None
        source, channel, account, expires_at, proof, only = row
        if expires_at <= micros(now):
            self._forget("DELETE FROM codes WHERE expires_at <= ?", now)
            return None
        return LinkCode(
            hash=code_hash,
            source=IdentityId(source),
            channel=channel,
            account=account,
            expires_at=moment(expires_at),
            proof=Proof(proof),
            only=None if only is None else IdentityId(only),
        )

    async def count_attempt(self, key: str, *, now: datetime, window: timedelta) -> int:
        """See the port; the window slides, and counts end at a thousand."""
        return await self._database.write(
            partial(_count, key=key, now=micros(now), since=micros(now - window))
        )

    async def _write(self, sql: str, row: tuple[str | int | None, ...]) -> None:
        def work(connection: apsw.Connection) -> None:
            connection.execute(sql, row)

        await self._database.write(work)

    def _forget(self, sql: str, now: datetime) -> None:
        def work(connection: apsw.Connection) -> None:
            connection.execute(sql, (micros(now),))

        with suppress(StoreClosed):
            self._database.post(work)


def _put_agent(agent: Agent, connection: apsw.Connection) -> None:
    row = (
        agent.id,
        agent.email,
        _email_key(agent.email),
        agent.name,
        agent.role,
        agent.password_hash.get_secret_value(),
        int(agent.active),
    )
    try:
        connection.execute(_PUT_AGENT, row)
    except apsw.ConstraintError as error:
        raise Conflict(f"the e-mail {agent.email} belongs to somebody else") from error


def _agent_of(row: _AgentRow) -> Agent:
    agent, email, name, role, password_hash, active = row
    return Agent(
        id=AgentId(agent),
        email=email,
        name=name,
        role=Role(role),
        password_hash=SecretStr(password_hash),
        active=bool(active),
    )


def _email_key(email: str) -> str:
    return email.strip().lower()


def _count(connection: apsw.Connection, *, key: str, now: int, since: int) -> int:
    connection.execute("DELETE FROM attempts WHERE expires_at <= ?", (now,))
    before: int = connection.execute(
        "SELECT count(*) FROM attempts WHERE key = ? AND at > ?", (key, since)
    ).get
    if before < _MANY_ATTEMPTS:
        connection.execute(
            "INSERT INTO attempts (key, at, expires_at) VALUES (?, ?, ?)",
            (key, now, now + (now - since)),
        )
    return before + 1
