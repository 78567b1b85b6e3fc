"""What one event does to a thread, being put together; nothing is written before the commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bot.hub import facets
from bot.hub.fold import apply
from bot.model.channel import Attachment, Inbound
from bot.model.crm import Push
from bot.model.decision import Decision, Gap
from bot.model.event import Done, Outcome, ThreadEvent, TimerBody
from bot.model.fact import Fact
from bot.model.ids import EntryId, EventId, IdentityId, LinkId, SendId
from bot.model.people import Actor, BySystem, Link, LinkMark
from bot.model.record import Absorb, SendItem, Split, ThreadChange, Timer
from bot.model.sending import Card, Choice, Origin, Question
from bot.model.thread import Entry, EntryBody, JourneyMoved, MessageOut, ThreadState
from bot.model.value import AwareDatetime, Value


class Words(Value):
    """A message to the customer, ready to go out.

    `shown`: what the thread says instead of the text, where that is a secret. `buttons`: the
    channel shows the choices itself; else they stand in the text, numbered. Cards are there for a
    channel that shows them; for others they are in the text.
    """

    text: str
    shown: str | None = None
    buttons: bool = True
    choices: tuple[Choice, ...] = ()
    cards: tuple[Card, ...] = ()
    question: Question | None = None
    attachments: tuple[Attachment, ...] = ()
    language: str | None = None
    decision: Decision | None = None
    gap: Gap | None = None


class Draft:
    """Gathers entries and sends for one event; `state` is always what the entries add up to."""

    def __init__(self, state: ThreadState, event: ThreadEvent, *, now: AwareDatetime) -> None:
        self.event = event
        self.now = now
        self.state = state
        self.outcome: Outcome = Done()
        self._expected = state.version
        self._entries: list[Entry] = []
        self._sends: list[SendItem] = []
        self._timers: list[Timer] = []
        self._facts: list[Fact] = []
        self._pushes: list[Push] = []
        self._marks: list[LinkMark] = []
        self._splits: list[Split] = []
        self._link: Link | None = None
        self._holding: LinkId | None = None
        self._absorb: Absorb | None = None
        self._code: str | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What was added until now."""
        return tuple(self._entries)

    def add(self, body: EntryBody, *, by: Actor, identity: IdentityId | None = None) -> Entry:
        """Append a fact; about the event's identity unless another one is named.

        A journey that names no facet is that of the one spoken as now.
        """
        about = identity or self.event.identity
        if isinstance(body, JourneyMoved) and body.facet is None:
            body = body.model_copy(update={"facet": self.state_of(about).facet})
        entry = Entry(
            id=EntryId.of(self.event.id, str(len(self._entries))),
            identity=about,
            event=self.event.id,
            at=self.now,
            by=by,
            body=body,
            link=self._holding,
        )
        self._entries.append(entry)
        place = self._place(entry.identity)
        if place is None:
            self.state = apply(self.state, entry)
        else:
            self._splits[place] = _moved(self._splits[place], entry)
        return entry

    def state_of(self, identity: IdentityId) -> ThreadState:
        """The state of the thread that this identity is in once this is written."""
        place = self._place(identity)
        return self.state if place is None else self._splits[place].state

    def _place(self, identity: IdentityId) -> int | None:
        """Which of the parts that are let go has this identity, or None."""
        return next(
            (place for place, part in enumerate(self._splits) if identity in part.identities), None
        )

    def say(
        self,
        words: Words,
        *,
        by: Actor,
        origin: Origin,
        to: IdentityId | None = None,
        author_name: str | None = None,
    ) -> None:
        """Append a message to the customer and the send that carries it, under today's epoch."""
        send = SendId.of(self.event.id, str(len(self._entries)))
        entry = self.add(
            MessageOut(
                send=send,
                text=words.text if words.shown is None else words.shown,
                choices=words.choices,
                cards=words.cards,
                question=words.question,
                attachments=words.attachments,
                language=words.language,
                decision=words.decision,
                gap=words.gap,
            ),
            by=by,
            identity=to,
        )
        state = self.state_of(entry.identity)
        self._sends.append(
            SendItem(
                id=send,
                entry=entry.id,
                thread=state.thread,
                identity=entry.identity,
                epoch=state.epoch,
                origin=origin,
                author_name=author_name,
                text=words.text,
                choices=words.choices if words.buttons else (),
                cards=words.cards,
                question=words.question,
                attachments=words.attachments,
                language=words.language,
                facet=state.facet,
                in_reply_to=self._reply_token(entry.identity),
                at=self.now,
            )
        )

    def _reply_token(self, identity: IdentityId) -> str | None:
        """What the first answer to the event's message may be sent by, where there is such."""
        message = self.event.body
        if not isinstance(message, Inbound) or identity != self.event.identity:
            return None
        taken = any(item.in_reply_to for item in self._sends)
        return None if taken else message.reply_token

    def set_timer(
        self, body: TimerBody, *, key: str, due: AwareDatetime, identity: IdentityId | None = None
    ) -> None:
        """Have an event come back to this thread later; one of each kind for a key.

        `identity`: another one than the event's that it comes back for.
        """
        about = identity or self.event.identity
        thread = self.state_of(about).thread
        timer = EventId.of("timer", thread, body.kind, key)
        self._timers.append(Timer(id=timer, identity=about, due=due, body=body))

    def absorb(self, into: ThreadState, *, link: Link, code: str | None = None) -> None:
        """Let the event's thread go up in another one; from here on `state` is that one's.

        What is known of their facets is one from here on too.
        """
        self._absorb = Absorb(thread=self.state.thread, version=self._expected)
        self._expected = into.version
        self._link = link
        self._code = code
        self.state, stands = facets.joined(into, self.state)
        if stands is not None:
            with self.holding(link.id):
                self.add(stands, by=BySystem())

    def connect(self, link: Link) -> None:
        """Keep one more link between identities that are one customer already."""
        self._link = link

    @contextmanager
    def holding(self, link: LinkId) -> Iterator[None]:
        """What is added meanwhile says what holds in the thread that this link made."""
        self._holding = link
        try:
            yield
        finally:
            self._holding = None

    def mark(self, mark: LinkMark) -> None:
        """Keep what became of a link."""
        self._marks.append(mark)

    def split(self, kept: ThreadState, others: Sequence[Split]) -> None:
        """Let parts of the thread go; from here on `state` is what is left of it."""
        self.state = kept
        self._splits = list(others)

    def keep(self, fact: Fact) -> None:
        """Keep something known of the customer."""
        self._facts.append(fact)

    def push(self, push: Push) -> None:
        """Have another system told of a correction."""
        self._pushes.append(push)

    def use_code(self, code: str) -> None:
        """Use up a link code without joining anything."""
        self._code = code

    def change(self) -> ThreadChange:
        """What is to be written."""
        return ThreadChange(
            event=self.event.id,
            expected=self._expected,
            state=self.state.model_copy(update={"version": self._expected + 1}),
            outcome=self.outcome,
            entries=tuple(self._entries),
            sends=tuple(
                item.model_copy(update={"thread": self.state_of(item.identity).thread})
                for item in self._sends
            ),
            timers=tuple(self._timers),
            gaps=tuple(
                entry.body.gap
                for entry in self._entries
                if isinstance(entry.body, MessageOut) and entry.body.gap
            ),
            link=self._link,
            absorb=self._absorb,
            marks=tuple(self._marks),
            splits=tuple(self._splits),
            facts=tuple(self._facts),
            pushes=tuple(self._pushes),
            code=self._code,
        )


def _moved(part: Split, entry: Entry) -> Split:
    return part.model_copy(update={"state": apply(part.state, entry)})
