"""Files: who may upload what, who may send it, and how it is handed out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from bot.model.ids import BlobId
from bot.model.thread import MessageIn, MessageOut
from channels import webchat
from tests.edge.house import House, first_thread, house, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.edge.house import Browser, Desk

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PDF = b"%PDF-1.7\n" + bytes(200)
SHOP = "https://shop.example.com"
Answer = tuple[int, dict[str, Any], "Mapping[str, str]"]


async def upload(
    server: House,
    visitor: Browser,
    body: bytes = PNG,
    *,
    name: str = "bild å.png",
    query: str = "",
    **more: str,
) -> Answer:
    """A visitor's page uploads a file."""
    headers = {"Authorization": f"Bearer {visitor.token}", "X-File-Name": quote(name), **more}
    url = f"{server.base}/chat-api/files{query}"
    async with server.http.post(url, data=body, headers=headers) as got:
        return got.status, await got.json(), dict(got.headers)


async def attach(desk: Desk, body: bytes = PNG, *, name: str = "svar.png") -> dict[str, Any]:
    """An agent uploads a file."""
    headers = {"X-CSRF-Token": desk.csrf, "X-File-Name": quote(name)}
    url = f"{desk.base}/api/v1/files"
    async with desk.http.post(url, data=body, headers=headers) as got:
        assert got.status == 201, await got.text()
        file: dict[str, Any] = await got.json()
        return file


def messages(server: House, kind: type[MessageIn | MessageOut]) -> list[MessageIn | MessageOut]:
    found = (entry.body for entry in server.store.memory.entries)
    return [body for body in found if isinstance(body, kind)]


# --- uploading -------------------------------------------------------------------------------


async def test_a_visitor_sends_a_file_and_everybody_sees_it(server: House) -> None:
    visitor = await server.visitor()
    status, file, headers = await upload(server, visitor)
    assert (status, headers["Cache-Control"]) == (201, "no-store")
    assert (file["name"], file["media_type"], file["size"]) == ("bild å.png", "image/png", 264)
    assert file["url"] == f"{server.base}/files/{file['id']}/bild%20%C3%A5.png"
    assert await visitor.do("message", {"id": "m1", "files": [file["id"]]}) == {"ok": True}
    await until(lambda: any(one.get("attachments") for one in visitor.told("message")))
    (shown,) = next(one for one in visitor.told("message") if one["author"] == "customer")[
        "attachments"
    ]
    assert shown == {
        "type": "image",
        "url": file["url"],
        "mime": "image/png",
        "name": "bild å.png",
        "size": 264,
    }
    desk = await server.log_in("Anna")
    thread = await first_thread(server.store)
    _, found = await desk.get(f"/threads/{thread}/entries")
    entry = next(
        view["entry"] for view in found["entries"] if view["entry"]["body"]["kind"] == "message_in"
    )
    assert entry["body"]["attachments"][0]["url"] == file["url"]
    path = f"/api/v1/threads/{thread}/entries/{entry['seq']}/attachments/0"
    async with desk.http.get(server.base + path) as got:
        assert (got.status, await got.read()) == (200, PNG)


async def test_a_message_again_with_its_file_is_one_message(server: House) -> None:
    visitor = await server.visitor()
    _, file, _ = await upload(server, visitor)
    for _ in range(3):
        said = await visitor.do("message", {"id": "m1", "text": "se", "files": [file["id"]]})
        assert said == {"ok": True}
    await until(lambda: visitor.texts("customer") == ["se"])
    await server.idle()
    (heard,) = messages(server, MessageIn)
    assert [one.name for one in heard.attachments] == ["bild å.png"]


async def test_nobody_sends_the_file_of_another(server: House) -> None:
    visitor, thief = await server.visitor(), await server.visitor()
    desk = await server.log_in("Anna")
    _, file, _ = await upload(server, visitor)
    agents = await attach(desk)
    for wanted in (file["id"], agents["id"], BlobId.new()):
        answer = await thief.do("message", {"id": "m1", "text": "se", "files": [wanted]})
        assert (answer["ok"], answer["problem"]["status"]) == (False, 422)
        assert answer["problem"]["errors"][0]["where"] == "event.files"
    assert server.store.memory.events == {}
    assert server.store.memory.kept_blobs == set()


