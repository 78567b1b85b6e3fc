"""What a sequence must have come to: each thing named in `final` is looked up and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

from bot.model.channel import Address, ReceiptStatus
from bot.model.people import ByAgent
from bot.model.record import Span, ThreadRow
from bot.model.thread import (
    EchoOut,
    Entry,
    MessageDeleted,
    MessageEdited,
    MessageIn,
    MessageOut,
    SendState,
    SendStatus,
)
from tests.corpus import adapters
from tests.corpus.calls import packed
from tests.corpus.compare import same_person, subset

if TYPE_CHECKING:
    from bot.model.channel import Answer
    from bot.model.ids import IdentityId, SendId
    from bot.model.sending import HttpCall, Outbound
    from bot.ports import Store
    from tests.corpus.cases import Json
    from tests.corpus.hub_under_test import HubUnderTest

_MOST = 10_000
_SERVER_ERROR = 500


@dataclass
class Seen:
    """What the steps did and what stands in the store in the end."""

    answers: list[Answer] = field(default_factory=list)
    longest_answer: float = 0.0
    calls: list[HttpCall] = field(default_factory=list)
    taken: list[HttpCall] = field(default_factory=list)
    ours: dict[SendId, Outbound] = field(default_factory=dict)
    rows: list[ThreadRow] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    states: dict[SendId, SendState] = field(default_factory=dict)
    dead: int = 0

    async def read(self, hub: HubUnderTest) -> None:
        store: Store = hub.store
        # Also those that no list shows, as nobody has said anything in them.
        turns = [await store.turn(thread) for thread in await store.thread_ids()]
        self.rows = [ThreadRow(state=turn.state, identities=turn.identities) for turn in turns]
        found: dict[str, Entry] = {}
        for row in self.rows:
            spans = [Span(identity=identity.id) for identity in row.identities]
            for entry in await store.entries(spans, limit=_MOST):
                found[entry.id] = entry
        self.entries = sorted(found.values(), key=lambda entry: entry.seq)
        sends = [e.body.send for e in self.entries if isinstance(e.body, MessageOut)]
        states = await store.sends([*sends, *self.ours])
        self.states = {state.send: state for state in states}
        self.dead = len(await store.dead_letters())

    @property
    def users(self) -> dict[IdentityId, str]:
        return {
            identity.id: identity.address.user for row in self.rows for identity in row.identities
        }

    @property
    def inbound(self) -> list[dict[str, Any]]:
        """Messages of customers as a reader sees them: edits applied, deleted ones without text."""
        messages = [
            {
                "external_id": entry.body.external_id,
                "text": entry.body.text,
                "from": self.users.get(entry.identity),
                "identity": entry.identity,
                "incomplete": entry.body.incomplete,
                "payload": entry.body.press.payload if entry.body.press else None,
                "reply_to": entry.body.reply_to,
            }
            for entry in self.entries
            if isinstance(entry.body, MessageIn)
        ]
        for entry in self.entries:
            if isinstance(entry.body, MessageEdited | MessageDeleted):
                text = entry.body.text if isinstance(entry.body, MessageEdited) else ""
                for message in messages:
                    if (message["identity"], message["external_id"]) == (
                        entry.identity,
                        entry.body.external_id,
                    ):
                        message["text"] = text
        return messages

    @property
    def outbound(self) -> list[Entry]:
        return [e for e in self.entries if isinstance(e.body, MessageOut | EchoOut)]

    @property
    def bot_replies(self) -> list[Entry]:
        """What was said of the hub's own accord."""
        return [
            entry
            for entry in self.entries
            if isinstance(entry.body, MessageOut) and entry.body.send not in self.ours
        ]

    @property
    def our_calls(self) -> list[HttpCall]:
        """The calls for messages of the steps, not for the bot's answers."""
        said = {packed(e.body.text) for e in self.bot_replies if isinstance(e.body, MessageOut)}
        return [call for call in self.calls if not _carries(call, said)]

    def state_of(self, text: str) -> SendState | None:
        """How our message of this text went."""
        return next((self.states.get(s) for s, m in self.ours.items() if m.text == text), None)

    @property
    def message_state(self) -> SendState | None:
        """How the first of our messages went."""
        return next((self.states.get(send) for send in self.ours), None)


def _carries(call: HttpCall, texts: set[str]) -> bool:
    body = call.body.decode("utf-8", "replace")
    shown = packed(unquote_plus(body)) + packed(body)
    return any(text and text in shown for text in texts)


Check = Callable[[Any, Seen], list[str]]


