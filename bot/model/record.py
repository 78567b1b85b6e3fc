"""What goes into the store and comes out of it, beside entries and events."""

from __future__ import annotations

from bot.model.channel import Address, Attachment, ReceiptStatus
from bot.model.consents import ConsentFact
from bot.model.crm import Push
from bot.model.decision import Gap
from bot.model.event import EventBody, Outcome, ThreadEvent, TimerBody
from bot.model.fact import Fact
from bot.model.ids import EntryId, EventId, IdentityId, SendId, ThreadId
from bot.model.people import ChannelIdentity, Link, LinkMark, Mark
from bot.model.sending import Card, Choice, FailureKind, Origin, PartSent, Question, TemplateUse
from bot.model.thread import Entry, SendStatus, ThreadState
from bot.model.value import AwareDatetime, Value

# --- accepting -------------------------------------------------------------------------------


class RawRequest(Value):
    """A request as it came, kept so that nothing accepted can be lost to a reading fault."""

    channel: str
    account: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    at: AwareDatetime


class IdentitySeed(Value):
    """What makes an identity on first sight.

    `join_phone`: join it with the identity that holds the same attested phone number.
    `aliases`: identities of the same person in the same payload, joined likewise.
    """

    address: Address
    phone: str | None = None
    name: str | None = None
    username: str | None = None
    language: str | None = None
    join_phone: bool = False
    aliases: tuple[IdentityId, ...] = ()


class Arrival(Value):
    """One event to accept; `seed` when the identity may be new."""

    id: EventId
    identity: IdentityId
    seed: IdentitySeed | None = None
    at: AwareDatetime
    body: EventBody


class ReceiptFact(Value):
    """The provider's word on one part, or (`user`, `watermark`) on all parts up to a time."""

    channel: str
    account: str
    status: ReceiptStatus
    at: AwareDatetime
    external_id: str | None = None
    user: str | None = None
    watermark: AwareDatetime | None = None
    error_code: str | None = None
    error_title: str | None = None


class Acceptance(Value):
    """Everything one request brought, to be made durable together.

    `unreadable` says why a proven request could not be read: it becomes a dead letter.
    """

    request: RawRequest | None = None
    arrivals: tuple[Arrival, ...] = ()
    receipts: tuple[ReceiptFact, ...] = ()
    consents: tuple[ConsentFact, ...] = ()
    unreadable: str | None = None


class Accepted(Value):
    """What was new: repeats are left out.

    `queued`: the store has put the events on the bus in the same transaction.
    """

    events: tuple[ThreadEvent, ...] = ()
    queued: bool = False


class DeadLetter(Value):
    """Something accepted that could not be processed, with the request it came in.

    Without a thread it is a request that could not be read; without a request it was a command.
    """

    event: EventId
    thread: ThreadId | None
    reason: str
    tries: int
    at: AwareDatetime
    request: RawRequest | None


# --- processing ------------------------------------------------------------------------------


class Turn(Value):
    """A thread as it stands, and what waits to change it, oldest first."""

    state: ThreadState
    identities: tuple[ChannelIdentity, ...]
    events: tuple[ThreadEvent, ...]

    def identity(self, wanted: IdentityId) -> ChannelIdentity | None:
        """The identity of this id in the thread, or None."""
        return next((found for found in self.identities if found.id == wanted), None)


class SendItem(Value):
    """One message out, as decided: to whom, as which facet, under which epoch, on whose behalf."""

    id: SendId
    entry: EntryId
    thread: ThreadId
    identity: IdentityId
    epoch: int
    origin: Origin
    author_name: str | None = None
    text: str = ""
    choices: tuple[Choice, ...] = ()
    cards: tuple[Card, ...] = ()
    question: Question | None = None
    attachments: tuple[Attachment, ...] = ()
    template: TemplateUse | None = None
    language: str | None = None
    in_reply_to: str | None = None
    recipient_token: str | None = None
    facet: str | None = None
    at: AwareDatetime


class Timer(Value):
    """An event to accept at a later time; a timer of the same id is set once."""

    id: EventId
    identity: IdentityId
    due: AwareDatetime
    body: TimerBody


class Absorb(Value):
    """The thread that a link lets go up in this one, fenced by its version."""

    thread: ThreadId
    version: int


class Split(Value):
    """A part of a thread that an ended link lets go; its thread is that of before, or its first.

    The version of `state` is the store's to set: it goes on from the highest that thread had.
    """

    state: ThreadState
    identities: tuple[IdentityId, ...]


class ThreadChange(Value):
    """Everything one event did, written together or not at all.

    `expected` is the version the thread was loaded at (0: no commit yet); `state.version` must be
    `expected + 1`. `code` is the hash of a link code that this change uses up. A change that
    absorbs a thread splits off none.
    """

    event: EventId
    expected: int
    state: ThreadState
    outcome: Outcome
    entries: tuple[Entry, ...] = ()
    sends: tuple[SendItem, ...] = ()
    timers: tuple[Timer, ...] = ()
    gaps: tuple[Gap, ...] = ()
    link: Link | None = None
    absorb: Absorb | None = None
    marks: tuple[LinkMark, ...] = ()
    splits: tuple[Split, ...] = ()
    facts: tuple[Fact, ...] = ()
    pushes: tuple[Push, ...] = ()
    code: str | None = None


# --- sending ---------------------------------------------------------------------------------


class Claim(Value):
    """A send that is ours to make now, with what the gate must know.

    `seq` is the entry's. `epoch_now` is the thread's epoch at the moment of the claim.
    `tries` counts this attempt.
    """

    item: SendItem
    seq: int
    address: Address
    epoch_now: int
    last_inbound_at: AwareDatetime | None = None
    parts_sent: tuple[PartSent, ...] = ()
    tries: int = 1


class Settlement(Value):
    """How an attempt ended; `due` with status QUEUED says when to try again.

    Not `counted`: nothing was attempted, the claim is given back as if it had not been made.
    """

    send: SendId
    status: SendStatus
    at: AwareDatetime
    due: AwareDatetime | None = None
    failure: FailureKind | None = None
    detail: str = ""
    warnings: tuple[str, ...] = ()
    counted: bool = True


# --- reading ---------------------------------------------------------------------------------


class Span(Value):
    """The entries of one identity from a sequence number on."""

    identity: IdentityId
    from_seq: int = 0


class LinkMade(Value):
    """A link, the highest entry number there was when it was made, and what became of it."""

    link: Link
    seq: int
    marks: tuple[LinkMark, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the two are still one customer by it."""
        return not any(mark.mark is Mark.ENDED for mark in self.marks)

    @property
    def revealed(self) -> bool:
        """Whether what is older than the link may be shown across it."""
        return any(mark.mark is Mark.REVEALED for mark in self.marks)


class ThreadRow(Value):
    """A thread in a list."""

    state: ThreadState
    identities: tuple[ChannelIdentity, ...]


class GapCount(Value):
    """How often a cell of the content matrix was asked for and empty."""

    gap: Gap
    count: int
    last_at: AwareDatetime


class Envelope(Value):
    """What the bus carries: a wake-up for a thread because of an event; the store has the rest."""

    event: EventId
    thread: ThreadId
