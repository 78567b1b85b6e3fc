"""The contract of every channel, against chance: nothing from outside is an accident."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.kit import forms
from bot.model.channel import Attachment, AttachmentType, Forged, Request
from bot.model.sending import Choice, ChoiceKind, Lost, Origin, Reply, Sent, Unreached
from tests.contract import channel_samples as kit
from tests.contract.channel_samples import BASE, NOW

if TYPE_CHECKING:
    from bot.ports import Channel

CHANNELS = kit.names()
FEW = settings(max_examples=60)

each_channel = pytest.mark.parametrize("channel", CHANNELS)

HEADERS = sorted({
    name.lower()
    for sample in kit.samples(*kit.REQUESTS)
    for name in sample.data.get("headers", {})
})  # fmt: skip
pairs = st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=4)


@each_channel
@given(data=st.data())
@FEW
def test_any_bytes_are_no_message(channel: str, data: st.DataObject) -> None:
    headers = st.lists(
        st.tuples(st.sampled_from([*HEADERS, "content-type"]), st.text(max_size=80)), max_size=4
    )
    path = kit.webhook_path(channel) + data.draw(st.sampled_from(["", "/status"]))
    request = Request(
        method=data.draw(st.sampled_from(["POST", "GET", "PUT", "socket", ""])),
        url=BASE + path,
        path=path,
        query=tuple(data.draw(pairs)),
        headers=tuple(data.draw(headers)),
        body=data.draw(st.binary(max_size=200)),
        received_at=NOW,
    )
    received = kit.adapter(channel).receive(request)
    assert all(isinstance(event, Forged) for event in received.events)
    assert received.events
    assert received.answer.status == 403


# --- reading what is proven ------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def _unproven(channel: str) -> Channel:
    model = kit.module(channel).Settings
    return kit.adapter(channel, **({"unsigned": True} if "unsigned" in model.model_fields else {}))


@each_channel
@given(data=st.data())
@FEW
def test_a_changed_sample_is_never_an_accident(channel: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(kit.samples("incoming", "ignored", channel=channel)))
    request = kit.request(sample)
    body = _changed(request, data)
    received = _unproven(channel).receive(request.model_copy(update={"body": body}))
    assert received.answer.status < 500
    assert received.model_dump_json()


@each_channel
@given(body=st.binary(max_size=300))
@FEW
def test_any_proven_bytes_are_never_an_accident(channel: str, body: bytes) -> None:
    request = kit.request(kit.samples("incoming", channel=channel)[-1])
    received = _unproven(channel).receive(request.model_copy(update={"body": body}))
    assert received.answer.status < 500
    assert received.events


def _changed(request: Request, data: st.DataObject) -> bytes:
    match request.header("content-type"):
        case forms.FORM_TYPE:
            return _changed_form(request, data)
        case "message/rfc822":
            return _changed_lines(request, data)
        case _:
            return _changed_json(request, data)


def _changed_lines(request: Request, data: st.DataObject) -> bytes:
    """Put anything in the place of some lines, or of what stands behind their colon."""
    lines = request.body.split(b"\n")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        name, colon, _ = lines[place].partition(b":")
        kept = name + colon if data.draw(st.booleans()) else b""
        lines[place] = kept + data.draw(st.binary(max_size=40))
    return b"\n".join(lines)


def _changed_form(request: Request, data: st.DataObject) -> bytes:
    fields = {k.decode(): v.decode() for k, v in forms.read(request.body).pairs}
    for name in data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=3)):
        fields[name] = data.draw(st.text(max_size=40))
    return forms.write(fields.items())


def _changed_json(request: Request, data: st.DataObject) -> bytes:
    """Put anything in the place of some value, however deep."""
    document: Any = json.loads(request.body or b"{}")
    for _ in range(data.draw(st.integers(1, 3))):
        document = _replaced(document, data)
    return json.dumps(document).encode()


def _replaced(node: Any, data: st.DataObject) -> Any:  # noqa: ANN401 any JSON
    places = (
        list(node)
        if isinstance(node, dict)
        else list(range(len(node)))
        if isinstance(node, list)
        else []
    )
    if not places or data.draw(st.integers(0, 5)) == 0:
        return data.draw(anything)
    place = data.draw(st.sampled_from(places))
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[place] = _replaced(node[place], data)
    return copy


# --- sending whatever, whatever the answer ---------------------------------------------------

words = st.text(max_size=60) | st.text(alphabet="aå 👍🏽é\n", max_size=400)
choices = st.builds(
    Choice,
    title=st.text(max_size=30),
    payload=st.none() | st.text(max_size=80),
    kind=st.sampled_from(ChoiceKind),
    url=st.sampled_from([None, "", "https://example.org/a", "http://[", "tel:1"]),
)
attachments = st.builds(
    Attachment,
    type=st.sampled_from(AttachmentType),
    url=st.sampled_from([None, "https://cdn.example.com/a.png"]),
    media_id=st.none() | st.text(max_size=10),
    mime=st.sampled_from([None, "", "image/png", "audio/ogg; codecs=opus"]),
    name=st.none() | st.text(max_size=10),
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
    phone=st.none() | st.just("+46701740605"),
)
bodies = (
    st.binary(max_size=80)
    | anything.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(
            ["ok", "result", "error", "error_code", "code", "parameters", "sid", "message_id"]
        ),
        anything,
    ).map(lambda value: json.dumps(value).encode())
)
results = (
    st.builds(
        Reply,
        status=st.integers(100, 599),
        body=bodies,
        headers=st.just(()) | st.tuples(st.tuples(st.just("Retry-After"), st.text(max_size=30))),
    )
    | st.builds(Unreached, reason=st.just("no route"))
    | st.builds(Lost, reason=st.just("timed out"))
)


@each_channel
@given(data=st.data())
@FEW
def test_a_send_always_ends_in_a_delivery(channel: str, data: st.DataObject) -> None:
    message = kit.message(
        channel,
        text=data.draw(words),
        choices=tuple(data.draw(st.lists(choices, max_size=4))),
        attachments=tuple(data.draw(st.lists(attachments, max_size=3))),
        origin=data.draw(st.sampled_from(Origin)),
        recipient_token=data.draw(st.none() | st.text(max_size=5)),
    )
    driven = kit.drive(kit.adapter(channel).send(message), lambda _: data.draw(results))
    assert driven.delivery is not None
    assert driven.delivery.model_dump_json()
    if isinstance(driven.delivery, Sent):
        assert driven.parts, "nothing left, and yet it is called sent"


@each_channel
@given(data=st.data())
@FEW
def test_a_fetch_always_ends(channel: str, data: st.DataObject) -> None:
    fetching = kit.adapter(channel).fetch(data.draw(attachments))
    calls, found = kit.drive_fetch(fetching, lambda _: data.draw(results))
    assert len(calls) <= 6
    assert found.model_dump()
