"""Forms, payloads and text from outside."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kit import forms, media, payload, text
from bot.model.channel import AttachmentType

written = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(written, written), max_size=6))
def test_what_is_written_can_be_read(pairs: list[tuple[str, str]]) -> None:
    form = forms.read(forms.write(pairs))
    kept = [(key, value) for key, value in pairs]
    assert [(key.decode(), value.decode()) for key, value in form.pairs] == kept
    assert forms.write(pairs) == urlencode(pairs).encode()


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(body: bytes) -> None:
    form = forms.read(body)
    assert all(isinstance(form.get(key.decode("utf-8", "replace")), str) for key, _ in form.pairs)


def test_repeats_blanks_plus_and_percent() -> None:
    form = forms.read(b"a=1&a=2&b=&c&d=1%2B1+%26+50%25&&e=%FF%zz")
    assert form.all("a") == ("1", "2")
    assert (form.get("a"), form.get("b"), form.get("c")) == ("1", "", "")
    assert form.get("d") == "1+1 & 50%"
    assert form.get("e") == "\ufffd%zz"
    assert form.get("f") == ""
    assert ("c" in form, "f" in form, bool(form), bool(forms.read(b""))) == (
        True,
        False,
        True,
        False,
    )


def test_a_lone_surrogate_does_not_stop_a_form() -> None:
    assert forms.read(forms.write([("a", "x\ud83dy")])).get("a") == "x\ufffdy"


# --- JSON ------------------------------------------------------------------------------------


def test_a_document_is_read_by_place() -> None:
    node = payload.read(
        b'\xef\xbb\xbf{"a": [{"b": "x"}, 7], "t": true, "n": null, "f": 1.5, "s": "12"}'
    )
    assert node is not None
    assert node["a"][0]["b"].text == "x"
    assert node["a"][-1].integer == 7
    assert [bool(each) for each in (node["n"], node["t"], node["nope"]["at"][3])] == [
        False,
        True,
        False,
    ]
    assert (node["t"].text, node["t"].is_true, node["t"].integer) == ("", True, None)
    assert (node["f"].number, node["f"].integer, node["s"].integer) == (1.5, None, 12)
    assert ("n" in node, "nope" in node, node["a"].is_list, node.is_object) == (
        True,
        False,
        True,
        True,
    )
    assert node.keys == ("a", "t", "n", "f", "s")
    assert [each.json for each in node["a"]] == ['{"b":"x"}', "7"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b"{'a': 1}"])
def test_what_is_no_json_is_nothing(body: bytes) -> None:
    assert payload.read(body) is None


def test_what_is_nested_absurdly_deep_is_nothing() -> None:
    assert payload.read("[" * 99 + "]" * 99) is not None
    assert payload.read("[" * 200 + "]" * 200) is None


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999", '"nan"', '"x"'])
def test_a_number_is_finite_or_none(literal: str) -> None:
    node = payload.read(literal)
    assert node is not None
    assert (node.number, node.integer) == (None, None)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_no_value_makes_a_reading_raise(value: object) -> None:
    node = payload.read(json.dumps(value))
    assert node is not None
    for each in [node, node["a"], node[0], *node]:
        assert isinstance(each.text, str)
        assert each.integer is None or isinstance(each.integer, int)


# --- text and media --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("Hej på dig", "Hej på dig"),
        ("remove\x00 null\x00", "remove null"),
        ("a\r\nb\rc\nd\te", "a\nb\nc\nd\te"),
        ("bell\x07 del\x7f c1\x85\x9b", "bell del c1"),
        ("👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿🇸🇪❤️", "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿🇸🇪❤️"),
        ("می‌خواهم", "می‌خواهم"),
        ("lone \ud83d half", "lone  half"),
    ],
)
def test_clean(dirty: str, clean: str) -> None:
    assert text.clean(dirty) == clean


@given(st.text(alphabet=st.characters(), max_size=50))
def test_cleaned_text_can_be_stored_and_stays_clean(dirty: str) -> None:
    cleaned = text.clean(dirty)
    assert "\x00" not in cleaned
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert text.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("mime", "name", "kind"),
    [
        ("image/jpeg", "", AttachmentType.IMAGE),
        ("Audio/OGG; codecs=opus", "", AttachmentType.AUDIO),
        ("video/mp4", "a.pdf", AttachmentType.VIDEO),
        ("text/x-vcard", "", AttachmentType.CONTACT),
        ("application/pdf", "", AttachmentType.FILE),
        (None, "cat.jpg", AttachmentType.IMAGE),
        (None, "https://cdn.example.com/a.mp3?x=1.jpg", AttachmentType.AUDIO),
        ("", "https://[bad", AttachmentType.FILE),
        (None, "", AttachmentType.FILE),
    ],
)
def test_the_kind_of_a_file(mime: str | None, name: str, kind: AttachmentType) -> None:
    assert media.attachment_type(mime, name=name) is kind
