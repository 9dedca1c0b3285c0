"""nnfast and its peers in turns: tables on the terminal; results.json, results.md and results.png in a folder.

    python -m benchmarks.compare                       everything; about 45 minutes, on a quiet machine
    python -m benchmarks.compare --quick               does it work?
    python -m benchmarks.compare --groups train,infer --cases mnist,"rl x1" --threads 1

Systems that are not installed are left out: pip install "nnfast[peers]". The exit code is 1 where a result was wrong,
whatever the speed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import chart, imports, memory, report
from .cases import GROUPS, SYSTEMS, Case
from .jobs import mnist_folder
from .probe import STORES, Probe, build
from .turns import Turns, Worker

SHARED_TURNS = {"gemm": 12, "elementwise": 10, "loss": 6}  # cases that share a turn, with slices of a fifth


def say(text: str) -> None:
    print(text, flush=True)


def chosen(group: str, options: argparse.Namespace) -> list[Case]:
    """The cases of a group; those of --cases, by name or by the beginning of a name."""
    cases: list[Case] = GROUPS[group]()
    if options.cases:
        wanted = options.cases.split(",")
        return [case for case in cases if any((case.name + " ").startswith(f"{w} ") for w in wanted)]
    if options.quick:
        return [case for case in cases if case.flop < 2e9][:: max(1, len(cases) // 6)]
    return cases


def hire(names: list[str], threads: int, folder: Path, versions: dict[str, str]) -> dict[str, Worker]:
    """A process for each system that is installed."""
    workers = [Worker(name, threads, folder) for name in names]
    found = {}
    for worker in workers:
        if worker.start():
            found[worker.name] = worker
            versions[worker.name] = worker.version or ""
        else:
            worker.close()
            say(f"{worker.name} is not installed: left out")
    return found


def packs(group: str, cases: list[Case]) -> list[list[Case]]:
    """Cases that share turns. Work that takes seconds has turns of its own."""
    size = SHARED_TURNS.get(group, 1)
    light = [case for case in cases if not case.heavy]
    by_dtype = [[c for c in light if c.dtype == dtype] for dtype in ("float32", "float64")]
    shared = [part[i : i + size] for part in by_dtype for i in range(0, len(part), size)]
    return shared + [[case] for case in cases if case.heavy]


def run_group(
    group: str, threads: int, binary: Path, folder: Path, options: argparse.Namespace, results: dict[str, Any]
) -> None:
    cases = chosen(group, options)
    if group == "epoch" and mnist_folder() is None:
        say("epoch mnist: skipped, NNFAST_DATA names no folder with mnist/ in it")
        cases = [case for case in cases if case.name != "mnist"]
    if not cases:
        return
    names = [name for name in options.systems.split(",") if name]
    names += ["torch DataLoader"] if group == "epoch" and "torch" in names else []
    able = [
        n
        for n in names
        if any(c.systems is None or n.split(" ")[0] in c.systems for c in cases)
        and (n != "onnxruntime" or group == "infer")
        and (n != "sklearn" or group in ("train", "epoch"))
        and (n != "jax" or group in ("train", "infer"))
    ]
    workers = hire(able, threads, folder, results["versions"])
    probe = Probe(binary, threads)
    seconds = options.slice / 5 if group in SHARED_TURNS else options.slice
    rows = []
    try:
        turns = Turns(workers, probe, options)
        parts = packs(group, cases)
        for done, pack in enumerate(parts):
            progress(group, done, len(parts))
            flops = any(case.flop for case in pack)
            rows += turns.measure(pack, seconds, peaks=flops, copies=group == "elementwise")
    finally:
        for worker in workers.values():
            worker.close()
        probe.close()
    take(turns, rows, results)


def progress(group: str, done: int, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{group}: {done} of {count}   \r", end="", file=sys.stderr, flush=True)


def take(turns: Turns, rows: list[dict[str, Any]], results: dict[str, Any]) -> None:
    """Add what a group gave, and print it."""
    results["rows"] += rows
    results["wrong"] += turns.wrong
    for key, ticks in (("idle", turns.idle), ("all", turns.passed)):
        results["silence"][key] += ticks
    for title, lines in report.tables(rows):
        say(report.plain(title, lines))


def run_threads(binary: Path, folder: Path, options: argparse.Namespace, results: dict[str, Any]) -> None:
    """nnfast with each number of threads, taking turns with itself."""
    counts = sorted({1, *(int(n) for n in options.threads.split(","))})
    cases = chosen("threads", options)
    if len(counts) < 2 or not cases:
        return
    workers = {f"nnfast@{n}": hire(["nnfast"], n, folder, results["versions"])["nnfast"] for n in counts}
    probe = Probe(binary, counts[-1])
    try:
        turns = Turns(workers, probe, options)
        rows: list[dict[str, Any]] = []
        for start in range(0, len(cases), 5):
            progress("threads", start, len(cases))
            rows += turns.measure(cases[start : start + 5], options.slice / 4, peaks=False, copies=False)
    finally:
        for worker in workers.values():
            worker.close()
        probe.close()
    take(turns, rows, results)


def probe_machine(binary: Path, threads: int) -> dict[str, float]:
    """Peak and bandwidth by themselves: for the record; the shares use those of their own turns."""
    probe = Probe(binary, threads)
    rates = {f"{dtype} x{threads} GFLOP/s": probe.peak(dtype, 0.1) / 1e9 for dtype in ("float32", "float64")}
    for name, size in (("L2", 512 << 10), ("L3", 6 << 20), ("memory", 256 << 20)):
        for stores in STORES:
            rates[f"copy {name} {stores} x{threads} GB/s"] = probe.copy(size, stores) / 1e9
    probe.close()
    return rates


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", default="1,2", help="numbers of threads, with commas")
    parser.add_argument("--groups", default=",".join(GROUPS), help="of " + ", ".join(GROUPS))
    parser.add_argument("--cases", help="names of cases, with commas; all that begin with such a word")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="of " + ", ".join(SYSTEMS))
    parser.add_argument("--slice", type=float, default=0.1, help="seconds of a turn")
    parser.add_argument("--silence", type=float, default=0.1, help="seconds between turns")
    parser.add_argument("--rounds", type=int, help="turns of each system at each case (default 15)")
    parser.add_argument(
        "--quick", action="store_true", help="some cases, 3 rounds, 2 threads: under a minute"
    )
    parser.add_argument("--wheel", type=Path, help="a wheel of nnfast, for its size")
    parser.add_argument("--out", type=Path, help="folder of results.json, results.md and results.png")
    options = parser.parse_args()
    if options.quick:
        options.threads = options.threads.split(",")[-1]
        options.slice = min(options.slice, 0.02)
    options.rounds = options.rounds or (3 if options.quick else 15)
    unknown = {*options.groups.split(",")} - {*GROUPS} | {*options.systems.split(",")} - {*SYSTEMS}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def write_json(results: dict[str, Any], out: Path | None) -> None:
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    binary = build(folder)
    groups = options.groups.split(",")
    results: dict[str, Any] = {
        "machine": {"processor": report.processor(), "load": Path("/proc/loadavg").read_text().split()[0]},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {"python": sys.version.split()[0]},
        "settings": {"slice": options.slice, "silence": options.silence, "rounds": options.rounds},
        "wrong": [],
        "silence": {"idle": 0, "all": 0},
        "probe": {},
        "rows": [],
        "extras": {},
    }
    say(f"{report.processor()}, load {results['machine']['load']}")
    counts = [int(n) for n in options.threads.split(",")]
    for threads in counts:
        results["probe"].update(probe_machine(binary, threads))
        for group in groups:
            if group in ("threads", "memory", "import"):
                continue
            run_group(group, threads, binary, folder, options, results)
            write_json(results, options.out)
    if "threads" in groups:
        run_threads(binary, folder, options, results)
    if "memory" in groups:
        results["extras"]["memory"] = {str(n): memory.measure(n, folder) for n in counts}
    if "import" in groups:
        results["extras"]["import"] = imports.measure(3 if options.quick else 15, options.wheel)
    for name, figures in results["extras"].items():
        say(f"\n{name}: {json.dumps(figures)}")
    return results


def main() -> None:
    options = arguments()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = run(options, Path(folder))
    say(report.summary(results))
    say(f"{time.perf_counter() - start:.0f} s")
    if options.out:
        write_json(results, options.out)
        (options.out / "results.md").write_text(report.markdown(results))
        chart.draw(results, options.out / "results.png")
        say(f"written to {options.out}")
    if results["wrong"]:
        sys.exit("\n".join(["wrong results:", *results["wrong"]]))


if __name__ == "__main__":
    main()
