"""Calls to Twilio: sending messages in parts, fetching media.

Source: https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.kit import failures, fetching, forms, payload
from bot.kit import parts as in_parts
from bot.kit.fetching import Fetching
from bot.kit.parts import Sending, Taken
from bot.kit.twilio.webhook import RECIPIENT_OPTED_OUT
from bot.model.sending import (
    Call,
    CallResult,
    Delivery,
    Failure,
    FailureKind,
    HttpCall,
    Outbound,
    Reply,
    Sent,
    TemplateUse,
    Unreachable,
)

if TYPE_CHECKING:
    from bot.kit.twilio.settings import TwilioSettings
    from bot.model.channel import Attachment

Checking = Generator[Call, CallResult, Delivery]
Fields = tuple[tuple[str, str], ...]

_RATE_LIMITED = frozenset({"20429", "14107", "21611", "30001", "63017", "63018", "63038"})
_WINDOW_CLOSED = frozenset({"63016"})
# This number or person cannot be reached by this channel; another address may work.
_NOBODY_THERE = frozenset(
    {"21211", "21214", "21217", "21265", "21612", "21614", "63003", "63024", "63033"}
)


def send(
    message: Outbound,
    *,
    settings: TwilioSettings,
    parts: Sequence[Fields],
    warnings: Sequence[str] = (),
) -> Sending:
    """Post each part that did not leave yet, in order; stops at the first that fails."""
    if parts and settings.authorization is None:
        said = "no auth_token and no api_key to sign in to Twilio with"
        return failures.refused(FailureKind.CONFIG, message=said)
    calls = [_post(part, settings) for part in parts]
    return (yield from in_parts.send(message, calls=calls, judge=_judge, warnings=warnings))


def template(use: TemplateUse) -> Fields | None:
    """The fields of a content template, None when it has no Content SID (HX...)."""
    sid = use.external_id or (use.name if use.name.startswith("HX") else None)
    if not sid:
        return None
    if not use.parameters:
        return (("ContentSid", sid),)
    variables = {str(place): value for place, value in enumerate(use.parameters, start=1)}
    return (("ContentSid", sid), ("ContentVariables", json.dumps(variables, ensure_ascii=False)))


def fetch(attachment: Attachment, *, settings: TwilioSettings) -> Fetching:
    """Get a file; credentials go to Twilio only, never to where it redirects."""
    return fetching.get(
        attachment.url,
        attachment,
        trusted=lambda url: fetching.is_at(url, base=settings.api_base, domain="twilio.com"),
        headers=(("Authorization", settings.authorization or ""),),
        secrets=settings.secrets,
    )


def check(settings: TwilioSettings) -> Checking:
    """Read the account's own resource: https://www.twilio.com/docs/iam/api/account."""
    account = quote(settings.account_sid, safe="")
    result = yield HttpCall(
        method="GET",
        url=f"{settings.api_base.rstrip('/')}/2010-04-01/Accounts/{account}.json",
        headers=(("Authorization", settings.authorization or ""), ("Accept", "application/json")),
        secrets=settings.secrets,
    )
    return Sent() if failures.succeeded(result) else _failed(result)


def _post(fields: Fields, settings: TwilioSettings) -> HttpCall:
    account = quote(settings.account_sid, safe="")
    return HttpCall(
        method="POST",
        url=f"{settings.api_base.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json",
        headers=(
            ("Authorization", settings.authorization or ""),
            ("Content-Type", forms.FORM_TYPE),
            ("Accept", "application/json"),
        ),
        body=forms.write(fields),
        secrets=settings.secrets,
    )


def _judge(result: CallResult) -> Taken | Delivery:
    if not failures.succeeded(result) or _error_code(result):
        return _failed(result)
    sid = _sid(result)
    return Taken(ids=(sid,) if sid else ())


def _failed(result: CallResult) -> Delivery:
    code = _error_code(result)
    told = _body(result)["message"].text
    if code == RECIPIENT_OPTED_OUT:
        return failures.opted_out(code=code, message=told)
    if code in _RATE_LIMITED:
        after = failures.retry_after(result) if isinstance(result, Reply) else None
        return failures.rate_limited(code=code, message=told, after=after)
    if code in _WINDOW_CLOSED:
        return failures.refused(FailureKind.WINDOW_CLOSED, code=code, message=told)
    if code in _NOBODY_THERE:
        return Unreachable(failure=Failure(kind=FailureKind.REJECTED, code=code, message=told))
    if code and failures.succeeded(result):
        return failures.refused(FailureKind.REJECTED, code=code, message=told)
    return failures.failed(result, code=code, message=told)


def _error_code(result: CallResult) -> str | None:
    body = _body(result)
    code = (body["code"] or body["error_code"]).text
    return code if code not in {"", "0"} else None


def _sid(result: CallResult) -> str | None:
    return _body(result)["sid"].text or None


def _body(result: CallResult) -> payload.Node:
    if not isinstance(result, Reply):
        return payload.Node()
    return payload.read(result.body) or payload.Node()
