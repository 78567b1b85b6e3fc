"""What a WhatsApp message carries: words, files, places, contacts, presses, orders.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bot.kit import whatsapp
from bot.kit.payload import Node
from bot.model.channel import Attachment, AttachmentType, Press, PressKind

_FILES = {
    "image": AttachmentType.IMAGE,
    "video": AttachmentType.VIDEO,
    "audio": AttachmentType.AUDIO,
    "voice": AttachmentType.AUDIO,
    "document": AttachmentType.FILE,
    "sticker": AttachmentType.STICKER,
}
_FARTHEST_LATITUDE, _FARTHEST_LONGITUDE = 90, 180
_LONGEST_KIND = 50


class Content(NamedTuple):
    """What of a message can be shown; `lacking` names the parts that cannot."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    press: Press | None = None
    lacking: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.attachments or self.press)


def kind_of(message: Node) -> str:
    """The type of a message; where it has none, what is in it says so."""
    told = message["type"].words
    if told:
        return told
    return next((name for name in (*_READINGS, *_FILES) if message[name]), "")


def content(message: Node) -> Content:
    """What a message says, by its type."""
    kind = kind_of(message)
    said = _said(kind, message[kind])
    product = _product(message["context"]["referred_product"])
    return said if product is None else said._replace(attachments=(*said.attachments, product))


def unseen(message: Node) -> str:
    """What a message that cannot be shown is, in Meta's words."""
    kind = kind_of(message)
    inner = message[kind]["type"].words if message[kind].is_object else ""
    title = message["errors"][0]["title"].words
    named = " ".join(filter(None, (kind, inner))) or title or "empty message"
    return named[:_LONGEST_KIND]


def _said(kind: str, node: Node) -> Content:
    if kind in _FILES:
        return _file(kind, node)
    reading = _READINGS.get(kind)
    return Content() if reading is None else reading(node)


# --- files, places, people -------------------------------------------------------------------


def _file(kind: str, node: Node) -> Content:
    media_id, url = node["id"].words.strip(), _web(node["url"]) or _web(node["link"])
    caption = node["caption"].words
    if not (media_id or url):
        return Content(text=caption, lacking=(kind,))
    found = Attachment(
        type=_FILES[kind],
        url=url,
        media_id=media_id or None,
        mime=node["mime_type"].words.strip() or None,
        name=node["filename"].words.strip() or None,
    )
    return Content(text=caption, attachments=(found,))


def _place(node: Node) -> Content:
    latitude, longitude = node["latitude"].number, node["longitude"].number
    if latitude is None or longitude is None:
        return Content()
    if abs(latitude) > _FARTHEST_LATITUDE or abs(longitude) > _FARTHEST_LONGITUDE:
        return Content()
    found = Attachment(
        type=AttachmentType.LOCATION,
        latitude=latitude,
        longitude=longitude,
        name=node["name"].words or None,
        address=node["address"].words or None,
    )
    return Content(attachments=(found,))


def _contacts(node: Node) -> Content:
    found = [_contact(each) for each in node]
    cards = tuple(card for card in found if card is not None)
    return Content(attachments=cards, lacking=("contacts",) * (len(cards) < max(len(found), 1)))


def _contact(node: Node) -> Attachment | None:
    naming = node["name"]
    parts = (naming["first_name"].words, naming["last_name"].words)
    name = naming["formatted_name"].words or " ".join(filter(None, parts))
    phones = [each["phone"].words or each["wa_id"].words for each in node["phones"]]
    phone = next(filter(None, phones), None)
    if not (name or phone):
        return None
    return Attachment(type=AttachmentType.CONTACT, name=name or None, phone=phone)


# --- presses and orders ----------------------------------------------------------------------


def _button(node: Node) -> Content:
    return _pressed(node["text"].words, node["payload"].words, PressKind.BUTTON)


def _pressed(title: str, payload: str, kind: PressKind) -> Content:
    press = Press(kind=kind, payload=payload or title) if payload or title else None
    return Content(text=title, press=press)


def _interactive(node: Node) -> Content:
    button, row, flow = node["button_reply"], node["list_reply"], node["nfm_reply"]
    if button:
        return _pressed(button["title"].words, button["id"].words, PressKind.BUTTON)
    if row:
        return _pressed(row["title"].words, row["id"].words, PressKind.LIST)
    if flow:
        fields = whatsapp.answers(flow["response_json"].text)
        press = Press(kind=PressKind.FORM, fields=fields) if fields else None
        return Content(text=flow["body"].words, press=press)
    return Content()


def _order(node: Node) -> Content:
    items = tuple(item for each in node["product_items"] if (item := _item(each)) is not None)
    return Content(text=node["text"].words, attachments=items)


def _item(node: Node) -> Attachment | None:
    """One line of an order: how many of what, and the price of one."""
    product = node["product_retailer_id"].words
    if not product:
        return None
    price = " ".join(filter(None, (node["item_price"].words, node["currency"].words)))
    amount = f"{(node['quantity']).words or '1'} × {product}"
    name = f"{amount}, {price}" if price else amount
    return Attachment(type=AttachmentType.SHARE, name=name)


def _product(node: Node) -> Attachment | None:
    product = node["product_retailer_id"].words
    return Attachment(type=AttachmentType.SHARE, name=product) if product else None


def _web(node: Node) -> str | None:
    url = node.words.strip()
    return url if url.lower().startswith(("https://", "http://")) else None


_READINGS: dict[str, Callable[[Node], Content]] = {
    "text": lambda node: Content(text=node["body"].words),
    "location": _place,
    "contacts": _contacts,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
}
