"""Approved templates: what is filled into the head, the text and the buttons.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.model.channel import AttachmentType
from bot.model.sending import TemplateButtonKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import JsonValue

    from bot.kit.meta.graph import Json
    from bot.model.channel import Attachment
    from bot.model.sending import TemplateButton, TemplateUse


_HEADS = {
    AttachmentType.IMAGE: "image",
    AttachmentType.VIDEO: "video",
    AttachmentType.FILE: "document",
}
_PARAMETERS = {
    TemplateButtonKind.REPLY: "payload",
    TemplateButtonKind.URL: "text",
    TemplateButtonKind.CODE: "coupon_code",
}


def body(use: TemplateUse) -> Json:
    """The message that a template is sent as."""
    components = [*_head(use), *_text(use), *map(_button, use.buttons)]
    shown: Json = {
        "name": use.name,
        "language": {"policy": "deterministic", "code": use.language},
    }
    if components:
        shown["components"] = components
    return {"type": "template", "template": shown}


def _head(use: TemplateUse) -> list[JsonValue]:
    parameters = _texts(use.header_parameters)
    if use.header is not None and (shown := _filled(use.header)):
        parameters = [shown]
    return [{"type": "header", "parameters": parameters}] if parameters else []


def _filled(head: Attachment) -> Json | None:
    if head.type is AttachmentType.LOCATION:
        place = head.model_dump(include={"latitude", "longitude", "name", "address"})
        return {"type": "location", "location": {k: v for k, v in place.items() if v is not None}}
    kind = _HEADS.get(head.type)
    if kind is None or not (head.url or head.media_id):
        return None
    shown: Json = {"link": head.url} if head.url else {"id": head.media_id}
    if head.name and kind == "document":
        shown["filename"] = head.name
    return {"type": kind, kind: shown}


def _text(use: TemplateUse) -> list[JsonValue]:
    if not use.parameters:
        return []
    return [{"type": "body", "parameters": _texts(use.parameters)}]


def _texts(values: Iterable[str]) -> list[JsonValue]:
    return [{"type": "text", "text": value} for value in values]


def _button(button: TemplateButton) -> JsonValue:
    name = _PARAMETERS[button.kind]
    parameter: Json = {"type": name, name: button.parameter}
    return {
        "type": "button",
        "sub_type": button.kind.value,
        "index": str(button.place),
        "parameters": [parameter],
    }
