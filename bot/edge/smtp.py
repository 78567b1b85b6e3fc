"""Hands a mail to a mail server: one connection a mail, every kind of trouble as a value.

A call to `smtp(s)://host` carries the raw mail as its body, the envelope in `Mail-From` and
`Rcpt-To`, and the log-in as basic authentication. The server's last reply comes back as a `Reply`,
with the step it was said in.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiosmtplib
from yarl import URL

from bot.edge.clients import is_loopback_name
from bot.model.sending import CallResult, HttpCall, Lost, Reply, Unreached

SCHEMES = frozenset({"smtp", "smtps"})
_PORTS = {"smtp": 587, "smtps": 465}
_CONNECT = 10.0  # seconds until a server has greeted


class _Progress:
    """How far a mail has come; from `data` on the server may have taken it."""

    step = "connect"


async def hand_over(call: HttpCall) -> CallResult:
    """Hand one mail over; `Unreached` is only said when no server can have taken it."""
    progress = _Progress()
    try:
        async with asyncio.timeout(call.timeout.total_seconds()):
            return await _hand_over(call, progress)
    except aiosmtplib.SMTPResponseException as error:
        return _reply(error.code, error.message, progress)
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
        if progress.step == "auth" and type(error) is aiosmtplib.SMTPException:
            return _reply(534, "5.7.9 the mail server offers no log-in that we know", progress)
        # Later words may repeat what was sent: only the kind of trouble is told.
        told = f" ({error})" if progress.step == "connect" else ""
        reason = f"{progress.step}: {type(error).__name__}{told}"
        return Lost(reason=reason) if progress.step == "data" else Unreached(reason=reason)


async def _hand_over(call: HttpCall, progress: _Progress) -> CallResult:
    sender, recipient = _header(call, "mail-from"), _header(call, "rcpt-to")
    utf8 = not (sender + recipient).isascii()
    async with _connected(URL(call.url)) as server:
        login = _login(_header(call, "authorization"))
        progress.step = "ehlo"
        await server.ehlo()
        if login is not None:
            progress.step = "auth"
            # One try: a server may count and slow down those after it.
            plain = "plain" in server.supported_auth_methods
            await (server.auth_plain(*login) if plain else server.login(*login))
        progress.step = "mail"
        if utf8 and not server.supports_extension("smtputf8"):
            return _reply(550, "5.6.7 the mail server takes no addresses beyond ASCII", progress)
        options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
        await server.mail(sender, options=options, encoding="utf-8" if utf8 else "ascii")
        progress.step = "rcpt"
        await server.rcpt(recipient, encoding="utf-8" if utf8 else "ascii")
        progress.step = "data"
        taken = await server.data(call.body)
        return _reply(taken.code, taken.message, progress)


@asynccontextmanager
async def _connected(url: URL) -> AsyncIterator[aiosmtplib.SMTP]:
    host = url.host or ""
    from_start = url.scheme == "smtps"
    server = aiosmtplib.SMTP(
        hostname=host,
        port=url.explicit_port or _PORTS[url.scheme],
        use_tls=from_start,
        start_tls=None if from_start else not is_loopback_name(host),
        timeout=_CONNECT,
    )
    await server.connect()
    # What follows has the call's own time-out.
    server.timeout = None
    try:
        yield server
    finally:
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(1):
                await server.quit()
        server.close()


def _header(call: HttpCall, name: str) -> str:
    return next((value for key, value in call.headers if key.lower() == name), "")


def _login(header: str) -> tuple[str, str] | None:
    """Name and password of basic authentication, or None."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password


def _reply(code: int, message: str, progress: _Progress) -> Reply:
    step = (("smtp-step", progress.step),)
    return Reply(status=code, headers=step, body=message.encode("utf-8", "replace"))
