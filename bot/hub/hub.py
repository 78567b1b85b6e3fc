"""The hub as one thing: its steps put together, and run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pydantic import SecretStr

from bot.hub.agents import Agents
from bot.hub.agreeing import Agreeing
from bot.hub.canned import Canned
from bot.hub.cards import Cards
from bot.hub.chat import Chat
from bot.hub.checking import Checks
from bot.hub.code_budget import CodeBudget
from bot.hub.connecting import Connecting
from bot.hub.consenting import Consenting
from bot.hub.content import ContentSet
from bot.hub.converse import Converse, Handlers
from bot.hub.correcting import Correcting, Corrections
from bot.hub.customers import Customers
from bot.hub.desk import Desk
from bot.hub.engines import Engines
from bot.hub.evidence import Evidences
from bot.hub.facts import FactIntake
from bot.hub.feed import Feed
from bot.hub.forms import Forms
from bot.hub.handling import Handling
from bot.hub.health import Healths
from bot.hub.hearing import Hearing
from bot.hub.ingress import Ingress
from bot.hub.joining import Joining
from bot.hub.knowing import Knowing
from bot.hub.levels import Levels
from bot.hub.link_question import LinkQuestion
from bot.hub.linked import LinkedChannels
from bot.hub.linking import Linking
from bot.hub.news import News
from bot.hub.organisations import Organisations
from bot.hub.outbox import Outbox
from bot.hub.outcomes import Outcomes
from bot.hub.own_channels import OwnChannels
from bot.hub.persisting import persist
from bot.hub.personas import Personas
from bot.hub.pressure import Pressure
from bot.hub.pulling import CrmPulls
from bot.hub.pushing import CrmPushes
from bot.hub.reviewing import Reviewing, labels
from bot.hub.round_trip import RoundTrip
from bot.hub.router import Router, answered
from bot.hub.settings import HubSettings
from bot.hub.signing_in import SigningIn
from bot.hub.signs import Signs
from bot.hub.suggesting import Suggesting
from bot.hub.tallying import Tallying
from bot.hub.tries import Tries
from bot.hub.upkeep import Upkeep
from bot.hub.visits import Visits
from bot.hub.voice import Voice
from bot.hub.vouching import Vouching
from bot.model.crm import Terms


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a process does of the hub's work.

    `intake`: takes requests in, so it watches the backlog and mends what it could not put on the
    bus. `converse`: reads and answers what the bus delivers. `outbox`: makes the sends, and speaks
    with the CRM. `upkeep`: timers, sweeping, forgetting.
    """

    intake: bool = True
    converse: bool = True
    outbox: bool = True
    upkeep: bool = True


EVERYTHING = Work()
_ONLY_PRIVATE = Personas()


