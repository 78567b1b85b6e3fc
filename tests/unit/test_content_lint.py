"""What a content check finds: rule, file, line, words and severity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot.errors import ConfigError
from bot.hub.content.lint import Problem, Severity, check, format_problems

if TYPE_CHECKING:
    from pathlib import Path

VOICE = """\
max_sentence_words: 6
max_exclamations: 1
forbidden:
  sv:
    - {phrase: tyvärr, instead: säg vad som går}
    - {phrase: bäst i test, instead: jämför inte}
  en:
    - {phrase: unfortunately, instead: say what can be done}
"""


def put(folder: Path, name: str, *head: str, text: str, slot: str = "a.b") -> None:
    path = folder / slot / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    locale = name.rpartition(".")[2]
    lines = ("---", f"slot: {slot}", f"locale: {locale}", *head, "---", text, "")
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clean content folder: a slot, the safe fallback and a voice, in both languages."""
    (tmp_path / "voice.yaml").write_text(VOICE, encoding="utf-8")
    for locale, text in (("sv", "Hej du."), ("en", "Hello you.")):
        put(tmp_path, f"default.{locale}", text=text)
        put(tmp_path, f"default.{locale}", text=text, slot="fallback.safe")
    return tmp_path


def found(folder: Path) -> list[tuple[str, int, str, str, str]]:
    return [
        (each.file, each.line, each.severity.value, each.rule, each.message)
        for each in check(folder)
    ]


def test_clean_content_has_no_problems(folder: Path) -> None:
    assert check(folder) == []


@pytest.mark.parametrize(
    ("text", "line", "rule", "message"),
    [
        (
            "Hej {{ customer.first_name }}!",
            6,
            "variable-without-fallback",
            (
                "variable 'customer.first_name' has no fallback: "
                'write {{ customer.first_name | fallback: "..." }} '
                "or put it in {% if customer.first_name %}"
            ),
        ),
        (
            "Hej.\n\n{% if agent.name %}{{ customer.name }}{% endif %} hej",
            8,
            "variable-without-fallback",
            (
                "variable 'customer.name' has no fallback: "
                'write {{ customer.name | fallback: "..." }} or put it in {% if customer.name %}'
            ),
        ),
        (
            'Hej {{ order.eta | fallback: "snart" }}.',
            6,
            "unknown-variable",
            (
                "variable 'order.eta' is unknown; known: agent.name, channel, customer.first_name, "
                "customer.name, handoff.position, link.began, link.browser, link.code, "
                "link.number, link.place, link.system, form.*"
            ),
        ),
        (
            "Hej {{ customer.name | fallback: '' }} du",
            6,
            "empty-fallback",
            "an empty fallback leaves a hole: write what is said instead, or use {% if %}",
        ),
        (
            "Hej {{ customer.name | fallback }}",
            6,
            "template",
            "cannot be filled in: fallback says not what to write instead",
        ),
        ("", 6, "empty-text", "the text is empty"),
        ("{% if customer.name %}Hej{% endif %}", 6, "empty-text", "the text is empty"),
        (
            "Hej.\nDet går tyvärr inte.",
            7,
            "forbidden-word",
            "column 9: 'tyvärr' is a forbidden word: säg vad som går",
        ),
        (
            "TYVÄRR nej",
            6,
            "forbidden-word",
            "column 1: 'TYVÄRR' is a forbidden word: säg vad som går",
        ),
        (
            "Vårt tält är bäst i test",
            6,
            "forbidden-word",
            "column 14: 'bäst i test' is a forbidden word: jämför inte",
        ),
        (
            "Vill ni ha hjälp?",
            6,
            "ni-address",
            "column 6: 'ni' is ni-tilltal: write to one person, with du",
        ),
        ("Er order", 6, "ni-address", "column 1: 'Er' is ni-tilltal: write to one person, with du"),
        (
            "Hej. Ett två tre fyra fem sex sju.",
            6,
            "long-sentence",
            "column 5: a sentence of 7 words; 6 at most",
        ),
        ("Hej! Oj!", 6, "exclamation-marks", "column 8: 2 exclamation marks; 1 at most"),
        (
            "Hej {{ customer.name",
            6,
            "unreadable",
            (
                "field 'text': expected '}}', found end of file. "
                'Use `{{ name | fallback: "..." }}` and `{% if name %}...{% endif %}`.'
            ),
        ),
    ],
)
def test_what_is_wrong_in_a_text(
    folder: Path, text: str, line: int, rule: str, message: str
) -> None:
    put(folder, "x.sv", "stage: [loyalty]", text=text)
    assert found(folder) == [("a.b/x.sv.md", line, "error", rule, message)]


