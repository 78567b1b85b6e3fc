"""A CRM as others have it: keeps customers, takes changes once, and tells of every change."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

from bot.model.sending import Call, CallResult, HttpCall, Reply

SECRET = "a token of the CRM's own"
PAGE = 2
Told = Callable[[str, str, str, datetime], None]


class PlayedCrm:
    """Customers by their ids; `patches` are the changes that it took, in order.

    `told` hears of each change, whoever made it: customer, field, value and moment. `answers` are
    given instead of its own, in order. `refusing`: it takes no change.
    """

    def __init__(self, *customers: str, now: Callable[[], datetime] | None = None) -> None:
        self.now = now or (lambda: datetime.now(UTC))
        self.customers: dict[str, dict[str, str]] = {one: {} for one in customers}
        self.changed: list[tuple[str, datetime]] = []
        self.patches: list[tuple[str, dict[str, str]]] = []
        self.asked: list[HttpCall] = []
        self.answers: list[Reply] = []
        self.told: Told | None = None
        self.refusing = False
        self._keys: set[str] = set()

    def change(self, customer: str, field: str, value: str) -> None:
        """Somebody there changes a field."""
        self.customers.setdefault(customer, {})[field] = value
        self.changed.append((customer, self.now()))
        if self.told is not None:
            self.told(customer, field, value, self.now())

    def __call__(self, call: Call) -> CallResult:
        """Answer a call, as a wire would."""
        assert isinstance(call, HttpCall)
        self.asked.append(call)
        headers = {name.lower(): value for name, value in call.headers}
        if headers.get("authorization") != f"Bearer {SECRET}":
            return Reply(status=401, body=b"who are you?")
        if self.answers:
            return self.answers.pop(0)
        url = urlsplit(call.url)
        if call.method == "PATCH":
            customer = unquote(url.path.rpartition("/")[2])
            return self._patch(customer, headers["idempotency-key"], json.loads(call.body))
        return self._list(parse_qs(url.query).get("changed_since", ["0"])[0])

    def _patch(self, customer: str, key: str, fields: dict[str, str]) -> Reply:
        if self.refusing:
            return Reply(status=400, body=b"no such level")
        if customer not in self.customers:
            return Reply(status=404, body=b"no such customer")
        if key not in self._keys:
            self._keys.add(key)
            self.patches.append((customer, fields))
            for field, value in fields.items():
                self.change(customer, field, value)
        return Reply(status=200, body=json.dumps(self.customers[customer]).encode())

    def _list(self, since: str) -> Reply:
        start = int(since)
        page = self.changed[start : start + PAGE]
        latest = dict(self.changed)
        records = [
            {"id": customer, "changed_at": latest[customer].isoformat(), **self.customers[customer]}
            for customer in dict.fromkeys(customer for customer, _ in page)
        ]
        more = len(self.changed) > start + PAGE
        answer = {"customers": records, "cursor": str(start + len(page)), "more": more}
        return Reply(status=200, body=json.dumps(answer).encode())
