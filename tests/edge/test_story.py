"""A customer begins in the web chat, goes on by SMS, gets a human: over real HTTP and sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.edge.house import until

if TYPE_CHECKING:
    from tests.edge.house import House


async def test_a_conversation_over_two_channels_and_a_human(server: House) -> None:
    visitor = await server.visitor(language="sv")
    assert (await visitor.say("Hej", key="m1"))["ok"] is True
    await until(lambda: len(visitor.texts("bot")) == 1)

    offer = await visitor.do("continue", {"channel": "twilio_sms", "account": "demo"})
    assert offer["ok"] is True
    assert offer["deep_link"].startswith("sms:+46766860000")
    linked = await visitor.hears(await server.bring("+46701234567", offer["code"]))
    assert (linked["channel"], linked["author"], linked["aside"]) == (
        "twilio_sms",
        "customer",
        True,
    )
    assert offer["code"] not in visitor.texts()

    desk = await server.log_in("Anna")
    seat = await server.seat(desk)
    assert (await visitor.do("ask_human", {"id": "h1", "text": "Människa tack"}))["ok"] is True
    await until(lambda: any(one["owner"] == "waiting" for one in visitor.told("owner")))
    status, offered = await desk.get("/threads?owner=offered")
    assert (status, len(offered["threads"])) == (200, 1)
    thread = offered["threads"][0]["state"]["thread"]
    assert {one["address"]["channel"] for one in offered["threads"][0]["identities"]} == {
        "webchat",
        "twilio_sms",
    }
    watched = await seat.do("watch", {"thread": thread})
    assert watched["ok"] is True
    assert watched["row"]["state"]["owner"]["kind"] == "offered"

    assert await desk.post(f"/threads/{thread}/accept") == (200, {"status": "done"})
    await until(lambda: visitor.told("owner")[-1]["owner"] == "agent")
    assert visitor.told("owner")[-1]["name"] == "Anna"
    reply = {"text": "Hej, Anna här 🏔️", "client_id": "r1"}
    assert await desk.post(f"/threads/{thread}/reply", reply) == (200, {"status": "done"})
    told = await visitor.hears("Hej, Anna här 🏔️")
    assert (told["author"], told["name"], told["channel"]) == ("agent", "Anna", "webchat")
    assert await desk.post(f"/threads/{thread}/reply", reply) == (200, {"status": "done"})
    assert [one for one in visitor.texts("agent") if "Anna" in one] == ["Hej, Anna här 🏔️"]
    await until(lambda: any(one["send"]["status"] == "sent" for one in seat.told("send")))

    # The customer writes by SMS: the agent's next words go there, and the page shows both.
    await server.write("twilio_sms", "+46701234567", "Är du kvar?")
    assert (await visitor.hears("Är du kvar?"))["channel"] == "twilio_sms"
    await desk.post(f"/threads/{thread}/reply", {"text": "Ja då!", "client_id": "r2"})
    await server.phone_shows("twilio_sms", "+46701234567", "Ja då!")
    assert (await visitor.hears("Ja då!"))["aside"] is True

    assert await desk.post(f"/threads/{thread}/hand-back", {}) == (200, {"status": "done"})
    await until(lambda: visitor.told("owner")[-1]["owner"] == "bot")
