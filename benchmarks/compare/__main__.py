"""nnfast and its peers in turns: tables on the terminal; results.json, results.md and results.png in a folder.

    python -m benchmarks.compare                       everything; about 45 minutes, on a quiet machine
    python -m benchmarks.compare --quick               does it work?
    python -m benchmarks.compare --groups train,infer --cases mnist,"rl x1" --threads 1

Systems that are not installed are left out: pip install "nnfast[peers]". The exit code is 1 where a result was wrong,
whatever the speed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from . import chart, report
from .cases import GROUPS, SYSTEMS
from .comparison import Comparison


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
        "--quick", action="store_true", help="three cases of each group, 2 rounds: under a minute"
    )
    parser.add_argument("--wheel", type=Path, help="a wheel of nnfast, for its size")
    parser.add_argument("--out", type=Path, help="folder of results.json, results.md and results.png")
    options = parser.parse_args()
    if options.quick:
        options.threads = options.threads.split(",")[-1]
        options.slice = min(options.slice, 0.02)
    options.rounds = options.rounds or (2 if options.quick else 15)
    unknown = {*options.groups.split(",")} - {*GROUPS} | {*options.systems.split(",")} - {*SYSTEMS}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    options = arguments()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options, Path(folder))
        results = comparison.run()
    print(report.summary(results))
    print(f"{time.perf_counter() - start:.0f} s")
    if options.out:
        comparison.write()
        (options.out / "results.md").write_text(report.markdown(results))
        chart.draw(results, options.out / "results.png")
        print(f"written to {options.out}")
    if results["wrong"]:
        sys.exit("\n".join(["wrong results:", *results["wrong"]]))


if __name__ == "__main__":
    main()
