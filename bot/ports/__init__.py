"""The ports: where two implementations exist, and nowhere else.

Every implementation of a port passes the same suite in `tests/contract/`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from bot.model.channel import Attachment, Capabilities, Received, Request
from bot.model.event import Outcome, ThreadEvent
from bot.model.ids import EntryId, EventId, IdentityId, SendId, ThreadId
from bot.model.listing import ALL_THREADS, HolderCount, ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.people import ChannelIdentity
from bot.model.phone import PhoneWrites, ProviderTook
from bot.model.record import (
    Acceptance,
    Accepted,
    Claim,
    DeadLetter,
    Envelope,
    GapCount,
    LinkMade,
    SendItem,
    Settlement,
    Span,
    ThreadChange,
    ThreadRow,
    Turn,
)
from bot.model.search import Found, SearchQuery
from bot.model.sending import Call, CallResult, Delivery, Media, MediaGone, Outbound, PartSent
from bot.model.thread import Entry, SendState
from bot.model.understanding import Understanding, Utterance
from bot.model.value import AwareDatetime, Value
from bot.ports.blobs import Blobs
from bot.ports.cards import Cards
from bot.ports.counting import Counting
from bot.ports.crm import Pushes
from bot.ports.directory import Directory
from bot.ports.facts import Facts
from bot.ports.health import Accounts, Health
from bot.ports.privacy import Privacy

# --- Clock -----------------------------------------------------------------------------------


class Clock(Protocol):
    """What time it is, and waiting."""

    def now(self) -> datetime:
        """The time, aware, UTC."""

    async def sleep(self, duration: timedelta) -> None:
        """Return when this much time has passed."""


# --- Channel ---------------------------------------------------------------------------------

Sending = Generator[Call | PartSent, CallResult | None, Delivery]
Fetching = Generator[Call, CallResult, Media | MediaGone]


Checking = Generator[Call, CallResult, Delivery]


class Channel(Protocol):
    """One configured account of a kind of transport. Does no I/O and keeps no state."""

    @property
    def name(self) -> str:
        """The channel's name, the folder's: `twilio_sms`."""

    @property
    def account(self) -> str:
        """The account's name in the configuration: `demo`."""

    @property
    def capabilities(self) -> Capabilities:
        """What the channel carries."""

    def receive(self, request: Request) -> Received:
        """Prove where a request comes from and read it; never raises, whatever the bytes."""

    def send(self, message: Outbound) -> Sending:
        """Yield each call to make and be sent its result; yield `PartSent` after each part.

        `PartSent` is answered with None. The return value says how it ended. Parts named in
        `message.parts_sent` are skipped.
        """

    def fetch(self, attachment: Attachment) -> Fetching:
        """Yield each call that it takes to get an attachment; the return value has its bytes."""

    def deep_link(self, code: str) -> str | None:
        """A link that opens this channel with the code filled in, or None where there is none."""


@runtime_checkable
class Checkable(Protocol):
    """A channel that can ask its provider, at no cost, whether it takes our credentials."""

    def check(self) -> Checking:
        """Yield each call and be sent its result; `Sent` says that they are taken.

        A failure of the kind CONFIG, or a last answer with 401, says that they are refused.
        """


# --- Wire ------------------------------------------------------------------------------------


class Wire(Protocol):
    """The only way out: one pool of connections, one place for time-outs and redaction."""

    async def call(self, call: Call) -> CallResult:
        """Make one call; network trouble is a value (`Unreached`, `Lost`), never an exception."""


# --- Nlu -------------------------------------------------------------------------------------


class Nlu(Protocol):
    """Reads messages."""

    @property
    def model(self) -> str:
        """The version of the model: a hash of its data and configuration."""

    async def read(self, utterances: Sequence[Utterance]) -> list[Understanding]:
        """Read texts, one understanding for each, in order; does not block the event loop."""


