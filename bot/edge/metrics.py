"""Counts and times for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.hub.feed import Announcement, SendMoved, ThreadMoved

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
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

    def webhook(self, channel: str, account: str, *, result: str) -> None:
        """A webhook request ended: accepted, forged, refused, limited or failed."""
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

    def hear(self, announcement: Announcement) -> None:
        """Count what the hub announces."""
        match announcement:
            case ThreadMoved():
                for entry in announcement.entries:
                    self._entries.labels(entry.body.kind).inc()
            case SendMoved():
                self._sends.labels(announcement.send.status.value).inc()

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
