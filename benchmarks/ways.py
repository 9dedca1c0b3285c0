"""Ways to the same result, timed against each other: each has processes of its own, and they take turns."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from .compare.turns import ROOT, THREAD_VARIABLES


def main(
    module: str,
    ways: dict[str, str],
    measure: Callable[[str], float],
    unit: str,
    rounds: int,
    compare: Callable[[], None] = lambda: None,
) -> None:
    """Print a table of the medians of ``measure(way)`` and how much faster each is than the first way.

    ``ways`` are the names with what the table calls them; ``compare`` looks at the results before anything is timed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=sys.modules["__main__"].__doc__)
    parser.add_argument("--way", choices=ways)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.way:
        print(measure(options.way))
        return
    compare()
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(options.threads))}
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, readings in found.items():
            command = [sys.executable, "-m", module, "--way", way]
            done = subprocess.run(
                command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
            )
            readings.append(float(done.stdout))
            time.sleep(0.5)
    medians = {way: statistics.median(readings) for way, readings in found.items()}
    first = medians[next(iter(ways))]
    print(f"| | {unit} | times as fast |\n|---|---:|---:|")
    for way, what in ways.items():
        print(f"| {what} | {medians[way]:,.1f} | {first / medians[way]:.1f} |")
