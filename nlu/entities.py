"""Pieces of a text with a meaning, in a normal form.

`order_number`, `email`, `phone` (E.164), `date` (ISO 8601; `--05-12` without a year), `amount`
(`499.00 SEK`), `size` (`EU 43`, `M`, `180 cm`), `product` (an id of the catalogue) and `category`.
Where two overlap, the earlier in this list wins, and the longer of one kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

import phonenumbers
from spacy.language import Language as Pipeline
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from spacy.util import filter_spans
from typing_extensions import override

from bot.model.understanding import EntityFound
from nlu.reading import Configured, reading_of
from nlu.settings import Named, NluSettings


class _Piece(NamedTuple):
    start: int
    end: int
    value: str


_Finder = Callable[[str], Iterator[_Piece]]

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_PHONE = re.compile(r"(?<![\w+-])(?:\+|\(?0)[\d\s().\-–/]{6,20}\d(?![\w-])")
_MONTHS = {
    "januari": 1, "january": 1, "februari": 2, "february": 2, "mars": 3, "march": 3, "april": 4,
    "maj": 5, "may": 5, "juni": 6, "june": 6, "juli": 7, "july": 7, "augusti": 8, "august": 8,
    "september": 9, "oktober": 10, "october": 10, "november": 11, "december": 12,
    "jan": 1, "feb": 2, "apr": 4, "aug": 8, "sep": 9, "sept": 9, "okt": 10, "oct": 10, "nov": 11,
    "dec": 12,
}  # fmt: skip
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ISO_DATE = re.compile(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
_DAY_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?::[ae]|st|nd|rd|th)?(?: of)? ({_NAMES})\b\.?(?:,? (20\d\d)\b)?", re.IGNORECASE
)
_MONTH_DAY = re.compile(
    rf"\b({_NAMES})\b\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (20\d\d)\b)?", re.IGNORECASE
)
_CURRENCIES = {
    "kr": "SEK", "kronor": "SEK", "sek": "SEK", ":-": "SEK", "€": "EUR", "eur": "EUR",
    "euro": "EUR", "euros": "EUR", "$": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD",
    "£": "GBP", "gbp": "GBP", "nok": "NOK", "dkk": "DKK",
}  # fmt: skip
_WORDS = "kronor|kr|sek|euros?|eur|dollars?|usd|gbp|nok|dkk"
_NUMBER = r"\d{1,3}(?:[  .]\d{3})+(?:,\d{1,2})?|\d{1,7}(?:[.,]\d{1,2})?"
_AMOUNT_AFTER = re.compile(rf"(?<![\w.,])({_NUMBER}) ?(:-|[€$£]|(?:{_WORDS})\b)", re.IGNORECASE)
_AMOUNT_BEFORE = re.compile(
    rf"(?<!\w)([€$£]|(?:sek|eur|usd|gbp|nok|dkk)\b) ?({_NUMBER})(?![\w.,]*\d)", re.IGNORECASE
)
_ASKED = r"storlek(?:en|ar)?|skostorlek|strl|stl|str|size|eu"
_SHOE_ASKED = re.compile(
    rf"\b(?:{_ASKED})\b\.?:? ?(?:eu ?)?(\d\d(?:[.,]5)?)(?![\d.,]*\d|\w)", re.IGNORECASE
)
_SHOE_NAMED = re.compile(r"\b(\d\d(?:[.,]5)?)(?=:(?:a|an|or|orna)\b)", re.IGNORECASE)
_UNIT = (
    r"(?! ?(?:kr|kronor|sek|%|cm|mm|kg|kilo|g|gram|år|ar|years?|dagar|days|min|st|liter|l|km)\b)"
)
_SHOE_NEAR = re.compile(
    rf"\b(?:till(?: en| ett)?|to(?: an?)?|for an?|mot(?: en| ett)?|wear|har) (\d\d(?:[.,]5)?)"
    rf"(?![\d.,:/-]*\d|\w|%){_UNIT}",
    re.IGNORECASE,
)
_SHOE_ALONE = re.compile(r"^\s*(\d\d(?:[.,]5)?)\s*[.!?]?\s*$")
_LETTERS = "XXS|XS|S|M|L|XL|XXL|XXXL|2XL|3XL"
_LETTER_ASKED = re.compile(rf"\b(?:{_ASKED})\b\.?:? ?({_LETTERS})(?![\w'-])", re.IGNORECASE)
_LETTER = re.compile(rf"(?<![\w'&.-])({_LETTERS})(?![\w'&-])")
_LONG_LETTER = re.compile(r"(?<![\w'-])(XXS|XS|XL|XXL|XXXL|2XL|3XL)(?![\w'-])", re.IGNORECASE)
_SIZE_WORD = re.compile(
    rf"\b(?:{_ASKED}|(?:mot|till|to|for|in|i) (?:en |ett |an? )?)\.? ?"
    r"(extra small|x-small|small|medium|large|x-large|extra large|xx-large)\b",
    re.IGNORECASE,
)
_SIZE_WORDS = {
    "extra small": "XS", "x-small": "XS", "small": "S", "medium": "M", "large": "L",
    "x-large": "XL", "extra large": "XL", "xx-large": "XXL",
}  # fmt: skip
_CENTIMETRES = re.compile(r"(?<![\w.,])(\d{2,3})(?:[.,](\d))? ?cm\b", re.IGNORECASE)
_METRES = re.compile(r"(?<![\w.,])([12])[.,](\d\d) ?m\b", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_MAYBE_SIZE = re.compile(r"\b(?:[23]?x{0,3}[sl]|m|small|medium|large)\b", re.IGNORECASE)
_MOST = 50  # entities of one text; nobody means more
_LEAST_SHOE, _LARGEST_SHOE = 35.0, 49.0


def _emails(text: str) -> Iterator[_Piece]:
    for found in _EMAIL.finditer(text):
        yield _Piece(*found.span(), found[0].lower())


def _phones(text: str, region: str) -> Iterator[_Piece]:
    for found in _PHONE.finditer(text):
        try:
            number = phonenumbers.parse(found[0], region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            form = phonenumbers.PhoneNumberFormat.E164
            yield _Piece(*found.span(), phonenumbers.format_number(number, form))


def _dates(text: str) -> Iterator[_Piece]:
    for found in _ISO_DATE.finditer(text):
        yield from _date(found, found[1], int(found[2]), int(found[3]))
    for found in _DAY_MONTH.finditer(text):
        yield from _date(found, found[3], _MONTHS[found[2].lower()], int(found[1]))
    for found in _MONTH_DAY.finditer(text):
        yield from _date(found, found[3], _MONTHS[found[1].lower()], int(found[2]))


def _date(found: re.Match[str], year: str | None, month: int, day: int) -> Iterator[_Piece]:
    try:
        # 2000 was a leap year: without a year, 29 February may be meant.
        date(int(year or 2000), month, day)
    except ValueError:
        return
    yield _Piece(*found.span(), f"{year or '-'}-{month:02}-{day:02}")


def _amounts(text: str) -> Iterator[_Piece]:
    for found in _AMOUNT_AFTER.finditer(text):
        yield _Piece(*found.span(), _money(found[1], found[2]))
    for found in _AMOUNT_BEFORE.finditer(text):
        yield _Piece(*found.span(), _money(found[2], found[1]))


def _money(number: str, currency: str) -> str:
    plain = re.sub(r"[  ]|\.(?=\d{3})", "", number).replace(",", ".")
    return f"{float(plain):.2f} {_CURRENCIES[currency.lower()]}"


def _number_sizes(text: str) -> Iterator[_Piece]:
    for pattern in (_SHOE_ASKED, _SHOE_NAMED, _SHOE_NEAR, _SHOE_ALONE):
        for found in pattern.finditer(text):
            size = float(found[1].replace(",", "."))
            if _LEAST_SHOE <= size <= _LARGEST_SHOE:
                yield _Piece(*found.span(1), f"EU {size:g}")
    for found in _CENTIMETRES.finditer(text):
        yield _Piece(*found.span(), f"{found[1]}{'.' + found[2] if found[2] else ''} cm")
    for found in _METRES.finditer(text):
        yield _Piece(*found.span(), f"{found[1]}{found[2]} cm")


def _letter_sizes(text: str) -> Iterator[_Piece]:
    for pattern in (_LETTER_ASKED, _LONG_LETTER):
        for found in pattern.finditer(text):
            yield _Piece(*found.span(1), found[1].upper())
    if not text.isupper():
        for found in _LETTER.finditer(text):
            yield _Piece(*found.span(1), found[1])
    for found in _SIZE_WORD.finditer(text):
        yield _Piece(*found.span(1), _SIZE_WORDS[found[1].lower()])


class EntityReader(Configured):
    """Finds entities by pattern and by catalogue."""

    def __init__(self, nlp: Pipeline) -> None:
        self._nlp = nlp
        self.set(NluSettings())

    @override
    def set(self, settings: NluSettings) -> None:
        """Take order number forms, catalogue and phone region from the settings."""
        self._settings = settings
        self._orders = [(re.compile(form.pattern), form.normal) for form in settings.order_numbers]
        self._products = self._matcher(settings.products)
        self._categories = self._matcher(settings.categories)

    def _matcher(self, things: Iterable[Named]) -> PhraseMatcher | None:
        matcher = PhraseMatcher(self._nlp.vocab, attr="NORM")
        for thing in things:
            matcher.add(thing.id, [self._nlp.make_doc(name) for name in thing.names])
        return matcher if len(matcher) else None

    @override
    def read(self, docs: Sequence[Doc]) -> None:
        for doc in docs:
            reading = reading_of(doc)
            found = tuple(self._entities(doc, reading.text))
            if found:
                reading.entities = found
                spans = [
                    doc.char_span(entity.start, entity.end, entity.kind, alignment_mode="expand")
                    for entity in found
                ]
                doc.ents = filter_spans([span for span in spans if span is not None])

    def _entities(self, doc: Doc, text: str) -> list[EntityFound]:
        taken: list[EntityFound] = []
        for kind, finder in self._finders(text):
            pieces = sorted(finder(text), key=lambda piece: (piece.start, -piece.end))
            _take(text, taken, kind, pieces)
        for kind, matcher in (("product", self._products), ("category", self._categories)):
            if matcher is not None:
                _take(text, taken, kind, _matches(doc, matcher))
        return sorted(taken, key=lambda entity: entity.start)

    def _finders(self, text: str) -> Iterator[tuple[str, _Finder]]:
        digits = _DIGIT.search(text) is not None
        if digits:
            yield "order_number", self._order_numbers
        if "@" in text:
            yield "email", _emails
        if digits:
            yield "phone", lambda text: _phones(text, self._settings.phone_region)
            yield "date", _dates
            yield "amount", _amounts
            yield "size", _number_sizes
        if _MAYBE_SIZE.search(text):
            yield "size", _letter_sizes

    def _order_numbers(self, text: str) -> Iterator[_Piece]:
        for pattern, normal in self._orders:
            for found in pattern.finditer(text):
                yield _Piece(*found.span(), normal.format(*found.groups("")))


def _matches(doc: Doc, matcher: PhraseMatcher) -> list[_Piece]:
    """What a matcher finds, the longest first where matches begin at the same word."""
    pieces = [
        _Piece(span.start_char, span.end_char, span.label_) for span in matcher(doc, as_spans=True)
    ]
    return sorted(pieces, key=lambda piece: (piece.start - piece.end, piece.start))


def _take(text: str, taken: list[EntityFound], kind: str, pieces: Iterable[_Piece]) -> None:
    for start, end, value in pieces:
        if len(taken) >= _MOST:
            return
        if all(end <= other.start or start >= other.end for other in taken):
            taken.append(
                EntityFound(kind=kind, value=value, text=text[start:end], start=start, end=end)
            )


@Pipeline.factory("samtal_entities")
def _make(nlp: Pipeline, name: str) -> EntityReader:  # noqa: ARG001 - spaCy passes both by name
    return EntityReader(nlp)
