"""The contract of every channel, played by its own samples and by chance.

Channels are found by listing the package: a new one is a folder, and nothing here changes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ValidationError

from bot.errors import ConfigError
from bot.model.channel import Forged, Ignored, Request, Unreadable
from bot.model.sending import HttpCall, PartSent
from tests.contract import channel_samples as kit
from tests.contract.channel_samples import NOW, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.model.channel import Received
    from bot.model.sending import Call
    from bot.ports import Channel

CHANNELS = kit.names()
# A channel that can be told to believe anybody has webhooks; the others are shown by their samples.
PROVEN = [name for name in CHANNELS if "unsigned" in kit.module(name).Settings.model_fields]
NO_EVENT_OF_A_PERSON = (Ignored, Forged, Unreadable)

each_channel = pytest.mark.parametrize("channel", CHANNELS)


def each(*kinds: str, where: Callable[[Sample], bool] = lambda _: True) -> pytest.MarkDecorator:
    found = [sample for sample in kit.samples(*kinds) if where(sample)]
    return pytest.mark.parametrize("sample", found, ids=str)


def _has_parts(sample: Sample) -> bool:
    return len(sample.data["parts"]) > 1


def _is_posted(sample: Sample) -> bool:
    return str(sample.data.get("method", "POST")) == "POST"


# --- what a folder exports -------------------------------------------------------------------


def test_the_channels_are_found() -> None:
    assert {"telegram", "messenger", "webchat", "twilio_sms", "twilio_whatsapp"} <= set(CHANNELS)


@each_channel
def test_the_adapter_says_who_it_is(channel: str) -> None:
    made = kit.adapter(channel)
    assert (made.name, made.account) == (channel, kit.ACCOUNT)
    assert made.capabilities.text_limit > 0


@each_channel
def test_settings_are_frozen_described_and_closed(channel: str) -> None:
    model = kit.module(channel).Settings
    assert issubclass(model, BaseModel)
    assert model.model_config.get("frozen") is True
    assert [name for name, value in model.model_fields.items() if not value.description] == []
    with pytest.raises(ValidationError, match="surprise"):
        kit.settings(channel, surprise=1)


@each_channel
def test_secrets_are_not_shown(channel: str) -> None:
    made = kit.settings(channel)
    for secret in kit.secrets(made).values():
        assert secret not in repr(made)
        assert secret not in str(made)
        assert secret not in made.model_dump_json()
        assert secret not in repr(kit.build(channel, made))


@pytest.mark.parametrize("channel", PROVEN)
def test_without_its_secret_a_channel_does_not_start(channel: str) -> None:
    model = kit.module(channel).Settings
    given_ = dict(kit.table(channel)["settings"])
    provers = [name for name in kit.optional_secrets(model) if name in given_]
    assert provers
    left = {name: value for name, value in given_.items() if name not in provers}
    with pytest.raises(ConfigError, match="unsigned"):
        model.model_validate(left)
    with pytest.raises(ConfigError, match="unsigned"):
        model.model_validate(left | dict.fromkeys(provers, ""))
    assert model.model_validate(left | {"unsigned": True}).unsigned


@each_channel
def test_a_deep_link_carries_the_code(channel: str) -> None:
    link = kit.adapter(channel).deep_link("K7-m_2")
    if "deep_link" in kit.table(channel)["exempt"]:
        return
    assert link is not None
    assert "K7-m_2" in link
    assert ":" in link


# --- samples: the kinds there must be --------------------------------------------------------


def _kinds(channel: str) -> set[str]:
    """The kinds of sample that a channel has."""
    table = kit.table(channel)
    found = {kind for kind in kit.KINDS if table.get(kind)}
    events = [e for kind in ("incoming",) for s in table.get(kind, ()) for e in s["events"]]
    texts = [e.get("text", "") for e in events if e["kind"] == "inbound"]
    sends = table.get("outgoing", ())
    failures = {s["delivery"].get("failure", {}).get("kind") for s in sends}
    results = [result for s in sends for result in s["results"]]
    facts = {
        "text": any(not text.isascii() for text in texts),
        "press": any(isinstance(e.get("press"), dict) for e in events),
        "long": any(len(s["parts"]) > 1 for s in sends),
        "throttled": "rate_limited" in failures,
        "refused": "rejected_with_reason" in failures,
        "unreached": any("unreached" in result for result in results),
        "lost": any("lost" in result for result in results),
        "deep_link": kit.adapter(channel).deep_link("K7-m_2") is not None,
        "signed_body": channel not in _WITHOUT_SIGNED_BODY,
        "loopback": kit.has_loopback(channel),
    }
    return found | {kind for kind, so in facts.items() if so}


_WITHOUT_SIGNED_BODY = kit.without_signed_body()
MANDATORY = {
    *kit.KINDS,
    *("text", "press", "long", "throttled", "refused", "unreached", "lost"),
    *("deep_link", "signed_body", "loopback"),
}


@each_channel
def test_every_kind_of_sample_is_there_or_has_a_reason_not_to_be(channel: str) -> None:
    exempt = kit.table(channel)["exempt"]
    found = _kinds(channel)
    assert MANDATORY - found - set(exempt) == set()
    assert set(exempt) - MANDATORY == set(), "an exemption of a kind that nobody asks for"
    assert set(exempt) & found == set(), "an exemption that is not needed"
    assert [kind for kind, reason in exempt.items() if len(reason.split()) < 3] == []


@each_channel
def test_samples_have_names_of_their_own(channel: str) -> None:
    found = [str(sample) for sample in kit.samples(*kit.KINDS, channel=channel)]
    assert len(found) == len(set(found))


# --- samples: each one -----------------------------------------------------------------------


@each(*kit.REQUESTS)
def test_a_request_is_read_as_its_sample_says(sample: Sample) -> None:
    received = kit.adapter(sample.channel).receive(kit.request(sample))
    assert received.answer.status == sample.data["status"]
    if "answer" in sample.data:
        assert received.answer.body.decode() == sample.data["answer"]
    assert "html" not in received.answer.content_type
    events = [event.model_dump(mode="json") for event in received.events]
    assert kit.problems(sample.data["events"], events, "events") == []


@each("incoming")
def test_what_comes_is_events(sample: Sample) -> None:
    received = kit.adapter(sample.channel).receive(kit.request(sample))
    assert received.answer.status == 200
    assert not any(isinstance(event, Forged) for event in received.events)


@each("forged", "ignored", "garbage")
def test_what_is_not_believed_or_not_for_us_is_no_event_of_a_person(sample: Sample) -> None:
    received = kit.adapter(sample.channel).receive(kit.request(sample))
    assert received.events
    assert all(isinstance(event, NO_EVENT_OF_A_PERSON) for event in received.events)
    assert received.answer.status in (
        range(400, 404) if sample.kind == "forged" else range(200, 500)
    )


@each("incoming")
def test_a_repeat_has_the_same_keys(sample: Sample) -> None:
    request = kit.request(sample)
    # Soon enough for proofs that hold for some minutes.
    later = request.model_copy(update={"received_at": NOW + timedelta(minutes=4)})
    first = kit.adapter(sample.channel).receive(request)
    again = kit.adapter(sample.channel).receive(later)
    assert _keys(first) == _keys(again)
    assert len(set(_keys(first))) == len(first.events)


def _keys(received: Received) -> list[tuple[str, ...]]:
    names = ("dedupe_key", "external_id", "status", "recipient", "watermark", "reason")
    return [
        (event.kind, *(str(getattr(event, name, "")) for name in names))
        for event in received.events
    ]


@each("outgoing")
def test_a_message_is_sent_as_its_sample_says(sample: Sample) -> None:
    data = sample.data
    sending = kit.adapter(sample.channel).send(kit.outbound(sample))
    driven = kit.drive(sending, kit.scripted(data["results"]))
    assert len(driven.calls) == len(data["calls"]) == len(data["results"])
    found = [
        problem
        for nth, (expected, call) in enumerate(zip(data["calls"], driven.calls, strict=True))
        for problem in kit.call_problems(expected, call, f"calls[{nth}]")
    ]
    assert found == []
    assert driven.parts == data["parts"]
    assert driven.delivery is not None
    delivery = driven.delivery.model_dump(mode="json")
    assert kit.problems(data["delivery"], delivery, "delivery") == []


@each("outgoing", where=_has_parts)
def test_a_resumed_send_makes_only_the_calls_that_are_left(sample: Sample) -> None:
    message, channel = kit.outbound(sample), kit.adapter(sample.channel)
    whole = kit.drive(channel.send(message), kit.scripted(sample.data["results"]))
    for done in range(1, len(whole.parts)):
        sent = tuple(PartSent(external_id=part) for part in whole.parts[:done])
        left = kit.drive(
            channel.send(message.model_copy(update={"parts_sent": sent})),
            kit.scripted(sample.data["results"][done:]),
        )
        assert left.calls == whole.calls[done:]
        assert left.parts == whole.parts[done:]


@each("outgoing", "fetch")
def test_calls_name_the_secrets_that_they_carry(sample: Sample) -> None:
    made = kit.settings(sample.channel)
    calls = _calls(sample, kit.build(sample.channel, made))
    for call in calls:
        if not isinstance(call, HttpCall):
            continue
        carried = f"{call.url} {call.headers} {call.body.decode('utf-8', 'replace')}"
        named = {secret.get_secret_value() for secret in call.secrets}
        for secret in kit.secrets(made).values():
            assert secret not in carried or secret in named


def _calls(sample: Sample, channel: Channel) -> list[Call]:
    answers = kit.scripted(sample.data["results"])
    if sample.kind == "fetch":
        return kit.drive_fetch(channel.fetch(kit.attachment(sample)), answers)[0]
    return kit.drive(channel.send(kit.outbound(sample)), answers).calls


@each("fetch")
def test_an_attachment_is_fetched_as_its_sample_says(sample: Sample) -> None:
    data = sample.data
    fetching = kit.adapter(sample.channel).fetch(kit.attachment(sample))
    calls, found = kit.drive_fetch(fetching, kit.scripted(data["results"]))
    assert len(calls) == len(data["calls"])
    for nth, (expected, call) in enumerate(zip(data["calls"], calls, strict=True)):
        assert kit.call_problems(expected, call, f"calls[{nth}]") == []
    if "gone" in data:
        assert found.model_dump() == {"reason": data["gone"]}
    else:
        expected_media = data["media"] | {"body": data["media"]["body"].encode()}
        assert kit.problems(expected_media, found.model_dump(), "media") == []


# --- proof -----------------------------------------------------------------------------------


@each("incoming", where=_is_posted)
def test_a_flipped_byte_is_refused(sample: Sample) -> None:
    request = kit.request(sample)
    channel = kit.adapter(sample.channel)
    assert not any(isinstance(event, Forged) for event in channel.receive(request).events)
    flipped = _flipped_proofs(request)
    for changed in flipped:
        kit.assert_refused(channel.receive(changed))
    if sample.channel in _WITHOUT_SIGNED_BODY:
        assert flipped
        return
    for place in range(len(request.body)):
        body = bytearray(request.body)
        body[place] ^= 1
        kit.assert_refused(channel.receive(request.model_copy(update={"body": bytes(body)})))


def _flipped_proofs(request: Request) -> list[Request]:
    """The request with each letter of its proof changed; none where the proof is in the body."""
    changed = []
    for nth, (name, value) in enumerate(request.headers):
        if name == "content-type":
            continue
        for place, char in enumerate(value):
            other = value[:place] + chr(ord(char) ^ 1) + value[place + 1 :]
            headers = (*request.headers[:nth], (name, other), *request.headers[nth + 1 :])
            changed.append(request.model_copy(update={"headers": headers}))
    return changed
