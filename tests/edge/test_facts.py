"""Facts from other systems, over HTTP: taken once, held or refused, one by one; and read again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.edge.auth import token_hash
from bot.hub.settings import HubSettings
from bot.model.channel import Address
from bot.model.fact import Fact, LegalBasis, Purchased
from bot.model.ids import FactId
from bot.model.people import ApiToken, Role
from tests.builders import START, fact
from tests.edge.house import House, content, forms, house, personas, until

if TYPE_CHECKING:
    from bot.model.ids import IdentityId

API = "/api/v1"
LOGIN = Address(channel="login", account="shop", user="4711")
PHONE = Address(channel="twilio_sms", account="demo", user="+46701740605")
ORDER = {"order": "A-1", "amount": "1295.00", "currency": "SEK"}


class Teller:
    """A machine with a token."""

    def __init__(self, server: House, token: str) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with self._server.http.request(
            method, f"{self._server.base}{API}{path}", json=body, headers=self._headers
        ) as response:
            return response.status, await response.json() if await response.read() else None

    async def tell(self, *facts: object) -> list[dict[str, Any]]:
        status, answer = await self.ask("POST", "/facts", {"facts": facts})
        assert status == 200, answer
        results: list[dict[str, Any]] = answer["results"]
        return results

    async def quarantine(self, query: str = "") -> dict[str, Any]:
        status, answer = await self.ask("GET", f"/facts/quarantine{query}")
        assert status == 200, answer
        page: dict[str, Any] = answer
        return page


async def teller(server: House, role: Role = Role.INTEGRATION) -> Teller:
    token = f"token of {role}"
    await server.store.put_token(ApiToken(token_hash=token_hash(token), name="crm", role=role))
    return Teller(server, token)


@pytest.fixture
async def crm(server: House) -> Teller:
    return await teller(server)


def told(key: str = "1", **changed: object) -> dict[str, Any]:
    """A purchase of the customer that the shop knows by 4711; a field that is None is left out."""
    whole = {
        "source": "crm",
        "id": key,
        "kind": "purchased",
        "version": 1,
        "at": "2026-03-01T13:00:00+01:00",
        "subject": {"realm": "shop", "sub": "4711"},
        "data": ORDER,
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


async def kept(server: House, *who: IdentityId) -> list[Fact]:
    return await server.store.facts(who or [LOGIN.identity], limit=10_000)


async def test_a_fact_is_kept_of_somebody_new_and_again_it_is_known(
    server: House, crm: Teller
) -> None:
    (first,) = await crm.tell(told(partner="Resebyrån", legal_basis="consent"))
    assert first == {
        "status": "taken",
        "source": "crm",
        "id": "1",
        "kept": FactId.of("told", "crm", "1"),
        "wrong": [],
    }
    (found,) = await kept(server)
    assert found.body == Purchased(order="A-1", amount="1295.00", currency="SEK")
    assert found.at.isoformat() == "2026-03-01T12:00:00+00:00"
    assert (found.source, found.partner) == ("crm", "Resebyrån")
    assert found.legal_basis is LegalBasis.CONSENT
    assert found.received_at > START
    (again,) = await crm.tell(told(partner="Resebyrån", legal_basis="consent"))
    assert again == {**first, "status": "known"}
    # The same moment in another zone.
    same = told(at="2026-03-01T12:00:00Z", partner="Resebyrån", legal_basis="consent")
    assert [one["status"] for one in await crm.tell(same)] == ["known"]
    assert await kept(server) == [found]


async def test_a_fact_may_name_the_facet_and_a_membership_the_organisation(
    server: House, crm: Teller
) -> None:
    firm = {"organisation": "Firman.example", "name": "Firman", "role": "finance"}
    results = await crm.tell(
        told("1", facet="business"),
        told("2", kind="membership", data=firm),
        told("3", kind="membership", data={**firm, "role": "boss"}),
    )
    assert [one["status"] for one in results] == ["taken", "taken", "refused"]
    facts = {fact.body.kind: fact for fact in await kept(server)}
    assert facts["purchased"].facet == "business"
    assert facts["membership"].facet is None
    assert await server.store.members("firman.example") == [facts["membership"]]
    desk = await server.log_in()
    _, found = await desk.get("/organisations/firman.example")
    assert [held["source"] for member in found["members"] for held in member["roles"]] == ["crm"]


async def test_somebody_new_has_a_thread_in_which_nothing_has_happened(
    server: House, crm: Teller
) -> None:
    desk = await server.log_in()
    seat = await server.seat(desk)
    await crm.tell(told("1"), told("2"))
    await until(lambda: not server.store.memory.waiting())
    identity = await server.store.identity(LOGIN.identity)
    assert identity is not None
    assert identity.address == LOGIN
    (event,) = server.store.memory.events.values()
    assert event.body.kind == "login_seen"
    assert server.store.memory.entries == []
    assert server.store.memory.sends == {}
    assert (await desk.get("/threads"))[1]["threads"] == []
    assert seat.told("thread") == []
    status, row = await desk.get(f"/threads/{LOGIN.home_thread}")
    assert status == 200
    assert [one["id"] for one in row["identities"]] == [LOGIN.identity]


async def test_another_fact_under_the_same_id_is_refused_and_the_first_stays(
    server: House, crm: Teller
) -> None:
    before = await crm.tell(told())
    other = told(data={**ORDER, "amount": "1.00"})
    elsewhere = told(subject={"realm": "shop", "sub": "4712"})
    results = await crm.tell(
        other, elsewhere, told("2"), told("2", kind="delivered", data={"order": "A-1"})
    )
    assert [one["status"] for one in results] == ["refused", "refused", "taken", "refused"]
    for refused in (results[0], results[1], results[3]):
        assert refused["kept"] is None
        assert refused["wrong"] == [
            {
                "field": "id",
                "what": "another fact was told under this id before",
                "mend": "Send an id of its own.",
            }
        ]
    assert before[0]["kept"] in {one.id for one in await kept(server)}
    assert len(await kept(server)) == 2
    nobody = Address(channel="login", account="shop", user="4712").identity
    assert await server.store.identity(nobody) is None
    # Of another source it is another fact.
    assert [one["status"] for one in await crm.tell({**other, "source": "shop"})] == ["taken"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"at": "2026-03-01T12:00:00"}, "at"),
    ({"at": 1_772_366_400}, "at"),
    ({"at": "1066-10-14T12:00:00Z"}, ""),
    ({"at": "2999-01-01T00:00:00Z"}, "at"),
    ({"at": None}, "at"),
    ({"data": {"order": "A-1", "amount": "1295.00"}}, "data.currency"),
    ({"data": {**ORDER, "currency": "kr"}}, "data.currency"),
    ({"data": {**ORDER, "amount": "1 295,00"}}, "data.amount"),
    ({"data": {**ORDER, "amount": 1295.0}}, "data.amount"),
    ({"data": {**ORDER, "items": [{"sku": "T2", "quantity": 0}]}}, "data.items.0.quantity"),
    ({"data": None}, "data"),
    ({"data": {**ORDER, "kind": "returned"}}, ""),
    ({"kind": "ticket_opened", "data": {"ticket": "1", "severity": "red"}}, "data.severity"),
    ({"kind": "attribute", "data": {"key": "birthday", "value": "1984-02-30"}}, "data"),
    ({"kind": "attribute", "data": {"key": "email", "value": "anna"}}, "data"),
    ({"kind": None}, "kind"),
    ({"version": "two"}, "version"),
    ({"id": ""}, "id"),
    ({"id": "a\nb"}, "id"),
    ({"source": "CRM"}, "source"),
    ({"source": "agent"}, ""),
    ({"subject": {"sub": "4711"}}, "subject"),
    ({"subject": {"realm": "shop", "sub": "4711", "identity": "idn_1"}}, "subject"),
    ({"subject": {"realm": "shop", "sub": " Undefined"}}, "subject"),
    ({"subject": {"realm": "shop", "sub": "000"}}, "subject"),
    ({"subject": {"identity": "idn_1"}}, "subject.identity"),
    ({"partner": "Resebyrån"}, ""),
    ({"partner": "Resebyrån", "legal_basis": "because"}, "legal_basis"),
]


@pytest.mark.parametrize(("changed", "field"), WRONG)
async def test_a_wrong_fact_is_refused_by_itself(
    server: House, crm: Teller, changed: dict[str, Any], field: str
) -> None:
    results = await crm.tell(told("1"), told("wrong", **changed), told("3"))
    assert [one["status"] for one in results] == ["taken", "refused", "taken"]
    assert field in [one["field"] for one in results[1]["wrong"]]
    assert results[1]["kept"] is None
    assert {one.id for one in await kept(server)} == {
        one["kept"] for one in (results[0], results[2])
    }
    assert (await crm.quarantine())["held"] == []


async def test_what_is_told_how_to_mend(crm: Teller) -> None:
    data = {"order": "A-1", "amount": "1295.00"}
    (result,) = await crm.tell(told(at="2026-03-01T12:00:00", data=data))
    assert result["wrong"] == [
        {
            "field": "at",
            "what": "Input should have timezone info",
            "mend": "Send a time with its zone, like 2026-03-01T12:00:00Z.",
        },
        {"field": "data.currency", "what": "Field required", "mend": "Add this field."},
    ]
    things: tuple[object, ...] = (7, None, [], "fact")
    for nonsense in things:
        (result,) = await crm.tell(nonsense)
        assert (result["status"], result["source"], result["id"]) == ("refused", None, None)


STRANGE: list[tuple[dict[str, Any], str]] = [
    ({"kind": "teleported"}, "kind"),
    ({"kind": "claimed", "data": {"what": "email", "value": "a@b.se", "raw": "a"}}, "kind"),
    ({"version": 2, "data": {"anything": [1, {"å": None}]}}, "version"),
    ({"colour": "red"}, "colour"),
    ({"data": {**ORDER, "gift": True}}, "data.gift"),
]


@pytest.mark.parametrize(("changed", "field"), STRANGE)
async def test_an_unknown_shape_is_held_as_it_came(
    server: House, crm: Teller, changed: dict[str, Any], field: str
) -> None:
    raw = told("odd", **changed)
    results = await crm.tell(raw, told("1"))
    assert [one["status"] for one in results] == ["held", "taken"]
    assert field in [one["field"] for one in results[0]["wrong"]]
    (held,) = (await crm.quarantine())["held"]
    assert (held["id"], held["source"]) == (results[0]["kept"], "crm")
    assert field in held["reason"]
    assert json.loads(held["raw"]) == raw
    assert [one.id for one in await kept(server)] == [results[1]["kept"]]
    assert [one["status"] for one in await crm.tell(raw)] == ["held"]
    assert len((await crm.quarantine())["held"]) == 1


async def test_what_is_in_quarantine_is_retried_and_discarded(server: House, crm: Teller) -> None:
    results = await crm.tell(told("1", kind="teleported"), told("2", colour="red"))
    one, two = (result["kept"] for result in results)
    assert [held["id"] for held in (await crm.quarantine())["held"]] in ([one, two], [two, one])
    status, again = await crm.ask("POST", f"/facts/quarantine/{one}/retry")
    assert (status, again["status"], again["kept"]) == (200, "held", one)
    assert (await crm.ask("DELETE", f"/facts/quarantine/{two}")) == (204, None)
    assert [held["id"] for held in (await crm.quarantine())["held"]] == [one]
    for method, path in (
        ("POST", f"/facts/quarantine/{two}/retry"),
        ("DELETE", f"/facts/quarantine/{two}"),
    ):
        status, problem = await crm.ask(method, path)
        assert (status, problem["type"]) == (404, "/problems/not-found")
    assert await kept(server) == []


async def test_what_has_become_known_is_taken_from_quarantine(server: House, crm: Teller) -> None:
    # As an older program would have put it there.
    (result,) = await crm.tell(told("1", kind="teleported"))
    held = await server.store.held_fact(result["kept"])
    assert held is not None
    await server.store.drop_held_fact(held.id)
    await server.store.hold_facts([held.model_copy(update={"raw": json.dumps(told("1"))})])
    status, again = await crm.ask("POST", f"/facts/quarantine/{held.id}/retry")
    assert (status, again["status"]) == (200, "taken")
    assert [one.id for one in await kept(server)] == [again["kept"]]
    assert (await crm.quarantine())["held"] == []


async def test_the_quarantine_is_paged(crm: Teller) -> None:
    for number in range(5):
        await crm.tell(told(str(number), kind="teleported"))
    found: list[str] = []
    query = "?limit=2"
    while True:
        page = await crm.quarantine(query)
        found += [json.loads(held["raw"])["id"] for held in page["held"]]
        if page["next"] is None:
            break
        query = f"?limit=2&cursor={page['next']}"
    assert found == ["0", "1", "2", "3", "4"]
    status, problem = await crm.ask("GET", "/facts/quarantine?cursor=x")
    assert (status, problem["errors"][0]["where"]) == (422, "query.cursor")


async def test_who_may_tell(server: House) -> None:
    for role, wanted in (
        (Role.ADMIN, 200),
        (Role.INTEGRATION, 200),
        (Role.AGENT, 403),
        (Role.AUTHOR, 403),
    ):
        machine = await teller(server, role)
        status, _ = await machine.ask("POST", "/facts", {"facts": [told(role)]})
        assert status == wanted, role
        status, _ = await machine.ask("GET", "/facts/quarantine")
        assert status == wanted, role
    assert (await Teller(server, "guess").ask("POST", "/facts", {"facts": [told()]}))[0] == 401
    machine = await teller(server)
    for method, path in (
        ("GET", "/threads"),
        ("GET", "/dead-letters"),
        ("GET", "/agents"),
        ("GET", f"/threads/{LOGIN.home_thread}/facts"),
    ):
        assert (await machine.ask(method, path))[0] == 403, path
    assert len(await kept(server)) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"facts": []}, 422),
        ({"facts": [7] * 1001}, 422),
        ({"facts": [told()], "more": 1}, 422),
        ({}, 422),
        ([told()], 422),
    ],
)
async def test_a_batch_that_is_none_is_refused(
    server: House, crm: Teller, body: object, status: int
) -> None:
    found, problem = await crm.ask("POST", "/facts", body)
    assert (found, problem["type"]) == (status, "/problems/invalid")
    assert await kept(server) == []


async def test_a_thousand_facts_are_taken_and_a_body_that_is_too_large_is_not() -> None:
    async with house(max_body_bytes=400_000) as server:
        crm = await teller(server)
        many = [
            told(str(n), subject={"realm": "shop", "sub": str(n // 10 + 1)}) for n in range(1000)
        ]
        assert {one["status"] for one in await crm.tell(*many)} == {"taken"}
        assert {one["status"] for one in await crm.tell(*many)} == {"known"}
        assert len(server.store.memory.facts) == 1000
        assert len(server.store.memory.identities) == 100
        large = told(
            "large", kind="ticket_opened", data={"ticket": "x" * 500_000, "severity": "low"}
        )
        status, problem = await crm.ask("POST", "/facts", {"facts": [large]})
        assert (status, problem["type"]) == (413, "/problems/too-large")


async def test_agents_read_facts_and_the_profile_of_all_linked_identities(
    server: House, crm: Teller
) -> None:
    await server.write("twilio_sms", PHONE.user, "Hej")
    await until(lambda: len(server.store.memory.entries) > 0)
    here = {"identity": PHONE.identity}
    await crm.tell(
        told("1", subject=here),
        told("2", subject=here, at="2026-03-02T12:00:00Z"),
        told("3", subject=here, kind="attribute", data={"key": "name", "value": "Anna B"}),
        told("4", kind="attribute", subject=here, data={"key": "city", "value": "Umeå"}),
        told("5"),  # somebody else, as far as anybody has proved
    )
    erp = [
        told(
            "1",
            subject=here,
            kind="attribute",
            data={"key": "name", "value": "A. Berg", "verified": True},
        ),
        told("2", subject=here, kind="attribute", data={"key": "city", "value": " UMEÅ "}),
    ]
    assert {
        one["status"] for one in await crm.tell(*({**one, "source": "erp"} for one in erp))
    } == {"taken"}
    desk = await server.log_in()
    path = f"/threads/{PHONE.home_thread}"
    status, page = await desk.get(f"{path}/facts?kind=purchased&limit=1")
    assert (status, [one["id"] for one in page["facts"]]) == (200, [FactId.of("told", "crm", "2")])
    status, page = await desk.get(f"{path}/facts?kind=purchased&limit=1&cursor={page['next']}")
    assert [one["id"] for one in page["facts"]] == [FactId.of("told", "crm", "1")]
    assert page["next"] is None
    assert len((await desk.get(f"{path}/facts"))[1]["facts"]) == 6
    status, profile = await desk.get(f"{path}/profile")
    assert status == 200
    shown = {one["key"]: one["best"] for one in profile["fields"]}
    assert sorted(shown) == ["city", "name"]
    assert shown["name"]["told"]["value"] == "A. Berg"
    assert [one["value"] for one in shown["name"]["others"]] == ["Anna B"]
    assert shown["city"]["others"] == []
    assert (await desk.get(f"/threads/{LOGIN.account}/facts"))[0] == 404


async def test_a_partner_that_is_turned_off_is_as_if_it_had_told_nothing(
    server: House, crm: Teller
) -> None:
    await crm.tell(
        told("1", partner="Resebyrån", legal_basis="consent", at="2026-03-02T12:00:00Z"),
        told("2"),
        told("3", partner="Gymmet", legal_basis="contract", at="2026-02-02T12:00:00Z"),
    )
    desk = await server.log_in()
    path = f"/threads/{LOGIN.home_thread}/facts"
    keys = [FactId.of("told", "crm", key) for key in ("1", "2", "3")]
    assert [one["id"] for one in (await desk.get(path))[1]["facts"]] == keys
    server.hub.knowing.partners_off = ("Resebyrån",)
    assert [one["id"] for one in (await desk.get(path))[1]["facts"]] == keys[1:]
    server.hub.knowing.partners_off = ()
    assert [one["id"] for one in (await desk.get(path))[1]["facts"]] == keys


async def test_a_partner_that_is_turned_off_is_on_no_card_and_makes_nobody_a_vip(
    crm: Teller, server: House
) -> None:
    limits = HubSettings(vip_tiers=("guld",), vip_amount=1_000)
    for settings, seen, vip in (
        (limits, True, True),
        (limits.model_copy(update={"partners_off": ("Gymmet",)}), False, False),
        (_off("service"), False, True),
        (_off("linking"), True, False),
        (_off("sales"), True, True),
        (limits, True, True),
    ):
        take_over(server, settings)
        theirs = {"partner": "Gymmet", "legal_basis": "consent"}
        city = {"kind": "attribute", "data": {"key": "city", "value": "Umeå"}}
        tier = {"kind": "tier_changed", "data": {"programme": "gym", "tier": "Guld"}}
        await crm.tell(
            told("1", **theirs), told("2", **theirs, **city), told("3", **theirs, **tier)
        )
        desk = await server.log_in()
        status, card = await desk.get(f"/customers/{LOGIN.identity}")
        assert status == 200
        assert [bool(card["facts"]), bool(card["profile"]), card["vip"]] == [seen, seen, vip]
    # What they told is kept, and told again it is known.
    assert len(await kept(server)) == 3


def _off(purpose: str) -> HubSettings:
    return HubSettings.model_validate(
        {
            "vip_tiers": ("guld",),
            "vip_amount": 1_000,
            "partner_purposes_off": {"Gymmet": (purpose,)},
        }
    )


def take_over(server: House, settings: HubSettings) -> None:
    """As a reload does."""
    hub = server.hub
    hub.take_over(content=content(), forms=forms(), personas=personas(), settings=settings)


async def test_the_document_tells_what_a_fact_is(server: House) -> None:
    async with server.http.get(f"{server.base}{API}/openapi.json") as got:
        document = await got.json()
    schemas = document["components"]["schemas"]
    items = schemas["FactBatch"]["properties"]["facts"]["items"]
    assert items == {"$ref": "#/components/schemas/ToldFact"}
    assert schemas["FactBatch"]["properties"]["facts"]["maxItems"] == 1000
    data = schemas["ToldFact"]["properties"]["data"]
    assert "#/components/schemas/Purchased" in json.dumps(data)
    assert schemas["Purchased"]["required"] == ["order", "amount", "currency"]


async def test_a_fact_of_our_own_is_no_repeat_of_a_told_one(server: House, crm: Teller) -> None:
    await crm.tell(told("1"))
    ours = fact(LOGIN, "1")
    assert await server.store.put_facts([ours]) == [ours.id]
    assert len(await kept(server)) == 2
