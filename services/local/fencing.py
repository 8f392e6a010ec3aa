"""Ends the registration of a broker that was killed, before it starts again.

Trap: a cluster of one starts from metadata in which the killed broker still leads every partition.  Its transaction coordinator
goes on at once with the transactions that were being ended, and cannot reach itself yet.  After the old registration's session
(`broker.session.timeout.ms`) no partition has a leader for a moment; one without a leader the coordinator takes for deleted, and
calls the transaction complete without writing its marker there (Kafka 4.3.0).  Half of a commit is then visible, and the rest goes
with whatever the producer ends next: rows lost whose offsets are committed, records twice.

So the controller alone is started first, for the instant in which it fences the broker: what follows begins without any leader.
It costs no time, since a new registration has to wait for the old one's end anyway.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.local.properties import controller_properties
from services.local.registration import METADATA_LOG, Registration
from services.local.repair import CLEAN_SHUTDOWN
from services.local.watchdog import Watchdog

LONGEST_SECONDS: Final = 15.0
"""Then the broker starts without it: late is better than never."""
_POLL_SECONDS: Final = 0.01


def was_killed(logs: Path) -> bool:
    """Whether a broker ran on this storage and did not end cleanly."""
    return (logs / METADATA_LOG).is_dir() and not (logs / CLEAN_SHUTDOWN).exists()


def fence(java: Sequence[str], folder: Path, logs: Path, controller_port: int) -> bool:
    """Let the controller end the last life's registration; the caller holds the folder's lock.

    Args:
        java: the command up to the main class.
        folder: for a small file.
        logs: the storage.
        controller_port: on 127.0.0.1.

    Returns:
        Whether it has ended: now, or before (a life that was killed early had not got so far as to serve).
    """
    registration = Registration(logs)
    if registration.ended():
        return True
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
    return bool(registration.ended())