@pytest.mark.parametrize(
    ("body", "name", "media_type", "kept_name"),
    [
        (PNG, "a.png", "image/png", "a.png"),
        (b"\xff\xd8\xff\xe0" + bytes(9), "A.JPEG", "image/jpeg", "A.JPEG"),
        (b"GIF89a" + bytes(9), "a.gif", "image/gif", "a.gif"),
        (b"RIFF\x09\x00\x00\x00WEBPVP8 ", "a.webp", "image/webp", "a.webp"),
        (PDF, "kvitto.pdf", "application/pdf", "kvitto.pdf"),
        ("Hej på er 👋\n".encode(), "läs.txt", "text/plain", "läs.txt"),
        (b"a;b\n", "lista.csv", "text/plain", "lista.csv"),
        # What it is counts, not what it is called.
        (PNG, "a.exe", "image/png", "a.exe.png"),
        (b"@echo off\r\n", "run.bat", "text/plain", "run.bat.txt"),
        (b"<script>alert(1)</script>", "page.html", "text/plain", "page.html.txt"),
        (PDF, "", "application/pdf", "file.pdf"),
        (PDF, "../../etc/passwd", "application/pdf", "passwd.pdf"),
        (PDF, "C:\\temp\\x.pdf", "application/pdf", "x.pdf"),
        (PDF, "a\u202efdp.exe\r\nX: y\x00.pdf", "application/pdf", "afdp.exeX: y.pdf"),
        (PDF, "å" * 300 + ".pdf", "application/pdf", "å" * 116 + ".pdf"),
        (PDF, " .. ", "application/pdf", "file.pdf"),
    ],
)
async def test_what_is_taken(
    server: House, body: bytes, name: str, media_type: str, kept_name: str
) -> None:
    visitor = await server.visitor()
    status, file, _ = await upload(server, visitor, body, name=name)
    assert (status, file["media_type"], file["name"]) == (201, media_type, kept_name)
    async with server.http.get(file["url"]) as got:
        assert (got.status, await got.read()) == (200, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"MZ\x90\x00" + bytes(60),
        b"PK\x03\x04" + bytes(60),
        b"hej \xff",
        b"\x1b[2Jhej",
        bytes(10),
        b"RIFF\x00\x00\x00\x00WAVE",
    ],
)
async def test_what_is_not_taken_is_not_kept(server: House, body: bytes) -> None:
    visitor = await server.visitor()
    status, problem, _ = await upload(server, visitor, body, name="a.png")
    assert (status, problem["type"]) == (415, "/problems/wrong-content-type")
    assert "image/png" in problem["detail"]
    assert server.store.memory.blobs == {}


async def test_a_form_is_no_file(server: House) -> None:
    visitor = await server.visitor()
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, _, _ = await upload(server, visitor, b"--x--", **kind)
    assert status == 415
    assert server.store.memory.blobs == {}


async def test_a_file_that_is_too_large_is_not_kept() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield bytes(1024)

    async with house(file_bytes=4096) as server:
        visitor = await server.visitor()
        assert (await upload(server, visitor, PNG.ljust(4096, b"\x00")))[0] == 201
        status, problem, _ = await upload(server, visitor, PNG.ljust(4097, b"\x00"))
        assert (status, problem["detail"]) == (413, "A file has at most 4096 bytes.")
        headers = {"Authorization": f"Bearer {visitor.token}"}
        url = f"{server.base}/chat-api/files"
        async with server.http.post(url, data=chunks(), headers=headers) as got:
            assert got.status == 413
        assert len(server.store.memory.blobs) == 1


async def test_a_file_may_be_larger_than_any_other_body() -> None:
    async with house(max_body_bytes=1024) as server:
        visitor = await server.visitor()
        assert (await upload(server, visitor, PNG.ljust(100_000, b"\x00")))[0] == 201


@pytest.mark.parametrize(
    ("authorization", "status"),
    [("", 401), ("Bearer ", 401), ("Bearer made.up", 401), ("Basic {token}", 401)],
)
async def test_only_visitors_upload_to_the_chat(
    server: House, authorization: str, status: int
) -> None:
    visitor = await server.visitor()
    headers = {"Authorization": authorization.format(token=visitor.token)}
    url = f"{server.base}/chat-api/files"
    async with server.http.post(url, data=PNG, headers=headers) as got:
        assert got.status == status
    assert server.store.memory.blobs == {}


