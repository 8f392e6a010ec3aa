"""Counts what was lost, repeated or invented: `python -m tests.chaos.checker --bootstrap HOST:PORT --client-log FILE ...`.

It stands apart from the product on purpose: it reads the topics and the logs of the two outside parties (who sent, who was
called) like an auditor and shares no line of code with what it judges.  Exit code 0: every promise was kept; 1: not; 2: the
evidence cannot be read.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException

from tests.chaos.invariants import Result, Violation, judge
from tests.chaos.journal import Evidence, read_client_log, read_seen_log, read_webhook_log
from tests.chaos.topics import Cluster

COMPANY = Path(__file__).parents[2] / "examples" / "shop"

EXAMPLES = 5
"""Of each kind of violation."""


def gather(
    cluster: Cluster,
    *,
    client_logs: Sequence[Path],
    webhook_logs: Sequence[Path],
    seen_logs: Sequence[Path] = (),
    raw: bool = False,
    patience: float = 30.0,
    company: Path = COMPANY,
) -> Evidence:
    """Read everything.

    Args:
        cluster: The pipeline's topics.
        client_logs: Of `tests/chaos/load.py`, or anything that writes such rows.
        webhook_logs: Of `tests/chaos/receiver.py`.
        seen_logs: Of a follower.
        raw: Whether to count aborted records, too.
        patience: Seconds to wait for open transactions to end.
        company: The company's folder, which says what system attests which activity.

    Raises:
        KafkaException, TimeoutError: The cluster does not answer.
        OSError, ValueError: A log cannot be read.
    """
    behind = cluster.open_transactions(patience)
    topics = cluster.read()
    return Evidence(
        client=read_client_log(client_logs),
        calls=read_webhook_log(webhook_logs),
        topics=topics,
        seen=read_seen_log(seen_logs),
        open_transactions=behind,
        raw=cluster.count_raw() if raw else {},
        state=cluster.state(),
        partitions=cluster.count(),
        sources=sources_of(company),
    )


def sources_of(company: Path) -> dict[str, str]:
    """activity -> the system that attests it."""
    found: dict[str, str] = {}
    for path in sorted((company / "processes").glob("*.toml")):
        process = tomllib.loads(path.read_text(encoding="utf-8"))
        # A fault is an activity too, seen by whoever says so.
        for kind in ("activities", "faults"):
            for name, activity in process.get(kind, {}).items():
                if "source" in activity:
                    found[name] = activity["source"]
    return found


def violations(results: Sequence[Result]) -> list[Violation]:
    """All of them."""
    return [violation for result in results for violation in result.violations]


def table(results: Sequence[Result]) -> str:
    """The verdict for people: one line per promise, examples of what broke it, and the counts."""
    width = max(len(result.promise) for result in results)
    lines = [f"{'':4} {'promise':<{width}} {'examined':>9} {'broken':>7}"]
    lines += [
        f"{result.check:<4} {result.promise:<{width}} {result.examined:>9} {len(result.violations):>7}"
        for result in results
    ]
    for result in results:
        kinds: Counter[str] = Counter(violation.what for violation in result.violations)
        for kind, count in kinds.most_common():
            lines.append(f"\n{result.check} {kind}: {count}")
            examples = [each for each in result.violations if each.what == kind][:EXAMPLES]
            lines += [f"    {each.subject}  {each.detail}" for each in examples]
    facts = {name: count for result in results for name, count in result.facts.items()}
    lines.append("")
    lines += [f"{count:>9} {name}" for name, count in facts.items()]
    return "\n".join(lines)


def document(results: Sequence[Result]) -> dict[str, object]:
    """The verdict for programs."""
    return {
        "broken": len(violations(results)),
        "checks": [
            {
                "check": result.check,
                "promise": result.promise,
                "examined": result.examined,
                "facts": result.facts,
                "violations": [
                    {"what": each.what, "subject": each.subject, "detail": each.detail}
                    for each in result.violations
                ],
            }
            for result in results
        ],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, judge, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.checker", description=main.__doc__)
    parser.add_argument("--bootstrap", required=True, metavar="HOST:PORT")
    parser.add_argument("--prefix", default="", help="of topic names (KAFKA_TOPIC_PREFIX)")
    parser.add_argument("--client-log", type=Path, action="append", required=True)
    parser.add_argument("--webhook-log", type=Path, action="append", required=True)
    parser.add_argument("--seen-log", type=Path, action="append", default=[])
    parser.add_argument("--company", type=Path, default=COMPANY, help="the company's folder")
    parser.add_argument("--raw", action="store_true", help="count aborted records, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    try:
        evidence = gather(
            Cluster(options.bootstrap, options.prefix),
            client_logs=options.client_log,
            webhook_logs=options.webhook_log,
            seen_logs=options.seen_log,
            raw=options.raw,
            company=options.company,
        )
    except (KafkaException, TimeoutError, OSError, ValueError, KeyError) as error:
        print(f"the evidence cannot be read: {error!r}", file=sys.stderr)
        return 2
    results = judge(evidence)
    print(json.dumps(document(results)) if options.json else table(results))
    return 1 if violations(results) else 0


if __name__ == "__main__":
    raise SystemExit(main())
