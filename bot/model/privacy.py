"""What the law asks of whoever keeps data on people."""

from __future__ import annotations

from bot.model.ids import IdentityId
from bot.model.value import AwareDatetime, Value


class LegalHold(Value):
    """Data of this identity must be kept, for a reason: it is not erased meanwhile."""

    identity: IdentityId
    reason: str
    at: AwareDatetime
