"""Entities: exact values in normal form, and what is not one."""

from __future__ import annotations

import pytest

from tests.unit.nlu_models import read, shop_reader

CASES = [
    ("min order är FB-123456 tack", [("order_number", "FB-123456")]),
    ("fb 123456 har inte kommit", [("order_number", "FB-123456")]),
    ("order fb123456", [("order_number", "FB-123456")]),
    ("FB-1234567", []),
    ("mejla Anna.Berg+x@Example.co.uk!", [("email", "anna.berg+x@example.co.uk")]),
    ("skriv till åsa@exempel.se.", [("email", "åsa@exempel.se")]),
    ("not an address: anna@home", []),
    ("ring 070-123 45 67", [("phone", "+46701234567")]),
    ("nås på 08-123 456 78 idag", [("phone", "+46812345678")]),
    ("call +47 22 12 34 56 please", [("phone", "+4722123456")]),
    ("0046 70 123 45 67", [("phone", "+46701234567")]),
    ("0701234", []),
    ("kan jag byta till 43?", [("size", "EU 43")]),
    ("storlek 42,5 finns?", [("size", "EU 42.5")]),
    ("size 38 please", [("size", "EU 38")]),
    ("en 44:a tack", [("size", "EU 44")]),
    ("43", [("size", "EU 43")]),
    ("storlek 52", []),
    ("det tog till 40 dagar", []),
    ("har 45 kr kvar", [("amount", "45.00 SEK")]),
    ("strl m", [("size", "M")]),
    ("I'd like an XL", [("size", "XL")]),
    ("byta mot en medium", [("size", "M")]),
    ("jag tar L", [("size", "L")]),
    ("I'm sure it's fine", []),
    ("that's a small problem", []),
    ("jag är 180 cm", [("size", "180 cm")]),
    ("jag är 1,80 m lång", [("size", "180 cm")]),
    ("har ni abisko två", [("product", "tent.abisko-2")]),
    ("Nallo -10, tack", [("product", "sleepingbag.nallo-10")]),
    ("är nallo 5 varm", [("product", "sleepingbag.nallo-5")]),
    ("ett talt tack", [("category", "tent")]),
    ("TÄLTET", [("category", "tent")]),
    ("two sleeping bags", [("category", "sleepingbag")]),
    ("det kostade 1 299,50 kr", [("amount", "1299.50 SEK")]),
    ("499:-", [("amount", "499.00 SEK")]),
    ("I paid €20", [("amount", "20.00 EUR")]),
    ("SEK 1.500 is a lot", [("amount", "1500.00 SEK")]),
    ("köpt 2024-05-01", [("date", "2024-05-01")]),
    ("2024-13-45", []),
    ("den 12 maj", [("date", "--05-12")]),
    ("on May 3rd, 2025", [("date", "2025-05-03")]),
    ("31 februari", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_entities_have_exact_values(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(found.kind, found.value) for found in read(text).entities] == expected


def test_several_entities_stand_in_the_order_of_the_text() -> None:
    text = "Hej! Jag vill byta skorna i order FB-204060 till 43, mejla mig på a@b.se"
    found = read(text).entities
    assert [(entity.kind, entity.value) for entity in found] == [
        ("category", "shoes"),
        ("order_number", "FB-204060"),
        ("size", "EU 43"),
        ("email", "a@b.se"),
    ]
    assert all(text[entity.start : entity.end] == entity.text for entity in found)


def test_a_phone_number_is_not_also_an_amount_or_a_size() -> None:
    assert [entity.kind for entity in read("ring mig på 0701234567 kr").entities] == ["phone"]


def test_entities_are_on_the_spacy_doc_too() -> None:
    doc = shop_reader().model.nlp("order FB-123456 and a tent")
    assert [(span.text, span.label_) for span in doc.ents] == [
        ("FB-123456", "order_number"),
        ("tent", "category"),
    ]
    assert doc._.reading.language == "en"
