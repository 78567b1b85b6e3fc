"""Filling in texts: variables, dates, and templates that mean harm."""

from __future__ import annotations

import time
import tracemalloc
from datetime import UTC, date, datetime

import pytest

from bot.hub.content import Variables
from bot.hub.content.render import Broken, Scalar, Template, Unfit, compile_text


def template(text: str, *, locale: str = "sv") -> Template:
    made = compile_text(text, locale=locale, time_zone="Europe/Stockholm")
    assert isinstance(made, Template)
    return made


def render(
    text: str, values: dict[str, Scalar | None] | None = None, *, locale: str = "sv"
) -> str | Unfit:
    return template(text, locale=locale).render(Variables.of(values or {}))


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("Hej!", {}, "Hej!"),
        ("Hej {{ a.b }}!", {"a.b": "Åsa 🎿"}, "Hej Åsa 🎿!"),
        ('Hej {{ a.b | fallback: "du" }}!', {}, "Hej du!"),
        ('Hej {{ a.b | fallback: "du" }}!', {"a.c": "x"}, "Hej du!"),
        ('Hej {{ a.b | fallback: "du" }}!', {"a.b": None}, "Hej du!"),
        ('Hej {{ a.b | fallback: "du" }}!', {"a.b": " \n"}, "Hej du!"),
        ('Hej {{ a.b | fallback: "du" }}!', {"a.b": "Li"}, "Hej Li!"),
        ("{{ n | fallback: 'x' }}", {"n": 0}, "0"),
        ("{{ a | capitalize }} {{ a | upcase }}", {"a": "åre"}, "Åre ÅRE"),
        ("{% if a.b %}Hej {{ a.b }}{% else %}Hej{% endif %}", {}, "Hej"),
        ("{% if a.b %}Hej {{ a.b }}{% else %}Hej{% endif %}", {"a.b": "Li"}, "Hej Li"),
        ("{% if a == 'x' %}1{% else %}2{% endif %}", {}, "2"),
        ("{% unless a %}1{% endunless %}", {}, "1"),
        ("{% case a %}{% when 'x' %}1{% else %}2{% endcase %}", {"a": "x"}, "1"),
        # What a customer calls himself is never a template.
        ("Hej {{ a }}", {"a": "{{ b }}{% if %}<b>"}, "Hej {{ b }}{% if %}<b>"),
    ],
)
def test_what_is_said(text: str, values: dict[str, Scalar | None], said: str) -> None:
    assert render(text, values) == said


@pytest.mark.parametrize(
    ("text", "values", "missing"),
    [
        ("Hej {{ customer.first_name }}!", {}, "customer.first_name"),
        ("Hej {{ customer.first_name }}!", {"customer.name": "Li"}, "customer.first_name"),
        ("Hej {{ customer.first_name }}!", {"customer.first_name": ""}, "customer.first_name"),
        ("{{ a | upcase }}", {}, "a"),
        ('{{ a | upcase | fallback: "x" }}', {}, "a"),
        ('{{ a | date: "d MMMM" }}', {}, "a"),
        ("{{ a.b.c }}", {"a.b": "text"}, "a.b.c"),
        ("{{ a.__class__ }}", {"a": "text"}, "a.__class__"),
        ("{{ a.b.__class__.__mro__ }}", {"a.b": "text"}, "a.b.__class__.__mro__"),
    ],
)
def test_a_variable_that_is_not_known_is_named_and_nothing_is_said(
    text: str, values: dict[str, Scalar | None], missing: str
) -> None:
    assert render(text, values) == Unfit(f"variable {missing} is not known", missing)


def test_a_group_of_variables_is_not_printed() -> None:
    said = render("Hej {{ customer }}!", {"customer.name": "Li", "customer.phone": "+46700"})
    assert said == Unfit("customer is a group of variables, not one")


@pytest.mark.parametrize("text", ["", "{% if a %}x{% endif %}", "{{ a | fallback: '  ' }}"])
def test_nothing_is_not_said(text: str) -> None:
    assert render(text) == Unfit("the text is empty")


