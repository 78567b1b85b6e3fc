"""Splitting a thread: when it can be, and where the ids of threads lead afterwards.

What is said here holds in every store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.model.ids import IdentityId, ThreadId
from bot.model.people import ChannelIdentity
from bot.model.record import ThreadChange


def refusal(
    change: ThreadChange, members: Sequence[ChannelIdentity], *, taken: Iterable[ThreadId]
) -> str | None:
    """Why these members of the thread cannot be split so, or None when they can.

    A thread that is split off is the one that some member came with; `taken` are those that have
    identities now.
    """
    threads = [split.state.thread for split in change.splits]
    leaving = [identity for split in change.splits for identity in split.identities]
    here = {one.id for one in members}
    refusals = (
        (change.absorb is not None, "a change that absorbs a thread splits off none"),
        (not all(split.identities for split in change.splits), "nobody is to be split off"),
        (len(set(threads)) < len(threads), "two parts are split off to the same thread"),
        (len(set(leaving)) < len(leaving), "an identity is split off twice"),
        (not here.issuperset(leaving), "an identity to be split off is not in the thread"),
        (here.issubset(leaving), "nobody would stay in the thread"),
        (
            not {one.address.home_thread for one in members}.issuperset(threads),
            "nobody in the thread came with the thread to be split off",
        ),
        (
            not {change.state.thread, *taken}.isdisjoint(threads),
            "somebody is in the thread to be split off",
        ),
    )
    reasons = [reason for refused, reason in refusals if refused]
    return f"thread {change.state.thread}: {reasons[0]}" if reasons else None


def leads(
    change: ThreadChange, members: Sequence[ChannelIdentity]
) -> list[tuple[ThreadId, ThreadId]]:
    """Where each thread leads that a member came with and that is not there any more.

    It leads to the thread which that member is in after the change.
    """
    moved: dict[IdentityId, ThreadId] = {
        identity: split.state.thread for split in change.splits for identity in split.identities
    }
    there = {change.state.thread, *moved.values()}
    return [
        (one.address.home_thread, moved.get(one.id, change.state.thread))
        for one in members
        if one.address.home_thread not in there
    ]
