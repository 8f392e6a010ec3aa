"""The example companies as the router compiles them, once per run: they cannot be changed."""

from __future__ import annotations

from functools import cache

from services.registry import load_example
from services.router.stages.base import Company
from services.router.stages.companies import company_from
from services.router.tracing.company import Rules


@cache
def company(name: str) -> Company:
    """What the stages need of an example."""
    return company_from(load_example(name))


def rules(name: str) -> Rules:
    """What the tracing core needs of an example."""
    return company(name).rules
