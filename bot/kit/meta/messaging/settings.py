"""What a page or an Instagram account is configured with."""

from __future__ import annotations

from pydantic import Field

from bot.kit.meta.settings import MetaSettings


class MessagingSettings(MetaSettings):
    """An account that the Send API sends for."""

    human_agent: bool = Field(
        default=True,
        description="The app has the Human Agent permission: people may answer for 7 days.",
    )
    rate: float | None = Field(
        default=250.0,
        gt=0,
        description="Messages a second that the account may send; none: no limit.",
    )
