"""People who log in, and the small secrets with a lifetime.

Whether something has expired is decided by the moment that was asked about. The server's own
clock only clears away, a day after the last moment that it might be asked for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from bot.errors import Conflict
from bot.model.ids import AgentId, IdentityId
from bot.model.moments import micros, moment
from bot.model.people import Agent, ApiToken, LinkCode, Proof, Role, Session
from bot.stores.mongo.documents import field_of, framed, integer, maybe, text
from bot.stores.mongo.driver import Collection, Document, Duplicate
from bot.stores.mongo.schema import Collections

# More attempts under one key than anybody allows are not told apart: it bounds the document.
_MANY_ATTEMPTS: Final = 1_000
_CLEARED_AFTER: Final = timedelta(days=1)


class MongoDirectory:
    """The `Directory` section of the store."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    async def put_agent(self, agent: Agent) -> None:
        """See the port."""
        try:
            await self._collections.agents.replace_one(
                {"_id": agent.id}, _agent_document(agent), upsert=True
            )
        except Duplicate as error:
            raise Conflict(f"the e-mail {agent.email} belongs to somebody else") from error

    async def agent(self, agent: AgentId) -> Agent | None:
        """See the port."""
        found = await self._collections.agents.find_one({"_id": agent})
        return None if found is None else _agent_of(found)

    async def agent_by_email(self, email: str) -> Agent | None:
        """See the port."""
        found = await self._collections.agents.find_one({"email_key": _email_key(email)})
        return None if found is None else _agent_of(found)

    async def agents(self) -> list[Agent]:
        """See the port."""
        found = [_agent_of(one) for one in await self._collections.agents.find({})]
        return sorted(found, key=lambda agent: (agent.name.casefold(), agent.id))

    async def put_session(self, session: Session) -> None:
        """See the port."""
        document: Document = {
            "agent": session.agent,
            "csrf": session.csrf,
            "expires_at": micros(session.expires_at),
        }
        await _put(self._collections.sessions, session.token_hash, document, session.expires_at)

    async def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """See the port."""
        found = await self._collections.sessions.find_one({"_id": token_hash})
        if found is None or _has_expired(found, now):
            return None
        return Session(
            token_hash=token_hash,
            agent=AgentId(text(found, "agent")),
            csrf=text(found, "csrf"),
            expires_at=moment(integer(found, "expires_at")),
        )

    async def end_session(self, token_hash: str) -> None:
        """See the port."""
        await self._collections.sessions.delete_one({"_id": token_hash})

    async def put_token(self, token: ApiToken) -> None:
        """See the port."""
        document: Document = {"name": token.name, "role": token.role.value}
        await self._collections.tokens.replace_one({"_id": token.token_hash}, document, upsert=True)

    async def token(self, token_hash: str) -> ApiToken | None:
        """See the port."""
        found = await self._collections.tokens.find_one({"_id": token_hash})
        if found is None:
            return None
        role = Role(text(found, "role"))
        return ApiToken(token_hash=token_hash, name=text(found, "name"), role=role)

    async def put_code(self, code: LinkCode) -> None:
        """See the port; it takes the place of the one there was, also of one being used."""
        document: Document = {
            "hash": code.hash,
            "source": code.source,
            "channel": code.channel,
            "account": code.account,
            "expires_at": micros(code.expires_at),
            "proof": code.proof.value,
            "only": code.only,
        }
        place = framed(code.source, code.channel, code.account)
        await _put(self._collections.codes, place, document, code.expires_at)

    async def code(self, code_hash: str, *, now: datetime) -> LinkCode | None:
        """See the port.

        One that a change is about to use is still there: it is gone when that is committed, and
        if it never is, its event comes again and must find it.
        """
        found = await self._collections.codes.find_one({"hash": code_hash})
        if found is None or _has_expired(found, now):
            return None
        only = maybe(found, "only", str)
        return LinkCode(
            hash=code_hash,
            source=IdentityId(text(found, "source")),
            channel=text(found, "channel"),
            account=text(found, "account"),
            expires_at=moment(integer(found, "expires_at")),
            proof=Proof(maybe(found, "proof", str) or Proof.CODE),
            only=None if only is None else IdentityId(only),
        )

    async def count_attempt(self, key: str, *, now: datetime, window: timedelta) -> int:
        """See the port; the window slides, and counts end at a thousand."""
        found = await self._collections.attempts.find_one_and_update(
            {"_id": key}, _counted(now, window), upsert=True, fields=("before",)
        )
        return 1 if found is None else integer(found, "before") + 1


async def _put(collection: Collection, key: str, document: Document, expires_at: datetime) -> None:
    """Put a document in the place of another; it is cleared away some time after it expired."""
    whole = {"_id": {"$literal": key}, **{name: {"$literal": document[name]} for name in document}}
    await collection.update_one(
        {"_id": key}, [{"$replaceWith": {**whole, "expires": _cleared_at(expires_at)}}], upsert=True
    )


def _cleared_at(expires_at: datetime) -> Document:
    """By the server's clock and by ours, whichever is the later."""
    day = _CLEARED_AFTER // timedelta(milliseconds=1)
    return {"$max": [{"$add": ["$$NOW", day]}, expires_at + _CLEARED_AFTER]}


def _counted(now: datetime, window: timedelta) -> list[Document]:
    """Forget attempts whose window is over, count those within this one, and add this one."""
    at, until, since = micros(now), micros(now + window), micros(now - window)
    within: Document = {"$gt": ["$$this.at", since]}
    return [
        {
            "$set": {
                "attempts": {
                    "$filter": {
                        "input": {"$ifNull": ["$attempts", []]},
                        "cond": {"$gt": ["$$this.until", at]},
                    }
                }
            }
        },
        {"$set": {"before": {"$size": {"$filter": {"input": "$attempts", "cond": within}}}}},
        {
            "$set": {
                "attempts": {
                    "$cond": [
                        {"$lt": ["$before", _MANY_ATTEMPTS]},
                        {"$concatArrays": ["$attempts", [{"at": at, "until": until}]]},
                        "$attempts",
                    ]
                },
                "expires": _cleared_at(now + window),
            }
        },
    ]


def _has_expired(document: Document, now: datetime) -> bool:
    return integer(document, "expires_at") <= micros(now)


def _agent_document(agent: Agent) -> Document:
    return {
        "email": agent.email,
        "email_key": _email_key(agent.email),
        "name": agent.name,
        "role": agent.role.value,
        "password_hash": agent.password_hash.get_secret_value(),
        "active": agent.active,
    }


def _agent_of(document: Document) -> Agent:
    return Agent(
        id=AgentId(text(document, "_id")),
        email=text(document, "email"),
        name=text(document, "name"),
        role=Role(text(document, "role")),
        password_hash=SecretStr(text(document, "password_hash")),
        active=field_of(document, "active", bool),
    )


def _email_key(email: str) -> str:
    return email.strip().lower()
