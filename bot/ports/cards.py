"""What a customer's card reads beside facts and links, whatever the length of the thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.model.consents import ConsentFact
from bot.model.fact import Fact, FactKind
from bot.model.ids import IdentityId
from bot.model.landmarks import Landmark
from bot.model.people import ChannelIdentity
from bot.model.thread import Entry


class Cards(Protocol):
    """Rare entries, consents and attested numbers; none of it costs more where more was said."""

    async def landmarks(
        self,
        identities: Sequence[IdentityId],
        *,
        of: Collection[Landmark] = (),
        before: int | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """Entries of these identities that are landmarks, the newest first.

        `of`: only of these (none named: all). `before` is an entry number, exclusive.
        """

    async def consents(self, identities: Sequence[IdentityId]) -> list[ConsentFact]:
        """What counts now of each of these identities that ever said anything, in their order.

        Of each identity what it says for all facets, then for each alone (`consents.standing`).
        """

    async def attested(self, phone: str, *, limit: int = 20) -> list[ChannelIdentity]:
        """Identities whose provider vouches for this number, oldest first."""

    async def attempts(self, key: str, *, now: datetime, window: timedelta) -> int:
        """How many attempts were counted under a key within the window; counts none itself."""

    async def first_fact(self, identities: Sequence[IdentityId], kind: FactKind) -> Fact | None:
        """The oldest fact of a kind about these identities, or None."""
