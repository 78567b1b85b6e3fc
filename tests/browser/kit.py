"""A real Chromium, what goes wrong in its pages, and axe."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from tests.edge.house import ROOT
from tests.servers import do_without

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, ConsoleMessage, Page, WebSocketRoute

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = (1280, 800), (390, 844)
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
# WCAG 2.2 AA, and what axe calls good practice beside it.
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(kw_only=True)
class Faults:
    """What went wrong in a page: its own errors, and what the policy refused it."""

    lines: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.lines.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, line: ConsoleMessage) -> None:
        if "Content Security Policy" in line.text:
            self.lines.append(line.text)


@contextlib.asynccontextmanager
async def browsing(*, keeps_pages: bool = False) -> AsyncIterator[Browser]:
    """The browser; skips the test where there is none (never in CI, which has one).

    `keeps_pages`: a page that was left is kept whole, as people's browsers do, for coming back.
    """
    if CHROMIUM is None:
        do_without("no Chromium: install one (apt-get install chromium)")
    async with async_playwright() as play:
        browser = await play.chromium.launch(
            executable_path=CHROMIUM,
            args=FLAGS,
            ignore_default_args=["--disable-back-forward-cache"] if keeps_pages else None,
        )
        try:
            yield browser
        finally:
            await browser.close()


async def open_page(
    browser: Browser,
    url: str,
    *,
    locale: str = "sv-SE",
    dark: bool = False,
    size: tuple[int, int] = DESKTOP,
) -> tuple[Page, Faults]:
    """A page of a new browser profile, and what goes wrong in it."""
    context = await browser.new_context(
        locale=locale,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        viewport={"width": size[0], "height": size[1]},
    )
    page = await context.new_page()
    faults = Faults()
    faults.watch(page)
    await page.goto(url)
    return page, faults


_SETTLED = """() => Promise.allSettled(
    document.getAnimations()
        .filter((one) => one.effect?.getComputedTiming().endTime !== Infinity)
        .map((one) => one.finished),
)"""


@cache
def _axe() -> str:
    return AXE.read_text("utf-8")


async def violations(page: Page) -> list[str]:
    """What axe finds wrong with what is shown, a line each: rule, place, why.

    What fades or slides is let come to its end: half-way colours have no contrast.
    """
    await page.evaluate(_SETTLED)
    await page.evaluate(_axe())
    options = json.dumps({"runOnly": {"type": "tag", "values": _RULES}})
    found = await page.evaluate(f"axe.run(document, {options})")
    return [
        f"{one['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


class Line:
    """A page's WebSocket, which can be cut and mended; `page.route_web_socket("**", line.take)`."""

    def __init__(self) -> None:
        self._sockets: list[WebSocketRoute] = []
        self._whole = True

    async def cut(self) -> None:
        self._whole = False
        for one in self._sockets:
            with contextlib.suppress(Exception):  # it is closed already
                await one.close()
        self._sockets.clear()

    def mend(self) -> None:
        self._whole = True

    async def take(self, socket: WebSocketRoute) -> None:
        if self._whole:
            socket.connect_to_server()
            self._sockets.append(socket)
        else:
            await socket.close()
