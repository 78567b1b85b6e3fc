"""Small builders for values, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.model.channel import Address, Inbound, ReceiptStatus, Sender
from bot.model.consents import ConsentFact
from bot.model.event import Done, ThreadEvent
from bot.model.fact import Claimed, ClaimKind, Fact
from bot.model.ids import EntryId, EventId, FactId, LinkId, SendId
from bot.model.people import ByBot, ByCustomer, Link, Proof
from bot.model.record import (
    Acceptance,
    Arrival,
    IdentitySeed,
    RawRequest,
    ReceiptFact,
    SendItem,
    Span,
    ThreadChange,
    Turn,
)
from bot.model.sending import Origin
from bot.model.thread import Entry, LastInbound, MessageIn, MessageOut
from bot.model.understanding import Guess, StageShare, Understanding

if TYPE_CHECKING:
    from bot.model.event import EventBody
    from bot.model.fact import FactBody
    from bot.model.ids import IdentityId
    from bot.model.people import Actor
    from bot.model.thread import EntryBody
    from bot.model.understanding import Language

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(seconds: float = 0) -> datetime:
    """A moment this many seconds after the tests' beginning of time."""
    return START + timedelta(seconds=seconds)


LAPSES = at(10_000)  # when claims lapse that no test of its own is about

# --- people and what they write --------------------------------------------------------------


def address(user: str = "anna", *, channel: str = "twilio_sms", account: str = "demo") -> Address:
    return Address(channel=channel, account=account, user=user)


def seed(where: Address, *, phone: str | None = None, name: str | None = None) -> IdentitySeed:
    return IdentitySeed(address=where, phone=phone, name=name)


def joining(
    where: Address, *, phone: str | None = None, aliases: tuple[IdentityId, ...] = ()
) -> IdentitySeed:
    """A seed that asks to be joined by its attested phone and by its aliases."""
    return IdentitySeed(address=where, phone=phone, join_phone=phone is not None, aliases=aliases)


def inbound(text: str = "Hej", *, user: str = "anna", key: str = "m1") -> Inbound:
    return Inbound(sender=Sender(user=user), dedupe_key=key, external_id=key, text=text)


def event_id(where: Address, key: str) -> EventId:
    """The id of what this address sent under this key: a repeat has the same."""
    return EventId.of(where.channel, where.account, where.user, key)


def arrival(
    where: Address,
    key: str = "m1",
    *,
    text: str = "Hej",
    when: datetime = START,
    seed: IdentitySeed | None = None,
    body: EventBody | None = None,
) -> Arrival:
    return Arrival(
        id=event_id(where, key),
        identity=where.identity,
        seed=seed or IdentitySeed(address=where),
        at=when,
        body=body or inbound(text, user=where.user, key=key),
    )


def request(body: bytes = b"{}", *, channel: str = "twilio_sms") -> RawRequest:
    return RawRequest(
        channel=channel,
        account="demo",
        method="POST",
        url=f"https://hub.example.com/webhooks/{channel}/demo",
        headers=(("content-type", "application/json"),),
        body=body,
        at=START,
    )


def acceptance(*arrivals: Arrival, body: bytes | None = None) -> Acceptance:
    return Acceptance(request=None if body is None else request(body), arrivals=arrivals)


def receipt(
    external_id: str,
    status: ReceiptStatus,
    *,
    when: datetime = START,
    channel: str = "twilio_sms",
    error_code: str | None = None,
) -> ReceiptFact:
    return ReceiptFact(
        channel=channel,
        account="demo",
        status=status,
        at=when,
        external_id=external_id,
        error_code=error_code,
    )


def read_up_to(
    where: Address, watermark: datetime, *, status: ReceiptStatus = ReceiptStatus.READ
) -> ReceiptFact:
    return ReceiptFact(
        channel=where.channel,
        account=where.account,
        status=status,
        at=watermark,
        user=where.user,
        watermark=watermark,
    )


def consent(
    where: Address, *, opted_out: bool, when: datetime = START, facet: str | None = None
) -> ConsentFact:
    return ConsentFact(
        identity=where.identity, opted_out=opted_out, source="keyword", at=when, facet=facet
    )


