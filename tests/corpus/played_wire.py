"""The providers of a sequence: they answer as its steps say, and else take everything."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from bot.model.sending import Emit, HttpCall, Reply
from tests.corpus.calls import Responses
from tests.corpus.outgoing import answer

if TYPE_CHECKING:
    from bot.model.sending import Call, CallResult
    from tests.corpus.cases import Json


class PlayedWire:
    """A `Wire` of recorded responses.

    `calls` are those made, `taken` those answered with success. Without a script every call is
    taken, with a made-up id.
    """

    def __init__(self) -> None:
        self.calls: list[HttpCall] = []
        self.taken: list[HttpCall] = []
        self.waiting = 0
        self._script: Responses | None = None
        self._answers_left: int | None = None
        self._released: asyncio.Future[CallResult] | None = None
        self._number = 0

    def script(self, responses: list[Json] | None, *, dies: bool = False) -> None:
        """Answer from here on as recorded (None: take everything).

        `dies`: the process is gone before it hears the last of them.
        """
        self._script = Responses(responses) if responses else None
        self._answers_left = len(responses or [None]) - 1 if dies else None

    def hold(self) -> None:
        """Keep the answer to the next call back."""
        self._released = asyncio.get_running_loop().create_future()

    def release(self, response: Json) -> None:
        """Give the answer that was kept back."""
        if self._released is None or self._released.done():
            raise AssertionError("no call is kept back")
        self._released.set_result(answer(response))

    def forget(self) -> None:
        """Count from here on."""
        self.calls.clear()
        self.taken.clear()

    async def call(self, call: Call) -> CallResult:
        await asyncio.sleep(0)
        if isinstance(call, Emit):
            return Reply(status=200)
        self.calls.append(call)
        result = await self._answered(call)
        if isinstance(result, Reply) and 200 <= result.status < 300:
            self.taken.append(call)
        if self._answers_left is not None:
            if self._answers_left == 0:
                await self._never()
            self._answers_left -= 1
        return result

    async def _answered(self, call: HttpCall) -> CallResult:
        if self._released is not None and not self._released.done():
            self.waiting += 1
            try:
                return await self._released
            finally:
                self.waiting -= 1
        if self._script is not None:
            return answer(self._script.to(call.url))
        self._number += 1
        return answer(taken(f"made-up-{self._number}", number=self._number))

    async def _never(self) -> None:
        self.waiting += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.waiting -= 1


def taken(external_id: str, *, number: int = 0) -> Json:
    """A response by which any provider gives a message this id."""
    message_id = int(external_id) if external_id.isdecimal() else 9000 + number
    body = {
        "sid": external_id,
        "ok": True,
        "result": {"message_id": message_id},
        "message_id": external_id,
        "messages": [{"id": external_id}],
        "sentMessages": [{"id": external_id}],
    }
    return {"status": 200, "body": json.dumps(body)}
