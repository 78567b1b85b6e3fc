"""A customer's card: everything known of one customer, each thing with its source and time."""

from __future__ import annotations

from bot.hub.assurance import Assurance, Level
from bot.hub.knowing import FieldValue, ProfileField
from bot.hub.suggesting import Suggestion
from bot.model.crm import PushStatus
from bot.model.fact import ClaimKind, Fact, FieldKey
from bot.model.ids import EpisodeId, IdentityId, ThreadId
from bot.model.journey import Evidence
from bot.model.people import Actor, ChannelIdentity, Link
from bot.model.thread import Entry, Phase, ThreadState
from bot.model.understanding import StageShare
from bot.model.value import AwareDatetime, Value


class CardIdentity(Value):
    """One address: how sure we are of who is there, and what is told of them there.

    A phone number is told by a provider who vouches for it (`verified`), a name by nobody who does.
    """

    identity: ChannelIdentity
    assurance: Assurance
    name: FieldValue | None
    phone: FieldValue | None
    last_inbound_at: AwareDatetime | None


class CardLink(Value):
    """A link that holds; `revealed`: what is older than it is shown across it."""

    link: Link
    revealed: bool


class CardClaim(Value):
    """What somebody says is theirs; `verified`: somebody else vouches for it too."""

    what: ClaimKind
    value: str
    raw: str
    source: str
    identity: IdentityId
    at: AwareDatetime
    verified: bool


class CardConsent(Value):
    """Whether a purpose is allowed on a channel: of several words the strictest (R18).

    `facet`: as this persona; none: as any other.
    """

    channel: str
    purpose: str
    facet: str | None
    allowed: bool
    source: str
    identity: IdentityId
    at: AwareDatetime


class EpisodeStep(Value):
    """Where a case was put, when, by whom and why."""

    phase: Phase
    reason: str
    by: Actor
    at: AwareDatetime
    until: AwareDatetime | None


class CardEpisode(Value):
    """A case: where it stands, and how it came there, the latest step first."""

    id: EpisodeId
    phase: Phase
    opened_at: AwareDatetime
    changed_at: AwareDatetime
    reason: str
    until: AwareDatetime | None
    facet: str
    identity: IdentityId
    steps: tuple[EpisodeStep, ...]


class CardVisits(Value):
    """The visit that brought them here, and the latest pages, newest first."""

    first: Fact | None
    last: tuple[Fact, ...]


class CardJourney(Value):
    """Where a facet stands in its journey now, what was seen since its last message counted in.

    `because` moved it last, from `before`; `stage` is the likeliest, None when nothing is known.
    """

    persona: str
    stage: str | None
    belief: tuple[StageShare, ...]
    before: tuple[StageShare, ...]
    because: tuple[Evidence, ...]


class LevelChange(Value):
    """What an act did to how sure we are of one identity."""

    identity: IdentityId
    before: Level
    after: Level


class IdentityAct(Value):
    """Something done about who is who, and what it changed here."""

    entry: Entry
    levels: tuple[LevelChange, ...] = ()


class CardPush(Value):
    """A correction that the CRM has not taken: it waits to be told, or was refused."""

    crm: str
    field: FieldKey
    value: str
    status: PushStatus
    reason: str
    at: AwareDatetime


class CustomerCard(Value):
    """All of it, in one answer.

    `episodes`, `facts` and `acts` are the latest of each. `vip`: it takes two agents to link.
    `proposals`: links that an agent proposed and that wait for a colleague. `conflicts`: links
    that were refused lately, as both sides are proven to be somebody else. `pushes`: corrections
    that the CRM has not taken. `at_risk`: grave tickets that are open, whatever the journeys say.
    """

    thread: ThreadId
    state: ThreadState
    level: Level
    vip: bool
    identities: tuple[CardIdentity, ...]
    links: tuple[CardLink, ...]
    claims: tuple[CardClaim, ...]
    profile: tuple[ProfileField, ...]
    pushes: tuple[CardPush, ...]
    consents: tuple[CardConsent, ...]
    episodes: tuple[CardEpisode, ...]
    facts: tuple[Fact, ...]
    visits: CardVisits
    journeys: tuple[CardJourney, ...]
    at_risk: tuple[Fact, ...]
    suggestions: tuple[Suggestion, ...]
    proposals: tuple[Entry, ...]
    conflicts: tuple[Entry, ...]
    acts: tuple[IdentityAct, ...]
