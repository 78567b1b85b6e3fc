"""What is known of customers beside what they said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from bot.model.fact import ClaimKind, Fact, FactKind, FactPlace, HeldFact
from bot.model.ids import FactId, IdentityId


class Facts(Protocol):
    """Facts about identities: append-only, each once by its id; read over a customer's identities.

    And the quarantine: what was told in a shape that we do not know.
    """

    async def put_facts(self, facts: Sequence[Fact]) -> list[FactId]:
        """Keep facts; returns which were new, in the order given.

        One whose id is known changes nothing. Raises NotFound for an unknown identity; then
        nothing is written.
        """

    async def facts(
        self,
        identities: Sequence[IdentityId],
        *,
        kinds: Collection[FactKind] = (),
        before: FactPlace | None = None,
        limit: int = 100,
    ) -> list[Fact]:
        """Facts about these identities, the newest `at` first, those of one moment by falling id.

        `kinds`: only these (none named: all). `before` is exclusive: the place of the last one of
        the page before.
        """

    async def known_facts(self, facts: Sequence[FactId]) -> list[Fact]:
        """Those of these facts that are kept, in the order asked for."""

    async def claimants(self, what: ClaimKind, value: str, *, limit: int = 20) -> list[IdentityId]:
        """Identities that claim this (as `Claimed.value` has it), by the first claim of each."""

    async def members(self, organisation: str, *, limit: int = 500) -> list[Fact]:
        """Memberships of this organisation (as `Membership.organisation` has it), newest first."""

    async def facts_under(
        self, keys: Sequence[str], *, before: FactPlace | None = None, limit: int = 100
    ) -> list[Fact]:
        """Facts that are looked up by one of these keys (`Fact.claim`), the newest first.

        `before` is exclusive: the place of the last one of the page before.
        """

    async def hold_facts(self, held: Sequence[HeldFact]) -> list[FactId]:
        """Put into quarantine; returns which were new, in the order given.

        One whose id is there changes nothing.
        """

    async def held_facts(
        self, *, after: FactPlace | None = None, limit: int = 100
    ) -> list[HeldFact]:
        """What is in quarantine, the oldest first, what came at one moment by its id.

        `after` is exclusive: the place of the last one of the page before.
        """

    async def held_fact(self, held: FactId) -> HeldFact | None:
        """One in quarantine, or None."""

    async def drop_held_fact(self, held: FactId) -> bool:
        """Let one go from quarantine; False when it is not there."""
