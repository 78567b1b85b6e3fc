"""Store, directory: people who log in, and the small secrets with a lifetime."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from bot.errors import Conflict
from bot.model.ids import AgentId
from bot.model.people import Agent, ApiToken, LinkCode, Role, Session
from tests.builders import acceptance, address, arrival, at

if TYPE_CHECKING:
    from bot.ports import Store
    from tests.contract.homes import StoreHome

WEB = address("web-1", channel="web", account="site")


def agent(name: str, *, email: str | None = None, key: str | None = None) -> Agent:
    return Agent(
        id=AgentId.of(key or name),
        email=email or f"{name}@example.com",
        name=name,
        role=Role.AGENT,
        password_hash=SecretStr(f"$argon2id${name}"),
    )


def session(token: str, *, minutes: float = 60) -> Session:
    return Session(
        token_hash=token,
        agent=AgentId.of("Åsa"),
        csrf=f"csrf-{token}",
        expires_at=at(minutes * 60),
    )


def code(name: str, *, channel: str = "twilio_sms", account: str = "demo") -> LinkCode:
    return LinkCode(
        hash=name, source=WEB.identity, channel=channel, account=account, expires_at=at(600)
    )


# --- people ----------------------------------------------------------------------------------


async def test_a_person_is_found_by_id_and_by_email_in_any_case(store: Store) -> None:
    one = agent("Asa", email="Asa.Berg@Example.COM")
    await store.put_agent(one)
    assert await store.agent(one.id) == one
    for written in ("Asa.Berg@Example.COM", "asa.berg@example.com", "ASA.BERG@EXAMPLE.COM"):
        assert await store.agent_by_email(written) == one
    assert await store.agent_by_email("asa.berg@example.co") is None
    assert await store.agent(AgentId.of("nobody")) is None


async def test_the_secret_is_kept_and_not_shown(store: Store) -> None:
    await store.put_agent(agent("Bo"))
    found = await store.agent(AgentId.of("Bo"))
    assert found is not None
    assert found.password_hash.get_secret_value() == "$argon2id$Bo"
    assert "argon2id" not in repr(found)


async def test_the_same_id_is_replaced(store: Store) -> None:
    await store.put_agent(agent("Bo", email="old@example.com", key="k"))
    changed = agent("Bo Ek", email="new@example.com", key="k").model_copy(
        update={"active": False, "role": Role.ADMIN}
    )
    await store.put_agent(changed)
    assert await store.agents() == [changed]
    assert await store.agent_by_email("old@example.com") is None
    assert await store.agent_by_email("new@example.com") == changed


async def test_a_taken_email_is_a_conflict_and_changes_nothing(store: Store) -> None:
    first, second = agent("Bo", email="bo@example.com"), agent("Eva")
    await store.put_agent(first)
    await store.put_agent(second)
    with pytest.raises(Conflict):
        await store.put_agent(agent("Eva", email="BO@example.com"))
    with pytest.raises(Conflict):
        await store.put_agent(agent("Ny", email="bo@EXAMPLE.com"))
    assert await store.agents() == [first, second]
    # One's own e-mail is not taken.
    await store.put_agent(agent("Bo", email="Bo@Example.com"))


async def test_of_two_that_take_an_email_at_the_same_moment_one_wins(store: Store) -> None:
    results = await asyncio.gather(
        *(store.put_agent(agent(f"p{n}", email="same@example.com")) for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, Conflict) for result in results) == 4
    assert len(await store.agents()) == 1


async def test_people_come_by_name(store: Store) -> None:
    for name in ("Cia", "Bo", "Anna"):
        await store.put_agent(agent(name))
    assert [one.name for one in await store.agents()] == ["Anna", "Bo", "Cia"]


# --- log-ins and tokens ----------------------------------------------------------------------


async def test_a_session_lasts_until_it_expires(store: Store) -> None:
    await store.put_session(session("t1", minutes=60))
    assert await store.session("t1", now=at(3599)) == session("t1")
    assert await store.session("t1", now=at(3600)) is None
    assert await store.session("t2", now=at(0)) is None


async def test_a_session_is_prolonged_and_ended(store: Store) -> None:
    await store.put_session(session("t1", minutes=1))
    await store.put_session(session("t2", minutes=1))
    await store.put_session(session("t1", minutes=9))
    assert await store.session("t1", now=at(300)) == session("t1", minutes=9)
    await store.end_session("t1")
    await store.end_session("never")
    assert await store.session("t1", now=at(0)) is None
    assert await store.session("t2", now=at(0)) == session("t2", minutes=1)


async def test_a_token_is_known_by_its_hash(store: Store) -> None:
    token = ApiToken(token_hash="th", name="export", role=Role.AUTHOR)
    await store.put_token(token)
    assert await store.token("th") == token
    assert await store.token("TH") is None


async def test_the_directory_survives_a_restart(store_home: StoreHome) -> None:
    store = await store_home.open()
    await store.put_agent(agent("Åsa"))
    await store.put_session(session("t1"))
    await store.put_token(ApiToken(token_hash="th", name="x", role=Role.ADMIN))
    await store.put_code(code("c1"))
    await store.count_attempt("ip", now=at(0), window=timedelta(hours=1))
    again = await store_home.open()
    assert await again.agents() == [agent("Åsa")]
    assert await again.session("t1", now=at(1)) == session("t1")
    assert await again.token("th") is not None
    assert await again.code("c1", now=at(1)) == code("c1")
    assert await again.count_attempt("ip", now=at(1), window=timedelta(hours=1)) == 2


# --- link codes ------------------------------------------------------------------------------


async def test_a_code_lasts_until_it_expires(store: Store) -> None:
    await store.accept(acceptance(arrival(WEB)))
    await store.put_code(code("c1"))
    assert await store.code("c1", now=at(599)) == code("c1")
    assert await store.code("c1", now=at(600)) is None
    assert await store.code("c2", now=at(0)) is None


async def test_a_newer_code_voids_the_one_of_the_same_source_and_account(store: Store) -> None:
    other = code("b").model_copy(update={"source": address("web-2", channel="web").identity})
    whatsapp, second = code("w", channel="twilio_whatsapp"), code("s", account="second")
    for one in (code("a"), other, whatsapp, second, code("c")):
        await store.put_code(one)
    assert await store.code("a", now=at(1)) is None
    assert await store.code("b", now=at(1)) == other
    assert await store.code("w", now=at(1)) == whatsapp
    assert await store.code("s", now=at(1)) == second
    assert await store.code("c", now=at(1)) == code("c")


async def test_looking_at_a_code_does_not_use_it(store: Store) -> None:
    await store.put_code(code("c1"))
    for _ in range(3):
        assert await store.code("c1", now=at(1)) == code("c1")


# --- attempts --------------------------------------------------------------------------------


async def test_attempts_are_counted_within_the_window(store: Store) -> None:
    hour = timedelta(hours=1)
    counted = [
        await store.count_attempt("ip-1", now=at(second), window=hour)
        for second in (0, 1, 2, 3599, 3600, 3601, 7300)
    ]
    # At 3600 the first lies exactly an hour back and counts no more.
    assert counted == [1, 2, 3, 4, 4, 4, 1]


async def test_attempts_are_counted_for_each_key(store: Store) -> None:
    hour = timedelta(hours=1)
    keys = ("a", "b", "a", "A")
    assert [await store.count_attempt(key, now=at(0), window=hour) for key in keys] == [1, 1, 2, 1]


async def test_attempts_at_the_same_moment_all_count(store: Store) -> None:
    counted = await asyncio.gather(
        *(store.count_attempt("ip", now=at(0), window=timedelta(minutes=1)) for _ in range(20))
    )
    assert sorted(counted) == list(range(1, 21))
