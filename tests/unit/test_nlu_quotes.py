"""Need, mood, urgency and motives: what shows them, and exactly where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.model.understanding import Need, Quote
from nlu.data import load_corpus
from nlu.pipeline import Model
from nlu.reading import Reading, begin
from tests.unit.nlu_models import STARTING_DATA, read


def shown(text: str) -> list[tuple[str, str, str]]:
    return [(one.kind, one.value, one.text) for one in read(text).quotes]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Jag vill ha ett tält, billigast möjligt!", ("motive", "price", "billigast möjligt")),
        ("what is the cheapest possible tent", ("motive", "price", "cheapest possible")),
        ("jag söker en SLITSTARK jacka", ("motive", "quality", "SLITSTARK")),
        ("är jackan gjord av återvunnet material", ("motive", "sustainability", "återvunnet")),
        ("is it made of recycled plastic", ("motive", "sustainability", "recycled")),
        ("är den säker för små barn?", ("motive", "safety", "är den säker")),
        ("a designer jacket for my wife", ("motive", "status", "designer")),
        ("kan jag få den med expressleverans", ("motive", "speed", "expressleverans")),
        ("Vilken spanning har laddaren?", ("need", "technical", "spanning")),
        ("vad ger ni för mängdrabatt?", ("need", "commercial", "mängdrabatt")),
        ("how do i wash it", ("need", "process", "how do i")),
        ("min jacka är trasig", ("need", "service", "trasig")),
        ("det är akut", ("urgency", "urgent", "akut")),
        ("i need it right now", ("urgency", "urgent", "right now")),
        ("jag är så besviken", ("mood", "frustrated", "besviken")),
        ("this is amazing", ("mood", "pleased", "amazing")),
    ],
)
def test_the_words_that_show_it_are_quoted_as_they_were_written(
    text: str, quote: tuple[str, str, str]
) -> None:
    assert quote in shown(text)


def test_places_are_those_of_the_message() -> None:
    text = "Hej! 😀  Billigast möjligt, tack. Det är bråttom"
    quotes = read(text).quotes
    assert [(one.kind, one.value) for one in quotes] == [("motive", "price"), ("urgency", "urgent")]
    assert quotes[0] == Quote(
        kind="motive", value="price", text="Billigast möjligt", start=8, end=25
    )
    assert all(text[one.start : one.end] == one.text for one in quotes)


def test_what_is_denied_is_not_quoted() -> None:
    assert read("den ska inte vara billig, kvalitet är viktigast").motives == ("quality",)
    assert read("det är inte bråttom").urgency == 0
    assert read("not urgent at all").urgency == 0


def test_the_need_is_the_intents_and_else_that_of_the_words() -> None:
    assert read("var är min order").need is Need.PROCESS
    words = read("zxcv qwrt mnbv volt watt hur länge")
    assert words.intent is None
    assert words.need is Need.TECHNICAL


def test_the_sentiment_is_between_frustrated_and_pleased() -> None:
    assert read("helt fantastisk jacka, jag är jättenöjd").sentiment > 0.6
    assert read("detta är oacceptabelt, jag är förbannad").sentiment < -0.7
    assert read("vilka storlekar har ni").sentiment == pytest.approx(0, abs=0.05)


_MODEL: list[Model] = []


def _reader() -> Model:
    if not _MODEL:
        _MODEL.append(Model.blank(use_vectors=False))
        _MODEL[0].quotes.set(load_corpus(STARTING_DATA).settings)
    return _MODEL[0]


@given(
    some.lists(
        some.sampled_from(["billig", "😀", "ÄKTA", "så fort som möjligt", "inte", "\n"]),
        max_size=12,
    ).map(" ".join)
    | some.text(max_size=80)
)
def test_every_quote_is_where_it_says(text: str) -> None:
    model = _reader()
    text = text.encode("utf-8", "replace").decode()
    doc = model.nlp.make_doc(text)
    reading = begin(doc, Reading(text=text))
    model.quotes.read([doc])
    for quote in reading.quotes:
        assert text[quote.start : quote.end] == quote.text
        assert quote.text.strip()
    assert 0 <= reading.urgency <= 1
    assert -1 <= reading.sentiment <= 1
