"""Memory of training the mnist case in a fresh process: what it grows by, and how often it allocates.

Allocations are counted by a library that stands before malloc and its kin (count_malloc.c); those of up to 1 KiB are
Python's own objects.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .turns import ROOT, THREAD_VARIABLES

SOURCE = Path(__file__).with_name("count_malloc.c")


def measure(threads: int, folder: Path) -> dict[str, float]:
    library = folder / "count_malloc.so"
    if not library.exists():
        compiler = os.environ.get("CC", "cc")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-ldl"], check=True
        )
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    figures: dict[str, float] = {}
    for what, preload in (("growth", {}), ("allocations", {"LD_PRELOAD": str(library)})):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.compare.memory", what],
            env={**environment, **preload},
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        figures.update(json.loads(done.stdout))
    return figures


def resident(field: str) -> float:
    """VmRSS or VmHWM of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1000
    raise RuntimeError(f"no {field}")


def growth() -> dict[str, float]:
    import nnfast as nn
    import numpy as np

    before = resident("VmRSS")
    x = np.empty((60000, 784), np.float32)
    for rows in np.split(x, 60):
        rows[...] = np.random.default_rng(0).random(rows.shape, np.float32)
    t = np.random.default_rng(1).integers(0, 10, len(x))
    network = nn.mlp([784, 512, 512, 10], "relu", seed=0)
    network.fit(x, t, batch_size=128, optimizer=nn.Adam(), progress=False)
    data = (x.nbytes + t.nbytes) / 1e6
    return {"growth_mb": resident("VmHWM") - before - data, "imported_mb": before, "data_mb": data}


def allocations() -> dict[str, float]:
    import ctypes

    import nnfast as nn
    import numpy as np

    counted = ctypes.CDLL(None).counted_allocations
    counted.restype = ctypes.c_long
    rng = np.random.default_rng(0)
    x, t = rng.random((5120, 784), np.float32), rng.integers(0, 10, 5120)
    network, optimizer = nn.mlp([784, 512, 512, 10], "relu", seed=0), nn.Adam()
    batches = [(x[k : k + 128], t[k : k + 128]) for k in range(0, 1280, 128)]
    for pair in batches:
        network.train_step(*pair, optimizer)
    before = counted()
    for _ in range(10):
        for pair in batches:
            network.train_step(*pair, optimizer)
    steps = counted() - before

    def fit(rows: int) -> int:
        start = counted()
        network.fit(x[:rows], t[:rows], batch_size=128, optimizer=optimizer, progress=False)
        return int(counted() - start)

    fit(5120)
    few, many = fit(1280), fit(5120)  # once per epoch, there are the order and what tells of it
    before = counted()
    kept = bytearray(1 << 20)
    assert counted() - before == len(kept) >> 20  # the counter counts
    return {
        "step_allocations": steps,
        "fit_allocations": many - few,
        "fit_allocations_ahead": few,
    }


if __name__ == "__main__":
    print(json.dumps(growth() if sys.argv[1] == "growth" else allocations()))
