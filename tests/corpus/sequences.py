"""Cases of kind `sequence`: steps against a running hub, then a look at what came of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.corpus import adapters, finals, outgoing
from tests.corpus.cases import Case, Outcome
from tests.corpus.played_wire import PlayedWire, taken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.model.channel import Answer
    from bot.ports import Channel
    from tests.corpus.cases import Json
    from tests.corpus.hub_under_test import HubUnderTest, MakeHub

_SOMEBODY = "+14133881111"
_LONGEST_RETRY = timedelta(hours=1)


async def run(case: Case, make_hub: MakeHub, folder: Path) -> Outcome:
    """Play one sequence; skipped when it needs a channel that we have not."""
    configs = _configs(case.data)
    missing = sorted(channel for channel in configs if not adapters.exists(channel))
    if missing:
        return Outcome(case, skipped=f"no channel {missing[0]}")
    wire = PlayedWire()
    hub = await make_hub(folder, channels=_channels(configs), wire=wire, at=adapters.clock(case))
    try:
        player = Player(case, hub, wire)
        await player.play()
        return Outcome(case, tuple(player.problems + await player.look()))
    finally:
        await hub.close()


def _configs(data: Json) -> dict[str, Json]:
    """The configuration of each channel that a sequence speaks of, as its steps give it."""
    found: dict[str, Json] = {}
    for step in [*_flat(data["steps"]), *(data.get("given") or {}).get("sent", [])]:
        if "channel" in step:
            found[step["channel"]] = found.get(step["channel"]) or step.get("config") or {}
    return found


def _flat(steps: list[Json]) -> Iterator[Json]:
    for step in steps:
        yield step
        yield from _flat(step.get("steps") or [])


def _channels(configs: dict[str, Json]) -> dict[tuple[str, str], Channel]:
    return {
        (channel, adapters.ACCOUNT): adapters.build(
            channel,
            adapters.settings(channel, config, unproven=True),
            public_base_url=adapters.base_url(config),
        )
        for channel, config in configs.items()
    }


@dataclass
class Player:
    """Plays the steps of one case, and remembers what they answered."""

    case: Case
    hub: HubUnderTest
    wire: PlayedWire
    problems: list[str] = field(default_factory=list)
    seen: finals.Seen = field(default_factory=finals.Seen)

    async def play(self) -> None:
        for sent in (self.case.data.get("given") or {}).get("sent", []):
            await self._was_sent(sent)
        self.wire.forget()
        for step in self.case.data["steps"]:
            await self._step(step)

    async def look(self) -> list[str]:
        """What is not as the case expects in the end."""
        await self.hub.calm()
        self.seen.calls = list(self.wire.calls)
        self.seen.taken = list(self.wire.taken)
        await self.seen.read(self.hub)
        return await finals.check(self.case.data["final"], self.seen, self.hub)

    async def _was_sent(self, sent: Json) -> None:
        message = {"to": sent.get("to", _SOMEBODY), "text": sent.get("text", "")}
        self.wire.script([taken(sent["external_id"])])
        await self._send({"channel": sent["channel"], "message": message})
        await self.hub.calm()
        self.wire.script(None)

    async def _step(self, step: Json) -> None:
        play = getattr(self, f"_do_{step['do']}", None)
        if play is None:
            self.problems.append(f"unknown step {step['do']!r}")
            return
        await play(step)
        await self.hub.calm()

    # --- steps -------------------------------------------------------------------------------

    async def _do_receive(self, step: Json) -> None:
        await self._simulate(step.get("simulate"))
        began = time.monotonic()
        answer = await self._deliver(step)
        self.seen.longest_answer = max(self.seen.longest_answer, time.monotonic() - began)
        self.seen.answers.append(answer)
        allowed = step.get("expect_status_any")
        if allowed and answer.status not in allowed and answer.status >= 300:
            self.problems.append(f"answered {answer.status}, expected one of {allowed}")
        if step.get("simulate") == "store_down_answer_5xx":
            await self.hub.mend_store()
        if step.get("simulate") == "slow_bot_5s":
            await self.hub.calm()
            await self.hub.wait(timedelta(seconds=5))

    async def _deliver(self, step: Json) -> Answer:
        at = adapters.moment(step["clock"]) if "clock" in step else self.hub.now()
        request = adapters.request(step["request"], config=step.get("config") or {}, at=at)
        return await self.hub.deliver(step["channel"], request)

    async def _simulate(self, what: str | None) -> None:
        if what in {"store_down", "store_down_answer_5xx"}:
            await self.hub.break_store()
        elif what == "slow_bot_5s":
            await self.hub.slow_bot(timedelta(seconds=5))
        elif what is not None:
            self.problems.append(f"unknown simulation {what!r}")

    async def _do_store_up(self, step: Json) -> None:
        await self.hub.mend_store()

    async def _do_send(self, step: Json) -> None:
        dies = bool(step.get("crash_after"))
        self.wire.script(step.get("provider_responses"), dies=dies)
        await self._send(step)
        await self.hub.calm()
        if dies:
            await self.hub.crash()
            await self.hub.restart()
        self.wire.script(None)

    async def _send(self, step: Json) -> None:
        # Without a time the person is inside every window (corpus README, "context").
        message, _ = outgoing.outbound(
            step["message"],
            step.get("context") or {},
            channel=step["channel"],
            at=self.hub.now(),
        )
        sent = await self.hub.send(message)
        self.seen.ours[sent] = message

    async def _do_send_begin(self, step: Json) -> None:
        self.wire.hold()
        await self._send(step)

    async def _do_send_finish(self, step: Json) -> None:
        response = step.get("provider_response") or step["provider_responses"][0]
        self.wire.release(response)

    async def _do_parallel(self, step: Json) -> None:
        await asyncio.gather(*(self._at_once(inner) for inner in step["steps"]))

    async def _at_once(self, step: Json) -> None:
        if step["do"] == "receive":
            await self._do_receive(step)
        elif step["do"] == "send":
            await self._send(step)
        else:
            self.problems.append(f"cannot do {step['do']!r} in parallel")

    async def _do_run_retries(self, step: Json) -> None:
        self.wire.script(step.get("provider_responses"))
        due = await self.hub.store.next_due()
        if due is not None:
            pause = max(due - self.hub.now(), timedelta())
            await self.hub.wait(min(pause, _LONGEST_RETRY))
        await self.hub.calm()
        self.wire.script(None)

    async def _do_wait(self, step: Json) -> None:
        await self.hub.wait(timedelta(seconds=step["seconds"]))

    async def _do_restart(self, step: Json) -> None:
        await self.hub.crash()
        await self.hub.restart()
