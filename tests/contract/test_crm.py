"""CRMs: a push is taken once there, whatever is answered ends well; and what changed is read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import pytest
from pydantic import SecretStr

from bot.crms.plain import PlainCrm
from bot.crms.settings import CrmField, CrmSettings
from bot.hub.driving import driven
from bot.model.crm import MappedField, PullFailed, Push, Record, RecordPage
from bot.model.fact import AttributeKey
from bot.model.ids import FactId
from bot.model.sending import HttpCall, Lost, Refused, Reply, Retry, Sent, Unreached
from tests.builders import address, at
from tests.fakes.crm import FakeCrm
from tests.fakes.wire import OK, FakeWire
from tests.played_crm import SECRET, PlayedCrm

if TYPE_CHECKING:
    from bot.model.fact import FieldKey
    from bot.model.sending import Call, CallResult
    from bot.ports.crm import Crm

NAME = AttributeKey.NAME
SETTINGS = CrmSettings(
    url="https://crm.example/api/",
    secret=SecretStr(SECRET),
    source="crm",
    realm="shop",
    fields={
        "tier": CrmField(theirs="level", values={"guld": "GOLD", "silver": "SILVER"}),
        NAME: CrmField(theirs="full_name"),
    },
)
KNOWN = "kund 7/å"


class Home(Protocol):
    """A CRM that is reached over a wire, and what it holds."""

    @property
    def crm(self) -> Crm:
        """How it is spoken with."""

    wire: FakeWire
    instead: list[CallResult]

    def change(self, customer: str, key: FieldKey, value: str, *, when: float) -> None:
        """Somebody there changes a field, by our names."""

    def holds(self, customer: str) -> dict[FieldKey, str]:
        """What it holds, by our names and values."""


class PlainHome:
    def __init__(self) -> None:
        self.crm = PlainCrm(SETTINGS)
        self.instead: list[CallResult] = []
        self.wire = FakeWire(self._answer)
        self.played = PlayedCrm()

    def _answer(self, call: Call) -> CallResult:
        return self.instead.pop(0) if self.instead else self.played(call)

    def change(self, customer: str, key: FieldKey, value: str, *, when: float) -> None:
        self.played.now = lambda: at(when)
        field = _field(self.crm, key)
        self.played.change(customer, field.theirs, field.as_theirs(value))

    def holds(self, customer: str) -> dict[FieldKey, str]:
        known = self.played.customers[customer]
        fields = self.crm.terms.fields
        return {one.key: one.as_ours(known[one.theirs]) for one in fields if one.theirs in known}


class FakeHome:
    def __init__(self) -> None:
        self.crm = FakeCrm(SETTINGS.terms)
        self.instead: list[CallResult] = []
        self.wire = FakeWire(lambda _: self.instead.pop(0) if self.instead else OK)

    def change(self, customer: str, key: FieldKey, value: str, *, when: float) -> None:
        self.crm.change(customer, key, value, at=at(when))

    def holds(self, customer: str) -> dict[FieldKey, str]:
        return self.crm.customers[customer]


@pytest.fixture(params=[FakeHome, PlainHome])
def home(request: pytest.FixtureRequest) -> Home:
    made: Home = request.param()
    made.change(KNOWN, NAME, "Åsa", when=1)
    return made


def _field(crm: Crm, key: FieldKey) -> MappedField:
    found = crm.terms.field(key)
    assert found is not None
    return found


async def push(home: Home, value: str = "guld", *, to: str = KNOWN) -> Sent | Retry | Refused:
    what = Push(
        identity=address(to).identity,
        field="tier",
        customer=to,
        value=value,
        change=FactId.of(value),
        at=at(5),
        number=1,
    )
    return await driven(home.wire, home.crm.push(what, _field(home.crm, "tier")))


async def changed(home: Home, cursor: str | None = None) -> RecordPage | PullFailed:
    return await driven(home.wire, home.crm.changed(cursor))


async def test_a_push_is_taken_once(home: Home) -> None:
    assert await push(home) == Sent()
    assert home.holds(KNOWN) == {NAME: "Åsa", "tier": "guld"}
    home.change(KNOWN, "tier", "brons", when=9)
    assert await push(home) == Sent()
    assert home.holds(KNOWN)["tier"] == "brons"
    assert len(home.wire.http) == 2


@pytest.mark.parametrize(
    "result",
    [
        Unreached(reason="down"),
        Lost(reason="cut"),
        *(Reply(status=s) for s in (408, 429, 500, 503)),
    ],
)
async def test_what_may_go_better_later_is_made_again(home: Home, result: CallResult) -> None:
    home.instead = [result]
    assert isinstance(await push(home), Retry)
    assert home.holds(KNOWN) == {NAME: "Åsa"}
    home.instead = [result]
    assert isinstance(await changed(home), PullFailed)


async def test_a_wait_is_told(home: Home) -> None:
    home.instead = [Reply(status=429, headers=(("retry-after", "7"),))]
    ended = await push(home)
    assert isinstance(ended, Retry)
    assert ended.after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 409, 422])
async def test_what_is_refused_is_final_with_its_reason(home: Home, status: int) -> None:
    home.instead = [Reply(status=status, body=b'{"error": "no such level"}')]
    ended = await push(home)
    assert isinstance(ended, Refused)
    assert (ended.failure.code, "no such level" in ended.failure.message) == (str(status), True)


async def test_a_customer_that_they_do_not_know_is_final(home: Home) -> None:
    ended = await push(home, to="nobody")
    assert isinstance(ended, Refused)
    assert ended.failure.code == "404"


async def test_what_changed_comes_page_by_page(home: Home) -> None:
    home.change("b", NAME, "Bo", when=2)
    home.change("c", "tier", "silver", when=3)
    first = await changed(home)
    assert isinstance(first, RecordPage)
    assert ([one.id for one in first.records], first.more) == ([KNOWN, "b"], True)
    second = await changed(home, first.cursor)
    assert isinstance(second, RecordPage)
    (record,) = second.records
    assert (record.id, record.changed_at, second.more) == ("c", at(3), False)
    assert [(one.key, one.value) for one in record.fields] == [("tier", "silver")]
    third = await changed(home, second.cursor)
    assert isinstance(third, RecordPage)
    assert (third.records, third.more) == ((), False)


# --- what is plain JSON's own -----------------------------------------------------------------


async def test_one_patch_with_their_names_and_a_key() -> None:
    home = PlainHome()
    await push(home)
    (call,) = home.wire.http
    assert isinstance(call, HttpCall)
    assert call.url == "https://crm.example/api/customers/kund%207%2F%C3%A5"
    assert (call.method, call.body) == ("PATCH", b'{"level":"GOLD"}')
    headers = dict(call.headers)
    assert headers["Idempotency-Key"] == f"{FactId.of('guld')}.0"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert [one.get_secret_value() for one in call.secrets] == [SECRET]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"customers": 1, "cursor": "1"}', b'{"customers": []}', b"\xff"],
)
async def test_an_answer_that_cannot_be_read(body: bytes) -> None:
    home = PlainHome()
    home.instead = [Reply(status=200, body=body)]
    ended = await changed(home)
    assert isinstance(ended, PullFailed)
    assert ended.reason.startswith("the answer cannot be read: ")


async def test_a_record_that_cannot_be_read_keeps_none_of_the_others_back() -> None:
    home = PlainHome()
    body = (
        b'{"customers": [7, {"id": "a"}, {"id": "b", "changed_at": "2026-03-01T12:00:00Z",'
        b' "version": 3, "level": 7, "full_name": "Bo", "more": {}}], "cursor": "9"}'
    )
    home.instead = [Reply(status=200, body=body)]
    page = await changed(home)
    assert isinstance(page, RecordPage)
    (record,) = page.records
    assert isinstance(record, Record)
    assert (record.id, record.version) == ("b", "3")
    assert [(one.key, one.value) for one in record.fields] == [(NAME, "Bo")]
    assert [one.partition(":")[0] for one in page.unread] == ["customers.0", "customers.1"]
