"""What nnfast is to reach, and whether it does. A missed goal is a figure to work on, not an error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .cases import EXP_LIKE

Row = dict[str, Any]

TRAIN = {"book": 2.0, "rl": 5.0, "tab": 2.8, "mnist": 1.7, "deep": 1.8, "wide": 1.12}
PEAK_SHARE = {"mnist": 0.80, "deep": 0.80, "wide": 0.87, "tab": 0.65, "book": 0.65}
SMALL_NETS = ("rl", "tab", "book")
GEMM_LEAST = 0.95
EPOCH = {"torch": 2.0, "torch DataLoader": 2.8, "sklearn": 3.2}


@dataclass(frozen=True)
class Goal:
    threads: int
    what: str
    value: float
    target: float
    at_least: bool = True
    unit: str = "x"
    limit: float | None = None  # the ratio of whoever does the case at the speed of the machine

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def verdict(self) -> str:
        beyond = self.limit is not None and self.limit < self.target
        return "met" if self.met else "beyond the machine" if beyond else "MISSED"

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        places = 1 if self.unit == "%" else 2
        unit = self.unit if self.unit in ("x", "%") else f" {self.unit}"
        return f"{self.value:.{places}f}{unit} ({sign} {self.target:g}{unit})"


def ours(row: Row) -> float:
    return float(row["seconds"]["nnfast"]["median"])


def ratio(row: Row, peer: str | None = None) -> float | None:
    """A peer's time, or that of the best peer, by nnfast's."""
    seconds = row["seconds"]
    times = {name: entry["median"] for name, entry in seconds.items() if name != "nnfast"}
    if peer is not None:
        times = {name: time for name, time in times.items() if name == peer}
    return min(times.values()) / ours(row) if times and "nnfast" in seconds else None


def at_limit(row: Row, peer: str | None = None) -> float | None:
    """The ratio if nnfast did nothing but the multiply-adds at their peak, or read what it has to."""
    best = ratio(row, peer)
    floors = [
        row[of] / row[by] for of, by in (("flop", "peak"), ("reads", "read")) if row.get(of) and by in row
    ]
    return best * ours(row) / max(floors) if floors and best is not None else None


def share(row: Row) -> float | None:
    """Of the multiply-add peak."""
    if not row["flop"] or "peak" not in row or "nnfast" not in row["seconds"]:
        return None
    return float(row["flop"] / ours(row) / row["peak"])


def copy_share(row: Row) -> float | None:
    """Of the machine's copy bandwidth, with the stores that suit it better."""
    if row["params"].get("place") != "memory" or "copy" not in row or "nnfast" not in row["seconds"]:
        return None
    return float(row["traffic"] / ours(row) / max(row["copy"].values()))


def infer_target(net: str, batch: int) -> float:
    small = net in SMALL_NETS
    if batch == 1:
        return 3.0 if small else 1.0 if net == "wide" else 1.3
    if batch == 32:
        return 1.5 if small else 1.15
    return 1.5 if small else 1.08


def of_row(row: Row) -> Iterator[Goal]:
    """The goals that a row alone can meet."""
    group, case, threads = row["group"], row["case"], row["threads"]
    if "nnfast" not in row["seconds"]:
        return
    best = ratio(row)
    name = f"{group} {case}"
    if group in ("elementwise", "loss", "gemm"):
        name += f" {row['dtype']}"
    if group == "train" and best is not None:
        yield Goal(threads, name, best, TRAIN[case], limit=at_limit(row))
    if group == "train" and case in PEAK_SHARE:
        part = share(row)
        if part is not None:
            yield Goal(threads, f"{name}, share of peak", 100 * part, 100 * PEAK_SHARE[case], unit="%")
    if group == "train64" and best is not None:
        yield Goal(threads, name, best, 1.08 if case == "wide" else 1.4, limit=at_limit(row))
    if group == "infer":
        if best is not None:
            target = infer_target(row["params"]["net"], row["params"]["batch"])
            yield Goal(threads, name, best, target, limit=at_limit(row))
        if "single_calls" in row:
            calls = row["single_calls"]["nnfast"]
            yield Goal(threads, f"{name}, a call", 1e6 * ours(row), 2.0, at_least=False, unit="us")
            yield Goal(
                threads, f"{name}, p99.9 by median", calls["p99.9"] / calls["p50"], 3.0, at_least=False
            )
    if group == "epoch" and case == "mnist":
        for peer, target in EPOCH.items():
            value = ratio(row, peer)
            if value is not None:
                yield Goal(threads, f"{name}, {peer}", value, target, limit=at_limit(row, peer))
    if group == "elementwise":
        by_numpy = ratio(row, "numpy")
        place, function = row["params"]["place"], row["params"]["function"]
        if place == "cache" and function in EXP_LIKE and by_numpy is not None:
            yield Goal(threads, f"{name}, NumPy", by_numpy, 3.0)
        part = copy_share(row)
        if place == "memory" and part is not None:
            yield Goal(threads, f"{name}, share of copy", 100 * part, 85, unit="%")
    if group == "loss":
        by_numpy, by_torch = ratio(row, "numpy"), ratio(row, "torch")
        if by_numpy is not None:
            yield Goal(threads, f"{name}, NumPy", by_numpy, 3.0)
        if by_torch is not None and case != "1024x10":
            yield Goal(threads, f"{name}, torch", by_torch, 1.2)


