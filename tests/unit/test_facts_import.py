"""`samtal facts import`: a table of facts, taken line by line, and again without effect."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.embedded.database import Database
from bot.hub.columns import columns
from bot.model.channel import Address
from bot.model.fact import TOLD_KINDS, Attribute, AttributeKey, Item, Purchased
from bot.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

    from bot.model.fact import Fact

LOGIN = Address(channel="login", account="shop", user="4711")
HEAD = "id,at,realm,sub,order,amount,currency,items\n"
ROW = "1,2026-03-01T12:00:00Z,shop,4711,A-1,1295.00,SEK,\n"


class Till:
    """A store in a file, and the command beside it."""

    def __init__(self, folder: Path) -> None:
        self._store = folder / "store.db"
        self._config = folder / "samtal.toml"
        self._config.write_text(f'[store]\npath = "{self._store}"\n', "utf-8")
        self.file = folder / "köp.csv"

    def takes(self, text: str | bytes, *, source: str = "till", kind: str = "purchased") -> Result:
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.runs("--source", source, "--kind", kind)

    def runs(self, *options: str) -> Result:
        arguments = ["facts", "import", str(self.file), *options, "--config", str(self._config)]
        return CliRunner().invoke(cli, arguments, catch_exceptions=False)

    def facts(self) -> list[Fact]:
        """What is kept of the customer 4711, the newest first."""

        async def read() -> list[Fact]:
            store = SqliteStore(Database.open(self._store))
            try:
                return await store.facts([LOGIN.identity])
            finally:
                await store.close()

        return asyncio.run(read())


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    yield Till(tmp_path)
    structlog.reset_defaults()  # the command's, which would end with its process


def said(result: Result) -> str:
    """All that is on standard output: one line."""
    (line,) = result.stdout.splitlines()
    return line


def test_a_table_is_taken_once(till: Till) -> None:
    items = '"[{""sku"": ""T2"", ""name"": ""Tält, rött"", ""quantity"": 2}]"'
    text = f"{HEAD}{ROW}2,2026-03-02T12:00:00+01:00,shop,4711,A-2,9,EUR,{items}\n\n"
    first = till.takes(text)
    assert (first.exit_code, said(first)) == (0, "2 taken, 0 known, 0 held, 0 refused, 0 echo")
    two, one = till.facts()
    assert one.body == Purchased(order="A-1", amount="1295.00", currency="SEK")
    item = Item(sku="T2", name="Tält, rött", quantity=2)
    assert two.body == Purchased(order="A-2", amount="9", currency="EUR", items=(item,))
    assert two.source == "till"
    again = till.takes(text)
    assert (again.exit_code, said(again)) == (0, "0 taken, 2 known, 0 held, 0 refused, 0 echo")
    assert till.facts() == [two, one]


def test_lines_that_are_wrong_are_named_and_the_others_taken(till: Till) -> None:
    text = (
        HEAD
        + ROW
        + "2,2026-03-01 12:00,shop,4711,A-2,1.00,SEK,\n"
        + "3,2026-03-01T12:00:00Z,shop,4711,A-3,1.00,,\n"
        + '4,2026-03-01T12:00:00Z,shop,4711,"A\n4",1.00,SEK,\n'
        + "5,2026-03-01T12:00:00Z,shop,4711,A-5\n"
        + "6,2026-03-01T12:00:00Z,shop,4711,A-6,1.00,SEK,two tents\n"
        + "1,2026-03-01T12:00:00Z,shop,4711,A-1,0.01,SEK,\n"
        + "8,2026-03-01T12:00:00Z,shop,4711,A-8,1.00,SEK,\n"
    ).encode() + b"9,2026-03-01T12:00:00Z,shop,4711,\xe5,1.00,SEK,\n"
    result = till.takes(text)
    assert (result.exit_code, said(result)) == (1, "3 taken, 0 known, 0 held, 6 refused, 0 echo")
    bad = result.stderr.splitlines()
    assert [line.partition(":")[0] for line in bad] == [
        f"line {number}" for number in (3, 4, 7, 8, 9, 11)
    ]
    assert "at: " in bad[0]
    assert "with its zone" in bad[0]
    assert bad[1] == "line 4: refused: data.currency: Field required (Add this field.)"
    assert bad[2] == "line 7: refused: 5 cells, and not 8 as the first line"
    assert "data.items" in bad[3]
    assert "another fact was told under this id" in bad[4]
    assert bad[5] == "line 11: refused: not in UTF-8"
    assert {one.body.order for one in till.facts() if isinstance(one.body, Purchased)} == {
        "A-1",
        "A\n4",
        "A-8",
    }


def test_semicolons_a_byte_order_mark_and_truth(till: Till) -> None:
    text = (
        "\ufeffid;at;realm;sub;key;value;verified;partner;legal_basis\r\n"
        "1;2026-03-01T12:00:00Z;shop;4711;birthday;1984-05-31;TRUE;Resebyrån;consent\r\n"
    )
    result = till.takes(text, kind="attribute")
    assert (result.exit_code, said(result)) == (0, "1 taken, 0 known, 0 held, 0 refused, 0 echo")
    (found,) = till.facts()
    assert found.body == Attribute(key=AttributeKey.BIRTHDAY, value="1984-05-31", verified=True)
    assert found.partner == "Resebyrån"


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("", {}, "lacks columns: 'id', 'at'"),
        ("id,at,colour\n", {}, "has unknown columns: 'colour'"),
        ("id,at,id\n", {}, "names columns twice: 'id'"),
        (HEAD + ROW, {"kind": "teleported"}, "--kind teleported: no such kind"),
        (HEAD + ROW, {"source": "The CRM"}, "--source The CRM: is no name for a source"),
        (HEAD + ROW, {"source": "agent"}, "--source agent: is no name for a source"),
    ],
)
def test_what_makes_no_sense_is_refused_as_a_whole(
    till: Till, text: str, options: dict[str, str], says: str
) -> None:
    result = till.takes(text, **options)
    assert result.exit_code == 2
    assert says in result.stderr
    assert till.facts() == []


def test_a_file_that_is_not_there(till: Till) -> None:
    result = till.runs("--source", "till", "--kind", "purchased")
    assert (result.exit_code, "No such file" in result.stderr) == (2, True)


def test_every_kind_has_its_columns() -> None:
    assert columns("attribute") == (
        *("id", "at", "version", "partner", "legal_basis", "facet"),
        *("realm", "sub", "identity"),
        *("key", "value", "verified"),
    )
    for kind in TOLD_KINDS:
        assert len(set(columns(kind))) == len(columns(kind)) > 8
