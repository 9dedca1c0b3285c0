"""The order of events: groups, processes, turns, results."""

from __future__ import annotations

import datetime
import json
import math
import sys
from pathlib import Path
from typing import Any

from . import imports, memory, report
from .cases import GROUPS, Case
from .jobs import mnist_folder
from .probe import STORES, Probe, build
from .turns import Turns, Worker

SHARED_TURNS = {
    "gemm": 12,
    "elementwise": 10,
    "loss": 6,
    "threads": 5,
}  # cases that share a turn, in short slices
ONLY = {  # what else a system is not asked for
    "jax": ("train", "infer"),
    "sklearn": ("train", "epoch"),
    "onnxruntime": ("infer",),
    "torch DataLoader": ("epoch",),
}


def say(text: str) -> None:
    print(text, flush=True)


def progress(group: str, done: int, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{group}: {done} of {count}   \r", end="", file=sys.stderr, flush=True)


def packs(group: str, cases: list[Case]) -> list[list[Case]]:
    """Cases that share turns. Work that takes seconds has turns of its own."""
    size = SHARED_TURNS.get(group, 1)
    light = [case for case in cases if not case.heavy]
    by_dtype = [[c for c in light if c.dtype == dtype] for dtype in ("float32", "float64")]
    shared = [part[i : i + size] for part in by_dtype for i in range(0, len(part), size)]
    return shared + [[case] for case in cases if case.heavy]


class Comparison:
    def __init__(self, options: Any, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.binary = build(folder)
        self.counts = [int(n) for n in options.threads.split(",")]
        self.workers: dict[str, Worker | None] = {}  # of the number of threads that has its turn
        self.results: dict[str, Any] = {
            "machine": {
                "processor": report.processor(),
                "load": Path("/proc/loadavg").read_text().split()[0],
            },
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": {"python": sys.version.split()[0]},
            "settings": {"slice": options.slice, "silence": options.silence, "rounds": options.rounds},
            "wrong": [],
            "silence": {"idle": 0, "all": 0},
            "probe": {},
            "rows": [],
            "extras": {},
        }

    def run(self) -> dict[str, Any]:
        groups, extras = self.options.groups.split(","), self.results["extras"]
        say(f"{report.processor()}, load {self.results['machine']['load']}")
        for threads in self.counts:
            self.probe_machine(threads)
            try:
                for group in groups:
                    if group not in ("threads", "memory", "import"):
                        self.group(group, threads)
            finally:
                self.dismiss()
        if "threads" in groups:
            self.threads()
        if "memory" in groups:
            extras["memory"] = {str(n): memory.measure(n, self.folder) for n in self.counts}
        if "import" in groups:
            extras["import"] = imports.measure(3 if self.options.quick else 15, self.options.wheel)
        if self.options.cases and not self.results["rows"]:
            say(f"no case of these groups begins with {self.options.cases}")
        for name, figures in extras.items():
            say(f"\n{name}: {json.dumps(figures)}")
        return self.results

    def chosen(self, group: str) -> list[Case]:
        """The cases of a group; those of --cases, by name or by the beginning of a name."""
        cases: list[Case] = GROUPS[group]()
        if self.options.cases:
            wanted = self.options.cases.split(",")
            cases = [case for case in cases if any((case.name + " ").startswith(f"{w} ") for w in wanted)]
        elif self.options.quick:
            cases = [case for case in cases if case.flop < 2e9 or group == "epoch"]
            cases = cases[:: math.ceil(len(cases) / 3)]
        if group == "epoch" and mnist_folder() is None:
            say("epoch mnist: skipped, NNFAST_DATA names no folder with mnist/ in it")
            cases = [case for case in cases if case.name != "mnist"]
        return cases

    def hire(self, names: list[str], threads: int) -> dict[str, Worker]:
        """A process for each system that is installed; those that are there go on."""
        fresh = [Worker(name, threads, self.folder) for name in names if name not in self.workers]
        for worker in fresh:
            installed = worker.start()
            self.workers[worker.name] = worker if installed else None
            if installed:
                self.results["versions"][worker.name.split(" ")[0]] = worker.version
            else:
                worker.close()
                say(f"{worker.name} is not installed: left out")
        return {name: hired for name in names if (hired := self.workers[name])}

    def dismiss(self) -> None:
        for hired in filter(None, self.workers.values()):
            hired.close()
        self.workers = {}

    def group(self, group: str, threads: int) -> None:
        cases = self.chosen(group)
        names = [name for name in self.options.systems.split(",") if name]
        names += ["torch DataLoader"] if "torch" in names else []
        names = [
            name
            for name in names
            if group in ONLY.get(name, (group,))
            and any(c.systems is None or name in c.systems for c in cases)
        ]
        if names:
            self.turns(group, cases, self.hire(names, threads), threads)

    def threads(self) -> None:
        """nnfast with each number of threads, taking turns with itself."""
        counts = sorted({1, *self.counts})
        if len(counts) < 2:
            return
        workers = {f"nnfast@{n}": Worker("nnfast", n, self.folder) for n in counts}
        for worker in workers.values():
            worker.start()
        try:
            self.turns("threads", self.chosen("threads"), workers, counts[-1])
        finally:
            for worker in workers.values():
                worker.close()

    def turns(self, group: str, cases: list[Case], workers: dict[str, Worker], threads: int) -> None:
        probe = Probe(self.binary, threads)
        turns = Turns(workers, probe, self.options)
        seconds = self.options.slice / 5 if group in SHARED_TURNS else self.options.slice
        rows: list[dict[str, Any]] = []
        parts = packs(group, cases)
        try:
            for done, pack in enumerate(parts):
                progress(group, done, len(parts))
                peaks = group != "threads" and any(case.flop for case in pack)
                rows += turns.measure(pack, seconds, peaks, copies=group == "elementwise")
        finally:
            probe.close()
        self.results["rows"] += rows
        self.results["wrong"] += turns.wrong
        for key, ticks in (("idle", turns.idle), ("all", turns.passed)):
            self.results["silence"][key] += ticks
        for title, lines in report.tables(rows):
            say(report.plain(title, lines))
        self.write()

    def write(self) -> None:
        """What there is so far."""
        if self.options.out:
            self.options.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.results, indent=1) + "\n"
            (self.options.out / "results.json").write_text(text)

    def probe_machine(self, threads: int) -> None:
        """Peak and bandwidth by themselves: for the record; the shares use those of their own turns."""
        probe, rates = Probe(self.binary, threads), self.results["probe"]
        for dtype in ("float32", "float64"):
            rates[f"{dtype} x{threads} GFLOP/s"] = probe.peak(dtype, 0.1) / 1e9
        for name, size in (("L2", 512 << 10), ("L3", 6 << 20), ("memory", 256 << 20)):
            for stores in STORES:
                rates[f"copy {name} {stores} x{threads} GB/s"] = probe.copy(size, stores) / 1e9
        probe.close()
