"""The sandbox's routes; the loopback only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

from aiohttp import web
from pydantic import Field, ValidationError

from bot.edge.clients import is_loopback
from bot.edge.parts import EdgeParts
from bot.edge.problems import Refusal, mistakes
from bot.edge.sandbox.courier import Courier, Exchange, WireLog
from bot.edge.sandbox.phones import OnPhone, Phones
from bot.edge.webhooks import to_request
from bot.model.channel import Answer, Request, TextUnit
from bot.model.phone import PhoneWrites
from bot.model.value import Value
from bot.ports import Provider

_PHONE = "/sandbox-api/phones/{channel}/{account}/{user}"


class PlayedAccount(Value):
    """An account whose provider is played."""

    channel: str
    account: str
    users: tuple[str, ...]
    text_limit: int
    text_unit: TextUnit


class PlayedAccounts(Value):
    """All accounts that are played."""

    accounts: tuple[PlayedAccount, ...]


class Exchanges(Value):
    """What went between the hub and the providers."""

    exchanges: tuple[Exchange, ...]


class Writing(Value):
    """What the customer does: writes a text, presses a choice, comes by a link."""

    text: str = Field("", max_length=10_000)
    payload: str | None = Field(None, max_length=1000)
    ref: str | None = Field(None, max_length=200)
    name: str | None = Field(None, max_length=100)


class Sandbox:
    """Plays the providers of the configured accounts."""

    def __init__(self, parts: EdgeParts) -> None:
        self._parts = parts
        self._settings = parts.settings
        # From the time of day, so that they do not repeat those of an earlier run.
        self._numbers = count(int(parts.clock.now().timestamp() * 1000))
        self._phones = Phones(self._numbers)
        self._log = WireLog(self._numbers)
        self._courier = Courier(parts.settings, self._log)

    def add_to(self, app: web.Application) -> None:
        """Offer the routes, and carry webhooks while the server runs."""
        router = app.router
        router.add_route("*", "/sandbox/{channel}/{account}/{tail:.*}", self.api)
        router.add_get("/sandbox-api/phones", self.accounts)
        router.add_get(_PHONE, self.screen)
        router.add_post(f"{_PHONE}/write", self.write)
        router.add_get("/sandbox-api/wire", self.wire)
        app.cleanup_ctx.append(self._running)

    async def api(self, http: web.Request) -> web.Response:
        """A call to a provider's API."""
        account, provider = self._provider(http)
        whole = to_request(
            http, await http.read(), settings=self._settings, at=self._parts.clock.now()
        )
        path = whole.path.removeprefix(f"/sandbox/{account[0]}/{account[1]}")
        request = whole.model_copy(update={"path": path})
        took = provider.take(request, url=self._webhook_url(account), number=next(self._numbers))
        for shows in took.shows:
            self._phones.show(
                (*account, shows.user),
                OnPhone(
                    n=0,
                    side="them",
                    text=shows.text,
                    choices=shows.choices,
                    attachments=shows.attachments,
                    at=request.received_at,
                ),
            )
        self._log.add(account, request, took.answer, way="to_provider")
        for webhook in took.webhooks:
            self._courier.later(webhook, account=account, base=_local_base(http))
        return _answered(took.answer)

    async def accounts(self, http: web.Request) -> web.Response:
        """Which accounts are played, what they carry, and who has been seen on them."""
        _check_local(http)
        return _json(
            PlayedAccounts(accounts=tuple(map(self._played, sorted(self._parts.providers))))
        )

    async def screen(self, http: web.Request) -> web.Response:
        """What a phone shows."""
        account, _ = self._provider(http)
        phone = (*account, http.match_info["user"])
        return _json(self._phones.screen(phone, after=_after(http)))

    async def write(self, http: web.Request) -> web.Response:
        """The customer writes; answers with what the hub answered the provider."""
        account, provider = self._provider(http)
        if http.content_type != "application/json":
            raise Refusal(415, "Send JSON, with Content-Type: application/json.")
        try:
            writing = Writing.model_validate_json(await http.read())
        except ValidationError as error:
            found = mistakes(error, place="body")
            raise Refusal(422, "Something in the body is wrong.", errors=found) from None
        user = http.match_info["user"]
        webhook = self._written(provider, account, user, writing)
        shown = writing.text or writing.payload or ""
        self._phones.show(
            (*account, user), OnPhone(n=0, side="me", text=shown, at=webhook.received_at)
        )
        answer = await self._courier.now(webhook, account=account, base=_local_base(http))
        return web.json_response({"hub_status": answer.status})

    async def wire(self, http: web.Request) -> web.Response:
        """The last exchanges, oldest first."""
        _check_local(http)
        return _json(Exchanges(exchanges=self._log.after(_after(http))))

    def _played(self, key: tuple[str, str]) -> PlayedAccount:
        channel, account = key
        able = self._parts.channels[key].capabilities
        return PlayedAccount(
            channel=channel,
            account=account,
            users=tuple(self._phones.users(channel, account)),
            text_limit=able.text_limit,
            text_unit=able.text_unit,
        )

    def _written(
        self, provider: Provider, account: tuple[str, str], user: str, writing: Writing
    ) -> Request:
        writes = PhoneWrites(user=user, **writing.model_dump())
        return provider.write(
            writes,
            url=self._webhook_url(account),
            at=self._parts.clock.now(),
            number=next(self._numbers),
        )

    def _provider(self, http: web.Request) -> tuple[tuple[str, str], Provider]:
        _check_local(http)
        account = http.match_info["channel"], http.match_info["account"]
        provider = self._parts.providers.get(account)
        if provider is None:
            raise Refusal(404, "This account is not played in the sandbox.")
        return account, provider

    def _webhook_url(self, account: tuple[str, str]) -> str:
        return f"{self._settings.public_base_url}/webhooks/{account[0]}/{account[1]}"

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        self._courier.start()
        yield
        await self._courier.close()


def _check_local(http: web.Request) -> None:
    if not is_loopback(http):
        raise Refusal(404)


def _after(http: web.Request) -> int:
    after = http.query.get("after", "0")
    if not (after.isascii() and after.isdigit()):
        raise Refusal(422, "`after` is a number that was told before.")
    return int(after)


def _local_base(http: web.Request) -> str:
    """Where this server listens, as seen by the one who just reached it."""
    name = http.get_extra_info("sockname") or ("127.0.0.1", 80)
    host = f"[{name[0]}]" if ":" in str(name[0]) else name[0]
    return f"http://{host}:{name[1]}"


def _json(value: Value) -> web.Response:
    return web.Response(body=value.model_dump_json().encode(), content_type="application/json")


def _answered(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type}
    )
