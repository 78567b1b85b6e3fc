"""A customer's thread: entries that are never rewritten, and the state they add up to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from bot.model.channel import Attachment, Piece, Press, ReceiptStatus
from bot.model.decision import Decision, Gap
from bot.model.dialogue import Dialogue
from bot.model.facet import PRIVATE, Facet, FacetBy, FacetChanged, FacetsStand
from bot.model.ids import AgentId, EntryId, EpisodeId, EventId, IdentityId, LinkId, SendId, ThreadId
from bot.model.journey import Evidence
from bot.model.people import Actor, Proof
from bot.model.sending import Card, Choice, FailureKind, Question, TemplateUse
from bot.model.understanding import Language, StageShare, Understanding
from bot.model.value import AwareDatetime, Value

# --- who may speak ---------------------------------------------------------------------------


class OwnedByBot(Value):
    """The bot answers."""

    kind: Literal["bot"] = "bot"


class Offered(Value):
    """Waiting for a human agent; the bot hears and keeps silent but for queue notices."""

    kind: Literal["offered"] = "offered"
    queue: str
    since: AwareDatetime
    reason: str


class OwnedByAgent(Value):
    """A human agent answers."""

    kind: Literal["agent"] = "agent"
    agent: AgentId
    name: str
    since: AwareDatetime


class OwnedByNobody(Value):
    """Blocked: messages are kept, nobody answers."""

    kind: Literal["none"] = "none"


Owner = Annotated[OwnedByBot | Offered | OwnedByAgent | OwnedByNobody, Field(discriminator="kind")]
OwnerKind = Literal["bot", "offered", "agent", "none"]


# --- entries ---------------------------------------------------------------------------------


class MessageIn(Value):
    """The customer said something; `facet` is the persona they were heard as, if it was read."""

    kind: Literal["message_in"] = "message_in"
    external_id: str | None = None
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    press: Press | None = None
    reply_to: str | None = None
    provider_at: AwareDatetime | None = None
    incomplete: bool = False
    understanding: Understanding | None = None
    facet: str | None = None


class PieceIn(Value):
    """A piece of a message came; the whole is a `MessageIn`, under the id of its first piece."""

    kind: Literal["piece_in"] = "piece_in"
    external_id: str
    text: str
    piece: Piece
    provider_at: AwareDatetime | None = None


class MessageOut(Value):
    """We said something to the customer, or mean to: how it went is in the send's state."""

    kind: Literal["message_out"] = "message_out"
    send: SendId
    text: str
    choices: tuple[Choice, ...] = ()
    cards: tuple[Card, ...] = ()
    question: Question | None = None
    attachments: tuple[Attachment, ...] = ()
    template: TemplateUse | None = None
    language: str | None = None
    decision: Decision | None = None
    gap: Gap | None = None

    @property
    def offered(self) -> tuple[Choice, ...]:
        """Everything that can be chosen, on cards too."""
        return (*self.choices, *(one for card in self.cards for one in card.buttons))


class EchoOut(Value):
    """A person of ours wrote from the provider's own app."""

    kind: Literal["echo_out"] = "echo_out"
    external_id: str
    text: str
    attachments: tuple[Attachment, ...] = ()


class MessageEdited(Value):
    """The customer changed an earlier message; the earlier entry stays."""

    kind: Literal["message_edited"] = "message_edited"
    external_id: str
    text: str


class MessageDeleted(Value):
    """The customer took back an earlier message; readers see that it is gone."""

    kind: Literal["message_deleted"] = "message_deleted"
    external_id: str


class Reaction(Value):
    """The customer put (or took away) a reaction on a message."""

    kind: Literal["reaction"] = "reaction"
    external_id: str
    emoji: str


class UnsupportedIn(Value):
    """Something came that cannot be shown; it does not vanish."""

    kind: Literal["unsupported_in"] = "unsupported_in"
    what: str
    external_id: str | None = None


class ConversationStarted(Value):
    """The customer opened the conversation or came by a link."""

    kind: Literal["conversation_started"] = "conversation_started"
    ref: str | None = None
    source: str | None = None


