"""What agents write into a customer's profile: kept as their word, and told to the CRM."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot.hub.cards import Cards
from bot.hub.fields import AGENT, field_body, in_form
from bot.hub.ingress import Ingress
from bot.hub.knowing import FieldValue, Knowing, ProfileField, same
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.model.channel import LOGIN
from bot.model.crm import Push, Terms
from bot.model.event import AgentCorrects, Outcome, Rejected
from bot.model.fact import Fact, FieldKey
from bot.model.ids import EventId, FactId, IdentityId, ThreadId
from bot.model.people import ByAgent
from bot.model.record import Arrival
from bot.model.value import Value
from bot.ports import Clock

CHANGED: Final = "the field holds something else by now"
VERIFIED: Final = "the value was verified by whoever told it; it is changed there"
_ANY: Final = "?"  # whichever counts for the customer: only the value is looked at
NO_PROGRAMME: Final = "no loyalty programme is known for this customer; hub.programme names one"


class FieldWord(Value):
    """What an agent says a field holds, and the key under which it is said once.

    `seen`: what it replaces, as the agent saw it; empty for nothing (None: nobody looks).
    """

    field: FieldKey
    value: str
    key: str
    seen: str | None = None


class Correcting:
    """Puts agents' corrections on the line."""

    def __init__(  # noqa: PLR0913 - what it stands on
        self,
        *,
        ingress: Ingress,
        clock: Clock,
        cards: Cards,
        knowing: Knowing,
        settings: HubSettings,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._ingress = ingress
        self._clock = clock
        self._cards = cards
        self._knowing = knowing
        self._settings = settings
        self._patience = patience

    async def correct(
        self, customer: ThreadId | IdentityId, by: ByAgent, word: FieldWord
    ) -> Outcome:
        """Say what a field holds; the same key again changes nothing.

        Raises NotFound, ValueError for a value that the field cannot hold, and TimeoutError as
        `Ingress.ask`.
        """
        turn = await self._cards.turn(customer)
        value = in_form(word.field, word.value, region=self._settings.phone_region)
        field_body(word.field, value, programme=self._knowing.programme or _ANY)
        arrival = Arrival(
            id=EventId.of("corrects", customer, by.agent, word.key),
            identity=turn.state.active or turn.identities[0].id,
            at=self._clock.now(),
            body=AgentCorrects(by=by, field=word.field, value=value, seen=word.seen),
        )
        return await self._ingress.ask(arrival, patience=self._patience)


class Corrections:
    """Handles corrections in the thread's own order."""

    def __init__(self, *, knowing: Knowing, terms: Terms | None) -> None:
        self._knowing = knowing
        self._terms = terms

    async def handle(self, scene: Scene, body: AgentCorrects) -> None:
        """Put what the correction does into the scene's draft."""
        told = await self._knowing.of_fields([one.id for one in scene.identities])
        programme = self._knowing.programme_in(told)
        shown = _shown(self._knowing.profile_of(told), body.field)
        if (refusal := _refusal(shown, body)) is not None:
            scene.draft.outcome = refusal
            return
        if shown is not None and (shown.value, shown.source) == (body.value, AGENT):
            return
        try:
            fact_body = field_body(body.field, body.value, programme=programme)
        except ValueError:
            scene.draft.outcome = Rejected(reason=NO_PROGRAMME)
            return
        correction = Fact(
            id=FactId.of("correction", scene.draft.event.id),
            # What is corrected and the correction stay together, whoever is unlinked later.
            identity=scene.identity.id if shown is None else shown.identity,
            at=scene.draft.now,
            received_at=scene.draft.now,
            source=AGENT,
            body=fact_body,
            by=body.by,
        )
        scene.draft.keep(correction)
        self._push(scene, correction, body)

    def _push(self, scene: Scene, correction: Fact, body: AgentCorrects) -> None:
        """Have it told to the CRM, if it keeps the field and knows the customer."""
        terms = self._terms
        field = None if terms is None else terms.field(body.field)
        if terms is None or field is None or not field.pushed:
            return
        for identity in scene.identities:
            where = identity.address
            if (where.channel, where.account) == (LOGIN, terms.realm):
                scene.draft.push(
                    Push(
                        identity=identity.id,
                        field=body.field,
                        customer=where.user,
                        value=body.value,
                        change=correction.id,
                        at=correction.at,
                        number=scene.draft.event.seq,
                    )
                )


def _shown(profile: list[ProfileField], field: FieldKey) -> FieldValue | None:
    return next((one.best.told for one in profile if one.key == field), None)


def _refusal(shown: FieldValue | None, body: AgentCorrects) -> Rejected | None:
    """Why the word cannot be kept, or None."""
    present = "" if shown is None else shown.value
    if body.seen is not None and not same(body.seen, present):
        return Rejected(reason=CHANGED, present=present)
    if shown is not None and shown.verified:
        return Rejected(reason=VERIFIED, present=present)
    return None
