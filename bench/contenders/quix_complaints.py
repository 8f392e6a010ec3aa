"""Complaints on Quix Streams, exactly once, in Quix's topology: a stateful step by complaint, and one by case."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from quixstreams import Application

from bench.contenders.complaint_work import REQUESTED, Work, case_of, complaint_of
from bench.contenders.settings import PRODUCER, read
from schemas import topics


def main() -> None:
    settings = read()
    prefix = os.environ["BENCH_PREFIX"]
    work = Work(Path(os.environ["BENCH_REGISTRY"]))
    app = Application(
        broker_address=settings.bootstrap,
        consumer_group=settings.group,
        processing_guarantee="exactly-once",
        commit_interval=settings.commit_seconds,
        auto_offset_reset="earliest",
        state_dir=settings.state_dir,
        producer_extra_config=PRODUCER,
        loglevel="WARNING",
    )

    def topic(name: str) -> Any:
        return app.topic(
            prefix + name,
            value_deserializer="bytes",
            key_deserializer="bytes",
            value_serializer="bytes",
            key_serializer="bytes",
        )

    requested = topic(REQUESTED)
    status = topic(topics.COMPLAINT_STATUS.name)
    received = app.dataframe(topic(topics.COMPLAINT_RECEIVED.name))
    received = received.apply(work.received, stateful=True, metadata=True, expand=True)
    asked = received.filter(lambda made: made[0] == REQUESTED)
    asked.apply(lambda made: made[2]).to_topic(requested, key=case_of)
    stands = received.filter(lambda made: made[0] != REQUESTED)
    stands.apply(lambda made: made[2]).to_topic(status, key=complaint_of)

    case = app.dataframe(topic(topics.PROCESS_OBSERVED.name)).concat(app.dataframe(requested))
    case = case.apply(work.case, stateful=True, metadata=True, expand=True)
    inboxes = {name: topic(f"department.{name}.inbox") for name in work.departments}
    outputs = {
        topics.COMPLAINT_TRACED.name: topic(topics.COMPLAINT_TRACED.name),
        topics.COMPLAINT_STATUS.name: status,
        **{f"department.{name}.inbox": inbox for name, inbox in inboxes.items()},
    }
    for name, output in outputs.items():
        # The key is the complaint's; the value is what the contract's own encoder writes.
        branch = case.filter(lambda made, name=name: made[0] == name)
        branch.apply(lambda made: made[2]).to_topic(output, key=complaint_of)
    app.run()


if __name__ == "__main__":
    main()
