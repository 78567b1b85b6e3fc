"""What goes into the API and comes out of it, beside the model's own values."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from bot.edge.auth import SHORTEST_PASSWORD
from bot.hub.desk import EntryView, ThreadLine, ThreadPage
from bot.hub.searching import SearchHit, SearchPage, SearchPlace
from bot.model.channel import Attachment, AttachmentType, Capabilities
from bot.model.fact import BuyingRole, OrganisationKey
from bot.model.health import ChannelHealth
from bot.model.ids import AgentId, BlobId, EpisodeId, EventId, IdentityId, ThreadId
from bot.model.listing import ThreadFilter, ThreadOrder, ThreadPlace
from bot.model.moments import micros, moment
from bot.model.people import Agent, Role
from bot.model.record import GapCount
from bot.model.understanding import Language
from bot.model.value import AwareDatetime, Value

_Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
_Remark = Annotated[str, StringConstraints(max_length=2_000)]
_ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
_Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")
]
_Password = Annotated[SecretStr, Field(min_length=SHORTEST_PASSWORD, max_length=1024)]
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
_HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$", max_length=2_000)]

_Queue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
_ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
# A moment and a thread; whoever asks need not know.
_ThreadCursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,17}\.thr_[0-9a-f]{24}$")]
# Among what the page ended, whether the search was loose, and the number of the last hit.
_SearchCursor = Annotated[str, StringConstraints(pattern=r"^[ce]l?\.[0-9]{1,18}$")]

# --- sessions --------------------------------------------------------------------------------


class LogIn(Value):
    """An e-mail and a password."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)]
    password: Annotated[SecretStr, Field(min_length=1, max_length=1024)]


class Me(Value):
    """Who is logged in. `csrf` goes into the header X-CSRF-Token; machines have none."""

    id: AgentId
    name: str
    role: Role
    csrf: str | None
    expires_at: AwareDatetime | None


# --- threads ---------------------------------------------------------------------------------


class OneThread(Value):
    """The thread in the path."""

    thread: ThreadId


class ThreadsWanted(ThreadFilter):
    """Which threads, and in which order; `cursor` is the `next` of the page before."""

    queue: _Queue | None = None
    channel: _ChannelName | None = None
    order: ThreadOrder = ThreadOrder.NEWEST
    cursor: _ThreadCursor | None = None
    limit: int = Field(50, ge=1, le=200)

    @property
    def after(self) -> ThreadPlace | None:
        """Where the page before ended."""
        if self.cursor is None:
            return None
        at, _, thread = self.cursor.partition(".")
        return ThreadPlace(at=moment(int(at)), thread=ThreadId(thread))

    @property
    def wanted(self) -> ThreadFilter:
        """Which threads."""
        return ThreadFilter(
            owner=self.owner,
            agent=self.agent,
            queue=self.queue,
            phase=self.phase,
            channel=self.channel,
            language=self.language,
        )


class ThreadList(Value):
    """Threads in the order asked for; `next` is the cursor of the next page, if there is one."""

    threads: tuple[ThreadLine, ...]
    next: str | None

    @classmethod
    def of(cls, page: ThreadPage) -> ThreadList:
        """The page with its end as a cursor."""
        end = page.next
        cursor = None if end is None else f"{micros(end.at)}.{end.thread}"
        return cls(threads=page.rows, next=cursor)


class SearchWanted(Value):
    """What to search for; `cursor` is the `next` of the page before, of the same `q`."""

    q: str
    cursor: _SearchCursor | None = None
    limit: int = Field(20, ge=1, le=100)

    @property
    def after(self) -> SearchPlace | None:
        """Where the page before ended."""
        if self.cursor is None:
            return None
        kind, number = self.cursor.split(".")
        among: Literal["customers", "entries"] = "entries" if "e" in kind else "customers"
        return SearchPlace(among=among, number=int(number), loose="l" in kind)


class SearchHits(Value):
    """What was found; `next` is the cursor of the next page, if there is one.

    `loose`: nothing has the words as they were typed, these have words one letter away.
    """

    hits: tuple[SearchHit, ...]
    next: str | None
    loose: bool

    @classmethod
    def of(cls, page: SearchPage) -> SearchHits:
        """The page with its end as a cursor."""
        end = page.next
        cursor = None
        if end is not None:
            cursor = f"{end.among[0]}{'l' if end.loose else ''}.{end.number}"
        return cls(hits=page.hits, next=cursor, loose=page.loose)


class EntriesWanted(Value):
    """Which entries: between two sequence numbers, both exclusive; without `after` the last."""

    after: int = Field(0, ge=0)
    before: int | None = Field(None, ge=1)
    limit: int = Field(100, ge=1, le=500)


class EntryList(Value):
    """Entries of a thread, oldest first."""

    entries: tuple[EntryView, ...]


