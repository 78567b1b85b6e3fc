"""What Messenger's answer to a call says.

Source: https://developers.facebook.com/docs/messenger-platform/error-codes and
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import failures, payload
from bot.model.sending import Failure, FailureKind, PartSent, Reply, Retry, Uncertain, Unreachable

if TYPE_CHECKING:
    from bot.model.sending import CallResult, Delivery

# Calls of the app, user, page or business; message pairs; Send API bursts.
_THROTTLED = frozenset(
    {"4", "9", "17", "32", "341", "613", "80000", "80006", "80007"}
    | {"130429", "131048", "131056", "133016"}
)
_TRY_LATER = frozenset({"1", "2", "1200"})
_BAD_TOKEN = frozenset({"102", "190", "463", "467"})
_PERMISSION = frozenset({"3", "10", *map(str, range(200, 300))})
_OUTSIDE_WINDOW = frozenset({"2018065", "2018108", "2018278", "2534022"})
# No such person, or one who takes nothing from this page.
_NOBODY_THERE = frozenset({"551"})
_NOBODY_THERE_BY_SUBCODE = frozenset({"1545041", "2018001"})
# "Received invalid JSON reply": the message went out all the same.
_SENT_ALL_THE_SAME = "1357046"
_NOT_PERMITTED = "99"


def judge(result: CallResult) -> PartSent | Delivery:
    """How one part went, by the code and subcode that Meta gave."""
    said = payload.read(result.body) if isinstance(result, Reply) else None
    answer = said or payload.Node()
    error = answer["error"]
    message_id = answer["message_id"].text
    if failures.succeeded(result) and not error and message_id:
        return PartSent(external_id=message_id)
    code, subcode = error["code"].text, error["error_subcode"].text
    why = error["message"].text
    known = _by_code(result, code=code, subcode=subcode, why=why) if code else None
    if known is not None:
        return known
    if code and error["is_transient"].is_true:
        return _later(result, code, why)
    if code and failures.succeeded(result):
        return failures.refused(FailureKind.REJECTED, code=code, message=why)
    return failures.failed(result, code=code or None, message=why)


def _by_code(result: CallResult, *, code: str, subcode: str, why: str) -> Delivery | None:
    if code in _THROTTLED:
        after = failures.retry_after(result) if isinstance(result, Reply) else None
        return failures.rate_limited(code=code, message=why, after=after)
    if subcode in _OUTSIDE_WINDOW or "outside of allowed window" in why.lower():
        return failures.refused(FailureKind.WINDOW_CLOSED, code=code, message=why)
    if code in _NOBODY_THERE or subcode in _NOBODY_THERE_BY_SUBCODE:
        failure = Failure(kind=FailureKind.UNREACHABLE, code=code, message=why)
        return Unreachable(failure=failure)
    if subcode == _SENT_ALL_THE_SAME:
        failure = Failure(kind=FailureKind.UNCERTAIN, code=code, message=why)
        return Uncertain(failure=failure)
    if code in _BAD_TOKEN or code in _PERMISSION or (code, subcode) == ("1", _NOT_PERMITTED):
        return failures.refused(FailureKind.CONFIG, code=code, message=why)
    return _later(result, code, why) if code in _TRY_LATER else None


def _later(result: CallResult, code: str, why: str) -> Retry:
    after = failures.retry_after(result) if isinstance(result, Reply) else None
    failure = Failure(kind=FailureKind.PROVIDER_ERROR, code=code, message=why)
    return Retry(failure=failure, after=after)
