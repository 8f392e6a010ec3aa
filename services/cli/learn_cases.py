"""Brings verdicts and complaints together for `akar learn fit`.

It stands apart because verdicts come in two shapes: within the lines of past complaints, or alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.chassis.errors import ConfigurationError
from services.cli.backtest_files import line
from services.cli.verdicts import read_verdicts


@contextmanager
def cases_with(verdicts: list[Path], cases: Path | None) -> Iterator[list[Path]]:
    """Files of past complaints that carry their verdicts.

    Raises:
        ConfigurationError: Verdicts alone came without complaints, or a file cannot be read.
    """
    if cases is None:
        alone = [path for path in verdicts if _alone(path)]
        if alone:
            raise ConfigurationError(
                f"{alone[0]} holds verdicts alone: name the complaints too, --cases cases.ndjson"
            )
        yield verdicts
        return
    found = {key: row for path in verdicts for key, row in read_verdicts(path).items()}
    with tempfile.TemporaryDirectory(prefix="akar-learn-") as folder:
        together = Path(folder) / "cases.ndjson"
        try:
            with (
                cases.open(encoding="utf-8") as source,
                together.open("w", encoding="utf-8") as file,
            ):
                for text in source:
                    row = json.loads(text)
                    if row["complaint_id"] in found:
                        row["verdict"] = found[row["complaint_id"]]
                        file.write(line(row))
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(f"{cases} cannot be used: {error!r}") from None
        yield [together]


def _alone(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            first = next((text for text in file if text.strip()), "{}")
        return "text" not in json.loads(first)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
