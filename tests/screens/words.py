"""What is written and clicked in the story, in both languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The story in one language; those of the pages are their labels."""

    locale: str
    # the chat
    open_chat: str
    write: str
    menu: str
    by_sms: str
    human: str
    # the desk
    email: str
    log_in: str
    waiting: str
    everything: str
    accept: str
    reply: str
    send: str
    newest: str
    hide_card: str
    # what is said, and a part of each answer
    wish: str
    asks_order: str
    asks_size: str
    want_human: str
    agent_says: str
    customer_says: str


SWEDISH = Words(
    locale="sv-SE",
    open_chat="Chatta med oss",
    write="Skriv ett meddelande",
    menu="Fler val",
    by_sms="Fortsätt på SMS",
    human="Prata med en människa",
    email="E-post",
    log_in="Logga in",
    waiting="Väntar",
    everything="Alla",
    accept="Ta ärendet",
    reply="Svar till kunden",
    send="Skicka",
    newest="Till det senaste",
    hide_card="Göm kundkortet",
    wish="Hej! Jag vill lämna tillbaka en jacka.",
    asks_order="ordernummer",
    asks_size="storlek",
    want_human="Kan jag få prata med någon om återbetalningen?",
    agent_says=(
        "Hej Astrid! Jag ser din retur av jackan, FB-123456. "
        "Pengarna är hos dig inom fem dagar efter att den kommit hit."
    ),
    customer_says="Tack, vad snabbt det gick!",
)
ENGLISH = Words(
    locale="en-GB",
    open_chat="Chat with us",
    write="Write a message",
    menu="More",
    by_sms="Continue on SMS",
    human="Talk to a human",
    email="E-mail",
    log_in="Log in",
    waiting="Waiting",
    everything="All",
    accept="Accept",
    reply="Reply to the customer",
    send="Send",
    newest="To the newest",
    hide_card="Hide the customer card",
    wish="Hi! I want to return a jacket.",
    asks_order="order number",
    asks_size="size",
    want_human="Can I talk to somebody about the refund?",
    agent_says=(
        "Hi! I can see the return of your jacket, FB-654321. "
        "You have your money within five days of its arrival here."
    ),
    customer_says="Thank you, that was quick!",
)

# Who else writes meanwhile: channel, user, name, text.
OTHERS = (
    ("twilio_sms", "+46701740606", "", "Har ni öppet på lördag?"),
    ("telegram", "10003", "Cecilia Holm", "My tent arrived with a broken pole, I want to complain"),
    ("telegram", "10002", "Björn Ek", "Vilken storlek ska jag ta på kängorna?"),
    # These two are on the phones of the picture.
    ("messenger", "20001", "", "Do you ship to Norway?"),
    ("telegram", "10001", "Astrid Lind", "Hej! När kommer min order FB-240117?"),
)
