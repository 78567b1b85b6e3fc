"""Content files: what is read, what is refused and in which words, and writing without loss."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.hub.content import ContentSet
from bot.hub.content.parse import format_variant, parse, read_file
from bot.hub.content.variant import Condition, ContentType, Operator, Variant
from bot.model.sending import Card, Choice, ChoiceKind
from bot.model.understanding import Need

if TYPE_CHECKING:
    from pathlib import Path

FILE = "support/answer.delivery.time/business.sv.md"
CARD = "Write it like `{title: Abisko 2, text: ...}`."
PICTURE = "Begin it with `https://`, or with `/` for a picture of this hub."
FULL = """\
---
slot: answer.delivery.time
persona: [business-buyer]        # omit = any
stage: [support, purchase]
channel: [sms]
locale: sv
need: process
when: { all: [ {field: order.status, op: in, value: [packed, shipped]}, {field: vip, op: exists} ] }
valid: { from: 2026-03-01T00:00+01:00, to: null }
goal: no_repeat_contact_24h
type: tip
choices:
  - Ja tack
  - {title: "Läs mer: här", url: "https://fjallbutiken.example/x"}
  - {title: Nej, payload: "intent:deny"}
revision_note: "kortare"
---

Hej {{ customer.first_name | fallback: "du" }}!

