"""A code from where senders can be made up waits until the phone has repeated a number (R2).

Whoever forges a sender can send a code in its name, and never reads what is answered to it.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from pydantic import SecretStr

from bot.hub import episodes
from bot.hub.code_budget import HOUR, SPENT, CodeBudget
from bot.hub.linking import Answered, LinkAnswer, answers_key, five_digits
from bot.hub.router import Line
from bot.hub.scene import Scene
from bot.hub.settings import HubSettings
from bot.hub.tries import Tries
from bot.hub.whereabouts import whereabouts
from bot.model.ids import IdentityId
from bot.model.landmarks import Landmark
from bot.model.people import BySystem, LinkCode
from bot.model.thread import ConversationStarted, LinkAsked, LinkRefused, MessageIn
from bot.model.understanding import Language
from bot.model.value import Value
from bot.ports import Store

# So long the number is waited for.
_ASKED: Final = timedelta(minutes=10)
_WINDOW: Final = timedelta(hours=1)
_ACTS: Final = 20
DECLINED: Final = "declined on the phone"
TOO_MANY_NUMBERS: Final = "too many numbers tried"
# How a code comes: written, or by a link that holds it.
Came = MessageIn | ConversationStarted


class Waiting(Value):
    """A code that waits for the number; `older`: there was a conversation there before it."""

    code: LinkCode
    older: bool


class RoundTrip:
    """Asks a phone to repeat a number, and knows what waits for one.

    What waits is kept nowhere of its own: the code is bound to the phone that sent it, and the
    question stands in the phone's thread. So it is gone when the code is used, void, expired or
    erased, and is there after a restart.
    """

    def __init__(
        self,
        *,
        store: Store,
        tries: Tries,
        budget: CodeBudget,
        settings: HubSettings,
        key: SecretStr,
    ) -> None:
        self._store = store
        self._budget = budget
        self._tries = tries
        self._settings = settings
        self._key = key

    async def ask(
        self, scene: Scene, code: LinkCode, came: Came, *, language: Language | None
    ) -> None:
        """Bind the code to who sent it, and send the number there.

        It lives ten minutes from the first time that it is sent; again it is no longer.
        """
        phone, now = scene.identity.id, scene.draft.now
        older = await self._older(scene)
        number = scene.identity.phone or scene.identity.address.user
        count = partial(self._tries.count, scene, window=HOUR)
        if not await self._budget.allows(number, count=count):
            scene.draft.add(came, by=scene.customer)
            scene.draft.add(LinkRefused(reason=SPENT), by=BySystem())
            scene.notice(Line(slot="link.later"), rule="link.later", language=language)
            return
        if code.only is None:
            bound = {"only": phone, "expires_at": now + _ASKED}
            await self._store.put_code(code.model_copy(update=bound))
        scene.draft.add(came, by=scene.customer)
        scene.draft.add(LinkAsked(proof_id=code.hash, older=older), by=scene.customer)
        await self._tell(scene, code.hash, language=language)

    async def waiting(self, scene: Scene) -> list[Waiting]:
        """What this phone was asked and may still answer, the latest first."""
        phone, now = scene.identity.id, scene.draft.now
        found: dict[str, Waiting] = {}
        for body in await self._asked(scene):
            code = await self._store.code(body.proof_id, now=now)
            if code is not None and code.only == phone:
                found.setdefault(code.hash, Waiting(code=code, older=body.older))
        return list(found.values())

    async def meant(
        self, scene: Scene, said: Answered, waiting: Sequence[Waiting], message: MessageIn
    ) -> Waiting | None:
        """The one whose number is repeated; None when the answer was another, and is dealt with."""
        phone = scene.identity.id
        if said.answer is not LinkAnswer.YES:
            self._hear(scene, message)
            scene.draft.add(LinkRefused(reason=DECLINED), by=scene.customer)
            scene.notice(Line(slot="link.declined"), rule="link.declined")
            return None
        if said.number is not None:
            tries = await self._tries.count(scene, answers_key(phone), _WINDOW)
            if tries > self._settings.link_tries:
                self._hear(scene, message)
                scene.draft.add(LinkRefused(reason=TOO_MANY_NUMBERS), by=BySystem())
                scene.notice(Line(slot="link.refused"), rule="link.refused")
                return None
            for one in waiting:
                if hmac.compare_digest(self._number(one.code.hash, phone), said.number):
                    return one
        self._hear(scene, message)
        await self._tell(scene, waiting[0].code.hash, language=None)
        return None

    def _hear(self, scene: Scene, message: MessageIn) -> None:
        scene.draft.add(message, by=scene.customer)
        episodes.touch(scene.draft, self._settings, by=BySystem())

    async def _tell(self, scene: Scene, proof_id: str, *, language: Language | None) -> None:
        number = self._number(proof_id, scene.identity.id)
        where = await whereabouts(self._store, proof_id)
        line = Line(slot="link.confirm", variables=(("link.number", number), *where))
        scene.notice(line, rule="link.confirm", secret=number, language=language)

    async def _asked(self, scene: Scene) -> list[LinkAsked]:
        """The questions of the last minutes, the latest first; a no answers all before it."""
        own = [scene.identity.id]
        asked: list[LinkAsked] = []
        for entry in await self._store.landmarks(own, of={Landmark.LINK}, limit=_ACTS):
            body = entry.body
            if scene.draft.now - entry.at > _ASKED:
                break
            if isinstance(body, LinkRefused) and body.reason in {DECLINED, TOO_MANY_NUMBERS}:
                break
            if isinstance(body, LinkAsked):
                asked.append(body)
        return asked

    async def _older(self, scene: Scene) -> bool:
        """Whether anything but codes was written there before."""
        wrote = scene.draft.state.wrote_at(scene.identity.id)
        if wrote is None:
            return False
        asked = await self._store.landmarks([scene.identity.id], of={Landmark.LINK}, limit=1)
        last = asked[0] if asked else None
        if last is not None and isinstance(last.body, LinkAsked) and last.at >= wrote:
            return last.body.older
        return True

    def _number(self, proof_id: str, phone: IdentityId) -> str:
        return five_digits(f"link {proof_id} {phone}", key=self._key)
