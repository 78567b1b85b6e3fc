"""Cases of kind `incoming`: a request in, events and an answer out."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bot.model.channel import (
    Answer,
    ChannelEvent,
    Echo,
    Forged,
    Ignored,
    Inbound,
    Receipt,
    Received,
    Unreadable,
)
from bot.model.sending import HttpCall, Reply
from tests.corpus import adapters, neutral
from tests.corpus.compare import subset

if TYPE_CHECKING:
    from bot.model.channel import Attachment
    from bot.model.sending import CallResult
    from bot.ports import Channel
    from tests.corpus.cases import Case, Json

_MOST_CALLS = 20


def run(case: Case) -> list[str]:
    """What is not as the case expects."""
    channel = adapters.adapter(case)
    at = adapters.clock(case)
    received = channel.receive(adapters.request(case.data["request"], config=case.config, at=at))
    return [
        *check(case.expect, received, case.channel),
        *_fetching(case.data, channel, received),
    ]


def check(expect: Json, received: Received, channel: str) -> list[str]:
    """Compare what was received with what a case expects."""
    return [
        *_answer(expect, received.answer),
        *_error(expect.get("error"), received.events),
        *_messages(expect, received.events, channel),
        *_statuses(expect, received.events),
        *_events(expect, received.events),
        *_echoes(expect, received.events),
    ]


def _answer(expect: Json, answer: Answer) -> list[str]:
    problems = []
    allowed = expect.get("status_any") or [expect["status"]]
    body = answer.body.decode("utf-8", "replace")
    if answer.status not in allowed:
        problems.append(f"answered {answer.status}, expected one of {allowed}")
    if "body" in expect and body != expect["body"]:
        problems.append(f"the answer's body is {body!r}, expected {expect['body']!r}")
    if "body_contains" in expect and expect["body_contains"] not in body:
        problems.append(f"the answer's body {body!r} lacks {expect['body_contains']!r}")
    if "content_type" in expect and not answer.content_type.startswith(expect["content_type"]):
        problems.append(f"content type {answer.content_type}, expected {expect['content_type']}")
    if expect.get("body_not_html") and "html" in answer.content_type.lower():
        problems.append("the answer is HTML")
    return problems


def _error(expected: str | None, events: tuple[ChannelEvent, ...]) -> list[str]:
    told = [
        event.reason.value if not isinstance(event, Ignored) else "ignored"
        for event in events
        if isinstance(event, Forged | Unreadable | Ignored)
    ]
    if expected is None:
        forged = [event.reason.value for event in events if isinstance(event, Forged)]
        return [f"refused as {forged[0]}"] if forged else []
    problems = []
    if expected not in told:
        problems.append(f"error is {told or 'none'}, expected {expected!r}")
    stored = [e.kind for e in events if not isinstance(e, Forged | Unreadable | Ignored)]
    if stored:
        problems.append(f"stored {stored} in spite of the error {expected!r}")
    return problems


def _messages(expect: Json, events: tuple[ChannelEvent, ...], channel: str) -> list[str]:
    found = [neutral.message(event, channel) for event in events if isinstance(event, Inbound)]
    wanted = expect.get("messages")
    if wanted is not None:
        return _in_order("message", wanted, found)
    problems = []
    if len(found) > expect.get("max_messages", len(found)):
        problems.append(f"{len(found)} messages, at most {expect['max_messages']} expected")
    if len(found) < expect.get("min_messages", 0):
        problems.append(f"{len(found)} messages, at least {expect['min_messages']} expected")
    return problems


def _statuses(expect: Json, events: tuple[ChannelEvent, ...]) -> list[str]:
    found = [neutral.receipt(event) for event in events if isinstance(event, Receipt)]
    return _in_order("status", expect.get("statuses") or [], found)


def _in_order(what: str, wanted: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    problems = []
    if len(wanted) != len(found):
        problems.append(f"{len(found)} of kind {what}, expected {len(wanted)}: {found}"[:400])
    for number, (one, other) in enumerate(zip(wanted, found, strict=False)):
        problems += subset(one, other, f"{what}[{number}]")
    return problems


def _events(expect: Json, events: tuple[ChannelEvent, ...]) -> list[str]:
    left = [neutral.events(event) for event in events]
    problems = []
    for wanted in expect.get("events") or []:
        place = next((n for n, options in enumerate(left) if _matches(wanted, options)), None)
        if place is not None:
            left.pop(place)
        elif not expect.get("events_optional"):
            problems.append(f"event {wanted} not reported; left are {left}"[:400])
    return problems


def _matches(wanted: dict[str, Any], options: list[dict[str, Any]]) -> bool:
    named = {key: value for key, value in wanted.items() if key != "provider_type"}
    return any(
        not subset(named, option, "") and neutral.provider_type_named(wanted, option)
        for option in options
    )


def _echoes(expect: Json, events: tuple[ChannelEvent, ...]) -> list[str]:
    if "echoes" not in expect:
        return []
    found = [neutral.echo(event) for event in events if isinstance(event, Echo)]
    return _in_order("echo", expect["echoes"], found)


def _fetching(data: Json, channel: Channel, received: Received) -> list[str]:
    """Fetch every attachment against the case's provider calls: no host of `no_fetch_of`."""
    forbidden = set(data["expect"].get("no_fetch_of") or [])
    problems: list[str] = []
    for event in received.events:
        for attachment in event.attachments if isinstance(event, Inbound | Echo) else ():
            for call in _fetched(channel, attachment, data.get("provider_calls") or []):
                host = urlsplit(call.url).hostname or ""
                if host in forbidden and not call.guarded:
                    problems.append(f"asks {host} for an attachment, without the guard")
    return problems


def _fetched(channel: Channel, attachment: Attachment, calls: list[Json]) -> list[HttpCall]:
    made: list[HttpCall] = []
    fetching = channel.fetch(attachment)
    try:
        call = next(fetching)
        for _ in count():
            if not isinstance(call, HttpCall) or len(made) >= _MOST_CALLS:
                return made
            made.append(call)
            call = fetching.send(_reply(call, calls))
    except StopIteration:
        return made
    return made


def _reply(call: HttpCall, calls: list[Json]) -> CallResult:
    for known in calls:
        if known["method"] == call.method and known["url_contains"] in call.url:
            answer = known["response"]
            return Reply(status=answer["status"], body=(answer.get("body") or "").encode())
    return Reply(status=404)
