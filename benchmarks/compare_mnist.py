#!/usr/bin/env python3
"""One epoch of MNIST (784-512-512-10, batch 128, Adam, float32): nnfast, the same loop in NumPy, and torch eager.

    python benchmarks/compare_mnist.py [--data DIR] [--threads 1,2] [--epochs 3] [--hidden 512,512]

Each library has a process of its own and they take turns, a fifth of an epoch at a time; an epoch is five times the median
turn. All start from the same weights and see the same batches; torch gathers rows by indexing, which is faster than its
DataLoader. The losses of the last turn are printed: the same job was done.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turns import hire, processor, serve

SLICES = 5
LIBRARIES = ["nnfast", "numpy", "torch", "torch fused"]


def load() -> Any:
    from nnfast.datasets import load_mnist, load_mnist_sample

    folder = os.environ.get("COMPARE_DATA")
    (x, t), test = load_mnist(folder) if folder != "sample" else load_mnist_sample()
    return x, t.astype("int64"), test


def starting_weights(sizes: list[int]) -> dict[str, Any]:
    import numpy as np

    rng = np.random.default_rng(0)
    params = {}
    for k, (inner, outer) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
        params[f"W{k}"] = (rng.standard_normal((inner, outer)) * np.sqrt(2 / inner)).astype("f4")
        params[f"b{k}"] = np.zeros(outer, "f4")
    return params


def make_numpy(sizes: list[int]) -> tuple[Callable[..., float], Callable[..., float]]:
    from nnfast.demo import NumpyMLP

    net = NumpyMLP(starting_weights(sizes))
    return net.train_epoch, net.accuracy


def make_torch(sizes: list[int], threads: int, fused: bool) -> tuple[Callable[..., float], Callable[..., float]]:
    import torch

    torch.set_num_threads(threads)
    layers: list[torch.nn.Module] = []
    for inner, outer in zip(sizes, sizes[1:], strict=False):
        layers += [torch.nn.Linear(inner, outer), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    params = starting_weights(sizes)
    with torch.no_grad():
        for k, layer in enumerate(net[::2], 1):
            layer.weight.copy_(torch.from_numpy(params[f"W{k}"].T.copy()))
            layer.bias.copy_(torch.from_numpy(params[f"b{k}"]))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=fused or None)

    def train(x: Any, t: Any, indices: Any, batch_size: int) -> float:
        x, t, indices = torch.from_numpy(x), torch.from_numpy(t), torch.from_numpy(indices)
        total = 0.0
        for start in range(0, len(indices), batch_size):
            rows = indices[start : start + batch_size]
            loss = torch.nn.functional.cross_entropy(net(x[rows]), t[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        return total / len(indices)

    def accuracy(x: Any, t: Any) -> float:
        with torch.inference_mode():
            return float((net(torch.from_numpy(x)).argmax(1) == torch.from_numpy(t)).float().mean())

    return train, accuracy


def make_nnfast(sizes: list[int], threads: int) -> tuple[Callable[..., float], Callable[..., float]]:
    import nnfast as nn

    nn.set_num_threads(threads)
    net = nn.mlp(sizes)
    for key, value in starting_weights(sizes).items():
        net.params[key][...] = value
    optimizer = nn.Adam(lr=0.001)

    def train(x: Any, t: Any, indices: Any, batch_size: int) -> float:
        history = net.fit(x, t, epochs=1, batch_size=batch_size, optimizer=optimizer, indices=indices)
        return float(history["loss"][-1])

    return train, net.accuracy


def make(library: str, threads: int) -> Callable[[Any], Any]:
    """Answers the number of a turn with [seconds, loss, test accuracy or None]."""
    import numpy as np

    sizes = [784, *(int(n) for n in os.environ["COMPARE_HIDDEN"].split(",")), 10]
    if library == "nnfast":
        train, accuracy = make_nnfast(sizes, threads)
    elif library == "numpy":
        train, accuracy = make_numpy(sizes)
    else:
        train, accuracy = make_torch(sizes, threads, library == "torch fused")
    x, t, (x_test, t_test) = load()

    def handle(turn: int) -> Any:
        epoch, part = divmod(turn, SLICES)
        indices = np.array_split(np.random.default_rng(epoch).permutation(len(x)), SLICES)[part]
        start = time.perf_counter()
        loss = train(x, t, indices, 128)
        seconds = time.perf_counter() - start
        return [seconds, loss, float(accuracy(x_test, t_test)) if part == SLICES - 1 else None]

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
        print(f"  {library:<12} {spent:9.3f} {ratio:>14} {last[library][0]:10.5f} {100 * last[library][1]:8.2f}%")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help='folder of the MNIST files (default: NNFAST_DATA), or "sample"')
    parser.add_argument("--threads", default="1,2", help="numbers of threads, with commas")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--hidden", default="512,512", help="widths of the hidden layers")
    parser.add_argument("--libraries", default=",".join(LIBRARIES), help="of " + ", ".join(LIBRARIES))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        serve(make, options.worker)
        return
    environment = {"COMPARE_HIDDEN": options.hidden}
    if options.data:
        environment["COMPARE_DATA"] = options.data
    print(f"{Path(__file__).name}: {processor()}")
    for threads in options.threads.split(","):
        compare(int(threads), options.epochs, options.libraries.split(","), **environment)


if __name__ == "__main__":
    main()
