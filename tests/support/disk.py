"""A disk of a test's own, and a copy of it as it was at one moment: what a power cut would leave.

It stands apart because a plain copy is of no moment.  While it is made, the kernel goes on writing what it had put off, also when
every process is stopped: with an inode from before and a journal from after, a file that was flushed long ago comes out empty.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE_SECONDS = 60.0


def make_disk(image: Path, size: int) -> Path:
    """A new file system of `size` bytes in a file; skips where nobody may make one."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("a disk of its own needs root and mkfs.ext4")
    with image.open("wb") as file:
        file.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    return image


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """A file with a file system in it, mounted; skips where no loop device is to be had."""
    at.mkdir(exist_ok=True)
    mount = ["mount", "-o", "loop", str(image), str(at)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no loop device can be mounted here: {done.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


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
