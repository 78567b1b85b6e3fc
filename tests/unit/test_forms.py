"""Forms: what is asked, what counts as an answer, and how one gets out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.errors import ConfigError
from bot.hub.forms import Form, Forms, FormStep, answer, open_step, parse_form, start
from bot.model.dialogue import FormPosition, SlotFilled
from bot.model.sending import Question, QuestionKind
from bot.model.understanding import EntityFound, Understanding
from tests.builders import not_understood, understood
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = not_understood()
ORDER = SlotFilled(name="order_number", value="FB-104233")
SIZE = SlotFilled(name="size", value="42")


def shipped(name: str) -> Form:
    form = Forms.load(ROOT / "config" / "forms").by_name(name)
    assert form is not None
    return form


@pytest.fixture(scope="module")
def form() -> Form:
    return shipped("return_item")


def read(intent: str = "return.start", **entities: str) -> Understanding:
    found = tuple(
        EntityFound(kind=kind, value=value, text=value, start=0, end=len(value))
        for kind, value in entities.items()
    )
    return understood(intent).model_copy(update={"entities": found})


def position(step: str, *filled: SlotFilled, misses: int = 0) -> FormPosition:
    return FormPosition(form="return_item", step=step, filled=filled, misses=misses)


# --- the straight way ------------------------------------------------------------------------


def test_the_first_question_is_asked(form: Form) -> None:
    assert start(form, read()) == FormStep(
        position=position("order_number"), slot="form.return_item.order_number"
    )


def test_what_was_said_already_is_not_asked_again(form: Form) -> None:
    assert start(form, read(order_number="FB-104233")) == FormStep(
        position=position("size", ORDER), slot="form.return_item.size", filled=(ORDER,)
    )


def test_with_everything_said_nothing_is_asked(form: Form) -> None:
    assert start(form, read(size="42", order_number="FB-104233")) == FormStep(
        position=None, slot="form.return_item.done", filled=(ORDER, SIZE)
    )


def test_answers_lead_to_the_end(form: Form) -> None:
    first = answer(form, position("order_number"), NOTHING, "104233")
    assert first == FormStep(
        position=position("size", ORDER), slot="form.return_item.size", filled=(ORDER,)
    )
    assert first.position is not None
    assert answer(form, first.position, NOTHING, "42") == FormStep(
        position=None, slot="form.return_item.done", filled=(ORDER, SIZE)
    )


def test_one_answer_may_fill_more_than_was_asked(form: Form) -> None:
    step = answer(form, position("order_number"), read(order_number="FB-104233", size="42"), "…")
    assert step == FormStep(position=None, slot="form.return_item.done", filled=(ORDER, SIZE))


def test_an_answer_forgives_earlier_misses(form: Form) -> None:
    step = answer(form, position("order_number", misses=1), NOTHING, "FB-104233")
    assert step.position == position("size", ORDER)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("104233", "FB-104233"),
        (" fb-104233 ", "FB-104233"),
        ("FB 104233.", "FB-104233"),
        ("#104233", "FB-104233"),
        ("ordernummer 104233", "FB-104233"),
        ("order number FB104233", "FB-104233"),
        ("10423", None),
        ("1042339", None),
        ("jag vet inte", None),
        ("min bror är 104233 dagar gammal", None),
        ("", None),
        ("🎿", None),
        ("9" * 10_000, None),
    ],
)
def test_what_counts_as_an_order_number(form: Form, text: str, value: str | None) -> None:
    step = answer(form, position("order_number"), NOTHING, text)
    assert step.missed is (value is None)
    assert [slot.value for slot in step.filled] == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", "42"),
        ("42,5", "42,5"),
        ("Storlek 42", "42"),
        ("size xl", "xl"),
        ("M", "M"),
        ("XXL", "XXL"),
        ("ingen", "ingen"),
        ("stor", None),
        ("4200", None),
        ("vet ej", None),
    ],
)
def test_what_counts_as_a_size(form: Form, text: str, value: str | None) -> None:
    step = answer(form, position("size", ORDER), NOTHING, text)
    assert step.missed is (value is None)
    filled = [ORDER] if value is None else [ORDER, SlotFilled(name="size", value=value)]
    assert list(step.filled) == filled


# --- misses ----------------------------------------------------------------------------------


def test_a_miss_asks_in_other_words_and_the_second_gives_up(form: Form) -> None:
    first = answer(form, position("size", ORDER), NOTHING, "den röda")
    assert first == FormStep(
        position=position("size", ORDER, misses=1),
        slot="form.return_item.size.again",
        filled=(ORDER,),
        missed=True,
    )
    assert first.position is not None
    assert answer(form, first.position, NOTHING, "den blå") == FormStep(
        position=position("size", ORDER, misses=2),
        slot="handoff.offered",
        filled=(ORDER,),
        missed=True,
        gave_up=True,
    )


def test_a_miss_keeps_what_else_was_said(form: Form) -> None:
    step = answer(form, position("order_number"), read(size="42"), "det är storlek 42")
    assert step.missed
    assert step.position == position("order_number", SIZE, misses=1)


def test_the_question_can_be_asked_again_after_something_else(form: Form) -> None:
    assert open_step(form, position("size", ORDER, misses=1)).ask == "form.return_item.size"


# --- getting out -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "understanding"),
    [
        ("avbryt", NOTHING),
        ("AVBRYT!", understood("order.cancel")),
        ("jag vill avbryta", understood("order.cancel")),
        ("nej, jag har ångrat mig", NOTHING),
        ("Never mind", NOTHING),
        ("nej", understood("deny")),
        ("no thanks", understood("deny", language="en")),
    ],
)
def test_words_that_end_it(form: Form, text: str, understanding: Understanding) -> None:
    assert answer(form, position("size", ORDER), understanding, text) == FormStep(
        position=None, slot="form.return_item.cancelled", filled=(ORDER,), cancelled=True
    )


@pytest.mark.parametrize(
    ("text", "understanding"),
    [
        ("kan jag avbryta en order", understood("order.cancel")),
        ("jag vill avbryta ordern som jag lade igår", NOTHING),
        ("avbrytare", NOTHING),
        ("nej det står inget nummer någonstans", understood("deny")),
        ("nja", understood("deny", confidence=0.3)),
        ("!", NOTHING),
    ],
)
def test_words_that_do_not_end_it(form: Form, text: str, understanding: Understanding) -> None:
    step = answer(form, position("size", ORDER), understanding, text)
    assert (step.missed, step.cancelled) == (True, False)
    assert step.position == position("size", ORDER, misses=1)


def test_a_fitting_answer_is_an_answer_even_when_it_sounds_like_no(form: Form) -> None:
    step = answer(form, position("size", ORDER), understood("deny"), "none")
    assert (step.position, step.cancelled) == (None, False)


# --- open questions --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "understanding", "outcome"),
    [
        ("dragkedjan har gått sönder", NOTHING, "done"),
        ("dragkedjan har gått sönder", understood("complaint"), "done"),
        ("när öppnar ni?", understood("store.hours"), "missed"),
        ("ok", NOTHING, "missed"),
        ("   ", NOTHING, "missed"),
        ("nej", understood("deny"), "cancelled"),
        ("avbryt", NOTHING, "cancelled"),
    ],
)
def test_an_open_question_takes_any_words_but_a_question(
    text: str, understanding: Understanding, outcome: str
) -> None:
    claim = shipped("warranty_claim")
    where = FormPosition(form="warranty_claim", step="fault", filled=(ORDER,))
    step = answer(claim, where, understanding, text)
    assert outcome == ("missed" if step.missed else "cancelled" if step.cancelled else "done")
    if outcome == "done":
        assert step.filled == (ORDER, SlotFilled(name="fault", value=text))


def test_a_long_story_is_kept_in_part() -> None:
    where = FormPosition(form="warranty_claim", step="fault", filled=(ORDER,))
    step = answer(shipped("warranty_claim"), where, NOTHING, "å" * 5000)
    assert step.filled[-1] == SlotFilled(name="fault", value="å" * 1000)


# --- a form's file changed while a customer was in it ----------------------------------------


def test_a_step_that_is_gone_is_replaced_by_the_first_open_one(form: Form) -> None:
    old = position("colour", ORDER)
    assert open_step(form, old).ask == "form.return_item.size"
    assert answer(form, old, NOTHING, "42").slot == "form.return_item.done"


# --- reading ---------------------------------------------------------------------------------

TEXT = """\
form: f
starts_on: a.b
done: form.f.done
cancelled: form.f.cancelled
cancel_words: [Avbryt!, "glöm det"]
cancel_intents: [deny]
steps:
  - name: one
    entity: size
    ask: form.f.one
    reask: form.f.one.again
