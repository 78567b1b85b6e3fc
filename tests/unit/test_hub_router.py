"""The router: which rule decides, in which order, and what the dialogue is afterwards."""

from __future__ import annotations

import pytest

from bot.hub.router import Heard, Line, Plan, Router, answered
from bot.hub.settings import HubSettings
from bot.model.channel import Attachment, AttachmentType, Press, PressKind
from bot.model.dialogue import Dialogue, FormPosition, SlotFilled
from bot.model.sending import Choice
from bot.model.thread import MessageIn
from bot.model.understanding import EntityFound, Guess, Understanding
from tests.builders import not_understood, understood
from tests.hubs import shipped_content, shipped_forms

ROUTER = Router(
    forms=shipped_forms(), settings=HubSettings(), intents=answered(shipped_content().slots)
)
GREETING = (
    Choice(title="Var är min order?", payload="intent:order.status"),
    Choice(title="Returnera något", payload="intent:return.start"),
    Choice(title="Prata med människa", payload="intent:human.request"),
)
ASKS_ORDER = FormPosition(form="return_item", step="order_number")
ASKS_SIZE = FormPosition(
    form="return_item",
    step="size",
    filled=(SlotFilled(name="order_number", value="FB-104233"),),
)
HUMAN = understood("human.request", human_wanted=1.0)


def guessed(*guesses: tuple[str, float], in_scope: bool = True) -> Understanding:
    return understood("any").model_copy(
        update={
            "guesses": tuple(Guess(intent=intent, confidence=sure) for intent, sure in guesses),
            "in_scope": in_scope,
        }
    )


def route(
    text: str,
    read: Understanding | None = None,
    *,
    dialogue: Dialogue | None = None,
    press: str | None = None,
    attachments: tuple[Attachment, ...] = (),
) -> Plan:
    message = MessageIn(
        text=text,
        attachments=attachments,
        press=Press(kind=PressKind.BUTTON, payload=press) if press else None,
    )
    heard = Heard(
        message=message, understanding=read or not_understood(), dialogue=dialogue or Dialogue()
    )
    return ROUTER.route(heard)


def slots(plan: Plan) -> list[str]:
    return [line.slot for line in plan.lines]


# --- each rule -------------------------------------------------------------------------------


def test_a_confident_reading_is_answered() -> None:
    dialogue = Dialogue(unsure=1)
    plan = route("leverans", understood("delivery.time"), dialogue=dialogue)
    assert plan == Plan(
        rule="confident", lines=(Line(slot="answer.delivery.time"),), dialogue=Dialogue()
    )


@pytest.mark.parametrize(("sure", "rule"), [(0.55, "confident"), (0.549, "unsure")])
def test_the_threshold_of_an_answer(sure: float, rule: str) -> None:
    assert route("x", understood("delivery.time", confidence=sure)).rule == rule


@pytest.mark.parametrize(("sure", "rule"), [(0.25, "confident"), (0.249, "unsure")])
def test_small_talk_needs_less(sure: float, rule: str) -> None:
    assert route("hej", understood("greet", confidence=sure)).rule == rule


def test_a_human_is_brought_when_asked_for() -> None:
    plan = route("människa", HUMAN, dialogue=Dialogue(unsure=1))
    assert plan.rule == "human_wanted"
    assert plan.handoff == "asked_for_human"
    assert slots(plan) == ["handoff.offered"]
    assert plan.dialogue == Dialogue()


@pytest.mark.parametrize(
    ("read", "rule"),
    [
        (understood("human.request", confidence=0.6), "human_wanted"),
        (understood("greet", human_wanted=0.6), "human_wanted"),
        (understood("greet", human_wanted=0.59), "confident"),
        (understood("greet", frustration=0.75), "frustration"),
        (understood("greet", frustration=0.74), "confident"),
    ],
)
def test_what_brings_a_human(read: Understanding, rule: str) -> None:
    plan = route("x", read)
    assert plan.rule == rule
    assert (plan.handoff is None) == (rule == "confident")


def test_frustration_is_handed_over_with_its_reason() -> None:
    assert route("x", understood("complaint", frustration=0.9)).handoff == "frustration"


def test_a_file_without_words_is_acknowledged_and_changes_nothing() -> None:
    file = Attachment(type=AttachmentType.IMAGE, url="https://example.com/a.jpg")
    dialogue = Dialogue(unsure=1)
    plan = route("  ", attachments=(file,), dialogue=dialogue)
    assert plan == Plan(
        rule="no_text", lines=(Line(slot="unsupported.received"),), dialogue=dialogue
    )


