"""What the Cloud API's answer to a call says.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import failures, payload
from bot.kit.meta import graph
from bot.model.sending import FailureKind, Reply
from channels.whatsapp_cloud.signals import OPTED_OUT

if TYPE_CHECKING:
    from bot.model.sending import CallResult, Delivery, PartSent

_CODES: graph.Table = {
    **graph.COMMON,
    **graph.table(
        # Throughput, quality, pairs of business and person, registrations, flows.
        throttled="130429 131048 131056 133016 132069",
        # Something went wrong, a service is away, media could not be uploaded, maintenance.
        later="131000 131016 131053 131057 133004",
        # Tokens, locked and unpaid accounts, names and numbers that are not registered.
        config="0 33 131005 131031 131037 131042 131045 133005 133006 133010 133015 134011",
        window="131047",
        # Not on WhatsApp, with a version too old, or has not accepted its terms.
        nobody="131026",
        opted_out=OPTED_OUT,
    ),
}
_CLIENT_ERRORS = frozenset(range(400, 500)) - {408, 425, 429}


def judge(result: CallResult) -> PartSent | Delivery:
    """How one part went, by the code that Meta gave."""
    if isinstance(result, Reply) and _is_strange(result):
        status = str(result.status)
        return failures.refused(FailureKind.BAD_RESPONSE, code=status, message="it is no JSON")
    return graph.judge(
        result, codes=_CODES, message_id=lambda answer: answer["messages"][0]["id"].text
    )


def _is_strange(reply: Reply) -> bool:
    """Graph refuses in JSON: all else is somebody else's answer."""
    return reply.status in _CLIENT_ERRORS and payload.read(reply.body) is None
