"""`python -m tests.screens [--out FOLDER]`: takes the pictures of docs/screens; `make screenshots`.

The demo runs on a free port with an empty store in a temporary folder; a customer, who goes from
the chat to the telephone, and an agent play a short story on its pages, in Swedish and in English.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import expect

from tests.bench.server import MODEL, ROOT, Process, free_port
from tests.browser.kit import DESKTOP, PHONE, browsing, open_page
from tests.edge.house import until
from tests.screens.palette import reduced
from tests.screens.words import ENGLISH, OTHERS, SWEDISH, Words

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Locator, Page

SCREENS = ROOT / "docs/screens"
CUSTOMER = "+46701234567"
_EMAIL, _PASSWORD = "anna@fjallbutiken.example", "fjallbutiken"
_PATIENCE = 30_000  # ms


@contextlib.asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """The demo of `make run`, for as long as the block lasts; gives its address."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    process = Process(
        [sys.executable, "-m", "bot", "serve", "--config", "config/demo.toml"],
        log=folder / "server.log",
        environment={
            "SAMTAL_EDGE__PORT": str(port),
            "SAMTAL_EDGE__PUBLIC_BASE_URL": base,
            "SAMTAL_STORE__PATH": str(folder / "samtal.db"),
            "SAMTAL_NLU__MODEL": str(MODEL),
        },
    )
    try:
        await process.ready(port)
        yield base
    finally:
        await process.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One telling of the story, in one language."""

    browser: Browser
    base: str
    out: Path
    words: Words
    dark: bool

    @property
    def suffix(self) -> str:
        return f"{self.words.locale[:2]}-{'dark' if self.dark else 'light'}"

    async def page(self, path: str, size: tuple[int, int] = DESKTOP) -> Page:
        page, _ = await open_page(
            self.browser, self.base + path, locale=self.words.locale, dark=self.dark, size=size
        )
        page.set_default_timeout(_PATIENCE)
        return page

    async def take(self, page: Page, name: str) -> None:
        """A picture, when everything has come to rest."""
        await page.mouse.move(1, 1)
        await page.wait_for_timeout(800)
        png = await page.screenshot(animations="disabled", caret="hide")
        (self.out / f"{name}.png").write_bytes(await asyncio.to_thread(reduced, png))

    async def take_desk(self, page: Page, name: str) -> None:
        """A picture of the newest."""
        newest = page.get_by_role("button", name=self.words.newest)
        if await newest.is_visible():
            await newest.click()
        await self.take(page, name)

    async def shop(self, order: str) -> Page:
        """The chat in the shop, in the middle of a return."""
        page = await self.page("/")
        await _chat(page).get_by_role("button", name=self.words.open_chat).click()
        await self.say(page, self.words.wish, answered=self.words.asks_order)
        await self.say(page, order, answered=self.words.asks_size)
        await self.take(page, f"widget-{self.suffix}")
        return page

    async def say(self, page: Page, text: str, *, answered: str) -> None:
        """Write in the chat; the answer has this part."""
        await _chat(page).get_by_label(self.words.write).fill(text)
        await page.keyboard.press("Enter")
        await _hears(_chat(page).locator(".message.bot").last, answered)

    async def code(self, page: Page) -> str:
        """The code that continues the conversation by SMS."""
        chat = _chat(page)
        await chat.get_by_role("button", name=self.words.menu).click()
        await chat.get_by_role("button", name=self.words.by_sms).click()
        code = await chat.get_by_text(re.compile(r"^\w{4}-\w{4}$")).inner_text()
        await page.keyboard.press("Escape")
        return code

    async def phones(self, code: str) -> Page:
        """The customer goes on by SMS; beside it are the others, and what went over the wire."""
        page = await self.page(f"/sandbox#twilio_sms:{code}")
        sms = page.get_by_role("region", name="SMS", exact=True)
        field, texts = sms.get_by_role("textbox"), sms.locator('[data-side="them"]')
        await expect(field).to_have_value(code, timeout=_PATIENCE)
        await field.press("Enter")
        await expect(texts).to_have_count(1, timeout=_PATIENCE)
        asked = re.search(r"\b[0-9]{5}\b", await texts.inner_text())
        assert asked is not None, "the phone was not asked to repeat a number"
        for count, said in enumerate((asked[0], "42"), 2):
            await field.fill(said)
            await field.press("Enter")
            await expect(texts).to_have_count(count, timeout=_PATIENCE)
        for name in ("Messenger", "Telegram"):
            other = page.get_by_role("region", name=name, exact=True)
            await expect(other.locator(".bubble").nth(1)).to_be_visible(timeout=_PATIENCE)
        await self.take(page, f"phones-{self.suffix}")
        return page

    async def ask_for_a_human(self, page: Page) -> None:
        chat = _chat(page)
        await chat.get_by_label(self.words.write).fill(self.words.want_human)
        await page.keyboard.press("Enter")
        await expect(chat.locator("#owner")).not_to_have_class("bot", timeout=_PATIENCE)

    async def desk(self, path: str = "/desk", size: tuple[int, int] = DESKTOP) -> Page:
        """Anna's console."""
        page = await self.page(path, size)
        await page.get_by_label(self.words.email).fill(_EMAIL)
        await page.locator("input[type=password]").fill(_PASSWORD)
        await page.get_by_role("button", name=self.words.log_in).click()
        return page

    async def answer(self, page: Page, chat: Page) -> None:
        """Accept who waits in the chat, and write to them."""
        await page.get_by_role("button", name=self.words.waiting).click()
        await page.locator("[data-thread-row]").first.click()
        await page.get_by_role("button", name=self.words.accept, exact=True).click()
        await page.get_by_label(self.words.reply).fill(self.words.agent_says)
        await page.get_by_role("button", name=self.words.send, exact=True).click()
        await _hears(_chat(chat).locator(".message.agent").last, self.words.agent_says)
        await page.get_by_role(
            "button", name=re.compile(rf"^{self.words.everything}\b(?!')")
        ).click()


