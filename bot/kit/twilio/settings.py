"""What an account at Twilio is configured with."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit.proofs import basic_authorization

LONGEST_BODY = 1600


class TwilioSettings(BaseModel):
    """Credentials and numbers of one Twilio account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account_sid: str = Field(min_length=1, description="Account SID (AC...) from the console.")
    auth_token: SecretStr | None = Field(
        default=None,
        description="Auth token: proves webhooks, and signs in to the API if there is no API key.",
    )
    api_key: str | None = Field(
        default=None, description="API key SID (SK...) to sign in with instead of the auth token."
    )
    api_secret: SecretStr | None = Field(
        default=None, description="Secret of the API key; needed with `api_key`."
    )
    number: str | None = Field(
        default=None, description="Sender: a number in E.164 (+46700000000) or a short code."
    )
    messaging_service_sid: str | None = Field(
        default=None, description="Messaging service (MG...) to send by, alone or with `number`."
    )
    unsigned: bool = Field(
        default=False,
        description="Accept webhooks without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )
    max_text_length: int = Field(
        default=LONGEST_BODY,
        ge=1,
        le=LONGEST_BODY,
        description="Longest text of one message, in septets or UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=None,
        gt=0,
        description="Messages a second that the sender may send; none: no limit.",
    )
    api_base: str = Field(
        default="https://api.twilio.com",
        description="Base URL of the API: another region, or a sandbox.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Refuse settings that would run unproven or could not send."""
        if not self._secret(self.auth_token) and not self.unsigned:
            raise ConfigError(
                "no auth_token, so webhooks could not be proven",
                where="Twilio account",
                mend="Set auth_token (from the Twilio console), or unsigned = true for tests",
            )
        if bool(self.api_key) != bool(self._secret(self.api_secret)):
            raise ConfigError(
                "api_key and api_secret belong together, one is missing",
                where="Twilio account",
                mend="Set both, or neither to sign in with auth_token",
            )
        if not self.number and not self.messaging_service_sid:
            raise ConfigError(
                "neither number nor messaging_service_sid, so nothing could be sent",
                where="Twilio account",
                mend="Set the number or the messaging service to send by",
            )
        return self

    @property
    def token(self) -> str | None:
        """The secret that proves webhooks; None when they are not checked."""
        return None if self.unsigned else self._secret(self.auth_token)

    @cached_property
    def authorization(self) -> str | None:
        """The value of `Authorization` for the API; None without credentials."""
        user, secret = self.account_sid, self._secret(self.auth_token)
        if self.api_key:
            user, secret = self.api_key, self._secret(self.api_secret)
        if not secret:
            return None
        return basic_authorization(user=user, password=secret)

    @cached_property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What must never be seen in a log: the secrets, and how they travel."""
        named = [secret for secret in (self.auth_token, self.api_secret) if secret]
        if self.authorization:
            named.append(SecretStr(self.authorization))
        return tuple(named)

    @staticmethod
    def _secret(value: SecretStr | None) -> str | None:
        return (value.get_secret_value() or None) if value else None
