"""Builds the Faust app of one worker: wiring only.

A factory, not a module-level app, so that nothing happens at import and a test may run two workers side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import faust

from schemas import topics
from services.chassis.clock import SystemClock
from services.chassis.health import Heartbeat
from services.chassis.settings import KafkaSettings
from services.router.agents import Carry, Stage, bind
from services.router.checkpoint.backlog import Backlog
from services.router.checkpoint.checkpointer import Checkpointer, CheckpointSettings
from services.router.checkpoint.fatal import die
from services.router.checkpoint.feed import Feed
from services.router.checkpoint.fences import NoTables, Wiring, install
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.reader import Batch, Reader
from services.router.settings import RouterSettings

GROUP: Final = "router"


MakeCarry = Callable[[Mapping[int, Partition], Callable[[int, int], bool]], Carry]
"""From the worker's partitions, and whether one of them is behind a time."""


class Worker:
    """A Faust app with its checkpointer.

    Attributes:
        app: Faust's, for membership, assignment and agents.
        checkpointer: state, outputs and offsets.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: RouterSettings,
        stages: Sequence[Stage],
        *,
        state_dir: Path,
        loopback: MakeCarry | None = None,
    ) -> None:
        clock = SystemClock()
        group = kafka.group(GROUP)
        self.checkpointer = Checkpointer(
            CheckpointSettings(
                state_dir=state_dir,
                group=group,
                instance_id=settings.instance,
                transactional_id=f"{group}-{settings.instance}",
                changelog_topic=kafka.topic(topics.ROUTER_STATE.name),
                interval_seconds=settings.checkpoint_seconds,
                compacted=frozenset({kafka.topic(topics.COMPLAINT_STATUS.name)}),
            ),
            kafka.for_librdkafka(),
            wall_seconds=lambda: int(clock.now().timestamp()),
        )
        self.app = _faust_app(kafka, settings, group, state_dir)
        backlog = Backlog(clock.monotonic)
        leading = kafka.topic(topics.PROCESS_OBSERVED.name)
        reader = Reader(
            kafka.for_librdkafka(),
            group=group,
            client_id=f"{group}-{settings.instance}-reader",
            watched=leading,
        )
        wiring = Wiring(
            checkpointer=self.checkpointer,
            connection=kafka.for_aiokafka(),
            group=group,
            instance_id=settings.instance,
            session_timeout_ms=int(settings.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(settings.session_timeout_seconds * 1000 / 5),
            backlog=backlog,
            reader=reader,
        )
        install(self.app, wiring)
        carry = None if loopback is None else loopback(self.checkpointer.partitions, backlog.behind)
        self._feed = Feed(
            reader,
            backlog,
            leading=leading,
            asking=kafka.topic(topics.TRACE_REQUESTED.name),
            searching=kafka.topic(topics.CASE_SEARCHED.name),
            epoch=lambda: self.checkpointer.epoch,
            deliver=bind(self.app, self.checkpointer, stages, carry, self._handled),
        )
        self._topics = [topic for stage in stages for topic in stage.topics]
        self._partitions = kafka.partitions

    def _handled(self, batch: Batch) -> None:
        self._feed.handled(batch)

    async def _start_over(self) -> None:
        consumer: Any = self.app.consumer
        await consumer.start_over()

    def unready(self) -> str | None:
        """Why the worker does no work now, or None."""
        return None if self.checkpointer.positioned else "partitions are being assigned or restored"

    async def run(self, stop: asyncio.Event, loop_turns: Heartbeat) -> None:
        """Work until `stop` is set; then commit what is buffered and return.

        Any failure ends the process (exit code 70).
        """
        await self.checkpointer.start(self._topics, self._partitions)
        tasks = [
            asyncio.create_task(self.checkpointer.run(self._start_over)),
            asyncio.create_task(self._feed.run()),
            asyncio.create_task(_beat(loop_turns)),
            asyncio.create_task(stop.wait()),
        ]
        await self.app.start()
        crashed = asyncio.create_task(self.app.wait_until_stopped())
        await asyncio.wait([*tasks, crashed], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            for task in (*tasks, crashed):
                if task.done():
                    die("a part of the worker ended", _why(task) or self.app.crash_reason)
        await self.checkpointer.finish()


def _why(task: asyncio.Task[Any]) -> BaseException | None:
    # Asking a cancelled task for its exception raises.
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _beat(loop_turns: Heartbeat) -> None:
    while True:
        loop_turns.beat()
        await asyncio.sleep(1.0)


def _faust_app(
    kafka: KafkaSettings, settings: RouterSettings, group: str, state_dir: Path
) -> faust.App:
    (state_dir / "faust").mkdir(parents=True, exist_ok=True)
    credentials = kafka.for_faust()
    extra: dict[str, Any] = {}
    if credentials is not None:
        kind = faust.SASLCredentials if "mechanism" in credentials else faust.SSLCredentials
        extra["broker_credentials"] = kind(**credentials)
    return faust.App(
        group,
        broker=[f"kafka://{server}" for server in kafka.bootstrap_servers.split(",")],
        # Faust's own stores, tables, leader, web server and topic creation are off: state is the checkpoint's,
        # topics are declared in schemas.topics, and the web server would show state to anyone (F14).
        store="memory://",
        datadir=str(state_dir / "faust"),
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.session_timeout_seconds / 5,
        broker_request_timeout=60.0,
        stream_recovery_delay=0.0,
        stream_wait_empty=False,
        table_standby_replicas=0,
        TableManager=NoTables,
        worker_redirect_stdouts=False,
        **extra,
    )
