"""Webhooks of providers that have no proof of their own: their URL carries a secret of ours."""

from __future__ import annotations

from typing import ClassVar, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import proofs
from bot.kit.proofs import CALLBACK_PARAMETER
from bot.model.channel import (
    Answer,
    ChannelEvent,
    Forged,
    ForgeryReason,
    Ignored,
    Received,
    Request,
    Unreadable,
    UnreadableReason,
)

_REFUSED = Answer(status=403, body=b"the request does not prove where it comes from")
_MALFORMED = Answer(status=400, body=b"the request lacks what a message or report needs")

Events = tuple[ChannelEvent, ...]


class CallbackSettings(BaseModel):
    """Settings of an account whose webhooks are proven by a secret in their URL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_of: ClassVar[str]
    # The settings that prove webhooks; one of them is needed.
    proven_by: ClassVar[tuple[str, ...]] = ("webhook_secret",)

    webhook_secret: SecretStr | None = Field(
        default=None,
        description="You make it up. Webhook URLs end in ?secret=..., or have it as the password "
        "of the user samtal (basic authentication).",
    )
    unsigned: bool = Field(
        default=False,
        description="Accept webhooks without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )

    @model_validator(mode="after")
    def _proven(self) -> Self:
        """Refuse settings that would believe anybody."""
        proven = any(plain(getattr(self, name)) for name in self.proven_by)
        if not proven and not self.unsigned:
            names = " or ".join(self.proven_by)
            raise ConfigError(
                f"no {names}, so webhooks could not be proven",
                where=f"{self.account_of} account",
                mend=f"Set {names}, or unsigned = true for tests",
            )
        return self

    def callback(self, url: str) -> str:
        """A URL of ours as the provider gets it: with the secret, if there is one."""
        secret = plain(self.webhook_secret)
        return f"{url}?{CALLBACK_PARAMETER}={quote(secret, safe='')}" if secret else url

    @property
    def callback_secrets(self) -> tuple[SecretStr, ...]:
        """What a call must not show when it carries such a URL."""
        secret = plain(self.webhook_secret)
        return (SecretStr(secret), SecretStr(quote(secret, safe=""))) if secret else ()

    def refusal(self, request: Request) -> ForgeryReason | None:
        """Why a request is not believed, as far as the secret in its URL goes."""
        secret = plain(self.webhook_secret)
        if self.unsigned or not secret:
            return None
        return proofs.callback_secret(secret=secret, request=request)


def plain(secret: SecretStr | None) -> str:
    """A secret's words, empty when it is not set."""
    return secret.get_secret_value() if secret else ""


def forged(reason: ForgeryReason) -> Received:
    """The answer to what does not prove its origin."""
    return Received(events=(Forged(reason=reason),), answer=_REFUSED)


def received(events: Events) -> Received:
    """What a request said; 400 when nothing of it could be read for want of a field."""
    malformed = all(
        isinstance(event, Unreadable) and event.reason is UnreadableReason.MALFORMED
        for event in events
    )
    return Received(events=events, answer=_MALFORMED if malformed else Answer())


def unreadable(reason: UnreadableReason, detail: str) -> Events:
    """One event: proven, but nothing we can read."""
    return (Unreadable(reason=reason, detail=detail),)


def malformed(detail: str) -> Events:
    """One event: what is needed is not there."""
    return unreadable(UnreadableReason.MALFORMED, detail)


def ignored(reason: str) -> Events:
    """One event: known, and not for us."""
    return (Ignored(reason=reason),)
