"""HTML of mail as plain text. Nothing of it is ever shown as HTML, so nothing of it can run."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from typing_extensions import override

_UNSEEN = frozenset({"head", "script", "style", "title", "template", "noscript", "svg", "object"})
_BLOCKS = frozenset(
    {"address", "article", "div", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header"}
    | {"hr", "li", "ol", "p", "pre", "section", "table", "tr", "ul"}
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6"})
_SPACES = re.compile(r"[ \t\r\n\f\u00a0]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
_TAG = re.compile(r"<[^<>]*>")


class _Words(HTMLParser):
    """Gathers the words that a reader sees, quotes marked by ">"."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._unseen = 0
        self._quoted = 0

    @property
    def text(self) -> str:
        self._end_line()
        return _EMPTY_LINES.sub("\n\n", "\n".join(self._lines)).strip()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "blockquote":
            self._end_line()
            self._quoted += 1
        elif tag == "br":
            self._end_line(always=True)
        elif tag in _BLOCKS:
            self._end_line()
            self._line += "- " if tag == "li" else ""

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
        elif tag == "blockquote":
            self._end_line()
            self._quoted = max(self._quoted - 1, 0)
        elif tag in _BLOCKS:
            self._end_line()
            if tag in _PARAGRAPHS:
                self._end_line(always=True)
        elif tag in {"td", "th"}:
            self._line += " "

    @override
    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._line += _SPACES.sub(" ", data)

    def _end_line(self, *, always: bool = False) -> None:
        line = self._line.strip()
        if line or always:
            self._lines.append(f"> {line}" if self._quoted else line)
        self._line = ""


def plain(html: str) -> str:
    """The words of an HTML document, line by line."""
    reader = _Words()
    try:
        reader.feed(html)
        reader.close()
    except (AssertionError, ValueError):  # what the parser gives up on is still to be read
        return unescape(_TAG.sub(" ", html)).strip()
    return reader.text
