"""Tables, for the terminal and in Markdown, and the JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from .cases import GROUPS
from .goals import Goal, Row, all_goals, at_limit, copy_share, of_row, ratio, share, slow_products


def processor() -> str:
    name = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open() as lines:
            name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {len(os.sched_getaffinity(0))} processors"


def duration(seconds: float) -> str:
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1e6:.2f} us"


def cells(row: Row, systems: list[str]) -> list[str]:
    entries = row["seconds"]
    best, part, copied = ratio(row), share(row), copy_share(row)
    return [
        row["case"],
        *(duration(entries[name]["median"]) if name in entries else "" for name in systems),
        "" if best is None else f"{best:.2f}",
        "" if part is None else f"{100 * part:.0f} %",
        "" if copied is None else f"{100 * copied:.0f} %",
        "; ".join(("+ " if goal.met else "- ") + str(goal) for goal in of_row(row)),
    ]


def tables(rows: list[Row]) -> Iterable[tuple[str, list[list[str]]]]:
    """(title, lines) for each group, dtype and number of threads; columns that are empty are left out."""
    key = lambda row: (row["group"], row["dtype"], row["threads"])
    order = list(GROUPS)
    in_order = sorted(rows, key=lambda row: (order.index(row["group"]), row["dtype"], row["threads"]))
    for (group, dtype, threads), some in groupby(in_order, key):
        part = list(some)
        systems = list(dict.fromkeys(name for row in part for name in row["seconds"]))
        systems.sort(key=lambda name: not name.startswith("nnfast"))
        lines = [["case", *systems, "best/nnfast", "peak", "copy", "goals"]]
        lines += [cells(row, systems) for row in part]
        kept = [column for column in range(len(lines[0])) if any(line[column] for line in lines[1:])]
        title = f"{group}, {dtype}" + ("" if group == "threads" else f", threads: {threads}")
        peaks = [row["peak"] for row in part if "peak" in row]
        copies = [max(row["copy"].values()) for row in part if "copy" in row]
        if peaks:
            title += f"; peak {max(peaks) / 1e9:.0f} GFLOP/s"
        if copies:
            title += f"; copy {max(copies) / 1e9:.1f} GB/s"
        yield title, [[line[column] for column in kept] for line in lines]
        for row in part:
            if "single_calls" in row:
                calls = row["single_calls"]
                names = list(next(iter(calls.values())))
                body = [[system, *(duration(calls[system][name]) for name in names)] for system in calls]
                yield f"{group} {row['case']}, threads: {threads}; single calls", [["system", *names], *body]


def plain(title: str, lines: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    texts = [
        "  ".join(
            text.ljust(width) if i in (0, len(widths) - 1) else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([f"\n{title}", *texts])


def markdown_table(title: str, lines: list[list[str]]) -> str:
    head, *rest = ("| " + " | ".join(line) + " |" for line in lines)
    rule = "|---" + "|---:" * (len(lines[0]) - 1) + "|"
    return "\n".join([f"### {title}", "", head, rule, *rest, ""])


def goal_lines(goals: list[Goal]) -> list[list[str]]:
    return [["goal", "threads", "measured", "at the limit", ""]] + [
        [
            goal.what,
            str(goal.threads),
            str(goal),
            "" if goal.limit is None else f"{goal.limit:.2f}x",
            goal.verdict,
        ]
        for goal in goals
    ]


def slow_lines(rows: list[Row]) -> list[list[str]]:
    lines = [
        [row["case"], row["dtype"], str(row["threads"]), f"{ratio(row):.2f}", f"{at_limit(row):.2f}"]
        for row in slow_products(rows)
    ]
    return [["product", "dtype", "threads", "best/nnfast", "at the limit"], *lines] if lines else []


def quiet(results: dict[str, Any]) -> str:
    ticks = results["silence"]
    if not ticks["all"]:
        return ""
    part = ticks["idle"] / ticks["all"]
    text = f"Processors were {100 * part:.0f} % idle in the silences between turns"
    return text + (": the machine was busy, these figures mislead." if part < 0.9 else ".")


def summary(results: dict[str, Any]) -> str:
    goals = all_goals(results["rows"], results["extras"])
    missed = [goal for goal in goals if not goal.met]
    text = f"\n{quiet(results)}\n{len(goals) - len(missed)} of {len(goals)} goals met"
    if missed:
        text += "; missed:" + plain("", goal_lines(missed))
    if slow := slow_lines(results["rows"]):
        text += "\n" + plain("products below the goal", slow)
    return text


LEGEND = """\
Medians over turns of the time of one call. best/nnfast: the fastest peer's time by nnfast's, above 1 nnfast is faster.
peak: share of the multiply-add peak that the probe measured in the same turns; copy: share of its copy bandwidth out of
cache. At the limit: the ratio of a nnfast that did nothing but the multiply-adds at that peak, or the reading
of what has to be read (weights, operands) at the rate at which the probe reads as many bytes; a goal above it is beyond
the machine."""


def markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in results["probe"].items())
    parts = [
        "# nnfast and its peers",
        "",
        f"{machine['processor']}, {results['date']}. {versions}.",
        "",
        LEGEND,
        "",
        f"The probe: {rates}. {quiet(results)}",
        "",
    ]
    parts += [markdown_table(title, lines) for title, lines in tables(results["rows"])]
    for name, figures in results["extras"].items():
        parts += [f"### {name}", "", "```", *(f"{key}: {value}" for key, value in figures.items()), "```", ""]
    goals = all_goals(results["rows"], results["extras"])
    if goals:
        parts.append(markdown_table("goals", goal_lines(goals)))
    if slow := slow_lines(results["rows"]):
        parts.append(markdown_table("products below the goal", slow))
    return "\n".join(parts)
