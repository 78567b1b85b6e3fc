"""Our channels, made from the corpus's neutral configuration."""

from __future__ import annotations

import importlib
import re
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pydantic import BaseModel

from bot.errors import ConfigError
from bot.model.channel import Request

if TYPE_CHECKING:
    from bot.ports import Channel
    from tests.corpus.cases import Case, Json

ACCOUNT = "demo"
PUBLIC_BASE_URL = "https://hub.example.com"
# When a case freezes no clock.
ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_SINCH_ACCOUNT = re.compile(
    r"(?P<api_base>https://[^/]+)/xms/v1/(?P<service_plan_id>[^/]+)/batches"
)


def exists(channel: str) -> bool:
    """Whether we have this channel."""
    return find_spec(f"channels.{channel}") is not None


def settings(channel: str, config: Json, *, unproven: bool) -> BaseModel:
    """Our settings from the neutral names; names we do not have are left out.

    `unproven`: go without proof of origin where its secret is missing. Raises ConfigError (or
    pydantic's ValidationError) as the settings do.
    """
    model: type[BaseModel] = importlib.import_module(f"channels.{channel}").Settings
    known = {key: value for key, value in config.items() if key in model.model_fields}
    try:
        return model.model_validate(known)
    except ConfigError:
        if not unproven:
            raise
        return model.model_validate(known | {"unsigned": True})


def adapter(case: Case) -> Channel:
    """The channel of a case, configured as it says; raises as `settings` does."""
    config = case.config | _account_recorded(case)
    made = settings(case.channel, config, unproven=case.data.get("signing") is None)
    return build(case.channel, made, public_base_url=base_url(case.config))


def _account_recorded(case: Case) -> Json:
    """The account whose calls a case shows, where that is not the one its configuration names.

    Outgoing cases of Sinch are recorded with one service plan and configured with another, so that
    no channel could make the calls they expect: they run with the plan, token and host recorded.
    """
    if (case.channel, case.kind) != ("sinch_sms", "outgoing"):
        return {}
    found: Json = {}
    for call in case.data.get("expect_requests") or []:
        account = _SINCH_ACCOUNT.fullmatch(call.get("url") or "")
        found |= account.groupdict() if account else {}
        token = (call.get("headers") or {}).get("Authorization", "")
        found |= {"api_token": token.removeprefix("Bearer ")} if token else {}
    return found


def build(channel: str, made: BaseModel, *, public_base_url: str) -> Channel:
    """A channel from settings."""
    built: Channel = importlib.import_module(f"channels.{channel}").Adapter(
        made, account=ACCOUNT, public_base_url=public_base_url
    )
    return built


def base_url(config: Json) -> str:
    return str(config.get("public_base_url") or PUBLIC_BASE_URL)


def clock(case: Case) -> datetime:
    """The frozen moment of a case."""
    return moment(case.data.get("clock"))


def moment(seconds: float | None) -> datetime:
    return ANY_DAY if seconds is None else datetime.fromtimestamp(seconds, UTC)


def request(data: dict[str, Any], *, config: Json, at: datetime) -> Request:
    """A recorded request as our edge hands it on: the public URL, names in lower case."""
    query = data.get("query") or ""
    url = base_url(config).rstrip("/") + data["path"] + (f"?{query}" if query else "")
    return Request(
        method=data["method"],
        url=url,
        path=data["path"],
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers=tuple((name.lower(), value) for name, value in (data["headers"] or {}).items()),
        body=(data["body"] or "").encode("utf-8", "surrogatepass"),
        received_at=at,
    )
