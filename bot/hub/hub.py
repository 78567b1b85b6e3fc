"""The hub as one thing: its steps put together, and run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pydantic import SecretStr

from bot.hub.agents import Agents
from bot.hub.chat import Chat
from bot.hub.content import ContentSet
from bot.hub.converse import Converse, Handlers
from bot.hub.customers import Customers
from bot.hub.desk import Desk
from bot.hub.engines import Engines
from bot.hub.facts import FactIntake
from bot.hub.feed import Feed
from bot.hub.forms import Forms
from bot.hub.handling import Handling
from bot.hub.ingress import Ingress
from bot.hub.joining import Joining
from bot.hub.knowing import Knowing
from bot.hub.linking import Linking
from bot.hub.outbox import Outbox
from bot.hub.outcomes import Outcomes
from bot.hub.persisting import persist
from bot.hub.pressure import Pressure
from bot.hub.router import Router, answered
from bot.hub.settings import HubSettings
from bot.hub.upkeep import Upkeep
from bot.hub.visits import Visits
from bot.hub.voice import Voice


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a process does of the hub's work.

    `intake`: takes requests in, so it watches the backlog and mends what it could not put on the
    bus. `converse`: reads and answers what the bus delivers. `outbox`: makes the sends. `upkeep`:
    timers, sweeping, forgetting.
    """

    intake: bool = True
    converse: bool = True
    outbox: bool = True
    upkeep: bool = True


EVERYTHING = Work()


class Hub:
    """All steps of a message's way, sharing their engines."""

    def __init__(
        self,
        engines: Engines,
        *,
        content: ContentSet,
        forms: Forms,
        settings: HubSettings,
        secret: SecretStr,
    ) -> None:
        store, bus, clock = engines.store, engines.bus, engines.clock
        self.engines = engines
        self.settings = settings
        self.feed = Feed()
        outcomes = Outcomes()
        self.feed.subscribe(outcomes.hear)
        self.pressure = Pressure(store=store, clock=clock, limit=settings.backlog_limit)
        self.ingress = Ingress(
            store=store,
            bus=bus,
            clock=clock,
            outcomes=outcomes,
            join_by_phone=settings.join_by_phone,
            spooling=engines.spooling,
            pressure=self.pressure,
        )
        self.desk = Desk(store=store, ingress=self.ingress, clock=clock)
        self.chat = Chat(store=store, ingress=self.ingress, clock=clock)
        self.facts = FactIntake(store=store, ingress=self.ingress, clock=clock)
        self.visits = Visits(store=store, ingress=self.ingress, clock=clock)
        self.knowing = Knowing(store, partners_off=settings.partners_off)
        self.linking = Linking(
            store=store,
            clock=clock,
            channels=engines.channels,
            key=secret,
            lifetime=settings.link_lifetime,
        )
        self.outbox = Outbox(engines, feed=self.feed, settings=settings)
        self.feed.subscribe(self.outbox.hear)
        self.upkeep = Upkeep(
            store=store, ingress=self.ingress, clock=clock, keep_requests=settings.keep_requests
        )
        self._keep_facts(settings)
        self._secret = secret
        self.converse = Converse(
            engines,
            handlers=self._handlers(content, forms, settings),
            feed=self.feed,
            max_tries=settings.max_tries,
        )

        self.handling = Handling(self.converse.handle, clock=clock, grace=settings.stop_grace)

    def take_over(self, *, content: ContentSet, forms: Forms, settings: HubSettings) -> None:
        """Go on with other content, forms and settings; what is in hand ends with the old ones."""
        self.settings = settings
        self.ingress.join_by_phone = settings.join_by_phone
        self.linking.lifetime = settings.link_lifetime
        self.knowing.partners_off = settings.partners_off
        self.outbox.take_over(settings)
        self.upkeep.keep_requests = settings.keep_requests
        self._keep_facts(settings)
        self.pressure.limit = settings.backlog_limit
        self.handling.grace = settings.stop_grace
        self.converse.take_over(
            self._handlers(content, forms, settings), max_tries=settings.max_tries
        )

    async def run(self, work: Work = EVERYTHING) -> None:
        """Work until cancelled; what is in hand is finished first, if it does not take long.

        A store or a bus that is away ends nothing: it goes on when they are back.
        """
        clock = self.engines.clock
        async with asyncio.TaskGroup() as group:
            if work.intake:
                group.create_task(self.pressure.run(), name="pressure")
                if (spooling := self.engines.spooling) is not None:
                    bring = spooling.run(self.ingress)
                    group.create_task(bring, name="spooling")
            if work.converse:
                group.create_task(self.handling.run(self.engines.bus), name="deliveries")
            if work.outbox:
                group.create_task(persist("outbox", self.outbox.run, clock=clock), name="outbox")
            if work.upkeep:
                group.create_task(self.upkeep.run(), name="upkeep")
            elif work.intake:
                group.create_task(self.upkeep.run_mending(), name="mending")

    def _keep_facts(self, settings: HubSettings) -> None:
        self.upkeep.keep_visits = settings.keep_visits
        self.upkeep.keep_facts = settings.keep_facts

    def _handlers(self, content: ContentSet, forms: Forms, settings: HubSettings) -> Handlers:
        store, nlu = self.engines.store, self.engines.nlu
        joining = Joining(store=store, forms=forms, settings=settings, key=self._secret)
        router = Router(forms=forms, settings=settings, intents=answered(content.slots))
        return Handlers(
            customers=Customers(
                store=store, nlu=nlu, joining=joining, router=router, settings=settings
            ),
            agents=Agents(store=store, forms=forms, settings=settings),
            voice=Voice(content=content, channels=self.engines.channels, settings=settings),
        )
