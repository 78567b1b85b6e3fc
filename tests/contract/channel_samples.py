"""Channels and their `samples.toml`, read for the contract; a new channel is one more folder.

The format is explained in `channels/twilio_sms/samples.toml`. Beyond it: `"<none>"` is no value,
`method = "SOCKET"` is an event of the edge's sockets, a call may name `guarded`, `namespace`,
`room` and `event`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlencode

from pydantic import BaseModel, SecretStr
from typing_extensions import override

import channels
from bot.kit import forms
from bot.model.channel import Address, Attachment, Request
from bot.model.ids import EntryId, SendId
from bot.model.sending import Emit, Lost, Outbound, PartSent, Reply, Unreached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bot.model.channel import Received
    from bot.model.sending import Call, CallResult, Delivery, Media, MediaGone
    from bot.ports import Channel, Fetching, Provider, Sending

ACCOUNT = "demo"
BASE = "https://hub.example.com"
NOW = datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC)
REQUESTS = ("incoming", "ignored", "forged", "garbage")
KINDS = (*REQUESTS, "outgoing", "fetch")
MOST_CALLS = 200

Table = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """One entry of a `samples.toml`."""

    channel: str
    kind: str
    name: str
    data: Table = field(repr=False)

    @override
    def __str__(self) -> str:
        return f"{self.channel}-{self.kind}-{self.name}".replace(" ", "_")


@dataclass
class Driven:
    """What a send did: its calls, the parts that left, its end."""

    calls: list[Call] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    delivery: Delivery | None = None


# --- channels --------------------------------------------------------------------------------


def names() -> list[str]:
    """Every folder of the package that is a package itself."""
    folder = Path(channels.__path__[0])
    return sorted(path.parent.name for path in folder.glob("*/__init__.py"))


@cache
def table(channel: str) -> Table:
    path = Path(channels.__path__[0]) / channel / "samples.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def module(channel: str) -> Any:  # noqa: ANN401 a module's names are not typed
    return importlib.import_module(f"channels.{channel}")


def settings(channel: str, **more: object) -> BaseModel:
    made: BaseModel = module(channel).Settings.model_validate(table(channel)["settings"] | more)
    return made


def adapter(channel: str, **more: object) -> Channel:
    """The channel with its samples' settings; `more` changes some of them."""
    return build(channel, settings(channel, **more))


def build(channel: str, made: BaseModel) -> Channel:
    built: Channel = module(channel).Adapter(made, account=ACCOUNT, public_base_url=BASE)
    return built


def loopback(channel: str, made: BaseModel) -> Provider:
    provider: Provider = importlib.import_module(f"channels.{channel}.sandbox").Loopback(made)
    return provider


def has_loopback(channel: str) -> bool:
    return importlib.util.find_spec(f"channels.{channel}.sandbox") is not None


def secrets(made: BaseModel) -> dict[str, str]:
    values = {name: getattr(made, name) for name in type(made).model_fields}
    return {k: v.get_secret_value() for k, v in values.items() if isinstance(v, SecretStr)}


def optional_secrets(model: type[BaseModel]) -> list[str]:
    return [
        name
        for name, value in model.model_fields.items()
        if SecretStr in get_args(value.annotation) and not value.is_required()
    ]


# --- samples ---------------------------------------------------------------------------------


def samples(*kinds: str, channel: str | None = None) -> list[Sample]:
    wanted = [channel] if channel else names()
    return [
        Sample(name, kind, data["name"], data)
        for name in wanted
        for kind in kinds
        for data in table(name).get(kind, ())
    ]


def request(sample: Sample) -> Request:
    """The request that a sample describes."""
    data = sample.data
    method = data.get("method", "POST")
    path = "/chat" if method == "SOCKET" else webhook_path(sample.channel) + data.get("path", "")
    query = tuple((name, value) for name, value in _pairs(data.get("query", [])))
    mime = forms.FORM_TYPE if "form" in data else "application/json"
    headers = {"content-type": mime} | {k.lower(): v for k, v in data.get("headers", {}).items()}
    return Request(
        method=method,
        url=BASE + path + (f"?{urlencode(query)}" if query else ""),
        path=path,
        query=query,
        headers=tuple(headers.items()),
        body=_body(data),
        received_at=NOW,
    )


def webhook_path(channel: str) -> str:
    return f"/webhooks/{channel}/{ACCOUNT}"


