"""Which company decides: what its folder says, and from which point of each partition on it counts.

Two events, because contents are large and stay the same while they may be activated many times: what was published is
kept for ever under its digest, so that any decision can be derived again.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.envelope import Contract, Identifier, Slug, Timestamp

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RegistryPublishedV1(Contract):
    """The contents of one company's folder, under their digest."""

    event_type: ClassVar[str] = "registry.published"
    subject_field: ClassVar[str] = "digest"

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 (hex) over the contents as the engine that published them read them."""
    company: Slug
    departments: tuple[Slug, ...]
    """Those with an inbox."""
    files: dict[str, str] = Field(min_length=1, max_length=500)
    """File name, relative to the folder -> its text; language packs included."""
    published_at: Timestamp


class RegistryActivatedV1(Contract):
    """From this record of its partition on, decisions are made with these contents."""

    event_type: ClassVar[str] = "registry.activated"
    subject_field: ClassVar[str] = "registry"

    registry: str = "active"
    partition: int = Field(ge=0)
    digest: Digest
    """Under which the contents were published."""
    activated_at: Timestamp
    reason: Identifier
    """What led to it: `folder`, `command`."""
