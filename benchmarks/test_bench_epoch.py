"""One epoch over the sample of MNIST, shuffled, with Adam in batches of 128."""

from __future__ import annotations

from typing import Any

import pytest
from networks import make
from nnfast.datasets import load_mnist_sample


@pytest.mark.parametrize("hidden", [[50], [512, 512]], ids=["50", "512-512"])
def test_epoch(benchmark: Any, library: str, hidden: list[int]) -> None:
    (x, t), _ = load_mnist_sample()
    t = t.astype("int64")
    sizes = [784, *hidden, 10]
    reference = make("numpy", sizes)
    net = make(library, sizes)
    assert net.train_epoch(x, t, 0, 128) == pytest.approx(reference.train_epoch(x, t, 0, 128), rel=1e-3)
    benchmark.group = f"epoch of 5,000 images, {'-'.join(map(str, sizes))}"
    benchmark(net.train_epoch, x, t, 1, 128)
