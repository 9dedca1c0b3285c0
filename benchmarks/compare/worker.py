"""The process of one system. Requests are lines of JSON on standard input, answers likewise on standard output."""

from __future__ import annotations

import gc
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from . import systems
from .cases import Case
from .jobs import Job, make

READING = 2e-4  # calls are timed together until they last this long, for the clock's sake
WARM_UP = 0.01  # seconds, until all threads are awake on processors of their own


def time_slice(run: Callable[[], Any], seconds: float, expected: float) -> dict[str, float]:
    """Median and least of the readings of a slice. Calls before it wake the threads and are not counted."""
    clock = time.perf_counter
    once = expected
    if expected < seconds:
        until = clock() + max(seconds / 5, WARM_UP)
        once = math.inf
        while True:
            start = clock()
            run()
            now = clock()
            once = min(once, now - start)
            if now >= until:
                break
    repeat = range(max(1, round(READING / once)))
    readings = []
    until = clock() + seconds
    while True:
        start = clock()
        for _ in repeat:
            run()
        now = clock()
        readings.append((now - start) / len(repeat))
        if now >= until:
            return {"median": statistics.median(readings), "min": min(readings)}


def single_calls(run: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Quantiles of the times of single calls, in seconds; the clock's own time is part of them."""
    clock = time.perf_counter_ns
    for _ in range(1000):
        run()
    times = []
    until = clock() + int(seconds * 1e9)
    now = 0
    while now < until:
        start = clock()
        run()
        now = clock()
        times.append(now - start)
    times.sort()
    return {name: times[int(q * (len(times) - 1))] / 1e9 for name, q in QUANTILES.items()}


QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


class Server:
    def __init__(self, system: systems.System) -> None:
        self.system = system
        self.jobs: dict[int, Job] = {}
        self.expected: dict[int, float] = {}

    def prepare(self, cases: list[tuple[int, dict[str, Any]]]) -> list[str | None]:
        """For each case None, or why the system does not take part; "wrong: ..." where its result was."""
        self.jobs = {}  # the last ones make room first
        answers: list[str | None] = []
        for index, case in cases:
            try:
                job = make(self.system, Case(**case))
            except systems.Unsupported as reason:
                answers.append(str(reason) or "not offered")
                continue
            try:
                complaint = job.check()
            except Exception as error:
                complaint = repr(error)
            answers.append(f"wrong: {complaint}" if complaint else None)
            self.jobs[index] = job
            self.expected[index] = 0.0
        return answers

    def measure(self, indices: list[int], seconds: float, quantiles: bool) -> list[dict[str, float]]:
        answers = []
        gc.collect()
        gc.disable()
        for index in indices:
            job = self.jobs[index]
            if quantiles:
                answers.append(single_calls(job.run, seconds))
                continue
            answer = time_slice(job.run, seconds, self.expected[index])
            self.expected[index] = answer["median"]
            answers.append({key: value / job.per_call for key, value in answer.items()})
        gc.enable()
        return answers


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    # Whatever a library prints must not get among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    try:
        system = systems.make(name, threads)
    except ImportError as error:
        send({"missing": str(error)})
        return
    send({"version": system.version()})
    server = Server(system)
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            send(server.prepare(request["prepare"]))
        else:
            send(server.measure(request["measure"], request["seconds"], request.get("quantiles", False)))


if __name__ == "__main__":
    main()
