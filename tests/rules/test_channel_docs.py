"""`docs/channels.md` is what the channels say of themselves."""

from __future__ import annotations

from pathlib import Path

from bot.app.channel_docs import PAGE, read_pages, written
from bot.model.channel import Capabilities

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_would_be_written() -> None:
    assert (ROOT / PAGE).read_text("utf-8") == written(read_pages()), "make docs"


def test_every_channel_says_how_it_is_set_up() -> None:
    pages = read_pages()
    folders = {path.parent.name for path in (ROOT / "channels").glob("*/__init__.py")}
    assert {page.name for page in pages} == folders
    assert [page.name for page in pages if len(page.setup.split()) < 30] == []


def test_what_a_channel_carries_shows_on_the_page() -> None:
    page = next(one for one in read_pages() if one.name == "telegram")
    carries = Capabilities(text_limit=77, max_choices=5, choice_title_limit=9)
    changed = page._replace(carries=carries)
    assert "texts of up to 77 characters" in written([changed])
    assert "up to 5 choices as buttons or a list, titles of up to 9 letters" in written([changed])
    assert written([changed]) != written([page])
