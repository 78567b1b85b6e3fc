"""Whom a text shows, and what may stand in the file that says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.app.words import load_words
from bot.errors import ConfigError
from bot.hub.facets import shown
from bot.hub.persona_cards import PersonaText, PersonaTexts
from bot.hub.personas import Cue, Persona, Personas, parse
from bot.model.understanding import EntityFound, Language, PersonaShare
from config.settings import ContentSection, Settings
from tests.hubs import ROOT, shipped_personas

FILE = """
personas:
  - key: private
    names: {sv: Privat, en: Private}
  - key: business
    names: {sv: Företag, en: Business}
    organisation: true
    cues:
      - {weight: 0.8, sv: [firma*, vårt företag], en: [our company]}
      - {weight: 0.5, sv: [moms], entities: [amount]}
  - key: parent
    names: {sv: Förälder, en: Parent}
    cues:
      - {weight: 0.8, sv: [far], en: [father]}
      - {weight: 0.4, entities: ["size:104 cm"]}
"""


def personas(text: str = FILE) -> Personas:
    return Personas(parse(text, file="personas.yaml"))


def heard(text: str, language: Language | None = "sv") -> list[tuple[str, float, str]]:
    found = personas().shown(text, language=language)
    return [(one.persona, one.share, one.quote) for one in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Offert till FIRMAN tack", [("business", 0.8, "FIRMAN")]),
        ("vårt företag", [("business", 0.8, "vårt företag")]),
        ("vart foretag", [("business", 0.8, "vart foretag")]),
        ("Vårt  Företag!", [("business", 0.8, "Vårt  Företag")]),
        ("vårt nya företag", []),
        ("vårt företags", []),
        ("min far", [("parent", 0.8, "far")]),
        ("när får jag den", []),  # `far` is no `får`
        ("firman, firman, firman", [("business", 0.8, "firman")]),
        ("firman vill ha moms", [("business", 0.9, "firman")]),
        ("firman och far", [("business", 0.8, "firman"), ("parent", 0.8, "far")]),
        ("our company", []),
        ("", []),
        ("fir", []),
    ],
)
def test_cues_are_found_in_any_case_with_or_without_marks(
    text: str, expected: list[tuple[str, float, str]]
) -> None:
    assert heard(text) == expected


def test_a_text_is_held_against_the_cues_of_its_language() -> None:
    assert heard("our company", "en") == [("business", 0.8, "our company")]
    assert heard("firman", "en") == []
    assert heard("firman our company", None) == [("business", 0.96, "firman")]


def test_pieces_that_the_reader_found_are_cues_too() -> None:
    def piece(kind: str, value: str) -> EntityFound:
        return EntityFound(kind=kind, value=value, text=value, start=0, end=len(value))

    found = personas().shown(
        "x", language="sv", entities=[piece("size", "104 cm"), piece("amount", "9 SEK")]
    )
    assert [(one.persona, one.share, one.quote) for one in found] == [
        ("business", 0.5, "9 SEK"),
        ("parent", 0.4, "104 cm"),
    ]
    assert personas().shown("x", language="sv", entities=[piece("size", "180 cm")]) == ()


def test_a_very_long_text_is_read_from_its_beginning() -> None:
    assert heard("x " * 100_000 + "firman") == []


@pytest.mark.parametrize(
    ("shares", "current", "expected"),
    [
        ({}, "private", None),
        ({"business": 0.49}, "private", None),
        ({"business": 0.5}, "private", "business"),
        ({"business": 0.8, "parent": 0.7}, "parent", "business"),
        ({"business": 0.8, "parent": 0.8}, "private", None),
        ({"business": 0.8, "parent": 0.8}, "parent", "parent"),
    ],
)
def test_only_a_strong_cue_moves_and_ties_keep(
    shares: dict[str, float], current: str, expected: str | None
) -> None:
    given = [PersonaShare(persona=key, share=share, quote="q") for key, share in shares.items()]
    found = shown(given, current=current)
    assert (found.persona if found else None) == expected


# --- the file --------------------------------------------------------------------------------


def test_the_file_is_read_in_its_order() -> None:
    found = personas()
    assert [one.key for one in found.all] == ["private", "business", "parent"]
    assert found.all[1] == Persona(
        key="business",
        sv="Företag",
        en="Business",
        organisation=True,
        cues=(
            Cue(weight=0.8, phrase="firma*", language="sv"),
            Cue(weight=0.8, phrase="vårt företag", language="sv"),
            Cue(weight=0.8, phrase="our company", language="en"),
            Cue(weight=0.5, phrase="moms", language="sv"),
            Cue(weight=0.5, entity="amount"),
        ),
    )
    assert found.organisation == {"business"}
    assert ("business" in found, "stranger" in found) == (True, False)


def test_without_a_file_everybody_is_private() -> None:
    assert [one.key for one in Personas().all] == ["private"]


PRIVATE = "personas:\n  - {key: private, names: {sv: a, en: b}"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("personas: []", "there is no persona 'private'"),
        ("people: []", "field 'people' is unknown"),
        ("personas: [private]", "field 'personas' cannot hold 'private'"),
        ("personas:\n  - key: private", "field 'names' is missing"),
        (f"{PRIVATE}, cue: []}}", "field 'cue' is unknown. Did you mean 'cues'?"),
        ("personas:\n  - {key: Privat, names: {sv: a, en: b}}", "'key' cannot be 'Privat'"),
        ("personas:\n  - {key: private, names: {sv: a}}", "field 'en' is missing"),
        (f"{PRIVATE}}}\n  - {{key: private, names: {{sv: a, en: b}}}}", "stands twice"),
        (f"{PRIVATE}, organisation: ja}}", "field 'organisation' cannot be 'ja'"),
        (f"{PRIVATE}, cues: [x]}}", "field 'cues' cannot hold 'x'"),
        (f"{PRIVATE}, cues: [{{sv: [x]}}]}}", "field 'weight' is missing"),
        (f"{PRIVATE}, cues: [{{weight: 1, sv: [x]}}]}}", "field 'weight' cannot be '1'"),
        (f"{PRIVATE}, cues: [{{weight: hög, sv: [x]}}]}}", "field 'weight' cannot be 'hög'"),
        (f"{PRIVATE}, cues: [{{weight: 0.5, sv: ['!']}}]}}", "a cue cannot be '!'"),
        (f"{PRIVATE}, cues: [{{weight: 0.5, sv: ['a* b']}}]}}", "a cue cannot be 'a* b'"),
        (f"{PRIVATE}, cues: [{{weight: 0.5, sv: ['fi*']}}]}}", "the beginning 'fi*' fits too much"),
        (f"{PRIVATE}, cues: [{{weight: 0.5, entities: ['A']}}]}}", "cannot be the entity 'A'"),
        (f"{PRIVATE}, cues: [{{weight: 0.5, sv: [moms, Moms]}}]}}", "the cue 'Moms' stands twice"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, file="personas.yaml")
    assert complaint in str(error.value)
    assert "personas.yaml:" in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml"):
        Personas.load(tmp_path / "nothing.yaml")


def test_texts_for_a_persona_that_is_not_configured_are_refused(tmp_path: Path) -> None:
    few = tmp_path / "personas.yaml"
    few.write_text(f"{PRIVATE}}}\n", "utf-8")
    content = ContentSection(
        folder=ROOT / "config/content", forms=ROOT / "config/forms", personas=few
    )
    with pytest.raises(ConfigError) as error:
        load_words(Settings(content=content))
    assert "field 'persona': there is no 'business'" in str(error.value)
    assert "answers/answer.delivery.time/business.en.md" in str(error.value)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("present till min son", "sv", "parent"),
        ("offert på 40 jackor till firman", "sv", "business"),
        ("Vårt företag behöver 20 ryggsäckar", "sv", "business"),
        ("får ni in fler barnstorlekar?", "sv", "parent"),
        ("jag köper den till mig själv", "sv", "private"),
        ("hur lång är leveranstiden?", "sv", None),
        ("ert företag är dåligt", "sv", None),
        ("jag är på jobbet", "sv", None),
        ("a quote for 40 jackets for the company", "en", "business"),
        ("does it take five business days?", "en", None),
        ("boots for my daughter", "en", "parent"),
        ("I want it for myself", "en", "private"),
        ("does the zip work", "en", None),
    ],
)
def test_the_shipped_cues(text: str, language: Language, expected: str | None) -> None:
    found = shown(shipped_personas().shown(text, language=language), current="private")
    assert (found.persona if found else None) == expected


# --- cards -----------------------------------------------------------------------------------

HEAD = "personas:\n  - {key: private, names: {sv: P, en: P}, card: {sv: {%s}}}"


def test_a_card_says_who_such_customers_are() -> None:
    text = (
        HEAD % "description: Köper  sent, motivations: [komma ut, äga färre], pain_points: storlek"
    )
    (private,) = parse(text, file="personas.yaml")
    assert private.texts.sv == PersonaText(
        description="Köper sent", motivations=("komma ut", "äga färre"), pain_points=("storlek",)
    )
    assert private.texts.en == PersonaText()
    (other,) = parse(text.replace("färre", "bättre"), file="personas.yaml")
    assert len({private.texts.version, other.texts.version, PersonaTexts().version}) == 3


@pytest.mark.parametrize(
    ("card", "what"),
    [
        ("motivation: [a]", "field 'motivation' is unknown"),
        (f"description: {'a' * 601}", "field 'description' is longer than 600 characters"),
        (f"behaviour: {list('abcdefghi')}", "field 'behaviour' has more than 8 items"),
        (f"behaviour: [{'a' * 161}]", "an item of 'behaviour' is empty or longer than 160"),
        ("behaviour: ['']", "an item of 'behaviour' is empty or longer than 160"),
    ],
)
def test_what_cannot_stand_on_a_card(card: str, what: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(what)) as found:
        parse(HEAD % card, file="personas.yaml")
    assert found.value.where == "personas.yaml:2"


def test_the_shipped_personas_have_cards_in_both_languages() -> None:
    for persona in shipped_personas().all:
        for text in (persona.texts.sv, persona.texts.en):
            assert all(text.model_dump().values()), persona.key