async def test_the_account_may_be_named(server: House) -> None:
    visitor = await server.visitor()
    assert (await upload(server, visitor, query="?account=demo"))[0] == 201
    assert (await upload(server, visitor, query="?account=other"))[0] == 404
    assert (await upload(server, visitor, query="?account=a%20b"))[0] == 422


async def test_too_many_files_have_to_wait() -> None:
    async with house(client_files_an_hour=2) as server:
        visitor = await server.visitor()
        statuses = [(await upload(server, visitor))[0] for _ in range(3)]
        assert statuses == [201, 201, 429]
        assert len(server.store.memory.blobs) == 2


async def test_files_are_limited_as_all_acts_are() -> None:
    async with house(visitor_rate={"per_second": 0.1, "burst": 2}) as server:
        visitor = await server.visitor()
        assert (await visitor.say("Hej", key="m1"))["ok"] is True
        assert (await upload(server, visitor))[0] == 201
        status, _, headers = await upload(server, visitor)
        assert status == 429
        assert int(headers["Retry-After"]) >= 1


# --- other sites -----------------------------------------------------------------------------


async def test_a_site_that_embeds_the_chat_may_upload() -> None:
    async with house(embed_origins=[SHOP]) as server:
        visitor = await server.visitor()
        url = f"{server.base}/chat-api/files"
        asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
        async with server.http.options(url, headers=asked) as got:
            assert got.status == 204
            assert got.headers["Access-Control-Allow-Origin"] == SHOP
            assert got.headers["Access-Control-Allow-Methods"] == "POST"
            assert "Authorization" in got.headers["Access-Control-Allow-Headers"]
            assert "X-File-Name" in got.headers["Access-Control-Allow-Headers"]
            assert got.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in got.headers
        for body, status in ((PNG, 201), (b"", 415)):  # a problem can be read too
            found, _, headers = await upload(server, visitor, body, Origin=SHOP)
            assert (found, headers["Access-Control-Allow-Origin"]) == (status, SHOP)


async def test_no_other_site_may_upload(server: House) -> None:
    visitor = await server.visitor()
    url = f"{server.base}/chat-api/files"
    async with server.http.options(url, headers={"Origin": "https://evil.example"}) as got:
        assert got.status == 403
        assert "Access-Control-Allow-Origin" not in got.headers
    status, problem, headers = await upload(server, visitor, Origin="https://evil.example")
    assert (status, problem["type"]) == (403, "/problems/origin")
    assert "Access-Control-Allow-Origin" not in headers
    assert server.store.memory.blobs == {}
    assert (await upload(server, visitor, Origin=server.base))[0] == 201


# --- handing out -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "shown"),
    [
        (PNG, "image/png", "inline"),
        (PDF, "application/pdf", "attachment"),
        (b"<b>hej</b>", "text/plain; charset=utf-8", "attachment"),
    ],
)
async def test_how_a_file_is_handed_out(server: House, body: bytes, kind: str, shown: str) -> None:
    visitor = await server.visitor()
    _, file, _ = await upload(server, visitor, body, name="å")
    async with server.http.get(file["url"]) as got:
        headers = got.headers
        assert await got.read() == body
    assert headers["Content-Type"] == kind
    assert headers["Content-Disposition"].startswith(f"{shown}; filename*=UTF-8''%C3%A5.")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, max-age=31536000, immutable"
    known = {"If-None-Match": headers["ETag"]}
    async with server.http.get(file["url"], headers=known) as got:
        assert (got.status, await got.read()) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/files/blb_00/x", f"/files/blb_{'0' * 32}/x", "/files/%00/x", "/files/x"]
)
async def test_a_file_that_is_not_there(server: House, path: str) -> None:
    async with server.http.get(server.base + path) as got:
        assert (got.status, got.content_type) == (404, "application/problem+json")