@pytest.mark.parametrize(
    ("value", "pattern", "sv", "en"),
    [
        (date(2026, 5, 1), "d MMMM", "1 maj", "1 May"),
        ("2026-05-01", "EEEE d MMMM", "fredag 1 maj", "Friday 1 May"),
        # Midnight in Stockholm is ten in the evening in UTC: the customer's day counts.
        (datetime(2026, 4, 30, 22, 0, tzinfo=UTC), "d MMM HH:mm", "1 maj 00:00", "1 May 00:00"),
        ("2026-04-30T22:00:00+00:00", "d MMMM", "1 maj", "1 May"),
    ],
)
def test_dates_are_written_as_the_locale_does(
    value: Scalar, pattern: str, sv: str, en: str
) -> None:
    text = f'{{{{ a | date: "{pattern}" }}}}'
    assert render(text, {"a": value}) == sv
    assert render(text, {"a": value}, locale="en") == en


@pytest.mark.parametrize(
    ("text", "value"),
    [('{{ a | date: "d" }}', "soon"), ('{{ a | date: "QQQQQQQQ" }}', date(2026, 5, 1))],
)
def test_a_date_that_cannot_be_written_is_not_said(text: str, value: Scalar) -> None:
    said = render(text, {"a": value})
    assert isinstance(said, Unfit)
    assert said.reason.startswith("cannot be filled in: ")


def test_the_variables_that_a_text_looks_at_are_known() -> None:
    text = "{% if a.b %}{{ c | fallback: d.e }}{% endif %}{% assign x = f %}{{ x }}"
    assert template(text).names == {"a.b", "c", "d.e", "f"}


def test_variables_are_values() -> None:
    one = Variables.of({"a.b": "x", "c": None, "d": " "})
    assert one == Variables((("a.b", "x"),))
    assert hash(one) == hash(Variables((("a.b", "x"),)))
    assert (one.get("a.b"), one.get("a"), one.get("c")) == ("x", None, None)


# --- hostile templates -----------------------------------------------------------------------

BIG = "x" * 20_000
HOSTILE = (
    # Loops: the library lists a reversed range before it counts, so loops are not there at all.
    "{% for i in (1..300000000) reversed %}{% endfor %}",
    "{% for i in (1..99999) %}{% for j in (1..99999) %}x{% endfor %}{% endfor %}",
    "{% tablerow i in (1..99999999) %}x{% endtablerow %}",
    # Text that multiplies.
    "{% assign a = 'xxxxxxxxxx' %}{% assign a = a | replace: 'x', a %}{{ a }}",
    "{{ 'x' | append: 'y' }}",
    "{{ 'xxxx' | split: '' | join: 'xxxxxxxx' }}",
    "{% capture a %}x{% endcapture %}{{ a }}",
    # Other people's files, and the clock.
    "{% include 'x' %}",
    "{% render 'x' %}",
    "{{ now }}",
    "{{ 'today' | nope }}",
    # Too deep for a person to have meant it.
    "{% if a %}" * 40 + "x" + "{% endif %}" * 40,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_harm_is_not_part_of_the_language(text: str) -> None:
    started = time.perf_counter()
    assert isinstance(compile_text(text, locale="sv", time_zone="Europe/Stockholm"), Broken)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "text",
    [
        "{{ big }}" * 20,
        "{% assign a = big %}{% assign b = big %}{{ a }}",
        "{{ big | upcase | downcase | capitalize }}",
        "{{ (1..99999999999999999999) }}{{ big }}",
    ],
)
def test_output_and_memory_are_bounded(text: str) -> None:
    made = template(text)
    tracemalloc.start()
    try:
        said = made.render(Variables.of({"big": BIG}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(said, Unfit)
    assert "limit" in said.reason
    assert peak < 1_000_000


def test_a_refusal_says_where() -> None:
    broken = compile_text("a\nb {{ c | nope }}", locale="sv", time_zone="Europe/Stockholm")
    assert broken == Broken("unknown filter 'nope'", 1)
