"""Scripts of the courses, unchanged, with plain NumPy and with nnfast: ``python -m benchmarks.courses``.

Both run through ``nnfast run`` (NumPy with ``--numpy``), in turn, each run a process of its own with the same settings
and the same seed; what they print is compared. A time is that of the script less that of the same script with next to
no work, which reads its data and imports its modules too.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from .compare.cases import forward_flop
from .compare.probe import Probe, build

ROOT = pathlib.Path(__file__).parents[1]
PROJECTS = ROOT / "tests" / "courses"
SILENCE = 0.5  # seconds between two runs


@dataclass(frozen=True)
class Case:
    """A script; its arguments for a long run, for `--quick`, for next to no work; how fast it shall be.

    `flop`: of the products of the long run, without the first layer's dx, in the script's float64.
    """

    name: str
    script: str
    arguments: str
    quick: str
    empty: str
    goal: float
    what: str
    flop: float = 0.0


def step_flop(sizes: tuple[int, ...], batch: int, forwards: int) -> float:
    """So many times forward, and dW and dx once."""
    return (forwards + 2) * forward_flop(sizes, batch) - forward_flop(sizes[:2], batch)


BOOK = (784, 50, 10)
DEEP = (784, 100, 100, 100, 100, 10)
DEEPER = (784, 100, 100, 100, 100, 100, 10)

CASES = [
    Case(
        "two-layer net",
        "dlfs/ch05/train_neuralnet.py",
        "10000 100 50 60000",
        "1500 100 50 60000",
        "1 100 50 60000",
        3,
        "784-50-10, batch 100, 10,000 steps with loss and accuracy (chapter 5)",
        10_000 * step_flop(BOOK, 100, 2) + 17 * forward_flop(BOOK, 70_000),
    ),
    Case(
        "gradient check",
        "dlfs/ch05/gradient_check.py",
        "784 50",
        "784 10",
        "1 1",
        4,
        "784-50-10, batch 3, all 39,760 parameters (chapter 5)",
    ),
    Case(
        "batch normalization",
        "dlfs/ch06/batch_norm_test.py",
        "20 4 1000 100",
        "5 2 1000 100",
        "1 1 1000 100",
        3,
        "784-5 x 100-10 with and without batch normalization, batch 100 (chapter 6)",
        4 * 20 * 2 * (10 * step_flop(DEEPER, 100, 1) + forward_flop(DEEPER, 1000)),
    ),
    Case(
        "optimizers",
        "dlfs/ch06/optimizer_compare_mnist.py",
        "1000 128 100",
        "150 128 100",
        "12 128 100",
        3,
        "784-4 x 100-10, batch 128, SGD, Momentum, AdaGrad, Adam (chapter 6)",
        6 * 1000 * step_flop(DEEP, 128, 2),
    ),
    Case(
        "convolution",
        "dlfs/ch07/train_convnet.py",
        "4 3000 30 100",
        "1 1000 30 100",
        "0 1000 30 100",
        3,
        "30 filters 5 x 5, pool, 100, 10, batch 100, Adam (chapter 7)",
    ),
    Case(
        "CS231n solver",
        "cs231n/fully_connected.py",
        "60",
        "10",
        "1",
        3,
        "five layers of 100, batch 100, four update rules, float64 and float32",
    ),
    Case(
        "Nielsen",
        "nielsen/run_network.py",
        "6 10000",
        "3 5000",
        "1 5000",
        10,
        "784-30-10, mini-batches of 10 (chapter 1)",
    ),
]


def run(
    script: pathlib.Path, arguments: list[str], options: list[str], environment: dict[str, str]
) -> tuple[float, float, str]:
    """Seconds of one run, those of it outside nnfast's core, and what it printed."""
    times = script.parent / "times.json"
    command = [sys.executable, "-m", "nnfast", "run", "--seed", "0", "--times", str(times), *options]
    done = subprocess.run(
        [*command, str(script), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{script}: {done.stderr}")
    time.sleep(SILENCE)
    took = json.loads(times.read_text())
    return took["seconds"], took["seconds"] - took["core"], done.stdout


def compare(case: Case, rounds: int, quick: bool, threads: int, peak: float) -> dict[str, object]:
    """Median seconds of both, their ratio, and the difference of what they print. `peak`: in FLOP/s."""
    from nnfast.compat._runner import compare as difference_of

    data = os.environ.get("NNFAST_DATA") or ROOT / ".." / "shared" / "data"
    folder = pathlib.Path(data) / "mnist"
    if not folder.is_dir():
        folder = ROOT / "python" / "nnfast" / "data" / "mnist_sample"
    environment = {**os.environ, "COURSE_MNIST": str(folder.resolve())}
    environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    seconds: dict[str, list[float]] = {"numpy": [], "nnfast": []}
    outside = []
    printed = {}
    with tempfile.TemporaryDirectory() as place:
        course = case.script.partition("/")[0]
        shutil.copytree(PROJECTS / course, pathlib.Path(place) / course)
        arguments = (case.quick if quick else case.arguments).split()
        script = pathlib.Path(place) / case.script
        for _ in range(rounds):
            for system, options in (("numpy", ["--numpy"]), ("nnfast", ["--quiet"])):
                before, outside_before, _ = run(script, case.empty.split(), options, environment)
                took, outside_took, printed[system] = run(script, arguments, options, environment)
                seconds[system].append(took - before)
                if system == "nnfast":
                    outside.append(outside_took - outside_before)
    difference, _ = difference_of(printed["numpy"].splitlines(), printed["nnfast"].splitlines())
    numpy, nnfast = (statistics.median(seconds[system]) for system in ("numpy", "nnfast"))
    own = statistics.median(outside)
    limit = f"{numpy / (own + case.flop / peak):.1f}" if case.flop and not quick else ""
    return {
        "name": case.name,
        "what": case.what,
        "arguments": " ".join(arguments),
        "numpy": numpy,
        "nnfast": nnfast,
        "ratio": statistics.median(a / b for a, b in zip(seconds["numpy"], seconds["nnfast"], strict=True)),
        "own": own,
        "limit": limit,
        "goal": case.goal,
        "output": difference.partition("\n")[0] or "the same",
    }


def markdown(results: list[dict[str, object]], threads: int, rounds: int) -> str:
    """The table."""
    head = f"""\
# Scripts of the courses, unchanged

Seconds of a script without reading its data, medians of {rounds} runs in turn, {threads} threads. The scripts are
ours, in the manner of the courses (`tests/courses`). Own lines: seconds of the nnfast run that are not
spent in nnfast's core: the script's own NumPy and the interpreter. At the limit: the ratio if those
stayed and the products ran at the multiply-add peak of the machine, with nothing else to do.
Written by `python -m benchmarks.courses`.

| script | NumPy s | nnfast s | own lines s | ratio | at the limit | goal | output |
|---|---:|---:|---:|---:|---:|---:|---|
"""
    row = "| {name}: {what} | {numpy:.2f} | {nnfast:.2f} | {own:.2f} | {ratio:.2f} | {limit} | {goal:g} | {output} |\n"
    return head + "".join(row.format(**result) for result in results)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.courses", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="short runs")
    parser.add_argument("--cases", help="names with commas between; all by default")
    parser.add_argument("--out", type=pathlib.Path, help="a Markdown file for the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        probe = Probe(build(pathlib.Path(folder)), options.threads)
        peak = probe.peak("float64", 0.2)
        probe.close()
    results = []
    for case in CASES:
        if options.cases and case.name not in options.cases.split(","):
            continue
        result = compare(case, options.rounds, options.quick, options.threads, peak)
        text = "{name:20} numpy {numpy:7.2f} s  nnfast {nnfast:7.2f} s, own lines {own:5.2f} s"
        text += "  {ratio:5.2f}x (goal {goal}x) at the limit {limit:4}  {output}"
        print(text.format(**result))
        results.append(result)
    if options.out:
        options.out.write_text(markdown(results, options.threads, options.rounds))


if __name__ == "__main__":
    main()
