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
import structlog.tracebacks
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
    closing: list[Processor]
    if log_format == "console":
        plain = structlog.dev.plain_traceback
        colors = target.isatty()
        closing = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    else:
        closing = [
            _without_locals,
            structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
        ]
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


_transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def _without_locals(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Tracebacks as data: where, and of what type; a frame's variables hold what customers wrote."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if isinstance(found, tuple) and found[0] is not None:
        event["exception"] = _transform(found)
    return event


def _named(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return add


def _withhold(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in WITHHELD.intersection(event):
        event[name] = "[withheld]"
    return event
