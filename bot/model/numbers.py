"""Statuses as stores keep them: numbers that rise with the status."""

from __future__ import annotations

from typing import Final

from bot.model.channel import ReceiptStatus
from bot.model.crm import PushStatus
from bot.model.thread import SendStatus

# A higher number is further on; failed is set apart, as it is final and yet not "further".
RECEIPT_NUMBERS: Final = {
    ReceiptStatus.QUEUED: 0,
    ReceiptStatus.SENT: 1,
    ReceiptStatus.DELIVERED: 2,
    ReceiptStatus.READ: 3,
    ReceiptStatus.FAILED: 9,
}
RECEIPT_STATUSES: Final = {number: status for status, number in RECEIPT_NUMBERS.items()}

SEND_NUMBERS: Final = {
    SendStatus.QUEUED: 0,
    SendStatus.SENDING: 1,
    SendStatus.SENT: 2,
    SendStatus.FAILED: 3,
    SendStatus.DROPPED: 4,
    SendStatus.UNKNOWN: 5,
}
SEND_STATUSES: Final = {number: status for status, number in SEND_NUMBERS.items()}

PUSH_NUMBERS: Final = {
    PushStatus.WAITING: 0,
    PushStatus.TAKEN: 1,
    PushStatus.FAILED: 2,
    PushStatus.LEFT: 3,
}
PUSH_STATUSES: Final = {number: status for status, number in PUSH_NUMBERS.items()}