class ConsentChanged(Value):
    """Marketing here was allowed or refused."""

    kind: Literal["consent_changed"] = "consent_changed"
    opted_out: bool
    source: str


class OwnerChanged(Value):
    """Somebody else may speak now; raises the epoch."""

    kind: Literal["owner_changed"] = "owner_changed"
    owner: Owner
    epoch: int
    reason: str
    note: str = ""


class Note(Value):
    """An agent's remark, never sent."""

    kind: Literal["note"] = "note"
    text: str


class Linked(Value):
    """Two identities became one customer; the threads are one from here on."""

    kind: Literal["linked"] = "linked"
    link: LinkId
    one: IdentityId
    other: IdentityId
    proof: Proof
    reason: str = ""


class Unlinked(Value):
    """A link holds no more; what was joined by it alone is two customers again."""

    kind: Literal["unlinked"] = "unlinked"
    link: LinkId
    one: IdentityId
    other: IdentityId
    reason: str


class LinkRevealed(Value):
    """The customer said yes: what is older than the link may be shown across it."""

    kind: Literal["link_revealed"] = "link_revealed"
    link: LinkId


class LinkAsked(Value):
    """A code came from where senders can be made up: a number went there, to be repeated.

    `proof_id` is the hash of the code. `older`: there was a conversation there before.
    """

    kind: Literal["link_asked"] = "link_asked"
    proof_id: str
    older: bool


class LinkRefused(Value):
    """A link was asked for that must not be: a bad code, one link too many, two log-ins.

    `other`: in conflict with that identity, as both are proven to be somebody else. Both their
    threads have it, and somebody should look (R13).
    """

    kind: Literal["link_refused"] = "link_refused"
    reason: str
    other: IdentityId | None = None


class LinkProposed(Value):
    """An agent says that this customer is the one at another identity; a colleague must agree."""

    kind: Literal["link_proposed"] = "link_proposed"
    one: IdentityId
    other: IdentityId
    reason: str


class SuggestionDismissed(Value):
    """An agent says that this customer is not the one at another identity, whatever they claim."""

    kind: Literal["suggestion_dismissed"] = "suggestion_dismissed"
    one: IdentityId
    other: IdentityId
    reason: str


class Phase(StrEnum):
    """Where a case stands; `waiting` is for the customer, `abandoned` when they did not come."""

    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    ABANDONED = "abandoned"

    @property
    def over(self) -> bool:
        """Whether the case is closed; a message within the window opens it again."""
        return self in {Phase.RESOLVED, Phase.ABANDONED}


class EpisodeChanged(Value):
    """A case was opened or reopened, waits, is snoozed `until` a moment, is over, or was linked.

    `since`: when it came to this phase, where that was before this entry. `facet` is the persona
    whose case it is (None: the private one), `facet_by` who says so (None: nobody yet, it is the
    one that was spoken as before).
    """

    kind: Literal["episode_changed"] = "episode_changed"
    episode: EpisodeId
    phase: Phase
    opened_at: AwareDatetime
    reason: str
    until: AwareDatetime | None = None
    since: AwareDatetime | None = None
    facet: str | None = None
    facet_by: FacetBy | None = None


class DialogueMoved(Value):
    """The dialogue stands elsewhere now."""

    kind: Literal["dialogue_moved"] = "dialogue_moved"
    dialogue: Dialogue
    language: Language | None = None


class JourneyMoved(Value):
    """The belief over journey stages changed; `evidence` says in a word what moved it.

    It is the belief of one `facet` (None: the private one), which was `before`; `because` is all
    that moved it, each sign with its likelihoods.
    """

    kind: Literal["journey_moved"] = "journey_moved"
    belief: tuple[StageShare, ...]
    evidence: str
    facet: str | None = None
    before: tuple[StageShare, ...] = ()
    because: tuple[Evidence, ...] = ()


