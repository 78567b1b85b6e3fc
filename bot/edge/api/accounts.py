"""Accounts of channels: making, replacing and checking them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from bot.edge.accounts import AccountView, InFile, Keeping, Moved, Wanted
from bot.edge.api.route import Ask, operation
from bot.edge.problems import Mistake, Refusal
from bot.errors import ConfigError
from bot.model.health import AccountCheck
from bot.model.people import Role
from bot.model.value import Value

_ADMINS = frozenset({Role.ADMIN})
_PATH = "/channels/{channel}/{account}"
_Named = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


class OneAccount(Value):
    """The account in the path: its channel and its name there."""

    channel: _Named
    account: _Named

    @property
    def key(self) -> tuple[str, str]:
        """Both."""
        return self.channel, self.account


class Seen(Value):
    """The version of the account that is seen."""

    seen: int = Field(ge=1)


class AccountViews(Value):
    """All accounts, without their secrets."""

    accounts: tuple[AccountView, ...]


@operation("GET", "/channels/accounts", summary="Accounts", tag="channels", roles=_ADMINS)
async def list_accounts(ask: Ask) -> AccountViews:
    """Those of the configuration file, and those made here with their settings.

    Of secrets it is told whether they are set. `problem`: why one is not in service.
    """
    return AccountViews(accounts=tuple(await _keeping(ask).views()))


@operation(
    "PUT",
    _PATH,
    summary="Make or replace an account",
    tag="channels",
    roles=_ADMINS,
    errors=(409,),
)
async def put_account(ask: Ask, path: OneAccount, body: Wanted) -> AccountView:
    """All settings, as the channel's table in the configuration file would have them.

    Settings named in `keep` stay as they are. `seen` is the version that is replaced, 0 for a new
    account; 409 names the `present` one when that is another. The same again changes nothing. Every
    process takes it over within seconds. An account of the configuration file is changed there.
    """
    try:
        return await _keeping(ask).put(path.key, body, by=ask.principal.name)
    except ConfigError as error:
        wrong = Mistake(where=error.where, what=error.what, mend=error.mend)
        raise Refusal(422, "Something in the settings is wrong.", errors=(wrong,)) from None
    except (InFile, Moved) as error:
        raise _conflict(error) from None


@operation(
    "DELETE",
    _PATH,
    summary="Take an account away",
    tag="channels",
    roles=_ADMINS,
    errors=(404, 409),
)
async def drop_account(ask: Ask, path: OneAccount, query: Seen) -> None:
    """Its webhooks are answered 404 from then on, and nothing is sent by it; threads stay."""
    try:
        await _keeping(ask).drop(path.key, seen=query.seen, by=ask.principal.name)
    except (InFile, Moved) as error:
        raise _conflict(error) from None


@operation(
    "POST",
    f"{_PATH}/check",
    summary="Check an account",
    tag="channels",
    roles=_ADMINS,
    errors=(404,),
)
async def check_account(ask: Ask, path: OneAccount) -> AccountCheck:
    """Whether the public URL leads here, why webhooks are refused, and whether the provider takes
    our credentials, in words, with how to mend what is wrong.

    Asks the provider at no cost, where that can be done.
    """
    channel = ask.parts.channels.get(path.key)
    if channel is None:
        raise Refusal(404, "No such channel account is in service.", slug="unknown-account")
    public = ask.parts.settings.public_base_url
    found = await ask.parts.hub.checks.check(channel, public_url=public)
    await ask.parts.hub.healths.read(fresh=True)
    return found


def _keeping(ask: Ask) -> Keeping:
    if ask.parts.keeping is None:
        raise Refusal(503, "This process keeps no accounts.")
    return ask.parts.keeping


def _conflict(error: InFile | Moved) -> Refusal:
    if isinstance(error, InFile):
        return Refusal(
            409,
            "The configuration file has an account of this name: change it there, or take another.",
            slug="account-in-file",
        )
    return Refusal(409, f"{error}; look at it and send that as `seen`.", present=str(error.present))


OPERATIONS = (list_accounts, put_account, drop_account, check_account)
