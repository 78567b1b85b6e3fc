"""Mail leaves over a real SMTP server on the loopback; how it ended is a value."""

# ruff: noqa: ANN401, N802 - the handler's shape is aiosmtpd's

from __future__ import annotations

import base64
import socket
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from bot.edge.wire import HttpWire
from bot.model.sending import (
    HttpCall,
    PartSent,
    Refused,
    Reply,
    Sent,
    Uncertain,
    Unreachable,
    Unreached,
)
from bot.model.sending import Retry as Again
from tests.contract import channel_samples as kit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bot.model.sending import Delivery

LOGIN = "Basic " + base64.b64encode(b"hej@shop.example:pw").decode()


class Taking:
    """A mail server's handler: says what it is told to, keeps what it takes."""

    def __init__(self, *, rcpt: str = "250 OK", data: str = "250 2.0.0 queued") -> None:
        self.rcpt, self.data = rcpt, data
        self.taken: list[tuple[str, list[str], bytes]] = []

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.data == "hang up":
            server.transport.abort()
            return ""
        if self.data.startswith("250"):
            self.taken.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.data


@contextmanager
def serving(handler: Taking, **more: object) -> Iterator[str]:
    controller = Controller(handler, hostname="127.0.0.1", port=free_port(), **more)  # type: ignore[arg-type]  # its own settings by their names
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture
async def wire() -> AsyncIterator[HttpWire]:
    async def nobody(*_: object) -> None:
        """There are no sockets."""

    async with HttpWire(emit=nobody) as made:
        yield made


def call(url: str, *, to: str = "asa@kund.example", login: str = "") -> HttpCall:
    headers = [("Mail-From", "hej@shop.example"), ("Rcpt-To", to)]
    if login:
        headers.append(("Authorization", login))
    return HttpCall(
        method="POST",
        url=f"{url}/send",
        headers=tuple(headers),
        body=b"From: hej@shop.example\r\nSubject: x\r\n\r\n.hej\r\n",
        timeout=timedelta(seconds=20),
    )


async def sent(wire: HttpWire, url: str) -> tuple[Delivery | None, list[str]]:
    """A whole send of the channel, over the wire."""
    channel = kit.adapter("email", api_base=url, username=None, password=None)
    sending = channel.send(kit.message("email", text="Hej å", in_reply_to=None))
    result, parts = None, []
    try:
        while True:
            step = sending.send(result)
            if isinstance(step, HttpCall):
                result = await wire.call(step)
            elif isinstance(step, PartSent):
                parts.append(step.external_id)
                result = None
    except StopIteration as stop:
        return stop.value, parts


async def test_a_mail_is_taken_whole(wire: HttpWire) -> None:
    handler = Taking()
    with serving(handler) as url:
        result = await wire.call(call(url))
    assert result == Reply(status=250, headers=(("smtp-step", "data"),), body=b"2.0.0 queued")
    ((sender, recipients, body),) = handler.taken
    assert (sender, recipients) == ("hej@shop.example", ["asa@kund.example"])
    assert body.endswith(b"\r\n\r\n.hej\r\n")


async def test_a_log_in_is_shown_and_a_bad_one_refused(wire: HttpWire) -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"pw", handled=False)

    handler = Taking()
    more = {"authenticator": check, "auth_require_tls": False}
    with serving(handler, **more) as url:
        good = await wire.call(call(url, login=LOGIN))
        bad = await wire.call(call(url, login="Basic " + base64.b64encode(b"a:b").decode()))
    assert isinstance(good, Reply)
    assert good.status == 250
    assert isinstance(bad, Reply)
    assert (bad.status, bad.header("smtp-step")) == (535, "auth")
    assert len(handler.taken) == 1


@pytest.mark.parametrize(
    ("rcpt", "data", "kind", "failure", "code"),
    [
        ("450 4.2.1 busy", "", Again, "unreachable", "4.2.1"),
        ("250 OK", "421 4.7.0 too many mails", Again, "rate_limited", "4.7.0"),
        ("550 no such user", "", Unreachable, "rejected_with_reason", "550"),
        ("250 OK", "550 5.7.1 spam", Refused, "rejected_with_reason", "5.7.1"),
        ("250 OK", "hang up", Uncertain, "uncertain", None),
    ],
)
async def test_what_the_server_says_is_how_it_ended(  # noqa: PLR0917 - one a column
    wire: HttpWire, rcpt: str, data: str, kind: type, failure: str, code: str | None
) -> None:
    handler = Taking(rcpt=rcpt, data=data)
    with serving(handler) as url:
        delivery, parts = await sent(wire, url)
    assert parts == []
    assert handler.taken == []
    assert delivery is not None
    assert not isinstance(delivery, Sent)
    assert isinstance(delivery, kind)
    assert (delivery.failure.kind, delivery.failure.code) == (failure, code)


async def test_a_server_that_is_not_there_is_tried_again(wire: HttpWire) -> None:
    result = await wire.call(call(f"smtp://127.0.0.1:{free_port()}"))
    assert isinstance(result, Unreached)


async def test_addresses_beyond_ascii_want_a_server_that_takes_them(wire: HttpWire) -> None:
    handler = Taking()
    with serving(handler, enable_SMTPUTF8=False) as url:
        refused = await wire.call(call(url, to="åsa@kund.example"))
    with serving(handler, enable_SMTPUTF8=True) as url:
        taken = await wire.call(call(url, to="åsa@kund.example"))
    assert isinstance(refused, Reply)
    assert refused.body.startswith(b"5.6.7")
    assert isinstance(taken, Reply)
    assert [recipients for _, recipients, _ in handler.taken] == [["åsa@kund.example"]]