def of_gemm(rows: list[Row]) -> Iterator[Goal]:
    groups: dict[tuple[int, str], list[float]] = {}
    for row in rows:
        best = ratio(row)
        if row["group"] == "gemm" and best is not None:
            groups.setdefault((row["threads"], row["dtype"]), []).append(best)
    for (threads, dtype), ratios in groups.items():
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        yield Goal(threads, f"gemm {dtype}, geometric mean of {len(ratios)}", mean, 1.05)
        yield Goal(threads, f"gemm {dtype}, the lowest", min(ratios), GEMM_LEAST)


def slow_products(rows: list[Row]) -> list[Row]:
    """Those below the goal of a single product, the slowest first."""
    ratios = [(best, row) for row in rows if row["group"] == "gemm" and (best := ratio(row)) is not None]
    return [row for best, row in sorted(ratios, key=lambda pair: pair[0]) if best < GEMM_LEAST]


def of_epoch(rows: list[Row]) -> Iterator[Goal]:
    times = {(row["threads"], row["case"]): ours(row) for row in rows if row["group"] == "epoch"}
    for (threads, case), seconds in times.items():
        if case == "fit: per step" and (threads, "train_step") in times:
            cost = 1e6 * (seconds - times[threads, "train_step"])
            yield Goal(threads, "epoch, a step of fit over train_step", cost, 2.0, at_least=False, unit="us")


def of_threads(rows: list[Row]) -> Iterator[Goal]:
    """Rows of the group "threads" hold nnfast with one thread and with several: "nnfast@1", "nnfast@2"."""
    for row in rows:
        if row["group"] != "threads":
            continue
        alone = row["seconds"]["nnfast@1"]["median"]
        for name, entry in row["seconds"].items():
            count = int(name.split("@")[1])
            if count > 1:
                slower = entry["median"] / alone
                yield Goal(count, f"threads {row['case']}", slower, 1.1, at_least=False)
                if row["flop"] > 3e8 and count == 2:
                    yield Goal(count, f"threads {row['case']}, speed-up", 1 / slower, 1.85)


def of_processes(extras: dict[str, Any]) -> Iterator[Goal]:
    for threads, figures in extras.get("memory", {}).items():
        count = int(threads)
        for key, text, target in (
            ("growth_mb", "memory of training mnist beyond the data", 40),
            ("step_allocations", "allocations in 100 train_step", 0),
            ("fit_allocations", "allocations of 30 more steps in an epoch of fit", 0),
        ):
            if key in figures:
                unit = "MB" if key.endswith("mb") else "times"
                yield Goal(count, text, figures[key], target, at_least=False, unit=unit)
    figures = extras.get("import", {})
    if "import_ms" in figures:
        yield Goal(1, "import nnfast after numpy", figures["import_ms"], 15, at_least=False, unit="ms")
    if "wheel_mb" in figures:
        yield Goal(1, "wheel", figures["wheel_mb"], 3, at_least=False, unit="MB")


def all_goals(rows: list[Row], extras: dict[str, Any]) -> list[Goal]:
    goals = [goal for row in rows for goal in of_row(row)]
    return [*goals, *of_gemm(rows), *of_epoch(rows), *of_threads(rows), *of_processes(extras)]
