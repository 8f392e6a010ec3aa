"""How much a text of each source counts, for the linear model and for the networks.

It stands apart because both readers are taught the same texts, and because it needs no library: whoever adds a source sees
here, and a test says, that it must have a weight. A source's name is its file's or, for public reviews, what is reviewed.

Hazard: a source that the networks have no weight for is not taught to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BOTH: Final[Mapping[str, float]] = {
    "dev": 2.5,
    "prdect": 2.5,
    "app": 0.8,
    "product": 1.5,
    "written": 0.7,
    "corpus": 0.7,
    "mixed": 0.3,
}
LINEAR: Final[Mapping[str, float]] = {**_BOTH, "banking": 0.7, "short": 0.7, "phrases": 0.6}
NETWORKS: Final[Mapping[str, float]] = {**_BOTH, "phrases": 0.4}
"""A text of three or four words (`short`) has hardly a window: what it says is for the linear model (docs/symptoms.md)."""
