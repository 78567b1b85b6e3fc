"""What travels the line: everything that changes a thread is one of these."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bot.model.channel import (
    Attachment,
    Deleted,
    Echo,
    Edited,
    HelpKeyword,
    IdentityChanged,
    Inbound,
    OptIn,
    OptOut,
    Reacted,
    Referral,
    Started,
    Unsupported,
)
from bot.model.fact import CodeShown, FieldKey
from bot.model.ids import EpisodeId, EventId, IdentityId, LinkId, ThreadId
from bot.model.people import Actor, ByAgent, Link
from bot.model.value import AwareDatetime, Value


class IdentityJoined(Value):
    """The store joined this identity with another by something the providers attest."""

    kind: Literal["identity_joined"] = "identity_joined"
    link: Link


class LoginSeen(Value):
    """A business's own log-in or customer number was met for the first time."""

    kind: Literal["login_seen"] = "login_seen"


class SignedIn(Value):
    """The customer proved, by a token that the business signed, to be at this log-in (L4)."""

    kind: Literal["signed_in"] = "signed_in"
    login: IdentityId
    token: str  # names the proof (its `jti`, or a hash of it); not the token itself
    shown: CodeShown | None = None  # where, for whom it is told to


class CodeAsked(Value):
    """Somebody at `only` says to be at this identity: a code goes there, for them to type (OTP)."""

    kind: Literal["code_asked"] = "code_asked"
    only: IdentityId
    shown: CodeShown | None = None  # where it is to be typed


class AgentLinks(Value):
    """An agent says that this identity is the customer at another one; needs a reason."""

    kind: Literal["agent_links"] = "agent_links"
    by: ByAgent
    into: IdentityId
    reason: str


class ProposesLink(Value):
    """An agent says so of the customer here and another identity, where two agents have to."""

    kind: Literal["proposes_link"] = "proposes_link"
    by: ByAgent
    other: IdentityId
    reason: str


class DismissesSuggestion(Value):
    """An agent says that the customer here is not the one at another identity."""

    kind: Literal["dismisses_suggestion"] = "dismisses_suggestion"
    by: ByAgent
    other: IdentityId
    reason: str


class ConflictSeen(Value):
    """A link of this identity with another was refused: they are proven to be two customers."""

    kind: Literal["conflict_seen"] = "conflict_seen"
    other: IdentityId
    reason: str


class Unlinks(Value):
    """Links are to hold no more, by the word of the customer, an agent or a rule."""

    kind: Literal["unlinks"] = "unlinks"
    by: Actor
    links: tuple[LinkId, ...]
    reason: str


class VisitorSeen(Value):
    """Somebody who has not written yet was seen on a page of the site."""

    kind: Literal["visitor_seen"] = "visitor_seen"


class AgentAccepts(Value):
    """An agent takes an offered thread; `takeover` takes it from the bot too."""

    kind: Literal["agent_accepts"] = "agent_accepts"
    by: ByAgent
    takeover: bool = False


class AgentReplies(Value):
    """An agent writes to the customer.

    Writing takes the thread over when nobody else's agent owns it. `identity` picks the address
    (None: where the customer last wrote). `seen` is the highest entry number that the agent had on
    the screen: a message by a colleague after it refuses this one (None: nobody looks).
    """

    kind: Literal["agent_replies"] = "agent_replies"
    by: ByAgent
    text: str
    attachments: tuple[Attachment, ...] = ()
    identity: IdentityId | None = None
    seen: int | None = None


class AgentNotes(Value):
    """An agent leaves a remark that is never sent."""

    kind: Literal["agent_notes"] = "agent_notes"
    by: ByAgent
    text: str


class AgentHandsBack(Value):
    """An agent gives the thread back to the bot, with a note."""

    kind: Literal["agent_hands_back"] = "agent_hands_back"
    by: ByAgent
    note: str = ""


class AgentTransfers(Value):
    """An agent offers the thread to a queue; a note is required."""

    kind: Literal["agent_transfers"] = "agent_transfers"
    by: ByAgent
    queue: str
    note: str


