"""Calls of the Graph API, and what its answers say.

Source: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import JsonValue, SecretStr

from bot.kit import failures, payload
from bot.kit.payload import Node
from bot.model.sending import (
    Failure,
    FailureKind,
    HttpCall,
    PartSent,
    Reply,
    Retry,
    Uncertain,
    Unreachable,
)

if TYPE_CHECKING:
    from bot.kit.meta.settings import MetaSettings
    from bot.model.sending import CallResult, Delivery


Json = dict[str, JsonValue]


class Verdict(StrEnum):
    """What an error code means for a send."""

    THROTTLED = "throttled"
    LATER = "later"
    CONFIG = "config"
    WINDOW = "window"
    NOBODY = "nobody"
    OPTED_OUT = "opted_out"
    UNCERTAIN = "uncertain"


_KINDS = {
    Verdict.CONFIG: FailureKind.CONFIG,
    Verdict.WINDOW: FailureKind.WINDOW_CLOSED,
    Verdict.OPTED_OUT: FailureKind.OPTED_OUT,
    Verdict.NOBODY: FailureKind.UNREACHABLE,
    Verdict.UNCERTAIN: FailureKind.UNCERTAIN,
}

# By code, by "/subcode" or by "code/subcode".
Table = Mapping[str, Verdict]


def table(**codes: str) -> dict[str, Verdict]:
    """A table of verdicts, each with its codes."""
    return {code: Verdict(name) for name, listed in codes.items() for code in listed.split()}


# Calls of the app, user, page or business; then the token and what it may do.
COMMON: Table = {
    **table(
        throttled="4 9 17 32 341 613 80000 80006 80007",
        later="1 2",
        config="3 10 102 190 463 467",
    ),
    **dict.fromkeys(map(str, range(200, 300)), Verdict.CONFIG),
}


def post(settings: MetaSettings, path: str, body: bytes) -> HttpCall:
    """A call with a JSON body to a path of the API."""
    token = settings.access_token.get_secret_value()
    url = f"{settings.api_base.rstrip('/')}/{settings.graph_version}/{path}"
    secrets = [settings.access_token]
    proof = _proof(settings)
    if proof is not None:
        url += f"?appsecret_proof={proof.get_secret_value()}"
        secrets.append(proof)
    return HttpCall(
        method="POST",
        url=url,
        headers=(("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")),
        body=body,
        secrets=tuple(secrets),
    )


def get(settings: MetaSettings, path: str) -> HttpCall:
    """A call that reads a path of the API."""
    call = post(settings, path, b"")
    return call.model_copy(update={"method": "GET", "headers": call.headers[:1]})


def judge(
    result: CallResult, *, codes: Table, message_id: Callable[[Node], str]
) -> PartSent | Delivery:
    """How one part went, by the code and subcode that Meta gave."""
    said = payload.read(result.body) if isinstance(result, Reply) else None
    answer = said or Node()
    error = answer["error"]
    taken = message_id(answer)
    if failures.succeeded(result) and not error and taken:
        return PartSent(external_id=taken)
    code, subcode = error["code"].text, error["error_subcode"].text
    why = error["message"].text
    verdict = _verdict(codes, code=code, subcode=subcode, why=why) if code else None
    if verdict is not None:
        return _delivery(verdict, result, code=code, why=why)
    if code and error["is_transient"].is_true:
        return _later(result, code, why)
    if code and failures.succeeded(result):
        return failures.refused(FailureKind.REJECTED, code=code, message=why)
    return failures.failed(result, code=code or None, message=why)


def _proof(settings: MetaSettings) -> SecretStr | None:
    if not (settings.appsecret_proof and settings.app_secret):
        return None
    secret = settings.app_secret.get_secret_value().encode()
    token = settings.access_token.get_secret_value().encode()
    return SecretStr(hmac.new(secret, token, hashlib.sha256).hexdigest())


def _verdict(codes: Table, *, code: str, subcode: str, why: str) -> Verdict | None:
    if codes.get(code) is Verdict.THROTTLED:
        return Verdict.THROTTLED
    if "outside of allowed window" in why.lower():
        return Verdict.WINDOW
    places = (f"{code}/{subcode}", f"/{subcode}", code)
    return next((codes[place] for place in places if place in codes), None)


def _delivery(verdict: Verdict, result: CallResult, *, code: str, why: str) -> Delivery:
    match verdict:
        case Verdict.THROTTLED:
            after = failures.retry_after(result) if isinstance(result, Reply) else None
            return failures.rate_limited(code=code, message=why, after=after)
        case Verdict.LATER:
            return _later(result, code, why)
        case Verdict.CONFIG | Verdict.WINDOW:
            return failures.refused(_KINDS[verdict], code=code, message=why)
        case Verdict.OPTED_OUT | Verdict.NOBODY:
            return Unreachable(failure=Failure(kind=_KINDS[verdict], code=code, message=why))
        case Verdict.UNCERTAIN:
            return Uncertain(failure=Failure(kind=_KINDS[verdict], code=code, message=why))


def _later(result: CallResult, code: str, why: str) -> Retry:
    after = failures.retry_after(result) if isinstance(result, Reply) else None
    failure = Failure(kind=FailureKind.PROVIDER_ERROR, code=code, message=why)
    return Retry(failure=failure, after=after)
