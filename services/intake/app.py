"""Wiring: settings, publisher, probe, middleware and routes into one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from schemas.topics import COMPLAINT_MESSAGED, COMPLAINT_RECEIVED, PROCESS_OBSERVED
from services.chassis import metrics
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import ConfigurationError
from services.chassis.health import ASGIApp, Health, HealthMiddleware
from services.chassis.logs import get_logger
from services.chassis.probe import FRESH_SECONDS, BrokerProbe
from services.chassis.producer import EventPublisher
from services.chassis.settings import AkarSettings, KafkaSettings
from services.intake import answering, openapi
from services.intake.channels import ChannelKeys
from services.intake.handlers import Intake, router
from services.intake.limits import Limits
from services.intake.problems import Problem, Refusal
from services.intake.settings import IntakeSettings

log = get_logger(__name__)

TOPICS = (COMPLAINT_RECEIVED.name, COMPLAINT_MESSAGED.name, PROCESS_OBSERVED.name)


def create(
    settings: IntakeSettings,
    akar: AkarSettings,
    kafka: KafkaSettings,
    *,
    clock: Clock | None = None,
    on_failure: Callable[[], None] = lambda: None,
) -> ASGIApp:
    """The application; its lifespan starts and stops the Kafka clients.

    Args:
        settings: Of this service.
        akar: Of all services.
        kafka: The cluster.
        clock: Time of receipt.
        on_failure: Called when the service cannot go on: the thread that sends has ended.

    Raises:
        ConfigurationError: The channels file or the customer salt is missing.
    """
    if akar.customer_salt is None:
        raise ConfigurationError(
            "set AKAR_CUSTOMER_SALT (or AKAR_CUSTOMER_SALT_FILE) to a secret of at least 16 characters: "
            "customers' phones and addresses are stored as HMACs under it"
        )
    keys = ChannelKeys(settings.channels_file)
    publisher = EventPublisher(
        kafka,
        name="akar-intake",
        deadline_seconds=settings.ack_deadline_seconds,
        max_in_flight=settings.max_in_flight,
    )
    probe = BrokerProbe(kafka, TOPICS, name="akar-intake")

    def kafka_answers() -> str | None:
        return None if publisher.seconds_since_ack <= FRESH_SECONDS else probe.check()

    intake = Intake(
        settings,
        salt=akar.customer_salt.get_secret_value().encode(),
        keys=keys,
        publisher=publisher,
        clock=clock or SystemClock(),
    )
    secret = None if akar.answer_secret is None else akar.answer_secret.get_secret_value().encode()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publisher.start()
        probe.start()
        watch = asyncio.create_task(_watch(publisher, on_failure))
        try:
            yield
        finally:
            watch.cancel()
            probe.stop()
            publisher.close(timeout=settings.ack_deadline_seconds)

    health = Health(live={"publisher": publisher.check}, ready={"kafka": kafka_answers})
    return assemble(intake, health, lifespan, answer_secret=secret)


def assemble(
    intake: Intake, health: Health, lifespan: Any = None, *, answer_secret: bytes | None = None
) -> ASGIApp:
    """Probes outside limits outside routes."""
    settings = intake.settings
    return HealthMiddleware(
        Limits(
            _framework(intake, lifespan, answer_secret),
            max_body=settings.max_body_bytes,
            max_body_of={
                "/v1/complaints/batch": settings.max_batch_bytes,
                "/v1/process-events": settings.max_batch_bytes,
            },
            max_requests=settings.max_requests,
            body_seconds=settings.body_timeout_seconds,
        ),
        health,
    )


async def _watch(publisher: EventPublisher, on_failure: Callable[[], None]) -> None:
    while (reason := publisher.check()) is None:  # noqa: ASYNC110 - a thread has no event to await
        await asyncio.sleep(1.0)
    log.critical("the service cannot go on", reason=reason)
    on_failure()


def _framework(intake: Intake, lifespan: Any, answer_secret: bytes | None) -> FastAPI:
    app = FastAPI(
        title="Akar intake",
        summary="Complaints and process events in; 202 once they are stored.",
        version="1",
        lifespan=lifespan,
        # The interactive pages load scripts from elsewhere; the document itself is enough.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(router(intake))
    if answer_secret is not None:
        app.include_router(answering.router(intake, answer_secret))
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(Exception, _failed)
    described = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = openapi.complete(described())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
    return app


def _respond(problem: Problem) -> Response:
    metrics.REQUESTS_REFUSED.labels(problem.code).inc()
    return Response(problem.body(), problem.status, problem.response_headers())


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _respond(error.problem)


async def _not_served(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = tuple((error.headers or {}).items())
        detail = "see Allow for what is served at this path"
        return _respond(Problem("method_not_allowed", 405, detail, headers=allowed))
    return _respond(Problem("not_found", 404, "see /openapi.json for the paths that are served"))


async def _failed(_: Request, __: Exception) -> Response:
    # The framework raises it again after this answer, and the server logs it.
    return _respond(Problem("internal", 500, "it is logged; nothing is known to be stored"))
