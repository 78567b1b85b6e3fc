"""What nobody wrote: answers of machines, lists, bounces. Answered, they could go on for ever.

Source: RFC 3834 (automatic answers), RFC 2919 and 2369 (lists), RFC 3464 (delivery reports),
RFC 8098 (read reports), [MS-OXCMAIL] 2.1.3.2.23 (X-Auto-Response-Suppress).
"""

from __future__ import annotations

import re
from email.message import Message
from typing import TYPE_CHECKING

from bot.kit.callbacks import ignored
from bot.kit.text import clean
from bot.model.channel import Receipt, ReceiptStatus
from channels.email import headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.kit.callbacks import Events

_BULK = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply"})
_LISTS = ("list-id", "list-unsubscribe", "list-post", "mailing-list")
_ANSWERS = ("x-autoreply", "x-autorespond", "x-auto-response-suppress", "x-failed-recipients")
_MACHINES = frozenset({"mailer-daemon", "postmaster", "bounce", "bounces", "no-reply", "noreply"})
_ACTIONS = {"failed": ReceiptStatus.FAILED, "delivered": ReceiptStatus.DELIVERED}
_OURS = re.compile(r"snd_[0-9a-f]{8,64}\.[0-9]{1,4}@.+")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_DEEPEST = 20


def reason(mail: Message, *, sender: str) -> str | None:
    """Why nobody waits for an answer to this mail, or None where a person wrote it."""
    told = headers.value(mail, "auto-submitted").partition(";")[0].strip().lower()
    if told not in {"", "no"}:
        return f"automatic mail: Auto-Submitted: {told[:40]}"
    precedence = headers.value(mail, "precedence").lower()
    if precedence in _BULK:
        return f"bulk mail: Precedence: {precedence}"
    for name in (*_LISTS, *_ANSWERS):
        if headers.value(mail, name):
            return f"{'a mailing list' if name in _LISTS else 'automatic mail'}: {name}"
    if headers.value(mail, "return-path") == "<>":
        return "automatic mail: a null return path"
    if sender.partition("@")[0] in _MACHINES:
        return "automatic mail: the sender is a machine"
    return None


def report(mail: Message) -> Events | None:
    """What a delivery or read report says of a mail of ours; None for what is no report."""
    if mail.get_content_type() != "multipart/report":
        return None
    parts = list(_leaves(mail))
    fields = [block for part in parts for block in _blocks(part)]
    if not fields:
        return ignored("a report that says nothing of a delivery")
    ours = next((found for part in parts for found in _named(part)), None)
    if ours is None:
        return ignored("a report of a mail that is not ours")
    receipts = [receipt for block in fields if (receipt := _receipt(ours, block))]
    return tuple(receipts[:1]) or ignored("a report that is not final")


def _receipt(ours: str, block: Message) -> Receipt | None:
    status = _ACTIONS.get(headers.value(block, "action").lower())
    if status is None:
        return None
    code = _STATUS.search(headers.value(block, "status"))
    told = clean(headers.value(block, "diagnostic-code"))[:300]
    failed = status is ReceiptStatus.FAILED
    return Receipt(
        external_id=ours,
        status=status,
        error_code=code[0] if failed and code else None,
        error_title=told if failed and told else None,
    )


def _leaves(mail: Message, depth: int = 0) -> Iterator[Message]:
    inner = mail.get_payload()
    if mail.is_multipart() and mail.get_content_maintype() == "multipart" and depth < _DEEPEST:
        for part in inner if isinstance(inner, list) else []:
            if isinstance(part, Message):
                yield from _leaves(part, depth + 1)
    else:
        yield mail


def _blocks(part: Message) -> Iterator[Message]:
    """The fields of each recipient in a delivery report."""
    inner = part.get_payload()
    if part.get_content_type() == "message/delivery-status" and isinstance(inner, list):
        yield from (each for each in inner if isinstance(each, Message) and each["action"])


def _named(part: Message) -> Iterator[str]:
    """The id of the mail of ours that a report has a copy of."""
    inner, kind = part.get_payload(), part.get_content_type()
    if kind == "message/rfc822" and isinstance(inner, list) and inner:
        copy = inner[0]
        found = headers.ids(copy, "message-id") if isinstance(copy, Message) else []
    elif kind == "text/rfc822-headers":
        body = part.get_payload(decode=True)
        text = headers.decoded(body if isinstance(body, bytes) else b"", "utf-8")
        found = re.findall(r"(?im)^message-id:\s*<([^<>\s]{1,300})>", text)
    else:
        return
    yield from (each for each in found if _OURS.fullmatch(each))
