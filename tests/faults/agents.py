"""Two agents who race for threads: exactly one wins, writes to the customer, and hands back."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from dataclasses import dataclass
from typing import Literal

from tests.bench.client import Answer, Client
from tests.bench.twilio import Signed
from tests.faults.estate import Node

NAMES = ("Eva", "Ivar")
# Longer than every fault that holds up a request: one that got no answer is over by then, so that
# nothing of an earlier round comes late into a later one.
_PATIENCE = 45.0
_PAUSE = (1.0, 4.0)  # seconds between rounds
_LOOK = 8.0
_LONG = 1900  # characters: two parts of an SMS
_TRIES = 40

Ended = Literal["done", "rejected", "unsure"]


@dataclass(slots=True, kw_only=True)
class Act:
    """One thing that an agent did, with how the server said it ended; monotonic seconds."""

    agent: str
    what: Literal["takeover", "reply", "hand-back"]
    thread: str
    round: int
    text: str = ""
    began: float = 0.0
    ended: float = 0.0
    how: Ended = "unsure"
    tries: int = 0


class Desk:
    """The agents' side of a run: rounds, until told that it is enough."""

    def __init__(self, nodes: list[Node], tokens: dict[str, str], chance: random.Random) -> None:
        self.acts: list[Act] = []
        self._tokens = tokens
        self._chance = chance
        self._clients = [Client(node.host, node.port) for node in nodes]
        self._rounds = itertools.count(1)

    async def run(self, enough: asyncio.Event) -> None:
        """Play rounds; the last one is played to its end."""
        while not enough.is_set():
            await asyncio.sleep(self._chance.uniform(*_PAUSE))
            thread = await self._some_thread()
            if thread is not None:
                await self._round(thread, next(self._rounds))
        for client in self._clients:
            client.close()

    async def _some_thread(self) -> str | None:
        """One that was lately active, of those with a phone."""
        answer = await self._ask("GET", "/api/v1/threads?limit=200", NAMES[0], patience=_LOOK)
        if answer is None or answer.status != 200:
            return None
        rows = [
            row["state"]["thread"]
            for row in json.loads(answer.body)["threads"]
            if row["state"]["owner"]["kind"] == "bot"
            and row["identities"][0]["address"]["channel"] == "twilio_sms"
        ]
        return self._chance.choice(rows) if rows else None

    async def _round(self, thread: str, number: int) -> None:
        takes = [Act(agent=name, what="takeover", thread=thread, round=number) for name in NAMES]
        await asyncio.gather(*(self._act(act, {}) for act in takes))
        for act in takes:
            if act.how == "done":
                await self._serve(act.agent, thread, number)

    async def _serve(self, agent: str, thread: str, number: int) -> None:
        for place in range(self._chance.randint(1, 3)):
            text = f"Svar {number}.{place} från {agent}."
            if self._chance.random() < 0.15:
                text = " ".join([text] * (_LONG // len(text)))
            reply = Act(agent=agent, what="reply", thread=thread, round=number, text=text)
            body = {"text": text, "client_id": f"{number}.{place}.{agent}"}
            await self._act(reply, body)
            await asyncio.sleep(self._chance.uniform(0, 0.5))
        back = Act(agent=agent, what="hand-back", thread=thread, round=number)
        await self._act(back, {"note": ""})

    async def _act(self, act: Act, body: dict[str, str]) -> None:
        """Ask until there is a yes or a no."""
        self.acts.append(act)
        act.began = time.monotonic()
        while act.how == "unsure" and act.tries < _TRIES:
            act.tries += 1
            path = f"/api/v1/threads/{act.thread}/{act.what}"
            answer = await self._ask("POST", path, act.agent, body=body)
            if answer is not None and answer.status == 200:
                act.how = "done"
            elif answer is not None and answer.status == 409:
                act.how = "rejected"
            else:
                await asyncio.sleep(self._chance.uniform(0.5, 1.5))
        act.ended = time.monotonic()

    async def _ask(
        self,
        method: str,
        path: str,
        agent: str,
        *,
        body: dict[str, str] | None = None,
        patience: float = _PATIENCE,
    ) -> Answer | None:
        client = self._chance.choice(self._clients)
        headers = (
            ("Authorization", f"Bearer {self._tokens[agent]}"),
            ("Content-Type", "application/json"),
        )
        request = Signed(path, headers, b"" if body is None else json.dumps(body).encode())
        try:
            async with asyncio.timeout(patience):
                return await client.send(method, request)
        except (OSError, TimeoutError):
            return None