@pytest.mark.parametrize(
    "text",
    [
        'Hej {{ customer.first_name | fallback: "du" }}!',
        "Hej{% if customer.name %} {{ customer.name }}{% endif %}!",
        "{% if agent.name %}{{ agent.name }} är här{% else %}En kollega är här{% endif %} nu.",
        'Order {{ form.order_number | fallback: "utan nummer" }}',
        "Ett två tre, fyra. Fem sex sju.\nÅtta nio",
        "Se fjallbutiken.example/a.b.c nu. Kl 10.30 går bra.",
        "Klänningen erbjuds i nio nikotinfria ersättningar",
    ],
)
def test_what_is_right_in_a_text(folder: Path, text: str) -> None:
    put(folder, "x.sv", "stage: [loyalty]", text=text)
    assert found(folder) == []


def test_english_is_not_held_to_swedish_rules(folder: Path) -> None:
    put(folder, "x.en", "stage: [loyalty]", text="Ni er tyvärr. Unfortunately not.")
    assert found(folder) == [
        (
            "a.b/x.en.md",
            6,
            "error",
            "forbidden-word",
            "column 15: 'Unfortunately' is a forbidden word: say what can be done",
        )
    ]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (
            "stages: [loyalty]",
            (
                "field 'stages' is unknown. Did you mean 'stage'? Known fields: "
                "slot, locale, persona, stage, channel, need, type, valid, when, choices, cards, "
                "goal, revision_note."
            ),
        ),
        (
            "need: price",
            "field 'need' cannot be 'price'. Use one of: technical, process, commercial, service.",
        ),
    ],
)
def test_a_file_that_cannot_be_read_does_not_hide_the_others(
    folder: Path, head: str, message: str
) -> None:
    put(folder, "x.sv", head, text="Hej")
    put(folder, "y.sv", "stage: [loyalty]", text="Tyvärr")
    assert found(folder) == [
        ("a.b/x.sv.md", 4, "error", "unreadable", message),
        (
            "a.b/y.sv.md",
            6,
            "error",
            "forbidden-word",
            "column 1: 'Tyvärr' is a forbidden word: säg vad som går",
        ),
    ]


# --- sms -------------------------------------------------------------------------------------

LONG = "a" * 80


@pytest.mark.parametrize("channel", ["sms", "twilio_sms"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{LONG} {LONG}.",
            ("warning", "sms-parts", "costs 2 SMS parts with its longest variables"),
        ),
        (
            " ".join([LONG] * 6),
            ("error", "sms-parts", "costs 4 SMS parts with its longest variables"),
        ),
        (
            "Hej 🎿 “du”",
            ("warning", "sms-alphabet", "🎿 “ ” makes every SMS part 70 instead of 160 characters"),
        ),
        (
            f"{LONG}{'b' * 70}" + '{{ customer.name | fallback: "du" }}',
            ("warning", "sms-parts", "costs 2 SMS parts with its longest variables"),
        ),
    ],
)
def test_what_an_sms_costs(
    folder: Path, channel: str, text: str, expected: tuple[str, str, str]
) -> None:
    put(folder, "x.sv", f"channel: [{channel}]", text=text)
    assert found(folder) == [("a.b/x.sv.md", 6, *expected)]


def test_one_sms_of_160_characters_is_fine_and_other_channels_may_write_more(folder: Path) -> None:
    put(folder, "x.sv", "channel: [sms]", text=f"{LONG}{'å' * 80}")
    put(folder, "y.sv", "channel: [webchat]", text="🎿 " + "ab. " * 150)
    assert found(folder) == []
    put(folder, "z.sv", "stage: [loyalty]", text="ab. " * 200)
    assert found(folder) == [
        (
            "a.b/z.sv.md",
            6,
            "warning",
            "long-text",
            "longer than 700 characters; people read two short messages sooner",
        )
    ]


# --- choices, places, slots ------------------------------------------------------------------


def test_titles_of_choices(folder: Path) -> None:
    title = "Prata med en människa"
    put(folder, "x.sv", "stage: [loyalty]", f"choices: [{title}, Ja, Ja]", text="Hej")
    put(folder, "default.sv", text=title, slot="topic.human")
    put(folder, "default.en", text="A person, please", slot="topic.human")
    message = f"choice '{title}' has 21 characters; 20 at most"
    assert found(folder) == [
        ("a.b/x.sv.md", 1, "error", "long-choice", message),
        ("a.b/x.sv.md", 1, "error", "same-choice", "choice 'Ja' stands twice"),
        ("topic.human/default.sv.md", 1, "error", "long-choice", message),
    ]