def test_a_close_call_asks_back_with_two_choices() -> None:
    read = guessed(("delivery.time", 0.4), ("greet", 0.3), ("order.status", 0.2), ("job", 0.1))
    plan = route("paketet", read)
    assert plan.rule == "close_call"
    assert plan.lines == (
        Line(
            slot="clarify.choices",
            choices=(
                Choice(title="topic.delivery.time", payload="intent:delivery.time"),
                Choice(title="topic.order.status", payload="intent:order.status"),
            ),
        ),
    )
    assert plan.dialogue == Dialogue(unsure=1)


@pytest.mark.parametrize(
    "read",
    [
        guessed(("delivery.time", 0.4)),
        guessed(("delivery.time", 0.4), ("greet", 0.3), ("human.request", 0.3)),
        guessed(("delivery.time", 0.24), ("order.status", 0.2)),
        guessed(("delivery.time", 0.5), ("order.status", 0.4), in_scope=False),
    ],
    ids=["one guess", "only small talk beside", "too weak", "out of scope"],
)
def test_what_is_no_close_call(read: Understanding) -> None:
    plan = route("paketet", read)
    assert plan.rule == "unsure"
    assert slots(plan) == ["unsure.rephrase"]
    assert plan.dialogue == Dialogue(unsure=1)


def test_the_second_message_not_understood_hands_over() -> None:
    first = route("blargh")
    second = route("blergh", dialogue=first.dialogue)
    assert (first.rule, first.handoff) == ("unsure", None)
    assert (second.rule, second.handoff) == ("unsure_twice", "low_confidence")
    assert second.dialogue.unsure == 0


def test_asking_back_counts_as_not_understood() -> None:
    close = guessed(("delivery.time", 0.4), ("order.status", 0.3))
    first = route("paketet", close)
    second = route("paketet då", close, dialogue=first.dialogue)
    assert (second.rule, second.handoff) == ("unsure_twice", "low_confidence")


def test_an_answer_in_between_forgives() -> None:
    first = route("blargh")
    answered = route("leverans", understood("delivery.time"), dialogue=first.dialogue)
    again = route("blergh", dialogue=answered.dialogue)
    assert (again.rule, again.handoff) == ("unsure", None)


# --- presses, numbers, titles ----------------------------------------------------------------


@pytest.mark.parametrize("text", ["1", " 1 ", "1.", "1)", "var är min order?", "VAR ÄR MIN ORDER?"])
def test_a_number_or_a_title_stands_for_a_press(text: str) -> None:
    plan = route(text, dialogue=Dialogue(choices=GREETING))
    assert plan.rule == "pressed"
    assert slots(plan) == ["answer.order.status"]


def test_a_press_needs_no_offered_choices() -> None:
    assert slots(route("", press="intent:order.status")) == ["answer.order.status"]


@pytest.mark.parametrize("text", ["0", "4", "-1", "", "order", "1 1"])
def test_what_stands_for_no_press(text: str) -> None:
    assert route(text, dialogue=Dialogue(choices=GREETING)).rule in {"unsure", "no_text"}


def test_a_press_for_a_human_and_one_for_a_form() -> None:
    human = route("3", dialogue=Dialogue(choices=GREETING))
    assert (human.rule, human.handoff) == ("pressed", "asked_for_human")
    form = route("2", dialogue=Dialogue(choices=GREETING))
    assert form.rule == "pressed.form"
    assert slots(form) == ["form.return_item.order_number"]
    assert form.dialogue.form == ASKS_ORDER


def test_a_press_of_something_made_up_is_read_as_the_words_it_came_with() -> None:
    plan = route("leverans", understood("delivery.time"), press="intent:made.up")
    assert (plan.rule, slots(plan)) == ("confident", ["answer.delivery.time"])
    offered = Dialogue(choices=(Choice(title="Nytt", payload="intent:not.yet.answered"),))
    plan = route("Nytt", press="intent:not.yet.answered", dialogue=offered)
    assert (plan.rule, slots(plan)) == ("pressed", ["answer.not.yet.answered"])


def test_another_payload_is_read_by_its_words() -> None:
    assert route("leverans", understood("delivery.time"), press="L").rule == "confident"


def test_a_press_comes_before_everything_else() -> None:
    angry = understood("human.request", human_wanted=1.0, frustration=1.0)
    plan = route("2", angry, dialogue=Dialogue(form=ASKS_SIZE, choices=GREETING))
    assert plan.rule == "pressed.form"


# --- forms -----------------------------------------------------------------------------------


def test_an_intent_begins_its_form() -> None:
    plan = route("retur", understood("return.start"))
    assert plan.rule == "confident.form"
    assert plan.dialogue.form == ASKS_ORDER


def test_what_was_said_already_is_not_asked() -> None:
    number = EntityFound(kind="order_number", value="FB-104233", text="FB-104233", start=0, end=9)
    read = understood("return.start").model_copy(update={"entities": (number,)})
    plan = route("retur av FB-104233", read)
    assert plan.dialogue.form == ASKS_SIZE
    assert slots(plan) == ["form.return_item.size"]
    assert plan.lines[0].variables == (("form.order_number", "FB-104233"),)


