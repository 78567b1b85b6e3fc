"""What the Send API's answer to a call says.

Source: https://developers.facebook.com/docs/messenger-platform/error-codes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit.meta import graph

if TYPE_CHECKING:
    from bot.model.sending import CallResult, Delivery, PartSent

_CODES: graph.Table = {
    **graph.COMMON,
    **graph.table(
        # Message pairs and bursts of the Send API.
        throttled="130429 131048 131056 133016",
        later="1200",
        window="/2018065 /2018108 /2018278 /2534022",
        # No such person, or one who takes nothing from this page.
        nobody="551 /1545041 /2018001",
        # "Received invalid JSON reply": the message went out all the same.
        uncertain="/1357046",
        config="1/99",
    ),
}


def judge(result: CallResult) -> PartSent | Delivery:
    """How one part went, by the code and subcode that Meta gave."""
    return graph.judge(result, codes=_CODES, message_id=lambda answer: answer["message_id"].text)
