"""From a message to mails, and from a mail server's replies to how it ended.

Source: RFC 5321 section 4.2 (reply codes), RFC 3463 (enhanced codes), RFC 4954 (log-in).
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Final

from bot.kit import failures, fetching, plain, proofs
from bot.kit.callbacks import plain as bare
from bot.kit.split import split
from bot.kit.text import clean
from bot.model.sending import (
    Call,
    CallResult,
    Delivery,
    Failure,
    FailureKind,
    HttpCall,
    Lost,
    Media,
    MediaGone,
    Outbound,
    PartSent,
    Reply,
    Retry,
    Sent,
    Unreachable,
)
from channels.email import composing, headers

if TYPE_CHECKING:
    from bot.ports import Sending
    from channels.email import Settings

LONGEST_TEXT = 50_000
MAIL_TYPE: Final = "message/rfc822"
# How a mail's envelope goes with a call, and in which step the server said no.
ENVELOPE_FROM: Final = "Mail-From"
ENVELOPE_TO: Final = "Rcpt-To"
STEP: Final = "smtp-step"

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_SLOWER = re.compile(r"rate|too many|throttl|limit|slow down", re.IGNORECASE)
_TRANSIENT = range(400, 500)
_PERMANENT = range(500, 600)
_BAD_LOG_IN = frozenset({530, 534, 535, 538})
_TOO_LARGE = 552
_NOBODY = frozenset({550, 551, 553})
_AT_RECIPIENT = "rcpt"
_MOST_FILE_BYTES = 15 * 1024 * 1024
_NO_BUTTONS = "mail has no buttons: the choices were left out"
_NO_TEMPLATES = "mail has no templates: the text was sent instead"

Told = tuple[list[str], list[Media], list[str]]


def send(message: Outbound, *, settings: Settings, base: str) -> Sending:
    """Send a message in as many mails as it takes; files go with the first."""
    if headers.address(message.to.user) != message.to.user:
        return failures.refused(FailureKind.INVALID, message="the recipient is no mail address")
    warnings = [_NO_BUTTONS] if message.choices else []
    warnings += [_NO_TEMPLATES] if message.template else []
    done = len(message.parts_sent)
    said, files, lacking = yield from _attached(message, base=base, skip=bool(done))
    text = "\n".join([clean(message.text).strip() and clean(message.text), *said]).strip("\n")
    texts = split(text, limit=settings.max_text_length) or ([""] if files else [])
    warnings += lacking
    if not texts and not done:
        told = "; ".join(warnings) or "the message is empty"
        return failures.refused(FailureKind.INVALID, message=told)
    for part, each in enumerate(texts):
        if part < done:
            continue
        enclosed = () if part else tuple(files)
        raw = composing.compose(message, each, part=part, files=enclosed, settings=settings)
        failure = _failure((yield _call(raw, message.to.user, settings)))
        if failure is not None:
            return failure
        external_id = composing.message_id(message, part, sender=settings.address)
        yield PartSent(external_id=external_id)
    return Sent(warnings=tuple(warnings))


def _failure(result: CallResult | None) -> Delivery | None:
    """What the server's reply says; None when it took the mail."""
    if not isinstance(result, Reply):
        return failures.failed(result or Lost(reason="the call got no result"))
    if failures.succeeded(result):
        return None
    told = clean(result.body.decode("utf-8", "replace"))[:300]
    found = _ENHANCED.search(told)
    enhanced = found[0] if found else ""
    code = enhanced or str(result.status)
    if result.status in _TRANSIENT:
        slower = result.status == 429 or _SLOWER.search(told)  # noqa: PLR2004 - HTTP's own
        kind = FailureKind.RATE_LIMITED if slower else FailureKind.UNREACHABLE
        failure = Failure(kind=kind, code=code, message=told)
        return Retry(failure=failure, after=failures.retry_after(result))
    if result.status not in _PERMANENT:
        return failures.failed(result, code=code, message=told)
    return _refusal(result, code=code, enhanced=enhanced[2:], told=told)


def _refusal(result: Reply, *, code: str, enhanced: str, told: str) -> Delivery:
    at_recipient = (result.header(STEP) or _AT_RECIPIENT) == _AT_RECIPIENT
    if result.status in _BAD_LOG_IN or enhanced in {"7.8", "7.9"}:
        return failures.refused(FailureKind.CONFIG, code=code, message=told)
    if (result.status == _TOO_LARGE and not enhanced.startswith("2.")) or enhanced in {
        "2.3",
        "3.4",
    }:
        return failures.refused(FailureKind.INVALID, code=code, message=told)
    gone = enhanced.startswith("1.") or enhanced in {"2.0", "2.1", "2.2", "4.1", "4.4"}
    if gone or (not enhanced and at_recipient and result.status in _NOBODY):
        return Unreachable(failure=Failure(kind=FailureKind.REJECTED, code=code, message=told))
    if enhanced.startswith("6.") or (not enhanced and result.status not in {550, 551, 553, 554}):
        return failures.refused(FailureKind.INVALID, code=code, message=told)
    return failures.refused(FailureKind.REJECTED, code=code, message=told)


def _call(raw: bytes, to: str, settings: Settings) -> HttpCall:
    password = bare(settings.password)
    shown = proofs.basic_authorization(user=settings.username or "", password=password)
    named = [settings.password] if settings.password else []
    return HttpCall(
        method="POST",
        url=f"{settings.api_base.rstrip('/')}/send",
        headers=(
            ("Content-Type", MAIL_TYPE),
            (ENVELOPE_FROM, settings.address),
            (ENVELOPE_TO, to),
            *((("Authorization", shown),) if settings.username else ()),
        ),
        body=raw,
        timeout=settings.patience,
        secrets=tuple(named),
    )


def _attached(
    message: Outbound, *, base: str, skip: bool
) -> Generator[Call | PartSent, CallResult | None, Told]:
    """Lines for what is no file or could not be got, the files, and what could not be carried."""
    said: list[str] = []
    files: list[Media] = []
    lacking: list[str] = []
    left = _MOST_FILE_BYTES
    for each in message.attachments:
        line = plain.line(each)
        got: Media | MediaGone = MediaGone(reason="no file")
        if plain.is_web(each.url) and each.url and not skip:
            asked = fetching.get(each.url, each, trusted=partial(fetching.is_at, base=base))
            got = yield from _answered(asked)
        if isinstance(got, Media) and len(got.body) <= left and _is_mime(got.mime):
            left -= len(got.body)
            files.append(got)
        elif line:
            said.append(line)
        else:
            lacking.append(f"an attachment of type {each.type} was left out: it has no web address")
    return said, files, lacking


def _answered(
    asked: fetching.Fetching,
) -> Generator[Call | PartSent, CallResult | None, Media | MediaGone]:
    """A fetch within a send, whose calls may get no result."""
    try:
        call = next(asked)
        while True:
            call = asked.send((yield call) or Lost(reason="the call got no result"))
    except StopIteration as stop:
        found: Media | MediaGone = stop.value
        return found


def _is_mime(mime: str) -> bool:
    return bool(re.fullmatch(r"(?!multipart|message)[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,100}", mime))
