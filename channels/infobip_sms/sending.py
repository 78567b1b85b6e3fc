"""From a message to calls of Infobip's API, and from its answers to how it ended.

Source: https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages (version 3),
https://www.infobip.com/docs/api/channels/mms and
https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.kit import failures, media, payload, telephone
from bot.kit.parts import Taken
from bot.kit.playing import JSON_TYPE
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
from channels.infobip_sms.reading import OPTED_OUT

if TYPE_CHECKING:
    from pydantic import JsonValue

    from bot.kit.payload import Node
    from bot.model.channel import Attachment
    from bot.model.sending import Outbound
    from channels.infobip_sms import Settings

LONGEST_TEXT = 1530
_SMS, _MMS = "/sms/3/messages", "/mms/2/messages"
_NOT_TAKEN = frozenset({2, 4, 5})
_LIMITED = frozenset({"REJECTED_FLOODING_FILTER"})
_INVALID = frozenset({
    "REJECTED_INVALID_UDH", "REJECTED_MESSAGE_TOO_LONG", "REJECTED_DUPLICATE_MESSAGE_ID",
})  # fmt: skip
_CONFIG = frozenset({
    "REJECTED_SOURCE", "REJECTED_SENDER", "REJECTED_NOT_ENOUGH_CREDITS",
    "REJECTED_PREPAID_PACKAGE_EXPIRED", "REJECTED_DESTINATION_NOT_REGISTERED",
    "REJECTED_ROUTE_NOT_AVAILABLE", "UNAUTHORIZED", "FORBIDDEN", "E401", "E403",
})  # fmt: skip
# This number takes nothing; another address may work.
_NOBODY_THERE = frozenset({
    "REJECTED_NETWORK", "REJECTED_PREFIX_MISSING", "REJECTED_DESTINATION", "MISSING_TO",
    "REJECTED_INVALID_DESTINATION",
})  # fmt: skip


def calls(message: Outbound, *, settings: Settings, status_url: str) -> list[HttpCall]:
    """The calls that send a message, always the same for the same message."""
    files = [each for each in message.attachments if each.url] if settings.mms else []
    texts = _texts(message, settings)
    ends: dict[str, JsonValue] = {
        "destinations": [{"to": telephone.dialled(message.to.user)}],
        "webhooks": {"delivery": {"url": status_url, "intermediateReport": True}},
    }
    made = []
    if files:
        text = texts.pop(0) if texts else ""
        made.append(_post(_MMS, _mms(text, files, settings) | ends, settings))
    return made + [_post(_SMS, _sms(text, settings) | ends, settings) for text in texts]


def _texts(message: Outbound, settings: Settings) -> list[str]:
    if not settings.mms:
        return telephone.texts(message, limit=settings.max_text_length)[0]
    return split(message.text, limit=settings.max_text_length, unit=TextUnit.SMS)


def judge(result: CallResult) -> Taken | Delivery:
    """What Infobip's answer to one call says: it has a status for the one message in it."""
    answer = (payload.read(result.body) if isinstance(result, Reply) else None) or payload.Node()
    said = answer["messages"][0]
    if not failures.succeeded(result) or not said.is_object:
        return _failed(answer, result)
    if said["status"]["groupId"].integer in _NOT_TAKEN:
        return _rejected(said["status"])
    external_id = said["messageId"].text
    return Taken(ids=(external_id,) if external_id else ())


def _rejected(status: Node) -> Delivery:
    name, told = clean(status["name"].text), clean(status["description"].text)
    code = name or status["id"].text or f"group {status['groupId'].text}"
    if name in OPTED_OUT:
        return failures.opted_out(code=code, message=told)
    if name in _LIMITED:
        return failures.rate_limited(code=code, message=told)
    if name in _NOBODY_THERE:
        return Unreachable(failure=Failure(kind=FailureKind.REJECTED, code=code, message=told))
    kind = FailureKind.REJECTED if name or told else FailureKind.PROVIDER_ERROR
    if name in _CONFIG or name in _INVALID:
        kind = FailureKind.CONFIG if name in _CONFIG else FailureKind.INVALID
    return failures.refused(kind, code=code, message=told)


def _failed(answer: Node, result: CallResult) -> Delivery:
    """What an answer that is an error says, in its old or its present shape."""
    old = answer["requestError"]["serviceException"]
    code = clean(old["messageId"].text or answer["errorCode"].text)
    told = clean(old["text"].text or answer["description"].text)
    if code in _CONFIG:
        return failures.refused(FailureKind.CONFIG, code=code, message=told)
    return failures.failed(result, code=code or None, message=told)


def _sms(text: str, settings: Settings) -> dict[str, JsonValue]:
    content: dict[str, JsonValue] = {"text": text}
    if settings.transliteration:
        content["transliteration"] = settings.transliteration
    ours = telephone.dialled(settings.number)
    # Version 3 calls it the sender and takes the name it had in version 2 as well.
    return {"sender": ours, "from": ours, "content": content}


def _mms(text: str, files: list[Attachment], settings: Settings) -> dict[str, JsonValue]:
    segments: list[JsonValue] = [{"type": "TEXT", "text": text}] if text else []
    for each in files:
        segment: dict[str, JsonValue] = {"type": "LINK", "contentUrl": each.url}
        mime = media.base_type(each.mime) or media.mime_of(each.url or "")
        segments.append(segment | ({"contentType": mime} if mime else {}))
    content: dict[str, JsonValue] = {"title": "", "messageSegments": segments}
    return {"sender": telephone.dialled(settings.number), "content": content}


def _post(path: str, message: dict[str, JsonValue], settings: Settings) -> HttpCall:
    return HttpCall(
        method="POST",
        url=settings.api_base.rstrip("/") + path,
        headers=(
            ("Authorization", settings.authorization or ""),
            ("Content-Type", JSON_TYPE),
            ("Accept", JSON_TYPE),
        ),
        body=json.dumps({"messages": [message]}).encode(),
        secrets=settings.secrets,
    )
