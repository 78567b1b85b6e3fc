"""Which variant is said: eligibility, order, locale fallback, and the trace of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.hub.content import ContentSet, Moment, Variables
from bot.hub.content.parse import Source, format_variant
from bot.hub.content.variant import Condition, Operator, Variant
from bot.model.decision import Gap
from bot.model.understanding import Need
from tests.builders import START

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from bot.hub.content.render import Scalar

SAFE = Variant(name="safe.en", slot="fallback.safe", locale="en", text="Cannot.")
SAFE_SV = Variant(name="safe.sv", slot="fallback.safe", locale="sv", text="Kan inte.")


def variant(name: str, **axes: object) -> Variant:
    usual = {"name": name, "slot": "a.b", "locale": "sv", "text": f"text of {name}"}
    return Variant.model_validate(usual | axes)


def content(*variants: Variant, fallback_locales: tuple[str, ...] = ("en",)) -> ContentSet:
    sources = [Source(each, f"{each.name}.md", 5) for each in (*variants, SAFE, SAFE_SV)]
    return ContentSet(sources, fallback_locales=fallback_locales)


def moment(
    *,
    channel: str = "webchat",
    locale: str = "sv",
    persona: str | None = None,
    stage: str | None = None,
    need: Need | None = None,
    after: timedelta = timedelta(),
    variables: dict[str, Scalar | None] | None = None,
) -> Moment:
    return Moment(
        channel=channel,
        locale=locale,
        persona=persona,
        stage=stage,
        need=need,
        now=START + after,
        variables=Variables.of(variables or {}),
    )


NARROW = (
    variant("0"),
    variant("c", channel=("sms",)),
    variant("s", stage=("purchase",)),
    variant("sc", stage=("purchase",), channel=("sms",)),
    variant("p", persona=("parent",)),
    variant("pc", persona=("parent",), channel=("sms",)),
    variant("ps", persona=("parent",), stage=("purchase",)),
    variant("psc", persona=("parent",), stage=("purchase",), channel=("sms",)),
)


@pytest.mark.parametrize(
    ("persona", "stage", "channel", "wins"),
    [
        (None, None, "webchat", "0"),
        (None, None, "twilio_sms", "c"),
        (None, "purchase", "webchat", "s"),
        (None, "purchase", "twilio_sms", "sc"),
        ("parent", None, "webchat", "p"),
        ("parent", None, "twilio_sms", "pc"),
        ("parent", "purchase", "webchat", "ps"),
        ("parent", "purchase", "twilio_sms", "psc"),
        ("business-buyer", "loyalty", "telegram", "0"),
    ],
)
def test_the_narrowest_fit_wins(
    persona: str | None, stage: str | None, channel: str, wins: str
) -> None:
    found = content(*NARROW).resolve("a.b", moment(persona=persona, stage=stage, channel=channel))
    assert found.variant.name == wins
    assert found.text == f"text of {wins}"
    assert found.gap is None
    assert found.decision.missing_locale is False


# Weights: persona 8, stage 4, channel 2, exact locale 1. Each row: the first beats the second.
@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"persona": ("parent",)}, {"stage": ("purchase",), "channel": ("sms",)}),
        ({"stage": ("purchase",)}, {"channel": ("sms",)}),
        ({"channel": ("sms",)}, {}),
        ({"channel": ("sms",), "locale": "sv"}, {"locale": "sv-FI"}),
        ({"locale": "sv-FI"}, {"locale": "sv"}),
        ({"need": "process"}, {}),
        ({"when": (Condition(field="x", op=Operator.EXISTS),)}, {}),
        (
            {"channel": ("sms",)},
            {"need": "process", "when": (Condition(field="x", op=Operator.EXISTS),)},
        ),
        # English is never closer than Swedish, however narrow it is.
        ({"locale": "sv"}, {"locale": "en", "persona": ("parent",), "stage": ("purchase",)}),
    ],
)
def test_what_beats_what(better: dict[str, object], worse: dict[str, object]) -> None:
    # The names are against the better one, so that only the rule can make it win.
    lib = content(
        variant("z", **better),
        variant("a", **worse),
    )
    now = moment(
        persona="parent",
        stage="purchase",
        channel="twilio_sms",
        locale="sv-FI",
        need=Need.PROCESS,
        variables={"x": 1},
    )
    assert lib.resolve("a.b", now).variant.name == "z"


def test_of_equals_the_name_that_comes_first_wins() -> None:
    lib = content(variant("b"), variant("a"), variant("c"))
    found = lib.resolve("a.b", moment())
    assert found.variant.name == "a"
    assert [
        (each.variant.partition("@")[0], each.verdict) for each in found.decision.candidates
    ] == [
        ("a", "chosen"),
        ("b", "another is closer"),
        ("c", "another is closer"),
    ]


def test_an_edit_does_not_change_which_of_two_equals_wins() -> None:
    before = content(variant("a", text="one"), variant("b"))
    after = content(variant("a", text="two"), variant("b"))
    assert before.resolve("a.b", moment()).variant.name == "a"
    assert after.resolve("a.b", moment()).variant.name == "a"
    assert before.id != after.id


@pytest.mark.parametrize(
    ("axes", "verdict"),
    [
        ({"persona": ("parent", "hiker")}, "persona is not parent or hiker"),
        ({"stage": ("loyalty",)}, "stage is not loyalty"),
        ({"channel": ("telegram",)}, "channel is not telegram"),
        ({"need": "technical"}, "need is not technical"),
        ({"locale": "de"}, "locale is not in the chain"),
        ({"valid_from": "2026-03-02T10:00:01+01:00"}, "begins 2026-03-02T10:00:01+01:00"),
        ({"valid_to": "2026-03-02T09:00:00+00:00"}, "ended 2026-03-02T09:00:00+00:00"),
        (
            {"when": (Condition(field="o.s", op=Operator.IN, values=("a", "b")),)},
            "condition fails: o.s in a, b",
        ),
        ({"text": "Hej {{ customer.name }}"}, "variable customer.name is not known"),
        ({"text": "{% if customer.name %}Hej{% endif %}"}, "the text is empty"),
    ],
)
def test_a_variant_that_does_not_fit_says_why(axes: dict[str, object], verdict: str) -> None:
    # A text shows only when filled in that it cannot be said: it is tried when it is its turn.
    lib = content(variant("z"), variant("tried", **axes))
    found = lib.resolve("a.b", moment(stage="purchase"))
    verdicts = {each.variant.partition("@")[0]: each.verdict for each in found.decision.candidates}
    assert found.text == "text of z"
    assert verdicts["tried"] == verdict
    assert found.gap is None


@pytest.mark.parametrize(
    ("after", "said"),
    [(-1, "always"), (0, "spring"), (59, "spring"), (60, "always")],
)
def test_validity_begins_at_from_and_ends_before_to(after: int, said: str) -> None:
    spring = variant(
        "spring",
        stage=("purchase",),
        valid_from=START,
        valid_to=START + timedelta(seconds=60),
    )
    lib = content(variant("always"), spring)
    now = moment(stage="purchase", after=timedelta(seconds=after))
    assert lib.resolve("a.b", now).variant.name == said


@pytest.mark.parametrize(
    ("op", "values", "value", "true"),
    [
        (Operator.IS, ("a",), "A", True),
        (Operator.IS, ("a",), "b", False),
        (Operator.IS, ("a",), None, False),
        (Operator.IS_NOT, ("a",), "b", True),
        (Operator.IS_NOT, ("a",), "a", False),
        (Operator.IS_NOT, ("a",), None, True),
        (Operator.IN, ("3", "4"), 4, True),
        (Operator.IN, ("3", "4"), 5, False),
        (Operator.NOT_IN, ("3",), 5, True),
        (Operator.NOT_IN, ("3",), 3, False),
        (Operator.EXISTS, (), 0, True),
        (Operator.EXISTS, (), None, False),
        (Operator.MISSING, (), None, True),
        (Operator.MISSING, (), "  ", True),
        (Operator.MISSING, (), "x", False),
    ],
)
def test_conditions(
    op: Operator, values: tuple[str, ...], value: Scalar | None, *, true: bool
) -> None:
    condition = Condition(field="order.n", op=op, values=values)
    lib = content(variant("if", when=(condition,)), variant("else"))
    found = lib.resolve("a.b", moment(variables={"order.n": value}))
    assert found.variant.name == ("if" if true else "else")


# --- channels --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "fits"),
    [("twilio_sms", True), ("sinch_sms", True), ("sms", True), ("smsx", False), ("sms_web", False)],
)
def test_a_family_is_the_last_word_of_a_channel(channel: str, *, fits: bool) -> None:
    lib = content(variant("any"), variant("sms", channel=("sms",)))
    assert lib.resolve("a.b", moment(channel=channel)).variant.name == ("sms" if fits else "any")


def test_a_channel_can_be_named_exactly() -> None:
    lib = content(variant("any"), variant("twilio", channel=("twilio_sms",)))
    assert lib.resolve("a.b", moment(channel="twilio_sms")).variant.name == "twilio"
    assert lib.resolve("a.b", moment(channel="sinch_sms")).variant.name == "any"


# --- locales ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "there", "said", "gap"),
    [
        ("sv-FI", ("sv-FI", "sv", "en"), "sv-FI", None),
        ("sv-FI", ("sv", "en"), "sv", "sv"),
        ("sv-FI", ("en",), "en", "en"),
        ("sv", ("sv", "en"), "sv", None),
        ("sv", ("sv-FI", "en"), "en", "en"),
        ("en", ("sv", "en"), "en", None),
    ],
)
def test_a_fallback_locale_is_marked_and_is_a_gap(
    asked: str, there: tuple[str, ...], said: str, gap: str | None
) -> None:
    lib = content(*(variant(f"v.{locale}", locale=locale) for locale in there))
    found = lib.resolve("a.b", moment(locale=asked, persona="parent", stage="purchase"))
    assert found.text == f"text of v.{said}"
    assert found.decision.locale == said
    assert found.decision.missing_locale is (gap is not None)
    expected = gap and Gap(
        slot="a.b",
        locale=asked,
        channel="webchat",
        stage="purchase",
        persona="parent",
        fallback=gap,
    )
    assert found.gap == expected


def test_the_chain_can_be_set() -> None:
    lib = content(variant("v.sv"), variant("v.en", locale="en"), fallback_locales=("sv", "en"))
    found = lib.resolve("a.b", moment(locale="nb"))
    assert found.decision.locale == "sv"
    assert found.decision.missing_locale is True


def test_a_swedish_variant_that_cannot_be_said_is_a_gap_when_english_steps_in() -> None:
    lib = content(
        variant("v.sv", text="Hej {{ customer.name }}"), variant("v.en", locale="en", text="Hi")
    )
    found = lib.resolve("a.b", moment())
    assert (found.text, found.decision.missing_locale) == ("Hi", True)
    assert found.gap is not None
    assert found.gap.fallback == "en"
    known = lib.resolve("a.b", moment(variables={"customer.name": "Åsa"}))
    assert (known.text, known.gap) == ("Hej Åsa", None)


# --- nothing there ---------------------------------------------------------------------------


def test_no_variant_says_the_safe_text_and_leaves_a_gap() -> None:
    lib = content(variant("v", stage=("loyalty",)))
    found = lib.resolve("a.b", moment(stage="purchase"))
    assert found.text == "Kan inte."
    assert found.decision.slot == "a.b"
    assert found.decision.snapshot == lib.id
    assert found.decision.variant == SAFE_SV.id
    assert [each.verdict for each in found.decision.candidates] == [
        "stage is not loyalty",
        "chosen",
        "another is closer",
    ]
    assert found.gap == Gap(
        slot="a.b", locale="sv", channel="webchat", stage="purchase", fallback="fallback.safe"
    )


def test_an_unknown_slot_and_locale_still_says_something() -> None:
    found = content().resolve("no.such", moment(locale="de"))
    assert found.text == "Cannot."
    assert found.decision.missing_locale is True
    assert found.gap is not None
    assert (found.gap.slot, found.gap.locale) == ("no.such", "de")


def test_without_a_safe_text_there_is_no_content() -> None:
    with pytest.raises(ConfigError) as error:
        ContentSet([Source(variant("v"), "v.md", 5)])
    assert str(error.value) == (
        "content: slot 'fallback.safe' has no variant in en that fits every moment. "
        "Add one without persona, stage, channel, need, valid, when and variables."
    )


def test_a_safe_text_that_could_fail_does_not_count() -> None:
    shaky = SAFE.model_copy(update={"text": "{{ a }}"})
    with pytest.raises(ConfigError, match="fits every moment"):
        ContentSet([Source(shaky, "safe.md", 5)])


@pytest.mark.parametrize(("one", "other"), [("a/x.sv", "A/X.sv"), ("a/\u00e5", "a/a\u030a")])
def test_two_files_that_a_disk_takes_for_one_are_refused(one: str, other: str) -> None:
    with pytest.raises(ConfigError, match="is taken by"):
        content(variant(one), variant(other))


# --- determinism -----------------------------------------------------------------------------

_axes = st.fixed_dictionaries(
    {
        "locale": st.sampled_from(["sv", "sv-FI", "en", "de"]),
        "persona": st.sampled_from([(), ("parent",), ("business-buyer",)]),
        "stage": st.sampled_from([(), ("purchase",), ("loyalty", "purchase")]),
        "channel": st.sampled_from([(), ("sms",), ("twilio_sms",), ("webchat",)]),
        "need": st.sampled_from([None, Need.PROCESS]),
        "text": st.sampled_from(["text", "{{ x }}", ""]),
        "when": st.sampled_from([(), (Condition(field="x", op=Operator.EXISTS),)]),
    }
)
_moments = st.builds(
    moment,
    channel=st.sampled_from(["webchat", "twilio_sms"]),
    locale=st.sampled_from(["sv", "sv-FI", "en", "nb"]),
    persona=st.sampled_from([None, "parent"]),
    stage=st.sampled_from([None, "purchase"]),
    need=st.sampled_from([None, Need.PROCESS]),
    variables=st.sampled_from([{}, {"x": "1"}]),
)


@given(st.lists(_axes, max_size=12), _moments, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_files(
    axes: list[dict[str, object]], now: Moment, chance: Random
) -> None:
    variants = [
        Variant.model_validate({"name": f"v{n}", "slot": "a.b", **each})
        for n, each in enumerate(axes)
    ]
    shuffled = list(variants)
    chance.shuffle(shuffled)
    one, other = content(*variants), content(*shuffled)
    assert one.id == other.id
    found = one.resolve("a.b", now)
    assert found == other.resolve("a.b", now) == one.resolve("a.b", now)
    assert found.text.strip()
    assert sum(each.verdict == "chosen" for each in found.decision.candidates) == 1


def test_a_folder_is_loaded_whatever_order_the_disk_lists_it_in(tmp_path: Path) -> None:
    for each in (*NARROW, SAFE, SAFE_SV):
        file = tmp_path / each.slot / f"{each.name}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(format_variant(each), encoding="utf-8")
    lib = ContentSet.load(tmp_path)
    assert [each.name for each in lib.variants] == sorted(
        f"{each.slot}/{each.name}" for each in (*NARROW, SAFE, SAFE_SV)
    )
    assert lib.slots == ("a.b", "fallback.safe")
    assert ContentSet.load(tmp_path).id == lib.id


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        ContentSet.load(tmp_path / "nowhere")
