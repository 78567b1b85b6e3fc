"""Where visits came from and on what, case by case."""

from __future__ import annotations

import pytest

from bot.hub.traffic import Traffic, browser, device, page_of, system, traffic
from bot.model.fact import TrafficSource

DIRECT, REFERRAL = TrafficSource.DIRECT, TrafficSource.REFERRAL
ORGANIC, PAID = TrafficSource.ORGANIC, TrafficSource.PAID
SHOP = "https://shop.example.com/tents"


@pytest.mark.parametrize(
    ("query", "referrer", "wanted"),
    [
        # from nowhere, or from the site itself
        ("", "", Traffic(DIRECT)),
        ("?size=2&colour=red", "", Traffic(DIRECT)),
        ("", "https://shop.example.com/start?utm_medium=cpc", Traffic(DIRECT)),
        ("", "https://www.shop.example.com/", Traffic(DIRECT)),
        ("", "about:blank", Traffic(DIRECT)),
        ("", "javascript:alert(1)", Traffic(DIRECT)),
        ("", "https://[nonsense", Traffic(DIRECT)),
        ("", "https://a.example:99999/", Traffic(DIRECT)),
        # another site
        ("", "https://Blog.Example.ORG/best-tents?x=1#y", Traffic(REFERRAL, "blog.example.org")),
        ("", "https://mail.google.com/mail/u/0", Traffic(REFERRAL, "mail.google.com")),
        ("", "https://docs.google.com/", Traffic(REFERRAL, "docs.google.com")),
        ("", "https://google.com.evil.example/", Traffic(REFERRAL, "google.com.evil.example")),
        ("", "https://notbing.com/", Traffic(REFERRAL, "notbing.com")),
        ("?utm_source=newsletter&utm_medium=email", "", Traffic(REFERRAL)),
        ("?utm_source=partner", "", Traffic(REFERRAL)),
        # every link out of there has it
        ("?fbclid=abc", "", Traffic(REFERRAL)),
        ("?fbclid=abc", "https://l.facebook.com/", Traffic(REFERRAL, "l.facebook.com")),
        # search engines
        ("", "https://www.google.com/", Traffic(ORGANIC, "www.google.com")),
        ("", "https://www.google.se/search?q=tent", Traffic(ORGANIC, "www.google.se")),
        ("", "https://google.co.uk/", Traffic(ORGANIC, "google.co.uk")),
        ("", "https://www.bing.com/search?q=a", Traffic(ORGANIC, "www.bing.com")),
        ("", "https://duckduckgo.com/", Traffic(ORGANIC, "duckduckgo.com")),
        ("", "https://se.search.yahoo.com/", Traffic(ORGANIC, "se.search.yahoo.com")),
        ("", "https://www.ecosia.org/", Traffic(ORGANIC, "www.ecosia.org")),
        (
            "",
            "android-app://com.google.android.googlequicksearchbox/",
            Traffic(ORGANIC, "com.google.android.googlequicksearchbox"),
        ),
        ("?utm_source=google&utm_medium=organic", "", Traffic(ORGANIC)),
        # paid says so itself, whatever was before it
        ("?gclid=abc", "https://www.google.com/", Traffic(PAID, "www.google.com")),
        ("?gclid=", "", Traffic(DIRECT)),
        ("?wbraid=a", "", Traffic(PAID)),
        ("?msclkid=abc", "https://www.bing.com/", Traffic(PAID, "www.bing.com")),
        ("?utm_medium=CPC&utm_campaign=v%C3%A5r+26", "", Traffic(PAID, None, "vår 26")),
        ("?utm_medium=paid_social&fbclid=a", "", Traffic(PAID)),
        ("?utm_medium=paidsearch", "https://duckduckgo.com/", Traffic(PAID, "duckduckgo.com")),
        ("?utm_medium=retargeting", "", Traffic(PAID)),
        # campaigns are kept, and not more of them than a name
        ("?utm_campaign=spring", "", Traffic(DIRECT, None, "spring")),
        ("?utm_campaign=%20", "", Traffic(DIRECT)),
        (f"?utm_campaign={'x' * 500}", "", Traffic(DIRECT, None, "x" * 100)),
    ],
)
def test_where_a_visit_came_from(query: str, referrer: str, wanted: Traffic) -> None:
    assert traffic(SHOP + query, referrer) == wanted


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://shop.example.com", "shop.example.com/"),
        ("https://Shop.Example.com:8443/T%C3%A4lt/?token=s3cret#me", "shop.example.com/T%C3%A4lt/"),
        ("https://anna:hush@shop.example.com/a", "shop.example.com/a"),
        ("http://shop.example.com./a", "shop.example.com/a"),
        ("https://shop.example.com/" + "x" * 900, "shop.example.com/" + "x" * 483),
        ("ftp://shop.example.com/a", None),
        ("/tents", None),
        ("https://", None),
        ("https://[x", None),
        ("javascript:alert(1)", None),
    ],
)
def test_of_an_address_host_and_path_are_kept(url: str, page: str | None) -> None:
    assert page_of(url) == page


MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
GECKO = "Gecko/20100101 Firefox/132.0"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X)"
LIKE = "(KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "wanted"),
    [
        (f"{WINDOWS} {KIT} Chrome/130.0.0.0 Safari/537.36", "desktop/chrome"),
        (f"{WINDOWS} {KIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", "desktop/edge"),
        (f"{WINDOWS} {KIT} Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0", "desktop/opera"),
        (
            f"{MAC} AppleWebKit/605.1.15 {LIKE} Version/18.0 Safari/605.1.15",
            "desktop/safari",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
            "desktop/firefox",
        ),
        (f"{IPHONE} {LIKE} Version/18.0 Mobile/15E148 Safari/604.1", "phone/safari"),
        (f"{IPHONE} {LIKE} CriOS/130.0 Mobile/15E148 Safari/604.1", "phone/chrome"),
        (
            f"{IPHONE} {LIKE} FxiOS/132.0 Mobile/15E148 Safari/605.1.15",
            "phone/firefox",
        ),
        (f"{IPHONE} {LIKE} Mobile/15E148", "phone/safari"),
        (f"{ANDROID} Chrome/130.0.0.0 Mobile Safari/537.36", "phone/chrome"),
        (f"{ANDROID} Chrome/130.0.0.0 Mobile Safari/537.36 EdgA/130.0.0.0", "phone/edge"),
        (f"{ANDROID} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36", "phone/samsung"),
        (f"{ANDROID} Chrome/130.0.0.0 Safari/537.36", "tablet/chrome"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "phone/firefox"),
        (
            "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
            "tablet/safari",
        ),
        ("curl/8.5.0", "desktop/other"),
        ("", None),
    ],
)
def test_a_device_is_told_coarsely(user_agent: str, wanted: str | None) -> None:
    assert device(user_agent) == wanted


@pytest.mark.parametrize(
    ("user_agent", "wanted"),
    [
        (f"{WINDOWS} {KIT} Chrome/130.0.0.0 Safari/537.36", ("Chrome", "Windows")),
        (f"{WINDOWS} {KIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", ("Edge", "Windows")),
        (f"{MAC} AppleWebKit/605.1.15 {LIKE} Version/18.0 Safari/605.1.15", ("Safari", "macOS")),
        (f"{IPHONE} {LIKE} CriOS/130.0 Mobile/15E148 Safari/604.1", ("Chrome", "iOS")),
        (
            f"{ANDROID} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36",
            ("Samsung Internet", "Android"),
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64) {KIT} Chrome/130.0 Safari/537.36",
            ("Chrome", "ChromeOS"),
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Firefox/132.0", ("Firefox", "Linux")),
        ("curl/8.5.0", (None, None)),
        ("<b>Din bank</b>, https://onda.example", (None, None)),
        ("", (None, None)),
    ],
)
def test_a_browser_has_a_name_of_ours_or_none(
    user_agent: str, wanted: tuple[str | None, str | None]
) -> None:
    assert (browser(user_agent), system(user_agent)) == wanted
