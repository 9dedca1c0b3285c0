"""What importing costs, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

CODE = "import time, numpy; start = time.perf_counter(); import nnfast; print(time.perf_counter() - start)"


def measure(processes: int, wheel: Path | None) -> dict[str, float]:
    times = [
        1e3 * float(subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True).stdout)
        for _ in range(processes + 1)
    ][1:]  # the first one may find no bytecode
    figures = {"import_ms": statistics.median(times), "import_ms_least": min(times)}
    if wheel:
        figures["wheel_mb"] = wheel.stat().st_size / 1e6
    return figures