"""


def test_a_form_is_read() -> None:
    form = parse_form(TEXT, file="f.yaml")
    assert (form.name, form.starts_on, form.cancel_words) == ("f", "a.b", ("avbryt", "glöm det"))
    assert form.slots == ("form.f.one", "form.f.one.again", "form.f.done", "form.f.cancelled")
    step = form.steps[0]
    assert (step.name, step.entity, step.pattern, step.free) == ("one", "size", None, False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "form: f",
            "form: F f",
            "f.yaml:1: field 'form' cannot be 'F f'. Write it like `form: return_item`.",
        ),
        (
            "starts_on: a.b",
            "start_on: a.b",
            (
                "f.yaml:2: field 'start_on' is unknown. Did you mean 'starts_on'? "
                "Known fields: form, starts_on, done, cancelled, cancel_words, cancel_intents, "
                "steps."
            ),
        ),
        (
            "done: form.f.done\n",
            "",
            "f.yaml:1: field 'done' is missing. Add `done: form.return_item.done`.",
        ),
        (
            "entity: size",
            "free: false",
            "f.yaml:8: step 'one' takes no answer. Give it entity, pattern or `free: true`.",
        ),
        (
            "entity: size",
            "free: yes",
            "f.yaml:9: field 'free' cannot be 'yes'. Write true or false.",
        ),
        (
            "entity: size",
            "pattern: '(a'",
            (
                "f.yaml:9: field 'pattern' is no regular expression: "
                "missing ), unterminated subpattern at position 0. Mend it, or use an entity."
            ),
        ),
        (
            "entity: size",
            "{entity: size, normal: FB}",
            "f.yaml:10: not YAML: ",
        ),
        (
            "entity: size",
            "normal: FB",
            "f.yaml:9: field 'normal' cannot be 'FB'. Write it like `normal: FB-{value}`.",
        ),
        ("name: one", "nam: one", "f.yaml:8: field 'nam' is unknown. Did you mean 'name'? "),
        ("ask: form.f.one\n", "ask: [a]\n", "f.yaml:10: field 'ask' needs plain text. "),
    ],
)
def test_a_mistake_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_form(TEXT.replace(old, new, 1), file="f.yaml")
    assert str(error.value).startswith(message)
    if not message.endswith(" "):
        assert str(error.value) == message


FIELD = """\
    pattern: '(?:size )?(?P<value>[0-9]+)'
    field:
      kind: number
      label: {sv: Storlek, en: Size}
      example: size 42
