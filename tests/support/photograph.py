"""A copy of a disk as it was at one moment: what a power cut would leave.

It stands apart because a plain copy is of no moment.  While it is made, the kernel goes on writing what it had put off, also when
every process is stopped: with an inode from before and a journal from after, a file that was flushed long ago comes out empty.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

PATIENCE_SECONDS = 60.0


def photograph(disk: Path, to: Path) -> None:
    """Copy `disk`, a file that is mounted and whose writers are stopped.

    Two copies, one after the other, that are the same in every block are what the disk held between them.

    Raises:
        AssertionError: The disk never stood still.
    """
    again = to.with_name(f"{to.name}.again")
    until = time.monotonic() + PATIENCE_SECONDS
    _copy(disk, to)
    while True:
        _copy(disk, again)
        same = subprocess.run(["cmp", "-s", str(to), str(again)], check=False).returncode == 0
        again.replace(to)
        if same:
            return
        assert time.monotonic() < until, f"{disk} has not stood still for {PATIENCE_SECONDS:g} s"


def _copy(disk: Path, to: Path) -> None:
    subprocess.run(["cp", "--sparse=always", str(disk), str(to)], check=True)