--- och ett streck
"""


def test_every_field_is_read() -> None:
    source = parse(FULL, file=FILE)
    assert source.variant == Variant(
        name="support/answer.delivery.time/business.sv",
        slot="answer.delivery.time",
        locale="sv",
        persona=("business-buyer",),
        stage=("purchase", "support"),
        channel=("sms",),
        need=Need.PROCESS,
        type=ContentType.TIP,
        valid_from=datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=1))),
        when=(
            Condition(field="order.status", op=Operator.IN, values=("packed", "shipped")),
            Condition(field="vip", op=Operator.EXISTS),
        ),
        choices=(
            Choice(title="Ja tack"),
            Choice(title="Läs mer: här", kind=ChoiceKind.URL, url="https://fjallbutiken.example/x"),
            Choice(title="Nej", payload="intent:deny"),
        ),
        goal="no_repeat_contact_24h",
        revision_note="kortare",
        text='Hej {{ customer.first_name | fallback: "du" }}!\n\n--- och ett streck',
    )
    assert (source.file, source.line) == (FILE, 19)


def test_the_least_that_a_file_needs() -> None:
    variant = parse("---\nslot: a.b\nlocale: no\n---\nHei", file="x.md").variant
    assert variant == Variant(name="x", slot="a.b", locale="no", text="Hei")
    assert (variant.specificity, variant.strings, variant.type) == (0, 0, ContentType.SERVICE)


def head(*lines: str, text: str = "Hej") -> str:
    return "\n".join(("---", "slot: a.b", "locale: sv", *lines, "---", text))


TIME = "Write it like `2026-03-01T00:00+01:00`."
CONDITION = "Write it like `{field: order.status, op: in, value: [packed, shipped]}`."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Hej",
            (
                "x.md:1: the head is missing. "
                "Begin with a line `---`, the fields, and another line `---`."
            ),
        ),
        ("---\nslot: a", "x.md:1: the head does not end. Close it with a line `---`."),
        ("---\n---\nHej", "x.md:2: there are no fields. Write `name: value` lines."),
        ("---\n- a\n---\nHej", "x.md:2: fields are expected here. Write `name: value` lines."),
        (
            "---\nlocale: sv\n---\nHej",
            "x.md:2: field 'slot' is missing. Add `slot: answer.delivery.time`.",
        ),
        ("---\nslot: a\nlocale:\n---\n", "x.md:3: field 'locale' is missing. Add `locale: sv`."),
        (
            "---\nslot: A B\nlocale: sv\n---\n",
            "x.md:2: field 'slot' cannot be 'A B'. Write it like `slot: answer.delivery.time`.",
        ),
        (
            "---\nslot: a\nlocale: svenska\n---\n",
            "x.md:3: field 'locale' cannot be 'svenska'. Write it like `locale: sv`.",
        ),
        (
            head("stages: [loyalty]"),
            (
                "x.md:4: field 'stages' is unknown. Did you mean 'stage'? "
                "Known fields: slot, locale, "
                "persona, stage, channel, need, type, valid, when, choices, cards, "
                "goal, revision_note."
            ),
        ),
        (head("stage: a", "stage: b"), "x.md:5: field 'stage' stands twice. Keep one of the two."),
        (
            head("persona: [Förälder]"),
            "x.md:4: field 'persona' cannot hold 'Förälder'. Use small letters, digits, _ and -.",
        ),
        (
            head("channel: [sms, sms]"),
            "x.md:4: field 'channel' names one twice. Keep one of them.",
        ),
        (
            head("need: price"),
            (
                "x.md:4: field 'need' cannot be 'price'. "
                "Use one of: technical, process, commercial, service."
            ),
        ),
        (
            head("valid:", "  from: 2026-03-01T00:00"),
            f"x.md:5: field 'valid.from' has no time zone. {TIME}",
        ),
        (
            head("valid: {to: soon}"),
            f"x.md:4: field 'valid.to' cannot be 'soon'. {TIME}",
        ),
        (
            head("valid: {from: 2026-03-02T00:00Z, to: 2026-03-02T00:00Z}"),
            "x.md:4: field 'valid' ends before it begins. Put `to` after `from`, or leave one out.",
        ),
        (
            head("valid: {until: 2026-03-02T00:00Z}"),
            "x.md:4: field 'until' is unknown. Known fields: from, to.",
        ),
        (head("valid: now"), "x.md:4: fields are expected here. Write `name: value` lines."),
        (
            head("when:", "  all:", "    - {field: a, op: like, value: b}"),
            (
                "x.md:6: field 'op' cannot be 'like'. "
                "Use one of: is, is_not, in, not_in, exists, missing."
            ),
        ),
        (
            head("when: {all: [{field: a, op: is}]}"),
            f"x.md:4: the comparison 'is' needs a value. {CONDITION}",
        ),
        (
            head("when: {all: [{field: a, op: exists, value: 1}]}"),
            f"x.md:4: the comparison 'exists' takes no value. {CONDITION}",
        ),
        (head("when: {all: [x]}"), f"x.md:4: field 'when' cannot hold 'x'. {CONDITION}"),
        (
            head("cards: [Abisko 2]"),
            f"x.md:4: field 'cards' cannot hold 'Abisko 2'. {CARD}",
        ),
        (
            head("cards:", "  - text: Lätt"),
            "x.md:5: field 'title' is missing. Add `title: Abisko 2`.",
        ),
        (
            head("cards:", "  - title: A", "    image: http://a.example/b.png"),
            f"x.md:6: field 'image' cannot be 'http://a.example/b.png'. {PICTURE}",
        ),
        (
            head("cards:", "  - title: A", "    image: //a.example/b.png"),
            f"x.md:6: field 'image' cannot be '//a.example/b.png'. {PICTURE}",
        ),
        (
            head("cards:", "  - title: A", '    text: "Hej {{ customer.name }}"'),
            "x.md:6: field 'text' of a card cannot have variables. Put them in the text above.",
        ),
        (
            head("cards:", "  - title: A", "    buttons: [{title: B, url: 'http://b'}]"),
            "x.md:6: field 'url' cannot be 'http://b'. Begin it with `https://`.",
        ),
        (
            head("cards:", "  - title: A", "    buttons: ['']"),
            "x.md:6: field 'buttons' holds an empty title. Write a title.",
        ),
        (
            head("cards:", "  - title: A", "    footer: B"),
            "x.md:6: field 'footer' is unknown. Known fields: title, text, image, buttons.",
        ),
        (head("choices: Ja"), "x.md:4: field 'choices' is no list. Begin each item with `- `."),
        (
            head("choices:", "  - {payload: x}"),
            "x.md:5: field 'title' is missing. Add `title: Ja tack`.",
        ),
        (
            head("choices:", "  - title: Ja", "    url: javascript:alert(1)"),
            "x.md:6: field 'url' cannot be 'javascript:alert(1)'. Begin it with `https://`.",
        ),
        (head("goal: [a]"), "x.md:4: field 'goal' needs plain text. Write one value there."),
        (head("goal: {a"), "x.md:4: not YAML: "),
        (head("goal: \x01"), "x.md:2: not YAML: a character is not allowed. Remove it."),
        (head(f"goal: {'[' * 600}"), "x.md:2: nested too deep. Write it flatter."),
        (head("goal: !!python/object:os.system x"), ""),
    ],
)
def test_a_mistake_is_named_with_its_line_and_mend(text: str, message: str) -> None:
    if not message:  # an unknown tag makes no object: what was written is text
        assert parse(text, file="x.md").variant.goal == "x"
        return
    with pytest.raises(ConfigError) as error:
        parse(text, file="x.md")
    assert str(error.value).startswith(message)
    if not message.endswith(": "):
        assert str(error.value) == message


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_bytes("---\nslot: a\nlocale: sv\n---\nfjäll".encode("latin-1"))
    with pytest.raises(ConfigError) as error:
        read_file(path, root=tmp_path)
    assert str(error.value) == "x.md:1: byte 29 is not UTF-8. Save the file as UTF-8."


def test_windows_files_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode())
    assert read_file(path, root=tmp_path).variant == parse(FULL, file="x.md").variant


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("Hej {{ a", "x.md:5", "expected '}}', found end of file"),
        ("Hej\n{% for i in a %}{% endfor %}", "x.md:6", "unexpected tag 'for'"),
        ("Hej\n\n{{ a | nope }}", "x.md:7", "unknown filter 'nope'"),
        ("{% if a %}Hej", "x.md:5", "expected tag endif, found end of expression"),
        ("{{ now }}", "x.md:5", "'now' is not available"),
    ],
)
def test_a_text_that_is_no_template_is_refused_at_load(
    tmp_path: Path, text: str, where: str, problem: str
) -> None:
    (tmp_path / "x.md").write_text(head(text=text), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        ContentSet.load(tmp_path)
    assert str(error.value) == (
        f"{where}: field 'text': {problem}. "
        'Use `{{ name | fallback: "..." }}` and `{% if name %}...{% endif %}`.'
    )


# --- revisions and writing -------------------------------------------------------------------


def test_a_revision_is_of_the_content_not_of_its_layout() -> None:
    one = parse("---\nslot: a.b\nlocale: sv\nstage: [b, a]\n---\nHej", file="x.md").variant
    other = parse("---\nlocale: 'sv'\nstage:\n- a\n- b\nslot: a.b\n---\n\nHej\n\n", file="y/x.md")
    assert one.revision == other.variant.revision
    assert one.id == f"x@{one.revision}"
    assert other.variant.id == f"y/x@{one.revision}"
    changed = one.model_copy(update={"text": "Hej!"})
    assert changed.revision != one.revision


def _plain(words: str) -> bool:
    return "{{" not in words and "{%" not in words


_word = st.from_regex(r"\A[a-z][a-z0-9_-]{0,8}\Z")
_line = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
_title = _line.map(str.strip).filter(bool)
_body = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=60)
_time = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
_choices = st.one_of(
    st.builds(Choice, title=_title, payload=st.none() | _line),
    st.builds(
        Choice, title=_title, kind=st.just(ChoiceKind.URL), url=st.just("https://a.example/?q=1#x")
    ),
)
_cards = st.builds(
    Card,
    title=_title.filter(_plain),
    text=_body.map(str.strip).filter(_plain),
    image=st.none() | st.sampled_from(["https://a.example/b.png", "/files/blb_1/b.png"]),
    buttons=st.lists(_choices, max_size=3).map(tuple),
)
_conditions = st.one_of(
    st.builds(
        Condition,
        field=st.just("order.n"),
        op=st.just(Operator.IN),
        values=st.lists(_line, min_size=1, max_size=3).map(tuple),
    ),
    st.just(Condition(field="vip", op=Operator.MISSING)),
)
_words = st.sets(_word, max_size=3).map(lambda words: tuple(sorted(words)))
_variants = st.builds(
    Variant,
    name=st.just("a/b"),
    slot=st.just("a.b"),
    locale=st.sampled_from(["sv", "sv-FI", "no"]),
    persona=_words,
    stage=_words,
    channel=_words,
    need=st.none() | st.sampled_from(Need),
    type=st.sampled_from(ContentType),
    valid_from=st.none() | _time,
    when=st.lists(_conditions, max_size=2).map(tuple),
    choices=st.lists(_choices, max_size=3).map(tuple),
    cards=st.lists(_cards, max_size=2).map(tuple),
    goal=st.just("") | _line,
    revision_note=st.just("") | _line,
    text=_body.map(str.strip),
)


@given(_variants)
def test_writing_and_reading_loses_nothing(variant: Variant) -> None:
    written = format_variant(variant)
    again = parse(written, file="a/b.md").variant
    assert again == variant
    assert again.id == variant.id
    assert format_variant(again) == written