"""


def test_a_page_asks_in_the_customers_language() -> None:
    field = parse_form(TEXT + FIELD, file="f.yaml").steps[0].field
    assert field is not None
    assert field.question("en") == Question(
        name="one",
        kind=QuestionKind.NUMBER,
        label="Size",
        pattern="(?:size )?(?<value>[0-9]+)",
        example="size 42",
        max_length=60,
    )
    assert [field.question(one).label for one in ("sv", "de", None)] == ["Storlek"] * 3
    free = parse_form(TEXT + FIELD.partition("\n")[2], file="f.yaml").steps[0].field
    assert free is not None
    assert (free.question("sv").pattern, free.question("sv").max_length) == (None, 1000)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kind: number",
            "kind: date",
            (
                "f.yaml:14: field 'kind' cannot be 'date'. "
                "Use one of: text, long_text, number, order_number."
            ),
        ),
        ("en: Size", "de: Size", "f.yaml:15: field 'de' is unknown. Known fields: sv, en."),
        (", en: Size", "", "f.yaml:15: field 'en' is missing. Add `en: Order number`."),
        (
            "size 42",
            "XL",
            "f.yaml:16: the example 'XL' does not fit the step's pattern. Give one that does.",
        ),
        (
            "(?:size )?",
            "(?i)",
            (
                "f.yaml:16: the step's pattern cannot be told to a page. "
                "Leave out flags, comments, \\A, \\Z and back references."
            ),
        ),
        ("      kind: number", "      sort: number", "f.yaml:14: field 'sort' is unknown. "),
    ],
)
def test_a_mistake_in_how_a_page_asks_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_form(TEXT + FIELD.replace(old, new, 1), file="f.yaml")
    assert str(error.value).startswith(message)


def test_every_shipped_question_has_an_input() -> None:
    steps = [step for form in Forms.load(ROOT / "config" / "forms").all for step in form.steps]
    asked = {(step.name, step.field.kind.value) for step in steps if step.field}
    assert asked == {("order_number", "order_number"), ("size", "text"), ("fault", "long_text")}
    assert all(step.field for step in steps)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.partition("steps:")[0], "f.yaml:1: field 'steps' is empty."),
        (TEXT + TEXT.partition("steps:\n")[2], "f.yaml:7: two steps have one name."),
    ],
)
def test_steps_must_be_there_and_differ(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_form(text, file="f.yaml")
    assert str(error.value).startswith(message)


def test_two_forms_cannot_begin_alike(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(TEXT.replace("form: f", "form: g"), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        Forms.load(tmp_path)
    assert str(error.value) == (
        "forms: forms 'f' and 'g' have one name or start on one intent. "
        "Give each form a name and an intent of its own."
    )


def test_forms_are_found_by_name_and_intent() -> None:
    forms = Forms.load(ROOT / "config" / "forms")
    assert [form.name for form in forms.all] == ["exchange_item", "return_item", "warranty_claim"]
    assert forms.by_intent("exchange.start") is forms.by_name("exchange_item")
    assert forms.by_intent("greet") is None
    assert forms.by_name("nope") is None


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        Forms.load(tmp_path / "nowhere")
