"""Step 4: who answers and with what; a pure decision over the message and the dialogue."""

from __future__ import annotations

from collections.abc import Iterable

from bot.hub.asking import StepField
from bot.hub.forms import Form, Forms, FormStep, answer, open_step, start
from bot.hub.settings import HubSettings
from bot.model.dialogue import Dialogue, FormPosition
from bot.model.sending import Choice
from bot.model.thread import MessageIn
from bot.model.understanding import Understanding
from bot.model.value import Value

_HUMAN = "human.request"
_PRESS = "intent:"
_ANSWER = "answer."
# Answers to these need no certainty: a wrong "you are welcome" harms nobody.
_SMALL_TALK = frozenset({"greet", "goodbye", "thanks", "affirm", "deny"})
_UNSURE_LIMIT = 2
# Rules of messages that were not understood for sure.
UNSURE = frozenset({"close_call", "unsure", "unsure_twice"})
# For a model that had too little to choose its own on.
_ANSWER_AT = 0.55
_ASK_AT = 0.25
_CHOICES = 2


class Line(Value):
    """One thing to say: a content slot, its variables, and choices that replace the content's.

    `field` is how a page asks for the answer to it.
    """

    slot: str
    variables: tuple[tuple[str, str], ...] = ()
    choices: tuple[Choice, ...] = ()
    field: StepField | None = None


class Plan(Value):
    """What to do about one message: what to say, where the dialogue stands then, or hand over.

    `rule` names the rule that decided; `handoff` is the reason to bring in a human.
    """

    rule: str
    lines: tuple[Line, ...] = ()
    dialogue: Dialogue
    handoff: str | None = None


class Heard(Value):
    """One message as the router sees it."""

    message: MessageIn
    understanding: Understanding
    dialogue: Dialogue

    @property
    def pressed(self) -> str | None:
        """The intent that was chosen by a press, a number or a title, or None."""
        payload = self.message.press.payload if self.message.press else self._chosen()
        if payload is None or not payload.startswith(_PRESS):
            return None
        return payload.removeprefix(_PRESS)

    def _chosen(self) -> str | None:
        said = self.message.text.strip().rstrip(".)").casefold()
        for number, choice in enumerate(self.dialogue.choices, start=1):
            if said in {str(number), choice.title.casefold()}:
                return choice.payload or choice.title
        return None