def test_cards_that_are_too_much(folder: Path) -> None:
    button = "{title: Ja}"
    cards = [
        f"{{title: {'t' * 61}, text: {'x' * 161}, buttons: [{button}, B, C, D]}}",
        *(f"{{title: K{number}}}" for number in range(9)),
        "{title: Sist, buttons: [Ja, Visa alla våra tält nu]}",
    ]
    put(folder, "x.sv", "stage: [loyalty]", f"cards: [{', '.join(cards)}]", text="Hej")
    of = f"of card '{'t' * 61}' has"
    assert [(one[3], one[4]) for one in found(folder)] == [
        ("long-card", f"the text {of} 161 characters; 160 at most"),
        ("long-card", f"the title {of} 61 characters; 60 at most"),
        ("long-choice", "choice 'Visa alla våra tält nu' has 22 characters; 20 at most"),
        ("many-buttons", f"card '{'t' * 61}' has 4 buttons; 3 at most"),
        ("many-cards", "11 cards; 10 at most"),
        ("same-choice", "choice 'Ja' stands twice"),
    ]


def test_cards_count_where_they_are_written_out(folder: Path) -> None:
    cards = [f"{{title: K{number}, text: {'x' * 150}}}" for number in range(5)]
    put(folder, "x.sv", "stage: [loyalty]", f"cards: [{', '.join(cards)}]", text="Hej")
    assert [one[3] for one in found(folder)] == ["long-text"]


def test_a_file_in_the_wrong_place(folder: Path) -> None:
    (folder / "a.b" / "default.sv.md").rename(folder / "a.b" / "default.se.md")
    message = "the path should end in a.b/<name>.sv.md"
    assert found(folder) == [("a.b/default.se.md", 1, "warning", "path", message)]


@pytest.mark.parametrize(("there", "lacking"), [("sv", "en"), ("en", "sv")])
def test_a_slot_without_one_of_the_languages(folder: Path, there: str, lacking: str) -> None:
    put(folder, f"default.{there}", text="Hej", slot="c.d")
    message = f"slot 'c.d' has no text in '{lacking}'"
    assert found(folder) == [(f"c.d/default.{there}.md", 1, "warning", "missing-locale", message)]


def test_a_slot_without_a_default(folder: Path) -> None:
    put(folder, "sms.sv", "channel: [sms]", text="Hej", slot="c.d")
    put(folder, "default.en", text="Hi", slot="c.d")
    message = "slot 'c.d' has no default in 'sv': a text for every moment"
    assert found(folder) == [("c.d/default.en.md", 1, "warning", "no-default", message)]


def test_without_a_safe_fallback(folder: Path) -> None:
    put(folder, "default.en", text="Hi", slot="c.d")  # a warning hides no error
    put(folder, "default.en", "stage: [loyalty]", text="Hello", slot="fallback.safe")
    put(folder, "other.en", text='{{ customer.name | fallback: "Hi" }}', slot="fallback.safe")
    assert found(folder)[1:] == [
        (
            "content",
            1,
            "error",
            "unreadable",
            (
                "slot 'fallback.safe' has no variant in en that fits every moment. "
                "Add one without persona, stage, channel, need, valid, when and variables."
            ),
        )
    ]


# --- variants against each other -------------------------------------------------------------

