"""Messages for review over HTTP: listed, labelled or dismissed, corrected; by people alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.model.channel import Address
from bot.model.people import Role
from tests.edge.house import until
from tests.edge.test_facts import Teller, teller

if TYPE_CHECKING:
    from tests.edge.house import House

SMS = Address(channel="twilio_sms", account="demo", user="+46701740605")


@pytest.fixture
async def anna(server: House) -> Teller:
    return await teller(server, Role.AGENT)


async def unclear(server: House, *texts: str) -> None:
    """Messages that nobody can understand, each answered."""
    for number, text in enumerate(texts):
        await server.write("twilio_sms", f"+4670174060{number}", text)
        where = Address(channel="twilio_sms", account="demo", user=f"+4670174060{number}")

        async def heard(where: Address = where) -> bool:
            return (await server.store.turn(where.home_thread)).state.last_at is not None

        await until(heard)


async def test_what_is_listed_can_be_labelled_or_dismissed_once(
    server: House, anna: Teller
) -> None:
    await unclear(server, "blargh", "blorgh")
    status, page = await anna.ask("GET", "/nlu/review?reason=out_of_scope&limit=1")
    assert (status, len(page["items"])) == (200, 1)
    status, rest = await anna.ask("GET", f"/nlu/review?limit=1&cursor={page['next']}")
    assert (status, rest["next"]) == (200, None)
    items = {item["text"]: item for item in (*page["items"], *rest["items"])}
    assert set(items) == {"blargh", "blorgh"}
    assert (await anna.ask("GET", "/nlu/review?reason=unsure"))[1] == {"items": [], "next": None}

    path = f"/nlu/review/{items['blargh']['id']}"
    verdict = {"label": "order.status"}
    assert await anna.ask("POST", path, verdict) == (200, {"label": "order.status"})
    assert await anna.ask("POST", path, verdict) == (200, {"label": "order.status"})
    status, problem = await anna.ask("POST", path, {"label": "oos"})
    assert (status, "something else" in problem["detail"]) == (409, True)
    dismissed = {"dismiss": True}
    other = f"/nlu/review/{items['blorgh']['id']}"
    assert await anna.ask("POST", other, dismissed) == (200, {"label": None})
    assert (await anna.ask("GET", "/nlu/review"))[1] == {"items": [], "next": None}


async def test_bad_verdicts_are_refused_and_change_nothing(server: House, anna: Teller) -> None:
    await unclear(server, "blargh")
    (item,) = (await anna.ask("GET", "/nlu/review"))[1]["items"]
    path = f"/nlu/review/{item['id']}"
    for body in (
        {},
        {"label": "oos", "dismiss": True},
        {"label": "no.such.intent"},
        {"label": "<b>"},
    ):
        status, problem = await anna.ask("POST", path, body)
        assert status == 422, (body, problem)
    status, _ = await anna.ask("POST", "/nlu/review/fct_nothing", {"dismiss": True})
    assert status == 404
    correction = {"entry": "ent_nothing", "label": "oos"}
    assert (await anna.ask("POST", "/nlu/corrections", correction))[0] == 404
    assert len((await anna.ask("GET", "/nlu/review"))[1]["items"]) == 1
    labels = (await anna.ask("GET", "/nlu/labels"))[1]["labels"]
    assert {"order.status", "human.request", "oos"} <= set(labels)


async def test_other_systems_may_not_read_what_customers_wrote(server: House) -> None:
    machine = await teller(server, Role.INTEGRATION)
    await unclear(server, "blargh")
    for method, path in (("GET", "/nlu/review"), ("GET", "/nlu/labels")):
        assert (await machine.ask(method, path))[0] == 403
