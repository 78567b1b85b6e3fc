"""Customers' identities and links, and the people who log in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bot.model.channel import LOGIN, Address
from bot.model.ids import AgentId, IdentityId, LinkId, ThreadId
from bot.model.value import AwareDatetime, Value

# --- who did it ------------------------------------------------------------------------------


class ByCustomer(Value):
    """The customer, at one of their addresses."""

    kind: Literal["customer"] = "customer"
    identity: IdentityId


class ByBot(Value):
    """The bot."""

    kind: Literal["bot"] = "bot"


class ByAgent(Value):
    """A human agent."""

    kind: Literal["agent"] = "agent"
    agent: AgentId
    name: str


class BySystem(Value):
    """The system itself: timers, rules, notices."""

    kind: Literal["system"] = "system"


Actor = Annotated[ByCustomer | ByBot | ByAgent | BySystem, Field(discriminator="kind")]


# --- customers -------------------------------------------------------------------------------


class ChannelIdentity(Value):
    """One person at one address; `thread` is the thread it belongs to now."""

    id: IdentityId
    address: Address
    thread: ThreadId
    phone: str | None = None
    name: str | None = None
    username: str | None = None
    language: str | None = None
    created_at: AwareDatetime

    @property
    def reachable(self) -> bool:
        """Whether anything can be sent there."""
        return self.address.channel != LOGIN


class Proof(StrEnum):
    """What a link rests on (domain rule R2)."""

    CODE = "code"
    OTP = "otp"
    SIGNED = "signed"
    AGENT = "agent"
    ATTESTED_PHONE = "attested_phone"
    ALIAS = "alias"


# The store joins a newcomer with whoever was there: that one's thread goes on.
_BY_STORE = frozenset({Proof.ATTESTED_PHONE, Proof.ALIAS})


class Link(Value):
    """Two identities proven to be one person; append-only.

    `proof_id` names the evidence (the hash of the code, the phone number) without being a secret.
    `asked`: which of the two was asked whether what is older may be shown to the other. `weak`: it
    rests on nothing but a code from where senders can be made up, as was enough once. Whether it
    still holds is told by its marks.
    """

    id: LinkId
    one: IdentityId
    other: IdentityId
    proof: Proof
    proof_id: str
    at: AwareDatetime
    by: Actor = BySystem()
    reason: str = ""
    asked: IdentityId | None = None
    weak: bool = False

    @property
    def keeper(self) -> IdentityId:
        """Of the two, the one whose thread went on when the link was made."""
        return self.other if self.proof in _BY_STORE else self.one


class Mark(StrEnum):
    """What became of a link: shown older messages across it, or ended."""

    REVEALED = "revealed"
    ENDED = "ended"


class LinkMark(Value):
    """What somebody did to a link; append-only, and one of each kind at most for a link."""

    link: LinkId
    mark: Mark
    at: AwareDatetime
    by: Actor
    reason: str = ""


class LinkCode(Value):
    """A one-time code shown in one session, to be sent from another channel.

    Only the hash is kept. `channel` and `account` are where it must come to. One use, ten minutes
    (domain rules R3 and R4). `only`: nobody else's is taken (a code that was sent to `source`, for
    that visitor to type).
    """

    hash: str
    source: IdentityId
    channel: str
    account: str
    expires_at: AwareDatetime
    proof: Proof = Proof.CODE
    only: IdentityId | None = None


# --- people who log in -----------------------------------------------------------------------


class Role(StrEnum):
    """What a person who logs in, or a machine, may do; INTEGRATION is for machines alone."""

    AGENT = "agent"
    AUTHOR = "author"
    ADMIN = "admin"
    INTEGRATION = "integration"


class Agent(Value):
    """A person who logs in."""

    id: AgentId
    email: str
    name: str
    role: Role
    password_hash: SecretStr
    active: bool = True


class Session(Value):
    """A logged-in browser; only the hash of its cookie is kept."""

    token_hash: str
    agent: AgentId
    csrf: str
    expires_at: AwareDatetime


class ApiToken(Value):
    """A machine's bearer token; only its hash is kept."""

    token_hash: str
    name: str
    role: Role
