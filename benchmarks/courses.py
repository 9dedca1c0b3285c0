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

ROOT = pathlib.Path(__file__).parents[1]
PROJECTS = ROOT / "tests" / "courses"
SILENCE = 0.5  # seconds between two runs


@dataclass(frozen=True)
class Case:
    """A script; its arguments for a long run, for `--quick`, for next to no work; how fast it shall be."""

    name: str
    script: str
    arguments: str
    quick: str
    empty: str
    goal: float
    what: str


CASES = [
    Case(
        "two-layer net",
        "dlfs/ch05/train_neuralnet.py",
        "10000 100 50 60000",
        "1500 100 50 60000",
        "1 100 50 60000",
        3,
        "784-50-10, batch 100, 10,000 steps with loss and accuracy (chapter 5)",
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
    ),
    Case(
        "optimizers",
        "dlfs/ch06/optimizer_compare_mnist.py",
        "1000 128 100",
        "150 128 100",
        "12 128 100",
        3,
        "784-4 x 100-10, batch 128, SGD, Momentum, AdaGrad, Adam (chapter 6)",
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
) -> tuple[float, str]:
    """Seconds of one run, and what it printed."""
    times = script.parent / "times.json"
    command = [sys.executable, "-m", "nnfast", "run", "--seed", "0", "--times", str(times), *options]
    done = subprocess.run(
        [*command, str(script), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{script}: {done.stderr}")
    time.sleep(SILENCE)
    return json.loads(times.read_text())["seconds"], done.stdout


def compare(case: Case, rounds: int, quick: bool, threads: int) -> dict[str, object]:
    """Median seconds of both, their ratio, and the difference of what they print."""
    from nnfast.compat._runner import compare as difference_of

    data = os.environ.get("NNFAST_DATA") or ROOT / ".." / "shared" / "data"
    folder = pathlib.Path(data) / "mnist"
    if not folder.is_dir():
        folder = ROOT / "python" / "nnfast" / "data" / "mnist_sample"
    environment = {**os.environ, "COURSE_MNIST": str(folder.resolve())}
    environment |= {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    seconds: dict[str, list[float]] = {"numpy": [], "nnfast": []}
    printed = {}
    with tempfile.TemporaryDirectory() as place:
        course = case.script.partition("/")[0]
        shutil.copytree(PROJECTS / course, pathlib.Path(place) / course)
        arguments = (case.quick if quick else case.arguments).split()
        script = pathlib.Path(place) / case.script
        for _ in range(rounds):
            for system, options in (("numpy", ["--numpy"]), ("nnfast", ["--quiet"])):
                before, _ = run(script, case.empty.split(), options, environment)
                took, printed[system] = run(script, arguments, options, environment)
                seconds[system].append(took - before)
    difference, _ = difference_of(printed["numpy"].splitlines(), printed["nnfast"].splitlines())
    numpy, nnfast = (statistics.median(seconds[system]) for system in ("numpy", "nnfast"))
    return {
        "name": case.name,
        "what": case.what,
        "arguments": " ".join(arguments),
        "numpy": numpy,
        "nnfast": nnfast,
        "ratio": statistics.median(a / b for a, b in zip(seconds["numpy"], seconds["nnfast"], strict=True)),
        "goal": case.goal,
        "output": difference.partition("\n")[0] or "the same",
    }


def markdown(results: list[dict[str, object]], threads: int, rounds: int) -> str:
    """The table."""
    head = f"""\
# Scripts of the courses, unchanged

Seconds of a script without reading its data, medians of {rounds} runs in turn, {threads} threads. The scripts are
ours, in the manner of the courses (`tests/courses`). Written by `python -m benchmarks.courses`.

| script | NumPy s | nnfast s | ratio | goal | output |
|---|---:|---:|---:|---:|---|
"""
    row = "| {name}: {what} | {numpy:.2f} | {nnfast:.2f} | {ratio:.2f} | {goal:g} | {output} |\n"
    return head + "".join(row.format(**result) for result in results)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.courses", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="short runs")
    parser.add_argument("--cases", help="names with commas between; all by default")
    parser.add_argument("--out", type=pathlib.Path, help="a Markdown file for the table")
    options = parser.parse_args()
    results = []
    for case in CASES:
        if options.cases and case.name not in options.cases.split(","):
            continue
        result = compare(case, options.rounds, options.quick, options.threads)
        print(
            "{name:20} numpy {numpy:7.2f} s  nnfast {nnfast:7.2f} s  {ratio:5.2f}x (goal {goal}x)  {output}".format(
                **result
            )
        )
        results.append(result)
    if options.out:
        options.out.write_text(markdown(results, options.threads, options.rounds))


if __name__ == "__main__":
    main()
