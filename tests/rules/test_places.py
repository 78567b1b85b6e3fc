"""No file names the machine it was written on, or where packages are fetched from."""

from __future__ import annotations

import re

import pytest

from tests.rules.tree import project_files, text_of

# Put together from pieces, so that this file passes its own rule.
HOSTS = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "registry.npmjs" + ".org",
    "registry.yarnpkg" + ".com",
    "proxy.golang" + ".org",
    "deb.debian" + ".org",
    "jfrog" + ".io",
)
OPTIONS = ("--index-url", "--extra-index-url", "--trusted-host", "--find-links")
FOLDERS = ("root", "work", r"home/[\w.-]+", r"Users/[\w.-]+", "opt/pypi", "opt/wheels")

REFUSED = re.compile(
    "|".join(
        [
            *(rf"\b{re.escape(host)}" for host in HOSTS),
            *(rf"(?<!\w){option}[ =]+\S*[:/]" for option in OPTIONS),
            rf"(?<![\w.}})*/~-])/(?:{'|'.join(FOLDERS)})(?:/|\b)",
            r'"resolved": "https?:',
        ]
    )
)


def findings(text: str) -> list[str]:
    return [
        f"{number}: {match.group()}"
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := REFUSED.search(line))
    ]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {
        str(path): lines
        for path in project_files()
        if (text := text_of(path)) is not None and (lines := findings(text))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("see ../shared/style.md and bot/work/x and https://example.org/home/page", False),
        ("a docs/work/item or ${HOME}/work and ~/work", False),
        ("open('/" + "work/main/a')", True),
        ("cd /" + "root", True),
        ("/" + "home/anna/samtal", True),
        ("https://files." + HOSTS[1] + "/x", True),
        (OPTIONS[0] + " https://example.org/simple", True),
        ('"resolved": ' + '"https://example.org/a.tgz"', True),
    ],
)
def test_the_rule(line: str, *, refused: bool) -> None:
    assert bool(findings(line)) is refused
