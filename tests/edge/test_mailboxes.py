"""Mail end to end: a mailbox over IMAP in, the thread, a mail server over SMTP out."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import TYPE_CHECKING

import pytest
from aiosmtpd.smtp import AuthResult

from bot.hub import subjects
from bot.kit import proofs
from bot.model.channel import Address, ReceiptStatus
from bot.model.thread import MessageIn, MessageOut
from channels import email
from tests.edge.house import House, Site, house
from tests.imap_server import PASSWORD, ImapServer, imap_server
from tests.unit.test_edge_smtp import Taking, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.model.thread import Entry

OURS, ASA = "hej@shop.example", "asa@kund.example"


def mail(text: str, *, mail_id: str = "m1", more: str = "", sender: str = ASA) -> str:
    return (
        f"From: =?utf-8?q?=C3=85sa?= <{sender}>\nTo: {OURS}\nMessage-ID: <{mail_id}@kund.example>\n"
        f"Subject: Re: Jacka\n{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    )


def account(imap: ImapServer, smtp: str, **more: object) -> email.Adapter:
    settings = {
        "address": OURS,
        "api_base": smtp,
        "mailbox": imap.url,
        "username": OURS,
        "password": PASSWORD,
        "poll": "PT1S",
        **more,
    }
    made = email.Settings.model_validate(settings)
    return email.Adapter(made, account="demo", public_base_url="http://127.0.0.1")


@asynccontextmanager
async def post(
    handler: Taking, imap: ImapServer, *, site: Site | None = None, **more: object
) -> AsyncIterator[House]:
    with serving(handler, authenticator=_let_in, auth_require_tls=False) as url:
        adapter = account(imap, url, **more)
        async with house(extra=(adapter,), sandbox=False, site=site) as running:
            yield running


def _let_in(*_: object) -> AuthResult:
    return AuthResult(success=True)


@pytest.fixture
async def imap() -> AsyncIterator[ImapServer]:
    async with imap_server() as running:
        yield running


async def until(true: Callable[[], Awaitable[bool] | bool], *, seconds: float = 25) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


async def entries(running: House, user: str = ASA) -> list[Entry]:
    identity = await running.store.identity(
        Address(channel="email", account="demo", user=user).identity
    )
    if identity is None:
        return []
    views = await running.parts.desk.entries(identity.thread, limit=100)
    return [view.entry for view in views]


async def texts(running: House, user: str = ASA) -> list[str]:
    return [e.body.text for e in await entries(running, user) if isinstance(e.body, MessageIn)]


async def test_a_mail_is_answered_in_its_thread_and_a_reply_joins_it(imap: ImapServer) -> None:
    handler = Taking()
    async with post(handler, imap) as running:
        first = imap.put(mail("Hej, jag vill prata med en människa"))
        await until(lambda: len(handler.taken) == 1)
        assert first.flags == {b"SamtalTaken"}
        answer = BytesParser(EmailMessage, policy=default).parsebytes(handler.taken[0][2])
        assert handler.taken[0][:2] == (OURS, [ASA])
        assert answer["Subject"] == "Re: Jacka"
        assert answer["In-Reply-To"] == "<m1@kund.example>"
        assert answer["References"].endswith("<m1@kund.example>")
        assert answer["Auto-Submitted"] == "auto-replied"
        assert [part.get_content_type() for part in answer.iter_parts()] == [
            "text/plain",
            "text/html",
        ]
        own_id = answer["Message-ID"].strip("<>")
        imap.put(mail("Tack!\n\n> något", mail_id="m2", more=f"In-Reply-To: <{own_id}>\n"))
        await until(lambda: _has(running, 2))
        assert await texts(running) == ["Hej, jag vill prata med en människa", "Tack!"]
        said = [e.body for e in await entries(running) if isinstance(e.body, MessageIn)]
        assert said[1].reply_to == own_id


async def _has(running: House, count: int, user: str = ASA) -> bool:
    return len(await texts(running, user)) >= count


async def test_a_connection_lost_before_the_mark_gives_one_message(imap: ImapServer) -> None:
    handler = Taking()
    imap.drop_at = {b"UID STORE"}
    imap.put(mail("En gång"))
    async with post(handler, imap) as running:
        await until(lambda: imap.mails[0].flags == {b"SamtalTaken"})
        assert imap.log_ins == 2
        assert await texts(running) == ["En gång"]


async def test_a_restart_and_new_numbers_give_nothing_anew(imap: ImapServer) -> None:
    handler, site = Taking(), Site.new()
    imap.put(mail("En gång"))
    async with post(handler, imap, site=site) as running:
        await until(lambda: _has(running, 1))
    imap.renumber()
    async with post(handler, imap, site=site) as running:
        await until(lambda: imap.mails[0].flags == {b"SamtalTaken"})
        assert await texts(running) == ["En gång"]


async def test_two_processes_read_one_mailbox(imap: ImapServer) -> None:
    site, handlers = Site.new(), (Taking(), Taking())
    async with AsyncExitStack() as stack:
        running = [await stack.enter_async_context(post(h, imap, site=site)) for h in handlers]
        for number in range(4):
            imap.put(mail(f"nummer {number}", mail_id=f"n{number}"))
        await until(lambda: all(each.flags for each in imap.mails))
        await until(lambda: _has(running[0], 4))
        assert sorted(await texts(running[0])) == [f"nummer {n}" for n in range(4)]


async def test_what_cannot_be_read_holds_up_nothing(imap: ImapServer) -> None:
    handler = Taking()
    async with post(handler, imap) as running:
        imap.put(b"\x00\xff nonsense without a sender")
        imap.put(mail("efter"))
        await until(lambda: _has(running, 1))
        await until(lambda: all(each.flags for each in imap.mails))
        (dead,) = await running.store.dead_letters()
        assert dead.reason == "malformed: no From with an address"


async def test_machines_get_no_answer(imap: ImapServer) -> None:
    handler = Taking()
    async with post(handler, imap) as running:
        imap.put(mail("Jag är på semester", more="Auto-Submitted: auto-replied\n"))
        imap.put(mail("vår egen", sender=OURS, mail_id="m3"))
        await until(lambda: all(each.flags for each in imap.mails))
        assert await texts(running) == []
        assert handler.taken == []
        assert await running.store.dead_letters() == []


async def test_a_bounce_marks_its_send_as_failed(imap: ImapServer) -> None:
    handler = Taking()
    async with post(handler, imap) as running:
        imap.put(mail("Hej, jag vill prata med en människa"))
        await until(lambda: len(handler.taken) == 1)
        answer = BytesParser(policy=default).parsebytes(handler.taken[0][2])
        imap.put(
            "From: MAILER-DAEMON@mx.example\nReturn-Path: <>\nContent-Type: multipart/report; "
            "report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status"
            f"\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; {ASA}\nAction: failed\n"
            "Status: 5.1.1\n\n--b\nContent-Type: text/rfc822-headers\n\n"
            f"Message-ID: {answer['Message-ID']}\n\n--b--\n"
        )

        async def failed() -> bool:
            outs = [e.body for e in await entries(running) if isinstance(e.body, MessageOut)]
            states = await running.store.sends([body.send for body in outs if body.send])
            return any(state.reached is ReceiptStatus.FAILED for state in states)

        await until(failed)


async def test_a_server_that_keeps_no_marks_of_ours_has_mail_seen_and_moved(
    imap: ImapServer,
) -> None:
    imap.keywords = imap.idle = False
    async with post(Taking(), imap, done_folder="Klart") as running:
        imap.put(mail("Hej"))
        await until(lambda: _has(running, 1))
        await until(lambda: b"Klart" in imap.moved)
        assert imap.mails == []
        assert imap.moved[b"Klart"][0].flags == {rb"\Seen"}


WITH_FILE = (
    f"From: {ASA}\nMessage-ID: <f@kund.example>\nContent-Type: multipart/mixed; boundary=b"
    "\n\n--b\nContent-Type: text/plain\n\nse\n--b\nContent-Type: image/png\n"
    'Content-Disposition: attachment; filename="a.png"\n'
    "Content-Transfer-Encoding: base64\n\niVBORw==\n--b--\n"
)


async def test_a_file_in_a_mail_lies_in_the_store(imap: ImapServer) -> None:
    async with post(Taking(), imap) as running:
        imap.put(WITH_FILE)
        await until(lambda: _has(running, 1))
        (entry,) = [e for e in await entries(running) if isinstance(e.body, MessageIn)]
        assert isinstance(entry.body, MessageIn)
        (file,) = entry.body.attachments
        assert file.url is not None
        path = file.url.removeprefix("http://127.0.0.1")
        async with running.http.get(running.base + path) as response:
            assert (response.status, await response.read()) == (200, b"\x89PNG")
            assert response.headers["Content-Type"] == "image/png"
        # A repeat brings nothing back that was forgotten.
        store = running.store
        await subjects.erase(store, await subjects.find(store, entry.identity))
        imap.put(WITH_FILE)
        imap.put(mail("till sist", mail_id="last"))
        await until(lambda: _has(running, 1))
        assert await texts(running) == ["till sist"]
        async with running.http.get(running.base + path) as response:
            assert response.status == 404


async def test_the_mailboxs_method_is_nobodys_over_http(imap: ImapServer) -> None:
    async with post(Taking(), imap) as running:
        hook = f"{running.base}/webhooks/email/demo"
        async with running.http.request("MAILBOX", hook, data=mail("in").encode()) as response:
            assert response.status in {400, 405}
        shown = proofs.basic_authorization(user="samtal", password="x")
        headers = {"Authorization": shown}
        async with running.http.post(hook, data=mail("in").encode(), headers=headers) as response:
            assert response.status == 403
        assert await texts(running) == []
