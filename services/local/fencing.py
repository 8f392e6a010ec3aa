"""Ends the registration of a broker that was killed, before it starts again.

Trap: a cluster of one starts from metadata in which the killed broker still leads every partition.  Its transaction coordinator
goes on at once with the transactions that were being ended, and cannot reach itself yet.  After the old registration's session
(`broker.session.timeout.ms`) no partition has a leader for a moment; one without a leader the coordinator takes for deleted, and
calls the transaction complete without writing its marker there (Kafka 4.3.0).  Half of a commit is then visible, and the rest goes
with whatever the producer ends next: rows lost whose offsets are committed, records twice.  A broker that only stood still for
longer than its session does the same to itself.

So the session of a broker does not end by itself (a day), and that of a killed one is ended here: the controller alone is started
first, for the instant in which it fences the broker, and what follows begins without any leader.  Hazard: a broker that starts
without this waits for its own old session.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.chassis.errors import TransientError
from services.local.properties import controller_properties
from services.local.registration import METADATA_LOG, Registration
from services.local.repair import CLEAN_SHUTDOWN
from services.local.watchdog import Watchdog

LONGEST_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.01


def was_killed(logs: Path) -> bool:
    """Whether a broker ran on this storage and did not end cleanly."""
    return (logs / METADATA_LOG).is_dir() and not (logs / CLEAN_SHUTDOWN).exists()


def fence(java: Sequence[str], folder: Path, logs: Path, controller_port: int) -> None:
    """Let the controller end the last life's registration; the caller holds the folder's lock.

    Args:
        java: the command up to the main class.
        folder: for a small file.
        logs: the storage.
        controller_port: on 127.0.0.1.

    Raises:
        TransientError: The controller ended, or stood still, before it had; there is no start without it.
    """
    registration = Registration(logs)
    if registration.ended():
        # A life that was killed early had not got so far as to serve.
        return
    properties = folder / "fence.properties"
    properties.write_text(controller_properties(controller_port, logs), encoding="utf-8")
    watchdog = Watchdog(grace=1.0)
    try:
        controller = watchdog.spawn(
            [*java, "kafka.Kafka", str(properties)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + LONGEST_SECONDS
        while not registration.ended() and controller.poll() is None and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        # It has nothing else to do, and its own clean end would take as long again.
        controller.kill()
        controller.wait()
        watchdog.forget(controller.pid)
    finally:
        watchdog.close()
        properties.unlink(missing_ok=True)
    if not registration.ended():
        raise TransientError(
            "not_fenced",
            f"the last life of the Kafka in {logs} could not be ended within {LONGEST_SECONDS:.0f} s: start again",
        )
