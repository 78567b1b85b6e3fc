"""Who is asking: client addresses behind proxies, and origins of pages."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from aiohttp import web

from bot.edge.settings import EdgeSettings, Network

_DEFAULT_PORTS = {"http": 80, "https": 443}


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _within(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def client_address(request: web.BaseRequest, *, trusted: Sequence[Network]) -> str:
    """The address of the client: the last one that no trusted proxy vouches away."""
    peer = _parse(request.remote or "")
    if peer is None:
        return "unknown"
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    while _within(peer, trusted) and hops:
        before = _parse(hops.pop())
        if before is None:
            break
        peer = before
    return str(peer)


def limit_key(address: str) -> str:
    """What to count a client under: the address, or for IPv6 its /64, which is one household."""
    parsed = _parse(address)
    if not isinstance(parsed, IPv6Address):
        return address
    return str(IPv6Address(int(parsed) >> 64 << 64))


def is_loopback_name(host: str) -> bool:
    """Whether a host's name is this machine's."""
    named = _parse(host)
    return host == "localhost" or (named is not None and named.is_loopback)


def is_loopback(request: web.BaseRequest) -> bool:
    """Whether the peer is this machine, named as this machine (against DNS rebinding)."""
    peer = _parse(request.remote or "")
    host = urlsplit(f"//{request.host}").hostname or ""
    local = is_loopback_name(host)
    forwarded = "X-Forwarded-For" in request.headers
    return peer is not None and peer.is_loopback and local and not forwarded


def own_origin(request: web.BaseRequest, settings: EdgeSettings) -> bool:
    """Whether a browser's request comes from a page of ours; no Origin means no browser page."""
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    ours = {_origin(settings.public_base_url), _origin(f"{request.scheme}://{request.host}")}
    return _origin(origin) in ours - {None}


def chat_origin(request: web.BaseRequest, settings: EdgeSettings) -> bool:
    """Whether a page may carry the web chat: ours, or one of the sites that embed it."""
    if own_origin(request, settings):
        return True
    allowed = {_origin(origin) for origin in settings.embed_origins}
    return _origin(request.headers.get("Origin", "")) in allowed


def on_site(url: str, request: web.BaseRequest, settings: EdgeSettings) -> bool:
    """Whether a page is of the site that the request's socket was opened on.

    A browser names that site as the origin; whoever names none is on a page of ours.
    """
    page, origin = _origin(url), request.headers.get("Origin")
    if origin is not None:
        return page is not None and page == _origin(origin)
    return page in {_origin(settings.public_base_url), *map(_origin, settings.embed_origins)} - {
        None
    }


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname or "", port) if parts.hostname else None
