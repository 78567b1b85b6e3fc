"""Cases of kind `signature` and `segment`: pure vectors for the kit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.kit import proofs, signed_tokens, sms
from tests.corpus.adapters import moment

if TYPE_CHECKING:
    from bot.model.channel import ForgeryReason
    from tests.corpus.cases import Case

SCHEMES = (
    "twilio-hmac-sha1",
    "meta-hmac-sha256",
    "telegram-secret-token",
    "vonage-sig-hmac",
    "messagebird-jwt",
    "line-hmac-sha256",
    "viber-hmac-sha256",
    "slack-v0",
)


def signature(case: Case) -> list[str]:
    """What is wrong with our verdict on a signature; `valid: null` accepts either."""
    wanted = case.expect["valid"]
    reason = verdict(case.data)
    if wanted is None or (reason is None) == wanted:
        return []
    return [f"our verdict is {reason or 'valid'}, expected valid = {wanted}"]


def verdict(  # noqa: PLR0911 - one a scheme
    data: dict[str, Any],
) -> ForgeryReason | None:
    shown = data.get("signature") or data.get("header")
    body = (data.get("body") or "").encode()
    match data["scheme"]:
        case "twilio-hmac-sha1":
            params = data.get("params") or []
            named = params.items() if isinstance(params, dict) else params
            pairs = [(name.encode(), value.encode()) for name, value in named]
            return proofs.twilio(
                token=data["secret"], url=data["url"], pairs=pairs, body=body, signature=shown
            )
        case "vonage-sig-hmac":
            params = tuple((k.encode(), v.encode()) for k, v in data["params"].items())
            return proofs.vonage(
                secret=data["secret"], method=data["method"], pairs=params, signature=shown
            )
        case "messagebird-jwt":
            return signed_tokens.messagebird(
                key=data["secret"],
                url=data["url"],
                body=body,
                token=data["token"],
                now=datetime.fromtimestamp(data["clock"], UTC),
            )
        case "meta-hmac-sha256":
            return proofs.meta(secret=data["secret"], body=body, header=shown)
        case "line-hmac-sha256":
            return proofs.line(secret=data["secret"], body=body, header=shown)
        case "viber-hmac-sha256":
            return proofs.viber(token=data["secret"], body=body, header=shown)
        case "slack-v0":
            return proofs.slack(
                secret=data["secret"],
                body=body,
                header=shown,
                timestamp=data.get("timestamp"),
                now=moment(data.get("clock")),
            )
        case _:
            return proofs.shared_token(secret=data["secret"], header=shown)


def segment(case: Case) -> list[str]:
    """What is wrong with our count of segments."""
    cost = sms.cost(case.data["text"])
    ours = {"encoding": cost.encoding.value, "segments": cost.segments}
    ours["septets" if cost.encoding is sms.SmsEncoding.GSM7 else "utf16_units"] = cost.units
    return [
        f"{name} is {ours.get(name)}, expected {wanted}"
        for name, wanted in case.expect.items()
        if ours.get(name) != wanted
    ]
