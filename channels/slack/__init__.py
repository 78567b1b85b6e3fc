"""Slack apps, in the chat with one person: https://docs.slack.dev/apis/events-api/."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from bot.errors import ConfigError
from bot.kit import failures, fetching, forms, payload, proofs
from bot.kit.batch import distinct
from bot.model.channel import (
    Answer,
    AttachmentType,
    Capabilities,
    Forged,
    Ignored,
    Received,
    TextUnit,
    Unreadable,
    UnreadableReason,
)
from bot.model.sending import FailureKind, HttpCall, Lost, Media, MediaGone, PartSent, Reply, Sent
from channels.slack import interactions, sending
from channels.slack.reading import read

if TYPE_CHECKING:
    from bot.model.channel import Attachment, Request
    from bot.model.sending import Outbound
    from bot.ports import Fetching, Sending

__all__ = ["Adapter", "Settings"]

_OTHER_APP = Ignored(reason="other_account_ignored: meant for another app or workspace")


class Settings(BaseModel):
    """One Slack app in one workspace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bot_token: SecretStr = Field(
        min_length=1, description="Bot user token (`xoxb-...`); sends messages and gets files."
    )
    signing_secret: SecretStr | None = Field(
        default=None, description="Signing secret: proves requests by X-Slack-Signature."
    )
    unsigned: bool = Field(
        default=False,
        description="Accept requests without proof of origin. Anyone who knows the URL can then "
        "write as any customer: for tests only.",
    )
    app_id: str | None = Field(
        default=None,
        min_length=1,
        description="Id of the app (`A...`); with it, events of another app are left alone.",
    )
    team_id: str | None = Field(
        default=None,
        min_length=1,
        description="Id of the workspace (`T...`); with it, events of another one are left alone.",
    )
    max_text_length: int = Field(
        default=sending.LONGEST_TEXT,
        ge=1,
        le=sending.LONGEST_TEXT,
        description="Longest text of one message, in UTF-16 units; more is split.",
    )
    rate: float | None = Field(
        default=5.0, gt=0, description="Messages a second over all chats; none: no limit."
    )
    api_base: str = Field(
        default="https://slack.com/api", description="Base URL of the Web API, or a sandbox."
    )

    @model_validator(mode="after")
    def _proven(self) -> Self:
        """Refuse settings that would believe anybody."""
        if self.secret is None and not self.unsigned:
            raise ConfigError(
                "no signing_secret, so requests could not be proven",
                where="Slack account",
                mend="Set signing_secret (Slack app, Basic Information), or unsigned = true for "
                "tests",
            )
        return self

    @property
    def secret(self) -> str | None:
        """The secret that proves requests; None when they are not checked."""
        if self.unsigned or self.signing_secret is None:
            return None
        return self.signing_secret.get_secret_value() or None


