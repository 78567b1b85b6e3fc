"""The README's story, as a newcomer plays it: the real server and the real command."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from nlu.commands import train
from tests.bench.server import free_port

ROOT = Path(__file__).resolve().parents[2]
PHONE = "+46701234567"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the shop's examples."""
    folder = tmp_path_factory.mktemp("demo") / "model"
    train(ROOT / "config" / "nlu", folder)
    return folder


class Demo:
    """The demo's server, its command and its API."""

    def __init__(self, folder: Path, model: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.env = os.environ | {
            "SAMTAL_EDGE__PORT": str(port),
            "SAMTAL_EDGE__PUBLIC_BASE_URL": self.url,
            "SAMTAL_STORE__PATH": str(folder / "samtal.db"),
            "SAMTAL_NLU__MODEL": str(model),
        }
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        with self.log.open("ab") as out:
            self._process = await asyncio.to_thread(
                subprocess.Popen,
                [sys.executable, "-m", "bot", "serve", "--config", "config/demo.toml"],
                cwd=ROOT,
                env=self.env,
                stdout=out,
                stderr=out,
            )
        async with aiohttp.ClientSession() as session:
            for _ in range(600):
                try:
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                assert self._process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.1)
        raise AssertionError(self.log.read_text())

    async def stop(self) -> int:
        """End it in good order; returns its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, 20)

    async def command(self, *words: str, given: str = "") -> tuple[int, str]:
        """Run the `samtal` command; returns its exit code and what it printed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "bot", *words],
            cwd=ROOT,
            env=self.env,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    async def text(self, words: str) -> str:
        """Write an SMS by the sandbox; what came back."""
        code, shown = await self.command(
            "sandbox", "send", "--channel", "twilio_sms", "--from", PHONE, "--url", self.url, words
        )
        assert code == 0, shown
        return shown.strip()


@pytest.fixture
async def demo(tmp_path: Path, model: Path) -> AsyncIterator[Demo]:
    demo = Demo(tmp_path, model)
    await demo.start()
    try:
        yield demo
    finally:
        assert await demo.stop() == 0, demo.log.read_text()


class Page:
    """The web chat, from a browser's side."""

    def __init__(self) -> None:
        self._socket = socketio.AsyncClient(reconnection=False)
        self._heard: asyncio.Queue[str] = asyncio.Queue()
        self._number = 0
        self._socket.on("message", self._message, namespace="/chat")

    async def open(self, url: str) -> None:
        await self._socket.connect(
            url, namespaces=["/chat"], auth={"language": "sv"}, transports=["websocket"]
        )

    async def close(self) -> None:
        await self._socket.disconnect()

    async def say(self, text: str) -> str:
        """Write; returns the bot's answer."""
        self._number += 1
        ack = await self.do("message", {"id": f"m{self._number}", "text": text})
        assert ack["ok"] is True, ack
        return await asyncio.wait_for(self._heard.get(), 20)

    async def do(self, event: str, body: dict[str, str]) -> dict[str, object]:
        ack: dict[str, object] = await self._socket.call(event, body, namespace="/chat")
        return ack

    async def _message(self, data: dict[str, str]) -> None:
        if data["author"] != "customer":
            await self._heard.put(data["text"])


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_story_of_the_readme(demo: Demo) -> None:
    page = Page()
    await page.open(demo.url)
    assert "ordernummer" in await page.say("jag vill lämna tillbaka en jacka")
    assert "storlek" in await page.say("FB-123456")
    offer = await page.do("continue", {"channel": "twilio_sms", "account": "demo"})
    linked = await demo.text(str(offer["code"]))
    assert "storlek" in linked  # the open question, on the new channel
    assert "FB-123456" in await demo.text("42")
    await demo.text("jag vill prata med en människa")
    await page.close()

    entries = await the_agent_answers(demo)
    await demo.text("när har ni öppet?")
    check_the_thread(entries)
    await check_the_commands(demo)
    assert not any(
        secret in demo.log.read_text()
        for secret in (
            "demo-twilio-auth-token",
            "demo-telegram",
            "fjallbutiken\n",
            str(offer["code"]),
        )
    )