# --- Bus -------------------------------------------------------------------------------------


class Handle(Protocol):
    """What the bus calls for each envelope."""

    def __call__(self, envelope: Envelope, *, tries: int) -> Awaitable[None]:
        """Handle one envelope; returning acknowledges it, raising gets it redelivered."""


class Bus(Protocol):
    """Wakes workers: ordered by thread, each event once, again after a crash.

    Envelopes of one thread are handled one at a time in the order they were published. An event
    published again within the de-duplication window is dropped. One that was not acknowledged
    (the handler raised, the process died) is delivered again, after a growing delay, before any
    later one of its partition.
    """

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Put envelopes on the bus; durable when this returns.

        Raises BusError when it cannot be: some may be on it, and the sweeper brings the others.
        """

    async def run(self, handle: Handle) -> None:
        """Deliver until cancelled."""

    async def depth(self) -> int:
        """How many envelopes wait or are being handled."""

    async def close(self) -> None:
        """Release what is held; what was not acknowledged stays for the next start."""


# --- Fanout ----------------------------------------------------------------------------------


class Fanout(Protocol):
    """Tells every process at once, this one too, at most once: what was missed is in the store.

    What one process tells on a subject is heard in the order it was told.
    """

    async def tell(self, subject: str, message: bytes) -> None:
        """Hand a message over; raises BusError when it cannot be, then nobody hears it.

        A subject is words of `a-z`, `0-9` and `_`, joined by dots.
        """

    def listen(self, subject: str) -> AbstractAsyncContextManager[AsyncIterator[bytes | None]]:
        """What is told from now on; None where messages may have been missed.

        A listener that does not keep up misses the oldest, never holds up the others.
        """

    async def close(self) -> None:
        """Release what is held; listeners end."""


# --- Spool -----------------------------------------------------------------------------------


class Spooled(Value):
    """One acceptance that waits on this machine; numbers rise."""

    number: int
    acceptance: Acceptance


class SpoolDepth(Value):
    """How much waits in a spool, and since when."""

    count: int
    bytes: int
    oldest_at: AwareDatetime | None = None


class Spool(Protocol):
    """Keeps what was accepted on this machine's own disk while the store is away, in order."""

    async def put(self, acceptance: Acceptance, *, at: datetime) -> None:
        """Keep one more; durable when this returns. Raises SpoolFull; then nothing is kept."""

    async def oldest(self, *, limit: int) -> list[Spooled]:
        """What has waited longest, in the order it was put."""

    async def drop(self, numbers: Sequence[int]) -> None:
        """Forget what the store has taken."""

    async def depth(self) -> SpoolDepth:
        """How much waits."""

    async def close(self) -> None:
        """Release the file; what waits stays for the next start."""


# --- Store -----------------------------------------------------------------------------------


