#!/usr/bin/env python3
"""Matrix products of multilayer perceptrons, nnfast against NumPy, each in a process of its own, in turns.

    python benchmarks/compare_gemm.py [--threads 1,2] [--rounds 5] [--dtype float32] [--quick]

For every layer (in, out) and batch: the forward product x W (NN), the gradient of the input dy W^T (NT) and of the
weights x^T dy (TN); then squares and odd sizes. Both write into an array given to them. The ratio is NumPy's median
time by nnfast's: above 1, nnfast is faster.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from turns import hire, processor, serve

LAYERS = [
    (8, 8),
    (16, 4),
    (20, 10),
    (32, 64),
    (64, 64),
    (100, 10),
    (128, 1),
    (256, 256),
    (512, 10),
    (784, 50),
]
LAYERS += [(784, 128), (784, 512), (512, 512), (1024, 1024), (2048, 512)]
BATCHES = [1, 8, 32, 100, 128, 256]
OTHER = [(n, n, n) for n in (4, 16, 48, 96, 192, 384, 768, 1024)] + [
    (n, k, m)
    for n, k, m in [(7, 13, 5), (31, 33, 29), (63, 65, 67), (127, 129, 131), (255, 257, 253), (511, 509, 513)]
]


def shapes(quick: bool) -> list[tuple[str, int, int, int]]:
    """(kind, m, n, k): C (m, n) from k terms each."""
    batches = [1, 32, 128] if quick else BATCHES
    layers = LAYERS[::3] if quick else LAYERS
    grid = []
    for inner, outer in layers:
        for batch in batches:
            grid += [("NN", batch, outer, inner), ("NT", batch, inner, outer), ("TN", inner, outer, batch)]
    grid += [(kind, m, n, k) for m, n, k in OTHER[:: 4 if quick else 1] for kind in ("NN", "NT", "TN")]
    return list(dict.fromkeys(grid))


def make(library: str, threads: int) -> Callable[[Any], Any]:
    """Answers [kind, m, n, k, dtype, seconds] with the median time of a product, and its error."""
    import numpy as np

    if library == "nnfast":
        import nnfast
        import nnfast.functional as F

        nnfast.set_num_threads(threads)
        product: Callable[..., Any] = F.gemm
    else:
        product = np.matmul

    def handle(request: Any) -> Any:
        kind, m, n, k, dtype, seconds = request
        rng = np.random.default_rng(m * 7919 + n * 31 + k)
        a = rng.standard_normal((k, m) if kind == "TN" else (m, k)).astype(dtype)
        b = rng.standard_normal((n, k) if kind == "NT" else (k, n)).astype(dtype)
        a = a.T if kind == "TN" else a
        b = b.T if kind == "NT" else b
        c = np.full((m, n), np.nan, dtype)
        run = partial(product, a, b, c)
        run()
        limit = k * np.finfo(dtype).eps * (np.abs(a).astype("f8") @ np.abs(b).astype("f8"))
        wrong = int(np.sum(np.abs(c - a.astype("f8") @ b.astype("f8")) > limit))
        once = math.inf
        start = time.perf_counter()
        while time.perf_counter() - start < 0.02:  # wakes the thread pool
            before = time.perf_counter()
            run()
            once = min(once, time.perf_counter() - before)
        repeat = max(1, round(0.0005 / once))  # 0.5 ms a reading, for the clock's sake
        readings: list[float] = []
        start = time.perf_counter()
        while time.perf_counter() - start < seconds or len(readings) < 3:
            before = time.perf_counter()
            for _ in range(repeat):
                run()
            readings.append((time.perf_counter() - before) / repeat)
        return [statistics.median(readings), wrong]

    return handle


def compare(threads: int, rounds: int, dtype: str, quick: bool) -> None:
    grid = shapes(quick)
    numpy, nnfast = hire(__file__, ["numpy", "nnfast"], threads)
    times: dict[tuple[str, int, int, int], tuple[list[float], list[float]]] = {
        shape: ([], []) for shape in grid
    }
    for turn in range(rounds):
        for shape in grid:
            order = [(numpy, 0), (nnfast, 1)]
            for worker, column in order if turn % 2 == 0 else reversed(order):
                seconds, wrong = worker([*shape, dtype, 0.01])
                if wrong:
                    raise SystemExit(f"{worker.library} {shape}: {wrong} results beyond the error bound")
                times[shape][column].append(seconds)
    for worker in (numpy, nnfast):
        worker.close()
    rows = []
    for shape, (theirs, ours) in times.items():
        rows.append((statistics.median(theirs) / statistics.median(ours), shape, statistics.median(ours)))
    rows.sort()
    ratios = [ratio for ratio, _, _ in rows]
    print(f"\n{threads} thread{'s' * (threads > 1)}, {dtype}, {len(rows)} shapes, {rounds} rounds")
    shares = {"min": 0, "10 %": 0.1, "25 %": 0.25, "MEDIAN": 0.5, "75 %": 0.75, "90 %": 0.9}
    quantiles = (f"{name} {ratios[int(q * (len(ratios) - 1))]:.2f}" for name, q in shares.items())
    print("  NumPy's time / nnfast's:", "   ".join(quantiles))
    for kind in ("NN", "NT", "TN"):
        print(f"  {kind}: median {statistics.median(r for r, s, _ in rows if s[0] == kind):.2f}")
    print(f"  below 0.9: {sum(r < 0.9 for r in ratios)}; the lowest:")
    for ratio, (kind, m, n, k), seconds in rows[:12]:
        rate = 2 * m * n * k / seconds / 1e9
        print(
            f"    {ratio:5.2f}  {kind}  m={m:<5} n={n:<5} k={k:<5} {seconds * 1e6:9.1f} us  {rate:6.1f} GFLOP/s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", default="1,2", help="numbers of threads, with commas")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library at each shape")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--quick", action="store_true", help="a fifth of the shapes")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        serve(make, options.worker)
        return
    print(f"{Path(__file__).name}: {processor()}")
    for threads in options.threads.split(","):
        compare(int(threads), options.rounds, options.dtype, options.quick)


if __name__ == "__main__":
    main()
