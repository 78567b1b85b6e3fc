"""Logging in: passwords, sessions, machines' tokens, and what each role may do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiohttp import web
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from pydantic import SecretStr

from bot.edge.clients import client_address, limit_key, own_origin
from bot.edge.problems import Refusal, too_many
from bot.edge.settings import EdgeSettings
from bot.model.ids import AgentId
from bot.model.people import Agent, ByAgent, Role, Session
from bot.ports import Clock, Store

COOKIE = "samtal_session"
CSRF_HEADER = "X-CSRF-Token"
SHORTEST_PASSWORD = 12  # characters of a new one
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LONGEST = 1024  # no password is longer; hashing more is only work for us


def token_hash(token: str) -> str:
    """What is kept of a session's or a machine's token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new_token() -> str:
    """A random token, 256 bits."""
    return secrets.token_urlsafe(32)


class Passwords:
    """Hashes and checks passwords in threads of its own, a few at a time (argon2id)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="samtal-argon2")
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: SecretStr) -> SecretStr:
        """The hash to keep of a new password."""
        plain = password.get_secret_value()
        loop = asyncio.get_running_loop()
        return SecretStr(await loop.run_in_executor(self._threads, self._hasher.hash, plain))

    async def fits(self, password: SecretStr, kept: SecretStr | None) -> bool:
        """Whether the password fits; takes as long when there is nothing to fit (`kept` None)."""
        plain = password.get_secret_value()
        known = self._nobody if kept is None else kept.get_secret_value()
        loop = asyncio.get_running_loop()
        right = await loop.run_in_executor(self._threads, self._check, known, plain)
        return right and kept is not None

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True)

    def _check(self, known: str, plain: str) -> bool:
        if len(plain) > _LONGEST:
            return False
        try:
            return self._hasher.verify(known, plain)
        except (Argon2Error, InvalidHashError):
            return False


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who asks: a person with a session, or a machine with a token (then `session` is None)."""

    id: AgentId
    name: str
    role: Role
    session: Session | None = None

    @property
    def by(self) -> ByAgent:
        """This principal as the author of an entry."""
        return ByAgent(agent=self.id, name=self.name)


@dataclass(frozen=True, kw_only=True)
class LoggedIn:
    """A fresh session: the cookie's value is known here and nowhere else."""

    token: str
    agent: Agent
    session: Session


class Gatekeeper:
    """Lets people and machines in."""

    def __init__(
        self, *, store: Store, clock: Clock, settings: EdgeSettings, passwords: Passwords
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._passwords = passwords
        self._ended: list[Callable[[Session], None]] = []

    def on_log_out(self, hear: Callable[[Session], None]) -> None:
        """Call `hear` for each session that is ended here."""
        self._ended.append(hear)

    async def log_in(self, email: str, password: SecretStr, *, address: str) -> LoggedIn:
        """Start a session; raises Refusal with one answer for every reason it is not right."""
        limits = self._settings
        await self._count(f"login:client:{limit_key(address)}", limit=limits.client_login_tries)
        email_key = f"login:email:{token_hash(email.casefold())}"
        await self._count(email_key, limit=limits.login_tries)
        agent = await self._store.agent_by_email(email)
        fits = await self._passwords.fits(password, agent.password_hash if agent else None)
        if agent is None or not fits or not agent.active:
            raise Refusal(401, "E-mail and password do not fit together.", slug="wrong-login")
        token = new_token()
        session = Session(
            token_hash=token_hash(token),
            agent=agent.id,
            csrf=new_token(),
            expires_at=self._clock.now() + self._settings.session_lifetime,
        )
        await self._store.put_session(session)
        return LoggedIn(token=token, agent=agent, session=session)

    async def log_out(self, principal: Principal) -> None:
        """End the session."""
        if principal.session is not None:
            await self._store.end_session(principal.session.token_hash)
            for hear in self._ended:
                hear(principal.session)

    async def who(self, request: web.Request) -> Principal:
        """Who makes this request; raises Refusal 401, or 403 for a missing CSRF token."""
        bearer = request.headers.get("Authorization")
        if bearer is not None:
            return await self._machine(bearer)
        principal = await self.by_cookie(request)
        if principal is None:
            raise Refusal(401, "Log in at /api/v1/session, or send Authorization: Bearer.")
        if request.method not in _SAFE:
            self._check_csrf(request, principal)
        return principal

    async def by_cookie(self, request: web.BaseRequest) -> Principal | None:
        """The person whose session cookie this is, or None."""
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            return None
        session = await self._store.session(token_hash(cookie), now=self._clock.now())
        agent = await self._store.agent(session.agent) if session else None
        if session is None or agent is None or not agent.active:
            return None
        return Principal(id=agent.id, name=agent.name, role=agent.role, session=session)

    def client(self, request: web.BaseRequest) -> str:
        """The address of the client."""
        return client_address(request, trusted=self._settings.trusted_proxies)

    def put_cookie(self, response: web.Response, token: str) -> None:
        """Give the browser its session."""
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(self._settings.session_lifetime.total_seconds()),
            httponly=True,
            samesite="Lax",
            secure=self._settings.cookie_secure,
            path="/",
        )

    def drop_cookie(self, response: web.Response) -> None:
        """Take the session back from the browser."""
        response.del_cookie(
            COOKIE, httponly=True, samesite="Lax", secure=self._settings.cookie_secure, path="/"
        )

    async def _count(self, key: str, *, limit: int) -> None:
        window = self._settings.login_window
        tries = await self._store.count_attempt(key, now=self._clock.now(), window=window)
        if tries > limit:
            raise too_many(window.total_seconds(), what="too many log-ins were tried")

    async def _machine(self, header: str) -> Principal:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Refusal(401, "Send the token as: Authorization: Bearer <token>")
        found = await self._store.token(token_hash(token.strip()))
        if found is None:
            raise Refusal(401, "This token is not known.", headers={"WWW-Authenticate": "Bearer"})
        return Principal(id=AgentId.of("machine", found.name), name=found.name, role=found.role)

    def _check_csrf(self, request: web.Request, principal: Principal) -> None:
        given = request.headers.get(CSRF_HEADER, "")
        wanted = principal.session.csrf if principal.session else ""
        same = hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
        if not same or not own_origin(request, self._settings):
            raise Refusal(
                403,
                f"Send the csrf value of GET /api/v1/session as the header {CSRF_HEADER}.",
                slug="csrf",
            )
