"""While too much waits, every way in says so, and nothing is recorded."""

from __future__ import annotations

from tests.edge.house import House, house
from tests.edge.test_webhooks import HOOK, Recorder


async def fill(server: House, *, full: bool) -> None:
    """Put the limit below or above what waits."""
    pressure = server.hub.pressure
    pressure.limit = -1 if full else 10
    await pressure.look()
    assert pressure.full is full


async def test_webhooks_are_put_off_with_a_time_to_come_back() -> None:
    recorder = Recorder()
    async with house(extra=(recorder,)) as server:
        await fill(server, full=True)
        async with server.http.post(server.base + HOOK, data=b"hello") as got:
            assert got.status == 503
            assert got.headers["Retry-After"] == "10"
            assert got.content_type == "application/problem+json"
            assert "hello" not in await got.text()
        assert recorder.requests == []
        assert server.store.memory.requests == []
        async with server.http.get(f"{server.base}/metrics") as got:
            text = await got.text()
        name = 'samtal_webhooks_total{account="demo",channel="recorder",result="full"}'
        assert f"{name} 1.0" in text
        assert "samtal_backlog_full 1.0" in text
        async with server.http.get(f"{server.base}/readyz") as got:
            assert got.status == 200  # it does its work; senders keep theirs for a while
        await fill(server, full=False)
        async with server.http.post(server.base + HOOK, data=b"hello") as got:
            assert got.status == 202
        assert len(recorder.requests) == 1


async def test_visitors_are_told_to_send_it_again(server: House) -> None:
    visitor = await server.visitor()
    await fill(server, full=True)
    refused = await visitor.say("Hej", key="m1")
    assert (refused["ok"], refused["problem"]["status"]) == (False, 503)
    assert "send it again" in refused["problem"]["detail"]
    assert server.store.memory.requests == []
    await fill(server, full=False)
    assert (await visitor.say("Hej", key="m1"))["ok"] is True
    assert len(server.store.memory.requests) == 1
