"""The company in one reviewed folder: load it, validate it, take its digest."""

from services.registry.errors import Problem, RegistryError
from services.registry.files import Files
from services.registry.load import (
    contents,
    example_folder,
    inspect,
    inspect_files,
    load,
    load_example,
    load_files,
    warnings,
)
from services.registry.model import Company

__all__ = [
    "Company",
    "Files",
    "Problem",
    "RegistryError",
    "contents",
    "example_folder",
    "inspect",
    "inspect_files",
    "load",
    "load_example",
    "load_files",
    "warnings",
]