EntryBody = Annotated[
    MessageIn
    | PieceIn
    | MessageOut
    | EchoOut
    | MessageEdited
    | MessageDeleted
    | Reaction
    | UnsupportedIn
    | ConversationStarted
    | ConsentChanged
    | OwnerChanged
    | Note
    | Linked
    | Unlinked
    | LinkRevealed
    | LinkAsked
    | LinkRefused
    | LinkProposed
    | SuggestionDismissed
    | EpisodeChanged
    | DialogueMoved
    | JourneyMoved
    | FacetChanged
    | FacetsStand,
    Field(discriminator="kind"),
]


class Entry(Value):
    """One fact: what, about whom, by whom, because of which event.

    `identity` is the address that produced or received it: entries stay there for ever, a thread
    is read as the union over its identities. `seq` is the store's, rising over the whole store.
    `link`: it says what holds in the thread that this link made, and only while the link holds.
    `gone`: its words have been kept for long enough and are no more.
    """

    id: EntryId
    identity: IdentityId
    event: EventId
    at: AwareDatetime
    by: Actor
    body: EntryBody
    seq: int = 0
    link: LinkId | None = None
    gone: bool = False


# --- state -----------------------------------------------------------------------------------


class Episode(Value):
    """A case: opened, resolved, perhaps reopened; `until` when it is snoozed.

    `facet` is the persona whose case it is; it is open to change until somebody (`facet_by`) says.
    """

    id: EpisodeId
    phase: Phase
    opened_at: AwareDatetime
    changed_at: AwareDatetime
    until: AwareDatetime | None = None
    facet: str = PRIVATE
    facet_by: FacetBy | None = None


class LastInbound(Value):
    """When somebody last wrote from one address."""

    identity: IdentityId
    at: AwareDatetime


class ThreadState(Value):
    """What a thread's entries add up to; can always be rebuilt from them.

    `version` rises with every commit and fences late writers. `active` is the address the customer
    last wrote from: replies go there. `facet` is the persona they speak as now; `belief` and
    `belief_at` are that facet's, and stand among `facets` too.
    """

    thread: ThreadId
    version: int = 0
    owner: Owner = OwnedByBot()
    epoch: int = 0
    episode: Episode | None = None
    dialogue: Dialogue = Dialogue()
    language: Language | None = None
    belief: tuple[StageShare, ...] = ()
    belief_at: AwareDatetime | None = None
    facet: str = PRIVATE
    facets: tuple[Facet, ...] = ()
    active: IdentityId | None = None
    last_inbound: tuple[LastInbound, ...] = ()
    last_at: AwareDatetime | None = None
    last_text: str = ""

    def as_persona(self, persona: str) -> Facet:
        """What is known of the customer as this persona; of a new one nothing."""
        known = next((facet for facet in self.facets if facet.persona == persona), None)
        if known is None and persona == self.facet:
            return Facet(persona=persona, belief=self.belief, belief_at=self.belief_at)
        return known or Facet(persona=persona)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has happened: somebody was met, and nobody did anything."""
        nowhere = self.last_at is None and self.active is None
        return nowhere and self.episode is None and self.epoch == 0

    def wrote_at(self, identity: IdentityId) -> AwareDatetime | None:
        """When the customer last wrote from this address, or None."""
        return next((last.at for last in self.last_inbound if last.identity == identity), None)


# --- how a message out went ------------------------------------------------------------------


class SendStatus(StrEnum):
    """How far a message has come; every status but the first two is final for the sender."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"
    UNKNOWN = "unknown"


class PartState(Value):
    """One part that left: the provider's id and the furthest receipt."""

    external_id: str
    status: ReceiptStatus
    error_code: str | None = None


class SendState(Value):
    """How a message out went: our side (`status`) and the provider's word on each part."""

    send: SendId
    status: SendStatus
    parts: tuple[PartState, ...] = ()
    failure: FailureKind | None = None
    detail: str = ""
    warnings: tuple[str, ...] = ()
    tries: int = 0

    @property
    def reached(self) -> ReceiptStatus | None:
        """What the whole message reached: the least of its parts, FAILED if any part failed."""
        if not self.parts:
            return None
        order = list(ReceiptStatus)
        statuses = [part.status for part in self.parts]
        if ReceiptStatus.FAILED in statuses:
            return ReceiptStatus.FAILED
        return min(statuses, key=order.index)
