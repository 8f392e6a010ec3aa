"""`akar demo`: a shop with planted faults, played through the real pipeline, each answer held against the truth.

It stands apart from `demo_view`, which prints.  Hazard: what is measured here is shown to people as what Akar can do, so
nothing is left out: complaints without an answer, alerts taken back and refused webhooks are all counted.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer

from services.chassis.clock import SystemClock
from services.chassis.errors import AkarError
from services.cli.company import folder_of, load_company
from services.cli.connection import Address, ConsoleClient
from services.cli.demo_view import View
from services.cli.instance import Folder, Running
from services.cli.logs import to_stderr
from services.cli.pipeline import Pipeline
from services.cli.story import decisions
from services.local.supervisor import Interrupted
from services.simulator.model import Truth
from services.simulator.player import Intake, Sent, play
from services.simulator.simulation import simulate
from services.simulator.verdict import Verdict, judge, named
from services.simulator.webhooks import Delivery, Departments

PLAY_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 60.0
"""How long after the last POST answers may take."""
ALERT_SECONDS: Final = 2.0
"""For so long a decided complaint is not shown yet if it has called no webhook; some never do."""
QUIET_SECONDS: Final = 3.0
"""When nothing has changed for so long, the last decisions are read."""
_POLL_SECONDS: Final = 0.25


@dataclass(slots=True)
class Case:
    """One complaint on its way."""

    number: int
    sent: Sent
    truth: Truth
    decisions: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def last(self) -> dict[str, Any] | None:
        """The newest decision."""
        return self.decisions[-1] if self.decisions else None

    @property
    def verdict(self) -> Verdict:
        """How the newest decision does."""
        return judge(self.truth, self.last)

    @property
    def seconds(self) -> float | None:
        """From POST to the first webhook, if the first decision called one."""
        first = next(iter(self.deliveries), None)
        if first is None or first.data.get("revision") != 1:
            return None
        return first.at - self.sent.posted

    @property
    def withdrawn(self) -> int:
        """How many alerts were taken back."""
        return sum(delivery.type == "assignment.withdrawn" for delivery in self.deliveries)


class Demo:
    """One run: what was sent, and what came of it."""

    def __init__(self, running: Running, departments: Departments, view: View) -> None:
        self._running = running
        self._departments = departments
        self._view = view
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._cases: dict[str, Case] = {}
        self._shown: set[str] = set()
        self._decided: dict[str, float] = {}

    def play(self, *, orders: int, seed: int, seconds: float) -> list[Case]:
        """Play the shop, follow every complaint until nothing changes any more.

        Raises:
            AkarError: Intake or the console refuses, or does not answer.
        """
        now = self._clock.now()
        run = simulate(orders=orders, seed=seed, end=now, tag=f"-{now:%H%M%S}")
        self._view.begin(orders=orders, events=len(run.events), complaints=len(run.complaints))
        intake = Intake(self._running.intake, self._running.channel_key)
        console = ConsoleClient(Address(self._running.console, self._running.console_key))
        failed: list[AkarError] = []

        def send() -> None:
            try:
                play(
                    run,
                    intake,
                    seconds=seconds,
                    on_sent=lambda sent: self._note(sent, run.truths[sent.grievance.key]),
                    on_events=self._view.events,
                )
            except AkarError as error:
                failed.append(error)

        sender = threading.Thread(target=send, name="player", daemon=True)
        sender.start()
        try:
            while sender.is_alive():
                self._look(console)
                sender.join(_POLL_SECONDS)
            if failed:
                raise failed[0]
            self._settle(console)
        finally:
            intake.close()
            console.close()
        return list(self._cases.values())

    def _note(self, sent: Sent, truth: Truth) -> None:
        with self._lock:
            self._cases[sent.complaint_id] = Case(len(self._cases) + 1, sent, truth)

    def _look(self, console: ConsoleClient) -> None:
        """Ask for those that have no decision yet; show those that have one, once their first alert is there."""
        with self._lock:
            waiting = [key for key in self._cases if key not in self._shown]
        self._collect()
        for key in waiting:
            case = self._cases[key]
            if not case.decisions:
                case.decisions = decisions(console.story(key))
                if case.decisions:
                    self._decided[key] = self._clock.monotonic()
            if case.decisions and (
                case.deliveries or self._clock.monotonic() - self._decided[key] > ALERT_SECONDS
            ):
                self._shown.add(key)
                self._view.decided(case)

    def _settle(self, console: ConsoleClient) -> None:
        """Wait until all have a decision and no webhook has come for a while; then read all decisions once more."""
        until = self._clock.monotonic() + SETTLE_SECONDS
        self._view.settling()
        while self._clock.monotonic() < until:
            self._look(console)
            came = len(self._departments.deliveries)
            more = self._departments.wait_for(lambda have, n=came: len(have) > n, QUIET_SECONDS)  # type: ignore[misc]
            if not more and len(self._shown) == len(self._cases):
                break
        for key, case in self._cases.items():
            case.decisions = decisions(console.story(key))
        self._collect()
        for case in self._cases.values():
            if case.decisions and named(case.decisions[0]) != named(case.decisions[-1]):
                self._view.changed(case)

    def _collect(self) -> None:
        by_complaint: dict[str, list[Delivery]] = {}
        for delivery in self._departments.deliveries:
            by_complaint.setdefault(delivery.complaint_id, []).append(delivery)
        for key, case in list(self._cases.items()):
            case.deliveries = by_complaint.get(key, [])


def run(
    *, orders: int, seed: int, fast: bool, keep: bool, data_dir: Path | None, as_json: bool
) -> None:
    """Bring all up, play, print the table, stop (or, with `keep`, wait for Ctrl-C).

    Raises:
        AkarError: Something did not start, or refused what was posted.
    """
    to_stderr()
    view = View(as_json=as_json)
    temporary = None
    if data_dir is None:
        temporary = Path(tempfile.mkdtemp(prefix="akar-demo-"))
    folder = Folder(data_dir or temporary or Path())
    company_folder = folder_of("shop")
    company = load_company(company_folder)
    secrets = folder.prepare()
    departments = Departments(secrets.webhook_secret).start()
    pipeline = Pipeline(
        folder,
        registry=company_folder,
        departments=company.inboxes(),
        webhooks=departments.url,
        report=view.report,
    )
    well = False
    view.starting()
    try:
        running = pipeline.start()
        _let_signals_interrupt()
        cases = Demo(running, departments, view).play(
            orders=orders, seed=seed, seconds=0.0 if fast else PLAY_SECONDS
        )
        view.end(cases, refused=departments.refused, restarts=pipeline.supervisor.restarts)
        well = bool(cases) and all(case.decisions for case in cases) and not departments.refused
        if keep:
            view.keep(running, cases)
            pipeline.supervisor.run_until_signal()
    except (Interrupted, KeyboardInterrupt):
        well = True
        raise typer.Exit(130) from None
    finally:
        view.close()
        pipeline.stop()
        departments.stop()
        if temporary is not None and well:
            shutil.rmtree(temporary, ignore_errors=True)
        elif temporary is not None:
            view.report(f"Data and logs are kept in {temporary}")
    if not well:
        raise typer.Exit(1)


def _let_signals_interrupt() -> None:
    """From now on a signal ends what the main thread is doing; until here it only ended the waiting."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
