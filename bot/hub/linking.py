"""Continuing on another channel: one-time codes (domain rules R3 and R4)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from pydantic import SecretStr

from bot.errors import NotFound
from bot.hub.whereabouts import shown_fact
from bot.model.fact import CodeShown
from bot.model.ids import IdentityId
from bot.model.people import ChannelIdentity, LinkCode, Proof
from bot.model.value import AwareDatetime, Value
from bot.ports import Channel, Clock, Store

# 32 letters and digits that are not mistaken for one another: 8 of them are 40 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH = 8
_CODE = re.compile(
    # Keyboards make other dashes of a hyphen, and people put space around it.
    rf"(?:(?:samtal|kod|code)[\s:]+)?([{ALPHABET}]{{4}})\s*([-‐‑–—]?)\s*([{ALPHABET}]{{4}})[.!]?",
    re.IGNORECASE | re.ASCII,
)


_NUMBERS = 100_000


class LinkAnswer(StrEnum):
    """What a customer says about a link: yes, undo it just now, or at any time."""

    YES = "yes"
    NO = "no"
    STOP = "stop"


_BARE = re.compile(r"[0-9]{5}")
_NUMBERED = re.compile(r"(.+\D)([0-9]{5})")
_ANSWERS = {
    **dict.fromkeys(("ja", "yes", "ja tack", "yes please", "japp", "yep"), LinkAnswer.YES),
    **dict.fromkeys(("nej", "no", "nej tack", "no thanks", "nope"), LinkAnswer.NO),
    **dict.fromkeys(
        ("stopp koppling", "stop koppling", "stop link", "stop linking"), LinkAnswer.STOP
    ),
}


class Answered(Value):
    """What a message says about a link; `number` is what it repeats of the question.

    `bare`: there is nothing else in it.
    """

    answer: LinkAnswer
    number: str | None = None
    bare: bool = False


def answer_in(text: str) -> Answered | None:
    """The answer that this message consists of, or None."""
    said = _plain(text)
    if _BARE.fullmatch(said):
        return Answered(answer=LinkAnswer.YES, number=said, bare=True)
    number = None
    if numbered := _NUMBERED.fullmatch(said):
        said, number = _plain(numbered[1]), numbered[2]
    answer = _ANSWERS.get(said)
    return None if answer is None else Answered(answer=answer, number=number)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .,!\"'")


class LinkOffer(Value):
    """What the customer is shown: a code to send from the other channel, or a link that does it.

    `repeat`: a number comes back there, and has to be repeated.
    """

    channel: str
    account: str
    code: str
    deep_link: str | None
    repeat: bool = False
    expires_at: AwareDatetime


class CodeSeen(Value):
    """A message that is a code; `certain` when it can hardly be anything else."""

    code: str
    certain: bool


def new_code() -> str:
    """A random code, shown as `ABCD-2345`; has a digit, so that no word is a code."""
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(_LENGTH))
        if any(letter.isdigit() for letter in code):
            return f"{code[:4]}-{code[4:]}"


def code_in(text: str) -> CodeSeen | None:
    """The code that this message consists of, or None."""
    match = _CODE.fullmatch(text.strip())
    if match is None:
        return None
    code = (match[1] + match[3]).upper()
    if not any(letter.isdigit() for letter in code):
        return None
    announced = match.start(1) > 0
    return CodeSeen(code=code, certain=bool(match[2]) or announced)


def hash_code(code: str, *, key: SecretStr) -> str:
    """What is kept of a code: a keyed hash, the same for `ABCD-2345` and `abcd2345`."""
    plain = code.replace("-", "").upper().encode()
    return hmac.new(key.get_secret_value().encode(), plain, hashlib.sha256).hexdigest()


def five_digits(about: str, *, key: SecretStr) -> str:
    """What only who reads the phone can repeat of a question; always the same for one."""
    digest = hmac.new(key.get_secret_value().encode(), about.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest) % _NUMBERS:05}"


def answers_key(identity: IdentityId) -> str:
    """What the numbers that come from an identity are counted under, right or wrong."""
    return f"link_yes:{identity}"


class Linking:
    """Gives out codes."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        channels: Mapping[tuple[str, str], Channel],
        key: SecretStr,
        lifetime: timedelta,
    ) -> None:
        self._store = store
        self._clock = clock
        self._channels = channels
        self._key = key
        self.lifetime = lifetime

    def targets(self) -> list[tuple[str, str]]:
        """The channels (name, account) that a conversation can be continued on."""
        return [address for address, channel in self._channels.items() if channel.capabilities.push]

    async def offer(
        self, source: IdentityId, *, channel: str, account: str, shown: CodeShown | None = None
    ) -> LinkOffer:
        """A fresh code for continuing on a channel; an earlier one for it is void.

        `shown`: where, for the question there to say. Raises NotFound when there is no such
        channel or it cannot be continued on.
        """
        if (channel, account) not in self.targets():
            raise NotFound(f"no channel {channel}/{account} to continue on")
        target = (channel, account)
        return await self._offer(source, target, shown=shown, at=source)

    async def offer_to(
        self, asking: ChannelIdentity, *, source: IdentityId, shown: CodeShown | None
    ) -> LinkOffer:
        """A fresh code that is sent to `source`, for `asking` alone to type where they are."""
        target = (asking.address.channel, asking.address.account)
        return await self._offer(source, target, only=asking.id, shown=shown, at=asking.id)

    async def _offer(
        self,
        source: IdentityId,
        target: tuple[str, str],
        *,
        only: IdentityId | None = None,
        shown: CodeShown | None,
        at: IdentityId,
    ) -> LinkOffer:
        code, (channel, account) = new_code(), target
        code_hash, now = hash_code(code, key=self._key), self._clock.now()
        expires_at = now + self.lifetime
        if shown is not None:
            await self._store.put_facts([shown_fact(shown, at=at, code_hash=code_hash, now=now)])
        await self._store.put_code(
            LinkCode(
                hash=code_hash,
                source=source,
                channel=channel,
                account=account,
                expires_at=expires_at,
                proof=Proof.CODE if only is None else Proof.OTP,
                only=only,
            )
        )
        return LinkOffer(
            channel=channel,
            account=account,
            code=code,
            deep_link=self._channels[channel, account].deep_link(code),
            repeat=self._channels[channel, account].capabilities.spoofable,
            expires_at=expires_at,
        )
