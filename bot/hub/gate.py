"""The last look before a message leaves: consent and the channel's window."""

from __future__ import annotations

from datetime import datetime

from bot.model.channel import Capabilities
from bot.model.sending import Failure, FailureKind, Origin, Outbound


def check(
    message: Outbound, capabilities: Capabilities, *, refused: bool, now: datetime
) -> Failure | None:
    """Why this message may not leave now, or None.

    Marketing needs consent: `refused` at any of their addresses on the channel, it stays here. An
    answer to somebody who just wrote does not. Free text needs an open window where the channel has
    one; a template, or a token by which the person asked for such messages, does not.
    """
    if refused and message.origin is Origin.CAMPAIGN:
        return Failure(kind=FailureKind.OPTED_OUT, message="this person has opted out here")
    if message.template or message.recipient_token or capabilities.window is None:
        return None
    window = capabilities.window
    if message.origin is Origin.AGENT and capabilities.human_window is not None:
        window = capabilities.human_window
    if message.last_inbound_at is None or now - message.last_inbound_at > window:
        return Failure(
            kind=FailureKind.WINDOW_CLOSED,
            message=f"more than {window} since this person last wrote here: a template is needed",
        )
    return None
