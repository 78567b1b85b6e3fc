"""The settings: what the file and the environment say, and that the file tells of all of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.app.configuration import check_role
from bot.app.roles import ProcessRole
from bot.errors import ConfigError
from config.settings import Settings, load

DEFAULT = Path(__file__).resolve().parents[2] / "config/default.toml"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAMTAL_")]:
        monkeypatch.delenv(name)


def test_the_default_file_says_what_holds_without_it() -> None:
    said = load(DEFAULT)
    assert said.model_copy(update={"channels": {}}) == load(None)
    assert said.channels == {"webchat": {"site": {}}}


@pytest.mark.parametrize(
    "section",
    [None, *(name for name in Settings.model_fields if name not in {"secret", "sandbox"})],
)
def test_the_default_file_names_every_setting(section: str | None) -> None:
    schema = _schema(section)
    if schema is None:
        return
    text = DEFAULT.read_text("utf-8")
    body = text.partition(f"\n[{section}]\n")[2] if section else text
    body = re.split(r"\n\[", body, maxsplit=1)[0]
    named = set(re.findall(r"^(?:# )?([a-z_]+) =", body, re.MULTILINE))
    assert named >= {"secret", "sandbox"} if section is None else named == set(schema.model_fields)


def _schema(section: str | None) -> type[BaseModel] | None:
    found = Settings.model_fields[section].annotation if section else Settings
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMTAL_EDGE__PORT", "9000")
    monkeypatch.setenv("SAMTAL_CHANNELS__MESSENGER__MAIN__PAGE_ID", "100000000000000")
    said = load(DEFAULT)
    assert said.edge.port == 9000
    assert said.edge.host == "127.0.0.1"
    assert said.channels["messenger"]["main"] == {"page_id": "100000000000000"}


def test_an_unreadable_variable_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMTAL_CHANNELS", "{hush")
    with pytest.raises(ConfigError, match=r'environment: .*"channels"') as caught:
        load(None)
    assert "hush" not in str(caught.value)


# --- engines ---------------------------------------------------------------------------------

MONGO = {
    "SAMTAL_SECRET": "a secret for all processes",
    "SAMTAL_STORE__ENGINE": "mongo",
    "SAMTAL_STORE__URL": "mongodb://anna:hush@db.example/",
    "SAMTAL_BUS__ENGINE": "nats",
    "SAMTAL_BUS__SERVERS": '["nats://bus:hush@one.example:4222", "nats://two.example"]',
}


def _set(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_engines_for_several_processes_go_with_every_role(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, MONGO)
    said = load(None)
    assert said.store.url is not None
    assert said.store.url.get_secret_value() == "mongodb://anna:hush@db.example/"
    assert [url.get_secret_value() for url in said.bus.servers] == [
        "nats://bus:hush@one.example:4222",
        "nats://two.example",
    ]
    assert "hush" not in repr(said)
    for role in ProcessRole:
        check_role(said, role)


@pytest.mark.parametrize(
    ("without", "found"),
    [
        ("SAMTAL_STORE__URL", r"store\.url: is missing for the engine mongo\. .*SAMTAL_STORE__URL"),
        ("SAMTAL_SECRET", r"secret: is missing: several processes share it\. .*SAMTAL_SECRET"),
        ("SAMTAL_BUS__SERVERS", r"bus\.servers: is missing for the engine nats\. .*nats://"),
        ("SAMTAL_BUS__ENGINE", r'bus\.engine: a SQLite bus .*MongoDB\. Set engine = "nats"'),
    ],
)
def test_an_engine_without_what_it_needs_is_refused(
    without: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, {name: value for name, value in MONGO.items() if name != without})
    with pytest.raises(ConfigError, match=f"environment: {found}"):
        load(None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAMTAL_STORE__ENGINE", "hush"),
        ("SAMTAL_STORE__URL", "postgres://anna:hush@db.example/"),
        ("SAMTAL_STORE__URL", "mongodb://"),
        ("SAMTAL_STORE__DATABASE", "../hush"),
        ("SAMTAL_STORE__DRIVER", "hush"),
        ("SAMTAL_BUS__ENGINE", "hush"),
        ("SAMTAL_BUS__SERVERS", '["http://hush@bus.example"]'),
        ("SAMTAL_BUS__SERVERS", '["nats://[hush"]'),
        ("SAMTAL_BUS__NAME", "hush hush"),
        ("SAMTAL_BUS__REPLICAS", "0"),
        ("SAMTAL_SPOOL__LONGEST", "PT0S"),
        ("SAMTAL_SPOOL__MOST_BYTES", "1"),
        ("SAMTAL_HUB__BACKLOG_LIMIT", "0"),
        ("SAMTAL_HUB__STOP_GRACE", "-PT1S"),
        ("SAMTAL_EDGE__DRAIN_DELAY", "PT1H"),
    ],
)
def test_a_wrong_value_is_named_and_never_repeated(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set(monkeypatch, MONGO | {name: value})
    key = name.removeprefix("SAMTAL_").lower().replace("__", ".")
    with pytest.raises(ConfigError) as caught:
        load(None)
    assert f"environment: {key}" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("role", [role for role in ProcessRole if role is not ProcessRole.ALL])
def test_sqlite_is_for_one_process(role: ProcessRole, monkeypatch: pytest.MonkeyPatch) -> None:
    check_role(load(None), ProcessRole.ALL)
    with pytest.raises(ConfigError, match=rf"store\.engine: .*--role {role}.*mongo"):
        check_role(load(None), role)
    _set(monkeypatch, {name: value for name, value in MONGO.items() if "BUS" in name})
    with pytest.raises(ConfigError, match=r"store\.engine"):
        check_role(load(None), role)
    _set(monkeypatch, MONGO | {"SAMTAL_SANDBOX": "true"})
    check_role(load(None), ProcessRole.ALL)
    with pytest.raises(ConfigError, match=r"^sandbox: "):
        check_role(load(None), role)


SECRET = "a secret of the shop and of the chat"


def realm(**other: object) -> str:
    said = {"accounts": ["site"], "audience": "samtal", **other}
    lines = [f"{name} = {value!r}".replace("'", '"') for name, value in said.items()]
    return "[channels.webchat.site]\n[identity.realms.shop]\n" + "\n".join(lines)


def key(**other: str) -> str:
    said = {"kid": "k1", "algorithm": "HS256", "secret": SECRET, **other}
    lines = [f'{name} = """{value}"""' for name, value in said.items() if value]
    return "\n[[identity.realms.shop.keys]]\n" + "\n".join(lines)


CRM = """
[crm]
url = "https://crm.example.com/api"
secret = "a token of the CRM"
source = "crm"
realm = "shop"
[crm.fields.tier]
theirs = "level"
values = { guld = "GOLD", silver = "SILVER" }
"""


def test_a_crm_is_read(tmp_path: Path) -> None:
    file = tmp_path / "samtal.toml"
    file.write_text('[hub]\nprogramme = "klubben"\n' + CRM, "utf-8")
    crm = load(file).crm
    assert crm is not None
    (field,) = crm.terms.fields
    assert (field.as_theirs("guld"), field.as_ours("SILVER"), field.as_ours("x")) == (
        "GOLD",
        "silver",
        "x",
    )
    assert "a token of the CRM" not in repr(crm)


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("", "", "hub.programme"),
        ('"https://crm.example.com/api"', '"ftp://crm.example.com"', "crm.url"),
        ('"a token of the CRM"', '"short"', "crm.secret"),
        ('source = "crm"', 'source = "agent"', "crm.source"),
        ("fields.tier", "fields.shoes", "crm.fields.shoes"),
        ('silver = "SILVER"', 'silver = "GOLD"', "crm.fields.tier"),
    ],
)
def test_a_crm_that_is_wrong_is_told(before: str, after: str, where: str, tmp_path: Path) -> None:
    file = tmp_path / "samtal.toml"
    programme = '[hub]\nprogramme = "klubben"\n' if before else ""
    file.write_text(programme + (CRM.replace(before, after) if before else CRM), "utf-8")
    with pytest.raises(ConfigError) as error:
        load(file)
    assert where in str(error.value)
    assert "a token" not in str(error.value)


def test_a_realm_is_read(tmp_path: Path) -> None:
    file = tmp_path / "samtal.toml"
    file.write_text(realm() + key() + key(kid="k2"), "utf-8")
    shop = load(file).identity.realms["shop"]
    assert (shop.longest.total_seconds(), shop.leeway.total_seconds()) == (3600, 30)
    assert [one.kid for one in shop.keys] == ["k1", "k2"]
    assert SECRET not in repr(shop)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (realm(accounts=["shop"]) + key(), "realms.shop.accounts", "no web chat account 'shop'"),
        (realm(), "realms.shop.keys", "is missing"),
        (realm() + key(secret="short"), "shop.keys.0", "at least 32 bytes"),
        (realm() + key(secret=""), "shop.keys.0", "at least 32 bytes"),
        (realm() + key(algorithm="none"), "shop.keys.0.algorithm", "Input should be"),
        (realm() + key(algorithm="HS512"), "shop.keys.0.algorithm", "Input should be"),
        (realm() + key(algorithm="RS256"), "shop.keys.0", "not a secret"),
        (realm() + key(public_key="x"), "shop.keys.0", "not a public_key"),
        (realm() + key(algorithm="RS256", secret="", public_key="x"), "keys.0", "PEM"),
        (realm() + key(secret="-----BEGIN PUBLIC KEY-----" * 2), "shop.keys.0", "PEM"),
        (realm() + key() + key(), "realms.shop", "same kid"),
        (realm(longest="P2D") + key(), "realms.shop.longest", "less than or equal"),
        (realm() + key(colour="red"), "shop.keys.0.colour", "unknown key"),
    ],
)
def test_a_realm_that_proves_nothing_is_refused(
    text: str, where: str, what: str, tmp_path: Path
) -> None:
    file = tmp_path / "samtal.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert where in str(refused.value)
    assert what in str(refused.value)
    assert SECRET not in str(refused.value)


def test_an_unknown_key_of_a_realm_is_told_with_its_neighbour(tmp_path: Path) -> None:
    file = tmp_path / "samtal.toml"
    file.write_text(realm(audiense="x") + key(), "utf-8")
    with pytest.raises(ConfigError, match="Did you mean `audience`"):
        load(file)
