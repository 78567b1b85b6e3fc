"""From one message out to calls of `chat.postMessage`, and from its answers to how it ended.

Source: https://docs.slack.dev/reference/methods/chat.postMessage. Texts are sent without `mrkdwn`
and escaped, so nothing in them can be taken for markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from bot.kit import failures, payload, plain
from bot.kit.split import split
from bot.model.channel import Attachment, AttachmentType, TextUnit
from bot.model.sending import (
    CallResult,
    Choice,
    ChoiceKind,
    Delivery,
    Failure,
    FailureKind,
    Outbound,
    PartSent,
    Reply,
    Retry,
    Uncertain,
    Unreachable,
)
from channels.slack.markup import escaped

if TYPE_CHECKING:
    from collections.abc import Sequence

# Slack advises this; it truncates at ten times as much.
LONGEST_TEXT = 4000
MOST_CHOICES = 25
LONGEST_TITLE = 75

_LONGEST_SECTION = 3000
_LONGEST_PAYLOAD = 2000
_LONGEST_URL = 3000
_LONGEST_ALT = 2000
# What each escaped character may become: `&` as `&amp;`.
_ESCAPED = {"&": 5, "<": 4, ">": 4}

_TOO_MANY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_TRY_LATER = frozenset({"service_unavailable", "request_timeout", "team_added_to_org"})
# "It's possible some aspect of the operation succeeded before the error was raised."
_PERHAPS = frozenset({"fatal_error", "internal_error"})
# `invalid_auth` is not among these: it is also what a call from a wrong network is told.
_CONFIG = frozenset(
    {"account_inactive", "not_authed", "token_expired", "token_revoked", "missing_scope"}
    | {"no_permission", "not_allowed_token_type", "org_login_required", "access_denied"}
    | {"ekm_access_denied", "team_access_not_granted", "messages_tab_disabled"}
    | {"restricted_action", "method_not_supported_for_channel_type"}
)
_NOBODY_THERE = frozenset(
    {"channel_not_found", "user_not_found", "users_not_found", "user_disabled", "is_archived"}
    | {"not_in_channel", "cannot_dm_bot", "user_not_visible", "user_is_bot"}
)

Json = dict[str, JsonValue]


class Plan(NamedTuple):
    """A message's parts, always the same for the same message, and what they lack."""

    parts: tuple[Json, ...]
    warnings: tuple[str, ...]


def plan(message: Outbound, *, longest: int) -> Plan:
    """Take a message apart: pictures first, then the text; buttons below the last part."""
    warnings = ["Slack has no such templates: only the text was sent"] * bool(message.template)
    parts = [part for one in message.attachments if (part := _picture(one))]
    lines = [message.text] if message.text.strip() else []
    lines += [line for one in message.attachments if (line := _line(one, warnings))]
    buttons = _buttons(message.choices, warnings)
    limit = min(longest, _LONGEST_SECTION) if buttons else longest
    text = "\n".join(lines)
    pieces = _short_enough(text, limit) if buttons else split(text, limit=limit, unit=_UNIT)
    parts += [{"text": escaped(piece), "mrkdwn": False} for piece in pieces]
    if not parts:
        return Plan((), (*warnings, "there is nothing in it that Slack carries"))
    if buttons:
        parts[-1] = _with_buttons(parts[-1], buttons)
    return Plan(tuple(parts), tuple(warnings))


_UNIT = TextUnit.UTF16


