"""One training step: forward, loss, backward, Adam, on the same batch again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from networks import make

SIZES = [([4, 16, 3], 32), ([784, 50, 10], 100), ([784, 512, 512, 10], 128)]


@pytest.mark.parametrize(("sizes", "batch"), SIZES, ids=["4-16-3", "784-50-10", "784-512-512-10"])
def test_train_step(benchmark: Any, library: str, sizes: list[int], batch: int) -> None:
    rng = np.random.default_rng(0)
    x, t = rng.random((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch)
    reference = make("numpy", sizes)
    net = make(library, sizes)
    for _ in range(3):
        assert net.train_step(x, t) == pytest.approx(reference.train_step(x, t), rel=1e-4)
    benchmark.group = f"train step {'-'.join(map(str, sizes))}, batch {batch}"
    benchmark(net.train_step, x, t)