class Router:
    """Decides by rules, in this order; the first that fits wins. `intents` have an answer."""

    def __init__(self, *, forms: Forms, settings: HubSettings, intents: frozenset[str]) -> None:
        self._forms = forms
        self._settings = settings
        begun = {form.starts_on for form in forms.all}
        self._pressable = intents | begun | {_HUMAN}

    def route(self, heard: Heard) -> Plan:
        """The plan for one message while the bot owns the thread."""
        pressed = self._pressed(heard)
        if pressed is not None:
            return self._intent(heard, pressed, rule="pressed")
        return (
            self._human(heard)
            or self._form(heard)
            or self._wordless(heard)
            or self._confident(heard)
            or self._close_call(heard)
            or self._unsure(heard)
        )

    def _answer_at(self, read: Understanding) -> float:
        """The operator's word, else the model's, else what does for most."""
        said = self._settings.answer_at
        chosen = read.answer_at if said is None else said
        return _ANSWER_AT if chosen is None else chosen

    def _ask_at(self, read: Understanding) -> float:
        said = self._settings.clarify_at
        chosen = read.ask_at if said is None else said
        return _ASK_AT if chosen is None else chosen

    def _pressed(self, heard: Heard) -> str | None:
        """The intent that was pressed, if there is such a thing: payloads come from outside."""
        intent = heard.pressed
        offered = {choice.payload for choice in heard.dialogue.choices}
        return intent if intent in self._pressable or f"{_PRESS}{intent}" in offered else None

    def resumed(self, dialogue: Dialogue) -> tuple[Line, ...]:
        """What to say so that an interrupted form goes on; nothing when there is none."""
        return resumed(self._forms, dialogue)

    def _human(self, heard: Heard) -> Plan | None:
        read, settings = heard.understanding, self._settings
        asked = read.intent == _HUMAN and read.confidence >= self._answer_at(read)
        if asked or read.human_wanted >= settings.human_at:
            return _hand_over(heard, rule="human_wanted", reason="asked_for_human")
        if read.frustration >= settings.frustration_at:
            return _hand_over(heard, rule="frustration", reason="frustration")
        return None

    def _form(self, heard: Heard) -> Plan | None:
        position = heard.dialogue.form
        form = self._forms.by_name(position.form) if position else None
        if position is None or form is None:
            return None
        step = answer(form, position, heard.understanding, heard.message.text)
        if step.missed and (other := self._digression(heard, form)):
            return self._intent(heard, other, rule="form.digression")
        if step.gave_up:
            return _hand_over(heard, rule="form.misses", reason="form_not_understood")
        return _form_plan(heard, form, step, rule="form.answer")

    def _digression(self, heard: Heard, form: Form) -> str | None:
        read = heard.understanding
        intent = read.intent
        if intent is None or intent in {form.starts_on, *_SMALL_TALK}:
            return None
        return intent if read.confidence >= self._answer_at(read) else None

    def _wordless(self, heard: Heard) -> Plan | None:
        if heard.message.text.strip():
            return None
        return Plan(
            rule="no_text", lines=(Line(slot="unsupported.received"),), dialogue=heard.dialogue
        )

    def _confident(self, heard: Heard) -> Plan | None:
        read = heard.understanding
        if read.intent is None:
            return None
        needed = self._answer_at(read)
        if read.intent in _SMALL_TALK:
            needed = min(needed, self._ask_at(read))
        if read.confidence < needed:
            return None
        return self._intent(heard, read.intent, rule="confident")

    def _intent(self, heard: Heard, intent: str, *, rule: str) -> Plan:
        if intent == _HUMAN:
            return _hand_over(heard, rule=rule, reason="asked_for_human")
        form = self._forms.by_intent(intent)
        if form is not None:
            return _form_plan(heard, form, start(form, heard.understanding), rule=f"{rule}.form")
        dialogue = heard.dialogue.model_copy(update={"unsure": 0})
        again = resumed(self._forms, dialogue)
        lines = (Line(slot=f"{_ANSWER}{intent}"), *again)
        return Plan(rule=rule, lines=lines, dialogue=dialogue)

    def _close_call(self, heard: Heard) -> Plan | None:
        read = heard.understanding
        topics = [guess for guess in read.guesses if guess.intent not in _SMALL_TALK | {_HUMAN}]
        likely = topics[:_CHOICES]
        if not read.in_scope or len(likely) < _CHOICES or read.confidence < self._ask_at(read):
            return None
        if heard.dialogue.unsure + 1 >= _UNSURE_LIMIT:
            return None
        dialogue = heard.dialogue.model_copy(update={"unsure": heard.dialogue.unsure + 1})
        choices = tuple(
            Choice(title=f"topic.{guess.intent}", payload=f"{_PRESS}{guess.intent}")
            for guess in likely
        )
        line = Line(slot="clarify.choices", choices=choices)
        return Plan(rule="close_call", lines=(line,), dialogue=dialogue)

    def _unsure(self, heard: Heard) -> Plan:
        unsure = heard.dialogue.unsure + 1
        if unsure >= _UNSURE_LIMIT:
            return _hand_over(heard, rule="unsure_twice", reason="low_confidence")
        dialogue = heard.dialogue.model_copy(update={"unsure": unsure})
        return Plan(rule="unsure", lines=(Line(slot="unsure.rephrase"),), dialogue=dialogue)


def answered(slots: Iterable[str]) -> frozenset[str]:
    """The intents that these content slots answer."""
    return frozenset(slot.removeprefix(_ANSWER) for slot in slots if slot.startswith(_ANSWER))


def resumed(forms: Forms, dialogue: Dialogue) -> tuple[Line, ...]:
    """What to say so that an interrupted form goes on; nothing when there is none."""
    question = open_question(forms, dialogue)
    return (Line(slot="resume.question"), question) if question else ()


def open_question(forms: Forms, dialogue: Dialogue) -> Line | None:
    """The question that the customer has not answered yet, to be asked on another channel."""
    position = dialogue.form
    form = forms.by_name(position.form) if position else None
    if form is None or position is None:
        return None
    step = open_step(form, position)
    return Line(slot=step.ask, field=step.field)


def _hand_over(heard: Heard, *, rule: str, reason: str) -> Plan:
    dialogue = heard.dialogue.model_copy(update={"unsure": 0})
    return Plan(rule=rule, lines=(Line(slot="handoff.offered"),), dialogue=dialogue, handoff=reason)


def _form_plan(heard: Heard, form: Form, step: FormStep, *, rule: str) -> Plan:
    dialogue = heard.dialogue.model_copy(update={"form": step.position, "unsure": 0})
    field = open_step(form, step.position).field if step.position else None
    line = Line(slot=step.slot, variables=_filled(step.position, step), field=field)
    return Plan(rule=rule, lines=(line,), dialogue=dialogue)


def _filled(position: FormPosition | None, step: FormStep) -> tuple[tuple[str, str], ...]:
    filled = position.filled if position else step.filled
    return tuple((f"form.{slot.name}", slot.value) for slot in filled)
