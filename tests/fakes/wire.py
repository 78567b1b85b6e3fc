"""A wire that answers from a script and remembers what it was asked."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from bot.model.sending import Emit, HttpCall, Reply

if TYPE_CHECKING:
    from bot.model.sending import Call, CallResult

Answering = Callable[["Call"], "CallResult | Awaitable[CallResult]"]
OK = Reply(status=200, body=b"{}")


class FakeWire:
    """A `Wire` that answers with a list of results, in order, or by asking a callable.

    Without a script every call is answered with 200 and `{}`. A list that has run out is a fault
    of the test and says so. The callable may be async: to wait, or to look around mid-call.
    """

    def __init__(self, script: Iterable[CallResult] | Answering | None = None) -> None:
        self.calls: list[Call] = []
        self._answer = script if callable(script) else None
        self._results = None if script is None or callable(script) else list(script)

    async def call(self, call: Call) -> CallResult:
        self.calls.append(call)
        await asyncio.sleep(0)  # a real call lets others run
        if self._answer is not None:
            answered = self._answer(call)
            return await answered if inspect.isawaitable(answered) else answered
        if self._results is None:
            return OK
        if not self._results:
            raise AssertionError(f"call {len(self.calls)} is not in the script: {call!r}")
        return self._results.pop(0)

    def then(self, *results: CallResult) -> None:
        """Put further results at the end of the script."""
        if self._results is None:
            self._results = []
        self._results.extend(results)

    @property
    def http(self) -> list[HttpCall]:
        """The HTTP calls made, in order."""
        return [call for call in self.calls if isinstance(call, HttpCall)]

    @property
    def emits(self) -> list[Emit]:
        """The socket events emitted, in order."""
        return [call for call in self.calls if isinstance(call, Emit)]

    def emitted(self, event: str) -> list[object]:
        """The data of each emitted event of this name, parsed."""
        return [json.loads(emit.data) for emit in self.emits if emit.event == event]
