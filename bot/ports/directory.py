"""People who log in, and the small secrets with a lifetime."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from bot.model.ids import AgentId
from bot.model.people import Agent, ApiToken, LinkCode, Session


class Directory(Protocol):
    """People who log in, and the small secrets with a lifetime."""

    async def put_agent(self, agent: Agent) -> None:
        """Add a person or replace the one with this id; raises Conflict on a taken e-mail."""

    async def agent(self, agent: AgentId) -> Agent | None:
        """The person, or None."""

    async def agent_by_email(self, email: str) -> Agent | None:
        """The person with this e-mail (any case), or None."""

    async def agents(self) -> list[Agent]:
        """All people, by name."""

    async def put_session(self, session: Session) -> None:
        """Remember a log-in."""

    async def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """The log-in, or None when unknown or expired (from `expires_at` on)."""

    async def end_session(self, token_hash: str) -> None:
        """Forget a log-in."""

    async def put_token(self, token: ApiToken) -> None:
        """Remember a machine's token."""

    async def token(self, token_hash: str) -> ApiToken | None:
        """The machine's token, or None."""

    async def put_code(self, code: LinkCode) -> None:
        """Remember a link code; an earlier one of its source for the same account is void."""

    async def code(self, code_hash: str, *, now: datetime) -> LinkCode | None:
        """The code, or None when unknown, void, used or expired (from `expires_at` on)."""

    async def count_attempt(self, key: str, *, now: datetime, window: timedelta) -> int:
        """Count one attempt under a key; returns how many there were within the window.

        This one counts too; one that lies exactly a window back does not.
        """
