"""From one socket event to what a visitor did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from bot.kit import payload
from bot.kit.text import clean
from bot.model.channel import (
    Inbound,
    Press,
    PressKind,
    Receipt,
    ReceiptStatus,
    Sender,
    Started,
    Unreadable,
    UnreadableReason,
)
from channels.webchat.shapes import FromVisitor

if TYPE_CHECKING:
    from bot.kit.payload import Node
    from bot.model.channel import ChannelEvent, Request

_RECEIPTS = {"delivered": ReceiptStatus.DELIVERED, "read": ReceiptStatus.READ}


def read(request: Request, *, longest: int) -> ChannelEvent:
    """The event of a visitor; `longest` is the most characters a text may have."""
    said = _said(payload.read(request.body) or payload.Node())
    if isinstance(said, Unreadable):
        return said
    problem = _problem(said, longest)
    if problem is not None:
        return _unreadable(problem)
    if said.event in _RECEIPTS:
        return Receipt(
            external_id=said.entry or "", status=_RECEIPTS[said.event], at=request.received_at
        )
    # One visitor's browser numbers its own: another's may use the same ids.
    key = f"{said.visitor}:{said.id}"
    sender = Sender(user=said.visitor, name=said.name or None, language=said.language or None)
    if said.event == "started":
        return Started(sender=sender, dedupe_key=key, ref=said.ref or None, at=request.received_at)
    return Inbound(
        sender=sender,
        dedupe_key=key,
        external_id=said.id,
        text=said.text,
        attachments=said.files,
        at=request.received_at,
        reply_to=said.reply_to,
        press=_press(said),
    )


def _said(node: Node) -> FromVisitor | Unreadable:
    """The event with its texts fit to be stored; what we do not know in it is left out."""
    if not node.is_object:
        return _unreadable("the event is no JSON object")
    names = [name for name in FromVisitor.model_fields if node[name]]
    values = {name: _value(node[name], name) for name in names}
    try:
        return FromVisitor.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(clean(str(step)) for step in first["loc"])
        return _unreadable(f"{place}: {first['msg']}")


def _value(node: Node, name: str) -> str | dict[str, str] | list[dict[str, str]]:
    match name:
        case "fields":
            return _texts(node)
        case "files":
            return [_texts(each) for each in node]
        case _:
            return clean(node.text)


def _texts(node: Node) -> dict[str, str]:
    return {clean(name): clean(node[name].text or node[name].json) for name in node.keys}


def _problem(said: FromVisitor, longest: int) -> str | None:
    if len(said.text) > longest:
        return f"text: {len(said.text)} characters, {longest} is the limit"
    lacking = {
        "message": said.text.strip() or said.files,
        "press": said.payload,
        "form": said.fields,
        "delivered": said.entry,
        "read": said.entry,
    }
    if not lacking.get(said.event, True):
        needs = {"message": "text or files", "press": "payload", "form": "fields"}.get(
            said.event, "entry"
        )
        return f"{needs}: a {said.event} needs it"
    return None


def _press(said: FromVisitor) -> Press | None:
    match said.event:
        case "press":
            return Press(kind=PressKind.BUTTON, payload=said.payload)
        case "form":
            return Press(kind=PressKind.FORM, fields=tuple(said.fields.items()))
        case _:
            return None


def _unreadable(detail: str) -> Unreadable:
    return Unreadable(reason=UnreadableReason.MALFORMED, detail=detail)
