"""From a text to a batch of one at Sinch, and from its answer to how it ended.

Source: https://developers.sinch.com/docs/sms/api-reference/sms/tag/Batches and
https://developers.sinch.com/docs/sms/api-reference/status-codes
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.kit import failures, payload, telephone
from bot.kit.callbacks import plain
from bot.kit.parts import Taken
from bot.kit.playing import JSON_TYPE
from bot.kit.text import clean
from bot.model.sending import (
    CallResult,
    Delivery,
    FailureKind,
    HttpCall,
    Reply,
)

if TYPE_CHECKING:
    from bot.model.sending import Outbound
    from channels.sinch_sms import Settings

LONGEST_TEXT = 1600
_CONFIG = frozenset({"unauthorized", "forbidden"})
_INVALID_AS = "syntax_"


def call(message: Outbound, text: str, *, settings: Settings, status_url: str) -> HttpCall:
    """The call that sends one text to one person: the batch's id is the message's."""
    plan = quote(settings.service_plan_id, safe="")
    document = {
        "from": telephone.dialled(settings.number),
        "to": [telephone.dialled(message.to.user)],
        "body": text,
        "delivery_report": "per_recipient",
        "callback_url": status_url,
        "client_reference": message.id,
    }
    named = [settings.api_token] if settings.api_token else []
    return HttpCall(
        method="POST",
        url=f"{settings.api_base.rstrip('/')}/xms/v1/{plan}/batches",
        headers=(
            ("Authorization", f"Bearer {plain(settings.api_token)}"),
            ("Content-Type", JSON_TYPE),
            ("Accept", JSON_TYPE),
        ),
        body=json.dumps(document).encode(),
        secrets=(*named, *settings.callback_secrets),
    )


def judge(result: CallResult) -> Taken | Delivery:
    """What Sinch's answer to one call says."""
    answer = (payload.read(result.body) if isinstance(result, Reply) else None) or payload.Node()
    if failures.succeeded(result) and answer.is_object:
        external_id = answer["id"].text
        return Taken(ids=(external_id,) if external_id else ())
    code, told = clean(answer["code"].text), clean(answer["text"].text)
    if code in _CONFIG:
        return failures.refused(FailureKind.CONFIG, code=code, message=told)
    if code.startswith(_INVALID_AS):
        return failures.refused(FailureKind.INVALID, code=code, message=told)
    return failures.failed(result, code=code or None, message=told)
