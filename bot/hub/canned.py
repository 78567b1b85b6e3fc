"""Canned replies: what marketers wrote for the bot, as far as an agent can send it too."""

from __future__ import annotations

from bot.hub.content import ContentSet, Moment, Resolution, Variables
from bot.hub.desk import Desk
from bot.hub.voice import Speaking, Voice
from bot.model.ids import ThreadId
from bot.model.people import ChannelIdentity
from bot.model.record import ThreadRow
from bot.model.understanding import Language
from bot.model.value import Value
from bot.ports import Clock

_ANSWER = "answer."
_TOPIC = "topic."


class CannedReply(Value):
    """One text of the content, filled in; `title` is what its topic is called."""

    slot: str
    variant: str
    title: str
    text: str


class CannedReplies(Value):
    """The replies that fit a moment and the language that they are in.

    Those found by their titles come first; then by title.
    """

    language: Language
    replies: tuple[CannedReply, ...]


class Canned:
    """Finds canned replies: every answer that has a topic, chosen as the bot would choose it.

    An answer without a topic is small talk of the bot's own, and no agent's.
    """

    def __init__(
        self,
        *,
        desk: Desk,
        content: ContentSet,
        voice: Voice,
        clock: Clock,
        default_language: Language,
    ) -> None:
        self._desk = desk
        self._content = content
        self._voice = voice
        self._clock = clock
        self._default = default_language
        slots = frozenset(content.slots)
        answers = (slot.removeprefix(_ANSWER) for slot in content.slots if slot.startswith(_ANSWER))
        self._intents = tuple(intent for intent in answers if _TOPIC + intent in slots)

    async def replies(
        self,
        channel: str,
        *,
        language: Language | None = None,
        thread: ThreadId | None = None,
        text: str = "",
    ) -> CannedReplies:
        """Replies for a channel that have all words of a text, in the title, the slot or the text.

        With a thread they are filled in for its customer, by default in their language; raises
        NotFound. What would be said in another language, or cannot be filled in, is left out.
        """
        row = None if thread is None else await self._desk.thread(thread)
        spoken = language or self._spoken(row)
        moment = self._moment(row, channel, spoken)
        words = text.casefold().split()
        made = (self._reply(intent, moment) for intent in self._intents)
        fitting = [one for one in made if one is not None and _has(one, words)]
        fitting.sort(key=lambda one: (not _all_in(one.title, words), one.title.casefold()))
        return CannedReplies(language=spoken, replies=tuple(fitting))

    def _reply(self, intent: str, moment: Moment) -> CannedReply | None:
        found = self._written(_ANSWER + intent, moment)
        if found is None:
            return None
        title = self._written(_TOPIC + intent, moment)
        return CannedReply(
            slot=found.variant.slot,
            variant=found.variant.id,
            title=(title or found).text.split("\n", 1)[0],
            text=found.text,
        )

    def _written(self, slot: str, moment: Moment) -> Resolution | None:
        """What there is for a slot in just this language, or None."""
        found = self._content.resolve(slot, moment)
        language = found.variant.locale.partition("-")[0]
        return found if found.variant.slot == slot and language == moment.locale else None

    def _moment(self, row: ThreadRow | None, channel: str, language: Language) -> Moment:
        identity = None if row is None else _on(row, channel)
        if row is None or identity is None:
            return Moment(
                channel=channel,
                locale=language,
                now=self._clock.now(),
                variables=Variables.of({"channel": channel}),
            )
        state = row.state.model_copy(update={"language": language})
        return self._voice.moment(Speaking(state, identity, self._clock.now()))

    def _spoken(self, row: ThreadRow | None) -> Language:
        return row.state.language if row is not None and row.state.language else self._default


def _on(row: ThreadRow, channel: str) -> ChannelIdentity | None:
    """The customer's address on a channel: where they last wrote, if that is one of several."""
    there = [one for one in row.identities if one.address.channel == channel]
    active = [one for one in there if one.id == row.state.active]
    return next(iter(active or there), None)


def _has(reply: CannedReply, words: list[str]) -> bool:
    return _all_in(f"{reply.slot}\n{reply.title}\n{reply.text}", words)


def _all_in(text: str, words: list[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)
