"""What is left of entries and of a snapshot when the words have been kept for long enough."""

from __future__ import annotations

from typing import Final

from bot.model.dialogue import Dialogue
from bot.model.facet import FacetChanged
from bot.model.ids import BlobId, IdentityId
from bot.model.people import ByAgent
from bot.model.record import SendItem
from bot.model.thread import (
    DialogueMoved,
    EchoOut,
    Entry,
    EntryBody,
    EpisodeChanged,
    MessageEdited,
    MessageIn,
    MessageOut,
    Note,
    OwnerChanged,
    PieceIn,
    Reaction,
    ThreadState,
)
from bot.model.understanding import Understanding
from bot.model.value import AwareDatetime, Value

# Names out of a shop's own catalogue: what customers are interested in, none of their words.
_OF_THE_CATALOGUE: Final = frozenset({"product", "category"})


class FirstWords(Value):
    """The earliest entry of an identity whose words are still there; `at` None: there is none.

    `seq` is from where on an entry may have words.
    """

    identity: IdentityId
    seq: int
    at: AwareDatetime | None


class WordsGone(Value):
    """What is left of an identity's entries `up_to` a number, and the files that go with them."""

    identity: IdentityId
    up_to: int
    entries: tuple[Entry, ...]
    blobs: tuple[BlobId, ...] = ()


def without_words(entry: Entry) -> Entry:
    """The entry without what anybody wrote: that it happened, when and by whom stays.

    What a message was read as stays too, so that the same facets come of it.
    """
    body = _bare(entry)
    return entry if body is entry.body else entry.model_copy(update={"body": body, "gone": True})


def without_text(item: SendItem) -> SendItem:
    """The send without what it said."""
    return item.model_copy(
        update={
            "text": "",
            "choices": (),
            "cards": (),
            "question": None,
            "attachments": (),
            "template": None,
        }
    )


def quiet(state: ThreadState) -> ThreadState:
    """The snapshot of a thread of which all words are gone."""
    dialogue = Dialogue(unsure=state.dialogue.unsure)
    return state.model_copy(update={"last_text": "", "dialogue": dialogue})


def _bare(entry: Entry) -> EntryBody:  # noqa: PLR0911 - one a fact
    body = entry.body
    match body:
        case MessageIn():
            read = body.understanding
            return MessageIn(
                external_id=body.external_id,
                reply_to=body.reply_to,
                provider_at=body.provider_at,
                incomplete=body.incomplete,
                understanding=None if read is None else _as_read(read),
                facet=body.facet,
            )
        case MessageOut():
            return MessageOut(
                send=body.send,
                text="",
                language=body.language,
                decision=body.decision,
                gap=body.gap,
            )
        case EchoOut():
            return EchoOut(external_id=body.external_id, text="")
        case PieceIn() | MessageEdited() | Note():
            return body.model_copy(update={"text": ""})
        case Reaction():
            return body.model_copy(update={"emoji": ""})
        case OwnerChanged():
            return body.model_copy(update={"note": ""}) if body.note else body
        case EpisodeChanged() if isinstance(entry.by, ByAgent) and body.reason:
            return body.model_copy(update={"reason": ""})
        case FacetChanged() if body.quote:
            return body.model_copy(update={"quote": ""})
        case DialogueMoved():
            bare = Dialogue(unsure=body.dialogue.unsure)
            return body if bare == body.dialogue else body.model_copy(update={"dialogue": bare})
        case _:
            return body


def _as_read(read: Understanding) -> Understanding:
    """Intents, stages, needs and moods, without the words that showed them."""
    return read.model_copy(
        update={
            "entities": tuple(
                found.model_copy(update={"text": ""})
                for found in read.entities
                if found.kind in _OF_THE_CATALOGUE
            ),
            "quotes": tuple(quote.model_copy(update={"text": ""}) for quote in read.quotes),
            "personas": tuple(one.model_copy(update={"quote": ""}) for one in read.personas),
        }
    )
