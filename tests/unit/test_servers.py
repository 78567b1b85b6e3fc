"""The servers for tests: found, started, killed and started again."""

from __future__ import annotations

import signal
from pathlib import Path

import pymongo
import pymongo.errors
import pytest

from tests import servers
from tests.servers import Failed, Missing, Mongod, NatsServer, free_port


def test_a_nats_server_comes_back_where_it_was(nats_server: NatsServer) -> None:
    port, pid = nats_server.port, nats_server.pid
    assert nats_server.is_ready()
    nats_server.signal(signal.SIGSTOP)
    assert not nats_server.is_ready()
    nats_server.signal(signal.SIGCONT)
    nats_server.kill()
    assert not nats_server.is_running
    assert not nats_server.is_ready()
    nats_server.start()
    assert nats_server.is_ready()
    assert (nats_server.port, nats_server.starts) == (port, 2)
    assert nats_server.pid != pid


def test_a_mongod_keeps_what_it_has_and_takes_transactions(mongod: Mongod) -> None:
    with (
        pymongo.MongoClient[dict[str, int]](mongod.url) as client,
        client.start_session() as session,
    ):
        with session.start_transaction():
            client.db.things.insert_one({"_id": 1}, session=session)
        mongod.restart()
        assert client.db.things.find_one({}) == {"_id": 1}


def test_a_server_that_does_not_start_says_why(nats_server: NatsServer, tmp_path: Path) -> None:
    broken = NatsServer(tmp_path / "other", options=["-c", "nowhere.conf"])
    with pytest.raises(Failed, match=r"nats-server ended as it started:\n.*nowhere\.conf"):
        broken.start()
    assert not broken.is_running
    assert nats_server.is_ready()


def test_ports_are_free_and_not_those_of_outgoing_connections() -> None:
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 10
    assert all(20_000 <= port < 32_000 for port in ports)


@pytest.mark.parametrize("find", [servers.find_nats_server, servers.find_mongod])
def test_where_there_is_none_it_says_how_to_have_one(
    monkeypatch: pytest.MonkeyPatch, find: object
) -> None:
    monkeypatch.delenv("SAMTAL_TEST_NATS_SERVER", raising=False)
    monkeypatch.delenv("SAMTAL_TEST_MONGOD", raising=False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(servers, "_existing", lambda _: None)
    monkeypatch.setattr(servers, "_in_package", lambda *_: None)
    assert callable(find)
    with pytest.raises(Missing, match=r"install .* or set SAMTAL_TEST_"):
        find()


@pytest.mark.parametrize(
    ("value", "outcome"),
    [("", pytest.skip.Exception), ("0", pytest.skip.Exception), ("1", pytest.fail.Exception)],
)
def test_a_lacking_server_skips_or_fails(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("SAMTAL_TEST_REQUIRE_SERVERS", value)
    with pytest.raises(outcome, match="no server here"):
        servers.do_without("no server here")
