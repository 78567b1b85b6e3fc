"""What a run left behind: what was posted, what the store holds, what the provider took."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.provider import Call


@dataclass(slots=True)
class Posted:
    """One message of a customer; moments are monotonic seconds, None: never answered with a 2xx.

    `edge` is the process that accepted it, where there are several.
    """

    sid: str
    sender: str
    text: str
    first_at: float
    accepted_at: float | None = None
    edge: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One message in a thread: by which event, and that event's place in the order of acceptance.

    `seq` is the entry's place in the thread. `accepted` is None where several processes number what
    they accept: then only the moments of the 2xx tell the order.
    """

    thread: str
    seq: int
    event: str
    accepted: int | None
    sender: str
    sid: str
    text: str
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """One message out: to whom, because of which event, and how its send ended.

    `author` is bot, system, or an agent's name.
    """

    thread: str
    seq: int
    event: str
    recipient: str
    text: str
    send: str
    status: str
    sids: tuple[str, ...]
    reached: str | None = None
    channel: str = "twilio_sms"
    author: str = "bot"
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Turned:
    """Somebody else may speak from here on: `owner` is bot, offered, none, or an agent's name."""

    thread: str
    seq: int
    event: str
    epoch: int
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the check looks at."""

    posted: tuple[Posted, ...]
    shown: tuple[Shown, ...]
    answered: tuple[Answered, ...]
    calls: tuple[Call, ...]
    waiting: int = 0
    dead: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    turned: tuple[Turned, ...] = ()
