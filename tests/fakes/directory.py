"""People who log in, and small secrets, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import Conflict
from tests.fakes.memory import Section

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from bot.model.ids import AgentId
    from bot.model.people import Agent, ApiToken, LinkCode, Session


class FakeDirectory(Section):
    """The `Directory` section."""

    async def put_agent(self, agent: Agent) -> None:
        memory = await self._begin()
        for other in memory.agents.values():
            if other.id != agent.id and other.email.casefold() == agent.email.casefold():
                raise Conflict(f"{agent.email} belongs to {other.name}")
        memory.agents[agent.id] = agent

    async def agent(self, agent: AgentId) -> Agent | None:
        memory = await self._begin()
        return memory.agents.get(agent)

    async def agent_by_email(self, email: str) -> Agent | None:
        memory = await self._begin()
        wanted = email.casefold()
        return next((one for one in memory.agents.values() if one.email.casefold() == wanted), None)

    async def agents(self) -> list[Agent]:
        memory = await self._begin()
        return sorted(memory.agents.values(), key=lambda agent: (agent.name.casefold(), agent.id))

    async def put_session(self, session: Session) -> None:
        memory = await self._begin()
        memory.sessions[session.token_hash] = session

    async def session(self, token_hash: str, *, now: datetime) -> Session | None:
        memory = await self._begin()
        session = memory.sessions.get(token_hash)
        return session if session is not None and now < session.expires_at else None

    async def end_session(self, token_hash: str) -> None:
        memory = await self._begin()
        memory.sessions.pop(token_hash, None)

    async def put_token(self, token: ApiToken) -> None:
        memory = await self._begin()
        memory.tokens[token.token_hash] = token

    async def token(self, token_hash: str) -> ApiToken | None:
        memory = await self._begin()
        return memory.tokens.get(token_hash)

    async def put_code(self, code: LinkCode) -> None:
        memory = await self._begin()
        for known in list(memory.codes.values()):
            same_account = (known.channel, known.account) == (code.channel, code.account)
            if known.source == code.source and same_account:
                del memory.codes[known.hash]
        memory.codes[code.hash] = code

    async def code(self, code_hash: str, *, now: datetime) -> LinkCode | None:
        memory = await self._begin()
        code = memory.codes.get(code_hash)
        return code if code is not None and now < code.expires_at else None

    async def count_attempt(self, key: str, *, now: datetime, window: timedelta) -> int:
        memory = await self._begin()
        recent = [when for when in memory.attempts[key] if when > now - window]
        memory.attempts[key] = [*recent, now]
        return len(memory.attempts[key])
