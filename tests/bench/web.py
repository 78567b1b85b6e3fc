"""`python -m tests.bench.web [--json FILE]`: what the browser apps weigh, and how soon they serve.

`make bench-web` builds and runs it. Sizes are packed as the server packs them. A page serves when
what a person wants first is there and the browser has nothing else to do: the log-in form of the
console, the chat's button in the shop. Exit code 1 when an app is heavier than its budget.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from tests.bench.report import Target
from tests.browser.kit import browsing
from tests.edge.house import ROOT, house

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Browser

STATIC = ROOT / "bot/edge/static"
KB = 1000
BUDGETS = {("widget", "js"): 60, ("console", "js"): 260, ("console", "css"): 45}
SLOWER = 4  # a telephone, against this machine
_TIMES = 5
_IN_PAGE = re.compile(r"""(?:src|href)="?/(?:static/)?([\w.-]+\.(?:js|css))\b""")
_IMPORTED = re.compile(r"""\b(?:import|from)\s*["'](?:\./|/static/)([\w.-]+\.js)["']""")
_FIRST = {
    "console, log-in": ("/desk", "input[type=password]"),
    "widget, in the shop": ("/", "samtal-chat"),
}
# A widget's button is in its shadow root, which is filled as soon as its element is there.
_WATCH = """
window.__serves = new Promise((resolve) => {
  const seen = new MutationObserver(() => {
    const found = document.querySelector(%s);
    if (!found || (found.shadowRoot && !found.shadowRoot.querySelector("button"))) return;
    seen.disconnect();
    requestIdleCallback(() => resolve(performance.now()));
  });
  seen.observe(document, { childList: true, subtree: true });
});
"""
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What a browser loads before an app shows; packed, in kB of 1,000 bytes."""

    app: str
    files: int
    js: float
    css: float

    def targets(self) -> Iterator[Target]:
        for kind, value in (("js", self.js), ("css", self.css)):
            limit = BUDGETS.get((self.app, kind))
            if limit is not None:
                yield Target(f"{self.app}, {kind}", value, limit, "kB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long a page took to serve, cold, in ms: the median."""

    page: str
    plain: float
    slow: float


def weights(static: Path = STATIC) -> list[Weight]:
    """All apps."""
    return [
        _weight("widget", {"widget.js"}, static),
        *(
            _weight(app, _of_page((static / f"{app}.html").read_text("utf-8")), static)
            for app in ("console", "phones", "shop")
        ),
    ]


def _of_page(html: str) -> set[str]:
    return set(_IN_PAGE.findall(html)) - {"widget.js"}  # it is an app of its own


def _weight(app: str, first: set[str], static: Path) -> Weight:
    waiting, loaded = set(first), set[str]()
    while waiting:
        name = waiting.pop()
        loaded.add(name)
        if name.endswith(".js"):
            text = (static / name).read_text("utf-8")
            waiting |= set(_IMPORTED.findall(text)) - loaded
    return Weight(
        app=app,
        files=len(loaded),
        js=_packed(static, loaded, ".js"),
        css=_packed(static, loaded, ".css"),
    )


def _packed(static: Path, names: set[str], suffix: str) -> float:
    files = [(static / name).read_bytes() for name in names if name.endswith(suffix)]
    return sum(len(gzip.compress(body, mtime=0)) for body in files) / KB


async def waits() -> list[Wait]:
    """All pages that somebody waits for."""
    async with house() as server, browsing() as browser:
        return [
            Wait(
                page=name,
                plain=await _median(browser, server.base + path, wanted, slower=1),
                slow=await _median(browser, server.base + path, wanted, slower=SLOWER),
            )
            for name, (path, wanted) in _FIRST.items()
        ]


async def _median(browser: Browser, url: str, wanted: str, *, slower: int) -> float:
    return statistics.median([await _once(browser, url, wanted, slower) for _ in range(_TIMES)])


async def _once(browser: Browser, url: str, wanted: str, slower: int) -> float:
    context = await browser.new_context(locale="sv-SE")
    try:
        page = await context.new_page()
        await page.add_init_script(_WATCH % json.dumps(wanted))
        devtools = await context.new_cdp_session(page)
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        await page.goto(url, wait_until="commit")
        async with asyncio.timeout(_PATIENCE):
            return float(await page.evaluate("window.__serves"))
    finally:
        await context.close()


def table(sizes: list[Weight], times: list[Wait]) -> Iterator[str]:
    """Everything, for eyes."""
    yield f"{'packed, first load':<22}{'files':>6}{'js kB':>9}{'css kB':>9}"
    for size in sizes:
        yield f"{size.app:<22}{size.files:>6}{size.js:>9.1f}{size.css:>9.1f}"
    yield ""
    yield f"{'serves after':<22}{'ms':>6}{f'ms, CPU / {SLOWER}':>18}"
    for time in times:
        yield f"{time.page:<22}{time.plain:>6.0f}{time.slow:>18.0f}"
    yield ""
    for target in _targets(sizes):
        yield target.line()


def _targets(sizes: list[Weight]) -> list[Target]:
    return [target for size in sizes for target in size.targets()]


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    given = parser.parse_args()
    if not (STATIC / "console.html").is_file():
        parser.error("the browser apps are not built: `make web` builds them")
    with capture_logs():  # a line for each request hides the figures
        sizes, times = weights(), asyncio.run(waits())
    if given.json:
        judged = [{**asdict(target), "met": target.met} for target in _targets(sizes)]
        figures = {
            "sizes": [asdict(size) for size in sizes],
            "waits": [asdict(time) for time in times],
            "targets": judged,
        }
        given.json.write_text(json.dumps(figures, indent=2), "utf-8")
    print("\n".join(table(sizes, times)))
    return 0 if all(target.met for target in _targets(sizes)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
