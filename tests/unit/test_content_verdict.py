"""Every verdict that the hub can give is known to the console, in both its languages."""

from __future__ import annotations

import re
from pathlib import Path

from bot.hub.content.verdict import Verdict

CONSOLE = Path(__file__).resolve().parents[2] / "web/console/src"


def test_the_console_translates_each_verdict_and_no_other() -> None:
    source = (CONSOLE / "verdicts.ts").read_text("utf-8")
    pairs = dict(re.findall(r'^  "(.+)": "(verdict\.\w+)",$', source, re.MULTILINE))
    assert set(pairs) == {one.value for one in Verdict}
    assert len(set(pairs.values())) == len(Verdict)
    texts = (CONSOLE / "texts.ts").read_text("utf-8")
    for verdict, key in pairs.items():
        words = re.findall(rf'^  "{re.escape(key)}": "(.+)",$', texts, re.MULTILINE)
        # Swedish and English, and what was filled in is not lost.
        assert len(words) == 2, key
        places = re.findall(r"\{\w+\}", verdict)
        assert [re.findall(r"\{\w+\}", said) for said in words] == [places, places], key


def test_a_verdict_is_said_with_its_parts() -> None:
    assert Verdict.STAGE.of(wanted="a or b") == "stage is not a or b"
    assert Verdict.BROKEN.of(problem="{odd}") == "cannot be filled in: {odd}"
