"""Where a visit came from, and on what, told by addresses and by what a browser calls itself."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from bot.model.fact import TrafficSource

# What advertisers' systems add to the links that they are paid for. Facebook's `fbclid` is not
# among them: it is on every link out of there, paid or not.
_PAID_CLICK: Final = frozenset({"gclid", "gbraid", "wbraid", "dclid", "msclkid", "ttclid"})
_PAID_MEDIUM: Final = re.compile(
    r".*(cpc|ppc|cpm|cpv|paid|retarget|display|banner|affiliate).*", re.IGNORECASE
)
_ORGANIC_MEDIUM: Final = frozenset({"organic"})
# Their pages of results; other hosts of theirs (mail, documents) are ordinary sites.
_ENGINES: Final = re.compile(
    r"(www\.)?("
    r"google\.([a-z]{2,3}|com?\.[a-z]{2})|bing\.com|duckduckgo\.com|ecosia\.org|"
    r"baidu\.com|qwant\.com|startpage\.com|kagi\.com|yandex\.[a-z]{2,3}|swisscows\.com"
    r")|cn\.bing\.com|m\.baidu\.com|([a-z]{2,3}\.)?search\.yahoo\.com|search\.brave\.com"
    r"|com\.google\.android\.googlequicksearchbox"
)
_CAMPAIGN: Final = 100
_PAGE: Final = 500
# The most special first: nearly all say that they are Chrome or Safari too.
_BROWSERS: Final = (
    ("edge", re.compile(r"\bEdg(e|A|iOS)?/")),
    ("opera", re.compile(r"\bOP(R|T|X|iOS)/|\bOpera\b")),
    ("samsung", re.compile(r"\bSamsungBrowser/")),
    ("firefox", re.compile(r"\b(Firefox|FxiOS)/")),
    ("chrome", re.compile(r"\b(Chrome|CriOS|Chromium)/")),
    ("safari", re.compile(r"\bVersion/\S+ .*\bSafari/|\b(iPhone|iPad).*AppleWebKit/")),
)


_NAMES: Final = {
    "edge": "Edge",
    "opera": "Opera",
    "samsung": "Samsung Internet",
    "firefox": "Firefox",
    "chrome": "Chrome",
    "safari": "Safari",
}
# Android and ChromeOS say Linux too, iPads may say Macintosh and Mobile.
_SYSTEMS: Final = (
    ("iOS", re.compile(r"\b(iPhone|iPad|iPod)\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMacintosh\b")),
    ("Linux", re.compile(r"\bLinux\b")),
)


class Traffic(NamedTuple):
    """How somebody came to a page; `referrer` is a host that is not the page's own."""

    source: TrafficSource
    referrer: str | None = None
    campaign: str | None = None


def page_of(url: str) -> str | None:
    """Host and path of a page, without query and fragment; None for what is no web page."""
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return f"{_host(parts)}{parts.path or '/'}"[:_PAGE]


def traffic(url: str, referrer: str) -> Traffic:
    """Where a visit to this page came from.

    What is paid says so itself: in the address, by `utm_medium` or an advertiser's click id. Else a
    search engine before the page is organic, another site a referral; a page that was reached from
    its own site, or from nowhere, is direct.
    """
    parts = _split(url)
    asked = {} if parts is None else dict(parse_qsl(parts.query))
    campaign = asked.get("utm_campaign", "").strip()[:_CAMPAIGN] or None
    host = _other_host(referrer, parts)
    return Traffic(_source(asked, host), host, campaign)


def device(user_agent: str) -> str | None:
    """A kind of device and a family of browsers, `phone/safari`; None when nothing is said."""
    if not user_agent:
        return None
    return f"{_kind(user_agent)}/{_browser(user_agent) or 'other'}"


def browser(user_agent: str) -> str | None:
    """A family of browsers as people know it, or None."""
    found = _browser(user_agent)
    return None if found is None else _NAMES[found]


def system(user_agent: str) -> str | None:
    """An operating system as people know it, or None."""
    return next((name for name, shape in _SYSTEMS if shape.search(user_agent)), None)


def _browser(user_agent: str) -> str | None:
    return next((name for name, shape in _BROWSERS if shape.search(user_agent)), None)


def _kind(user_agent: str) -> str:
    if re.search(r"\b(iPad|Tablet|Kindle)\b", user_agent):
        return "tablet"
    if "Android" in user_agent:
        return "phone" if "Mobile" in user_agent else "tablet"
    return "phone" if re.search(r"\b(iPhone|iPod|Mobile)\b", user_agent) else "desktop"


def _source(asked: dict[str, str], host: str | None) -> TrafficSource:
    medium = asked.get("utm_medium", "").strip()
    if _PAID_CLICK & asked.keys() or _PAID_MEDIUM.fullmatch(medium):
        return TrafficSource.PAID
    if medium.lower() in _ORGANIC_MEDIUM or (host is not None and _ENGINES.fullmatch(host)):
        return TrafficSource.ORGANIC
    if medium or asked.get("utm_source") or "fbclid" in asked or host is not None:
        return TrafficSource.REFERRAL
    return TrafficSource.DIRECT


def _other_host(referrer: str, page: SplitResult | None) -> str | None:
    parts = _split(referrer)
    if parts is None or not parts.hostname or parts.scheme not in {"http", "https", "android-app"}:
        return None
    host = _host(parts)
    return None if page is not None and _bare(host) == _bare(_host(page)) else host


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 - raises for one that is none
    except ValueError:
        return None
    return parts


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _bare(host: str) -> str:
    return host.removeprefix("www.")
