"""From a text to a call of Vonage's SMS API, and from its answer to how it ended.

Source: https://developer.vonage.com/api/sms and
https://developer.vonage.com/messaging/sms/guides/troubleshooting-sms
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import failures, forms, payload, sms, telephone
from bot.kit.callbacks import plain
from bot.kit.parts import Taken
from bot.kit.sms import SmsEncoding
from bot.kit.text import clean
from bot.model.sending import (
    CallResult,
    Delivery,
    Failure,
    FailureKind,
    HttpCall,
    Reply,
    Retry,
    Unreachable,
)

if TYPE_CHECKING:
    from channels.vonage_sms import Settings

LONGEST_TEXT = 1600
_DONE = "0"
_THROTTLED = "1"
_TRY_LATER = frozenset({"5", "13"})
_INVALID = frozenset({"2", "3", "12"})
_CONFIG = frozenset({"4", "8", "9", "11", "14", "15", "23", "32"})
# This number takes nothing; another address may work.
_NOBODY_THERE = frozenset({"7", "33"})
_MEANINGS = {
    "1": "Throttled",
    "2": "Missing Parameters",
    "3": "Invalid Parameters",
    "4": "Invalid Credentials",
    "5": "Internal Error",
    "6": "Invalid Message",
    "7": "Number Barred",
    "8": "Partner Account Barred",
    "9": "Partner Quota Violation",
    "10": "Too Many Existing Binds",
    "11": "Account Not Enabled For HTTP",
    "12": "Message Too Long",
    "13": "Communication Failed",
    "14": "Invalid Signature",
    "15": "Invalid Sender Address",
    "22": "Invalid Network Code",
    "23": "Invalid Callback URL",
    "29": "Non-Whitelisted Destination",
    "32": "Signature And API Secret Disallowed",
    "33": "Number De-activated",
}


def call(text: str, *, to: str, settings: Settings, status_url: str) -> HttpCall:
    """The call that sends one text; what GSM-7 lacks goes as Unicode."""
    is_plain = sms.cost(text).encoding is SmsEncoding.GSM7
    fields = (
        ("api_key", settings.api_key),
        ("api_secret", plain(settings.api_secret)),
        ("from", telephone.dialled(settings.number)),
        ("to", to),
        ("text", text),
        ("type", "text" if is_plain else "unicode"),
        ("status-report-req", "1"),
        ("callback", status_url),
    )
    named = [secret for secret in (settings.api_secret,) if secret]
    return HttpCall(
        method="POST",
        url=f"{settings.api_base.rstrip('/')}/sms/json",
        headers=(("Content-Type", forms.FORM_TYPE), ("Accept", "application/json")),
        body=forms.write(fields),
        secrets=(*named, *settings.callback_secrets),
    )


def judge(result: CallResult) -> Taken | Delivery:
    """What Vonage's answer says: it has a status for each SMS that it made of a text."""
    answer = payload.read(result.body) if isinstance(result, Reply) else None
    said = list((answer or payload.Node())["messages"])
    if not failures.succeeded(result) or not said:
        return failures.failed(result)
    taken = tuple(each["message-id"].text for each in said if each["status"].text == _DONE)
    failed = next((each for each in said if each["status"].text != _DONE), None)
    if failed is None:
        return Taken(ids=tuple(filter(None, taken)))
    code = failed["status"].text
    told = ": ".join(filter(None, [_MEANINGS.get(code), clean(failed["error-text"].text)]))
    if not code:
        return failures.refused(FailureKind.BAD_RESPONSE, message="a message has no status")
    if taken:
        # What left cannot be taken back, and what is left cannot be sent alone.
        told = f"only {len(taken)} of {len(said)} SMS left: {told}"
        return failures.refused(FailureKind.REJECTED, code=f"send:{code}", message=told)
    return _refusal(code, told, result)


def _refusal(code: str, told: str, result: CallResult) -> Delivery:
    named = f"send:{code}"
    if code == _THROTTLED:
        after = failures.retry_after(result) if isinstance(result, Reply) else None
        return failures.rate_limited(code=named, message=told, after=after)
    if code in _TRY_LATER:
        failure = Failure(kind=FailureKind.PROVIDER_ERROR, code=named, message=told)
        return Retry(failure=failure)
    if code in _NOBODY_THERE:
        return Unreachable(failure=Failure(kind=FailureKind.REJECTED, code=named, message=told))
    kind = FailureKind.REJECTED
    if code in _INVALID:
        kind = FailureKind.INVALID
    elif code in _CONFIG:
        kind = FailureKind.CONFIG
    return failures.refused(kind, code=named, message=told)
