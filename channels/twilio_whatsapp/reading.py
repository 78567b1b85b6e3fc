"""From Twilio's form to what a customer did on WhatsApp.

Source: https://www.twilio.com/docs/messaging/guides/webhook-request#whatsapp-specific-parameters
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kit import consent, payload, text, whatsapp
from bot.kit.consent import Wish
from bot.kit.twilio import webhook
from bot.model.channel import (
    Attachment,
    AttachmentType,
    HelpKeyword,
    Inbound,
    OptIn,
    OptOut,
    Press,
    PressKind,
    Referral,
    Sender,
    UnreadableReason,
    Unsupported,
)

if TYPE_CHECKING:
    from bot.kit.forms import Form
    from bot.kit.twilio.webhook import Events
    from bot.model.channel import ChannelEvent

SCHEME = "whatsapp:"
_WISHES = {"STOP": Wish.STOP, "START": Wish.START, "HELP": Wish.HELP}
_FARTHEST_LATITUDE, _FARTHEST_LONGITUDE = 90, 180


def sender(address: str) -> Sender | None:
    """Who has this address (`whatsapp:` and a phone number or user id); None when it is neither."""
    return whatsapp.sender(address.strip().removeprefix(SCHEME))


def message(form: Form) -> Events:
    """What an incoming message says: the way it came about, then the message itself."""
    external_id = webhook.message_id(form)
    if not external_id:
        return webhook.unreadable(UnreadableReason.MALFORMED, "no MessageSid")
    who = _person(form)
    if who is None:
        said = "From is neither a phone number nor a user id"
        return webhook.unreadable(UnreadableReason.INVALID_SENDER, said)
    return (*_referral(form, who, external_id), *_content(form, who, external_id))


def _content(form: Form, who: Sender, external_id: str) -> Events:
    press = _press(form)
    labels = (form.get("ButtonText"), form.get("ListTitle")) if press else ()
    written = text.clean(next((label for label in labels if label), form.get("Body")))
    told = _WISHES.get(form.get("OptOutType").strip().upper())
    asked = told or (consent.wish(written, telephone=False) if press is None else None)
    event = _wished(asked, who, external_id, _source(told, written))
    # Twilio answers what it recognised itself; whoever else wants in or help is to be answered.
    if event is not None and (told or asked is Wish.STOP):
        return (event,)
    attachments = _attachments(form)
    if not written.strip() and not attachments and press is None:
        kind = text.clean(form.get("MessageType")).strip()[:50] or "empty message"
        return (
            Unsupported(sender=who, dedupe_key=external_id, external_id=external_id, what=kind),
        )
    inbound = Inbound(
        sender=who,
        dedupe_key=external_id,
        external_id=external_id,
        to=form.get("To").removeprefix(SCHEME) or None,
        text=written,
        attachments=attachments,
        reply_to=form.get("OriginalRepliedMessageSid") or None,
        press=press,
    )
    return (inbound,) if event is None else (event, inbound)


def _wished(asked: Wish | None, who: Sender, key: str, source: str) -> ChannelEvent | None:
    match asked:
        case Wish.STOP:
            confirm = source.startswith("keyword:")
            return OptOut(sender=who, dedupe_key=key, source=source, confirm=confirm)
        case Wish.START:
            return OptIn(sender=who, dedupe_key=key, source=source)
        case Wish.HELP:
            return HelpKeyword(sender=who, dedupe_key=key)
        case None:
            return None


def _attachments(form: Form) -> tuple[Attachment, ...]:
    media = webhook.attachments(form)
    if form.get("MessageType") == "sticker":
        media = tuple(each.model_copy(update={"type": AttachmentType.STICKER}) for each in media)
    return media + _location(form)


def _person(form: Form) -> Sender | None:
    who = sender(form.get("From"))
    if who is None:
        return None
    named = sender(form.get("ExternalUserId"))
    aliases = (named.user,) if named and named.user != who.user else ()
    name = text.clean(form.get("ProfileName")).strip() or None
    return who.model_copy(update={"name": name, "aliases": aliases})


def _press(form: Form) -> Press | None:
    fields = whatsapp.answers(form.get("InteractiveData") or form.get("FlowData"))
    if fields:
        return Press(kind=PressKind.FORM, fields=fields)
    listed = form.get("ListId")
    if listed:
        return Press(kind=PressKind.LIST, payload=listed)
    button = form.get("ButtonPayload") or form.get("ButtonText")
    return Press(kind=PressKind.BUTTON, payload=button) if button else None


def _location(form: Form) -> tuple[Attachment, ...]:
    latitude = payload.Node(form.get("Latitude")).number
    longitude = payload.Node(form.get("Longitude")).number
    if latitude is None or longitude is None:
        return ()
    if abs(latitude) > _FARTHEST_LATITUDE or abs(longitude) > _FARTHEST_LONGITUDE:
        return ()
    return (
        Attachment(
            type=AttachmentType.LOCATION,
            latitude=latitude,
            longitude=longitude,
            name=text.clean(form.get("Label")) or None,
            address=text.clean(form.get("Address")) or None,
        ),
    )


def _referral(form: Form, who: Sender, external_id: str) -> Events:
    kind = form.get("ReferralSourceType")
    ad = form.get("ReferralSourceId")
    url = form.get("ReferralSourceUrl")
    if not (kind or ad or url):
        return ()
    return (
        Referral(
            sender=who,
            dedupe_key=f"{external_id}:referral",
            ref=form.get("ReferralCtwaClid") or url or None,
            source=kind or None,
            ad_id=ad or None,
        ),
    )


def _source(told: Wish | None, written: str) -> str:
    return f"{'twilio' if told else 'keyword'}:{consent.keyword(written)}"
