"""What services and libraries say while a command runs: warnings only, on stderr.

It stands apart because stdout is the command's answer (`--json`, `--ready-json`), and a log line on it breaks scripts.
"""

from __future__ import annotations


def to_stderr() -> None:
    """Send warnings and errors to stderr, as a person reads them."""
    import logging

    from services.chassis.logs import configure

    configure("akar", log_format="console", level="warning")
    # A broker that does not answer is told once, by the command, and not for each attempt to connect.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
