"""What comes in by a channel (`Request` -> `Received`), and what a channel can do."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from bot.model.ids import BlobId, IdentityId, ThreadId
from bot.model.value import AwareDatetime, Value

# --- where a person can be reached -----------------------------------------------------------


# Where a business knows its customers by a name of its own: the account is the realm, the user the
# `sub` of its tokens or its customer number. Nothing is sent there and nobody writes from there.
LOGIN = "login"


class Address(Value):
    """Where one person can be reached: channel, account and the provider's opaque user id."""

    channel: str
    account: str
    user: str

    @property
    def identity(self) -> IdentityId:
        """The identity at this address."""
        return IdentityId.of(self.channel, self.account, self.user)

    @property
    def home_thread(self) -> ThreadId:
        """The thread this identity has until a link joins it with another."""
        return ThreadId.of(self.channel, self.account, self.user)


class Sender(Value):
    """The person behind an event, as the provider tells it.

    `user` is opaque. `phone` is set only when the provider vouches for it, in E.164.
    `aliases` are further opaque ids of the same person in the same payload.
    """

    user: str
    phone: str | None = None
    name: str | None = None
    username: str | None = None
    language: str | None = None
    aliases: tuple[str, ...] = ()


# --- network in ------------------------------------------------------------------------------


class Request(Value):
    """One request as received: bytes unchanged, header names in lower case.

    `url` is the public URL (scheme, host, path, query) that signatures cover.
    `query` keeps order and repeats. Sockets arrive as method `SOCKET` with a JSON body.
    """

    method: str
    url: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    received_at: AwareDatetime

    def header(self, name: str) -> str | None:
        """The first header of this name (any case), or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)


class Answer(Value):
    """What the provider gets back."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


# --- events of a channel ---------------------------------------------------------------------


