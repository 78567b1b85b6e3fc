"""Searching threads: customers first, then what was said and noted, the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from bot.model.ids import EntryId, IdentityId, ThreadId
from bot.model.record import ThreadRow
from bot.model.search import (
    Found,
    SearchQuery,
    Term,
    customer_text,
    entry_text,
    loosened,
    parsed,
    word_matches,
)
from bot.model.value import AwareDatetime, Value
from bot.model.words import Word, words_in
from bot.ports import Search

_BEFORE: Final = 40  # letters of a snippet before the first match
_LONG: Final = 160


class Mark(Value):
    """A match in a snippet, from `start` to before `end`, in UTF-16 units as JavaScript counts."""

    start: int
    end: int


class SearchHit(Value):
    """What was found and where: an entry, or (without one) the customer of a thread."""

    thread: ThreadId
    row: ThreadRow
    identity: IdentityId
    entry: EntryId | None = None
    seq: int | None = None
    at: AwareDatetime | None = None
    snippet: str
    marks: tuple[Mark, ...]


class SearchPlace(Value):
    """Where a page of hits ended; `loose` when the search made room for typing errors."""

    among: Literal["customers", "entries"]
    number: int
    loose: bool = False


class SearchPage(Value):
    """Some hits; `next` is where the page ended, if there may be more.

    `loose`: nothing was found by the words as they were typed, this was by words like them.
    """

    hits: tuple[SearchHit, ...] = ()
    next: SearchPlace | None = None
    loose: bool = False


async def search(
    store: Search, text: str, *, after: SearchPlace | None = None, limit: int = 20
) -> SearchPage:
    """A page of what a text finds; any text is one, if only one that finds nothing."""
    query = parsed(text)
    loose = loosened(query)
    if after is not None and after.loose:
        return await _page(store, loose or query, after=after, limit=limit, loose=True)
    page = await _page(store, query, after=after, limit=limit, loose=False)
    if page.hits or after is not None or loose is None:
        return page
    loosely = await _page(store, loose, after=None, limit=limit, loose=True)
    return loosely if loosely.hits else page


async def _page(
    store: Search, query: SearchQuery, *, after: SearchPlace | None, limit: int, loose: bool
) -> SearchPage:
    # One more tells whether there is a page after this one.
    found: list[Found] = []
    if after is None or after.among == "customers":
        before = None if after is None else after.number
        found += await store.find_customers(query, before=before, limit=limit + 1)
    if len(found) <= limit:
        before = after.number if after is not None and after.among == "entries" else None
        found += await store.find_entries(query, before=before, limit=limit + 1 - len(found))
    page = found[:limit]
    return SearchPage(
        hits=tuple(_hit(query, one) for one in page),
        next=_place(page[-1], loose=loose) if len(found) > limit else None,
        loose=loose,
    )


def _place(found: Found, *, loose: bool) -> SearchPlace:
    among: Literal["customers", "entries"] = "customers" if found.entry is None else "entries"
    return SearchPlace(among=among, number=found.number, loose=loose)


def _hit(query: SearchQuery, found: Found) -> SearchHit:
    entry = found.entry
    text = _customer(found) if entry is None else entry_text(entry)
    snippet, marks = snippet_of(text, query)
    return SearchHit(
        thread=found.row.state.thread,
        row=found.row,
        identity=found.identity,
        entry=None if entry is None else entry.id,
        seq=None if entry is None else entry.seq,
        at=None if entry is None else entry.at,
        snippet=snippet,
        marks=marks,
    )


def _customer(found: Found) -> str:
    members = (one for one in found.row.identities if one.id == found.identity)
    return next((customer_text(one) for one in members), "")


# --- snippets --------------------------------------------------------------------------------


def snippet_of(text: str, query: SearchQuery) -> tuple[str, tuple[Mark, ...]]:
    """The part of a text around the first match, on one line, with its matches."""
    matched = list(_matched(list(words_in(text)), query))
    first = matched[0].start if matched else 0
    start = 0 if first <= _BEFORE else _after_space(text, first - _BEFORE, first)
    part = text[start : start + _LONG]
    opening = "…" if start else ""
    closing = "…" if start + _LONG < len(text) else ""
    # Each letter for one letter: the places stay.
    line = "".join(" " if letter.isspace() else letter for letter in part)
    marks = [
        Mark(
            start=len(opening) + _units(part[: word.start - start]),
            end=len(opening) + _units(part[: word.end - start]),
        )
        for word in matched
        if word.end <= start + len(part)
    ]
    return f"{opening}{line}{closing}", tuple(marks)


def _matched(words: list[Word], query: SearchQuery) -> Iterator[Word]:
    """The words that a query found, in their order."""
    places: set[int] = set()
    for term in query.terms:
        for place in range(len(words)):
            there = words[place : place + len(term.words)]
            if len(there) == len(term.words) and _is_here(term, there):
                places.update(range(place, place + len(there)))
    return (words[place] for place in sorted(places))


def _is_here(term: Term, there: list[Word]) -> bool:
    *first, last = (word.folded for word in there)
    return first == list(term.words[:-1]) and word_matches(term, last)


def _after_space(text: str, start: int, end: int) -> int:
    """A place to begin at that does not cut a word, if there is one."""
    space = text.find(" ", start, end)
    return start if space < 0 else space + 1


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
