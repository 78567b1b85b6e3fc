"""The browser apps stay as light as they were promised to be; `make bench-web` measures more."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING

from tests.bench.web import BUDGETS, weights

if TYPE_CHECKING:
    from pathlib import Path


def test_every_app_is_within_its_budget() -> None:
    found = {weight.app: weight for weight in weights()}
    assert set(found) == {"widget", "console", "phones", "shop"}
    over = [
        target.line() for weight in found.values() for target in weight.targets() if not target.met
    ]
    assert over == []
    assert len([target for weight in found.values() for target in weight.targets()]) == len(BUDGETS)


def test_what_is_loaded_first_is_counted_and_what_comes_later_is_not(tmp_path: Path) -> None:
    files = {
        "widget.js": noise(2000),
        "phones.html": "",
        "shop.html": '<script src="/widget.js" defer></script>',
        "console.html": (
            '<script type="module" crossorigin src="/static/console-a.js"></script>'
            '<link rel="stylesheet" crossorigin href="/static/console-a.css">'
        ),
        "console-a.js": (
            f'import{{a as b}}from"./console-b.js";import("./console-later.js");{noise(3000)}'
        ),
        "console-b.js": f'import"./console-a.js";{noise(4000)}',
        "console-later.js": noise(90_000),
        "console-a.css": noise(1000),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    widget, console, phones, shop = weights(tmp_path)
    assert widget.js == len(gzip.compress(files["widget.js"].encode(), mtime=0)) / 1000
    packed = [gzip.compress(files[f"console-{one}.js"].encode(), mtime=0) for one in "ab"]
    assert console.js == sum(map(len, packed)) / 1000
    assert (console.files, console.css > 0.5) == (3, True)
    assert (phones.js, shop.js, shop.files) == (0, 0, 0)


def noise(length: int) -> str:
    """Text that does not pack well, the same each time."""
    return "".join(random.Random(length).choices("abcdefghijklmnop", k=length))
