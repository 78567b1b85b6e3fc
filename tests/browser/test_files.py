"""Files both ways between the chat and the console, and a customer who ends the chat."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import expect

from tests.browser.chat import choose, open_chat, say, texts
from tests.browser.console import Seat, owner_is, take_seat
from tests.browser.kit import browsing, open_page

if TYPE_CHECKING:
    from playwright.async_api import FilePayload, Page

    from tests.edge.house import House

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    whole = kind + body
    return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))


def _png(side: int) -> bytes:
    """A green square."""
    rows = (b"\0" + b"\x14\x53\x2d" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = [_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PICTURE: FilePayload = {"name": "jacka <i>.png", "mimeType": "image/png", "buffer": _png(24)}
LETTER: FilePayload = {
    "name": "retur.txt",
    "mimeType": "text/plain",
    "buffer": "Hej då, jackan".encode(),
}
PROGRAM: FilePayload = {"name": "x.exe", "mimeType": "text/plain", "buffer": b"MZ\0\1\2" * 20}


async def test_files_go_both_ways_and_the_customer_ends_the_chat(server: House) -> None:
    async with browsing() as browser:
        shop, in_shop = await open_page(browser, server.base)
        await open_chat(shop)
        await say(shop, "Jag vill prata med en människa")
        await expect(shop.locator("#owner")).to_have_text("Du står i kö till en människa")
        # What is none of the kinds that are taken is refused, whatever it calls itself.
        await shop.locator("input[type=file]").set_input_files([PICTURE, PROGRAM])
        await expect(shop.locator(".files li")).to_have_count(2)
        await expect(shop.locator(".files")).to_contain_text("jacka <i>.png")
        await shop.get_by_role("button", name="x.exe").last.click()
        await expect(shop.locator(".files li")).to_have_count(1)
        await expect(shop.locator(".files")).to_contain_text("Klar att skicka")
        await say(shop, "Så här ser den ut")
        mine = shop.locator(".message.customer").last
        await expect(mine.locator("img")).to_have_js_property("naturalWidth", 24)
        await expect(mine.locator(".text")).to_have_text("Så här ser den ut")

        seat = await take_seat(browser, server)
        await _taken_and_got(seat, shop)
        await _sent_back(seat, shop)
        await shop.reload()
        await expect(shop.locator(".message.customer img")).to_have_js_property("naturalWidth", 24)
        await choose(shop, "Avsluta chatten")
        await shop.get_by_role("button", name="Avsluta", exact=True).click()
        await expect(shop.locator("#owner")).to_have_text("Du pratar med vår assistent")
        (row,) = await server.store.threads()
        await owner_is(server, row.state.thread, "bot")
        episode = row.state.episode
        assert episode is not None
        assert episode.phase == "resolved"
        await expect(texts(shop, "agent")).to_have_text(["Skriv ut den här"])
        assert in_shop.lines == seat.faults.lines == []
    assert len(server.store.memory.blobs) == 2


async def _taken_and_got(seat: Seat, shop: Page) -> None:
    """The agent takes the case, and gets the picture."""
    await seat.open_first()
    await seat.press("Ta ärendet")
    await expect(shop.locator("#owner")).to_have_text("Du pratar med Anna")
    link = seat.log.get_by_role("link", name="jacka <i>.png")
    async with seat.page.expect_download() as loading:
        await link.click()
    assert (await (await loading.value).path()).read_bytes() == PICTURE["buffer"]


async def _sent_back(seat: Seat, shop: Page) -> None:
    """The agent sends a letter, and the customer gets it."""
    await seat.page.locator("input[type=file]").set_input_files(LETTER)
    await expect(seat.page.locator(".attaching")).to_contain_text("retur.txt")
    await seat.send("Skriv ut den här")
    theirs = shop.locator(".message.agent").last
    await expect(theirs.locator(".text")).to_have_text("Skriv ut den här")
    async with shop.expect_download() as loading:
        await theirs.get_by_role("link", name="retur.txt").click()
    assert (await (await loading.value).path()).read_bytes() == LETTER["buffer"]
