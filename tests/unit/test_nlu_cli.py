"""The commands by which a reader comes into service: what they say, write, and refuse."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.app.doctor import examine
from bot.embedded.database import Database
from bot.hub.reviewing import Reviewing
from bot.model.ids import AgentId
from bot.stores.sqlite import SqliteStore
from config.settings import load
from nlu.pipeline import load_manifest
from nlu.shelf import Shelf
from tests.fakes.clock import FakeClock
from tests.fakes.nlu import FakeNlu
from tests.hubs import hub_kit
from tests.unit.nlu_models import SMALL, small_model
from tests.unit.test_nlu_shelf import GOLDEN, swapped_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

WORST = "'I want to return the jacket' is return.start: return.start -> advice"
WORSE = "'which tent is the best one' is advice: advice -> return.start"


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with examples and a golden set where the commands look for them."""
    data = tmp_path / "config/nlu"
    data.mkdir(parents=True)
    (data / "golden.jsonl").write_text(GOLDEN, "utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    structlog.reset_defaults()


def samtal(*arguments: str | Path) -> Result:
    given = [str(argument) for argument in arguments]
    return CliRunner().invoke(cli, given, catch_exceptions=False)


def files(folder: Path) -> dict[str, bytes]:
    """Everything below a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def version(model: Path) -> str:
    return load_manifest(model).version


def test_trained_published_and_served_from_the_places_that_everybody_knows(house: Path) -> None:
    settings = load(None)
    data = house / "rows.jsonl"
    data.write_text(SMALL, "utf-8")
    assert settings.nlu.folder == Path("var/model")
    trained = samtal("nlu", "train", "--data", data)
    assert trained.exit_code == 0
    kept = json.loads(trained.stdout)["model"]
    assert version(Path("var/model")) == kept
    assert settings.nlu.folder == Path("var/model")
    done = samtal("nlu", "publish")
    assert (done.exit_code, done.stdout) == (0, f"in service: {kept} (before: none)\n")
    assert settings.nlu.folder == Path("var/models")
    assert Shelf(settings.nlu.folder).live == kept
    old = settings.nlu.model_copy(update={"model": Path("var/model")})
    assert old.folder == Path("var/model")  # what was configured before holds


def test_without_a_model_to_publish_nothing_is_written(house: Path) -> None:
    refused = samtal("nlu", "publish")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == (
        "samtal: var/model: no model here. Train it anew with `samtal nlu train`.\n"
    )
    assert not (house / "var").exists()


def test_a_model_that_got_worse_is_published_only_by_force_and_taken_back(house: Path) -> None:
    good, bad = version(small_model()), version(swapped_model())
    assert samtal("nlu", "list").stdout == ""
    samtal("nlu", "publish", small_model())
    before = files(house)
    refused = samtal("nlu", "publish", swapped_model())
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"samtal: {swapped_model()}: worse than the live model on config/nlu/golden.jsonl: "
        "1 right, 3 before, such as 'I want to return the jacket' (return.start); "
        "'which tent is the best one' (advice). "
        "Mend the examples and train anew, or publish with --force.\n"
    )
    assert files(house) == before

    forced = samtal("nlu", "publish", swapped_model(), "--force")
    assert forced.exit_code == 0
    assert forced.stdout.splitlines()[:3] == [
        f"A {good}: 3 of 3 right",
        f"B {bad}: 1 of 3 right",
        "better 0, worse 2, p = 0.5000",
    ]
    assert forced.stdout.splitlines()[-1] == f"in service: {bad} (before: {good})"
    first, second = samtal("nlu", "list").stdout.splitlines()
    assert (first.split()[0], second.split()[:2]) == (good, ["*", bad])

    back = samtal("nlu", "rollback")
    assert (back.exit_code, back.stdout) == (0, f"in service: {good}\n")
    assert Shelf(Path("var/models")).live == good
    before = files(house)
    again = samtal("nlu", "rollback")
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == (
        "samtal: var/models: there is no model before this one. Publish another one.\n"
    )
    assert files(house) == before


def test_two_models_are_compared_row_by_row(house: Path) -> None:
    golden = house / "config/nlu/golden.jsonl"
    said = samtal("nlu", "compare", small_model(), swapped_model(), "--data", golden)
    assert said.exit_code == 0
    assert said.stdout.splitlines() == [
        f"A {version(small_model())}: 3 of 3 right",
        f"B {version(swapped_model())}: 1 of 3 right",
        "better 0, worse 2, p = 0.5000",
        f"  worse: {WORST}  ({golden}:2)",
        f"  worse: {WORSE}  ({golden}:3)",
    ]
    as_json = samtal("nlu", "compare", small_model(), swapped_model(), "--data", golden, "--json")
    found = json.loads(as_json.stdout)
    assert (found["right_a"], found["right_b"], found["p_value"]) == (3, 1, 0.5)
    golden.write_text("", "utf-8")
    refused = samtal("nlu", "compare", small_model(), swapped_model(), "--data", golden)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == f"samtal: {golden}: no rows. Write rows with text and label.\n"


def test_a_report_is_json_and_a_page(house: Path) -> None:
    golden = house / "config/nlu/golden.jsonl"
    said = samtal("nlu", "report", golden, "--model", small_model(), "--html", house / "r.html")
    assert said.exit_code == 0
    figures = json.loads(said.stdout)["figures"]
    assert (figures["rows"], figures["accuracy"]) == (3, 1.0)
    assert version(small_model()) in (house / "r.html").read_text("utf-8")
    refused = samtal("nlu", "report", golden, "--model", house, "--html", house / "other.html")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert not (house / "other.html").exists()


async def _talked(store: SqliteStore) -> None:
    """Two messages that nobody understood; one of them is labelled, one put aside."""
    async with hub_kit(nlu=FakeNlu({}), store=store) as kit:
        await kit.chat("v1", "paketet är borta")
        await kit.chat("v2", "blargh")
        reviewing = Reviewing(store=store, clock=FakeClock())
        items = {item.text: item.id for item in (await reviewing.page(None, limit=9)).items}
        await reviewing.settle(items["paketet är borta"], "order.status", by=AgentId.of("anna"))
        await reviewing.settle(items["blargh"], None, by=AgentId.of("anna"))


def test_what_people_labelled_is_written_once(house: Path) -> None:
    place, config, rows = house / "store.db", house / "samtal.toml", house / "rows.jsonl"
    config.write_text(f'[store]\npath = "{place}"\n', "utf-8")

    async def talk() -> None:
        store = SqliteStore(Database.open(place))
        try:
            await _talked(store)
        finally:
            await store.close()

    asyncio.run(talk())
    said = samtal("nlu", "review", "--export", rows, "--config", config)
    assert (said.exit_code, said.stdout) == (0, "1 rows\n")
    (row,) = map(json.loads, rows.read_text("utf-8").splitlines())
    assert (row["text"], row["label"]) == ("paketet är borta", "order.status")
    before = rows.read_bytes()
    again = samtal("nlu", "review", "--export", rows, "--config", config)
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == f"samtal: {rows}: is there already. Name a new file.\n"
    assert rows.read_bytes() == before


async def test_the_doctor_names_the_model_and_its_vectors(house: Path) -> None:
    async def said() -> list[str]:
        return [line for line in await examine(load(None)) if line.startswith(("model", "sent"))]

    missing = "model var/model: wanting: var/model: no model here"
    assert await said() == [f"{missing}. Train it anew with `samtal nlu train`."]
    shelf = Shelf(house / "var/models")
    kept = shelf.publish(small_model())
    model, vectors = await said()
    assert model == f"model var/models: on, version {kept}"
    assert vectors.startswith("sentence vectors: on: ")
    (shelf.folder / kept / "intent" / "facts.json").write_text("{}", "utf-8")
    (broken,) = await said()
    assert "the model's files were changed" in broken
