"""How the bus over NATS behaves."""

from __future__ import annotations

from datetime import timedelta

from bot.model.value import Value


class Settings(Value):
    """What can be tuned.

    `window`: how long the server knows a repeated event as one. `most_bytes`: a stream that holds
    more takes nothing until there is room. `ack_wait`: how long an envelope is with a worker that
    says nothing before another one gets it; while a handler works, its worker says so three times
    as often. `max_payload` and the like are the server's.
    `patience`: how long an answer of the server's may take. `pull`: how long a worker waits for an
    envelope before it asks again. A handler that raised is called again after `first_delay`,
    doubling up to `longest_delay`. `look`: how often a worker looks for envelopes in partitions
    that are more than it was told to serve. `at_once`: envelopes on their way in one publishing.
    """

    window: timedelta = timedelta(seconds=120)
    most_bytes: int = 256 * 2**20
    ack_wait: timedelta = timedelta(seconds=12)
    patience: timedelta = timedelta(seconds=3)
    pull: timedelta = timedelta(seconds=5)
    first_delay: timedelta = timedelta(milliseconds=50)
    longest_delay: timedelta = timedelta(seconds=5)
    look: timedelta = timedelta(seconds=30)
    at_once: int = 256
