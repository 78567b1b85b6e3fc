"""What is written about the work: one line an event, as JSON or for eyes, and no secrets."""

from __future__ import annotations

import json
import logging
import sys
from functools import lru_cache

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, WrappedLogger

_HIDDEN = ("authorization", "cookie", "csrf", "password", "secret", "token")
_MASK = "***"
_ENCODER = json.JSONEncoder(default=str)
# These say in many lines, on every request, what the edge's own line says in one.
_QUIET = ("aiohttp", "asyncio", "engineio", "socketio")


def configure(*, level: str, as_json: bool) -> None:
    """Write events from this level on (`debug`, `info`, `warning`, `error`) to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_secrets,
    ]
    shown: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, _as_json] if as_json else [_console()]
    )
    structlog.configure(
        processors=[*shared, *shown],
        wrapper_class=_Leveled,
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _configure_others(number, shared=shared, shown=shown)
    set_level(level)


class _Leveled(structlog.make_filtering_bound_logger(logging.NOTSET)):  # type: ignore[misc]  # made
    """A logger whose level can be changed after it was taken into use."""


def set_level(level: str) -> None:
    """Write events from this level on, also those of loggers that are in use."""
    number = logging.getLevelNamesMapping()[level.upper()]
    # What is below the level is a method that does nothing: the cheapest there is.
    for name, method in vars(structlog.make_filtering_bound_logger(number)).items():
        if not name.startswith("__"):
            setattr(_Leveled, name, method)
    logging.getLogger().setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _console() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        exception_formatter=structlog.dev.plain_traceback,  # the fancy one shows local variables
    )


def without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask what is named like a secret, whoever logged it."""
    for key, value in event.items():
        if isinstance(value, SecretStr) or _is_hidden(key):
            event[key] = _MASK
    return event


@lru_cache(maxsize=1024)
def _is_hidden(key: str) -> bool:
    return any(word in key.lower() for word in _HIDDEN)


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return _ENCODER.encode(event)


def _configure_others(
    number: int,
    *,
    shared: list[structlog.typing.Processor],
    shown: list[structlog.typing.Processor],
) -> None:
    """Lines of libraries go the same way."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shown],
        )
    )
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def one_line_log(name: str) -> logging.Logger:
    """A library's log for what strangers send: errors in one line each, no traceback.

    Below errors these libraries log what people write.
    """
    logger = logging.getLogger(name)
    logger.setLevel(logging.ERROR)
    logger.addFilter(_without_traceback)
    return logger


def _without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.msg = f"{record.getMessage()}: {type(record.exc_info[1]).__name__}"
        record.args = ()
    record.exc_info = None
    record.exc_text = None
    return True
