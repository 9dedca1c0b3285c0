#!/usr/bin/env python3
"""One epoch of MNIST (784-512-512-10, batch 128, Adam, float32): nnfast, the same loop in NumPy, and torch eager.

    python benchmarks/compare_mnist.py [--data DIR] [--threads 1,2] [--epochs 3] [--hidden 512,512]

Each library has a process of its own and they take turns, a fifth of an epoch at a time; an epoch is five times the
median turn. All start from the same weights and see the same batches; torch gathers rows by indexing, which is faster
than its DataLoader. Loss of the last turn and test accuracy are printed: the same job was done.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from networks import make
from turns import hire, processor, serve

SLICES = 5
LIBRARIES = ["nnfast", "numpy", "torch", "torch fused"]


def load() -> Any:
    from nnfast.datasets import load_mnist, load_mnist_sample

    folder = os.environ.get("COMPARE_DATA")
    (x, t), test = load_mnist(folder) if folder != "sample" else load_mnist_sample()
    return x, t.astype("int64"), test


def make_network(library: str, threads: int) -> Callable[[Any], Any]:
    """Answers the number of a turn with [seconds, loss, test accuracy or None]."""
    if library.startswith("torch"):
        import torch

        torch.set_num_threads(threads)
    net = make(library, [784, *(int(n) for n in os.environ["COMPARE_HIDDEN"].split(",")), 10])
    x, t, (x_test, t_test) = load()
    bounds = [len(x) * k // SLICES for k in range(SLICES + 1)]

    def handle(turn: int) -> Any:
        part = turn % SLICES
        rows = slice(bounds[part], bounds[part + 1])
        start = time.perf_counter()
        loss = net.train_epoch(x[rows], t[rows], turn, 128)
        seconds = time.perf_counter() - start
        return [seconds, loss, float(net.accuracy(x_test, t_test)) if part == SLICES - 1 else None]

    return handle


def compare(threads: int, epochs: int, libraries: list[str], **environment: str) -> None:
    workers = hire(__file__, libraries, threads, **environment)
    seconds: dict[str, list[float]] = {worker.library: [] for worker in workers}
    last: dict[str, tuple[float, float]] = {}
    for turn in range(epochs * SLICES):
        order = workers[turn % len(workers) :] + workers[: turn % len(workers)]
        for worker in order:
            spent, loss, accuracy = worker(turn)
            seconds[worker.library].append(spent)
            last[worker.library] = (loss, accuracy)
    for worker in workers:
        worker.close()
    epoch = {library: SLICES * statistics.median(spent[1:]) for library, spent in seconds.items()}
    print(f"\n{threads} thread{'s' * (threads > 1)}: one epoch, median of {epochs * SLICES - 1} turns")
    print(f"  {'library':<12} {'s / epoch':>9} {'nnfast is':>14} {'last loss':>10} {'accuracy':>9}")
    for library, spent in sorted(epoch.items(), key=lambda item: item[1]):
        ratio = f"{spent / epoch['nnfast']:.2f} x faster" if "nnfast" in epoch and library != "nnfast" else ""
        print(
            f"  {library:<12} {spent:9.3f} {ratio:>14} {last[library][0]:10.5f} {100 * last[library][1]:8.2f}%"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help='folder of the MNIST files (default: NNFAST_DATA), or "sample"')
    parser.add_argument("--threads", default="1,2", help="numbers of threads, with commas")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--hidden", default="512,512", help="widths of the hidden layers")
    parser.add_argument("--libraries", default=",".join(LIBRARIES), help="of " + ", ".join(LIBRARIES))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        serve(make_network, options.worker)
        return
    environment = {"COMPARE_HIDDEN": options.hidden}
    if options.data:
        environment["COMPARE_DATA"] = options.data
    print(f"{Path(__file__).name}: {processor()}")
    for threads in options.threads.split(","):
        compare(int(threads), options.epochs, options.libraries.split(","), **environment)


if __name__ == "__main__":
    main()
