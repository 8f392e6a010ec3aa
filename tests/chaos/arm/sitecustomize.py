"""Arms one life of one router worker: Python imports this at its start when the folder is in PYTHONPATH.

`AKAR_CHAOS_ARM` names a file with the worker's instance and its `ROUTER_FAULT`; the first life that finds it takes it away, so the
next one runs as always.  The product has the fault points; which life has one armed is the test's affair, and lies here.
"""

import json
import os
import select
import shutil
import sys
import time
from pathlib import Path

_ORDER = os.environ.get("AKAR_CHAOS_ARM")


def _arm(path: Path) -> None:
    try:
        order = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    if os.environ.get("ROUTER_INSTANCE") != order["instance"]:
        return
    Path(f"{path}.taken").write_text(f"{os.getpid()}", encoding="utf-8")
    path.unlink()
    if order["wipe"]:
        shutil.rmtree(os.environ["ROUTER_STATE_DIR"], ignore_errors=True)
    if order["fault"] is None:
        return
    os.environ["ROUTER_FAULT"] = order["fault"]
    leave = os._exit

    def told(code: int) -> None:
        Path(f"{path}.ended").write_text(f"{os.getpid()} {code}", encoding="utf-8")
        leave(code)

    os._exit = told


def _hold(path: Path) -> None:
    """Begin nothing as long as there is that file."""
    while path.exists():
        time.sleep(0.05)


def _clock(folder: Path) -> None:
    """Start anew under libfaketime, with a clock of this service's own: a file that says how wrong it is."""
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        # libfaketime 0.9.10 refuses absolute times of the clock that it leaves alone: what `time.sleep` asks for.
        time.sleep = lambda seconds: select.select((), (), (), max(0.0, seconds)) and None
        return
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1 :]
    clock = folder / "-".join(part.removeprefix("services.") for part in module)
    if not clock.exists():
        return
    os.environ["LD_PRELOAD"] = os.environ["AKAR_CHAOS_FAKETIME"]
    os.environ["FAKETIME_TIMESTAMP_FILE"] = str(clock)
    os.environ["FAKETIME_CACHE_DURATION"] = "1"
    os.environ["FAKETIME_DONT_FAKE_MONOTONIC"] = os.environ["DONT_FAKE_MONOTONIC"] = "1"
    os.execv(sys.executable, sys.orig_argv)


if "-m" in sys.orig_argv and "AKAR_CHAOS_CLOCKS" in os.environ:
    _clock(Path(os.environ["AKAR_CHAOS_CLOCKS"]))
if _ORDER and sys.orig_argv[-2:] == ["-m", "services.router"]:
    _hold(Path(f"{_ORDER}.hold"))
    _arm(Path(_ORDER))
