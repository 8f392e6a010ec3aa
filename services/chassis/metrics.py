"""Every metric name of Akar, in one closed list.

It stands apart so that dashboards and alert rules can be checked against it.  Hazard: a label with an id in it grows
without end; labels here take words from code or from the registry only.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY: Final = CollectorRegistry()
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_LATENCY = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

COMPLAINTS_RECEIVED = Counter(
    "akar_complaints_received_total",
    "Complaints answered with 202.",
    ["channel"],
    registry=REGISTRY,
)
PROCESS_EVENTS_RECEIVED = Counter(
    "akar_process_events_received_total", "Process events accepted.", ["channel"], registry=REGISTRY
)
REQUESTS_REFUSED = Counter(
    "akar_intake_refused_total",
    "Requests or lines that were not accepted.",
    ["code"],
    registry=REGISTRY,
)
ACK_SECONDS = Histogram(
    "akar_intake_ack_seconds",
    "From sending a record to the broker's acknowledgement.",
    buckets=_LATENCY,
    registry=REGISTRY,
)
PRODUCER_IN_FLIGHT = Gauge(
    "akar_producer_in_flight_records", "Records sent and not yet acknowledged.", registry=REGISTRY
)
PRODUCER_RECREATED = Counter(
    "akar_producer_recreated_total",
    "Times the Kafka producer was given up and made anew.",
    registry=REGISTRY,
)
DECISIONS = Counter(
    "akar_router_decisions_total", "Decisions by outcome.", ["outcome"], registry=REGISTRY
)
DECISION_SECONDS = Histogram(
    "akar_router_decision_seconds", "Time of one trace.", buckets=_LATENCY, registry=REGISTRY
)
CHECKPOINT_SECONDS = Histogram(
    "akar_router_checkpoint_seconds",
    "Time of one checkpoint transaction.",
    buckets=_LATENCY,
    registry=REGISTRY,
)
CHECKPOINT_RECORDS = Histogram(
    "akar_router_checkpoint_records",
    "Input records in one checkpoint.",
    buckets=(1, 10, 50, 100, 500, 1000, 5000, 10000),
    registry=REGISTRY,
)
ROUTER_EVENTS = Counter(
    "akar_router_events_total",
    "Records that the router has taken in.",
    ["topic"],
    registry=REGISTRY,
)
ROUTER_FORWARDED = Counter(
    "akar_router_forwarded_total",
    "Records that lay in the wrong partition and were sent on.",
    ["topic"],
    registry=REGISTRY,
)
FORGOTTEN = Counter(
    "akar_router_forgotten_total",
    "Cases and closed complaints whose rows were deleted for their age.",
    ["kind"],
    registry=REGISTRY,
)
CONSUMER_LAG = Gauge(
    "akar_consumer_lag_records", "Records not yet read.", ["topic"], registry=REGISTRY
)
EVENT_AGE_SECONDS = Gauge(
    "akar_event_age_seconds", "Age of the newest record processed.", ["topic"], registry=REGISTRY
)
DEAD_LETTERS = Counter(
    "akar_dead_letters_total", "Records put aside.", ["service", "reason"], registry=REGISTRY
)
NOTIFICATIONS = Counter(
    "akar_notifications_total",
    "Notifications by outcome.",
    ["department", "outcome"],
    registry=REGISTRY,
)
NOTIFICATION_ATTEMPT_SECONDS = Histogram(
    "akar_notification_attempt_seconds",
    "Time of one delivery attempt.",
    buckets=_LATENCY,
    registry=REGISTRY,
)
NOTIFICATIONS_DUE = Gauge(
    "akar_notifications_due", "Deliveries waiting for their next attempt.", registry=REGISTRY
)
HTTP_REQUESTS = Counter(
    "akar_http_requests_total", "HTTP answers.", ["route", "status"], registry=REGISTRY
)
BUILD_INFO = Gauge(
    "akar_build_info", "Always 1; the version is in the label.", ["version"], registry=REGISTRY
)


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
