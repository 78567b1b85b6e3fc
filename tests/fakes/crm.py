"""A CRM in memory; its calls say only whether it was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import failures
from bot.model.crm import FieldTold, PullFailed, Record, RecordPage
from bot.model.sending import FailureKind, HttpCall, Sent, Uncertain

if TYPE_CHECKING:
    from datetime import datetime

    from bot.model.crm import MappedField, Push, Terms
    from bot.model.fact import FieldKey
    from bot.ports.crm import Pulling, Pushing

_PAGE = 2


class FakeCrm:
    """Keeps what was pushed, by our names and values; `customers` may be changed by hand."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.customers: dict[str, dict[FieldKey, str]] = {}
        self.changes: list[tuple[str, datetime]] = []
        self._keys: set[str] = set()

    @property
    def terms(self) -> Terms:
        return self._terms

    def change(self, customer: str, key: FieldKey, value: str, *, at: datetime) -> None:
        """Somebody there changes a field."""
        self.customers.setdefault(customer, {})[key] = value
        self.changes.append((customer, at))

    def push(self, push: Push, field: MappedField) -> Pushing:
        result = yield HttpCall(method="PATCH", url="https://crm.example/customers")
        if not failures.succeeded(result):
            failed = failures.failed(result)
            return failures.rate_limited() if isinstance(failed, Uncertain) else failed
        if push.customer not in self.customers:
            return failures.refused(FailureKind.REJECTED, code="404", message="nobody")
        if push.key not in self._keys:
            self._keys.add(push.key)
            self.change(push.customer, field.key, push.value, at=push.at)
        return Sent()

    def changed(self, cursor: str | None) -> Pulling:
        result = yield HttpCall(method="GET", url="https://crm.example/customers")
        if not failures.succeeded(result):
            return PullFailed(reason=failures.failed(result).failure.message)
        start = int(cursor or 0)
        page = self.changes[start : start + _PAGE]
        latest = dict(self.changes)
        return RecordPage(
            records=tuple(
                Record(id=customer, changed_at=latest[customer], fields=self._fields(customer))
                for customer in dict.fromkeys(customer for customer, _ in page)
            ),
            cursor=str(start + len(page)),
            more=len(self.changes) > start + _PAGE,
        )

    def _fields(self, customer: str) -> tuple[FieldTold, ...]:
        known = self.customers[customer]
        return tuple(
            FieldTold(key=one.key, value=known[one.key])
            for one in self._terms.fields
            if one.key in known
        )
