"""One id type for each kind of thing."""

from __future__ import annotations

import secrets
from typing import Self

from typing_extensions import override

from bot.model.value import Id


class IdentityId(Id):
    """A channel identity; derived from its address."""

    __slots__ = ()
    prefix = "idn"


class ThreadId(Id):
    """A customer's one conversation; every identity brings one along, a link makes two into one."""

    __slots__ = ()
    prefix = "thr"


class EventId(Id):
    """Something accepted; derived from the provider's id so that a repeat has the same id."""

    __slots__ = ()
    prefix = "evt"


class EntryId(Id):
    """One fact in a thread; derived from its event and its place among the event's entries."""

    __slots__ = ()
    prefix = "ent"


class SendId(Id):
    """One message to one recipient, in one part or several."""

    __slots__ = ()
    prefix = "snd"


class EpisodeId(Id):
    """A case inside a thread."""

    __slots__ = ()
    prefix = "epi"


class LinkId(Id):
    """A proven connection between two identities."""

    __slots__ = ()
    prefix = "lnk"


class FactId(Id):
    """Something known of a customer; derived from its source's id so that a repeat has the same."""

    __slots__ = ()
    prefix = "fct"


class BlobId(Id):
    """An uploaded file; whoever knows it may fetch the file."""

    __slots__ = ()
    prefix = "blb"

    @classmethod
    @override
    def new(cls) -> Self:
        """A random id, 128 bits: it cannot be guessed."""
        return cls(f"{cls.prefix}_{secrets.token_hex(16)}")


class AgentId(Id):
    """A person who logs in: agent, marketer or administrator."""

    __slots__ = ()
    prefix = "agt"
