"""Wiring: what the notifier is made of, in which order it starts, and how it ends.

Hazard: the order.  The relay takes over first, so that an older process can write no more; then the ledger learns what was
recorded; only then are deliveries taken up and inboxes read.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from schemas.topics import DEPARTMENT_INBOX, NOTIFICATION_RECORDED, NOTIFIER_DLQ
from services.chassis import database, metrics
from services.chassis.clock import Clock, Interval, SystemClock
from services.chassis.consumer import PartitionReader
from services.chassis.errors import BrokerUnavailable
from services.chassis.health import Health, HealthServer, Heartbeat
from services.chassis.logs import get_logger
from services.chassis.probe import BrokerProbe
from services.chassis.records import Place
from services.chassis.retry import RetryPolicy
from services.chassis.settings import AkarSettings, KafkaSettings
from services.chassis.transactional import TransactionalPublisher
from services.notifier import ledger
from services.notifier.agents import Inboxes, Voice
from services.notifier.bookkeeping import Bookkeeper
from services.notifier.integrations.webhook import Webhooks
from services.notifier.lanes import Lanes
from services.notifier.ledger import Delivery
from services.notifier.receivers import ReceiversFile
from services.notifier.recording import Recorder
from services.notifier.relay import Relay
from services.notifier.replay import catch_up
from services.notifier.settings import NotifierSettings
from services.notifier.sole import Sole
from services.registry.kept import load_kept
from services.registry.watch import FolderWatch

T = TypeVar("T")
OUTBOX = "notifier.outbox"
"""Transactional id, and the group that keeps how far the outbox is published."""
REFRESH_SECONDS = 2.0
LOOK_SECONDS = 1.0
"""Between two looks at the company's folder, each of which asks for every file of it."""
DRAIN_SECONDS = 5.0

FEW = 50
GATHER_SECONDS = 0.005
"""One decision's alerts lie in several inboxes and arrive one after another; planned together they are one commit."""

log = get_logger(__name__)


