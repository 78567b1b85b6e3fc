"""What a question about a link calls the other side: when it began, in what, about where (R5)."""

from __future__ import annotations

from bot.model.fact import CodeShown, Fact
from bot.model.ids import FactId, IdentityId
from bot.model.value import AwareDatetime
from bot.ports import Store

_SOURCE = "webchat"


def shown_fact(shown: CodeShown, *, at: IdentityId, code_hash: str, now: AwareDatetime) -> Fact:
    """Where a code was shown, found again by the code's hash."""
    return Fact(
        id=_fact_id(code_hash),
        identity=at,
        at=now,
        received_at=now,
        source=_SOURCE,
        body=shown,
    )


async def whereabouts(store: Store, code_hash: str) -> tuple[tuple[str, str], ...]:
    """What content may say of where a code was shown."""
    known = [fact.body for fact in await store.known_facts([_fact_id(code_hash)])]
    return next((told_of(body) for body in known if isinstance(body, CodeShown)), ())


def told_of(shown: CodeShown) -> tuple[tuple[str, str], ...]:
    """The variables of content; none for what is unknown."""
    told = {
        "link.began": shown.began,
        "link.browser": shown.browser,
        "link.system": shown.system,
        "link.place": shown.place,
    }
    return tuple((name, value) for name, value in told.items() if value is not None)


def _fact_id(code_hash: str) -> FactId:
    return FactId.of("code_shown", code_hash)
