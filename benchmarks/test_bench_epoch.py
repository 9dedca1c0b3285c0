"""One epoch over the sample of MNIST, shuffled, in batches."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from nnfast.datasets import load_mnist_sample

from benchmarks.compare import oracle, systems
from benchmarks.compare.cases import NETS
from benchmarks.compare.jobs import difference

ROWS = slice(0, 2000)


@functools.cache
def sample() -> Any:
    (x, t), _ = load_mnist_sample()
    return x, t.astype("int64")


@functools.cache
def expected_loss(name: str) -> float:
    """Of a first pass over the rows, in the order of seed 0."""
    net = NETS[name]
    x, t = (array[ROWS] for array in sample())
    reference = oracle.Oracle(net, "float32")
    order = np.random.default_rng(0).permutation(len(x))
    steps = [order[start : start + net.batch] for start in range(0, len(order), net.batch)]
    return sum(reference.train_step(x[rows], t[rows]) * len(rows) for rows in steps) / len(order)


@pytest.mark.parametrize("name", ["book", "mnist"])
@pytest.mark.parametrize("system", ["nnfast", "numpy", "torch", "torch DataLoader", "sklearn"])
def test_epoch(benchmark: Any, threads: int, system: str, name: str) -> None:
    pytest.importorskip(system.split()[0])
    net = NETS[name]
    library = systems.make(system, threads)
    run = library.epoch(net, "float32", oracle.starting_weights(net, "float32"), *sample())
    assert difference(run(ROWS, 0), expected_loss(name), library.epoch_tolerance) == ""
    benchmark.group = f"epoch of {ROWS.stop} images, {name}"
    benchmark.extra_info["library"] = system
    benchmark(run, ROWS, 1)
