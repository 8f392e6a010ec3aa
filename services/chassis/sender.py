"""Records on their way through librdkafka: as many as the bound allows, and each is told of once.

It stands apart from its callers (producer.py) because they only wait.  Records go to librdkafka on the caller's own thread, which
never blocks; one thread takes its reports and hands them on (ADR 27).  Should a record stay open far beyond anybody's deadline, or
the client end up in a state that it cannot leave, the client is thrown away and made anew.

Hazard: `tell` is called on that thread, or on the caller's before `submit` returns; it may not block.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from services.chassis import metrics
from services.chassis.clock import Clock
from services.chassis.errors import BrokerUnavailable, Overloaded, PermanentError
from services.chassis.logs import get_logger
from services.chassis.records import Ack, Outgoing
from services.chassis.settings import KafkaSettings

Result = Ack | PermanentError | BrokerUnavailable

MISSING_TOPIC_SECONDS: Final = 5.0
TURN_SECONDS: Final = 0.25
"""How long the thread waits for reports before it looks at its own clock."""
_SETTINGS: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    # What lies there when it is sent goes together; nobody is waited for.
    "linger.ms": 0,
    # As every writer of keyed topics: see `schemas.topics`.
    "partitioner": "murmur2_random",
    "message.max.bytes": 1 << 20,
    "allow.auto.create.topics": False,
    # A topic that the metadata does not name is taken for missing after it.
    "topic.metadata.propagation.max.ms": 2000,
    # A broker that does not answer is given up early enough for another try within a caller's patience.
    "request.timeout.ms": 5000,
    "enable.metrics.push": False,
}
_TOO_LARGE: Final = KafkaError.MSG_SIZE_TOO_LARGE
_NO_TOPIC: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - confluent-kafka's public constants begin with _
    }
)

log = get_logger(__name__)


class Delivery:
    """One record on its way, and whom to tell of its end.

    Args:
        record: to be written.
        tell: called once, with the acknowledgement or what is wrong.
    """

    __slots__ = ("record", "sent_at", "tell")

    def __init__(self, record: Outgoing, tell: Callable[[Result], None]) -> None:
        self.record = record
        self.sent_at = 0.0
        self.tell = tell


class Sender:
    """One librdkafka client at a time, and the thread that takes its reports.

    Args:
        settings: The cluster; its prefix is put before topic names.
        name: Shown to the broker as the client's name.
        max_in_flight: Most records without acknowledgement; one more is refused with `Overloaded`.
        give_up_seconds: Age of the oldest open record at which the client is thrown away.
        clock: Time for that.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        name: str,
        max_in_flight: int,
        give_up_seconds: float,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._name = name
        self._max_in_flight = max_in_flight
        self._give_up = give_up_seconds
        # Trap: a record that expires in the queue leaves a gap in its partition's sequence, over which librdkafka begins
        # a new epoch, and sends again what may be stored.  So none does before the client itself is thrown away.
        self._expires = 2 * give_up_seconds
        self._clock = clock
        self._lock = threading.Lock()
        # Insertion order is age: the first is the oldest.  An entry leaves only when librdkafka reports on it (or its
        # client is thrown away), so that the bound holds for what the client really keeps in memory.
        self._open: dict[int, Delivery] = {}
        self._producer: Producer | None = None
        self._broken = False
        self._closing = False
        self._stop = threading.Event()
        self._last_ack = -1e9
        self._missing: dict[str, float] = {}
        self._topics: dict[str, str] = {}
        metrics.PRODUCER_IN_FLIGHT.set_function(lambda: self.in_flight)
        self._thread = threading.Thread(target=self._run, name=f"{name}-publisher", daemon=True)

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._producer = self._make()
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Take nothing more, wait for acknowledgements up to `timeout` seconds, and stop."""
        with self._lock:
            self._closing = True
            producer = self._producer
        if producer is not None:
            producer.flush(timeout)
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(TURN_SECONDS + 5.0)

    @property
    def in_flight(self) -> int:
        """Records that were taken and are not acknowledged."""
        return len(self._open)

    @property
    def seconds_since_ack(self) -> float:
        """Age of the last acknowledgement; very large before the first."""
        return self._clock.monotonic() - self._last_ack

    @property
    def alive(self) -> bool:
        """Whether the thread that takes acknowledgements is running."""
        return self._thread.is_alive()

    # -- the caller's thread ---------------------------------------------------------------------------------------

    def submit(self, deliveries: Sequence[Delivery]) -> list[BrokerUnavailable]:
        """Send them, in order; tell and return a refusal for each that there is no room for."""
        if not deliveries:
            return []
        now = self._clock.monotonic()
        hopeless: list[tuple[Delivery, Result]] = []
        with self._lock:
            producer = self._producer
            stopping = producer is None or self._closing or not self.alive
            room = 0 if stopping else self._max_in_flight - len(self._open)
            taken = deliveries[: max(0, room)]
            for delivery in taken:
                assert producer is not None
                delivery.sent_at = now
                if (result := self._send(producer, delivery, now)) is not None:
                    hopeless.append((delivery, result))
        for delivery, result in hopeless:
            delivery.tell(result)
        refusals: list[BrokerUnavailable] = []
        for delivery in deliveries[len(taken) :]:
            refusal: BrokerUnavailable = Overloaded(
                f"{self._max_in_flight} records await acknowledgement"
            )
            if stopping:
                refusal = BrokerUnavailable("this process is stopping; not sent")
            refusals.append(refusal)
            delivery.tell(refusal)
        return refusals

    def _send(self, producer: Producer, delivery: Delivery, now: float) -> Result | None:
        """Hand a record over, or tell why that is of no use."""
        record = delivery.record
        if self._missing and self._missing.get(record.topic, 0.0) > now:
            return BrokerUnavailable(f"topic {record.topic} is not there", "topic_missing")
        topic = self._topics.get(record.topic)
        if topic is None:
            topic = self._topics[record.topic] = self._settings.topic(record.topic)
        options: dict[str, Any] = (
            {} if record.partition is None else {"partition": record.partition}
        )
        self._open[id(delivery)] = delivery
        try:
            producer.produce(
                topic,
                record.value,
                record.key,
                headers=list(record.headers),
                on_delivery=partial(self._reported, delivery),
                **options,
            )
        except KafkaException as error:
            del self._open[id(delivery)]
            return self._result(delivery, error.args[0])
        except BufferError:
            del self._open[id(delivery)]
            return Overloaded("librdkafka's queue is full")
        return None

    # -- the thread that takes reports -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                producer = self._producer
                assert producer is not None
                producer.poll(TURN_SECONDS)
                if self._broken or self._stuck():
                    log.error(
                        "kafka client is stuck and will be made anew", open_records=len(self._open)
                    )
                    metrics.PRODUCER_RECREATED.inc()
                    self._replace(self._make(), "the kafka client was made anew")
        finally:
            self._replace(None, "the publisher has stopped")

    def _make(self) -> Producer:
        return Producer(
            {
                **self._settings.for_librdkafka(),
                **_SETTINGS,
                "client.id": self._name,
                "message.timeout.ms": int(self._expires * 1000),
                "error_cb": self._disturbed,
            },
            logger=logging.getLogger("librdkafka"),
        )

    def _disturbed(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken = True
        log.warning("writing is disturbed", error=error.name(), detail=error.str())

    def _reported(self, delivery: Delivery, error: KafkaError | None, message: Message) -> None:
        with self._lock:
            if self._open.pop(id(delivery), None) is None:
                return
        if error is not None:
            delivery.tell(self._result(delivery, error))
            return
        now = self._clock.monotonic()
        self._last_ack = now
        metrics.ACK_SECONDS.observe(now - delivery.sent_at)
        delivery.tell(Ack(delivery.record.topic, message.partition(), message.offset()))  # type: ignore[arg-type]

    def _result(self, delivery: Delivery, error: KafkaError) -> PermanentError | BrokerUnavailable:
        code = error.code()
        if code == _TOO_LARGE:
            return PermanentError("record_too_large", "larger than the broker takes")
        if code == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - as above
            return PermanentError("invalid_record", "the topic has no such partition")
        if code == KafkaError._MSG_TIMED_OUT:  # noqa: SLF001
            return BrokerUnavailable(f"no acknowledgement within {self._expires:g} s")
        if code in _NO_TOPIC:
            # Nobody waits for its metadata again for a while.
            self._missing[delivery.record.topic] = self._clock.monotonic() + MISSING_TOPIC_SECONDS
            return BrokerUnavailable(f"topic {delivery.record.topic} is not there", "topic_missing")
        self._broken = self._broken or error.fatal()
        return BrokerUnavailable(error.name())

    def _stuck(self) -> bool:
        with self._lock:
            oldest = next(iter(self._open.values()), None)
        return oldest is not None and self._clock.monotonic() - oldest.sent_at > self._give_up

    def _replace(self, fresh: Producer | None, reason: str) -> None:
        """Go on with a fresh client; the records of the present one fail here and now."""
        with self._lock:
            old, self._producer = self._producer, fresh
            left = list(self._open.values())
            self._open.clear()
            self._broken = False
        for delivery in left:
            delivery.tell(BrokerUnavailable(reason))
        if old is not None:
            # What it still reports is not heard any more.
            old.purge()
            old.poll(0)
