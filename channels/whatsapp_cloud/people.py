"""Who is behind an item of a webhook: phone numbers, user ids, and the contacts beside them.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import whatsapp
from bot.model.channel import Sender

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.kit.payload import Node

_LONGEST_NUMBER = 20


def known(address: str) -> Sender | None:
    """Who has this phone number or user id; None when it is neither."""
    bare = address.strip()
    found = whatsapp.sender(bare)
    digits = bare.removeprefix("+")
    if found or not (digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
        return found
    # Numbers of tests and of networks' own: Meta says that somebody is there, and nothing more.
    return Sender(user=f"+{digits}")


def person(nodes: Iterable[Node], contacts: Node | None = None) -> Sender | None:
    """The person whom these places name, by the first of them; the others are aliases.

    A contact of the same payload that has one of the ids adds its own, and the person's names.
    """
    ids = [node.words for node in nodes]
    contact = next(
        (each for each in contacts or () if _ids(each) & {_bare(one) for one in ids if one}), None
    )
    if contact is not None:
        ids += [contact[name].words for name in ("wa_id", "user_id", "parent_user_id")]
    found = [who for one in ids if one and (who := known(one)) is not None]
    if not found:
        return None
    profile = None if contact is None else contact["profile"]
    users = dict.fromkeys(who.user for who in found)
    return found[0].model_copy(
        update={
            "phone": next((who.phone for who in found if who.phone), None),
            "name": _line(profile["name"]) if profile else None,
            "username": _username(profile["username"]) if profile else None,
            "aliases": tuple(user for user in users if user != found[0].user),
        }
    )


def writer(message: Node, contacts: Node) -> Sender | None:
    """Who sent a message, or None when it names nobody."""
    names = ("from", "from_user_id", "from_parent_user_id")
    return person((message[name] for name in names), contacts)


def _ids(contact: Node) -> set[str]:
    return {_bare(contact[name].words) for name in ("wa_id", "user_id")} - {""}


def _bare(user: str) -> str:
    return user.strip().removeprefix("+")


def _line(node: Node) -> str | None:
    return node.words.strip() or None


def _username(node: Node) -> str | None:
    return node.words.strip().removeprefix("@") or None
