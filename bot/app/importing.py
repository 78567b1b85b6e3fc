"""Facts from a file, over the same way as those that systems tell."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import structlog

from bot.app.engines import beside
from bot.buses.silent import SilentBus
from bot.edge.clock import SystemClock
from bot.errors import ConfigError
from bot.hub.agreeing import Agreeing
from bot.hub.columns import read_table
from bot.hub.facts import FactIntake, FactStatus
from bot.hub.ingress import Ingress
from bot.hub.knowing import Knowing
from bot.hub.outcomes import Outcomes
from bot.ports import Clock, Store
from config.settings import Settings

_AT_ONCE = 500


class Imported(NamedTuple):
    """How many facts met which end, and the lines that were not taken, with the reason."""

    counts: Counter[FactStatus]
    bad: list[str]


async def import_facts(settings: Settings, file: Path, *, source: str, kind: str) -> Imported:
    """Take the facts of a CSV file; importing it again changes nothing.

    A running server's sweeper meets new customers within a few minutes. Raises ConfigError for a
    file that cannot be read at all.
    """
    _log_quietly()
    clock, counts, bad = SystemClock(), Counter[FactStatus](), list[str]()
    try:
        lines = file.open(encoding="utf-8", errors="surrogateescape", newline="")
    except OSError as error:
        raise ConfigError(
            error.strerror or "cannot be read", where=str(file), mend="Name a CSV file."
        ) from None
    with lines:
        table = read_table(lines, source=source, kind=kind, name=str(file))
        async with beside(settings) as store:
            ingress = Ingress(
                store=store,
                bus=SilentBus(),
                clock=clock,
                outcomes=Outcomes(),
                join_by_phone=settings.hub.join_by_phone,
            )
            agreeing = _agreeing(settings, store, clock)
            intake = FactIntake(store=store, ingress=ingress, clock=clock, agreeing=agreeing)
            while batch := list(islice(table, _AT_ONCE)):
                results = await intake.take([line.told for line in batch])
                for line, result in zip(batch, results, strict=True):
                    counts[result.status] += 1
                    if result.wrong:
                        wrong = "; ".join(one.line for one in result.wrong)
                        bad.append(f"line {line.number}: {result.status}: {wrong}")
    return Imported(counts, bad)


def _agreeing(settings: Settings, store: Store, clock: Clock) -> Agreeing | None:
    """What judges the CRM's own words, as where they are told."""
    if settings.crm is None:
        return None
    hub = settings.hub
    knowing = Knowing(
        store,
        partners_off=hub.partners_off,
        purposes_off=hub.partner_purposes_off,
        programme=hub.programme,
    )
    return Agreeing(store=store, clock=clock, knowing=knowing, terms=settings.crm.terms)


def _log_quietly() -> None:
    """Log what goes wrong, beside the answer: a line for each new customer is of no use here."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
