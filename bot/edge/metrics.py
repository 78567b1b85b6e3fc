"""Counts and times for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.hub.code_budget import SPENT
from bot.hub.feed import Announcement, EventEnded, Missed, SendMoved, ThreadMoved
from bot.hub.signing_in import OUTRANKED
from bot.hub.spooling import SpoolState
from bot.model.crm import PushCounts, PushStatus
from bot.model.health import ChannelHealth, HealthState
from bot.model.thread import Entry, LinkRefused, Unlinked

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATES = tuple(HealthState)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The figures of one server, in a registry of its own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._webhooks = Counter(
            "samtal_webhooks",
            "Webhook requests by how they ended.",
            ["channel", "account", "result"],
            registry=registry,
        )
        self._requests = Histogram(
            "samtal_http_request_seconds",
            "Time to answer HTTP requests.",
            ["method", "route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._calls = Histogram(
            "samtal_provider_call_seconds",
            "Time of calls to providers, by how they ended.",
            ["result"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._sends = Counter(
            "samtal_sends", "Messages out by how they ended.", ["status"], registry=registry
        )
        self._entries = Counter(
            "samtal_entries", "Entries written to threads.", ["kind"], registry=registry
        )
        self._sockets = Gauge(
            "samtal_sockets", "Connected sockets.", ["namespace"], registry=registry
        )
        self._events = Counter(
            "samtal_socket_events",
            "Events of web chat visitors by how they ended.",
            ["event", "result"],
            registry=registry,
        )
        self._dropped = Counter(
            "samtal_sockets_dropped",
            "Sockets dropped because they did not read.",
            registry=registry,
        )
        self._resynced = Counter(
            "samtal_sockets_resynced",
            "Sockets told to come again because something may have been missed.",
            registry=registry,
        )
        self._fanouts = Counter(
            "samtal_fanout_messages",
            "What processes tell each other, by what became of it.",
            ["subject", "result"],
            registry=registry,
        )
        self._links = _LinkFigures(registry)
        self._work = _WorkFigures(registry)
        self._spool = _SpoolFigures(registry)
        self._config = _ConfigFigures(registry)
        self._crm = _CrmFigures(registry)
        self._channels = _ChannelFigures(registry)

    def webhook(self, channel: str, account: str, *, result: str) -> None:
        """A webhook request ended: accepted, forged, refused, limited, full or failed."""
        self._webhooks.labels(channel, account, result).inc()

    def request(self, method: str, route: str, *, status: int, seconds: float) -> None:
        """An HTTP request was answered."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def call(self, result: str, *, seconds: float) -> None:
        """A provider call ended."""
        self._calls.labels(result).observe(seconds)

    def socket(self, namespace: str, *, change: int) -> None:
        """Sockets came (+1) or went (-1)."""
        self._sockets.labels(namespace).inc(change)

    def socket_event(self, event: str, *, result: str) -> None:
        """A visitor's event ended."""
        self._events.labels(event, result).inc()

    def socket_dropped(self) -> None:
        """A socket did not read and was dropped."""
        self._dropped.inc()

    def fanout(self, subject: str, *, result: str) -> None:
        """One message was told, untold, heard, unread, or a stretch of them missed."""
        self._fanouts.labels(subject, result).inc()

    def handled(self, seconds: float, tries: int, *, well: bool) -> None:
        """One delivery of the bus was worked off, or failed and comes again."""
        self._work.seconds.labels("done" if well else "failed").observe(seconds)
        if tries > 1:
            self._work.again.inc()

    def work(self, *, in_hand: int, sending: int) -> None:
        """How many deliveries and sends are being worked on."""
        self._work.in_hand.set(in_hand)
        self._work.sending.set(sending)

    def backlog(self, waiting: int, *, full: bool) -> None:
        """How many accepted events wait, and whether new messages are put off."""
        self._work.waiting.set(waiting)
        self._work.full.set(full)

    def bus(self, depth: int) -> None:
        """How many envelopes are on the bus."""
        self._work.depth.set(depth)

    def spool(self, state: SpoolState) -> None:
        """How it stands with the spool."""
        self._spool.waiting.set(state.waiting.count)
        self._spool.bytes.set(state.waiting.bytes)
        self._spool.age.set(state.age.total_seconds())

    def pushed(self, status: PushStatus) -> None:
        """A try to tell the CRM of a correction ended."""
        self._crm.tries.labels(status.value).inc()

    def pushes(self, counts: PushCounts) -> None:
        """How many corrections wait for the CRM, and how many it refused."""
        self._crm.waiting.set(counts.waiting)
        self._crm.failed.set(counts.failed)

    def channels(self, healths: Iterable[ChannelHealth]) -> None:
        """How each configured account fares; of others nothing is told any more."""
        self._channels.take(healths)

    def reloaded(self, *, version: int | None) -> None:
        """A new configuration was taken over, or (None) was wrong and was not."""
        self._config.reloads.labels("failed" if version is None else "ok").inc()
        if version is not None:
            self._config.version.set(version)

    def sockets_resynced(self, count: int) -> None:
        """So many sockets were told to come again."""
        self._resynced.inc(count)

    def hear(self, announcement: Announcement) -> None:
        """Count what the hub announces."""
        match announcement:
            case ThreadMoved():
                for entry in announcement.entries:
                    self._entries.labels(entry.body.kind).inc()
                    self._identity(entry)
            case SendMoved():
                self._sends.labels(announcement.send.status.value).inc()
            case EventEnded() | Missed():
                pass

    def code_refused(self) -> None:
        """A code was not sent by SMS, as too many were."""
        self._links.codes.inc()

    def _identity(self, entry: Entry) -> None:
        """What was refused or ended of links; both ends of one tell of it, and it is one."""
        match entry.body:
            case LinkRefused(reason=reason) if reason == SPENT:
                self.code_refused()
            case LinkRefused(other=str(other)) if entry.identity < other:
                self._links.conflicts.labels("refused").inc()
            case Unlinked(reason=reason, one=one) if reason == OUTRANKED and entry.identity == one:
                self._links.conflicts.labels("outranked").inc()
            case _:
                pass

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class _LinkFigures:
    """What was refused or ended of links."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.conflicts = Counter(
            "samtal_identity_conflicts",
            "Links refused or ended because of log-ins of two customers.",
            ["end"],
            registry=registry,
        )
        self.codes = Counter(
            "samtal_codes_refused",
            "Codes not sent by SMS because the installation's limit was reached.",
            registry=registry,
        )


class _WorkFigures:
    """What a worker, and an outbox, are doing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "samtal_handling_seconds",
            "Time to work off one delivery of the bus.",
            ["result"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.again = Counter(
            "samtal_redeliveries", "Deliveries that were not the first.", registry=registry
        )
        self.in_hand = Gauge("samtal_in_hand", "Deliveries being worked off.", registry=registry)
        self.sending = Gauge("samtal_sends_under_way", "Sends being made.", registry=registry)
        self.depth = Gauge("samtal_bus_depth", "Envelopes on the bus.", registry=registry)
        self.waiting = Gauge(
            "samtal_backlog",
            "Accepted messages that wait for workers, counted to just above the limit.",
            registry=registry,
        )
        self.full = Gauge(
            "samtal_backlog_full", "1 while new messages are put off.", registry=registry
        )


class _SpoolFigures:
    """What waits on this machine for the store."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge("samtal_spool_waiting", "Spooled requests.", registry=registry)
        self.bytes = Gauge("samtal_spool_bytes", "Bytes of spooled requests.", registry=registry)
        self.age = Gauge(
            "samtal_spool_oldest_seconds", "Age of the oldest spooled request.", registry=registry
        )


class _CrmFigures:
    """What the CRM is told."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tries = Counter(
            "samtal_crm_pushes",
            "Tries to tell the CRM of corrections, by how they ended.",
            ["status"],
            registry=registry,
        )
        self.waiting = Gauge(
            "samtal_crm_waiting", "Corrections that wait for the CRM.", registry=registry
        )
        self.failed = Gauge(
            "samtal_crm_failed", "Corrections that the CRM refused.", registry=registry
        )


