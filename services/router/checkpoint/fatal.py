"""The one way out of the router when something is not as it must be: at once.

A graceful stop would run Faust's shutdown, which acknowledges and commits; the protocol relies on the opposite, that a worker
which cannot go on leaves nothing behind but its unfinished transaction.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Final, NoReturn

import structlog

EXIT_FAILED: Final = 70
"""`EX_SOFTWARE`: the supervisor starts the worker again."""

log = structlog.get_logger(__name__)


def die(reason: str, error: BaseException | None = None) -> NoReturn:
    """Log why, flush, and end the process without running any other code."""
    log.critical("router.died", reason=reason, error=repr(error) if error else None, exc_info=error)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_FAILED)