class Notifier:
    """The service, from its settings to its end."""

    def __init__(
        self,
        *,
        akar: AkarSettings,
        kafka: KafkaSettings,
        settings: NotifierSettings,
        clock: Clock | None = None,
    ) -> None:
        self._kafka = kafka
        self._settings = settings
        self._clock: Clock = clock or SystemClock()
        company = load_kept(akar.registry, akar.data_dir / "notifier.registry.json")
        self._watch = FolderWatch(akar.registry)
        self._inbox_topics = [
            DEPARTMENT_INBOX.for_department(name).name for name in company.inboxes()
        ]
        self._voice = Voice(
            tuple(company.company.write_in),
            (settings.console_url or "").rstrip("/") or None,
            (settings.intake_url or "").rstrip("/") or None,
            ZoneInfo(company.company.timezone),
            None if akar.answer_secret is None else akar.answer_secret.get_secret_value().encode(),
        )
        self._receivers = ReceiversFile(settings.receivers_file, allow_plain=settings.allow_private)
        self._engine = database.create(_url(settings, akar.data_dir))
        self._sole = Sole(self._engine)
        self._bookkeeper = Bookkeeper(self._engine, stored=self._wake_relay)
        self._relay = Relay(
            TransactionalPublisher(kafka, name=OUTBOX, anchor=NOTIFICATION_RECORDED.name),
            self._engine,
            self._bookkeeper,
            self._clock,
        )
        self._recorder = Recorder(self._bookkeeper)
        self._phase = "starting"
        self._reading = Heartbeat("the inbox reader", longest_seconds=60.0, clock=self._clock)
        self._turning = Heartbeat("the delivery loop", clock=self._clock)
        self._probe = BrokerProbe(
            kafka,
            [NOTIFICATION_RECORDED.name, NOTIFIER_DLQ.name, *self._inbox_topics],
            name="notifier",
        )
        self.health = Health(
            live={"reader": self._reading.check, "deliveries": self._turning.check},
            ready={
                "start": lambda: None if self._phase == "running" else self._phase,
                "kafka": self._probe.check,
                "outbox": self._relay.check,
                "receivers": self._receivers.check,
            },
        )
        self._stop = threading.Event()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; a defect or a database that fails is raised."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _finish, ended, None)
        loop.set_exception_handler(lambda _, context: _finish(ended, context.get("exception")))
        server = HealthServer(
            self.health, host=self._settings.health_host, port=self._settings.health_port
        ).start()
        self._probe.start()
        webhooks = Webhooks(
            allow_private=self._settings.allow_private,
            connect_seconds=self._settings.connect_seconds,
            total_seconds=self._settings.total_seconds,
            clock=self._clock,
        )
        lanes = Lanes(
            post=lambda receiver, id_, body: webhooks.post(receiver, id=id_, body=body),
            receivers=self._receivers.current,
            is_gone=self._recorder.is_gone,
            record=self._recorder.record,
            policy=RetryPolicy(self._settings.retry_waits, self._settings.retry_jitter),
            clock=self._clock,
            parallel=self._settings.parallel_per_receiver,
        )
        refreshing = asyncio.create_task(self._refresh(lanes, ended))
        threads: list[threading.Thread] = []
        try:
            starting = _background(loop, self._begin)
            waited: list[asyncio.Future[object]] = [starting, ended]  # type: ignore[list-item]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                self._stop.set()
                return await ended
            positions, open_deliveries = await starting
            lanes.add(open_deliveries)

            def tell(error: BaseException) -> None:
                loop.call_soon_threadsafe(_finish, ended, error)

            threads = [
                _thread("relay", self._relay.run, tell),
                _thread("inboxes", partial(self._read, loop, lanes, positions), tell),
            ]
            self._phase = "running"
            log.info(
                "ready",
                health_port=server.port,
                inboxes=len(self._inbox_topics),
                receivers=sorted(self._receivers.current()),
                open_deliveries=len(open_deliveries),
            )
            await ended
        finally:
            self._phase = "stopping"
            self._stop.set()
            refreshing.cancel()
            await lanes.drain(DRAIN_SECONDS)
            await webhooks.close()
            self._relay.stop()
            for thread in threads:
                await asyncio.to_thread(thread.join, 5.0)
            await asyncio.to_thread(self._bookkeeper.stop)
            self._sole.release()
            self._probe.stop()
            server.stop()

    def _begin(self) -> tuple[dict[Place, int], list[Delivery]]:
        self._phase = "standing by: another notifier has the ledger"
        while not self._sole.take():
            self._reading.beat()
            if self._stop.wait(0.2):
                return {}, []
        with self._engine.begin() as connection:
            ledger.prepare(connection)
            self._recorder.learn(ledger.gone(connection))
        self._bookkeeper.start()
        while True:
            try:
                self._phase = "taking over from an earlier life"
                self._relay.open()
                self._phase = "learning what was recorded"
                positions = self._bookkeeper.submit(ledger.offsets.load).result()
                catch_up(self._kafka, self._bookkeeper, positions, waited=self._reading.beat)
                break
            except BrokerUnavailable as error:
                self._reading.beat()
                log.warning("waiting for kafka", error=error.detail)
                if self._stop.wait(1.0):
                    return {}, []
        return self._bookkeeper.submit(
            lambda c: (ledger.offsets.load(c), ledger.open_deliveries(c))
        ).result()

    def _read(
        self, loop: asyncio.AbstractEventLoop, lanes: Lanes, positions: Mapping[Place, int]
    ) -> None:
        inboxes = Inboxes(
            receivers=self._receivers.current,
            is_gone=self._recorder.is_gone,
            voice=self._voice,
            clock=self._clock,
        )
        reader = PartitionReader(
            self._kafka,
            self._inbox_topics,
            start=positions,
            name="notifier",
        )
        looking = Interval(self._clock, LOOK_SECONDS)
        while not self._stop.is_set():
            self._reading.beat()
            if looking.due() and (company := self._watch.look()) is not None:
                log.info("the company was read again", inboxes=len(company.inboxes()))
                reader.include(
                    DEPARTMENT_INBOX.for_department(name).name for name in company.inboxes()
                )
            try:
                records = reader.poll(0.5)
            except BrokerUnavailable as error:
                log.warning("waiting for kafka", error=error.detail)
                self._stop.wait(1.0)
                continue
            if not records:
                continue
            if len(records) < FEW:
                records += reader.poll(GATHER_SECONDS)
            deliveries = self._bookkeeper.submit(inboxes.change(records)).result()
            loop.call_soon_threadsafe(lanes.add, deliveries)
            newest = max(record.timestamp for record in records)
            metrics.EVENT_AGE_SECONDS.labels("department.inbox").set(
                max(0.0, (self._clock.now() - newest).total_seconds())
            )
        reader.close()

    def _wake_relay(self) -> None:
        self._relay.wake()

    async def _refresh(self, lanes: Lanes, ended: asyncio.Future[None]) -> None:
        while True:
            self._turning.beat()
            if self._receivers.refresh():
                log.info(
                    "the receivers' file was read again",
                    receivers=sorted(self._receivers.current()),
                )
            if (defect := lanes.failed()) is not None:
                _finish(ended, defect)
            await asyncio.sleep(REFRESH_SECONDS)


def _url(settings: NotifierSettings, data_dir: Path) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return database.sqlite_url(data_dir / "notifier.sqlite3")


def _background(loop: asyncio.AbstractEventLoop, run: Callable[[], T]) -> asyncio.Future[T]:
    """Run on a thread that nobody has to wait for: a client of a broker that is away is slow to give up."""
    future: asyncio.Future[T] = loop.create_future()

    def body() -> None:
        try:
            result = run()
        except BaseException as error:  # noqa: BLE001 - handed on
            settle(future.set_exception, error)
        else:
            settle(future.set_result, result)

    def settle(tell: Callable[[Any], None], value: object) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if future.done() else tell(value))
        except RuntimeError:
            # The loop is closed: the service has ended meanwhile.
            return

    threading.Thread(target=body, name="start", daemon=True).start()
    return future


def _finish(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)


def _thread(
    name: str, run: Callable[[], None], tell: Callable[[BaseException], None]
) -> threading.Thread:
    def body() -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - reported below
            # The outermost frame of this thread: its end is the service's end.
            tell(error)

    thread = threading.Thread(target=body, name=name, daemon=True)
    thread.start()
    return thread
