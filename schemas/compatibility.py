"""Whether contracts can still be read the way they were released: `python -m schemas.compatibility [--release]`.

A released schema is a promise: records lie in topics for a year, and readers we do not know hold copies.  So a version
may gain optional fields and wider values, and nothing else; any other change is a new version beside the old one.
`schemas/released/` holds what was promised.  Hazard: `--release` writes new promises; deleting a file there breaks one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.generate import to_json
from schemas.json_schema import contracts, schema_of

RELEASED: Final = Path(__file__).parent / "released"

Schema = Mapping[str, Any]

# Larger is wider for the first, narrower for the second.
_UPPER: Final = ("maxLength", "maximum", "exclusiveMaximum", "maxItems", "maxProperties")
_LOWER: Final = ("minLength", "minimum", "exclusiveMinimum", "minItems", "minProperties")
_SAME: Final = ("pattern", "format", "const", "uniqueItems", "multipleOf")


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """One promise that is not kept."""

    schema: str
    path: str
    """JSON pointer of the field in the data; `*` stands for each item or each name."""
    rule: str
    """`removed_version`, `removed_field`, `new_required_field`, `narrowed_type`, `narrowed_enum`, `narrowed_bound`."""
    detail: str

    def __str__(self) -> str:
        return f"{self.schema} {self.path or '/'}: {self.rule}: {self.detail}"


def compare_all(released: Mapping[str, Schema], present: Mapping[str, Schema]) -> list[Break]:
    """Every broken promise, by schema name and path."""
    breaks: list[Break] = []
    for name, old in released.items():
        if name not in present:
            breaks.append(Break(name, "", "removed_version", "the version exists no more"))
        else:
            breaks += compare(old, present[name], name=name)
    return sorted(breaks)


def compare(old: Schema, new: Schema, *, name: str) -> list[Break]:
    """What a record or reader that keeps to `old` meets in `new`."""
    comparison = _Comparison(name, old.get("$defs", {}), new.get("$defs", {}))
    return sorted(set(comparison.walk(old, new, "", ())))


@dataclass(frozen=True, slots=True)
class _Comparison:
    name: str
    old_definitions: Mapping[str, Schema]
    new_definitions: Mapping[str, Schema]

    def walk(self, old: Schema, new: Schema, path: str, seen: tuple[str, ...]) -> Iterator[Break]:
        if reference := old.get("$ref"):
            if reference in seen:
                return
            seen = (*seen, reference)
        old = _resolve(old, self.old_definitions)
        new = _resolve(new, self.new_definitions)
        if not new.keys() - {"description", "default", "title"}:
            return  # anything goes now
        old_choices, new_choices = _choices(old), _choices(new)
        if len(old_choices) > 1 or len(new_choices) > 1:
            yield from self._union(old_choices, new_choices, path, seen)
            return
        yield from self._types(old, new, path)
        yield from self._values(old, new, path)
        yield from self._bounds(old, new, path)
        yield from self._fields(old, new, path, seen)
        yield from self._items(old, new, path, seen)

    def _union(
        self, old: Sequence[Schema], new: Sequence[Schema], path: str, seen: tuple[str, ...]
    ) -> Iterator[Break]:
        # Each old choice has to fit one of the new ones; if none fits, the nearest says why.
        for choice in old:
            attempts = [list(self.walk(choice, candidate, path, seen)) for candidate in new]
            if all(attempts):
                yield from min(attempts, key=len)

    def _types(self, old: Schema, new: Schema, path: str) -> Iterator[Break]:
        before, after = _types(old), _types(new)
        if not after:
            return
        if "number" in after:
            after = after | {"integer"}
        if not before or not before <= after:
            yield self._broken(path, "narrowed_type", f"{_words(before)} became {_words(after)}")

    def _values(self, old: Schema, new: Schema, path: str) -> Iterator[Break]:
        if "enum" not in new:
            return
        if "enum" not in old:
            yield self._broken(path, "narrowed_enum", "any value became a closed set")
            return
        gone = [value for value in old["enum"] if value not in new["enum"]]
        if gone:
            yield self._broken(path, "narrowed_enum", f"no longer: {_words(gone)}")

    def _bounds(self, old: Schema, new: Schema, path: str) -> Iterator[Break]:
        for keyword in _UPPER:
            if keyword in new and new[keyword] < old.get(keyword, float("inf")):
                yield self._bound(keyword, old, new, path)
        for keyword in _LOWER:
            if keyword in new and new[keyword] > old.get(keyword, float("-inf")):
                yield self._bound(keyword, old, new, path)
        for keyword in _SAME:
            if keyword in new and new[keyword] != old.get(keyword):
                yield self._bound(keyword, old, new, path)

    def _fields(
        self, old: Schema, new: Schema, path: str, seen: tuple[str, ...]
    ) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for field in before.keys() - after.keys():
            yield self._broken(f"{path}/{field}", "removed_field", "readers may use it")
        for field in set(new.get("required", ())) - set(old.get("required", ())):
            yield self._broken(f"{path}/{field}", "new_required_field", "old records may lack it")
        for field in sorted(before.keys() & after.keys()):
            yield from self.walk(before[field], after[field], f"{path}/{field}", seen)
        closed = new.get("additionalProperties")
        if closed is False and old.get("additionalProperties") is not False:
            yield self._broken(path, "narrowed_type", "unknown fields are refused now")
        elif isinstance(closed, dict):
            earlier = old.get("additionalProperties", {})
            if isinstance(earlier, dict):
                yield from self.walk(earlier, closed, f"{path}/*", seen)

    def _items(self, old: Schema, new: Schema, path: str, seen: tuple[str, ...]) -> Iterator[Break]:
        if "items" in new and isinstance(new["items"], dict):
            yield from self.walk(old.get("items", {}), new["items"], f"{path}/*", seen)
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        for index, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from self.walk(one, other, f"{path}/{index}", seen)

    def _bound(self, keyword: str, old: Schema, new: Schema, path: str) -> Break:
        return self._broken(
            path, "narrowed_bound", f"{keyword} {old.get(keyword, 'free')} became {new[keyword]}"
        )

    def _broken(self, path: str, rule: str, detail: str) -> Break:
        return Break(self.name, path, rule, detail)


def _resolve(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    while reference := schema.get("$ref"):
        schema = definitions[reference.removeprefix("#/$defs/")]
    return schema


def _choices(schema: Schema) -> Sequence[Schema]:
    choices: Sequence[Schema] = schema.get("anyOf") or schema.get("oneOf") or (schema,)
    return choices


def _types(schema: Schema) -> set[str]:
    found = schema.get("type", [])
    return {found} if isinstance(found, str) else set(found)


def _words(values: object) -> str:
    if isinstance(values, set | list) and values:
        return ", ".join(str(value) for value in sorted(values, key=str))
    return "anything"


def released(folder: Path = RELEASED) -> dict[str, Schema]:
    """What was promised, by `dataschema`."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def present() -> dict[str, Schema]:
    """What the contracts in this tree say, by `dataschema`."""
    return {contract.dataschema(): schema_of(contract) for contract in contracts()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m schemas.compatibility", description=__doc__)
    parser.add_argument("--release", action="store_true", help="promise what the contracts say now")
    options = parser.parse_args(arguments)
    breaks = compare_all(released(), present())
    for one in breaks:
        print(one, file=sys.stderr)
    if breaks:
        print(
            "Keep the old version and add a new one beside it (schemas/README.md).", file=sys.stderr
        )
        return 1
    if options.release:
        RELEASED.mkdir(exist_ok=True)
        for name, schema in present().items():
            (RELEASED / f"{name}.json").write_text(to_json(schema), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
