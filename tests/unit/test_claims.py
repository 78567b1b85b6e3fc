"""Claims: one form to compare; what looks alike stays apart, what is nobody's says nothing."""

from __future__ import annotations

import pytest

from bot.hub.claims import can_suggest, claims_in, normal
from bot.hub.numbers import same_numbers
from bot.model.fact import Claimed, ClaimKind
from bot.model.understanding import EntityFound
from tests.builders import not_understood

EMAIL, PHONE, NUMBER = ClaimKind.EMAIL, ClaimKind.PHONE, ClaimKind.CUSTOMER_NUMBER


def entity(kind: str, text: str) -> EntityFound:
    return EntityFound(kind=kind, value="as the reader has it", text=text, start=0, end=len(text))


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        ("070-174 06 05", "+46701740605"),
        ("0046 70 174 06 05", "+46701740605"),
        ("+46 (0)70 174 06 05", "+46701740605"),
        ("+47 22 12 34 56", "+4722123456"),
        ("+55 11 9 6123 4567", "+5511961234567"),
        ("+55 11 6123 4567", "+5511961234567"),  # before there was a ninth digit
        ("+55 11 3123 4567", "+551131234567"),  # not a mobile
        ("+54 9 11 2345 6789", "+5491123456789"),
        ("+54 11 2345 6789", "+5491123456789"),
        ("+52 1 55 1234 5678", "+525512345678"),
        ("+52 55 1234 5678", "+525512345678"),
        ("12", None),
        ("hej", None),
    ],
)
def test_phone_numbers(raw: str, form: str | None) -> None:
    assert normal(PHONE, raw, region="SE") == form


def test_numbers_without_a_country_are_of_the_region() -> None:
    assert normal(PHONE, "22 12 34 56", region="NO") == "+4722123456"


@pytest.mark.parametrize(
    ("number", "forms"),
    [
        ("+46701740605", ("+46701740605",)),
        ("+5511961234567", ("+5511961234567", "+551161234567")),
        ("+5491123456789", ("+5491123456789", "+541123456789")),
        ("+525512345678", ("+525512345678", "+5215512345678")),
    ],
)
def test_the_ways_in_which_providers_write_a_number(number: str, forms: tuple[str, ...]) -> None:
    assert same_numbers(number) == forms
    for form in forms:
        assert normal(PHONE, form, region="SE") == number


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (" Anna.B+shop@Example.SE ", "Anna.B+shop@example.se"),
        ("anna@örebro.se", "anna@xn--rebro-iua.se"),
        ("anna@XN--REBRO-IUA.se", "anna@xn--rebro-iua.se"),
        ("anna@straße.de", "anna@xn--strae-oqa.de"),
        ("anna@", None),
        ("@example.se", None),
        ("anna", None),
        ("an na@example.se", None),
        ("anna@exa mple.se", None),
    ],
)
def test_e_mails(raw: str, form: str | None) -> None:
    assert normal(EMAIL, raw, region="SE") == form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna@exаmple.se", "anna@example.se"),  # a Cyrillic а
        ("аnna@example.se", "anna@example.se"),
        ("anna@straße.de", "anna@strasse.de"),
        ("anna@example.se", "ANNA@example.se"),
        ("a.nna@example.se", "anna@example.se"),
        ("anna+x@example.se", "anna@example.se"),
    ],
)
def test_what_looks_alike_stays_two(one: str, other: str) -> None:
    assert normal(EMAIL, one, region="SE") != normal(EMAIL, other, region="SE")


def test_what_a_message_claims_each_once() -> None:
    read = not_understood().model_copy(
        update={
            "entities": (
                entity("email", "Anna@Example.se"),
                entity("order_number", "FB-104233"),
                entity("phone", "070-174 06 05"),
                entity("phone", "+46701740605"),
            )
        }
    )
    assert claims_in(read, region="SE") == (
        Claimed(what=EMAIL, value="Anna@example.se", raw="Anna@Example.se"),
        Claimed(what=PHONE, value="+46701740605", raw="070-174 06 05"),
    )
    assert claims_in(not_understood(), region="SE") == ()


@pytest.mark.parametrize(
    ("what", "value", "may"),
    [
        (EMAIL, "anna@mail.se", True),
        (EMAIL, "Info@mail.se", False),
        (EMAIL, "info+x@mail.se", False),
        (EMAIL, "null@mail.se", False),
        (EMAIL, "test@mail.se", False),
        (EMAIL, "anna@shop.se", False),
        (EMAIL, "anna@SHOP.se", False),
        (EMAIL, "anna@sub.shop.se", True),
        (EMAIL, "anna@example.com", False),
        (EMAIL, "shared@mail.se", False),
        (PHONE, "+46701740605", True),
        (PHONE, "+46000000000", False),
        (PHONE, "+4611111111", False),
        (PHONE, "+4687654321", False),
        (NUMBER, "4711", True),
        (NUMBER, "0", False),
        (NUMBER, "000", False),
        (NUMBER, "undefined", False),
        (NUMBER, "[object Object]", False),
        (NUMBER, "", False),
    ],
)
def test_what_may_suggest_who_somebody_is(what: ClaimKind, value: str, may: bool) -> None:
    blocked = ("Shared@mail.se", "+4687654321")
    assert can_suggest(what, value, blocked=blocked, own_domains=("shop.se",)) is may
