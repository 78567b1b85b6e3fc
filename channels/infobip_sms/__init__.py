"""SMS and MMS by Infobip: https://www.infobip.com/docs/api/channels/sms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import callbacks, failures, fetching, parts, payload, proofs, telephone
from bot.kit.callbacks import CallbackSettings, plain
from bot.model.channel import Capabilities, ReceiptStatus, TextUnit
from bot.model.sending import FailureKind
from channels.infobip_sms import reading, sending

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Received, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]


class Settings(CallbackSettings):
    """One sender at Infobip."""

    account_of = "Infobip"

    api_key: SecretStr | None = Field(
        default=None, description="API key; sends messages. Or username and password."
    )
    username: str | None = Field(default=None, description="User to sign in as without an API key.")
    password: SecretStr | None = Field(default=None, description="Password of that user.")
    number: str = Field(min_length=1, description="Sender: a number of the account, or a name.")
    mms: bool = Field(
        default=True,
        description="Send files as MMS; false: as links, for senders that have no MMS.",
    )
    transliteration: str | None = Field(
        default=None,
        pattern=r"^[A-Z_]{1,40}$",
        description="Alphabet whose letters are written in plain ones (TURKISH, COLOMBIAN, ...); "
        "none: texts go as they are.",
    )
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in septets or UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=None,
        gt=0,
        description="Messages a second that the sender may send; none: no limit.",
    )
    api_base: str = Field(
        default="https://api.infobip.com",
        description="Base URL of the API: the one of your account (https://XXXXX.api.infobip.com), "
        "or a sandbox.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Refuse half of a name and password."""
        if bool(self.username) != bool(plain(self.password)) and not plain(self.api_key):
            raise ConfigError(
                "username and password belong together, one is missing",
                where="Infobip account",
                mend="Set both, or api_key alone; without any (and with unsigned = true) nothing "
                "is sent",
            )
        return self

    @property
    def authorization(self) -> str | None:
        """The value of `Authorization` for the API; None without credentials."""
        key, password = plain(self.api_key), plain(self.password)
        if key:
            return f"App {key}"
        if self.username and password:
            return proofs.basic_authorization(user=self.username, password=password)
        return None

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What must never be seen in a log: the secrets, and how they travel."""
        named = [secret for secret in (self.api_key, self.password) if secret]
        if self.authorization:
            named.append(SecretStr(self.authorization))
        return (*named, *self.callback_secrets)


class Adapter:
    """One sender of SMS; see `bot.ports.Channel`."""

    name = "infobip_sms"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self._settings = settings
        base = public_base_url.rstrip("/")
        self._status_url = settings.callback(f"{base}/webhooks/{self.name}/{account}/status")
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.SMS,
            attachments=telephone.FILES,
            receipts=frozenset({ReceiptStatus.SENT, ReceiptStatus.DELIVERED, ReceiptStatus.FAILED}),
            rate=settings.rate,
            attests_phone=True,
            phone_addressed=True,
            spoofable=True,
            extended=frozenset({"opt_out_keywords"}),
        )

    def receive(self, request: Request) -> Received:
        """Prove a webhook and read all of its batch: messages or delivery reports."""
        reason = self._settings.refusal(request)
        if reason is not None:
            return callbacks.forged(reason)
        document = payload.read(request.body) or payload.Node()
        return callbacks.received(reading.read(document))

    def send(self, message: Outbound) -> Sending:
        """Send a text in as many messages as it takes; files go with the first, or as links."""
        settings = self._settings
        calls = sending.calls(message, settings=settings, status_url=self._status_url)
        if calls and settings.authorization is None:
            told = "no api_key, or username and password, to send with"
            return failures.refused(FailureKind.CONFIG, message=told)
        warnings = telephone.warnings(message)
        return (yield from parts.send(message, calls=calls, judge=sending.judge, warnings=warnings))

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file of an MMS; credentials go to Infobip only, never to where it redirects."""
        settings, ours = self._settings, self._settings.authorization
        base = settings.api_base
        return fetching.get(
            attachment.url,
            attachment,
            trusted=lambda url: fetching.is_at(url, base=base, domain="api.infobip.com"),
            headers=() if ours is None else (("Authorization", ours),),
            secrets=settings.secrets,
        )

    def deep_link(self, code: str) -> str | None:
        """A link that opens the phone's SMS app with the code written."""
        return telephone.deep_link(self._settings.number, code)