async def the_agent_answers(demo: Demo) -> list[dict[str, Any]]:
    """Accept, reply and hand back by the API; returns the thread's entries."""
    jar = aiohttp.CookieJar(unsafe=True)  # it takes no cookies of addresses otherwise
    async with aiohttp.ClientSession(f"{demo.url}/api/v1/", cookie_jar=jar) as api:
        log_in = {"email": "anna@fjallbutiken.example", "password": "fjallbutiken"}
        async with api.post("session", json=log_in) as answer:
            assert answer.status == 201
            headers = {"X-CSRF-Token": (await answer.json())["csrf"]}
        async with api.get("threads", params={"owner": "offered"}) as answer:
            (row,) = (await answer.json())["threads"]
        thread = row["state"]["thread"]

        async def act(what: str, **body: str) -> None:
            async with api.post(f"threads/{thread}/{what}", json=body, headers=headers) as done:
                assert done.status == 200, await done.text()

        await act("accept")
        await act("reply", text="Hej, Anna här!", client_id="r1")
        await act("hand-back", note="klart")
        async with api.get(f"threads/{thread}/entries", params={"limit": "200"}) as answer:
            entries = (await answer.json())["entries"]
        async with api.get("threads") as answer:
            assert len((await answer.json())["threads"]) == 1
    return list(entries)


def check_the_thread(entries: list[dict[str, Any]]) -> None:
    """Two channel marks in order, and every entry with who and why."""
    marks = [
        one["address"]["channel"] for one in entries if "message" in one["entry"]["body"]["kind"]
    ]
    assert marks[0] == "webchat"
    assert marks[-1] == "twilio_sms"
    assert all(one["entry"]["by"]["kind"] for one in entries)
    said = [one for one in entries if one["entry"]["body"]["kind"] == "message_out"]
    decided = [one for one in said if one["entry"]["by"]["kind"] != "agent"]
    assert all(one["entry"]["body"]["decision"]["rule"] for one in decided)
    replies = [one for one in said if one["entry"]["by"]["kind"] == "agent"]
    assert [(one["entry"]["body"]["text"], one["address"]["channel"]) for one in replies] == [
        ("Hej, Anna här!", "twilio_sms")
    ]


async def check_the_commands(demo: Demo) -> None:
    """What an operator may do beside a running server."""
    code, shown = await demo.command("rebuild", "--config", "config/demo.toml")
    assert (code, shown.strip()) == (0, "0 snapshots differed")
    code, token = await demo.command("token", "add", "crm", "--config", "config/demo.toml")
    assert code == 0
    bearer = {"Authorization": f"Bearer {token.strip()}"}
    async with aiohttp.ClientSession(headers=bearer) as api:
        async with api.get(f"{demo.url}/api/v1/threads") as answer:
            assert answer.status == 200
        bearer["Authorization"] += "x"
        async with api.get(f"{demo.url}/api/v1/threads", headers=bearer) as answer:
            assert answer.status == 401
    code, shown = await demo.command("replay", "--config", "config/demo.toml")
    assert (code, shown.strip()) == (0, "no dead letters")
    code, shown = await demo.command(
        *("sandbox", "send", "--channel", "pigeon", "--from", "1", "--url", demo.url, "hej")
    )
    assert code == 2
    assert shown.startswith("samtal: ")
    assert "the sandbox answered 404" in shown
    code, shown = await demo.command(
        *("user", "add", "bo@example.com", "--name", "Bo", "--config", "config/demo.toml"),
        given="a long password\n",
    )
    assert (code, shown.strip()) == (0, "bo@example.com can log in")


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("[hub]\nanswer_att = 0.5\n", "hub.answer_att: unknown key. Did you mean `answer_at`?"),
        ("[hub]\nanswer_at = 7\n", "hub.answer_at: Input should be less than or equal to 1"),
        ("[channels.pigeon.a]\n", "channels.pigeon: no such channel. There are: line,"),
        (
            '[channels.telegram.a]\nbot_token = "x"\n',
            "secret_token",
        ),
        ("[channels.telegram.a]\nbot_tokn = 'x'\n", "channels.telegram.a"),
        ("port = [", "cannot be read"),
    ],
)
async def test_a_wrong_setting_is_named_with_its_mend(
    tmp_path: Path, toml: str, complaint: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(toml, "utf-8")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "bot", "check-config", "--config", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("samtal: ")
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_help_names_every_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "bot", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for command in ("serve", "check-config", "doctor", "replay", "rebuild", "nlu", "content"):
        assert f" {command} " in shown
