"""Cases of kind `outgoing`: a message in, calls out, an end."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bot.errors import ConfigError
from bot.hub import gate
from bot.kit import failures
from bot.model.channel import Address, Attachment, AttachmentType
from bot.model.ids import SendId
from bot.model.sending import (
    Choice,
    ChoiceKind,
    Delivery,
    Failure,
    FailureKind,
    HttpCall,
    Lost,
    Origin,
    Outbound,
    PartSent,
    Refused,
    Reply,
    Retry,
    Sent,
    TemplateButton,
    TemplateButtonKind,
    TemplateUse,
    Unreachable,
    Unreached,
)
from tests.corpus import adapters, calls

if TYPE_CHECKING:
    from bot.model.sending import CallResult
    from bot.ports import Channel
    from tests.corpus.cases import Case, Json

_MOST_CALLS = 100
_OUR_NAMES = {"document": "file"}
_HEADS = {
    "image": AttachmentType.IMAGE,
    "video": AttachmentType.VIDEO,
    "document": AttachmentType.FILE,
}


@dataclass
class Happened:
    """What sending a message did."""

    made: list[HttpCall] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    delivery: Delivery = field(default_factory=Sent)

    @property
    def status(self) -> str:
        match self.delivery:
            case Sent():
                return "sent"
            case Retry():
                return "retry"
            case _:
                return "failed"

    @property
    def failure(self) -> Failure | None:
        return None if isinstance(self.delivery, Sent) else self.delivery.failure


def run(case: Case) -> list[str]:
    """What is not as the case expects."""
    responses = calls.Responses(case.data["provider_responses"])
    happened = _happened(case, responses)
    return [
        *_end(case.expect, happened),
        *calls.compare(case.data["expect_requests"], happened.made, case.data),
    ]


def _happened(case: Case, responses: calls.Responses) -> Happened:
    try:
        channel = adapters.adapter(case)
    except (ConfigError, ValidationError) as error:
        return Happened(delivery=failures.refused(FailureKind.CONFIG, message=str(error)))
    now = adapters.clock(case)
    context = case.data.get("context") or {}
    message, lost = outbound(case.data["message"], context, channel=case.channel, at=now)
    failure = gate.check(
        message, channel.capabilities, refused=bool(context.get("opted_out")), now=now
    )
    if failure is not None:
        return Happened(delivery=Refused(failure=failure))
    happened = drive(channel, message, responses)
    happened.warnings = lost + happened.warnings
    return happened


def outbound(
    data: Json, context: Json, *, channel: str, at: datetime
) -> tuple[Outbound, list[str]]:
    """A message in our words, and what of it has no word of ours (refused before any channel)."""
    choices, lost = _choices(data.get("quick_replies") or [])
    last = context.get("last_inbound_at", at.isoformat())
    made = Outbound(
        id=SendId.of(channel, json.dumps(data, sort_keys=True)),
        to=Address(channel=channel, account=adapters.ACCOUNT, user=data["to"]),
        text=data.get("text") or "",
        choices=choices,
        attachments=tuple(_attachment(each) for each in data.get("attachments") or []),
        template=_template(data.get("template")),
        origin=Origin(data.get("origin", "bot")),
        language=data.get("locale"),
        in_reply_to=data.get("in_reply_to"),
        recipient_token=data.get("recipient_token"),
        at=at,
        last_inbound_at=None if last is None else datetime.fromisoformat(last).astimezone(UTC),
    )
    return made, lost


def _choices(replies: list[Json]) -> tuple[tuple[Choice, ...], list[str]]:
    kinds = {kind.value for kind in ChoiceKind}
    lost = [f"no choice of kind {reply['type']}" for reply in replies if reply["type"] not in kinds]
    choices = tuple(
        Choice(
            title=reply.get("text") or "",
            description=reply.get("extra") if reply["type"] == "text" else None,
            kind=ChoiceKind(reply["type"]),
            url=reply.get("url") or (reply.get("extra") if reply["type"] != "text" else None),
        )
        for reply in replies
        if reply["type"] in kinds
    )
    return choices, lost


def _attachment(data: Json) -> Attachment:
    kind = str(_OUR_NAMES.get(data["type"], data["type"]))
    try:
        known = AttachmentType(kind)
    except ValueError:
        known = AttachmentType.FILE
    return Attachment(type=known, url=data.get("url"), mime=data.get("mime"), name=data.get("name"))


def _template(data: Json | None) -> TemplateUse | None:
    if data is None:
        return None
    named = TemplateUse(
        name=data["name"], language=data["language"], external_id=data.get("provider_id")
    )
    for component in data.get("components") or []:
        named = _filled(named, component)
    return named


def _filled(template: TemplateUse, component: Json) -> TemplateUse:
    """A template with the variables of one more component."""
    variables = component.get("variables") or {}
    given = [variables[key] for key in sorted(variables, key=_place)]
    values = tuple(each["value"] for each in given)
    kind, _, what = component["type"].partition("/")
    # A provider that keeps templates itself numbers all variables in one row.
    if template.external_id or kind not in {"header", "button"}:
        return template.model_copy(update={"parameters": (*template.parameters, *values)})
    if kind == "header" and given and given[0]["type"] in _HEADS:
        mime, _, url = values[0].partition(":")
        header = Attachment(type=_HEADS[given[0]["type"]], url=url, mime=mime)
        return template.model_copy(update={"header": header})
    if kind == "header":
        return template.model_copy(update={"header_parameters": values})
    place = int(re.sub(r"\D", "", component["name"]) or 0)
    buttons = [
        TemplateButton(place=place, kind=TemplateButtonKind(what), parameter=value)
        for value in values
    ]
    return template.model_copy(update={"buttons": (*template.buttons, *buttons)})


def _place(key: str) -> tuple[int, str]:
    found = re.search(r"\d+", key)
    return (int(found[0]) if found else 0, key)


def drive(channel: Channel, message: Outbound, responses: calls.Responses) -> Happened:
    """Send a message, answering each call as recorded."""
    happened = Happened()
    sending = channel.send(message)
    result: CallResult | None = None
    try:
        while len(happened.made) <= _MOST_CALLS:
            asked = sending.send(result)
            result = None
            if isinstance(asked, PartSent):
                happened.parts.append(asked.external_id)
            elif isinstance(asked, HttpCall):
                happened.made.append(asked)
                result = answer(responses.to(asked.url))
            else:
                result = Lost(reason="the corpus has no socket")
    except StopIteration as stop:
        happened.delivery = stop.value
        if isinstance(happened.delivery, Sent):
            happened.warnings = list(happened.delivery.warnings)
    return happened


def answer(response: Json | None) -> CallResult:
    """A recorded response as the wire gives it."""
    if response is None:
        return Unreached(reason="the case expects no request")
    if response.get("connection_error"):
        return Unreached(reason="connection error")
    return Reply(
        status=response["status"],
        headers=tuple((response.get("headers") or {}).items()),
        body=(response.get("body") or "").encode(),
    )


def _end(expect: Json, happened: Happened) -> list[str]:
    problems = []
    allowed = expect.get("status_any") or [expect["status"]]
    if happened.status not in allowed:
        problems.append(f"ended as {happened.status} ({happened.delivery}), expected {allowed}")
    elif happened.status == expect["status"]:
        problems += _failure(expect, happened)
    problems += _ids(expect, happened)
    if expect.get("warnings") and happened.status == "sent" and not happened.warnings:
        problems.append("nobody is told that something could not be sent")
    wait = expect.get("retry_after_s")
    if wait is not None:
        after = happened.delivery.after if isinstance(happened.delivery, Retry) else None
        if after is None or after.total_seconds() < wait:
            problems.append(f"to be tried again after {after}, expected not before {wait} s")
    for event in expect.get("events") or []:
        problems += _event(event, happened)
    return problems


def _failure(expect: Json, happened: Happened) -> list[str]:
    wanted = expect.get("error")
    if not wanted:
        return []
    failure = happened.failure
    if failure is None:
        return [f"no failure, expected {wanted}"]
    kinds = expect.get("error_kind_any") or [wanted["kind"]]
    problems = []
    if failure.kind.value not in kinds:
        problems.append(f"failed as {failure.kind.value} ({failure.message}), expected {kinds}")
    if "code" in wanted and failure.code != str(wanted["code"]):
        problems.append(f"the error code is {failure.code}, expected {wanted['code']}")
    if wanted.get("message") and wanted["message"] not in failure.message:
        problems.append(f"the reason is {failure.message!r}, expected {wanted['message']!r}")
    return problems


def _ids(expect: Json, happened: Happened) -> list[str]:
    wanted = expect.get("external_ids")
    if wanted is None:
        return []
    found = happened.parts
    if "external_ids_note" in expect or "split" in expect:
        wanted, found = wanted[:1], found[:1]
    return [] if wanted == found else [f"the parts' ids are {found}, expected {wanted}"]


def _event(event: Json, happened: Happened) -> list[str]:
    failure = happened.failure
    is_opt_out = (
        isinstance(happened.delivery, Unreachable)
        and failure is not None
        and failure.kind is FailureKind.OPTED_OUT
    )
    if event["type"] == "opt_out" and is_opt_out:
        return []
    return [f"event {event} not reported"]