async def check(final: Json, seen: Seen, hub: HubUnderTest) -> list[str]:
    """What of `final` is not so; a name that nobody knows is a problem too."""
    problems: list[str] = []
    for name, wanted in final.items():
        if name in _ASKED:
            problems += await _ASKED[name](wanted, seen, hub)
        elif name in _CHECKS:
            problems += [f"{name}: {why}" for why in _CHECKS[name](wanted, seen)]
        else:
            problems.append(f"nobody can check {name!r}")
    return problems


def _equal(found: object, wanted: object) -> list[str]:
    return [] if found == wanted else [f"{found!r}, expected {wanted!r}"]


def _at_most(found: float, most: float) -> list[str]:
    return [] if found <= most else [f"{found}, at most {most} expected"]


def _messages(wanted: list[Json], seen: Seen) -> list[str]:
    found = seen.inbound
    if len(found) != len(wanted):
        return [f"{len(found)} messages ({found}), expected {len(wanted)}"]
    return [
        problem
        for number, (one, other) in enumerate(zip(wanted, found, strict=True))
        for problem in subset(one, other, f"[{number}]")
    ]


def _thread_channels(wanted: list[str], seen: Seen) -> list[str]:
    found = [sorted({i.address.channel for i in row.identities}) for row in seen.rows]
    return [] if sorted(wanted) in found else [f"{found}, expected {sorted(wanted)}"]


def _identities(wanted: list[str], seen: Seen) -> list[str]:
    known = set(seen.users.values())
    known |= {i.phone for row in seen.rows for i in row.identities if i.phone}
    missing = [one for one in wanted if not any(same_person(one, other) for other in known)]
    return [f"{missing} not among {sorted(known)}"] if missing else []


def _status_of(wanted: dict[str, str], seen: Seen) -> list[str]:
    found = {part.external_id: part.status for s in seen.states.values() for part in s.parts}
    return [
        f"{external_id} is {found.get(external_id)}, expected {status}"
        for external_id, status in wanted.items()
        if found.get(external_id) != ReceiptStatus(status)
    ]


def _words(state: SendState | None) -> set[str]:
    """Every word of the corpus that says how a message went."""
    if state is None:
        return {"lost"}
    reached = {part.status for part in state.parts}
    words = {state.status.value} | ({state.reached.value} if state.reached else set())
    if state.status is SendStatus.QUEUED:
        words |= {"retry", "pending"}
    if ReceiptStatus.FAILED in reached and len(reached) > 1:
        words.add("partly_delivered")
    if state.status is SendStatus.SENT and ReceiptStatus.FAILED in reached:
        words.discard("sent")
    return words


def _message_status(wanted: str | list[str], seen: Seen) -> list[str]:
    found = _words(seen.message_state)
    options = {wanted} if isinstance(wanted, str) else set(wanted)
    return [] if found & options else [f"{sorted(found)}, expected one of {sorted(options)}"]


def _external_ids(wanted: list[str], seen: Seen) -> list[str]:
    state = seen.message_state
    return _equal([part.external_id for part in state.parts] if state else [], wanted)


def _delivered(wanted: list[str], seen: Seen) -> list[str]:
    return [
        f"{text!r} is {sorted(_words(seen.state_of(text)))}"
        for text in wanted
        if (state := seen.state_of(text)) is None or state.status is not SendStatus.SENT
    ]


def _not_sent(wanted: list[str], seen: Seen) -> list[str]:
    final = {SendStatus.FAILED, SendStatus.DROPPED}
    problems = [
        f"{text!r} is {sorted(_words(seen.state_of(text)))}"
        for text in wanted
        if (state := seen.state_of(text)) is None or state.status not in final or state.parts
    ]
    return problems + [f"{t!r} was sent" for t in wanted for c in seen.taken if _is_text(c, t)]


def _is_text(call: HttpCall, text: str) -> bool:
    fields = parse_qs(call.body.decode("utf-8", "replace"))
    return any(text in values for values in fields.values())


def _pending(wanted: list[str], seen: Seen) -> list[str]:
    return [
        f"{text!r} is {sorted(_words(seen.state_of(text)))}"
        for text in wanted
        if (state := seen.state_of(text)) is None or state.status is not SendStatus.QUEUED
    ]


def _delivered_order(wanted: list[str], seen: Seen) -> list[str]:
    found = [text for call in seen.taken for text in wanted if _carries(call, {packed(text)})]
    return _equal(found, wanted)


def _parts_once(wanted: bool, seen: Seen) -> list[str]:
    again = [body for body, times in Counter(c.body for c in seen.taken).items() if times > 1]
    return _equal(not again, wanted)


