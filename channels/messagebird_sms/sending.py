"""From a message to calls of MessageBird's API, and from its answers to how it ended.

Source: https://developers.messagebird.com/api/sms-messaging#send-outbound-sms,
https://developers.messagebird.com/api/mms-messaging#send-outbound-mms and
https://developers.messagebird.com/api/#api-errors
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from bot.kit import failures, payload, sms, telephone
from bot.kit.callbacks import plain
from bot.kit.parts import Taken
from bot.kit.playing import JSON_TYPE
from bot.kit.sms import SmsEncoding
from bot.kit.split import split
from bot.kit.text import clean
from bot.model.channel import TextUnit
from bot.model.sending import (
    CallResult,
    Delivery,
    Failure,
    FailureKind,
    HttpCall,
    Reply,
    Unreachable,
)

if TYPE_CHECKING:
    from pydantic import JsonValue

    from bot.model.sending import Outbound
    from channels.messagebird_sms import Settings

# Nine SMS: of 153 septets each, or of 67 units where a letter needs Unicode.
LONGEST_TEXT = 1377
LONGEST_UNICODE = 603
_MOST_FILES = 10
_NORTH_AMERICAN = re.compile(r"\+?1\d{10}")
_BAD_KEY = "2"
_NO_MONEY = "25"
_INVALID = frozenset({"9", "10", "21"})


def has_mms(number: str) -> bool:
    """Whether a number sends MMS: those of the USA and Canada do."""
    return bool(_NORTH_AMERICAN.fullmatch(number.strip()))


def calls(message: Outbound, *, settings: Settings, status_url: str) -> list[HttpCall]:
    """The calls that send a message, always the same for the same message."""
    text, files = message.text.strip() and message.text, telephone.links(message)
    if files and not has_mms(settings.number):
        text, files = "\n".join(filter(None, [text, *files])), []
    texts = _texts(text, longest=settings.max_text_length)
    documents: list[tuple[str, dict[str, JsonValue]]] = []
    for place in range(0, len(files), _MOST_FILES):
        body, some = texts.pop(0) if texts else "", files[place : place + _MOST_FILES]
        documents.append(("/mms", _mms(message, body, some, number=len(documents))))
    for body in texts:
        each = _sms(message, body, status_url=status_url, number=len(documents))
        documents.append(("/messages", each))
    ours = telephone.dialled(settings.number)
    return [_post(path, {"originator": ours, **each}, settings) for path, each in documents]


def judge(result: CallResult) -> Taken | Delivery:
    """What MessageBird's answer to one call says."""
    answer = (payload.read(result.body) if isinstance(result, Reply) else None) or payload.Node()
    if failures.succeeded(result) and not answer["errors"]:
        external_id = answer["id"].text
        if answer.is_object:
            return Taken(ids=(external_id,) if external_id else ())
    error = answer["errors"][0]
    code, told = error["code"].text, clean(error["description"].text)
    if code in {_BAD_KEY, _NO_MONEY}:
        return failures.refused(FailureKind.CONFIG, code=code, message=told)
    if code in _INVALID and error["parameter"].text.startswith("recipient"):
        return Unreachable(failure=Failure(kind=FailureKind.REJECTED, code=code, message=told))
    if code in _INVALID:
        return failures.refused(FailureKind.INVALID, code=code, message=told)
    return failures.failed(result, code=code or None, message=told)


def _texts(text: str, *, longest: int) -> list[str]:
    limit = longest if _is_plain(text) else min(longest, LONGEST_UNICODE)
    return split(text, limit=limit, unit=TextUnit.SMS)


def _is_plain(text: str) -> bool:
    return sms.cost(text).encoding is SmsEncoding.GSM7


def _sms(message: Outbound, text: str, *, status_url: str, number: int) -> dict[str, JsonValue]:
    return {
        **_ends(message, number),
        "body": text,
        "datacoding": "plain" if _is_plain(text) else "unicode",
        "reportUrl": status_url,
    }


def _mms(message: Outbound, text: str, files: list[str], *, number: int) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {"body": text} if text else {}
    return {**_ends(message, number), **said, "mediaUrls": list(files)}


def _ends(message: Outbound, number: int) -> dict[str, JsonValue]:
    # Without a reference MessageBird reports no statuses.
    reference = f"{message.id}:{number}"
    return {"recipients": [telephone.dialled(message.to.user)], "reference": reference}


def _post(path: str, document: dict[str, JsonValue], settings: Settings) -> HttpCall:
    key = plain(settings.access_key)
    named = [settings.access_key] if settings.access_key else []
    return HttpCall(
        method="POST",
        url=settings.api_base.rstrip("/") + path,
        headers=(
            ("Authorization", f"AccessKey {key}"),
            ("Content-Type", JSON_TYPE),
            ("Accept", JSON_TYPE),
        ),
        body=json.dumps(document).encode(),
        secrets=(*named, *settings.callback_secrets),
    )
