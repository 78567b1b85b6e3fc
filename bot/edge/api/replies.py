"""Canned replies: what agents can send of what marketers wrote."""

from __future__ import annotations

from bot.edge.api.route import Ask, operation
from bot.edge.api.shapes import RepliesWanted
from bot.edge.api.threads import AT_THE_DESK
from bot.hub.canned import CannedReplies


@operation(
    "GET", "/replies", summary="Canned replies", tag="desk", roles=AT_THE_DESK, errors=(404,)
)
async def list_replies(ask: Ask, query: RepliesWanted) -> CannedReplies:
    """The content's answers that have a topic, chosen and filled in as the bot would say them.

    Those found by their titles come first. What is not written in the language, or lacks the
    value of a variable, is left out.
    """
    return await ask.parts.canned.replies(
        query.channel, language=query.language, thread=query.thread, text=query.q
    )


OPERATIONS = (list_replies,)