class Adapter:
    """One app. Does no I/O and keeps no state."""

    name = "slack"

    def __init__(self, settings: Settings, *, account: str, public_base_url: str) -> None:
        self.account = account
        self.public_base_url = public_base_url
        self.capabilities = Capabilities(
            text_limit=settings.max_text_length,
            text_unit=TextUnit.UTF16,
            max_choices=sending.MOST_CHOICES,
            choice_title_limit=sending.LONGEST_TITLE,
            attachments=frozenset({AttachmentType.IMAGE}),
            rate=settings.rate,
            extended=frozenset({"edits", "deletions", "reactions", "commands", "echoes", "urls"}),
        )
        self._settings = settings

    def receive(self, request: Request) -> Received:
        """Prove a request and read it: an event, an interaction, a command, or the handshake."""
        if self._settings.secret is not None:
            reason = proofs.slack(
                secret=self._settings.secret,
                body=request.body,
                header=request.header("x-slack-signature"),
                timestamp=request.header("x-slack-request-timestamp"),
                now=request.received_at,
            )
            if reason is not None:
                answer = Answer(status=403, body=b"the signature does not match")
                return Received(events=(Forged(reason=reason),), answer=answer)
        callback = payload.read(request.body)
        if callback is not None and callback.is_object:
            return self._event(callback)
        return self._form(forms.read(request.body))

    def send(self, message: Outbound) -> Sending:
        """Send a message in as many parts as it takes, without those that left already."""
        parts, warnings = sending.plan(message, longest=self._settings.max_text_length)
        if not parts:
            return failures.refused(FailureKind.INVALID, message="; ".join(warnings))
        for index, part in enumerate(parts):
            if index < len(message.parts_sent):
                continue
            result = yield self._post({"channel": message.to.user, **part})
            outcome = sending.judge(
                result or Lost(reason="the call got no result"),
                unnamed=f"unnamed:{message.id}:{index}",
            )
            if not isinstance(outcome, PartSent):
                return outcome
            yield outcome
        return Sent(warnings=warnings)

    def fetch(self, attachment: Attachment) -> Fetching:
        """Get a file with the app's token; Slack answers with a page to log in where it has none.

        Source: https://docs.slack.dev/reference/objects/file-object
        """
        url, base = attachment.url, self._settings.api_base
        if not url and attachment.media_id:
            found = yield self._file_info(attachment.media_id)
            answer = payload.read(found.body) if isinstance(found, Reply) else None
            file = (answer or payload.Node())["file"]
            url = file["url_private_download"].text or file["url_private"].text
        got = yield from fetching.get(
            url,
            attachment,
            trusted=lambda place: fetching.is_at(place, base=base, domain="slack.com"),
            headers=(self._authorization,),
            secrets=(self._settings.bot_token,),
        )
        if isinstance(got, Media) and got.mime == "text/html" != attachment.mime:
            return MediaGone(reason="Slack asked to log in: does the app have files:read?")
        return got

    def deep_link(self, code: str) -> str | None:
        """None: Slack has no link that carries a text into a chat."""
        del code
        return None

    def _event(self, callback: payload.Node) -> Received:
        match callback["type"].text:
            case "url_verification":
                # https://docs.slack.dev/reference/events/url_verification
                challenge = callback["challenge"].text.encode("utf-8", "replace")
                return Received(answer=Answer(body=challenge))
            case "event_callback" if self._is_other(callback):
                return Received(events=(_OTHER_APP,))
            case "event_callback":
                return Received(events=(read(callback),))
            case "app_rate_limited":
                said = "channel_error: app_rate_limited, Slack holds events back"
                return Received(events=(Ignored(reason=said),))
            case kind:
                said = f"a request of the type {kind[:50]!r}"
                return _unreadable(UnreadableReason.UNKNOWN_EVENT, said)

    def _form(self, form: forms.Form) -> Received:
        if "payload" in form:
            interaction = payload.read(form.get("payload"))
            if interaction is None or not interaction.is_object:
                said = "the payload is no JSON object"
                return _unreadable(UnreadableReason.MALFORMED, said, status=400)
            return Received(events=distinct(interactions.read(interaction)))
        if "command" in form:
            return Received(events=(interactions.command(form),))
        if "ssl_check" in form:
            return Received(events=(Ignored(reason="event_ignored: ssl_check"),))
        said = "the body is neither a JSON object nor a form of Slack's"
        return _unreadable(UnreadableReason.MALFORMED, said, status=400)

    def _is_other(self, callback: payload.Node) -> bool:
        settings = self._settings
        wanted = ((settings.app_id, "api_app_id"), (settings.team_id, "team_id"))
        return any(ours and callback[name] and callback[name].text != ours for ours, name in wanted)

    @property
    def _authorization(self) -> tuple[str, str]:
        return ("Authorization", f"Bearer {self._settings.bot_token.get_secret_value()}")

    def _file_info(self, file: str) -> HttpCall:
        base = self._settings.api_base.rstrip("/")
        return HttpCall(
            method="GET",
            url=f"{base}/files.info?file={quote(file, safe='')}",
            headers=(self._authorization,),
            secrets=(self._settings.bot_token,),
        )

    def _post(self, fields: sending.Json) -> HttpCall:
        return HttpCall(
            method="POST",
            url=f"{self._settings.api_base.rstrip('/')}/chat.postMessage",
            headers=(self._authorization, ("Content-Type", "application/json; charset=utf-8")),
            body=json.dumps(fields).encode(),
            secrets=(self._settings.bot_token,),
        )


def _unreadable(reason: UnreadableReason, detail: str, *, status: int = 200) -> Received:
    event = Unreadable(reason=reason, detail=detail)
    return Received(events=(event,), answer=Answer(status=status))
