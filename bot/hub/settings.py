"""What an operator may turn in the hub."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from bot.hub.stages import STAGES, JourneySettings
from bot.model.fact import Purpose
from bot.model.understanding import Language
from bot.model.value import Value

_QueueName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class HealthSettings(Value):
    """When an account is said to be unusually silent."""

    silence: float | None = Field(
        2.0,
        ge=1,
        description="Times its longest silence of four weeks that is unusual; none: never.",
    )
    silence_least: timedelta = Field(
        timedelta(hours=6), ge=timedelta(0), description="A shorter silence is never unusual."
    )


class HubSettings(Value):
    """The hub's thresholds and times; defaults are for a shop of medium size."""

    default_language: Language = Field(
        "sv", description="Language of a person who has not shown one."
    )
    answer_at: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Confidence from which the bot answers at once; none: as the model chose.",
    )
    clarify_at: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Confidence from which it asks back with two choices; none: as chosen.",
    )
    frustration_at: float = Field(
        0.75, ge=0, le=1, description="Frustration from which a human is brought in."
    )
    human_at: float = Field(
        0.6, ge=0, le=1, description="Certainty that a human is wanted from which one is."
    )
    queue: str = Field("support", description="Queue that threads are offered to.")
    queues: tuple[_QueueName, ...] = Field(
        (), description="Further queues that agents can send threads to."
    )
    offer_timeout: timedelta = Field(
        timedelta(minutes=10), description="How long an offer waits for an agent."
    )
    reopen_window: timedelta = Field(
        timedelta(hours=72), description="A message within it reopens a resolved case."
    )
    abandon_after: timedelta = Field(
        timedelta(days=7),
        description="A case that waits for a customer who does not write for so long is abandoned.",
    )
    native_grace: timedelta = Field(
        timedelta(hours=1),
        description="How long the bot keeps silent after an answer from a provider's own app.",
    )
    link_lifetime: timedelta = Field(
        timedelta(minutes=10), description="How long a link code can be used."
    )
    link_tries: int = Field(5, description="Link codes that one identity may try in an hour.")
    links_a_month: int = Field(
        3, ge=1, description="Links of one identity in 30 days; one that has more is shared (R11)."
    )
    phone_links_a_month: int = Field(
        2, ge=1, description="... and of an identity whose phone number a provider vouches for."
    )
    sms_codes_an_hour: int = Field(
        200, ge=1, le=900, description="Codes that are sent by SMS, to whomever, in an hour."
    )
    foreign_sms_codes_an_hour: int = Field(
        10,
        ge=0,
        le=900,
        description="... and of those to each country that is not that of phone_region.",
    )
    phone_region: str = Field(
        "SE",
        pattern=r"^[A-Z]{2}$",
        description="Country of phone numbers that customers write without one.",
    )
    claims_blocked: tuple[str, ...] = Field(
        (), description="E-mails and numbers that many use: they never suggest who somebody is."
    )
    own_domains: tuple[str, ...] = Field(
        (), description="Our own mail domains: their addresses never suggest who somebody is."
    )
    agents_may_link: bool = Field(
        default=False, description="Let every agent link customers; else only administrators."
    )
    vip_tiers: tuple[str, ...] = Field(
        (), description="Loyalty tiers whose customers take two agents to link."
    )
    vip_amount: int | None = Field(
        None, ge=1, description="Purchases of so much, in one currency, take two agents to link."
    )
    join_by_phone: bool = Field(
        default=True,
        description="Join identities whose providers attest the same phone number.",
    )
    max_tries: int = Field(5, description="Tries at an event before it becomes a dead letter.")
    send_tries: int = Field(8, description="Tries at a send before it counts as failed.")
    stop_grace: timedelta = Field(
        timedelta(seconds=5),
        ge=timedelta(0),
        description="How long a message in hand and sends under way may take when stopping.",
    )
    backlog_limit: int = Field(
        20_000,
        ge=1,
        description="Messages that may wait for the workers before more are put off.",
    )
    keep_requests: timedelta = Field(
        timedelta(days=30),
        ge=timedelta(0),
        description="How long raw requests are kept after their events were processed.",
    )
    keep_customers: timedelta | None = Field(
        None,
        ge=timedelta(days=30),
        description="Customers of whom nothing was heard for so long are erased (none: never).",
    )
    keep_messages: timedelta | None = Field(
        None,
        ge=timedelta(days=1),
        description="How long words and files of messages and notes are kept; none: for ever.",
    )
    keep_visits: timedelta | None = Field(
        timedelta(days=395), ge=timedelta(0), description="How long visits to pages are kept."
    )
    keep_facts: timedelta | None = Field(
        None, ge=timedelta(0), description="How long other facts are kept; none: for ever."
    )
    programme: str | None = Field(
        None,
        min_length=1,
        description="Loyalty programme whose tier is shown (none: that of the newest tier).",
    )
    partners_off: tuple[str, ...] = Field(
        (), description="Partners whose facts are not used, as if they had told nothing."
    )
    partner_purposes_off: dict[str, tuple[Purpose, ...]] = Field(
        default_factory=dict,
        description="What the facts of a partner are not used for: service, linking, sales.",
    )
    stages: tuple[str, ...] = Field(
        STAGES, min_length=2, description="Journey stages, in their usual order."
    )
    journey: JourneySettings = Field(
        JourneySettings(), description="How the belief over the stages moves."
    )

    health: HealthSettings = Field(
        HealthSettings(), description="When accounts of channels are said not to be well."
    )

    @model_validator(mode="after")
    def _journey_fits_its_stages(self) -> Self:
        unknown = self.journey.unknown(self.stages)
        if unknown:
            msg = f"journey names {unknown[0]!r}, which is none of hub.stages"
            raise ValueError(msg)
        return self