class OutgoingAttachment(Value):
    """Something to send with a reply, by a public URL."""

    type: AttachmentType
    url: _HttpsUrl
    name: Annotated[str, StringConstraints(max_length=200)] | None = None

    @property
    def attachment(self) -> Attachment:
        """The model's value."""
        return Attachment(type=self.type, url=self.url, name=self.name)


class Reply(Value):
    """What an agent writes. The same `client_id` again changes nothing.

    `identity` picks the address (none: where the customer last wrote). `seen` is the highest entry
    number on the screen: with it, a colleague's message after that refuses this one (409).
    `files` are the agent's own uploads. There is a text, or something else to send.
    """

    text: Annotated[str, StringConstraints(max_length=10_000)] = ""
    client_id: _ClientId
    attachments: tuple[OutgoingAttachment, ...] = Field((), max_length=10)
    files: tuple[BlobId, ...] = Field((), max_length=10)
    identity: IdentityId | None = None
    seen: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text or self.attachments or self.files):
            msg = "a reply needs a text, a file or an attachment"
            raise ValueError(msg)
        return self


class Note(Value):
    """A remark that is never sent. The same `client_id` again changes nothing."""

    text: _Text
    client_id: _ClientId | None = None


class HandBack(Value):
    """Why the bot goes on."""

    note: _Remark = ""


class Transfer(Value):
    """To which queue, and what the next one must know."""

    queue: _Queue
    note: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class Resolve(Value):
    """How the case ended."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "solved"


class Snooze(Value):
    """Until when the case is put aside: a moment to come, within a year."""

    until: AwareDatetime


class FacetSet(Value):
    """A persona's key; with `episode` only if that is still the latest case (else 409)."""

    facet: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    episode: EpisodeId | None = None


class CommandDone(Value):
    """The command took effect, or (`pending`, status 202) is kept and will in a moment."""

    status: Literal["done", "pending"] = "done"


class OneAttachment(Value):
    """The attachment in the path: entry number, and place among the entry's attachments."""

    thread: ThreadId
    seq: int = Field(ge=1)
    index: int = Field(ge=0, le=99)


# --- organisations ---------------------------------------------------------------------------


class OneOrganisation(Value):
    """The organisation in the path: its number, its domain, or a CRM's id."""

    key: OrganisationKey


class NewMember(Value):
    """One of an organisation's people: which identity, what the organisation is called, the role.

    `role` none: it is not known. The same `client_id` again changes nothing.
    """

    identity: IdentityId
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    role: BuyingRole | None = None
    client_id: _ClientId


# --- canned replies --------------------------------------------------------------------------


class RepliesWanted(Value):
    """Canned replies for a channel, with all words of `q`; in a thread, for its customer.

    `language` by default the customer's, or the installation's.
    """

    channel: _ChannelName
    language: Language | None = None
    thread: ThreadId | None = None
    q: Annotated[str, StringConstraints(max_length=200)] = ""


# --- the rest --------------------------------------------------------------------------------


class Limit(Value):
    """How many."""

    limit: int = Field(100, ge=1, le=1000)


class GapList(Value):
    """Content gaps met, most demanded first."""

    gaps: tuple[GapCount, ...]


class DeadLetterOut(Value):
    """Something accepted that could not be processed.

    `request` is the body it came in, as text; `channel` and `account` where. A command has none.
    """

    event: EventId
    thread: ThreadId | None
    reason: str
    tries: int
    at: AwareDatetime
    channel: str | None
    account: str | None
    request: str | None


class DeadLetterList(Value):
    """What was set aside, oldest first."""

    dead_letters: tuple[DeadLetterOut, ...]


class ChannelOut(Value):
    """A configured channel account, and whether a conversation can be continued on it.

    `health`: how it fares, as all processes saw it; administrators are told, others get null.
    """

    channel: str
    account: str
    capabilities: Capabilities
    continuable: bool
    health: ChannelHealth | None


class ChannelList(Value):
    """All channel accounts."""

    channels: tuple[ChannelOut, ...]


class PersonaNames(Value):
    """What a persona is called in each language."""

    sv: str
    en: str


class PersonaOut(Value):
    """Somebody that customers may speak as; `default`: everybody, until they show another one.

    `organisation`: for an organisation, as one of its members.
    """

    key: str
    names: PersonaNames
    default: bool
    organisation: bool


class PersonaList(Value):
    """All personas, as the configuration has them."""

    personas: tuple[PersonaOut, ...]


class AgentOut(Value):
    """A person who logs in."""

    id: AgentId
    email: str
    name: str
    role: Role
    active: bool

    @classmethod
    def of(cls, agent: Agent) -> AgentOut:
        """The person without the password's hash."""
        return cls(
            id=agent.id, email=agent.email, name=agent.name, role=agent.role, active=agent.active
        )


class AgentList(Value):
    """All people who log in, by name."""

    agents: tuple[AgentOut, ...]


class NewAgent(Value):
    """A person to add."""

    email: _Email
    name: _Name
    role: Role
    password: _Password
