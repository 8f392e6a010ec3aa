"""Logs: one JSON object per line on stderr, or coloured lines for a person.

It stands apart so that every service, and every library that uses `logging`, writes the same way.  Hazard: a log is read
by more people than a complaint may be: what customers wrote never gets in, and the fields that carry it are withheld
here even if someone passes one by mistake.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

WITHHELD = frozenset(
    {
        "text",
        "body",
        "value",
        "data",
        "record",
        "customer_refs",
        "remedy_sought",
        "headers",
        "authorization",
    }
)
"""Fields that may carry a customer's words, a customer's identity or a key."""

# These say at INFO what we say ourselves, or say it once per connection attempt.
_QUIET = ("kafka", "uvicorn.access", "httpx", "httpcore", "asyncio", "aiokafka", "jgo")


def configure(
    service: str, *, log_format: str = "json", level: str = "info", stream: TextIO | None = None
) -> None:
    """Send all logs of this process to `stream` (stderr), each with the name of the service."""
    target = stream if stream is not None else sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service),
        _withhold,
    ]
    last: Processor
    if log_format == "console":
        last = structlog.dev.ConsoleRenderer(colors=target.isatty())
        closing: list[Processor] = [last]
    else:
        last = structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
        closing = [structlog.processors.dict_tracebacks, last]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *closing],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger for one module; bind what every line of it should carry."""
    return cast(FilteringBoundLogger, structlog.stdlib.get_logger(name))


def _named(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return add


def _withhold(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in WITHHELD.intersection(event):
        event[name] = "[withheld]"
    return event
