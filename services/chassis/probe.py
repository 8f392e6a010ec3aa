"""Whether the broker answers, asked every few seconds apart from the work.

It stands apart because neither a producer nor a consumer of kafka-python says so while it is idle, and readiness must be
known before the first customer finds out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Final, Self

from kafka.errors import KafkaError

from services.chassis.clients import close_quietly, make_admin
from services.chassis.clock import Clock, SystemClock
from services.chassis.settings import KafkaSettings

FRESH_SECONDS: Final = 15.0


class BrokerProbe:
    """Asks for the metadata of `topics` on a thread of its own.

    Args:
        settings: The cluster.
        topics: Names from `schemas.topics` that have to exist.
        every_seconds: Pause between two questions.
        clock: Time for the age of an answer.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Iterable[str],
        *,
        name: str = "probe",
        every_seconds: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._topics = [settings.topic(topic) for topic in topics]
        self._name = name
        self._every = every_seconds
        self._clock: Clock = clock or SystemClock()
        self._last_ok = -1e9
        self._problem = "not asked yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-probe", daemon=True)

    def start(self) -> Self:
        """Begin to ask."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop asking; returns at once, the thread ends by itself."""
        self._stop.set()

    @property
    def seconds_since_ok(self) -> float:
        """Age of the last good answer; very large before the first."""
        return self._clock.monotonic() - self._last_ok

    def check(self) -> str | None:
        """A ready check: the broker answered within the last 15 s and has every topic."""
        return None if self.seconds_since_ok <= FRESH_SECONDS else f"kafka: {self._problem}"

    def _run(self) -> None:
        admin: Any = None
        while not self._stop.is_set():
            try:
                if admin is None:
                    admin = make_admin(self._settings, name=self._name, seconds=3.0)
                self._learn(admin.describe_topics(self._topics))
            except (KafkaError, OSError) as error:
                self._problem = str(error) or type(error).__name__
                close_quietly(admin)
                admin = None
            self._stop.wait(self._every if self.seconds_since_ok < self._every + 1 else 1.0)
        close_quietly(admin)

    def _learn(self, described: list[dict[str, Any]]) -> None:
        missing = sorted(str(topic["name"]) for topic in described if topic["error_code"] != 0)
        if missing:
            self._problem = f"topics are missing: {', '.join(missing)}; make them: python -m services.cli.provision"
        else:
            self._last_ok = self._clock.monotonic()