class _ChannelFigures:
    """How accounts fare, as all processes saw it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        account = ["channel", "account"]
        self._state = Gauge(
            "samtal_channel_state",
            "How a channel account fares: 0 ok, 1 warning, 2 failing.",
            account,
            registry=registry,
        )
        self._problems = Gauge(
            "samtal_channel_problem",
            "1 for what is not right with a channel account.",
            [*account, "problem"],
            registry=registry,
        )
        self._waiting = Gauge(
            "samtal_channel_waiting",
            "Messages of a channel account that wait to be sent.",
            account,
            registry=registry,
        )

    def take(self, healths: Iterable[ChannelHealth]) -> None:
        """These, and no others."""
        for gauge in (self._state, self._problems, self._waiting):
            gauge.clear()
        for one in healths:
            where = (one.channel, one.account)
            self._state.labels(*where).set(_STATES.index(one.state))
            self._waiting.labels(*where).set(one.waiting)
            for reason in one.reasons:
                self._problems.labels(*where, reason.problem.value).set(1)


class _ConfigFigures:
    """Which configuration is in force."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.version = Gauge(
            "samtal_config_version",
            "How many configurations this process has taken over.",
            registry=registry,
        )
        self.version.set(1)
        self.reloads = Counter(
            "samtal_config_reloads", "Reloads by how they ended.", ["result"], registry=registry
        )
