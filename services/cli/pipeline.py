"""The whole pipeline as a list of processes: addresses, environment, order, readiness.

It stands apart from the commands so that `up`, `demo` and tests start exactly the same thing.  Hazard: what is set here
overrides nothing that a person has set in the environment, except addresses and files that belong to the data folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from services.chassis.errors import AkarError, ConfigurationError, TransientError
from services.chassis.settings import KafkaSettings
from services.cli.instance import Folder, Running, Secrets
from services.local.kafka import EmbeddedKafka
from services.local.ports import HOST, free_port, is_free
from services.local.report import Progress
from services.local.supervisor import Event, ProcessSpec, Supervisor

READY_SECONDS: Final = 120.0
_SLICE_SECONDS: Final = 0.5
ROUTER_PORT_OFFSET: Final = 10
_LOOKING_NICE: Final = 10
"""The console gives way: a complaint on its way to its department goes before the pages that tell of it."""


class Ports:
    """Which port each part listens on.

    With a base: intake at base, console +1, Kafka +2, notifier +3, router workers from +10 on.  Without one:
    free ports, the same ones each time for the same folder as long as nobody else takes them.
    """

    def __init__(self, folder: Folder, base: int | None, workers: int) -> None:
        self._taken: set[int] = set()
        self._folder = folder
        self.intake = self._choose("intake", base, 0)
        self.console = self._choose("console", base, 1)
        self.kafka = None if base is None else self._choose("kafka", base, 2)
        self.notifier = self._choose("notifier", base, 3)
        self.routers = [
            self._choose(f"router-{number}", base, ROUTER_PORT_OFFSET + number)
            for number in range(workers)
        ]

    def _choose(self, name: str, base: int | None, offset: int) -> int:
        if base is None:
            port = free_port(f"{self._folder.root}/{name}", self._taken)
        else:
            port = base + offset
            if not is_free(port):
                raise ConfigurationError(
                    f"port {port} ({name}) on {HOST} is in use by another program: stop it, or choose another --port-base"
                )
        self._taken.add(port)
        return port


class Pipeline:
    """Everything that `akar up` runs.

    Args:
        folder: Its data.
        registry: The company's folder.
        departments: Those with an inbox.
        workers: Router processes.
        port_base: See `Ports`.
        webhooks: Base URL of webhooks for every department; None: the folder's `receivers.toml`.
        report: Takes one line about what happens.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        registry: Path,
        departments: Iterable[str],
        workers: int = 1,
        port_base: int | None = None,
        webhooks: str | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._registry = registry.absolute()
        self._departments = tuple(departments)
        self._report = report
        self._problem: AkarError | None = None
        self._provisioned = False
        self._lock = folder.hold()
        self._secrets: Secrets = folder.prepare()
        self._receivers = folder.receivers_for(
            self._departments, webhooks, self._secrets.webhook_secret
        )
        self._ports = Ports(folder, port_base, workers)
        self._settings = KafkaSettings()
        self._embedded: EmbeddedKafka | None = None
        if "bootstrap_servers" not in self._settings.model_fields_set:
            self._embedded = EmbeddedKafka(folder.kafka, self._ports.kafka)
        self._supervisor: Supervisor | None = None

    @property
    def supervisor(self) -> Supervisor:
        """What runs the processes, once started."""
        if self._supervisor is None:
            raise RuntimeError("the pipeline has not been started")
        return self._supervisor

    def start(self) -> Running:
        """Start everything and wait until all of it is ready; catches SIGINT and SIGTERM from then on.

        Raises:
            ConfigurationError: A person has to change something first.
            TransientError: Something did not become ready.
            Interrupted: A signal came meanwhile.
        """
        if self._embedded is None:
            self._report(f"Using Kafka at {self._settings.bootstrap_servers}")
            self._provision(self._settings)
            bootstrap = self._settings.bootstrap_servers
        else:
            bootstrap = self._embedded.prepare(Progress())
        self._supervisor = Supervisor(
            self._specs(bootstrap), self._folder.root, on_event=self._on_event
        )
        self._supervisor.catch_signals()
        self._supervisor.start()
        self._wait()
        running = self._running(bootstrap)
        self._folder.note_running(running)
        return running

    def stop(self) -> None:
        """Stop everything, in order; idempotent."""
        self._folder.forget_running()
        if self._supervisor is not None:
            self._supervisor.stop()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _broker_ready(self) -> bool:
        """Whether the broker serves and has its topics: the services start only then."""
        if self._embedded is None or not self._embedded.ready():
            return False
        if not self._provisioned:
            try:
                self._provision(
                    self._settings.model_copy(
                        update={"bootstrap_servers": self._embedded.bootstrap}
                    )
                )
            except AkarError as error:
                # We are on the supervisor's thread; `start` is waiting and raises it.
                self._problem = error
                return False
        return True

    def _provision(self, settings: KafkaSettings) -> None:
        from services.chassis.provision import provision

        created = provision(settings, self._departments, patience_seconds=30.0)
        self._provisioned = True
        if created:
            self._report(f"{len(created)} topics created")

    def _wait(self) -> None:
        waited = 0.0
        while True:
            if self._problem is not None:
                raise self._problem
            try:
                self.supervisor.wait_ready(_SLICE_SECONDS)
            except TransientError as error:
                waited += _SLICE_SECONDS
                if error.code != "process_late" or waited >= READY_SECONDS:
                    raise
            else:
                return

    def _on_event(self, event: Event) -> None:
        from services.local.supervisor import EventKind

        if event.kind is EventKind.READY:
            self._report(f"{event.name} is ready")
        elif event.kind is EventKind.HUNG:
            self._report(f"{event.name} has stopped answering and is ended")
        elif event.kind is EventKind.RESTARTED:
            self._report(f"{event.name} was started again ({event.restarts})")
        elif event.kind is EventKind.FAILED:
            self._report(f"{event.name} cannot run; see {self._folder.logs / event.name}.log")

    def _specs(self, bootstrap: str) -> list[ProcessSpec]:
        ports = self._ports
        shared = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "AKAR_REGISTRY": str(self._registry),
            "AKAR_DATA_DIR": str(self._folder.root),
            "AKAR_CUSTOMER_SALT_FILE": str(self._folder.secret_file("customer_salt")),
            "AKAR_ANSWER_SECRET_FILE": str(self._folder.secret_file("answer_secret")),
        }
        specs = []
        if self._embedded is not None:
            specs.append(replace(self._embedded.spec(), ready=self._broker_ready))
        needed = tuple(spec.name for spec in specs)
        for number, port in enumerate(ports.routers):
            specs.append(
                ProcessSpec(
                    f"router-{number}",
                    _module("services.router"),
                    env={
                        **shared,
                        "ROUTER_INSTANCE": f"local-{number}",
                        "ROUTER_STATE_DIR": str(self._folder.root / "router" / str(number)),
                        "ROUTER_HEALTH_PORT": str(port),
                    },
                    ready=_ready_url(port),
                    live=_live_url(port),
                    after=needed,
                )
            )
        specs.append(
            ProcessSpec(
                "ticker",
                _module("services.router", "ticker"),
                env=shared,
                after=needed,
            )
        )
        specs.append(
            ProcessSpec(
                "notifier",
                _module("services.notifier"),
                env={
                    **shared,
                    "NOTIFIER_HEALTH_PORT": str(ports.notifier),
                    "NOTIFIER_RECEIVERS_FILE": str(self._receivers),
                    "NOTIFIER_ALLOW_PRIVATE": "true",
                    "NOTIFIER_CONSOLE_URL": _url(ports.console),
                    "NOTIFIER_INTAKE_URL": _url(ports.intake),
                },
                ready=_ready_url(ports.notifier),
                live=_live_url(ports.notifier),
                after=needed,
            )
        )
        specs.append(
            ProcessSpec(
                "console",
                _module("services.console"),
                env={
                    **shared,
                    "CONSOLE_HOST": HOST,
                    "CONSOLE_PORT": str(ports.console),
                    "CONSOLE_KEY_FILE": str(self._folder.secret_file("console_key")),
                    "CONSOLE_INTAKE_URL": _url(ports.intake),
                },
                ready=_ready_url(ports.console),
                live=_live_url(ports.console),
                after=needed,
                nice=_LOOKING_NICE,
            )
        )
        specs.append(
            ProcessSpec(
                "intake",
                _module("services.intake"),
                env={
                    **shared,
                    "INTAKE_HOST": HOST,
                    "INTAKE_PORT": str(ports.intake),
                    "INTAKE_CHANNELS_FILE": str(self._folder.channels),
                    "INTAKE_STATUS_URL_TEMPLATE": _url(ports.console)
                    + "/v1/complaints/{complaint_id}",
                },
                ready=_ready_url(ports.intake),
                live=_live_url(ports.intake),
                after=needed,
            )
        )
        return specs

    def _running(self, bootstrap: str) -> Running:
        ports = self._ports
        health = {f"router-{number}": _ready_url(port) for number, port in enumerate(ports.routers)}
        health |= {
            "notifier": _ready_url(ports.notifier),
            "console": _ready_url(ports.console),
            "intake": _ready_url(ports.intake),
        }
        return Running(
            intake=_url(ports.intake),
            console=_url(ports.console),
            kafka=bootstrap,
            channel_key=self._secrets.channel_key,
            console_key=self._secrets.console_key,
            webhook_secret=self._secrets.webhook_secret,
            data_dir=str(self._folder.root),
            registry=str(self._registry),
            topic_prefix=self._settings.topic_prefix,
            pid=os.getpid(),
            health=health,
        )


def _module(*parts: str) -> list[str]:
    return [sys.executable, "-m", *parts]


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def _ready_url(port: int) -> str:
    return _url(port) + "/readyz"


def _live_url(port: int) -> str:
    return _url(port) + "/livez"