class AttachmentType(StrEnum):
    """Kinds of attachment; a channel maps its own kinds to these."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    SHARE = "share"


class Attachment(Value):
    """Something besides text: a file (by `url` or the provider's `media_id`), place or contact."""

    type: AttachmentType
    url: str | None = None
    media_id: str | None = None
    mime: str | None = None
    name: str | None = None
    size: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    address: str | None = None
    phone: str | None = None
    package_id: str | None = None
    sticker_id: str | None = None


class PressKind(StrEnum):
    """How a machine-readable payload came: what the customer pressed or sent."""

    BUTTON = "button"
    LIST = "list"
    QUICK_REPLY = "quick_reply"
    POSTBACK = "postback"
    COMMAND = "command"
    FORM = "form"


class Press(Value):
    """The machine part of a press; `fields` for a filled form, `payload` for all others."""

    kind: PressKind
    payload: str = ""
    fields: tuple[tuple[str, str], ...] = ()


class Piece(Value):
    """Which piece of a longer message this is, where a provider hands on each by itself.

    `ref` is the same for all pieces of one message, and for the same person soon used again.
    """

    ref: str
    number: int
    total: int


class Inbound(Value):
    """A message from a customer.

    `dedupe_key` tells repeats apart within the channel account; `external_id` is the provider's
    message id (it may be unique only within one chat). `at` is the provider's time. `reply_token`
    is what the provider lets one answer be sent by, once and soon.
    With `piece` it is not the whole message: the hub puts that together.
    """

    kind: Literal["inbound"] = "inbound"
    sender: Sender
    dedupe_key: str
    external_id: str | None = None
    to: str | None = None
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    at: AwareDatetime | None = None
    reply_to: str | None = None
    press: Press | None = None
    reply_token: str | None = None
    incomplete: bool = False
    piece: Piece | None = None


class ReceiptStatus(StrEnum):
    """How far a sent part has come, by the provider's word."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class Receipt(Value):
    """The provider's word on one sent part; `client_ref` is our own name for it, told back."""

    kind: Literal["receipt"] = "receipt"
    external_id: str
    status: ReceiptStatus
    at: AwareDatetime | None = None
    error_code: str | None = None
    error_title: str | None = None
    client_ref: str | None = None


class ReadUpTo(Value):
    """Everything sent to this person up to a moment has been read (`delivered`: only delivered).

    `external_id` is the last message of it, where the provider names one.
    """

    kind: Literal["read_up_to"] = "read_up_to"
    sender: Sender
    watermark: AwareDatetime
    status: ReceiptStatus = ReceiptStatus.READ
    external_id: str | None = None


class Echo(Value):
    """A message that the business itself sent: ours, or a person's from the provider's own app."""

    kind: Literal["echo"] = "echo"
    recipient: str
    external_id: str
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    app_id: str | None = None
    at: AwareDatetime | None = None


class OptOut(Value):
    """This person wants no more marketing here; `confirm` when nobody but us would answer it.

    `scope` is the provider's name of what is refused, where it has one.
    """

    kind: Literal["opt_out"] = "opt_out"
    sender: Sender
    dedupe_key: str
    source: str
    confirm: bool = False
    scope: str | None = None
    at: AwareDatetime | None = None


class OptIn(Value):
    """This person wants messages here (again); `confirm` as in `OptOut`."""

    kind: Literal["opt_in"] = "opt_in"
    sender: Sender
    dedupe_key: str
    source: str
    confirm: bool = False
    ref: str | None = None
    scope: str | None = None
    token: str | None = None
    at: AwareDatetime | None = None


class HelpKeyword(Value):
    """A keyword that the law or the carrier wants answered with help (HELP, HJÄLP, INFO).

    The provider answers it; where it does not, the message comes as an `Inbound` as well.
    """

    kind: Literal["help_keyword"] = "help_keyword"
    sender: Sender
    dedupe_key: str
    at: AwareDatetime | None = None


class Started(Value):
    """A person opened the conversation; `ref` is what the link they came by carried."""

    kind: Literal["started"] = "started"
    sender: Sender
    dedupe_key: str
    ref: str | None = None
    at: AwareDatetime | None = None


class Referral(Value):
    """A person came (back) through a link or an advertisement."""

    kind: Literal["referral"] = "referral"
    sender: Sender
    dedupe_key: str
    ref: str | None = None
    source: str | None = None
    ad_id: str | None = None
    at: AwareDatetime | None = None


class Edited(Value):
    """A person changed an earlier message; `ours`: the business did, in the provider's own app."""

    kind: Literal["edited"] = "edited"
    sender: Sender
    dedupe_key: str
    external_id: str
    text: str
    ours: bool = False
    at: AwareDatetime | None = None


class Deleted(Value):
    """A person took back an earlier message; `ours`: the business did, in the provider's app."""

    kind: Literal["deleted"] = "deleted"
    sender: Sender
    dedupe_key: str
    external_id: str
    ours: bool = False
    at: AwareDatetime | None = None


class Reacted(Value):
    """A person put a reaction on a message, or took it away (`emoji` empty)."""

    kind: Literal["reacted"] = "reacted"
    sender: Sender
    dedupe_key: str
    external_id: str
    emoji: str
    at: AwareDatetime | None = None


class Unsupported(Value):
    """A real message that cannot be shown; it must leave a visible trace."""

    kind: Literal["unsupported"] = "unsupported"
    sender: Sender
    dedupe_key: str
    external_id: str | None = None
    what: str
    at: AwareDatetime | None = None


class IdentityChanged(Value):
    """The provider says that this person is reached at another address from now on.

    The new address is among the aliases of `sender`, so that both are one customer. Without one
    the address stays, and somebody may have taken it over: its keys are new.
    """

    kind: Literal["identity_changed"] = "identity_changed"
    sender: Sender
    dedupe_key: str
    new_identity: str | None = None
    at: AwareDatetime | None = None


class Ignored(Value):
    """Known, and not for us: `reason` says why (group message, other account, interaction ...)."""

    kind: Literal["ignored"] = "ignored"
    reason: str


class ForgeryReason(StrEnum):
    """Why a request is not believed."""

    MISSING = "signature_missing"
    INVALID = "signature_invalid"
    EXPIRED = "signature_expired"
    VERIFICATION = "verification_failed"


class Forged(Value):
    """The request does not prove its origin; nothing of it is stored."""

    kind: Literal["forged"] = "forged"
    reason: ForgeryReason


class UnreadableReason(StrEnum):
    """Why a proven request could not be read."""

    MALFORMED = "malformed"
    INVALID_SENDER = "invalid_sender"
    UNKNOWN_STATUS = "unknown_status"
    UNKNOWN_OBJECT = "unknown_object"
    UNKNOWN_EVENT = "unknown_event"


class Unreadable(Value):
    """The request is proven (or the scheme has no proof) but says nothing we can read."""

    kind: Literal["unreadable"] = "unreadable"
    reason: UnreadableReason
    detail: str


PersonEvent = (
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
)
ChannelEvent = Annotated[
    PersonEvent | Receipt | ReadUpTo | Echo | Ignored | Forged | Unreadable,
    Field(discriminator="kind"),
]


class FileIn(Value):
    """A file that came inside a request; it is to be found under `id`, and `user` sent it."""

    model_config = ConfigDict(ser_json_bytes="base64")

    id: BlobId
    user: str
    name: str
    media_type: str
    body: bytes


class Received(Value):
    """What one request said, in order, the files in it, and what to answer once it is recorded."""

    events: tuple[ChannelEvent, ...] = ()
    files: tuple[FileIn, ...] = ()
    answer: Answer = Answer()


# --- what a channel can do -------------------------------------------------------------------


class TextUnit(StrEnum):
    """What a channel's text limit counts."""

    CHARACTERS = "characters"
    UTF16 = "utf16"
    BYTES = "bytes"
    SMS = "sms"


class Capabilities(Value):
    """What a channel carries; nobody guesses it by the channel's name.

    `window`: how long after the person's last message free text may be sent (None = always);
    `human_window` the same for messages written by a person. `rate`: calls a second and account.
    `phone_addressed`: people are found there by their phone number, in E.164, and nothing else.
    `spoofable`: senders can make up where a message seems to come from, as with SMS.
    `extended`: names of optional abilities (`edits`, `reactions`, `typing` ...).

    The hub reads `max_choices`, `cards`, both windows, `rate`, `attests_phone`, `phone_addressed`,
    `spoofable` and `push` (whether messages reach a phone: link codes are offered for such
    channels); the web chat's edge reads `text_limit`. The API tells all of them
    (`GET /api/v1/channels`). Texts are split and titles cut by the adapter itself, by the limits
    that it states here.
    """

    text_limit: int
    text_unit: TextUnit = TextUnit.CHARACTERS
    max_choices: int = 0
    choice_title_limit: int = 20
    cards: bool = False
    attachments: frozenset[AttachmentType] = frozenset()
    window: timedelta | None = None
    human_window: timedelta | None = None
    receipts: frozenset[ReceiptStatus] = frozenset()
    rate: float | None = None
    attests_phone: bool = False
    push: bool = True
    phone_addressed: bool = False
    spoofable: bool = False
    extended: frozenset[str] = frozenset()
