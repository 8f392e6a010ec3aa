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
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.local.properties import controller_properties
from services.local.watchdog import Watchdog

LONGEST_SECONDS: Final = 15.0
"""Then the broker starts without it: late is better than never."""
_SAID: Final = b"Fencing broker"
_WRITTEN_SECONDS: Final = 0.3
"""From the word to the record behind it: the controller says so first, and gathers for 25 ms unless it is told not to."""
_CLEAN: Final = ".kafka_cleanshutdown"
_METADATA: Final = "__cluster_metadata-0"

LOG4J: Final = """\
status = warn
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %c{1}: %m%n
logger.controller.name = org.apache.kafka.controller
logger.controller.level = info
"""


def was_killed(logs: Path) -> bool:
    """Whether a broker ran on this storage and did not end cleanly."""
    return (logs / _METADATA).is_dir() and not (logs / _CLEAN).exists()


def fence(java: Sequence[str], folder: Path, logs: Path, controller_port: int) -> bool:
    """Let the controller end the last life's registration; the caller holds the folder's lock.

    Args:
        java: the command up to the main class.
        folder: for two small files.
        logs: the storage.
        controller_port: on 127.0.0.1.

    Returns:
        Whether there was one to end.
    """
    properties = folder / "fence.properties"
    properties.write_text(controller_properties(controller_port, logs), encoding="utf-8")
    watchdog = Watchdog(grace=1.0)
    fenced = threading.Event()
    try:
        controller = watchdog.spawn(
            [*java, "kafka.Kafka", str(properties)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        reading = threading.Thread(target=_listen, args=(controller, fenced), daemon=True)
        reading.start()
        until = time.monotonic() + LONGEST_SECONDS
        while not fenced.wait(0.02) and controller.poll() is None and time.monotonic() < until:
            pass
        if fenced.is_set():
            time.sleep(_WRITTEN_SECONDS)
        # It has nothing else to say, and its own clean end would take as long again.
        controller.kill()
        controller.wait()
        watchdog.forget(controller.pid)
        return fenced.is_set()
    finally:
        watchdog.close()
        properties.unlink(missing_ok=True)


def _listen(controller: subprocess.Popen[bytes], fenced: threading.Event) -> None:
    assert controller.stdout is not None
    for line in controller.stdout:
        if _SAID in line:
            fenced.set()
