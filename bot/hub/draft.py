"""What one event does to a thread, being put together; nothing is written before the commit."""

from __future__ import annotations

from bot.hub.fold import apply
from bot.model.channel import Attachment
from bot.model.event import Done, Outcome, ThreadEvent, TimerBody
from bot.model.ids import EntryId, EventId, IdentityId, SendId
from bot.model.people import Actor, Link
from bot.model.record import Absorb, SendItem, ThreadChange, Timer
from bot.model.sending import Card, Choice, Origin, Question
from bot.model.thread import Decision, Entry, EntryBody, Gap, MessageOut, ThreadState
from bot.model.value import AwareDatetime, Value


class Words(Value):
    """A message to the customer, ready to go out.

    `buttons`: the channel shows the choices itself; else they stand in the text, numbered. Cards
    are there for a channel that shows them; for others they are in the text.
    """

    text: str
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
        self._link: Link | None = None
        self._absorb: Absorb | None = None
        self._code: str | None = None

    def add(self, body: EntryBody, *, by: Actor, identity: IdentityId | None = None) -> Entry:
        """Append a fact; about the event's identity unless another one is named."""
        entry = Entry(
            id=EntryId.of(self.event.id, str(len(self._entries))),
            identity=identity or self.event.identity,
            event=self.event.id,
            at=self.now,
            by=by,
            body=body,
        )
        self._entries.append(entry)
        self.state = apply(self.state, entry)
        return entry

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
                text=words.text,
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
        self._sends.append(
            SendItem(
                id=send,
                entry=entry.id,
                thread=self.state.thread,
                identity=entry.identity,
                epoch=self.state.epoch,
                origin=origin,
                author_name=author_name,
                text=words.text,
                choices=words.choices if words.buttons else (),
                cards=words.cards,
                question=words.question,
                attachments=words.attachments,
                language=words.language,
                at=self.now,
            )
        )

    def set_timer(self, body: TimerBody, *, key: str, due: AwareDatetime) -> None:
        """Have an event come back to this thread later; one of each kind for a key."""
        self._timers.append(
            Timer(
                id=EventId.of("timer", self.state.thread, body.kind, key),
                identity=self.event.identity,
                due=due,
                body=body,
            )
        )

    def absorb(self, into: ThreadState, *, link: Link, code: str) -> None:
        """Let the event's thread go up in another one; from here on `state` is that one's."""
        self._absorb = Absorb(thread=self.state.thread, version=self._expected)
        self._expected = into.version
        self._link = link
        self._code = code
        self.state = into

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
                item.model_copy(update={"thread": self.state.thread}) for item in self._sends
            ),
            timers=tuple(self._timers),
            gaps=tuple(
                entry.body.gap
                for entry in self._entries
                if isinstance(entry.body, MessageOut) and entry.body.gap
            ),
            link=self._link,
            absorb=self._absorb,
            code=self._code,
        )
