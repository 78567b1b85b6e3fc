"""Telegram played on the loopback, on its real wire format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import JsonValue

from bot.kit import forms, payload
from bot.kit.split import measure
from bot.model.channel import Answer, Request, TextUnit
from bot.model.phone import PhoneChoice, PhoneShows, ProviderTook
from channels.telegram.sending import LONGEST_TEXT

if TYPE_CHECKING:
    from datetime import datetime

    from bot.kit.forms import Form
    from bot.model.phone import PhoneWrites
    from channels.telegram import Settings

_UPDATES_FROM = 100_000_000
_FILE_FIELDS = ("photo", "video", "audio", "voice", "document", "animation", "sticker")
_JSON = "application/json"
_DONE: JsonValue = True


class Loopback:
    """One bot's Telegram: sends its updates, takes its calls."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.bot_token.get_secret_value()
        self._secret = settings.secret

    def write(self, writes: PhoneWrites, *, url: str, at: datetime, number: int) -> Request:
        """The update that Telegram posts; a press is a callback query, a ref comes with /start."""
        who = _user(writes)
        message: dict[str, JsonValue] = {
            "message_id": number,
            "from": who,
            "chat": {**who, "type": "private"},
            "date": int(at.timestamp()),
            "text": f"/start {writes.ref}" if writes.ref is not None else writes.text,
        }
        update: dict[str, JsonValue] = {"update_id": _UPDATES_FROM + number}
        if writes.payload is None:
            update["message"] = message
        else:
            update["callback_query"] = _press(writes, who, number)
        headers = [("content-type", _JSON)]
        if self._secret is not None:
            headers.append(("x-telegram-bot-api-secret-token", self._secret))
        return Request(
            method="POST",
            url=url,
            path=urlsplit(url).path,
            headers=tuple(headers),
            body=json.dumps(update).encode(),
            received_at=at,
        )

    def take(self, request: Request, *, url: str, number: int) -> ProviderTook:
        """Answer a call of the Bot API and show what it sends."""
        del url  # Telegram posts no receipts
        steps = request.path.strip("/").split("/")
        if f"bot{self._token}" not in steps:
            return ProviderTook(answer=_refusal(401, "Unauthorized"))
        if steps[0] == "file":
            return ProviderTook(
                answer=Answer(body=b"file", content_type="application/octet-stream")
            )
        form = forms.read(request.body)
        method = steps[-1]
        if method == "getFile":
            return ProviderTook(
                answer=_result({"file_id": form.get("file_id"), "file_path": "documents/file.bin"})
            )
        if not method.startswith("send"):
            return ProviderTook(answer=_result(_DONE))
        return self._send(form, number)

    def _send(self, form: Form, number: int) -> ProviderTook:
        chat, text = form.get("chat_id"), form.get("text") or form.get("caption")
        if not chat:
            return ProviderTook(answer=_refusal(400, "Bad Request: chat_id is empty"))
        if measure(text, TextUnit.UTF16) > LONGEST_TEXT:
            return ProviderTook(answer=_refusal(400, "Bad Request: message is too long"))
        files = tuple(form.get(name) for name in _FILE_FIELDS if name in form)
        if not text and not files and "latitude" not in form and "phone_number" not in form:
            return ProviderTook(answer=_refusal(400, "Bad Request: message text is empty"))
        shows = PhoneShows(
            user=chat,
            text=text,
            choices=_choices(form.get("reply_markup")),
            attachments=files or _places(form),
        )
        sent: dict[str, JsonValue] = {"message_id": number, "chat": {"id": chat, "type": "private"}}
        return ProviderTook(answer=_result(sent), shows=(shows,))


def _user(writes: PhoneWrites) -> dict[str, JsonValue]:
    digits = writes.user.removeprefix("-").isdecimal() and writes.user.isascii()
    return {
        "id": int(writes.user) if digits else writes.user,
        "is_bot": False,
        "first_name": writes.name or "Customer",
    }


def _press(writes: PhoneWrites, who: dict[str, JsonValue], number: int) -> dict[str, JsonValue]:
    data = writes.payload or ""
    button: dict[str, JsonValue] = {"text": writes.text or data, "callback_data": data}
    message: dict[str, JsonValue] = {
        "message_id": number,
        "chat": {**who, "type": "private"},
        "reply_markup": {"inline_keyboard": [[button]]},
    }
    return {"id": f"press-{number}", "from": who, "message": message, "data": data}


def _choices(markup: str) -> tuple[PhoneChoice, ...]:
    keyboard = payload.read(markup) or payload.Node()
    rows = [*keyboard["keyboard"], *keyboard["inline_keyboard"]]
    return tuple(
        PhoneChoice(
            title=button["text"].text,
            payload=button["callback_data"].text or None,
            url=button["url"].text or None,
        )
        for row in rows
        for button in row
    )


def _places(form: Form) -> tuple[str, ...]:
    if "latitude" in form:
        return (f"{form.get('latitude')},{form.get('longitude')}",)
    return (form.get("phone_number"),) if "phone_number" in form else ()


def _result(result: JsonValue) -> Answer:
    return Answer(body=json.dumps({"ok": True, "result": result}).encode(), content_type=_JSON)


def _refusal(code: int, why: str) -> Answer:
    body = {"ok": False, "error_code": code, "description": why}
    return Answer(status=code, body=json.dumps(body).encode(), content_type=_JSON)
