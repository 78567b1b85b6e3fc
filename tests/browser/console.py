"""An agent at the console, and customers who wait for one."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.async_api import expect

from bot.model.channel import Address
from bot.model.listing import ThreadFilter
from bot.model.people import Role
from bot.model.thread import MessageOut
from tests.browser.kit import Line, open_page
from tests.edge.house import PASSWORD, House, until

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page, Route

    from bot.model.ids import ThreadId
    from tests.browser.kit import Faults

PHONE_NUMBER = "+46701234567"
WISH = "Jag vill prata med en människa"
# A reply can be taken back for five seconds; a busy machine is slow on top of that.
PATIENCE = 30_000


@dataclass(kw_only=True)
class Seat:
    """One agent's page, what goes wrong in it, and its line to the server."""

    page: Page
    faults: Faults
    line: Line

    @property
    def rows(self) -> Locator:
        return self.page.locator("[data-thread-row]")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def reply(self) -> Locator:
        return self.page.get_by_label("Svar till kunden")

    async def cut(self) -> None:
        """Be without what the server tells, also by polling; what the page asks gets through."""
        await self.page.route("**/socket.io/**", _lost)
        await self.line.cut()

    async def mend(self) -> None:
        """Hear again."""
        await self.page.unroute("**/socket.io/**", _lost)
        self.line.mend()

    async def view(self, name: str) -> None:
        """Choose a view of the list."""
        counted = re.compile(rf"^{name}( \d+\+?)?$")
        await self.page.get_by_role("button", name=counted).click()

    async def open_first(self, *, view: str = "Väntar") -> None:
        """Open the first thread of a view."""
        await self.view(view)
        await self.rows.first.click()
        await expect(self.log).to_be_visible()

    async def press(self, name: str) -> None:
        """Press a button by its whole name."""
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def send(self, text: str) -> None:
        """Write a reply and send it by the keyboard; it leaves in five seconds."""
        await self.reply.fill(text)
        await self.page.keyboard.press("Control+Enter")

    async def shows_reply(self, text: str) -> None:
        """Return when the reply is one of the thread's entries, and no longer on its way."""
        sent = self.log.locator(".message.ours:not(.held) .text")
        await expect(sent.last).to_have_text(text, timeout=PATIENCE)


async def _lost(route: Route) -> None:
    await route.abort()


async def log_in(
    page: Page, name: str = "Anna", *, password: str = PASSWORD, locale: str = "sv-SE"
) -> None:
    """Fill in the form, in the page's language, and send it."""
    labels = ("E-post", "Lösenord") if locale == "sv-SE" else ("E-mail", "Password")
    await page.get_by_label(labels[0]).fill(f"{name.lower()}@example.com")
    await page.get_by_label(labels[1], exact=True).fill(password)
    await page.keyboard.press("Enter")


async def take_seat(
    browser: Browser, server: House, name: str = "Anna", *, at: str = "", role: Role = Role.AGENT
) -> Seat:
    """A new agent's page, logged in."""
    await server.agent(name, role=role)
    page, faults = await open_page(browser, f"{server.base}/healthz")
    line = Line()
    await page.route_web_socket("**/socket.io/**", line.take)
    await page.goto(f"{server.base}/desk{at}")
    await log_in(page, name)
    await expect(page.get_by_text("Ansluten", exact=True)).to_be_visible()
    return Seat(page=page, faults=faults, line=line)


async def somebody_waits(server: House, number: str = PHONE_NUMBER, text: str = WISH) -> ThreadId:
    """A customer asks for a human by SMS; gives the thread, which is offered then."""
    await server.write("twilio_sms", number, text)
    thread = Address(channel="twilio_sms", account="demo", user=number).home_thread

    async def offered() -> bool:
        found = await server.store.threads(ThreadFilter(owner="offered"))
        return any(row.state.thread == thread for row in found)

    await until(offered)
    return thread


async def said_by_agents(server: House, thread: ThreadId) -> list[str]:
    """The texts that agents sent, as the store has them."""
    views = await server.parts.desk.entries(thread, limit=500)
    return [
        view.entry.body.text
        for view in views
        if isinstance(view.entry.body, MessageOut) and view.entry.by.kind == "agent"
    ]


async def owner_is(server: House, thread: ThreadId, kind: str) -> None:
    """Return when the thread has such an owner."""

    async def so() -> bool:
        return (await server.parts.desk.thread(thread)).state.owner.kind == kind

    with contextlib.suppress(TimeoutError):
        await until(so)
    assert (await server.parts.desk.thread(thread)).state.owner.kind == kind