class Hub:
    """All steps of a message's way, sharing their engines."""

    def __init__(  # noqa: PLR0913 - what a hub is put together from
        self,
        engines: Engines,
        *,
        content: ContentSet,
        forms: Forms,
        personas: Personas = _ONLY_PRIVATE,
        settings: HubSettings,
        secret: SecretStr,
    ) -> None:
        store, clock = engines.store, engines.clock
        self.engines = engines
        self.settings = settings
        self.personas = personas
        self.feed = Feed()
        outcomes = Outcomes()
        self.feed.subscribe(outcomes.hear)
        self.pressure = Pressure(store=store, clock=clock, limit=settings.backlog_limit)
        self._secret = secret
        self._watch_accounts()
        self.ingress = self._ingress(outcomes)
        self.levels = Levels(engines.channels)
        self.desk = Desk(store=store, ingress=self.ingress, clock=clock, levels=self.levels)
        self.chat = Chat(store=store, ingress=self.ingress, clock=clock)
        self._put_knowledge_up(settings, personas)
        self.linking = Linking(
            store=store,
            clock=clock,
            channels=engines.channels,
            key=secret,
            lifetime=settings.link_lifetime,
        )
        self.code_budget = CodeBudget(settings)
        self.signing_in = SigningIn(store=store, ingress=self.ingress, clock=clock)
        self.own_channels = OwnChannels(
            store=store, ingress=self.ingress, clock=clock, channels=engines.channels
        )
        self.outbox = Outbox(engines, feed=self.feed, settings=settings, signs=self.signs)
        self.feed.subscribe(self.outbox.hear)
        self.tallying = Tallying(store=store, clock=clock, personas=personas)
        self.upkeep = Upkeep(
            store=store,
            ingress=self.ingress,
            clock=clock,
            tallying=self.tallying,
            knowing=self.knowing,
        )
        self._keep(settings)
        self._put_desk_up(settings)
        handlers = self._handlers(content, forms, settings)
        self.canned = self._canned(content, handlers.voice, settings)
        self.converse = Converse(
            engines,
            handlers=handlers,
            feed=self.feed,
            max_tries=settings.max_tries,
        )

        self.handling = Handling(self.converse.handle, clock=clock, grace=settings.stop_grace)

    def take_over(
        self, *, content: ContentSet, forms: Forms, personas: Personas, settings: HubSettings
    ) -> None:
        """Go on with other words and settings; what is in hand ends with the old ones."""
        self.settings = settings
        self.personas = self.organisations.personas = self.evidences.personas = personas
        self.tallying.take_over(personas)
        self.ingress.join_by_phone = settings.join_by_phone
        self.linking.lifetime = settings.link_lifetime
        self.code_budget.settings = settings
        self.knowing.partners_off = settings.partners_off
        self.knowing.purposes_off = settings.partner_purposes_off
        self.knowing.programme = settings.programme
        self.outbox.take_over(settings)
        self.healths.settings = settings.health
        self._keep(settings)
        self.pressure.limit = settings.backlog_limit
        self.handling.grace = settings.stop_grace
        self._put_desk_up(settings)
        handlers = self._handlers(content, forms, settings)
        self.canned = self._canned(content, handlers.voice, settings)
        self.converse.take_over(handlers, max_tries=settings.max_tries)

    def _put_knowledge_up(self, settings: HubSettings, personas: Personas) -> None:
        """What is known of customers beside what they say."""
        store, clock = self.engines.store, self.engines.clock
        self.visits = Visits(store=store, ingress=self.ingress, clock=clock)
        self.knowing = Knowing(
            store,
            partners_off=settings.partners_off,
            purposes_off=settings.partner_purposes_off,
            programme=settings.programme,
        )
        self.evidences = Evidences(store=store, personas=personas)
        self.reviewing = Reviewing(store=store, clock=clock)
        self.organisations = Organisations(
            store=store, knowing=self.knowing, clock=clock, personas=personas
        )
        self._speak_with_crm(settings)

    def _speak_with_crm(self, settings: HubSettings) -> None:
        """What goes to the CRM and comes from it, if there is one."""
        store, clock, crm = self.engines.store, self.engines.clock, self.engines.crm
        self.agreeing: Agreeing | None = None
        if crm is not None:
            self.agreeing = Agreeing(
                store=store, clock=clock, knowing=self.knowing, terms=crm.terms
            )
        self.facts = FactIntake(
            store=store, ingress=self.ingress, clock=clock, agreeing=self.agreeing
        )
        self.pushes: CrmPushes | None = None
        self.pulls: CrmPulls | None = None
        if crm is not None and self.agreeing is not None:
            self.pushes = CrmPushes(
                crm,
                store=store,
                wire=self.engines.wire,
                clock=clock,
                agreeing=self.agreeing,
                settings=settings,
            )
            self.pulls = CrmPulls(
                crm,
                store=store,
                wire=self.engines.wire,
                clock=clock,
                facts=self.facts,
                knowing=self.knowing,
                settings=settings,
            )

    def _put_desk_up(self, settings: HubSettings) -> None:
        """What agents see and say of who is who, by these settings."""
        store, clock = self.engines.store, self.engines.clock
        self.vouching = Vouching(store=store, knowing=self.knowing, settings=settings)
        self.cards = Cards(
            store=store,
            clock=clock,
            knowing=self.knowing,
            vouching=self.vouching,
            suggesting=Suggesting(store=store, clock=clock, settings=settings),
            levels=self.levels,
            crm="" if self.terms is None else self.terms.name,
            settings=settings,
        )
        self.consenting = Consenting(store=store, cards=self.cards)
        self.connecting = Connecting(
            store=store,
            ingress=self.ingress,
            clock=clock,
            cards=self.cards,
            vouching=self.vouching,
            settings=settings,
        )

        self.correcting = Correcting(
            ingress=self.ingress,
            clock=clock,
            cards=self.cards,
            knowing=self.knowing,
            settings=settings,
        )

    @property
    def terms(self) -> Terms | None:
        """What was agreed with the CRM, if there is one."""
        return None if self.engines.crm is None else self.engines.crm.terms

    async def run(self, work: Work = EVERYTHING) -> None:
        """Work until cancelled; what is in hand is finished first, if it does not take long.

        A store or a bus that is away ends nothing: it goes on when they are back.
        """
        clock = self.engines.clock
        async with asyncio.TaskGroup() as group:
            group.create_task(self.signs.run(), name="signs")
            if work.intake:
                group.create_task(self.pressure.run(), name="pressure")
                if (spooling := self.engines.spooling) is not None:
                    bring = spooling.run(self.ingress)
                    group.create_task(bring, name="spooling")
            if work.converse:
                group.create_task(self.handling.run(self.engines.bus), name="deliveries")
            if work.outbox:
                group.create_task(persist("outbox", self.outbox.run, clock=clock), name="outbox")
                for name, speaking in (("pushes", self.pushes), ("pulls", self.pulls)):
                    if speaking is not None:
                        group.create_task(persist(name, speaking.run, clock=clock), name=name)
            if work.upkeep:
                group.create_task(self.upkeep.run(), name="upkeep")
            elif work.intake:
                group.create_task(self.upkeep.run_mending(), name="mending")

    def _canned(self, content: ContentSet, voice: Voice, settings: HubSettings) -> Canned:
        return Canned(
            desk=self.desk,
            content=content,
            voice=voice,
            clock=self.engines.clock,
            default_language=settings.default_language,
        )

    def _watch_accounts(self) -> None:
        """What counts how accounts fare, and what reads it."""
        store, clock = self.engines.store, self.engines.clock
        self.signs = Signs(store=store, clock=clock)
        self.healths = Healths(
            store=store,
            clock=clock,
            channels=self.engines.channels,
            signs=self.signs,
            settings=self.settings.health,
        )

        self.checks = Checks(
            store=store,
            wire=self.engines.wire,
            clock=clock,
            signs=self.signs,
            secret=self._secret,
        )

    def _ingress(self, outcomes: Outcomes) -> Ingress:
        engines = self.engines
        return Ingress(
            store=engines.store,
            bus=engines.bus,
            clock=engines.clock,
            outcomes=outcomes,
            join_by_phone=self.settings.join_by_phone,
            spooling=engines.spooling,
            pressure=self.pressure,
            signs=self.signs,
        )

    def _keep(self, settings: HubSettings) -> None:
        self.upkeep.keep_requests = settings.keep_requests
        self.upkeep.forgetting.keep = settings.keep_messages
        self.upkeep.keep_visits = settings.keep_visits
        self.upkeep.keep_facts = settings.keep_facts
        self.upkeep.keep_customers = settings.keep_customers

    def _handlers(self, content: ContentSet, forms: Forms, settings: HubSettings) -> Handlers:
        store, nlu = self.engines.store, self.engines.nlu
        tries, news = Tries(store), News(store=store, levels=self.levels)
        question = LinkQuestion(
            store=store,
            tries=tries,
            levels=self.levels,
            settings=settings,
            key=self._secret,
        )
        joining = Joining(
            store=store,
            forms=forms,
            question=question,
            round_trip=RoundTrip(
                store=store,
                tries=tries,
                budget=self.code_budget,
                settings=settings,
                key=self._secret,
            ),
            tries=tries,
            news=news,
            settings=settings,
            key=self._secret,
        )
        linked = LinkedChannels(
            store=store,
            joining=joining,
            question=question,
            linking=self.linking,
            vouching=self.vouching,
            news=news,
            settings=settings,
        )
        hearing = Hearing(nlu=nlu, knowing=self.knowing, personas=self.personas, settings=settings)
        self.labels = labels(answered(content.slots) | {form.starts_on for form in forms.all})
        router = Router(forms=forms, settings=settings, intents=answered(content.slots))
        return Handlers(
            customers=Customers(
                store=store,
                hearing=hearing,
                linked=linked,
                router=router,
                settings=settings,
            ),
            links=linked,
            agents=Agents(store=store, forms=forms, personas=self.personas, settings=settings),
            corrections=Corrections(knowing=self.knowing, terms=self.terms),
            voice=Voice(content=content, channels=self.engines.channels, settings=settings),
        )
