"""The company in one reviewed folder: load it, validate it, take its digest."""

from services.registry.errors import Problem, RegistryError
from services.registry.load import example_folder, inspect, load, load_example, warnings
from services.registry.model import Company

__all__ = [
    "Company",
    "Problem",
    "RegistryError",
    "example_folder",
    "inspect",
    "load",
    "load_example",
    "warnings",
]
