"""Where in a TOML file a field stands.

It stands apart because the parser of the standard library keeps no positions: this reads the same text
again, only for the keys, and only when there is something to say.

Hazard: it trusts the text to be valid TOML, which `tomllib` must have said before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

Path = tuple[str | int, ...]
"""Keys and positions in arrays, from the top of the file."""

_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING: Final = re.compile(
    r'\"\"\"(?:[^\\]|\\.)*?\"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_INDEX: Final = re.compile(r"^(.*)\[(\d+)\]$")


class Lines:
    """The line of each field of one file; lines count from 1."""

    def __init__(self, text: str) -> None:
        """Read valid TOML."""
        self._text = text
        self._position = 0
        self._line = 1
        self._counted = 0
        self._found: dict[Path, int] = {}
        self._arrays: dict[Path, int] = {}
        self._read()

    def of(self, field: str) -> int | None:
        """Return the line of a dotted field (``activities.picked.owner``, ``cues[2]``, counted from 1).

        A field that is not there has the line of the table it belongs in; None when there is none.
        """
        path: list[str | int] = []
        for part in field.split(".") if field else ():
            match = _INDEX.match(part)
            if match:
                path += [match[1], int(match[2]) - 1]
            else:
                path.append(int(part) if part.isdigit() else part)
        while path:
            line = self._found.get(tuple(path))
            if line is not None:
                return line
            path.pop()
        return None

    def _read(self) -> None:
        table: Path = ()
        for _ in self._statements():
            if self._text.startswith("[", self._position):
                array = self._text.startswith("[[", self._position)
                self._position += 2 if array else 1
                keys = self._keys()
                self._position = self._text.index("]", self._position) + (2 if array else 1)
                table = self._table(keys, array=array)
            else:
                self._pair(table)

    def _statements(self) -> Iterator[None]:
        while True:
            self._skip()
            if self._position >= len(self._text):
                return
            yield

    def _table(self, keys: list[str], *, array: bool) -> Path:
        """Return the path of a header, following the last entry of each array of tables."""
        path: Path = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            last = position == len(keys) - 1
            if last and array:
                self._arrays[path] = self._arrays.get(path, -1) + 1
                self._note(path)
            if path in self._arrays:
                path = (*path, self._arrays[path])
            self._note(path)
        return path

    def _pair(self, table: Path) -> None:
        self._note(table)
        path = table
        line = self._here()
        for key in self._keys():
            path = (*path, key)
            self._found.setdefault(path, line)
        self._position = self._text.index("=", self._position) + 1
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip()
        if self._text.startswith("[", self._position):
            self._many(path, "]")
        elif self._text.startswith("{", self._position):
            self._many(path, "}")
        else:
            match = _STRING.match(self._text, self._position) or _SCALAR.match(
                self._text, self._position
            )
            assert match is not None
            self._position = match.end()

    def _many(self, path: Path, close: str) -> None:
        """Read an array or an inline table up to its end."""
        self._position += 1
        index = 0
        while True:
            self._skip()
            if self._text.startswith(close, self._position):
                self._position += 1
                return
            if self._text.startswith(",", self._position):
                self._position += 1
                continue
            if close == "}":
                self._pair(path)
            else:
                self._note((*path, index))
                self._value((*path, index))
            index += 1

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._position = self._blanks()
            match = _KEY.match(self._text, self._position)
            assert match is not None
            keys.append(match[0].strip("\"'"))
            self._position = match.end()
            self._position = self._blanks()
            if not self._text.startswith(".", self._position):
                return keys
            self._position += 1

    def _blanks(self) -> int:
        position = self._position
        while position < len(self._text) and self._text[position] in " \t":
            position += 1
        return position

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._position)
        assert match is not None
        self._position = match.end()

    def _note(self, path: Path) -> None:
        if path:
            self._found.setdefault(path, self._here())

    def _here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line
