"""A customer's hand on a played phone: writes over HTTP to a running server's sandbox."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession

from bot.errors import ConfigError

_LOOK_EVERY = 0.4  # seconds


async def sandbox_send(
    url: str, phone: tuple[str, str, str], *, text: str, wait_s: float
) -> list[str]:
    """Write on a played phone and wait for what it shows; returns the texts that came back."""
    channel, account, user = phone
    where = f"{url}/sandbox-api/phones/{channel}/{account}/{quote(user, safe='')}"
    try:
        async with ClientSession() as session:
            return await _exchange(session, where, text=text, wait_s=wait_s)
    except ClientError as error:
        raise ConfigError(
            f"no sandbox answers: {error}", where=url, mend="Start one with `make run`."
        ) from None


async def _exchange(session: ClientSession, where: str, *, text: str, wait_s: float) -> list[str]:
    """Write, then look at the phone until it has been quiet for a moment."""
    async with session.get(where) as before:
        await _check_sandbox(before)
        last = int((await before.json())["last"])
    async with session.post(f"{where}/write", json={"text": text}) as written:
        await _check_sandbox(written)
    shown: list[str] = []
    deadline = asyncio.get_running_loop().time() + wait_s
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_LOOK_EVERY)
        async with session.get(where, params={"after": str(last)}) as screen:
            messages = (await screen.json())["messages"]
        found = [str(message["text"]) for message in messages if message["side"] == "them"]
        if found and found == shown:
            break
        shown = found
    return shown


async def _check_sandbox(answer: ClientResponse) -> None:
    if answer.status != HTTPStatus.OK:
        raise ConfigError(
            f"the sandbox answered {answer.status}: {await answer.text()}",
            where=str(answer.url),
            mend="Check channel and account, and that the server runs with `sandbox = true`.",
        )
