"""NATS needs no backup: what it lost is in the store, and comes again."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.buses.nats import NatsBus, NatsConnection
from bot.edge.clock import SystemClock
from tests.fakes.store import FakeStore
from tests.hubs import HubKit, hub_kit

if TYPE_CHECKING:
    from tests.servers import NatsServer

SMS, PHONE = "twilio_sms", "+46701234567"
ANSWER = "[answer.delivery.time]"


async def test_what_a_lost_stream_held_is_swept_up(nats_server: NatsServer) -> None:
    connection = await NatsConnection.open([nats_server.url])
    bus = NatsBus(connection, clock=SystemClock(), partitions=4)
    store = FakeStore()
    try:
        async with hub_kit(store=store, bus=bus, working=False) as kit:
            for number in range(5):
                await kit.deliver(SMS, kit.webhook(SMS, PHONE, f"leverans {number}"))
            assert await bus.depth() == 5
            nats_server.stop()
            shutil.rmtree(nats_server.folder / "jetstream")
            nats_server.start()
            await connection.linked()
            await _answered(kit, bus)
            assert await store.dead_letters() == []
            assert kit.phone(SMS, PHONE) == [ANSWER] * 5
            # Swept again, and delivered again: nobody hears anything twice.
            await kit.clock.advance(61)
            assert await kit.hub.upkeep.sweep() == 0
    finally:
        await bus.close()
        await connection.close()


async def _answered(kit: HubKit, bus: NatsBus) -> None:
    """A worker on the new, empty stream: it has nothing to do until the sweeper has been there."""
    running = asyncio.create_task(bus.run(kit.hub.converse.handle))
    try:
        async with asyncio.timeout(40):
            await asyncio.sleep(0.5)
            assert kit.phone(SMS, PHONE) == []
            assert await kit.hub.upkeep.sweep() == 0  # not old enough to be taken for lost
            await kit.clock.advance(31)
            assert await kit.hub.upkeep.sweep() == 5
            await kit.quiet()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
