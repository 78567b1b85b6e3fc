"""What an operator may turn at the edge."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from bot.edge.opening import Span
from bot.model.value import Value

Network = IPv4Network | IPv6Network


def _origin_or_base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        msg = f"{url!r} is no base URL; write it like https://chat.example.com"
        raise ValueError(msg)
    if parts.query or parts.fragment or parts.username:
        msg = f"{url!r} must have no query, fragment or user name"
        raise ValueError(msg)
    return url.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_origin_or_base)]


def _opening(text: str) -> str:
    Span.parse(text)
    return text


class Rate(Value):
    """A token bucket: `per_second` on average, up to `burst` at once."""

    per_second: float = Field(gt=0)
    burst: int = Field(ge=1)


class EdgeSettings(Value):
    """Addresses, limits and lifetimes of the edge; defaults are for one site behind a proxy."""

    public_base_url: BaseUrl = Field(
        "http://127.0.0.1:8080",
        description="URL that the world reaches this server by; webhook signatures cover it.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    drain_delay: timedelta = Field(
        timedelta(0),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="How long to listen on when stopping, so that balancers see `/readyz` first.",
    )
    site_name: str = Field("Fjällbutiken", description="Name shown on the pages.")
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Networks whose X-Forwarded-For is believed."
    )
    embed_origins: tuple[BaseUrl, ...] = Field(
        (), description="Origins of other sites that carry the web chat."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body taken.")
    body_timeout: timedelta = Field(
        timedelta(seconds=20), description="How long a request's body may take to arrive."
    )
    address_rate: Rate = Field(
        Rate(per_second=500, burst=5000),
        description="Webhook requests from one client address; a provider's come from a few.",
    )
    account_rate: Rate = Field(
        Rate(per_second=500, burst=5000), description="Webhook requests to one channel account."
    )
    visitor_rate: Rate = Field(
        Rate(per_second=1, burst=10), description="Events of one web chat visitor."
    )
    socket_rate: Rate = Field(
        Rate(per_second=20, burst=100), description="Web chat events from one client address."
    )
    connect_rate: Rate = Field(
        Rate(per_second=5, burst=50), description="New socket connections from one client address."
    )
    sockets_per_client: int = Field(
        200, ge=1, description="Sockets that one client address may have open."
    )
    opening_hours: tuple[Annotated[str, AfterValidator(_opening)], ...] = Field(
        (), description="When people answer, like `mon-fri 08:00-17:00`; none: nothing is said."
    )
    time_zone: str = Field(
        "Europe/Stockholm", description="Place whose clocks the opening hours go by."
    )
    file_bytes: int = Field(
        10_485_760, ge=1024, le=10_485_760, description="Largest file that may be uploaded."
    )
    client_files_an_hour: int = Field(
        200, ge=1, le=900, description="Files that one client address of visitors may upload."
    )
    codes_an_hour: int = Field(20, ge=1, description="Link codes that one visitor may ask for.")
    visits_a_day: int = Field(
        200, ge=0, le=900, description="Pages kept for a visitor and a day; 0 keeps none."
    )
    place_header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = Field(
        None, description="Header in which a proxy tells a visitor's country or region."
    )
    client_codes_an_hour: int = Field(
        20, ge=1, le=900, description="Link codes that one client address of visitors may try."
    )
    proofs_an_hour: int = Field(
        5, ge=1, le=900, description="Codes that one visitor may have sent to phone numbers."
    )
    client_proofs_an_hour: int = Field(
        20, ge=1, le=900, description="... and that all visitors of one client address may."
    )
    number_proofs_an_hour: int = Field(
        3, ge=1, le=900, description="Codes that are sent to one phone number."
    )
    text_limit: int = Field(4000, ge=1, description="Longest web chat text, in characters.")
    socket_max_bytes: int = Field(65_536, ge=1024, description="Largest packet of a socket.")
    backlog_bytes: int = Field(
        1_048_576, ge=4096, description="Unread bytes after which a socket is dropped."
    )
    resync_spread: timedelta = Field(
        timedelta(seconds=5),
        ge=timedelta(0),
        description="Over how long sockets come again after something may have been missed.",
    )
    session_lifetime: timedelta = Field(timedelta(hours=12), description="How long a log-in lasts.")
    cookie_secure: bool = Field(
        default=True, description="Send the session cookie over HTTPS only."
    )
    login_tries: int = Field(10, ge=1, description="Log-ins that one e-mail may try in the window.")
    client_login_tries: int = Field(
        60, ge=1, description="Log-ins that one client address may try in the window."
    )
    login_window: timedelta = Field(
        timedelta(minutes=15), description="Window of the log-in limit."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that /metrics asks for; none: open to whoever reaches it."
    )
    pages: bool = Field(
        default=True, description="Serve the browser apps: widget, console, sandbox's pages."
    )

    @model_validator(mode="after")
    def _has_its_zone(self) -> Self:
        if self.opening_hours:
            try:
                ZoneInfo(self.time_zone)
            except (ValueError, OSError, ZoneInfoNotFoundError):
                msg = f"time_zone: {self.time_zone!r} is not one of this machine's time zones"
                raise ValueError(msg) from None
        return self