def _pairs(query: Table | Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return query.items() if isinstance(query, dict) else query


def _body(data: Table) -> bytes:
    if "form" in data:
        return forms.write(data["form"].items())
    if "body_hex" in data:
        return bytes.fromhex(data["body_hex"])
    return str(data.get("body", "")).encode()


def outbound(sample: Sample) -> Outbound:
    """The message that a sample describes; in every window unless it says otherwise."""
    data: Table = dict(sample.data["message"])
    at = datetime.fromisoformat(data.get("at", NOW.isoformat()))
    text, user = data.get("text", "") * data.pop("repeat", 1), data.pop("to")
    frame: Table = {
        "id": SendId.of(sample.channel, sample.name),
        "at": at,
        "last_inbound_at": at - timedelta(minutes=1),
    }
    frame |= {key: None if value == "<none>" else value for key, value in data.items()}
    frame |= {"text": text, "to": Address(channel=sample.channel, account=ACCOUNT, user=user)}
    return Outbound.model_validate(frame)


def attachment(sample: Sample) -> Attachment:
    return Attachment.model_validate(sample.data["attachment"])


def result(data: Table) -> CallResult:
    if "unreached" in data:
        return Unreached(reason=data["unreached"])
    if "lost" in data:
        return Lost(reason=data["lost"])
    return Reply(
        status=data["status"],
        headers=tuple(data.get("headers", {}).items()),
        body=str(data.get("body", "")).encode(),
    )


def message(channel: str, **more: object) -> Outbound:
    """A message to somebody whom the samples write to."""
    frame: Table = {
        "id": SendId.of("contract"),
        "to": Address(channel=channel, account=ACCOUNT, user=user(channel)),
        "entry": EntryId.of("contract"),
        "seq": 7,
        "at": NOW,
        "last_inbound_at": NOW,
    }
    return Outbound.model_validate(frame | more)


def user(channel: str) -> str:
    """Somebody whom the samples write to."""
    return str(samples("outgoing", channel=channel)[0].data["message"]["to"])


# --- driving ---------------------------------------------------------------------------------


def drive(sending: Sending, answer: Callable[[Call], CallResult]) -> Driven:
    """Run a send to its end, as the outbox does."""
    driven = Driven()
    given: CallResult | None = None
    while len(driven.calls) <= MOST_CALLS:
        try:
            asked = sending.send(given)
        except StopIteration as stop:
            driven.delivery = stop.value
            return driven
        given = None
        if isinstance(asked, PartSent):
            driven.parts.append(asked.external_id)
        else:
            driven.calls.append(asked)
            given = answer(asked)
    raise AssertionError(f"a send made more than {MOST_CALLS} calls")


def drive_fetch(
    fetching: Fetching, answer: Callable[[Call], CallResult]
) -> tuple[list[Call], Media | MediaGone]:
    """Run a fetch to its end."""
    calls: list[Call] = []
    try:
        call = next(fetching)
        while len(calls) <= MOST_CALLS:
            calls.append(call)
            call = fetching.send(answer(call))
    except StopIteration as stop:
        found: Media | MediaGone = stop.value
        return calls, found
    raise AssertionError(f"a fetch made more than {MOST_CALLS} calls")


def scripted(results: Iterable[Table]) -> Callable[[Call], CallResult]:
    left: Iterator[Table] = iter(results)
    return lambda _: result(next(left))


# --- comparing -------------------------------------------------------------------------------


def problems(expected: object, actual: object, where: str) -> list[str]:
    """What is not so of what is named: objects by the fields named, lists by every item."""
    if expected == "*":
        return [] if actual is not None else [f"{where} is nothing, expected anything"]
    if isinstance(expected, dict):
        known = actual if isinstance(actual, dict) else {}
        return [
            problem
            for name, value in expected.items()
            for problem in problems(value, known.get(name), f"{where}.{name}")
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            problem
            for nth, (one, other) in enumerate(zip(expected, actual, strict=True))
            for problem in problems(one, other, f"{where}[{nth}]")
        ]
    if _same(None if expected == "<none>" else expected, actual):
        return []
    return [f"{where} is {actual!r}, expected {expected!r}"]


def _same(expected: object, actual: object) -> bool:
    if expected == actual:
        return type(expected) is type(actual) or not isinstance(actual, bool)
    try:
        return datetime.fromisoformat(str(expected)) == datetime.fromisoformat(str(actual))
    except (TypeError, ValueError):
        return False


def call_problems(expected: Table, call: Call, where: str) -> list[str]:
    """What is not so of a call, by the fields named; `headers = {}` is no headers at all."""
    actual = call.model_dump(mode="json", exclude={"body", "data", "headers", "secrets"})
    if isinstance(call, Emit):
        actual["json"] = json.loads(call.data)
    else:
        actual["headers"] = {name.lower(): value for name, value in call.headers}
        actual["form"] = {
            name.decode(): value.decode() for name, value in forms.read(call.body).pairs
        }
        actual["json"] = _json(call.body)
    wanted = dict(expected)
    if "headers" in wanted:
        wanted["headers"] = {name.lower(): value for name, value in wanted["headers"].items()}
        if not wanted["headers"] and actual.get("headers"):
            return [f"{where} has headers {sorted(actual['headers'])}, expected none"]
    return problems(wanted, actual, where)


def _json(body: bytes) -> object:
    try:
        parsed: object = json.loads(body)
    except ValueError:
        return None
    return parsed


# --- proof -----------------------------------------------------------------------------------


def without_signed_body() -> set[str]:
    """Channels whose proof does not cover the body, by their own word and with their reason."""
    return {name for name in names() if "signed_body" in table(name).get("exempt", {})}


def assert_refused(received: Received) -> None:
    assert [event.kind for event in received.events] == ["forged"]
    assert received.answer.status == 403
