"""The hub as one thing: its steps put together, and run."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr

from bot.hub.agents import Agents
from bot.hub.chat import Chat
from bot.hub.content import ContentSet
from bot.hub.converse import Converse, Handlers, Report
from bot.hub.customers import Customers
from bot.hub.desk import Desk
from bot.hub.engines import Engines
from bot.hub.feed import Feed
from bot.hub.forms import Forms
from bot.hub.ingress import Ingress
from bot.hub.joining import Joining
from bot.hub.linking import Linking
from bot.hub.outbox import Outbox
from bot.hub.outcomes import Outcomes
from bot.hub.router import Router, answered
from bot.hub.settings import HubSettings
from bot.hub.upkeep import Upkeep
from bot.hub.voice import Voice


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
        self.ingress = Ingress(
            store=store,
            bus=bus,
            clock=clock,
            outcomes=outcomes,
            join_by_phone=settings.join_by_phone,
        )
        self.desk = Desk(store=store, ingress=self.ingress, clock=clock)
        self.chat = Chat(store=store, ingress=self.ingress, clock=clock)
        self.linking = Linking(
            store=store,
            clock=clock,
            channels=engines.channels,
            key=secret,
            lifetime=settings.link_lifetime,
        )
        self.outbox = Outbox(engines, feed=self.feed, settings=settings)
        self.upkeep = Upkeep(
            store=store, ingress=self.ingress, clock=clock, keep_requests=settings.keep_requests
        )
        joining = Joining(store=store, forms=forms, settings=settings, key=secret)
        router = Router(forms=forms, settings=settings, intents=answered(content.slots))
        self.converse = Converse(
            engines,
            handlers=Handlers(
                customers=Customers(
                    store=store, nlu=engines.nlu, joining=joining, router=router, settings=settings
                ),
                agents=Agents(forms=forms, settings=settings),
                voice=Voice(content=content, channels=engines.channels, settings=settings),
            ),
            report=Report(feed=self.feed, outcomes=outcomes, wake_outbox=self.outbox.wake),
            max_tries=settings.max_tries,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.engines.bus.run(self.converse.handle))
            group.create_task(self.outbox.run())
            group.create_task(self.upkeep.run())
