"""Libraries in processes of their own that take turns, so that what the machine does besides hits all of them alike.

A comparison is one file: run plainly it is the referee, run with ``--worker LIBRARY`` it serves one library. Two thread
pools in one process would wait for each other's processors; in two processes one sleeps while the other works.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NNFAST_NUM_THREADS")

# OpenBLAS threads spin for some 30 ms after their last job, OpenMP ones for some ms, on the processors of whoever
# is next.
COOL_DOWN = 0.05


class Worker:
    """A process that runs `script` for one library; calls are answered one at a time."""

    def __init__(self, script: str, library: str, threads: int, **environment: str) -> None:
        self.library = library
        limits = dict.fromkeys(THREAD_VARIABLES, str(threads))
        self._process = subprocess.Popen(
            [sys.executable, script, "--worker", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **limits, "WORKER_THREADS": str(threads), **environment},
        )
        self.ready = self._answer()  # False: the library is not installed

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.library} process ended with code {self._process.wait()}")
        return json.loads(line)

    def __call__(self, request: Any) -> Any:
        assert self._process.stdin is not None
        time.sleep(COOL_DOWN)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve(make: Callable[[str, int], Callable[[Any], Any]], library: str) -> None:
    """Answer requests from standard input with ``make(library, threads)``; ends with the input."""
    try:
        handle = make(library, int(os.environ["WORKER_THREADS"]))
    except ImportError:
        print("false", flush=True)
        return
    print("true", flush=True)
    for line in sys.stdin:
        print(json.dumps(handle(json.loads(line))), flush=True)


def hire(script: str, libraries: list[str], threads: int, **environment: str) -> list[Worker]:
    """One worker for each library that is installed."""
    workers = [Worker(script, library, threads, **environment) for library in libraries]
    for worker in workers:
        if not worker.ready:
            worker.close()
            print(f"{worker.library} is not installed: left out")
    return [worker for worker in workers if worker.ready]


def processor() -> str:
    try:
        with Path("/proc/cpuinfo").open() as lines:
            name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        import platform

        name = platform.processor() or platform.machine()
    return f"{name}, {len(os.sched_getaffinity(0))} processors"
