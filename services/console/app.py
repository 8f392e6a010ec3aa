"""Wiring: the read model's feed on one thread, the application in front of it, and how both end together."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import uvicorn
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from services import registry
from services.chassis import database
from services.chassis.clock import Clock, SystemClock
from services.chassis.health import Health, HealthMiddleware
from services.chassis.logs import get_logger
from services.chassis.probe import BrokerProbe
from services.chassis.settings import AkarSettings, KafkaSettings
from services.console import handlers, pages, readmodel
from services.console.access import Access
from services.console.feed import Feed
from services.console.problems import problem
from services.console.settings import ConsoleSettings
from services.console.story import Labels
from services.console.texts import LANGUAGES, say
from services.registry.kept import load_kept
from services.registry.watch import FolderWatch

log = get_logger(__name__)


def labels_of(company: registry.Company, language: str) -> Labels:
    """What the company calls its departments, activities and symptoms, in one of the pages' languages."""
    languages = (language, *company.company.languages)

    def name(names: dict[str, str]) -> str:
        return next((names[one] for one in languages if one in names), "")

    return Labels(
        departments={id_: name(dict(one.names)) for id_, one in company.departments.items()},
        activities={
            id_: name(dict(one.names))
            for process in company.processes.values()
            for id_, one in process.activities.items()
        },
        symptoms={id_: name(dict(one.names)) for id_, one in company.symptoms.items()},
        say=say(language),
    )


def application(
    engine: Engine,
    labels: Mapping[str, Labels],
    *,
    languages: tuple[str, ...],
    zone: ZoneInfo,
    keys: tuple[str, ...],
    answering: pages.Answering | None = None,
) -> ASGIApp:
    """API and pages over a read model, with access control outside of both."""
    app = FastAPI(
        title="Akar console",
        version="1",
        description="What became of each complaint.",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(handlers.router_for(engine, labels[LANGUAGES[0]]))
    app.include_router(pages.router_for(engine, labels, languages, zone, answering))

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return problem(
            error.status_code,
            "method_not_allowed" if error.status_code == 405 else "not_found",
            "This cannot be served",
            str(error.detail),
            headers=dict(error.headers or {}),
        )

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        return problem(
            422, "invalid_parameter", "A parameter cannot be used", f"{where}: {first['msg']}"
        )

    return Access(app, keys=keys)


class Console:
    """The service, from its settings to its end."""

    def __init__(
        self,
        *,
        akar: AkarSettings,
        kafka: KafkaSettings,
        settings: ConsoleSettings,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        keys = settings.keys()
        company = load_kept(akar.registry, akar.data_dir / "console.registry.json")
        self._engine = database.create(_url(settings, akar.data_dir))
        with self._engine.begin() as connection:
            readmodel.prepare(connection)
        timer: Clock = clock or SystemClock()
        self._labels = {language: labels_of(company, language) for language in LANGUAGES}
        self._watch = FolderWatch(akar.registry)
        self._feed = Feed(
            kafka, company.inboxes(), self._engine, clock=timer, changed=self._company_changed
        )
        self._probe = BrokerProbe(kafka, self._feed.topics, name="console")
        self.health = Health(
            live={"feed": self._feed.heartbeat.check},
            ready={"kafka": self._probe.check, "read_model": self._feed.check},
        )
        inner = application(
            self._engine,
            self._labels,
            languages=("en", *company.company.write_in),
            zone=ZoneInfo(str(company.company.timezone)),
            keys=keys,
            answering=pages.Answering(
                settings.intake_url,
                None
                if akar.answer_secret is None
                else akar.answer_secret.get_secret_value().encode(),
            ),
        )
        self.app: ASGIApp = HealthMiddleware(inner, self.health)
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; a defect or a database that fails is raised."""
        server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                host=self._settings.host,
                port=self._settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,
                limit_concurrency=500,
            )
        )
        feeding = threading.Thread(target=self._run_feed, args=(server,), name="feed", daemon=True)
        self._probe.start()
        feeding.start()
        log.info("serving", host=self._settings.host, port=self._settings.port)
        server.run()
        self._feed.stop()
        feeding.join(10)
        self._probe.stop()
        if self._failure is not None:
            raise self._failure

    def _company_changed(self) -> tuple[str, ...] | None:
        """Follow the folder: new names are shown at once, old ones stay for what they were said of."""
        company = self._watch.look()
        if company is None:
            return None
        for language, labels in self._labels.items():
            new = labels_of(company, language)
            labels.departments.update(new.departments)
            labels.activities.update(new.activities)
            labels.symptoms.update(new.symptoms)
        return company.inboxes()

    def _run_feed(self, server: uvicorn.Server) -> None:
        try:
            self._feed.run()
        except BaseException as error:  # noqa: BLE001 - raised again by `run`
            self._failure = error
            server.should_exit = True


def _url(settings: ConsoleSettings, data_dir: Path) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return database.sqlite_url(data_dir / "console.sqlite3")
