"""The parts that one installation can be divided into; kept light, as `--help` names them."""

from __future__ import annotations

from enum import StrEnum


class ProcessRole(StrEnum):
    """What one process does."""

    ALL = "all"  # everything
    EDGE = "edge"  # takes in: webhooks, API, sockets
    WORKER = "worker"  # reads, decides and answers; timers
    OUTBOX = "outbox"  # makes the calls to providers
