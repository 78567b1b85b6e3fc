"""Comparing the calls an adapter makes with those a case expects."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import regex

from tests.corpus.compare import MISSING, json_subset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.model.sending import HttpCall
    from tests.corpus.cases import Json

_GRAPH_VERSION = re.compile(r"/v\d+\.\d+/")
_REST = 1_000_000


class Responses:
    """What the provider answers: in order, each pattern of URL for itself, the last repeated."""

    def __init__(self, entries: list[Json]) -> None:
        self._entries = entries
        self._used: Counter[str] = Counter()

    def to(self, url: str) -> Json | None:
        """The next response for this URL; None when there is none at all."""
        patterns = dict.fromkeys(entry.get("url") or "*" for entry in self._entries)
        matching = [pattern for pattern in patterns if _covers(pattern, url)]
        chosen = matching[0] if matching else next(iter(patterns), None)
        if chosen is None:
            return None
        fitting = [entry for entry in self._entries if (entry.get("url") or "*") == chosen]
        place = min(self._used[chosen], len(fitting) - 1)
        self._used[chosen] += 1
        return fitting[place]


def _covers(pattern: str, url: str) -> bool:
    pieces = map(re.escape, _GRAPH_VERSION.sub("/v*/", pattern).split("*"))
    wanted = ".*".join(pieces)
    return any(re.fullmatch(wanted, found) for found in (url, url.split("?", maxsplit=1)[0]))


def compare(expected: list[Json] | None, made: list[HttpCall], case: Json) -> list[str]:
    """What is wrong with the calls made."""
    problems = []
    split = case["expect"].get("split")
    if expected is None:
        if not made:
            problems.append("no call made, at least one expected")
    elif not expected and made:
        problems.append(f"{len(made)} calls made ({made[0].url}), none expected")
    elif not _aligned(_steps(expected, case), made):
        problems += _why(expected, made, case)
    if split:
        problems += _split(split, case["message"]["text"], made)
    return problems


class Step:
    """One expected call: may be left out (`least` 0), or repeated (a part of a split)."""

    def __init__(self, options: list[Json], *, least: int, most: int) -> None:
        self.options, self.least, self.most = options, least, most

    def takes(self, call: HttpCall) -> bool:
        return any(not differences(option, call) for option in self.options)


def _steps(expected: list[Json], case: Json) -> list[Step]:
    """The expected calls; neighbouring parts of a split are one step that repeats."""
    steps: list[Step] = []
    in_split = False
    for each in expected:
        if not each.get("part_of_split"):
            steps.append(Step([each], least=0 if each.get("optional") else 1, most=1))
            in_split = False
            continue
        option = _without_text(each, case["message"].get("text") or "")
        if in_split:
            steps[-1].options.append(option)
        else:
            least = (case["expect"].get("split") or {}).get("min_parts", 1)
            steps.append(Step([option], least=least, most=_REST))
        in_split = True
    return steps


def _aligned(steps: list[Step], made: list[HttpCall]) -> bool:
    if not steps:
        return not made
    first, rest = steps[0], steps[1:]
    taken = 0
    while True:
        if taken >= first.least and _aligned(rest, made[taken:]):
            return True
        if taken >= min(first.most, len(made)) or not first.takes(made[taken]):
            return False
        taken += 1


def _why(expected: list[Json], made: list[HttpCall], case: Json) -> list[str]:
    problems = []
    needed = [each for each in expected if not each.get("optional")]
    if len(made) != len(needed):
        problems.append(f"{len(made)} calls made, expected {len(needed)}")
    text = case["message"].get("text") or ""
    for number, (each, call) in enumerate(zip(needed, made, strict=False)):
        wanted = _without_text(each, text) if each.get("part_of_split") else each
        problems += [f"call[{number}] {why}" for why in differences(wanted, call)]
    return problems or ["the calls are in another order than expected"]


def _without_text(expected: Json, text: str) -> Json:
    """An expected part of a split without its own cut of the text."""
    whole = packed(text)

    def stripped(value: object) -> object:
        if isinstance(value, dict):
            kept = {key: stripped(inner) for key, inner in value.items()}
            return {key: inner for key, inner in kept.items() if inner is not MISSING}
        if isinstance(value, str) and len(value) > 1 and packed(value) in whole:
            return MISSING
        return value

    pieces: Json = {key: stripped(expected[key]) for key in ("form", "json") if key in expected}
    return {**expected, **pieces}


def differences(expected: Json, call: HttpCall) -> list[str]:
    """What of an expected call is not so in the call made."""
    problems = []
    if call.method != expected.get("method", call.method):
        problems.append(f"method is {call.method}, expected {expected['method']}")
    if not _url_fits(expected, call.url):
        problems.append(f"URL is {call.url}, expected {_wanted_url(expected)}")
    for name, check in _CHECKS.items():
        if name in expected and not check(expected[name], call):
            problems.append(
                f"{name} does not fit: {json.dumps(expected[name], ensure_ascii=False)[:300]}; "
                f"sent {call.body.decode('utf-8', 'replace')[:300]}"
            )
    return problems


def _wanted_url(expected: Json) -> str:
    return str(expected.get("url_pattern") or expected.get("url"))


def _url_fits(expected: Json, url: str) -> bool:
    found = (url, url.split("?", maxsplit=1)[0])
    if "url_pattern" in expected:
        return any(re.fullmatch(expected["url_pattern"], each) for each in found)
    return "url" not in expected or expected["url"] in found


def _query(expected: Json, call: HttpCall) -> bool:
    found = parse_qs(urlsplit(call.url).query, keep_blank_values=True)
    return all(_value_fits(wanted, found.get(name)) for name, wanted in expected.items())


def _headers(expected: Json, call: HttpCall) -> bool:
    found = {name.lower(): value for name, value in call.headers}
    return all(json_subset(value, found.get(name.lower())) for name, value in expected.items())


def _form(expected: Json, call: HttpCall) -> bool:
    found = parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    return all(_value_fits(wanted, found.get(name)) for name, wanted in expected.items())


def _value_fits(wanted: object, values: list[str] | None) -> bool:
    if values is None:
        return False
    if isinstance(wanted, list):
        return wanted == values
    return json_subset(wanted, values[0])


def _json(expected: object, call: HttpCall) -> bool:
    return json_subset(expected, _document(call))


def _json_any(expected: list[Json], call: HttpCall) -> bool:
    return any(_json(each, call) for each in expected)


def _auth_any(expected: list[Json], call: HttpCall) -> bool:
    return any(not differences(each, call) for each in expected)


def _body_contains(expected: str, call: HttpCall) -> bool:
    return expected in call.body.decode("utf-8", "replace")


_CHECKS: dict[str, Callable[[Any, HttpCall], bool]] = {
    "query": _query,
    "headers": _headers,
    "form": _form,
    "json": _json,
    "json_any": _json_any,
    "auth_any": _auth_any,
    "body_contains": _body_contains,
}


def _document(call: HttpCall) -> object:
    try:
        return json.loads(call.body)
    except ValueError:
        return MISSING


# --- splitting -------------------------------------------------------------------------------


def _split(rules: Json, text: str, made: list[HttpCall]) -> list[str]:
    parts = _parts(rules.get("field"), text, made)
    if parts is None:
        return ["no field of the calls has the parts that make up the text"]
    problems = []
    longest = max(map(len, parts), default=0)
    if longest > rules["max_len"]:
        problems.append(f"a part has {longest} characters, at most {rules['max_len']} allowed")
    if len(parts) < rules.get("min_parts", 1):
        problems.append(f"{len(parts)} parts, at least {rules['min_parts']} expected")
    if rules.get("joined_equals_text_ignoring_whitespace") and packed("".join(parts)) != packed(
        text
    ):
        problems.append("the parts do not make up the text")
    if rules.get("no_split_inside_grapheme") and not _whole_graphemes(text, parts):
        problems.append("a part ends inside a grapheme")
    wholes = [whole for whole in _listed(rules.get("keep_whole")) if whole in text]
    cut = [whole for whole in wholes if not any(whole in part for part in parts)]
    return problems + [f"{whole!r} is cut" for whole in cut]


def _listed(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []


def _parts(field: str | None, text: str, made: list[HttpCall]) -> list[str] | None:
    """The parts of the text, from the field named or from the one whose values make it up."""
    leaves = [dict(_leaves_by_path(call)) for call in made]
    paths = (
        [field.replace("[]", "")]
        if field
        else list(dict.fromkeys(p for each in leaves for p in each))
    )
    for path in paths:
        values = [value for each in leaves for value in each.get(path, [])]
        if field or packed("".join(values)) == packed(text):
            return values
    return None


def _leaves_by_path(call: HttpCall) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    document = _document(call)
    if document is MISSING:
        found = parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    else:
        for path, value in _leaves(document, ""):
            found.setdefault(path, []).append(value)
    yield from found.items()


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif isinstance(value, str):
        yield path, value


def packed(text: str) -> str:
    return "".join(text.split())


def _whole_graphemes(text: str, parts: list[str]) -> bool:
    def solid(string: str) -> list[str]:
        return [each for each in regex.findall(r"\X", string) if not each.isspace()]

    return solid(text) == [each for part in parts for each in solid(part)]