def test_an_answer_goes_on_and_the_last_one_ends_the_form() -> None:
    asked = route("FB-104233", dialogue=Dialogue(form=ASKS_ORDER, unsure=1))
    assert (asked.rule, slots(asked)) == ("form.answer", ["form.return_item.size"])
    assert asked.dialogue == Dialogue(form=ASKS_SIZE)
    done = route("42", dialogue=asked.dialogue)
    assert slots(done) == ["form.return_item.done"]
    assert done.dialogue == Dialogue()
    assert dict(done.lines[0].variables) == {"form.order_number": "FB-104233", "form.size": "42"}


def test_one_miss_asks_in_other_words_and_two_hand_over() -> None:
    first = route("vet inte", dialogue=Dialogue(form=ASKS_ORDER))
    assert slots(first) == ["form.return_item.order_number.again"]
    assert first.dialogue.form == ASKS_ORDER.model_copy(update={"misses": 1})
    second = route("ingen aning", dialogue=first.dialogue)
    assert (second.rule, second.handoff) == ("form.misses", "form_not_understood")
    assert slots(second) == ["handoff.offered"]


def test_something_else_in_between_is_answered_and_the_question_comes_back() -> None:
    plan = route("öppettider?", understood("store.hours"), dialogue=Dialogue(form=ASKS_SIZE))
    assert plan.rule == "form.digression"
    assert slots(plan) == ["answer.store.hours", "resume.question", "form.return_item.size"]
    assert plan.dialogue.form == ASKS_SIZE


def test_a_digression_is_no_miss() -> None:
    missed = ASKS_SIZE.model_copy(update={"misses": 1})
    plan = route("öppettider?", understood("store.hours"), dialogue=Dialogue(form=missed))
    assert plan.handoff is None
    assert plan.dialogue.form == missed


@pytest.mark.parametrize(
    "read",
    [
        understood("store.hours", confidence=0.54),
        understood("greet"),
        understood("return.start"),
    ],
    ids=["unsure", "small talk", "the form itself"],
)
def test_what_is_no_digression(read: Understanding) -> None:
    plan = route("x", read, dialogue=Dialogue(form=ASKS_SIZE))
    assert slots(plan) == ["form.return_item.size.again"]


def test_another_form_takes_the_place_of_the_open_one() -> None:
    plan = route("byta", understood("exchange.start"), dialogue=Dialogue(form=ASKS_SIZE))
    assert plan.rule == "form.digression.form"
    assert slots(plan) == ["form.exchange_item.order_number"]
    assert plan.dialogue.form == FormPosition(form="exchange_item", step="order_number")


def test_a_press_in_a_form_is_answered_and_the_question_comes_back() -> None:
    plan = route("", press="intent:store.hours", dialogue=Dialogue(form=ASKS_SIZE))
    assert slots(plan) == ["answer.store.hours", "resume.question", "form.return_item.size"]
    assert plan.dialogue.form == ASKS_SIZE


def test_who_wants_out_gets_out() -> None:
    plan = route("avbryt", dialogue=Dialogue(form=ASKS_SIZE, unsure=1))
    assert slots(plan) == ["form.return_item.cancelled"]
    assert plan.dialogue == Dialogue()


def test_a_human_comes_before_the_form() -> None:
    plan = route("människa", HUMAN, dialogue=Dialogue(form=ASKS_SIZE))
    assert plan.rule == "human_wanted"


def test_a_form_that_is_no_longer_there_is_forgotten() -> None:
    gone = FormPosition(form="gone", step="any")
    plan = route("leverans", understood("delivery.time"), dialogue=Dialogue(form=gone))
    assert slots(plan) == ["answer.delivery.time"]


# --- the lines of a model --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sure", "rule"),
    [(0.8, "confident"), (0.79, "close_call"), (0.4, "close_call"), (0.39, "unsure")],
)
def test_a_model_says_when_to_answer_and_when_to_ask_back(sure: float, rule: str) -> None:
    read = guessed(("delivery.time", sure), ("order.status", 0.1)).model_copy(
        update={"answer_at": 0.8, "ask_at": 0.4}
    )
    assert route("paketet", read).rule == rule


def test_the_operators_word_is_before_the_models() -> None:
    settings = HubSettings(answer_at=0.3, clarify_at=0.2)
    router = Router(forms=shipped_forms(), settings=settings, intents=frozenset({"delivery.time"}))
    read = understood("delivery.time", confidence=0.3).model_copy(
        update={"answer_at": 0.9, "ask_at": 0.8}
    )
    heard = Heard(message=MessageIn(text="x"), understanding=read, dialogue=Dialogue())
    assert router.route(heard).rule == "confident"
