"""What the checkpoint package refuses, and what it says to the broker."""

from __future__ import annotations

import pytest
from confluent_kafka import Consumer

from services.chassis.errors import ConfigurationError
from services.router.checkpoint.faults import POINTS, arm, fault_point
from services.router.checkpoint.transactions import Membership
from services.router.checkpoint.versions import TESTED, refuse_untested


def test_tested_versions_are_installed() -> None:
    """The locked environment holds versions that the fences were tested with."""
    refuse_untested()


@pytest.mark.parametrize("name", sorted(TESTED))
def test_an_untested_version_is_refused(name: str) -> None:
    """Another version of any library whose internals matter stops the start, and is named."""
    installed = {library: versions[0] for library, versions in TESTED.items()} | {name: "99.0"}

    with pytest.raises(ConfigurationError, match=f"{name} 99.0 was not tested"):
        refuse_untested(installed)


def test_group_metadata_has_librdkafkas_form() -> None:
    """Hand-made group metadata equals what librdkafka serializes for the same static member."""
    consumer = Consumer(
        {"bootstrap.servers": "127.0.0.1:1", "group.id": "g", "group.instance.id": "host-0"}
    )
    try:
        theirs = consumer.consumer_group_metadata()
    finally:
        consumer.close()

    assert Membership("g", -1, "", "host-0").metadata() == theirs


def test_an_unknown_fault_point_is_refused() -> None:
    """A typing error in ROUTER_FAULT must not look like a run that survived."""
    with pytest.raises(ValueError, match="known points"):
        arm("nowhere:1")


def test_unarmed_points_do_nothing() -> None:
    """Without the setting every point is passed."""
    arm(None)
    for point in POINTS:
        fault_point(point)