class AgentResolves(Value):
    """An agent closes the case."""

    kind: Literal["agent_resolves"] = "agent_resolves"
    by: ByAgent
    reason: str


class AgentSnoozes(Value):
    """An agent puts the case aside until a moment; it stays theirs."""

    kind: Literal["agent_snoozes"] = "agent_snoozes"
    by: ByAgent
    until: AwareDatetime


class AgentUnsnoozes(Value):
    """An agent takes the case up again before its moment."""

    kind: Literal["agent_unsnoozes"] = "agent_unsnoozes"
    by: ByAgent


class AgentSetsFacet(Value):
    """An agent says as which persona the customer speaks; the case is that facet's from now on.

    `episode`: the case that the agent had on the screen (None: whichever is the latest).
    """

    kind: Literal["agent_sets_facet"] = "agent_sets_facet"
    by: ByAgent
    facet: str
    episode: EpisodeId | None = None


class AgentCorrects(Value):
    """An agent says what a field of the customer's profile holds.

    `seen`: what the agent had on the screen, empty for nothing (None: nobody looks).
    """

    kind: Literal["agent_corrects"] = "agent_corrects"
    by: ByAgent
    field: FieldKey
    value: str
    seen: str | None = None


class CustomerLeavesQueue(Value):
    """The customer no longer waits for a human."""

    kind: Literal["customer_leaves_queue"] = "customer_leaves_queue"


class CustomerEnds(Value):
    """The customer ends the conversation."""

    kind: Literal["customer_ends"] = "customer_ends"


class OfferExpired(Value):
    """Nobody accepted in time; only counts while the epoch is still the one offered under."""

    kind: Literal["offer_expired"] = "offer_expired"
    epoch: int


class SnoozeOver(Value):
    """The moment of a snooze has come; only counts while this case is still snoozed until then."""

    kind: Literal["snooze_over"] = "snooze_over"
    episode: EpisodeId
    until: AwareDatetime


class CaseQuiet(Value):
    """It is time to see whether the customer has left this case alone."""

    kind: Literal["case_quiet"] = "case_quiet"
    episode: EpisodeId


class PiecesOverdue(Value):
    """The other pieces of a message should be here by now; `first` is the one that came first."""

    kind: Literal["pieces_overdue"] = "pieces_overdue"
    first: str


TimerBody = Annotated[
    OfferExpired | SnoozeOver | CaseQuiet | ConflictSeen | PiecesOverdue,
    Field(discriminator="kind"),
]


EventBody = Annotated[
    Inbound
    | OptOut
    | OptIn
    | HelpKeyword
    | Started
    | Referral
    | Edited
    | Deleted
    | Reacted
    | Unsupported
    | IdentityChanged
    | Echo
    | IdentityJoined
    | LoginSeen
    | SignedIn
    | CodeAsked
    | AgentLinks
    | ProposesLink
    | DismissesSuggestion
    | Unlinks
    | ConflictSeen
    | VisitorSeen
    | AgentAccepts
    | AgentReplies
    | AgentNotes
    | AgentHandsBack
    | AgentTransfers
    | AgentResolves
    | AgentSnoozes
    | AgentUnsnoozes
    | AgentSetsFacet
    | AgentCorrects
    | CustomerLeavesQueue
    | CustomerEnds
    | OfferExpired
    | SnoozeOver
    | CaseQuiet
    | PiecesOverdue,
    Field(discriminator="kind"),
]


class ThreadEvent(Value):
    """One accepted change on its way to a thread.

    `thread` is the thread at acceptance and the partition key on the bus; `seq` is the order of
    acceptance, the store's.
    """

    id: EventId
    identity: IdentityId
    thread: ThreadId
    at: AwareDatetime
    body: EventBody
    seq: int = 0


class Done(Value):
    """The event took effect."""

    kind: Literal["done"] = "done"


class Rejected(Value):
    """The event was refused by a rule and changed nothing; `winner` names who was first.

    `present` is what holds instead, where one value was to be replaced by another.
    """

    kind: Literal["rejected"] = "rejected"
    reason: str
    winner: str | None = None
    present: str | None = None


Outcome = Annotated[Done | Rejected, Field(discriminator="kind")]
