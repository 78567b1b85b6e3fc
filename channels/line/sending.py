"""From one message out to LINE's message objects, and from its answers to how it ended.

Source: https://developers.line.biz/en/reference/messaging-api/#message-objects and
https://developers.line.biz/en/reference/messaging-api/#error-responses
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.kit import failures, payload, plain
from bot.kit.split import measure, split
from bot.model.channel import Attachment, AttachmentType, TextUnit
from bot.model.sending import (
    CallResult,
    Choice,
    ChoiceKind,
    Delivery,
    Failure,
    FailureKind,
    Lost,
    Outbound,
    PartSent,
    Reply,
    Retry,
    Unreachable,
)
from channels.line.presses import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_TEXT = 5000
MOST_CHOICES = 13
LONGEST_TITLE = 20

_MOST_MESSAGES = 5
_LONGEST_URL = 1000
_LONGEST_SAID = 300
_LONGEST_PLACE = 100
_UNAUTHORIZED = 401
_ALREADY_ACCEPTED = 409
_NO_LINE_ANSWER = frozenset({408, 425, 429})
_CLIENT_ERROR = range(400, 500)
_NOT_SENT = "failed to send messages"
_NOT_ALLOWED = "access to this api is not available"
_SPENT_TOKEN = "reply token"  # noqa: S105  # words of LINE's error

Json = dict[str, JsonValue]


class Plan(NamedTuple):
    """A message's calls as lists of LINE's messages, always the same for the same message."""

    calls: tuple[tuple[Json, ...], ...]
    warnings: tuple[str, ...]


def plan(message: Outbound, *, longest: int) -> Plan:
    """Take a message apart: the text in parts, then what goes with it, five to a call.

    LINE shows the quick replies of the last message alone.
    """
    warnings = ["LINE has no such templates: only the text was sent"] * bool(message.template)
    objects: list[Json] = [
        {"type": "text", "text": piece}
        for piece in split(message.text, limit=longest, unit=TextUnit.UTF16)
    ]
    for attachment in message.attachments:
        objects += _carried(attachment, warnings, longest)
    if not objects:
        return Plan((), (*warnings, "there is nothing in it that LINE carries"))
    items = _items(message.choices, message.language, warnings)
    if items:
        objects[-1] = {**objects[-1], "quickReply": {"items": items}}
    starts = range(0, len(objects), _MOST_MESSAGES)
    calls = tuple(tuple(objects[start : start + _MOST_MESSAGES]) for start in starts)
    return Plan(calls, tuple(warnings))


# --- answers ---------------------------------------------------------------------------------


def is_spent(result: CallResult) -> bool:
    """Whether LINE says that a reply token is no good any more: then the message is pushed."""
    why = _said(result)["message"].text.lower()
    return isinstance(result, Reply) and result.status in _CLIENT_ERROR and _SPENT_TOKEN in why


def judge(result: CallResult, *, unnamed: str, repeatable: bool) -> PartSent | Delivery:
    """What LINE's answer to one call says.

    `unnamed` is the part's id where LINE gives none. `repeatable`: the call has a retry key, so
    that LINE does it once however often it comes; 409 says that it was done before.
    Source: https://developers.line.biz/en/docs/messaging-api/retrying-api-request/
    """
    said = _said(result)
    if isinstance(result, Lost) and repeatable:
        return Retry(failure=Failure(kind=FailureKind.UNREACHABLE, message=result.reason))
    if not isinstance(result, Reply):
        return failures.failed(result)
    accepted = failures.succeeded(result) and said.is_object
    if accepted or (repeatable and result.status == _ALREADY_ACCEPTED):
        return PartSent(external_id=said["sentMessages"][0]["id"].text or unnamed)
    return _refusal(result, said)


def _refusal(result: Reply, said: payload.Node) -> Delivery:
    code, why = str(result.status), _reason(said)
    known = why.lower()
    if result.status == _UNAUTHORIZED or _NOT_ALLOWED in known:
        return failures.refused(FailureKind.CONFIG, code=code, message=why)
    if _NOT_SENT in known:
        # LINE tells no more: no such user, or one who cannot be sent to.
        failure = Failure(kind=FailureKind.REJECTED, code=code, message=why)
        return Unreachable(failure=failure)
    if not why and result.status in _CLIENT_ERROR and result.status not in _NO_LINE_ANSWER:
        shown = f"an answer of {code} without LINE's reason"
        return failures.refused(FailureKind.BAD_RESPONSE, code=code, message=shown)
    return failures.failed(result, code=code if why else None, message=why)


def _said(result: CallResult) -> payload.Node:
    body = payload.read(result.body) if isinstance(result, Reply) else None
    return body or payload.Node()


def _reason(said: payload.Node) -> str:
    """The message, and what it says of the first property that is wrong."""
    detail = said["details"][0]
    more = ": ".join(filter(None, [detail["property"].words, detail["message"].words]))
    return " - ".join(filter(None, [said["message"].words, more]))


# --- what goes with the text -----------------------------------------------------------------


def _carried(attachment: Attachment, warnings: list[str], longest: int) -> list[Json]:
    """An attachment as LINE's own message, else as a text.

    LINE wants a still of each video, the length of each sound, and has no files.
    """
    made = _sticker(attachment) or _place(attachment) or _picture(attachment)
    if made is not None:
        return [made]
    line = plain.line(attachment)
    if line is None:
        warnings.append(f"an attachment ({attachment.type}) was left out: LINE cannot show it")
        return []
    return [
        {"type": "text", "text": piece} for piece in split(line, limit=longest, unit=TextUnit.UTF16)
    ]


def _sticker(attachment: Attachment) -> Json | None:
    if not (attachment.package_id and attachment.sticker_id):
        return None
    return {
        "type": "sticker",
        "packageId": attachment.package_id,
        "stickerId": attachment.sticker_id,
    }


def _place(attachment: Attachment) -> Json | None:
    if attachment.type is not AttachmentType.LOCATION:
        return None
    if attachment.latitude is None or attachment.longitude is None:
        return None
    point = f"{attachment.latitude}, {attachment.longitude}"
    title = attachment.name or attachment.address or point
    address = attachment.address or attachment.name or point
    return {
        "type": "location",
        "title": plain.shortened(title, limit=_LONGEST_PLACE),
        "address": plain.shortened(address, limit=_LONGEST_PLACE),
        "latitude": attachment.latitude,
        "longitude": attachment.longitude,
    }


def _picture(attachment: Attachment) -> Json | None:
    pictures = {AttachmentType.IMAGE, AttachmentType.STICKER}
    if attachment.type not in pictures or not plain.is_web(attachment.url, schemes={"https"}):
        return None
    return {
        "type": "image",
        "originalContentUrl": attachment.url,
        "previewImageUrl": attachment.url,
    }


# --- quick replies ---------------------------------------------------------------------------


def _items(choices: Sequence[Choice], language: str | None, warnings: list[str]) -> list[JsonValue]:
    actions = [action for choice in choices if (action := _action(choice, language, warnings))]
    if len(actions) > MOST_CHOICES:
        left_out = len(actions) - MOST_CHOICES
        warnings.append(f"{left_out} choices were left out: LINE shows {MOST_CHOICES}")
    return [{"type": "action", "action": action} for action in actions[:MOST_CHOICES]]


def _action(choice: Choice, language: str | None, warnings: list[str]) -> Json | None:
    match choice.kind:
        case ChoiceKind.PHONE:
            warnings.append("asking for a phone number was left out: LINE has no such button")
            return None
        case ChoiceKind.LOCATION:
            swedish = (language or "").startswith("sv")
            title = choice.title.strip() or ("Skicka plats" if swedish else "Send location")
            return {"type": "location", "label": _label(title, warnings)}
        case ChoiceKind.URL | ChoiceKind.FORM:
            return _link(choice, warnings)
        case ChoiceKind.REPLY:
            return _answer(choice, warnings)


def _link(choice: Choice, warnings: list[str]) -> Json | None:
    if not plain.is_web(choice.url) or len(choice.url or "") > _LONGEST_URL:
        warnings.append(f"the choice {choice.title!r} was left out: it has no good web address")
        return None
    title = choice.title.strip() or (choice.url or "").partition("//")[2]
    return {"type": "uri", "label": _label(title, warnings), "uri": choice.url}


def _answer(choice: Choice, warnings: list[str]) -> Json | None:
    """A choice that brings a payload back, else one that says its title for the person."""
    if not choice.title.strip():
        warnings.append("a choice without a title was left out")
        return None
    label = _label(choice.title, warnings)
    said = plain.shortened(choice.title, limit=_LONGEST_SAID)
    if choice.payload in {None, "", choice.title}:
        return {"type": "message", "label": label, "text": said}
    data = packed(choice.payload or "", choice.title)
    if data is None:
        warnings.append(f"the choice {choice.title!r} comes back without its payload")
        return {"type": "message", "label": label, "text": said}
    return {"type": "postback", "label": label, "data": data, "displayText": said}


def _label(title: str, warnings: list[str]) -> str:
    if measure(title, TextUnit.UTF16) > LONGEST_TITLE:
        warnings.append(f"the title {title!r} was shortened to {LONGEST_TITLE}")
    return plain.shortened(title, limit=LONGEST_TITLE)