async def test_the_address_is_the_public_one() -> None:
    async with house(public="https://hub.example.com") as server:
        visitor = await server.visitor()
        _, file, _ = await upload(server, visitor)
        assert file["url"].startswith(f"https://hub.example.com/files/{file['id']}/")
        async with server.http.get(server.base + urlsplit(file["url"]).path) as got:
            assert got.status == 200


# --- agents ----------------------------------------------------------------------------------


async def test_an_agent_sends_a_file_to_the_page(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    desk = await server.log_in("Anna")
    await until(lambda: bool(server.store.memory.states))
    thread = await first_thread(server.store)
    file = await attach(desk)
    reply = {"client_id": "c1", "files": [file["id"]]}
    assert await desk.post(f"/threads/{thread}/reply", reply) == (200, {"status": "done"})
    await until(lambda: any(one["author"] == "agent" for one in visitor.told("message")))
    shown = next(one for one in visitor.told("message") if one["author"] == "agent")
    assert [(one["url"], one["type"]) for one in shown["attachments"]] == [(file["url"], "image")]


async def test_an_agent_sends_a_file_to_a_phone(server: House) -> None:
    await server.write("telegram", "77", "Hej")
    desk = await server.log_in("Anna")
    thread = await first_thread(server.store)
    file = await attach(desk, PDF, name="kvitto.pdf")
    reply = {"client_id": "c1", "text": "Här är kvittot", "files": [file["id"]]}
    assert (await desk.post(f"/threads/{thread}/reply", reply))[0] == 200
    await server.phone_shows("telegram", "77", "Här är kvittot")
    shown = next(one for one in await server.screen("telegram", "77") if "kvittot" in one["text"])
    assert shown["attachments"] == [file["url"]]


async def test_an_agent_sends_only_files_of_their_own(server: House) -> None:
    visitor = await server.visitor()
    await visitor.say("Hej", key="m1")
    await until(lambda: bool(server.store.memory.states))
    thread = await first_thread(server.store)
    _, theirs, _ = await upload(server, visitor)
    anna, bo = await server.log_in("Anna"), await server.log_in("Bo")
    bos = await attach(bo)
    for wanted in (theirs["id"], bos["id"], BlobId.new()):
        reply = {"client_id": "c1", "text": "x", "files": [wanted]}
        status, problem = await anna.post(f"/threads/{thread}/reply", reply)
        assert (status, problem["errors"][0]["where"]) == (422, "body.files")
    await asyncio.sleep(0.1)
    said = [one for one in messages(server, MessageOut) if one.text == "x"]
    assert said == []


class Wordy(webchat.Adapter):
    """A web chat that carries words only."""

    def __init__(self) -> None:
        super().__init__(webchat.Settings(), account="demo", public_base_url="http://127.0.0.1")
        self.capabilities = self.capabilities.model_copy(update={"attachments": frozenset()})


async def test_a_channel_without_files_gets_none() -> None:
    async with house(extra=(Wordy(),)) as server:
        visitor = await server.visitor()
        await visitor.say("Hej", key="m1")
        await until(lambda: bool(server.store.memory.states))
        thread = await first_thread(server.store)
        desk = await server.log_in("Anna")
        file = await attach(desk)
        reply = {"client_id": "c1", "text": "x", "files": [file["id"]]}
        status, problem = await desk.post(f"/threads/{thread}/reply", reply)
        assert (status, problem["errors"][0]["where"]) == (422, "body.files")
        assert "webchat does not carry them" in problem["errors"][0]["what"]
        kinds = [event.body.kind for event in server.store.memory.events.values()]
        assert "agent_replies" not in kinds


async def test_an_empty_reply_is_refused(server: House) -> None:
    await server.write("telegram", "77", "Hej")
    desk = await server.log_in("Anna")
    thread = await first_thread(server.store)
    status, problem = await desk.post(f"/threads/{thread}/reply", {"client_id": "c1"})
    assert (status, problem["errors"][0]["where"]) == (422, "body")


async def test_agents_upload_only_when_logged_in(server: House) -> None:
    desk = await server.log_in("Anna")
    url = f"{server.base}/api/v1/files"
    async with server.http.post(url, data=PNG) as got:
        assert got.status == 401
    async with desk.http.post(url, data=PNG) as got:  # without the CSRF token
        assert got.status == 403
    assert server.store.memory.blobs == {}
