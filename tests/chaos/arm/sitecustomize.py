"""Arms one life of one router worker: Python imports this at its start when the folder is in PYTHONPATH.

`AKAR_CHAOS_ARM` names a file with the worker's instance and its `ROUTER_FAULT`; the first life that finds it takes it away, so the
next one runs as always.  The product has the fault points; which life has one armed is the test's affair, and lies here.
"""

import json
import os
import shutil
import sys
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


if _ORDER and sys.orig_argv[-2:] == ["-m", "services.router"]:
    _arm(Path(_ORDER))
