"""What an account at Meta is configured with."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError


class MetaSettings(BaseModel):
    """Credentials of one page, account or number, and of the app that it is used by."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # What errors call such an account.
    called: ClassVar[str] = "Meta"

    access_token: SecretStr = Field(
        min_length=1, description="Access token (of the page, or a system user's); sends messages."
    )
    app_secret: SecretStr | None = Field(
        default=None, description="App secret: proves webhooks by X-Hub-Signature-256."
    )
    verify_token: SecretStr | None = Field(
        default=None,
        description="Verify token typed into the app's webhook form; without it, subscribing the "
        "webhook is refused.",
    )
    unsigned: bool = Field(
        default=False,
        description="Accept webhooks without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )
    appsecret_proof: bool = Field(
        default=False,
        description="Prove each call with the app secret, for apps that require it.",
    )
    graph_version: str = Field(
        default="v25.0", pattern=r"^v\d{1,3}\.\d{1,2}$", description="Version of the Graph API."
    )
    api_base: str = Field(
        default="https://graph.facebook.com", description="Base URL of the API, or a sandbox."
    )

    @model_validator(mode="after")
    def _proven(self) -> Self:
        """Refuse settings that would believe anybody."""
        if self.secret is None and not self.unsigned:
            raise ConfigError(
                "no app_secret, so webhooks could not be proven",
                where=f"{self.called} account",
                mend="Set app_secret (Meta app, Settings, Basic), or unsigned = true for tests",
            )
        if self.appsecret_proof and not self.app_secret:
            raise ConfigError(
                "appsecret_proof needs app_secret",
                where=f"{self.called} account",
                mend="Set app_secret, or appsecret_proof = false",
            )
        return self

    @property
    def secret(self) -> str | None:
        """The secret that proves webhooks; None when they are not checked."""
        if self.unsigned or self.app_secret is None:
            return None
        return self.app_secret.get_secret_value() or None