# --- what an event does to a thread ----------------------------------------------------------


def entry(event: ThreadEvent, nth: int = 0, *, body: EntryBody | None = None) -> Entry:
    """The nth entry of an event, on the event's identity; a message in unless told."""
    by: Actor = ByBot() if isinstance(body, MessageOut) else ByCustomer(identity=event.identity)
    return Entry(
        id=EntryId.of(event.id, str(nth)),
        identity=event.identity,
        event=event.id,
        at=event.at,
        by=by,
        body=body or MessageIn(text=text_of(event)),
    )


def text_of(event: ThreadEvent) -> str:
    return event.body.text if isinstance(event.body, Inbound) else event.body.kind


def reply(event: ThreadEvent, nth: int = 1, *, text: str = "Svar") -> Entry:
    """The nth entry of an event: a message out."""
    return entry(event, nth, body=MessageOut(send=SendId.of(event.id, str(nth)), text=text))


def send_item(turn: Turn, out: Entry, *, due: datetime | None = None, epoch: int = 0) -> SendItem:
    """The send of a message out."""
    if not isinstance(out.body, MessageOut):
        raise TypeError(out.body.kind)
    return SendItem(
        id=out.body.send,
        entry=out.id,
        thread=turn.state.thread,
        identity=out.identity,
        epoch=epoch,
        origin=Origin.BOT,
        text=out.body.text,
        at=due or out.at,
    )


def change(
    turn: Turn, event: ThreadEvent, *entries: Entry, epoch: int | None = None
) -> ThreadChange:
    """What an event did to a thread: its entries (one message in unless told), one version on."""
    state = turn.state
    wrote = [last for last in state.last_inbound if last.identity != event.identity]
    return ThreadChange(
        event=event.id,
        expected=state.version,
        state=state.model_copy(
            update={
                "version": state.version + 1,
                "epoch": state.epoch if epoch is None else epoch,
                "active": event.identity,
                "last_inbound": (*wrote, LastInbound(identity=event.identity, at=event.at)),
                "last_at": event.at,
                "last_text": text_of(event),
            }
        ),
        outcome=Done(),
        entries=entries or (entry(event),),
    )


def link(one: Address, other: Address, *, proof_id: str = "code-hash") -> Link:
    return Link(
        id=LinkId.of(one.identity, other.identity, proof_id),
        one=one.identity,
        other=other.identity,
        proof=Proof.CODE,
        proof_id=proof_id,
        at=START,
    )


def spans(*addresses: Address) -> tuple[Span, ...]:
    return tuple(Span(identity=where.identity) for where in addresses)


def fact(where: Address, key: str = "f1", *, when: float = 0, body: FactBody | None = None) -> Fact:
    """Something told of an address; a claimed e-mail unless told."""
    return Fact(
        id=FactId.of("crm", key),
        identity=where.identity,
        at=at(when),
        received_at=at(when + 1),
        source="crm",
        body=body or Claimed(what=ClaimKind.EMAIL, value=f"{key}@example.com", raw=key),
    )


# --- what is read ----------------------------------------------------------------------------


def understood(
    intent: str,
    *,
    confidence: float = 0.9,
    language: Language = "sv",
    stage: str = "use",
    human_wanted: float = 0.0,
    frustration: float = 0.0,
) -> Understanding:
    """A message that was understood."""
    return Understanding(
        language=language,
        language_confidence=0.99,
        guesses=(Guess(intent=intent, confidence=confidence),),
        scope=confidence,
        in_scope=True,
        stages=(StageShare(stage=stage, share=1.0),),
        human_wanted=human_wanted,
        frustration=frustration,
    )


def not_understood(*, language: Language | None = None) -> Understanding:
    """A message outside of what the reader knows."""
    return Understanding(
        language=language,
        language_confidence=0.99 if language else 0.0,
        guesses=(),
        scope=0.0,
        in_scope=False,
        stages=(StageShare(stage="use", share=1.0),),
    )
