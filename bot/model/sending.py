"""What leaves by a channel: `Outbound` -> `Call`s answered with `CallResult`s -> `Delivery`."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bot.model.channel import Address, Attachment
from bot.model.ids import EntryId, SendId
from bot.model.value import AwareDatetime, Value


class Origin(StrEnum):
    """On whose behalf a message leaves."""

    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"
    CAMPAIGN = "campaign"


class ChoiceKind(StrEnum):
    """What pressing a choice does."""

    REPLY = "text"
    URL = "url"
    LOCATION = "location"
    PHONE = "phone"
    FORM = "form"


class Choice(Value):
    """One suggested answer. `payload` comes back when pressed (default: the title).

    `description` says more below the title, where a channel shows such lines.
    """

    title: str
    description: str | None = None
    payload: str | None = None
    kind: ChoiceKind = ChoiceKind.REPLY
    url: str | None = None


class Card(Value):
    """Something shown on its own, one of several: a picture, words, and up to three buttons.

    `image` is an address (https), or a path on this hub.
    """

    title: str
    text: str = ""
    image: str | None = None
    buttons: tuple[Choice, ...] = ()


class QuestionKind(StrEnum):
    """What an answer looks like, for the keyboard and the size of an input."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    ORDER_NUMBER = "order_number"


class Question(Value):
    """What a message asks for, so that a page may show an input with this label.

    An answer is an ordinary message; whether it is one, the form decides. `pattern` is what the
    whole answer looks like, in any case, as browsers read it.
    """

    name: str
    kind: QuestionKind
    label: str
    pattern: str | None = None
    example: str | None = None
    max_length: int


class TemplateButtonKind(StrEnum):
    """What the parameter of a template's button is."""

    REPLY = "quick_reply"
    URL = "url"
    CODE = "copy_code"


class TemplateButton(Value):
    """The parameter of one button of a template, by its place from 0."""

    place: int
    kind: TemplateButtonKind
    parameter: str


class TemplateUse(Value):
    """A provider-approved template and its parameters, for channels with a closed window.

    `parameters` are those of its text. Its head has a file or place (`header`) or a text of its
    own (`header_parameters`).
    """

    name: str
    language: str
    parameters: tuple[str, ...] = ()
    header: Attachment | None = None
    header_parameters: tuple[str, ...] = ()
    buttons: tuple[TemplateButton, ...] = ()
    external_id: str | None = None


class PartSent(Value):
    """One part of a message that the provider took, with the id it gave."""

    external_id: str


class Outbound(Value):
    """One message to one person; a channel sends it in one part or several.

    `parts_sent` are the parts that left in earlier attempts: a resumed send skips as many.
    `in_reply_to` is the `reply_token` of the message that it answers. `last_inbound_at` is when the
    person last wrote on this address (None = never). `cards` come only where the channel's
    capabilities say so.
    """

    id: SendId
    to: Address
    text: str = ""
    choices: tuple[Choice, ...] = ()
    cards: tuple[Card, ...] = ()
    question: Question | None = None
    attachments: tuple[Attachment, ...] = ()
    template: TemplateUse | None = None
    origin: Origin = Origin.BOT
    author_name: str | None = None
    language: str | None = None
    in_reply_to: str | None = None
    recipient_token: str | None = None
    entry: EntryId | None = None
    seq: int | None = None
    at: AwareDatetime
    last_inbound_at: AwareDatetime | None = None
    parts_sent: tuple[PartSent, ...] = ()


class HttpCall(Value):
    """One HTTP request to a provider. Secrets that it carries are named for redaction.

    A URL of `smtp(s)://` hands the body, a raw mail, to a mail server: the envelope is in the
    headers `Mail-From` and `Rcpt-To`, the reply's status is the server's code, its header
    `smtp-step` where it was said. STARTTLS is a must with `smtp` but on the loopback.

    `guarded` marks a URL that came from outside: the wire refuses addresses inside our network.
    """

    kind: Literal["http"] = "http"
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout: timedelta = timedelta(seconds=15)
    guarded: bool = False
    max_bytes: int = 1_048_576
    secrets: tuple[SecretStr, ...] = ()


class Emit(Value):
    """One Socket.IO event to a room of a namespace; `data` is a JSON document."""

    kind: Literal["emit"] = "emit"
    namespace: str
    room: str
    event: str
    data: bytes


Call = HttpCall | Emit


class Reply(Value):
    """The provider answered."""

    kind: Literal["reply"] = "reply"
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of this name (any case), or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)


class Unreached(Value):
    """The call never left: it is safe to make it again."""

    kind: Literal["unreached"] = "unreached"
    reason: str


class Lost(Value):
    """The call left and no answer came: the provider may have acted on it."""

    kind: Literal["lost"] = "lost"
    reason: str


CallResult = Reply | Unreached | Lost


class FailureKind(StrEnum):
    """Why a send did not go through."""

    PROVIDER_ERROR = "provider_error"
    REJECTED = "rejected_with_reason"
    RATE_LIMITED = "rate_limited"
    UNREACHABLE = "unreachable"
    BAD_RESPONSE = "bad_response"
    WINDOW_CLOSED = "window_closed"
    OPTED_OUT = "opted_out"
    INVALID = "message_invalid"
    CONFIG = "config"
    STALE = "stale_epoch"
    UNCERTAIN = "uncertain"


class Failure(Value):
    """Why, in the provider's own code and words where it gave any."""

    kind: FailureKind
    code: str | None = None
    message: str = ""


class Sent(Value):
    """All parts left; `warnings` name what the channel could not carry."""

    kind: Literal["sent"] = "sent"
    warnings: tuple[str, ...] = ()


class Retry(Value):
    """Try again, not earlier than `after` (None: our own back-off); sent parts stay sent."""

    kind: Literal["retry"] = "retry"
    failure: Failure
    after: timedelta | None = None


class Refused(Value):
    """Final: the provider or a rule of ours refuses this message."""

    kind: Literal["refused"] = "refused"
    failure: Failure


class Unreachable(Value):
    """Final for this address (opted out, blocked, gone): another address may still work."""

    kind: Literal["unreachable"] = "unreachable"
    failure: Failure


class Uncertain(Value):
    """The provider may or may not have taken the message: shown to a person, never sent again."""

    kind: Literal["uncertain"] = "uncertain"
    failure: Failure


Delivery = Annotated[Sent | Retry | Refused | Unreachable | Uncertain, Field(discriminator="kind")]


class Media(Value):
    """A fetched attachment."""

    body: bytes
    mime: str
    name: str | None = None


class MediaGone(Value):
    """An attachment that could not be fetched, and why."""

    reason: str