def _history(wanted: list[str], seen: Seen) -> list[str]:
    texts = [
        e.body.text for e in seen.entries if isinstance(e.body, MessageIn | MessageOut | EchoOut)
    ]
    return _equal([text for text in texts if text in wanted], wanted)


def _text_contains(wanted: str | list[str], seen: Seen) -> list[str]:
    pieces = [wanted] if isinstance(wanted, str) else wanted
    texts = [message["text"] for message in seen.inbound]
    found = any(all(piece in text for piece in pieces) for text in texts)
    return [] if found else [f"{texts} lack {pieces}"]


def _text_not_shown(wanted: str | list[str], seen: Seen) -> list[str]:
    hidden = [wanted] if isinstance(wanted, str) else wanted
    return [f"{t!r} is shown" for t in hidden for m in seen.inbound if t in m["text"]]


def _outbound_text(wanted: str | list[str], seen: Seen) -> list[str]:
    texts = [e.body.text for e in seen.outbound if isinstance(e.body, MessageOut | EchoOut)]
    return _equal(texts, [wanted] if isinstance(wanted, str) else wanted)


def _outbound_origin(wanted: str, seen: Seen) -> list[str]:
    found = {
        "agent" if isinstance(e.body, EchoOut) or isinstance(e.by, ByAgent) else e.by.kind
        for e in seen.outbound
    }
    return _equal(found, {wanted})


def _each_once(wanted: bool, seen: Seen) -> list[str]:
    ids = Counter((m["identity"], m["external_id"]) for m in seen.inbound)
    return _equal(all(times == 1 for times in ids.values()), wanted)


def _no_silent_loss(wanted: bool, seen: Seen) -> list[str]:
    lost = [m.text for send, m in seen.ours.items() if send not in seen.states]
    stuck = [s.send for s in seen.states.values() if s.status is SendStatus.SENDING]
    return _equal(not lost and not stuck, wanted)


def _errors(wanted: int, seen: Seen) -> list[str]:
    return _equal(seen.dead + sum(a.status >= _SERVER_ERROR for a in seen.answers), wanted)


async def _opted_out(wanted: list[str], seen: Seen, hub: HubUnderTest) -> list[str]:
    channels = {identity.address.channel for row in seen.rows for identity in row.identities}
    channels |= {message.to.channel for message in seen.ours.values()}
    problems = []
    for user in wanted:
        addresses = [Address(channel=c, account=adapters.ACCOUNT, user=user) for c in channels]
        if not any([await hub.opted_out(address) for address in addresses]):
            problems.append(f"opted_out: {user} is not")
    return problems


_CHECKS: dict[str, Check] = {
    "messages": _messages,
    "messages_count": lambda wanted, seen: _equal(len(seen.inbound), wanted),
    "messages_inbound": lambda wanted, seen: _equal(len(seen.inbound), wanted),
    "messages_outbound": lambda wanted, seen: _equal(len(seen.outbound), wanted),
    "customers": lambda wanted, seen: _equal(len(seen.rows), wanted),
    "threads": lambda wanted, seen: _equal(len(seen.rows), wanted),
    "thread_channels": _thread_channels,
    "identities": _identities,
    "bot_replies_max": lambda wanted, seen: _at_most(len(seen.bot_replies), wanted),
    "status_of": _status_of,
    "message_status": _message_status,
    "message_status_any": _message_status,
    "external_ids": _external_ids,
    "requests_count": lambda wanted, seen: _equal(len(seen.our_calls), wanted),
    "requests_max": lambda wanted, seen: _at_most(len(seen.our_calls), wanted),
    "delivered": _delivered,
    "not_sent": _not_sent,
    "pending": _pending,
    "delivered_order": _delivered_order,
    "parts_delivered_once": _parts_once,
    "history_order": _history,
    "text_contains": _text_contains,
    "text_not_shown": _text_not_shown,
    "marked_incomplete": lambda wanted, seen: _equal(
        any(message["incomplete"] for message in seen.inbound), wanted
    ),
    "outbound_text": _outbound_text,
    "outbound_origin": _outbound_origin,
    "ack_within_s": lambda wanted, seen: _at_most(seen.longest_answer, wanted),
    "each_once": _each_once,
    "no_silent_loss": _no_silent_loss,
    "errors": _errors,
}
_ASKED: dict[str, Callable[[Any, Seen, HubUnderTest], Awaitable[list[str]]]] = {
    "opted_out": _opted_out
}
KNOWN = frozenset(_CHECKS) | frozenset(_ASKED)
