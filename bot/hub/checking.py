"""Checks one account: its public URL, its webhooks, and whether its provider takes our word."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.hub.signs import Signs
from bot.model.channel import ForgeryReason
from bot.model.health import (
    AccountCheck,
    CheckFinding,
    CheckTopic,
    CheckVerdict,
    Sign,
    SignCount,
)
from bot.model.sending import CallResult, Delivery, FailureKind, HttpCall, Reply, Sent
from bot.ports import Channel, Checkable, Checking, Clock, Store, Wire

_PATIENCE = timedelta(seconds=8)
_PURPOSE = b"samtal probe "
_OK = 200
_UNAUTHORIZED = 401
_TIME: Final = "%Y-%m-%d %H:%M UTC"


def probe_answer(secret: SecretStr, nonce: str) -> str:
    """What this installation, and no other, answers to a probe."""
    key = secret.get_secret_value().encode()
    return hmac.new(key, _PURPOSE + nonce.encode(), hashlib.sha256).hexdigest()


class Checks:
    """Looks at an account from outside, as far as that can be done from here."""

    def __init__(
        self, *, store: Store, wire: Wire, clock: Clock, signs: Signs, secret: SecretStr
    ) -> None:
        self._store = store
        self._wire = wire
        self._clock = clock
        self._signs = signs
        self._secret = secret

    async def check(self, channel: Channel, *, public_url: str) -> AccountCheck:
        """Everything that can be told of it now; raises StoreError."""
        findings = [
            await self._public_url(public_url),
            await self._webhooks(channel, public_url),
            await self._credentials(channel),
        ]
        await self._signs.write()
        return AccountCheck(
            channel=channel.name,
            account=channel.account,
            at=self._clock.now(),
            findings=tuple(findings),
        )

    async def _public_url(self, public_url: str) -> CheckFinding:
        """Whether who calls the public URL gets here."""
        if urlsplit(public_url).scheme != "https":
            return _url(
                CheckVerdict.WRONG,
                f"{public_url} is not https, and providers call nothing else",
                "Put a certificate before it and set edge.public_base_url to https://...",
            )
        nonce = secrets.token_hex(16)
        call = HttpCall(
            method="GET",
            url=f"{public_url}/probe/{nonce}",
            timeout=_PATIENCE,
            guarded=True,
            max_bytes=4096,
        )
        result = await self._wire.call(call)
        if not isinstance(result, Reply):
            return _url(
                CheckVerdict.WRONG,
                f"{public_url} cannot be reached from here: {result.reason}",
                "Set edge.public_base_url to where the internet reaches this server; see its name "
                "in DNS, its certificate, and the proxy before it.",
            )
        expected = probe_answer(self._secret, nonce).encode()
        if result.status != _OK or not hmac.compare_digest(result.body.strip(), expected):
            return _url(
                CheckVerdict.WRONG,
                f"something else answers at {public_url}, with {result.status}",
                "Set edge.public_base_url to where the internet reaches this server, or let the "
                "proxy there pass everything on to it.",
            )
        return _url(CheckVerdict.RIGHT, f"{public_url} leads here")

    async def _webhooks(self, channel: Channel, public_url: str) -> CheckFinding:
        """What the last webhooks say of the account's secret and of the URL at the provider."""
        await self._signs.write()
        ours = [
            one
            for one in await self._store.signs()
            if (one.channel, one.account) == (channel.name, channel.account)
        ]
        refused, taken = _last(ours, Sign.FORGED), _last(ours, Sign.ACCEPTED)
        if refused is None or (taken is not None and taken.last_at > refused.last_at):
            if taken is None:
                where = f"{public_url}/webhooks/{channel.name}/{channel.account}"
                what = "no webhook has come yet"
                mend = f"Give the provider this address, where it calls one: {where}"
                return _hooks(CheckVerdict.UNKNOWN, what, mend)
            return _hooks(CheckVerdict.RIGHT, f"the last one was taken {taken.last_at:{_TIME}}")
        what = f"the last one, {refused.last_at:{_TIME}}, was refused: "
        if refused.detail == ForgeryReason.INVALID and not _is_at(refused.seen, public_url):
            return _hooks(
                CheckVerdict.WRONG,
                f"{what}it was called at {refused.seen}, and edge.public_base_url is {public_url}; "
                "signatures may cover the address",
                "Make the address at the provider and edge.public_base_url the same.",
            )
        why, mend = _FORGED.get(refused.detail, _FORGED[ForgeryReason.INVALID])
        return _hooks(CheckVerdict.WRONG, what + why, mend)

    async def _credentials(self, channel: Channel) -> CheckFinding:
        """Whether the provider takes our credentials, where it can be asked at no cost."""
        if not isinstance(channel, Checkable):
            return _credentials(CheckVerdict.UNKNOWN, "this channel has nothing to ask for free")
        delivery, result = await self._asked(channel.check())
        if isinstance(delivery, Sent):
            self._signs.note(channel, Sign.TAKEN)
            return _credentials(CheckVerdict.RIGHT, "the provider takes them")
        failure = delivery.failure
        said = f"{failure.code}: {failure.message}" if failure.code else failure.message
        is_refused = isinstance(result, Reply) and result.status == _UNAUTHORIZED
        if is_refused or failure.kind is FailureKind.CONFIG:
            self._signs.note(channel, Sign.TOKEN, detail=said)
            return _credentials(
                CheckVerdict.WRONG,
                f"the provider refuses them ({said})",
                "Make a new token or key at the provider and put it into the account's settings.",
            )
        return _credentials(CheckVerdict.UNKNOWN, f"the provider could not tell ({said})")

    async def _asked(self, checking: Checking) -> tuple[Delivery, CallResult | None]:
        """How it ended, and what the last call was answered."""
        result: CallResult | None = None
        try:
            call = next(checking)
            while True:
                result = await self._wire.call(call)
                call = checking.send(result)
        except StopIteration as stop:
            delivery: Delivery = stop.value
            return delivery, result


