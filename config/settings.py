"""The settings schema; read by the composition root only.

Later wins: the defaults here, the TOML file, the environment (`SAMTAL_SANDBOX=true`,
`SAMTAL_CHANNELS__TWILIO_SMS__MAIN__AUTH_TOKEN=...`).
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    StringConstraints,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from typing_extensions import override

from bot.crms.settings import CrmSettings
from bot.edge.realms import IdentitySettings
from bot.edge.settings import EdgeSettings
from bot.errors import ConfigError
from bot.hub.fields import TIER
from bot.hub.settings import HubSettings


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _with_scheme(*schemes: str) -> Callable[[SecretStr], SecretStr]:
    """Refuse a URL of another kind; its text is never repeated, as it has credentials in it."""

    def check(url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            known = parts.scheme in schemes and bool(parts.hostname)
        except ValueError:
            known = False
        if not known:
            msg = f"is no URL of the form {schemes[0]}://host:port"
            raise ValueError(msg)
        return url

    return check


Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
MongoUrl = Annotated[SecretStr, AfterValidator(_with_scheme("mongodb", "mongodb+srv"))]
NatsUrl = Annotated[SecretStr, AfterValidator(_with_scheme("nats", "tls"))]
_LEAST_SECOND = timedelta(seconds=1)
_TRAINED, _PUBLISHED = Path("var/model"), Path("var/models")


class StoreSection(_Section):
    """Where everything is kept."""

    engine: Literal["sqlite", "mongo"] = "sqlite"
    path: Path = Field(Path("var/samtal.db"), description="The SQLite file.")
    url: MongoUrl | None = Field(None, description="MongoDB's address, with its credentials.")
    database: Prefix = Field("samtal", description="Database in MongoDB.")
    driver: Literal["motor", "pymongo"] = "motor"
    start_patience: timedelta = Field(
        timedelta(seconds=30), ge=timedelta(0), description="How long a start waits for the store."
    )


class BusSection(_Section):
    """What wakes the workers, and tells every process what happened."""

    engine: Literal["sqlite", "nats"] = "sqlite"
    partitions: int = Field(16, ge=1, le=1024, description="Threads worked on side by side.")
    servers: tuple[NatsUrl, ...] = Field((), description="Addresses of NATS servers.")
    name: Prefix = Field("samtal", description="Prefix of the stream and its subjects.")
    replicas: int = Field(1, ge=1, le=5, description="Copies of the stream in a NATS cluster.")


class SpoolSection(_Section):
    """What an edge keeps on its own disk while MongoDB is away."""

    path: Path = Field(Path("var/spool.db"), description="The file; each edge needs its own.")
    patience: timedelta = Field(
        timedelta(seconds=2), ge=timedelta(0), description="How long a request waits for the store."
    )
    longest: timedelta = Field(
        timedelta(minutes=15), ge=_LEAST_SECOND, description="Age of the oldest that may wait."
    )
    most_bytes: int = Field(268_435_456, ge=1_048_576, description="How much may wait.")


class NluSection(_Section):
    """What reads messages."""

    model: Path | None = Field(
        None,
        description="Folder of a trained model, or of published ones; none: what was published in "
        "var/models, or var/model while nothing was.",
    )
    watch: timedelta | None = Field(
        timedelta(seconds=10),
        ge=_LEAST_SECOND,
        description="How often to look for a newly published model; none: at a reload only.",
    )
    encoder: Path | None = Field(
        None, description="Folder of the encoder that the model was trained with, if it has moved."
    )

    @property
    def folder(self) -> Path:
        """Where the model is read from now: once one is published, published ones are."""
        if self.model is not None:
            return self.model
        return _PUBLISHED if (_PUBLISHED / "live.json").is_file() else _TRAINED


class ContentSection(_Section):
    """What the bot says."""

    folder: Path = Field(Path("config/content"), description="Folder of content files.")
    forms: Path = Field(Path("config/forms"), description="Folder of form files.")
    personas: Path = Field(
        Path("config/personas.yaml"), description="File of those that customers may speak as."
    )


class LogSection(_Section):
    """What is written about the work."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Settings(BaseSettings):
    """Everything an operator may set."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="SAMTAL_", env_nested_delimiter="__"
    )

    secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key for tokens and hashes; made and kept beside the store if absent.",
    )
    sandbox: bool = Field(default=False, description="Play the providers on the loopback.")
    store: StoreSection = StoreSection()
    bus: BusSection = BusSection()
    spool: SpoolSection = SpoolSection()
    nlu: NluSection = NluSection()
    content: ContentSection = ContentSection()
    hub: HubSettings = HubSettings()
    edge: EdgeSettings = EdgeSettings(public_base_url="http://127.0.0.1:8080")
    identity: IdentitySettings = IdentitySettings()
    crm: CrmSettings | None = Field(None, description="Another system that keeps customers too.")
    log: LogSection = LogSection()
    channels: dict[str, dict[str, dict[str, JsonValue]]] = Field(
        default_factory=dict, description="`[channels.<channel>.<account>]`, as each channel says."
    )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before the file, which comes as arguments."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (env_settings, init_settings)


def load(path: Path | None) -> Settings:
    """Read a TOML file (None: defaults and environment); raises ConfigError."""
    where = str(path) if path else "environment"
    try:
        values = tomllib.loads(path.read_text("utf-8")) if path else {}
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=where, mend="Check the path.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"cannot be read: {error}", where=where, mend="Mend it as TOML in UTF-8."
        ) from error
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise explained(error, Settings, where=where) from None
    except SettingsError as error:  # it names the variable's field, never the value
        raise ConfigError(
            str(error), where="environment", mend="Write JSON, or one variable for each key."
        ) from None
    _check_engines(settings, where=where)
    _check_realms(settings, where=where)
    _check_crm(settings, where=where)
    return settings


def _check_engines(settings: Settings, *, where: str) -> None:
    """Refuse engines without what they need, and such as do not go together."""
    store, bus = settings.store, settings.bus
    if store.engine == "mongo":
        if store.url is None:
            mend = "Set it, best as SAMTAL_STORE__URL=mongodb://..."
            raise ConfigError(
                "is missing for the engine mongo", where=f"{where}: store.url", mend=mend
            )
        if settings.secret is None:
            mend = "Set one secret for all processes, best as SAMTAL_SECRET."
            raise ConfigError(
                "is missing: several processes share it", where=f"{where}: secret", mend=mend
            )
        if bus.engine == "sqlite":
            mend = 'Set engine = "nats" and servers.'
            raise ConfigError(
                "a SQLite bus lives in a SQLite store, and the store is MongoDB",
                where=f"{where}: bus.engine",
                mend=mend,
            )
    if bus.engine == "nats" and not bus.servers:
        mend = 'Set servers = ["nats://host:4222"].'
        raise ConfigError(
            "is missing for the engine nats", where=f"{where}: bus.servers", mend=mend
        )


def _check_realms(settings: Settings, *, where: str) -> None:
    """Refuse a realm for a chat that is not there: its tokens would never be taken."""
    known = settings.channels.get("webchat", {})
    for name, realm in settings.identity.realms.items():
        for account in realm.accounts:
            if account not in known:
                there = ", ".join(sorted(known)) or "none"
                raise ConfigError(
                    f"there is no web chat account {account!r}",
                    where=f"{where}: identity.realms.{name}.accounts",
                    mend=f"There is: {there}.",
                )


def _check_crm(settings: Settings, *, where: str) -> None:
    """Refuse a tier of no programme: nobody could tell of which it is."""
    crm = settings.crm
    if crm is not None and TIER in crm.fields and settings.hub.programme is None:
        raise ConfigError(
            "is missing: the CRM keeps the tier of a programme",
            where=f"{where}: hub.programme",
            mend="Name the loyalty programme, as facts do.",
        )


def explained(error: ValidationError, schema: type[BaseModel], *, where: str) -> ConfigError:
    """The first fault of a validation as an error that names the key and how to mend it.

    Values are left out: they may be secrets.
    """
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
    if first["type"] == "extra_forbidden":
        known = _keys(schema, first["loc"][:-1])
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        mend = f"Did you mean `{near[0]}`?" if near else f"Known keys: {', '.join(known)}."
        return ConfigError("unknown key", where=f"{where}: {key}", mend=mend)
    if first["type"] == "missing":
        return ConfigError("is missing", where=f"{where}: {key}", mend="Add it.")
    return ConfigError(first["msg"], where=f"{where}: {key}", mend="Set an allowed value.")


def _keys(schema: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    inner: object = schema
    for part in path:
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            field = inner.model_fields.get(str(part))
            inner = field.annotation if field else None
        else:  # of a table or a list of them: whatever the key or the place
            inner = next(
                iter(get_args(inner)[-1:] if get_origin(inner) is dict else get_args(inner)), None
            )
    known = isinstance(inner, type) and issubclass(inner, BaseModel)
    return sorted(inner.model_fields) if known else []
