"""What a fake store keeps; give the same one to a second store and nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.errors import NotFound, StoreClosed
from bot.model.channel import ReceiptStatus
from bot.model.crm import PushRow
from bot.model.record import DeadLetter, LinkMade
from bot.model.thread import PartState, SendState, SendStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from bot.errors import StoreError
    from bot.model.accounts import StoredAccount
    from bot.model.blob import Blob
    from bot.model.channel import Address
    from bot.model.consents import ConsentFact
    from bot.model.counts import CardSeen, PersonaCounts
    from bot.model.crm import Push
    from bot.model.decision import Gap
    from bot.model.event import Outcome, ThreadEvent
    from bot.model.fact import Fact, FieldKey, HeldFact
    from bot.model.health import Sign, SignCount
    from bot.model.ids import (
        AgentId,
        BlobId,
        EntryId,
        EventId,
        FactId,
        IdentityId,
        LinkId,
        SendId,
        ThreadId,
    )
    from bot.model.people import (
        Agent,
        ApiToken,
        ChannelIdentity,
        Link,
        LinkCode,
        LinkMark,
        Session,
    )
    from bot.model.privacy import LegalHold
    from bot.model.record import GapCount, RawRequest, ReceiptFact, SendItem, Timer
    from bot.model.thread import Entry, ThreadState
    from tests.fakes.bus import FakeBus

_FAR = list(ReceiptStatus)


def fold(now: PartState, told: ReceiptFact) -> PartState:
    """How far a part has come: forward only; a failure ends it, unless it was delivered before."""
    failed = told.status is ReceiptStatus.FAILED
    goal = ReceiptStatus.DELIVERED if failed else told.status
    if _FAR.index(now.status) >= _FAR.index(goal):
        return now
    return now.model_copy(update={"status": told.status, "error_code": told.error_code})


@dataclass
class SendRow:
    """One message on its way out."""

    item: SendItem
    seq: int
    due: datetime
    state: SendState
    until: datetime | None = None
    parts: list[tuple[str, datetime]] = field(default_factory=list)

    @property
    def final(self) -> bool:
        return self.state.status not in {SendStatus.QUEUED, SendStatus.SENDING}

    def move(self, status: SendStatus, **rest: object) -> None:
        self.state = self.state.model_copy(update={"status": status, **rest})


@dataclass(frozen=True)
class KeptRequest:
    """A raw request, for the sake of the events, or the dead letter, that came of it."""

    request: RawRequest
    events: tuple[EventId, ...]


@dataclass
class Memory:
    """The record, as plain tables."""

    seq: int = 0
    # people
    identities: dict[IdentityId, ChannelIdentity] = field(default_factory=dict)
    aliases: dict[IdentityId, IdentityId] = field(default_factory=dict)
    links: dict[LinkId, LinkMade] = field(default_factory=dict)
    consents: list[ConsentFact] = field(default_factory=list)
    # counting
    chores: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    persona_counts: dict[date, PersonaCounts] = field(default_factory=dict)
    cards_seen: list[CardSeen] = field(default_factory=list)
    # accounts
    signs: dict[tuple[str, str, Sign, datetime], SignCount] = field(default_factory=dict)
    accounts: dict[tuple[str, str], StoredAccount] = field(default_factory=dict)
    # events
    events: dict[EventId, ThreadEvent] = field(default_factory=dict)
    requests: list[KeptRequest] = field(default_factory=list)
    outcomes: dict[EventId, Outcome] = field(default_factory=dict)
    letters: dict[EventId, DeadLetter] = field(default_factory=dict)
    timers: dict[EventId, Timer] = field(default_factory=dict)
    # threads
    states: dict[ThreadId, ThreadState] = field(default_factory=dict)
    versions: dict[ThreadId, int] = field(default_factory=dict)  # of absorbed threads, their last
    leads_to: dict[ThreadId, ThreadId] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    entry_seqs: dict[EntryId, int] = field(default_factory=dict)
    words_gone: dict[IdentityId, int] = field(default_factory=dict)
    gaps: dict[Gap, GapCount] = field(default_factory=dict)
    # sends
    sends: dict[SendId, SendRow] = field(default_factory=dict)
    part_of: dict[tuple[str, str, str], SendId] = field(default_factory=dict)
    receipts: list[ReceiptFact] = field(default_factory=list)
    # what is known beside
    facts: dict[FactId, Fact] = field(default_factory=dict)
    held_facts: dict[FactId, HeldFact] = field(default_factory=dict)
    holds: dict[IdentityId, LegalHold] = field(default_factory=dict)
    # what another system is told
    pushes: dict[tuple[IdentityId, FieldKey], PushRow] = field(default_factory=dict)
    pulls: dict[str, tuple[datetime | None, datetime | None, str | None]] = field(
        default_factory=dict
    )
    # files
    blobs: dict[BlobId, Blob] = field(default_factory=dict)
    kept_blobs: set[BlobId] = field(default_factory=set)
    # directory
    agents: dict[AgentId, Agent] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, ApiToken] = field(default_factory=dict)
    codes: dict[str, LinkCode] = field(default_factory=dict)
    attempts: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def survivor(self, thread: ThreadId) -> ThreadId:
        """The thread that this id leads to now."""
        while thread in self.leads_to:
            thread = self.leads_to[thread]
        return thread

    def connect(self, link: Link) -> None:
        """Keep a link, once, with the highest entry number there is now."""
        seq = self.entries[-1].seq if self.entries else 0
        self.links.setdefault(link.id, LinkMade(link=link, seq=seq))

    def learn(self, facts: Iterable[Fact]) -> list[FactId]:
        """Keep facts, each once; returns which were new, in their order."""
        fresh: list[FactId] = []
        for fact in facts:
            if fact.id not in self.facts:
                self.facts[fact.id] = fact
                fresh.append(fact.id)
        return fresh

    def let_wait(self, push: Push) -> bool:
        """Let a push wait, unless the same or a later one is there."""
        row = self.pushes.get((push.identity, push.field))
        if row is not None and (row.push.number, row.push.again) >= (push.number, push.again):
            return False
        held = None if row is None else row.held_until
        self.pushes[push.identity, push.field] = PushRow(push=push, due=push.at, held_until=held)
        return True

    def mark(self, mark: LinkMark) -> None:
        """Keep what became of a link, once of each kind."""
        made = self.links[mark.link]
        if all(known.mark is not mark.mark for known in made.marks):
            marks = (*made.marks, mark)
            self.links[mark.link] = made.model_copy(update={"marks": marks})

    def thread_of(self, identity: IdentityId) -> ThreadId:
        return self.identities[identity].thread

    def members(self, thread: ThreadId) -> tuple[ChannelIdentity, ...]:
        """The identities of a thread, oldest first."""
        members = [one for one in self.identities.values() if one.thread == thread]
        return tuple(sorted(members, key=lambda one: (one.created_at, one.id)))

    def waits(self, event: EventId) -> bool:
        return event in self.events and event not in self.outcomes and event not in self.letters

    def request_of(self, event: EventId) -> RawRequest | None:
        return next((kept.request for kept in self.requests if event in kept.events), None)

    def waiting(self) -> list[ThreadEvent]:
        """Accepted and not processed, oldest first."""
        return [event for event in self.events.values() if self.waits(event.id)]

    def address(self, send: SendRow) -> Address:
        return self.identities[send.item.identity].address

    def send(self, send: SendId) -> SendRow:
        if send not in self.sends:
            raise NotFound(f"there is no send {send}")
        return self.sends[send]

    def send_state(self, send: SendRow) -> SendState:
        where = self.address(send)
        parts = tuple(
            self._part_state(where, external_id=external_id, left=left)
            for external_id, left in send.parts
        )
        return send.state.model_copy(update={"parts": parts})

    def _part_state(self, where: Address, *, external_id: str, left: datetime) -> PartState:
        """What the provider's words add up to, also those that came before the part."""
        state = PartState(external_id=external_id, status=ReceiptStatus.SENT)
        for fact in self.receipts:
            if (fact.channel, fact.account) != (where.channel, where.account):
                continue
            passed = fact.watermark is not None and left <= fact.watermark
            if fact.external_id == external_id or (fact.user == where.user and passed):
                state = fold(state, fact)
        return state


class Section:
    """What the four sections of the fake store have in common.

    Every operation lets other tasks run before it starts and then happens in one go. While
    `failing` is set, every operation raises it instead: a full disk, a lost connection.
    """

    def __init__(self, memory: Memory | None = None, bus: FakeBus | None = None) -> None:
        self.memory = memory or Memory()
        self.bus = bus
        self.failing: StoreError | None = None
        self.closed = False

    async def _begin(self) -> Memory:
        await asyncio.sleep(0)
        if self.closed:
            raise StoreClosed("the store is closed")
        if self.failing is not None:
            raise self.failing
        return self.memory
