"""How a channel's account fares: the signs that are counted of it, and what they add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bot.model.value import AwareDatetime, Value

_SHORT = timedelta(minutes=10)
_LONG = timedelta(hours=3)


class Sign(StrEnum):
    """Something that happened to an account and says how it fares."""

    ACCEPTED = "accepted"  # a webhook that proved where it came from
    FORGED = "forged"  # one that did not
    HEARD = "heard"  # a person wrote
    SENT = "sent"  # a message left
    FAILED = "failed"  # a message did not, and not because of what it was or to whom
    LIMITED = "limited"  # the provider wants fewer calls
    TOKEN = "token"  # noqa: S105 - the provider refused our credentials
    TAKEN = "taken"  # it took them, when asked by a check


class SignCount(Value):
    """How often a sign was seen in one stretch of time, with the latest of it.

    `slot` is the beginning of the stretch. `detail` is the provider's code and words, or why a
    webhook was refused; `seen` the scheme and host that a webhook was called at, as its caller
    says. `until`: how long the provider wants no calls.
    """

    channel: str
    account: str
    sign: Sign
    slot: AwareDatetime
    count: int
    last_at: AwareDatetime
    detail: str = ""
    seen: str = ""
    until: AwareDatetime | None = None


class SendsWaiting(Value):
    """Messages of one account that wait to be sent, and since when the first of them is due."""

    channel: str
    account: str
    count: int
    due: AwareDatetime


class HealthState(StrEnum):
    """How it stands, the best first."""

    OK = "ok"
    WARNING = "warning"
    FAILING = "failing"


class HealthProblem(StrEnum):
    """What is not right with an account."""

    TOKEN = "token_refused"  # noqa: S105 - the name of a problem
    SIGNATURES = "signatures_refused"
    SILENT = "silent"
    LIMITED = "rate_limited"
    FAILING = "sends_failing"
    WAITING = "sends_waiting"


class HealthReason(Value):
    """One thing that is not right: since when or when last, what was counted, what to do.

    `detail` is what the provider said, or why webhooks were refused.
    """

    problem: HealthProblem
    state: HealthState
    at: AwareDatetime
    count: int = 0
    detail: str = ""
    what: str
    mend: str


class ChannelHealth(Value):
    """How one account fares; `state` is that of the worst reason.

    `accepted` and `refused` are webhooks of the last hour. `limited_until`: the provider wants no
    calls before.
    """

    channel: str
    account: str
    state: HealthState = HealthState.OK
    reasons: tuple[HealthReason, ...] = ()
    last_in: AwareDatetime | None = None
    last_out: AwareDatetime | None = None
    accepted: int = 0
    refused: int = 0
    waiting: int = 0
    limited_until: AwareDatetime | None = None


def slot_of(sign: Sign, at: datetime) -> datetime:
    """The beginning of the stretch that a moment is counted in: 10 minutes, 3 h for HEARD."""
    length = _LONG if sign is Sign.HEARD else _SHORT
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return at - since % length


# --- a check of one account ------------------------------------------------------------------


class CheckTopic(StrEnum):
    """What a check looks at."""

    PUBLIC_URL = "public_url"
    WEBHOOKS = "webhooks"
    CREDENTIALS = "credentials"


class CheckVerdict(StrEnum):
    """What a check found."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it cannot be told from here


class CheckFinding(Value):
    """What a check found of one thing, in words without secrets, and how to mend it."""

    topic: CheckTopic
    verdict: CheckVerdict
    what: str
    mend: str = ""


class AccountCheck(Value):
    """What a check of an account found."""

    channel: str
    account: str
    at: AwareDatetime
    findings: tuple[CheckFinding, ...]
