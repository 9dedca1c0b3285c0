"""Systems in processes of their own that take turns.

What the machine does besides hits all of them alike then, and no thread pool spins on the processors of another: a
silence follows every turn.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .cases import Case
from .probe import Probe

ROOT = Path(__file__).resolve().parents[2]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NNFAST_NUM_THREADS")

# glibc gives memory back to the system and takes it again, which costs whoever makes temporaries up to three times the
# work itself in a young process. The peers are shown at their best; nnfast must do without.
MALLOC = {
    "MALLOC_TOP_PAD_": "67108864",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "536870912",
}


class Worker:
    """The process of one system; see worker.py."""

    def __init__(self, name: str, threads: int, folder: Path) -> None:
        self.name, self.threads = name, threads
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        environment["COMPARE_FOLDER"] = str(folder)
        environment["JAX_PLATFORMS"] = "cpu"
        if name != "nnfast":
            environment.update(MALLOC)
        affinity = os.sched_getaffinity(0)
        # XLA has no setting that holds for all of its threads; it counts the processors that it may use.
        pinned = sorted(affinity)[-threads:] if name == "jax" else affinity
        os.sched_setaffinity(0, pinned)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.compare.worker", name, str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=environment,
            )
        finally:
            os.sched_setaffinity(0, affinity)
        self.version: str | None = None

    def start(self) -> bool:
        """False where the library is not installed."""
        self.version = self._answer().get("version")
        return self.version is not None

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended with code {self._process.wait()}")
        return json.loads(line)

    def ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def processor_ticks() -> tuple[int, int]:
    """(idle, all) of the machine since it started."""
    with Path("/proc/stat").open() as lines:
        ticks = [int(word) for word in lines.readline().split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


class Turns:
    """Workers and a probe over the cases of one group."""

    def __init__(self, workers: dict[str, Worker], probe: Probe, options: Any) -> None:
        self.workers, self.probe, self.options = workers, probe, options
        self.wrong: list[str] = []  # results; who has them is left out
        self.idle, self.passed = 0, 0  # ticks of the processors during the silences

    def silence(self) -> None:
        """In the second half others' work shows: nobody here has any, and whoever spun has stopped."""
        time.sleep(self.options.silence / 2)
        before = processor_ticks()
        time.sleep(self.options.silence / 2)
        after = processor_ticks()
        self.idle += after[0] - before[0]
        self.passed += after[1] - before[1]

    def measure(self, cases: list[Case], seconds: float, peaks: bool, copies: bool) -> list[dict[str, Any]]:
        """A row for each case. The cases share turns: a turn is a slice for each of them."""
        taking_part: dict[str, list[int]] = {}
        for name, worker in self.workers.items():
            system = name.split("@")[0]
            offered = [i for i, case in enumerate(cases) if case.systems is None or system in case.systems]
            answers = worker.ask(prepare=[[i, cases[i].to_json()] for i in offered])
            for index, answer in zip(offered, answers, strict=True):
                if answer and answer.startswith("wrong"):
                    case = cases[index]
                    self.wrong.append(f"{name}, {case.group} {case.name} {case.dtype}: {answer}")
                    print(self.wrong[-1], file=sys.stderr, flush=True)
            taking_part[name] = [i for i, answer in zip(offered, answers, strict=True) if answer is None]
        slices: list[dict[str, list[dict[str, float]]]] = [{} for _ in cases]
        quantiles: list[dict[str, list[dict[str, float]]]] = [{} for _ in cases]
        peak_slices: list[float] = []
        copy_slices: dict[str, list[float]] = {}
        read_slices: list[list[float]] = [[] for _ in cases]
        order = [name for name, indices in taking_part.items() if indices]
        rounds = self.options.rounds
        if any(case.heavy for case in cases):
            rounds = max(min(rounds, 3), rounds // 2)
        for turn in range(rounds):
            start = turn % max(1, len(order))
            for name in order[start:] + order[:start]:
                indices = taking_part[name]
                self.silence()
                answers = self.workers[name].ask(measure=indices, seconds=seconds)
                for index, answer in zip(indices, answers, strict=True):
                    slices[index].setdefault(name, []).append(answer)
                single = [index for index in indices if cases[index].single_calls]
                if single:
                    answers = self.workers[name].ask(measure=single, seconds=seconds, quantiles=True)
                    for index, answer in zip(single, answers, strict=True):
                        quantiles[index].setdefault(name, []).append(answer)
            if peaks or copies:
                self.silence()
            if peaks:
                peak_slices.append(self.probe.peak(cases[0].dtype, min(seconds, 0.05)))
                for rates, case in zip(read_slices, cases, strict=True):
                    if case.reads:
                        rates.append(self.probe.read(case.reads))
            if copies:
                for stores in ("plain", "stream"):
                    copy_slices.setdefault(stores, []).append(self.probe.copy(256 << 20, stores))
        rows = []
        for index, case in enumerate(cases):
            row: dict[str, Any] = {
                "group": case.group,
                "case": case.name,
                "dtype": case.dtype,
                "threads": self.probe.threads,
                "params": case.params,
                "flop": case.flop,
                "traffic": case.traffic,
                "reads": case.reads,
                "seconds": {
                    name: {
                        "median": case.scale * statistics.median(reading["median"] for reading in readings),
                        "min": case.scale * min(reading["min"] for reading in readings),
                        "slices": len(readings),
                    }
                    for name, readings in slices[index].items()
                },
            }
            if quantiles[index]:
                row["single_calls"] = {
                    name: {key: statistics.median(r[key] for r in readings) for key in readings[0]}
                    for name, readings in quantiles[index].items()
                }
            if peak_slices:
                row["peak"] = statistics.median(peak_slices)
            if read_slices[index]:
                row["read"] = statistics.median(read_slices[index])
            if copy_slices:
                row["copy"] = {stores: statistics.median(rates) for stores, rates in copy_slices.items()}
            rows.append(row)
        return rows
