"""What is searched for, what is found by which words, and whether the one is in the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bot.model.channel import Address
from bot.model.ids import IdentityId
from bot.model.people import ByAgent, ChannelIdentity
from bot.model.record import ThreadRow
from bot.model.thread import EchoOut, Entry, MessageEdited, MessageIn, MessageOut, Note
from bot.model.value import Value
from bot.model.words import one_edit_from, words_of

# A tag is a word that no text has: it begins with a colon.
_TAGS: Final = ("from:customer", "from:bot", "from:agent", "has:note")
_CHANNEL: Final = re.compile(r"channel:[a-z0-9_]+")
_PIECE: Final = re.compile(r'"(?P<quoted>[^"]*)(?P<closed>"?)|(?P<bare>[^\s"]+)')
_PHONE: Final = re.compile(r"[+0][\d\s()/.-]*")
_SHORTEST_PHONE: Final = 7
_SHORTEST_TAIL: Final = 6
_SHORTEST_PREFIX: Final = 2
_NEAR: Final = range(5, 21)  # letters of a word that one edit may be in
_LONGEST_QUERY: Final = 500
_MOST_TERMS: Final = 12


class Term(Value):
    """Words that follow each other; one word alone, or a tag, is a term too.

    `prefix`: the last word is the beginning of one. `near`: a word one edit away will do.
    """

    words: tuple[str, ...]
    prefix: bool = False
    near: bool = False

    @property
    def is_tag(self) -> bool:
        """Whether it asks for something else than words."""
        return self.words[0].startswith(":")


class SearchQuery(Value):
    """All of these terms are to be found; without any of them nothing is."""

    terms: tuple[Term, ...] = ()


class Found(Value):
    """A customer's identity, or an entry of it, that has what is searched for.

    `number` is its place among all of its kind; `row` the thread that it is in now.
    """

    number: int
    row: ThreadRow
    identity: IdentityId
    entry: Entry | None = None


# --- what is asked ---------------------------------------------------------------------------


def parsed(text: str) -> SearchQuery:
    """The query that somebody means by a text: any text is one, if only one that finds nothing."""
    text = text[:_LONGEST_QUERY].strip()
    digits = "".join(letter for letter in text if letter in "0123456789")
    if _PHONE.fullmatch(text) and len(digits) >= _SHORTEST_PHONE:
        return SearchQuery(terms=(Term(words=(digits,), prefix=True),))
    tags: list[Term] = []
    terms: list[Term] = []
    unfinished = False
    for piece in _PIECE.finditer(text):
        bare = piece["bare"]
        if bare is not None and (bare.lower() in _TAGS or _CHANNEL.fullmatch(bare.lower())):
            tags.append(Term(words=(f":{bare.lower()}",)))
        elif words := words_of(piece["quoted"] if bare is None else bare):
            terms.append(Term(words=tuple(words)))
            unfinished = not piece["closed"]
    if not terms:
        return SearchQuery()
    if unfinished and len(terms[-1].words[-1]) >= _SHORTEST_PREFIX:
        terms[-1] = terms[-1].model_copy(update={"prefix": True})
    return SearchQuery(terms=(*terms[:_MOST_TERMS], *tags[:_MOST_TERMS]))


def loosened(query: SearchQuery) -> SearchQuery | None:
    """The query with room for one edit in each longer word, or None where there is no such word."""
    terms = tuple(
        term.model_copy(update={"near": True, "prefix": False}) if _may_be_near(term) else term
        for term in query.terms
    )
    return None if terms == query.terms else SearchQuery(terms=terms)


def _may_be_near(term: Term) -> bool:
    """Of a number each digit counts, and a phrase is meant as it is."""
    word = term.words[0]
    return len(term.words) == 1 and len(word) in _NEAR and word.isalpha()


# --- what is found by which words ------------------------------------------------------------


def entry_text(entry: Entry) -> str:
    """What was said or noted in an entry, or nothing."""
    body = entry.body
    if isinstance(body, MessageOut):
        cards = (line for card in body.cards for line in (card.title, card.text))
        return "\n".join(filter(None, (body.text, *cards)))
    if isinstance(body, MessageIn | EchoOut | MessageEdited | Note):
        return body.text
    return ""


def entry_words(entry: Entry, channel: str) -> tuple[str, ...]:
    """The words that an entry is found by, in their order, and its tags; none without words."""
    words = words_of(entry_text(entry))
    if not words:
        return ()
    tags = [f":from:{_speaker(entry)}", f":channel:{channel}"]
    if isinstance(entry.body, Note):
        tags.append(":has:note")
    return (*words, *tags)


def _speaker(entry: Entry) -> str:
    """A person of ours who wrote from the provider's own app counts as an agent."""
    if isinstance(entry.body, MessageIn | MessageEdited):
        return "customer"
    by_a_person = isinstance(entry.body, EchoOut | Note) or isinstance(entry.by, ByAgent)
    return "agent" if by_a_person else "bot"


def customer_text(identity: ChannelIdentity) -> str:
    """What is shown of a customer who is found."""
    known = (identity.name, identity.username, identity.phone, identity.address.user)
    return " · ".join(dict.fromkeys(one for one in known if one))


def customer_words(
    address: Address, *, phone: str | None, name: str | None, username: str | None
) -> tuple[str, ...]:
    """The words that a customer's identity is found by, and its tag.

    A phone number is found by its end too, with or without the 0 of calls within a country.
    """
    words = words_of(" ".join(filter(None, (name, username, phone, address.user))))
    digits = "".join(words_of(phone or ""))
    tails = [digits[start:] for start in range(1, len(digits) - _SHORTEST_TAIL + 1)]
    national = [f"0{tail}" for tail in tails]
    return (*words, *tails, *national, f":channel:{address.channel}")


def identity_words(identity: ChannelIdentity) -> tuple[str, ...]:
    """The words that an identity is found by."""
    return customer_words(
        identity.address, phone=identity.phone, name=identity.name, username=identity.username
    )


# --- whether it is found ---------------------------------------------------------------------


def matches(query: SearchQuery, words: Sequence[str]) -> bool:
    """Whether words have all that is searched for."""
    return bool(query.terms) and all(_is_in(term, words) for term in query.terms)


def word_matches(term: Term, word: str) -> bool:
    """Whether a word is what the last one of a term asks for."""
    last = term.words[-1]
    if term.near:
        return word in one_edit_from(last)
    return word.startswith(last) if term.prefix else word == last


def _is_in(term: Term, words: Sequence[str]) -> bool:
    first = list(term.words[:-1])
    return any(
        list(words[max(place - len(first), 0) : place]) == first and word_matches(term, word)
        for place, word in enumerate(words)
    )