class Inbox(Protocol):
    """Accepting: what the world is told we have."""

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """Make all of it durable in one step, each event once by its id.

        Unknown identities are made from their seeds; a seed that is to be joined links to the
        holder of the same phone or alias, and an `IdentityJoined` event goes ahead of the arrival.
        Receipts are folded forward only, also when they come before the part they speak of.

        A seed fills in what was not known and changes nothing else; an empty name tells nothing.
        It joins on first sight only: the new identity starts in the thread of the holder, of an
        alias before the phone's, the oldest before the others; `link.one` is who arrived. An alias
        is held from the first seed that names it, also before anybody writes from it. Receipts
        rise queued, sent, delivered, read; a failure ends it, unless the part was delivered
        before; watermarks likewise. Of two consents the one with the later `at` counts. The same
        unreadable request is one dead letter. Raises NotFound for an unknown identity without a
        seed, StoreError for a receipt that names neither a part nor a moment; then nothing is
        written.
        """

    async def outcome(self, event: EventId) -> Outcome | None:
        """How a processed event ended; None while it waits, is set aside, or is unknown."""

    async def unprocessed(self, *, before: datetime, limit: int) -> list[ThreadEvent]:
        """Events accepted before a time and not processed yet, oldest first (for the sweeper).

        The time is exclusive, compared with the event's `at`; dead letters are not among them.
        """

    async def waiting(self, *, most: int) -> int:
        """How many accepted events wait to be processed; nobody counts beyond `most`."""

    async def due_timers(self, *, now: datetime, limit: int) -> list[ThreadEvent]:
        """Turn timers that are due into accepted events, each once, the earliest due first.

        They are accepted at `now`, for the thread their identity is in now. The caller puts them
        on the bus.
        """

    async def bury(self, event: EventId, *, reason: str, tries: int, at: datetime) -> None:
        """Set an event aside as a dead letter, so that the thread can go on.

        One that was processed, was set aside before, or is unknown, is left as it is.
        """

    async def dead_letters(self, *, limit: int = 100) -> list[DeadLetter]:
        """What was set aside, oldest first, with the body of the request it came in.

        What came unreadable has no thread, no tries, and cannot be revived.
        """

    async def revive(self, event: EventId) -> ThreadEvent:
        """Take a dead letter back to be processed; raises NotFound."""

    async def discard_dead_letter(self, event: EventId) -> None:
        """Forget a request that could not be read; raises NotFound when there is none."""

    async def prune(self, *, before: datetime) -> int:
        """Forget raw requests accepted before a time, and receipts whose part never left.

        A request goes when its events are all processed; a dead letter keeps its own, and the ids
        of events stay, so that a repeat still changes nothing. A receipt goes that is older than
        the time (exclusive) and still waits for its part. Returns how many requests went: many
        are taken in several calls, until 0.
        """


class Threads(Protocol):
    """Threads: loading, changing, reading."""

    async def turn(self, thread: ThreadId) -> Turn:
        """The thread that this id leads to now, with its waiting events.

        Identities come oldest first; an unknown thread has none. Events keep the thread they were
        accepted for, also when that has gone up in this one; of very many, the oldest come.
        """

    async def commit(self, change: ThreadChange) -> tuple[Entry, ...]:
        """Write a change; returns its entries with their sequence numbers.

        Raises StaleVersion when the thread (or the one it absorbs) has moved on, when the event
        was processed already, or when the code is used up or gone; then nothing is written.
        An event set aside, or unknown, counts as processed. Whether the code has expired is for
        the caller to see (`Directory.code`). Raises StoreError when `state.version` does not
        follow `expected`.
        """

    async def entries(
        self,
        spans: Sequence[Span],
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 100,
        newest: bool = False,
    ) -> list[Entry]:
        """Entries of these identities between two sequence numbers (both exclusive), rising.

        `newest` takes the last `limit` of them instead of the first. `Span.from_seq` is inclusive;
        an entry in two spans comes once.
        """

    async def entry(self, entry: EntryId) -> Entry | None:
        """The entry, or None."""

    async def sends(self, sends: Sequence[SendId]) -> list[SendState]:
        """How these messages went, in the order asked for; unknown ids are left out."""

    async def threads(
        self,
        wanted: ThreadFilter = ALL_THREADS,
        *,
        order: ThreadOrder = ThreadOrder.NEWEST,
        after: ThreadPlace | None = None,
        limit: int = 50,
    ) -> list[ThreadRow]:
        """Threads that a filter takes, in an order, those of the same moment by their ids.

        `after` is exclusive: the place of the last one of the page before. Threads in which
        nothing has happened yet are left out.
        """

    async def counts(self) -> list[HolderCount]:
        """How many threads each queue is offered and each agent owns, in no order."""

    async def queue(self, name: str, *, most: int) -> list[ThreadId]:
        """The threads offered to a queue, who has waited longest first; none beyond `most`.

        Those of the same moment come by their ids.
        """

    async def count(self, wanted: ThreadFilter, *, most: int) -> int:
        """How many threads a filter takes; counted to `most` and no further."""

    async def thread_ids(self) -> list[ThreadId]:
        """All threads there are (for rebuilding); not those that went up in another one."""

    async def put_state(self, thread: ThreadRow) -> None:
        """Replace a thread's snapshot by a rebuilt one; raises StaleVersion if it moved on.

        It has moved on when its version is not the snapshot's; the version stays what it is.
        """

    async def identity(self, identity: IdentityId) -> ChannelIdentity | None:
        """The identity, or None."""

    async def links(self, identities: Sequence[IdentityId]) -> list[LinkMade]:
        """The links between these identities, oldest first, those that ended too.

        Both ends are among them. Entries written together with a link come after its `seq`.
        Marks come oldest first.
        """

    async def gaps(self, *, limit: int = 100) -> list[GapCount]:
        """Content gaps met, most demanded first."""