def _chat(page: Page) -> Locator:
    return page.locator("samtal-chat")


async def _hears(message: Locator, part: str) -> None:
    await expect(message).to_contain_text(part, timeout=_PATIENCE)


async def others(base: str) -> None:
    """Other customers write, each answered before the next."""
    async with aiohttp.ClientSession() as http:
        for channel, user, name, text in OTHERS:
            url = f"{base}/sandbox-api/phones/{channel}/demo/{user}"
            writing = {"text": text} | ({"name": name} if name else {})
            async with http.post(f"{url}/write", json=writing) as response:
                response.raise_for_status()
            await until(partial(_answered, http, url), seconds=_PATIENCE / 1000)


async def _answered(http: aiohttp.ClientSession, url: str) -> bool:
    async with http.get(url) as response:
        return any(one["side"] == "them" for one in (await response.json())["messages"])


async def tell(browser: Browser, base: str, out: Path) -> None:
    """The story by day in Swedish, by night in English."""
    await others(base)
    day = Story(browser=browser, base=base, out=out, words=SWEDISH, dark=False)
    shop = await day.shop("FB-123456")
    phones = await day.phones(await day.code(shop))
    await day.ask_for_a_human(shop)
    desk = await day.desk()
    await day.answer(desk, shop)
    field = phones.get_by_role("region", name="SMS", exact=True).get_by_role("textbox")
    await field.fill(day.words.customer_says)
    await field.press("Enter")
    await expect(desk.get_by_role("log")).to_contain_text(
        day.words.customer_says, timeout=_PATIENCE
    )
    await day.take_desk(desk, f"console-{day.suffix}")

    night = Story(browser=browser, base=base, out=out, words=ENGLISH, dark=True)
    chat = await night.shop("FB-654321")
    await night.ask_for_a_human(chat)
    console = await night.desk()
    await night.answer(console, chat)
    await _chat(chat).get_by_label(night.words.write).fill(night.words.customer_says)
    await chat.keyboard.press("Enter")
    await expect(console.get_by_role("log")).to_contain_text(
        night.words.customer_says, timeout=_PATIENCE
    )
    await night.take_desk(console, f"console-{night.suffix}")
    pocket = await night.desk(urlsplit(console.url).path, PHONE)
    await expect(pocket.get_by_role("log")).to_contain_text(
        night.words.customer_says, timeout=_PATIENCE
    )
    hide = pocket.get_by_role("button", name=night.words.hide_card).last
    if await hide.is_visible():
        await hide.click()
    await night.take_desk(pocket, "console-phone")
    await chat.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    await _chat(chat).get_by_label(night.words.write).focus()
    await chat.emulate_media(color_scheme="light")
    await night.take(chat, "widget-phone")


async def run(out: Path) -> None:
    """Play it, and put the pictures into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="samtal-screens-") as folder:
        async with demo(Path(folder)) as base, browsing() as browser:
            await tell(browser, base, out)


def main() -> int:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=SCREENS)
    given = parser.parse_args()
    if not MODEL.is_dir():
        parser.error(f"no model in {MODEL}: `make screenshots` trains one")
    asyncio.run(run(given.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
