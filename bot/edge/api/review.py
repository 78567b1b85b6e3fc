"""What the reader was unsure of: people say what it means, and the next model learns from it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from bot.edge.api.fact_shapes import FactCursor, cursor_of, place_of
from bot.edge.api.route import Ask, operation
from bot.edge.api.threads import AT_THE_DESK
from bot.edge.problems import Refusal
from bot.hub.reviewing import ReviewItem
from bot.model.fact import FactPlace, ReviewReason
from bot.model.ids import EntryId, FactId
from bot.model.people import Role
from bot.model.value import Value

_PATH = "/nlu/review"
_WHO = AT_THE_DESK | {Role.AUTHOR}
_Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,100}$")]


class ReviewWanted(Value):
    """Which messages; `cursor` is the `next` of the page before."""

    reason: ReviewReason | None = None
    cursor: FactCursor | None = None
    limit: int = Field(50, ge=1, le=200)

    @property
    def before(self) -> FactPlace | None:
        """Where the page before ended."""
        return place_of(self.cursor)


class ReviewList(Value):
    """A page of messages that wait for a verdict, the newest first."""

    items: tuple[ReviewItem, ...]
    next: str | None = None


class Labels(Value):
    """What a message can be said to mean; `oos` is none of the intents."""

    labels: tuple[str, ...]


class OneReview(Value):
    """The message for review in the path."""

    id: FactId


class Verdict(Value):
    """What a message means, or that there is nothing to learn from it: one of the two.

    The same again changes nothing.
    """

    label: _Label | None = None
    dismiss: bool = False

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.dismiss is (self.label is not None):
            msg = "give a label, or dismiss"
            raise ValueError(msg)
        return self


class Correction(Value):
    """What a message in a thread means. The same again changes nothing."""

    entry: EntryId
    label: _Label


class ReviewDone(Value):
    """The verdict is kept."""

    label: str | None


@operation("GET", _PATH, summary="List messages for review", tag="nlu", roles=_WHO)
async def list_reviews(ask: Ask, query: ReviewWanted) -> ReviewList:
    """Messages that the reader was unsure of, or found out of scope, without a verdict yet."""
    page = await ask.parts.hub.reviewing.page(query.reason, before=query.before, limit=query.limit)
    return ReviewList(items=page.items, next=cursor_of(page.next) if page.next else None)


@operation("GET", "/nlu/labels", summary="List labels", tag="nlu", roles=_WHO)
async def list_labels(ask: Ask) -> Labels:
    """The intents that there are answers to, and `oos`."""
    return Labels(labels=ask.parts.hub.labels)


@operation(
    "POST",
    f"{_PATH}/{{id}}",
    summary="Say what a message means",
    tag="nlu",
    roles=_WHO,
    errors=(404, 409),
)
async def settle_review(ask: Ask, path: OneReview, body: Verdict) -> ReviewDone:
    """It leaves the list; what was labelled is exported as a row to learn from.

    409 when somebody said something else of it before.
    """
    _check(ask, body.label)
    await ask.parts.hub.reviewing.settle(path.id, body.label, by=ask.principal.id)
    return ReviewDone(label=body.label)


@operation(
    "POST",
    "/nlu/corrections",
    summary="Correct how a message was understood",
    tag="nlu",
    roles=_WHO,
    errors=(404, 409),
)
async def correct(ask: Ask, body: Correction) -> ReviewDone:
    """The thread stays as it is; the next model learns from it. 409 as for a review."""
    _check(ask, body.label)
    await ask.parts.hub.reviewing.correct(body.entry, body.label, by=ask.principal.id)
    return ReviewDone(label=body.label)


def _check(ask: Ask, label: str | None) -> None:
    if label is not None and label not in ask.parts.hub.labels:
        raise Refusal(422, f"There is no intent {label}. GET /nlu/labels lists them.")


OPERATIONS = (list_reviews, list_labels, settle_review, correct)
