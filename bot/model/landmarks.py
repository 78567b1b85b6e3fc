"""Rare entries that are found however long a thread is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Landmark(StrEnum):
    """What a rare entry tells of.

    CASE: where cases stood. LINK: what made, asked about, ended or refused links. SUGGESTION:
    agents who said no to one.
    """

    CASE = "case"
    LINK = "link"
    SUGGESTION = "suggestion"


_KINDS: Final[Mapping[str, Landmark]] = {
    "episode_changed": Landmark.CASE,
    "linked": Landmark.LINK,
    "unlinked": Landmark.LINK,
    "link_revealed": Landmark.LINK,
    "link_asked": Landmark.LINK,
    "link_refused": Landmark.LINK,
    "link_proposed": Landmark.LINK,
    "suggestion_dismissed": Landmark.SUGGESTION,
}


def landmark_of(kind: str) -> Landmark | None:
    """What entries of a kind are landmarks of; nearly all are of nothing."""
    return _KINDS.get(kind)
