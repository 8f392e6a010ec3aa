"""What of a long log to show when its process ended: its first complaint, and its end.

It stands apart because the end alone misleads: a Java program ends with the frames of a stack, and the line that says what was
wrong stands pages above.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

READ_BYTES: Final = 2_000_000
_COMPLAINT: Final = re.compile(
    r"^\S+ +(ERROR|FATAL) |^(Exception|Error)\b|^Traceback |^[\w.$]+(Exception|Error)\b|\"level\": ?\"(error|critical)\""
)
_FRAME: Final = re.compile(r"^\s+(at |\.\.\. \d+ more)|^\s*File \"")
_SHOWN: Final = 4
"""Lines of the first complaint: it, and the causes that follow, without their frames."""
_WIDTH: Final = 400


def excerpt(text: str, limit: int = 2000) -> str:
    """The first complaint in `text`, if its end does not show it, and the last `limit` characters.

    Args:
        text: Of a log.
        limit: Of the end, in characters.
    """
    end = text[-limit:]
    lines = text[: len(text) - len(end)].splitlines()
    first = next((n for n, line in enumerate(lines) if _COMPLAINT.search(line)), None)
    if first is None:
        return end.strip()
    shown = [line for line in lines[first:] if not _FRAME.search(line)][:_SHOWN]
    return "\n".join([*(line[:_WIDTH] for line in shown), "[...]", end.strip()])


def excerpt_of(path: Path, begin: int = 0, limit: int = 2000) -> str:
    """The same of a file, from a position on; of a very long one what its last `READ_BYTES` have."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(begin, size - READ_BYTES))
            return excerpt(file.read().decode("utf-8", "replace"), limit)
    except FileNotFoundError:
        return ""