class Outbox(Protocol):
    """Sends: claimed, made, settled; in order for each recipient."""

    async def claim_sends(self, *, now: datetime, limit: int, until: datetime) -> list[Claim]:
        """Mark sends that are due as being made, the longest due first, and hand them over.

        A send is not due while an older one to the same identity is not final. The claims hold
        `until` a moment, unless `hold_sends` prolongs them.
        """

    async def hold_sends(self, sends: Sequence[SendId], *, until: datetime) -> list[SendId]:
        """Prolong claims; returns those that are still held, the others have ended or lapsed."""

    async def part_sent(self, send: SendId, part: PartSent, *, at: datetime) -> None:
        """Record that one more part left; a receipt that came earlier counts for it.

        A part starts as SENT. Two parts may have the same id: they count as two. Raises NotFound.
        """

    async def settle(self, settlement: Settlement) -> None:
        """Record how the attempt ended; one that is final already stays. Raises NotFound.

        QUEUED without `due` is due at once.
        """

    async def recover_sends(self, *, now: datetime) -> list[SendItem]:
        """Sends whose claim has lapsed have an unknown outcome; returns them, oldest first.

        A claim lapses at its moment (inclusive), or as soon as the store knows that whoever made
        it is gone. Their failure is UNCERTAIN.
        """

    async def next_due(self) -> datetime | None:
        """When the earliest queued send is due, or None when none waits.

        Sends that an older one to the same identity holds up do not count: when that is settled,
        ask again.
        """

    async def sent_part(self, *, channel: str, account: str, external_id: str) -> SendId | None:
        """The send that this provider id belongs to, or None."""


class Search(Protocol):
    """Full text: what was said or noted, and who the customers are. See `bot/model/search.py`."""

    async def find_customers(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        """Identities that have what is searched for, the last met first.

        `before` is exclusive, the number of one found. `row` is the thread they are in now.
        """

    async def find_entries(
        self, query: SearchQuery, *, before: int | None = None, limit: int = 20
    ) -> list[Found]:
        """Entries likewise, the newest first; their numbers are their sequence numbers."""


class Store(
    Inbox,
    Threads,
    Outbox,
    Directory,
    Search,
    Blobs,
    Facts,
    Cards,
    Counting,
    Privacy,
    Pushes,
    Health,
    Accounts,
    Protocol,
):
    """The record of truth."""

    async def ready(self) -> None:
        """Return when the store can write; raises StoreError.

        Every other method raises StoreAway when the store does not answer: what was asked may
        have been done or not, and asking again does no harm.
        """

    async def close(self) -> None:
        """Finish what was begun and release what is held."""


# --- Phone (sandbox) -------------------------------------------------------------------------


class Provider(Protocol):
    """A provider played on the loopback, on its real wire format; one class beside each channel."""

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The signed webhook that the provider sends for this; `number` makes its ids unique.

        `url` is the public URL of the account's webhook.
        """

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Answer a call made to the provider's API; `request.path` is below the API base."""