COVERED = "never said: a.b/m.sv is as narrow and always comes first"
SHARED = "as narrow as a.b/m.sv and for some of the same moments; the name decides"
FROM = "valid: {from: 2026-03-01T00:00Z}"
UNTIL = "valid: {to: 2026-03-01T00:00Z}"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (["stage: [a]"], ["stage: [a]"], ("error", "unreachable", COVERED)),
        (["stage: [a, b]"], ["stage: [b]"], ("error", "unreachable", COVERED)),
        (["stage: [b]"], ["stage: [a, b]"], ("warning", "ambiguous", SHARED)),
        (["stage: [a, b]"], ["stage: [b, c]"], ("warning", "ambiguous", SHARED)),
        (["stage: [a]"], ["stage: [b]"], None),
        (["channel: [sms]"], ["channel: [x_sms]"], ("error", "unreachable", COVERED)),
        (["channel: [x_sms]"], ["channel: [sms]"], ("warning", "ambiguous", SHARED)),
        (["channel: [x_sms]"], ["channel: [y_sms]"], None),
        (["stage: [a]"], ["persona: [a]"], None),  # 4 against 8: the narrower wins
        (["stage: [a]", "channel: [c]"], ["stage: [a]"], None),
        (["stage: [a]", "need: process"], ["stage: [a]", "need: service"], None),
        (["stage: [a]", FROM], ["stage: [a]", UNTIL], None),
        (["stage: [a]", UNTIL], ["stage: [a]", FROM], None),
        (["stage: [a]", FROM], ["stage: [a]"], ("warning", "ambiguous", SHARED)),
        (["stage: [a]"], ["stage: [a]", FROM], ("error", "unreachable", COVERED)),
        (
            ["when: {all: [{field: channel, op: is, value: x}]}"],
            ["when: {all: [{field: channel, op: in, value: [y, z]}]}"],
            None,
        ),
        (
            ["when: {all: [{field: channel, op: exists}]}"],
            ["when: {all: [{field: channel, op: missing}]}"],
            None,
        ),
        (
            ["when: {all: [{field: channel, op: is, value: x}]}"],
            ["when: {all: [{field: channel, op: in, value: [X, z]}]}"],
            ("warning", "ambiguous", SHARED),
        ),
        (
            ["when: {all: [{field: channel, op: missing}]}"],
            ["when: {all: [{field: channel, op: is_not, value: x}]}"],
            ("warning", "ambiguous", SHARED),
        ),
    ],
)
def test_two_variants_for_the_same_moments(
    folder: Path, one: list[str], other: list[str], expected: tuple[str, str, str] | None
) -> None:
    put(folder, "m.sv", *one, text="Hej")
    put(folder, "n.sv", *other, text="Hallå")
    assert found(folder) == ([("a.b/n.sv.md", 1, *expected)] if expected else [])


@pytest.mark.parametrize(("day", "over"), [(28, False), (1, True)])
def test_a_text_whose_time_is_over(folder: Path, day: int, *, over: bool) -> None:
    put(folder, "m.sv", "stage: [a]", UNTIL, text="Hej")
    month = 3 if over else 2
    problems = check(folder, now=datetime(2026, month, day, tzinfo=UTC))
    message = "never said: it ended 2026-03-01T00:00:00+00:00"
    expected = Problem(file="a.b/m.sv.md", line=1, rule="unreachable", message=message)
    assert problems == ([expected] if over else [])
    assert check(folder) == []


# --- the voice file, and the report ----------------------------------------------------------


@pytest.mark.parametrize(
    ("voice", "line", "message"),
    [
        ("max: 3", 1, "field 'max' is unknown. Known fields: "),
        (
            "max_exclamations: many",
            1,
            "field 'max_exclamations' cannot be 'many'. Write it like `max_exclamations: 1`.",
        ),
        ("max_exclamations: 0", 1, "field 'max_exclamations' cannot be '0'. "),
        ("forbidden:\n  sv:\n    - oj", 2, "'oj' says not what to write instead. "),
        ("forbidden:\n  sv:\n    - {phrase: oj}", 3, "field 'instead' is missing. "),
        ("forbidden: [", 1, "not YAML: "),
    ],
)
def test_a_voice_file_with_a_mistake(folder: Path, voice: str, line: int, message: str) -> None:
    (folder / "voice.yaml").write_text(voice, encoding="utf-8")
    (problem,) = check(folder)
    assert (problem.file, problem.line, problem.rule) == ("voice.yaml", line, "unreadable")
    assert problem.message.startswith(message)


def test_without_a_voice_file_the_usual_rules_hold(folder: Path) -> None:
    (folder / "voice.yaml").unlink()
    put(folder, "x.sv", "stage: [a]", text="Tyvärr! Nej!")
    assert [each.rule for each in check(folder)] == ["exclamation-marks"]


def test_the_report_is_one_line_a_problem() -> None:
    problems = [
        Problem(file="a.md", line=3, rule="empty-text", message="the text is empty"),
        Problem(file="b.md", line=1, rule="path", message="elsewhere", severity=Severity.WARNING),
    ]
    assert format_problems(problems) == (
        "a.md:3: error [empty-text] the text is empty\n"
        "b.md:1: warning [path] elsewhere\n"
        "1 error, 1 warning"
    )
    assert format_problems([]) == "0 errors, 0 warnings"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        check(tmp_path / "nowhere")