_FORGED: Final = {
    ForgeryReason.MISSING.value: (
        "it had no signature",
        "If it came from the provider, turn signing on there; else somebody else called.",
    ),
    ForgeryReason.INVALID.value: (
        "its signature is not of the account's secret",
        "Copy the secret from the provider into the account's settings again.",
    ),
    ForgeryReason.EXPIRED.value: (
        "its signature is too old",
        "Set this machine's clock by NTP; if it is right, somebody repeats old calls.",
    ),
    ForgeryReason.VERIFICATION.value: (
        "the token to subscribe with is not the account's",
        "Give the provider the verify token of the account's settings.",
    ),
}


def _url(verdict: CheckVerdict, what: str, mend: str = "") -> CheckFinding:
    return CheckFinding(topic=CheckTopic.PUBLIC_URL, verdict=verdict, what=what, mend=mend)


def _hooks(verdict: CheckVerdict, what: str, mend: str = "") -> CheckFinding:
    return CheckFinding(topic=CheckTopic.WEBHOOKS, verdict=verdict, what=what, mend=mend)


def _credentials(verdict: CheckVerdict, what: str, mend: str = "") -> CheckFinding:
    return CheckFinding(topic=CheckTopic.CREDENTIALS, verdict=verdict, what=what, mend=mend)


def _last(signs: list[SignCount], sign: Sign) -> SignCount | None:
    of_kind = [one for one in signs if one.sign is sign]
    return max(of_kind, key=lambda one: one.last_at, default=None)


def _is_at(seen: str, public_url: str) -> bool:
    """Whether a caller's scheme and host are ours, as far as it told them."""
    parts = urlsplit(public_url)
    return seen in {"", parts.netloc.lower(), f"{parts.scheme}://{parts.netloc.lower()}"}
