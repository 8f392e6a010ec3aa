"""The two kinds of failure that a service knows how to go on from.

`PermanentError`: trying again cannot help; the record goes to the dead-letter topic.  `TransientError`: trying again may
help; a `RetryPolicy` says when.  Anything else is a defect or a broken machine: it ends the process and the supervisor
starts it again.  Hazard: a code is counted and alerted on, so it is a word from code, never text from outside.
"""

from __future__ import annotations


class AkarError(Exception):
    """A failure with a code to count by and a sentence for people."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class PermanentError(AkarError):
    """Trying again cannot help."""


class TransientError(AkarError):
    """Trying again may help."""


class BrokerUnavailable(TransientError):
    """No acknowledgement from Kafka: whether the record was stored is not known."""

    def __init__(self, detail: str = "", code: str = "broker_unavailable") -> None:
        super().__init__(code, detail)


class Overloaded(BrokerUnavailable):
    """More is unacknowledged than this process may hold; nothing was sent."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, "overloaded")


class ConfigurationError(AkarError):
    """The settings cannot be used as they are; the detail names the remedy."""

    def __init__(self, detail: str) -> None:
        super().__init__("configuration", detail)