def _short_enough(text: str, limit: int) -> list[str]:
    """The parts of a text whose last fits into a section, escaped."""
    pieces = split(text, limit=limit, unit=_UNIT)
    while pieces and len(escaped(pieces[-1])) > _LONGEST_SECTION:
        pieces += split(pieces.pop(), limit=_LONGEST_SECTION // max(_ESCAPED.values()), unit=_UNIT)
    return pieces


# --- answers ---------------------------------------------------------------------------------


def judge(result: CallResult, *, unnamed: str) -> PartSent | Delivery:
    """What Slack's answer to one part says; `unnamed` is the part's id where Slack gives none."""
    body = payload.read(result.body) if isinstance(result, Reply) else None
    answer = body or payload.Node()
    why = answer["error"].words
    if not failures.succeeded(result) or not answer.is_object:
        return failures.failed(result, code=why or None, message=why)
    if answer["ok"].is_true:
        return PartSent(external_id=answer["ts"].text or unnamed)
    return _refusal(result, why, _details(answer))


def _refusal(result: CallResult, why: str, details: str) -> Delivery:
    after = failures.retry_after(result) if isinstance(result, Reply) else None
    said = f"{why}: {details}" if details else why
    if why in _TOO_MANY:
        return failures.rate_limited(code=why, message=said, after=after)
    if why in _TRY_LATER:
        failure = Failure(kind=FailureKind.PROVIDER_ERROR, code=why, message=said)
        return Retry(failure=failure, after=after)
    if why in _PERHAPS:
        return Uncertain(failure=Failure(kind=FailureKind.UNCERTAIN, code=why, message=said))
    if why in _NOBODY_THERE:
        return Unreachable(failure=Failure(kind=FailureKind.REJECTED, code=why, message=said))
    if not why:
        said = "Slack neither took it nor said why"
        return failures.refused(FailureKind.PROVIDER_ERROR, message=said)
    kind = FailureKind.CONFIG if why in _CONFIG else FailureKind.REJECTED
    return failures.refused(kind, code=why, message=said)


def _details(answer: payload.Node) -> str:
    told = [one.words for one in answer["response_metadata"]["messages"]]
    return "; ".join([*filter(None, told), *filter(None, [answer["needed"].words])])[:300]


# --- pictures and lines ----------------------------------------------------------------------


def _is_picture(attachment: Attachment) -> bool:
    return (
        attachment.type in {AttachmentType.IMAGE, AttachmentType.STICKER}
        and plain.is_web(attachment.url)
        and len(attachment.url or "") <= _LONGEST_URL
    )


def _picture(attachment: Attachment) -> Json | None:
    """A picture as a block that Slack shows; its text is what a notification says."""
    if not _is_picture(attachment):
        return None
    alt = plain.shortened(attachment.name or "image", limit=_LONGEST_ALT)
    block: Json = {"type": "image", "image_url": attachment.url, "alt_text": alt}
    return {"text": escaped(alt), "blocks": [block]}


def _line(attachment: Attachment, warnings: list[str]) -> str | None:
    if _is_picture(attachment):
        return None
    line = plain.line(attachment)
    if line is None:
        warnings.append(f"an attachment ({attachment.type}) was left out: Slack cannot show it")
    return line


# --- buttons ---------------------------------------------------------------------------------


def _with_buttons(part: Json, buttons: list[JsonValue]) -> Json:
    blocks = part.get("blocks")
    if not isinstance(blocks, list):
        words: Json = {"type": "plain_text", "text": part["text"], "emoji": False}
        blocks = [{"type": "section", "text": words}]
    return {**part, "blocks": [*blocks, {"type": "actions", "elements": buttons}]}


def _buttons(choices: Sequence[Choice], warnings: list[str]) -> list[JsonValue]:
    made = [choice for choice in choices if _can_be_button(choice, warnings)]
    if len(made) > MOST_CHOICES:
        left_out = len(made) - MOST_CHOICES
        warnings.append(f"{left_out} choices were left out: Slack shows {MOST_CHOICES}")
    return [_button(choice, nth, warnings) for nth, choice in enumerate(made[:MOST_CHOICES])]


def _can_be_button(choice: Choice, warnings: list[str]) -> bool:
    match choice.kind:
        case ChoiceKind.REPLY if choice.title.strip():
            return True
        case ChoiceKind.URL | ChoiceKind.FORM if (
            plain.is_web(choice.url) and len(choice.url or "") <= _LONGEST_URL
        ):
            return True
        case ChoiceKind.URL | ChoiceKind.FORM:
            why = "it has no web address"
        case ChoiceKind.LOCATION | ChoiceKind.PHONE:
            why = "Slack has no such button"
        case _:
            why = "it has no title"
    warnings.append(f"the choice {choice.title!r} was left out: {why}")
    return False


def _button(choice: Choice, nth: int, warnings: list[str]) -> Json:
    title = choice.title.strip() or (choice.url or "").partition("//")[2]
    if not plain.fits(title, limit=LONGEST_TITLE):
        warnings.append(f"the title {title!r} was shortened to {LONGEST_TITLE}")
    shown = plain.shortened(title, limit=LONGEST_TITLE)
    button: Json = {
        "type": "button",
        "action_id": f"choice-{nth}",
        "text": {"type": "plain_text", "text": shown, "emoji": False},
    }
    if choice.kind is ChoiceKind.REPLY:
        button["value"] = (choice.payload or choice.title)[:_LONGEST_PAYLOAD]
    else:
        button["url"] = choice.url
    return button
