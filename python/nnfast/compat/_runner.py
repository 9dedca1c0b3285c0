"""``nnfast run``: a course's script, unchanged, on nnfast's stand-ins."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import _core
from ._hook import Hook
from ._match import same_but_for_rounding
from ._stand_ins import COURSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["detect", "run", "run_compared"]

# NumPy with one BLAS thread and with two differs by 5e-15 after 2,000 steps; single sums by more.
_ROUNDING = 1e-9
_SHORT = 0.1  # seconds, of which the start of modules is a large part


# ---- Which course


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, by name; none where Python cannot parse it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_korean(folder: Path) -> bool:
    """Whether ``common/functions.py`` beside or above the script has the Korean edition's name of the squared error."""
    for place in (folder, folder.parent):
        with contextlib.suppress(OSError):
            return b"def mean_squared_error" in (place / "common" / "functions.py").read_bytes()
    return False


def detect(script: Path) -> str | None:
    """The course whose modules a script imports, itself or through files beside it."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in _imports(path):
            for course, (modules, _) in COURSES.items():
                if name in modules and course != "dlfs-kr":
                    return "dlfs-kr" if course == "dlfs" and _is_korean(script.parent) else course
            beside = script.parent / (name.replace(".", "/") + ".py")
            if beside.is_file():
                waiting.append(beside)
    return None


# ---- Running


def _seed(seed: int | None) -> None:
    if seed is not None:
        np.random.seed(seed)
        random.seed(seed)


def _show_error(script: str) -> None:
    """The traceback from the script's own frame on, as Python itself would show it."""
    kind, error, frames = sys.exc_info()
    while frames is not None and frames.tb_frame.f_code.co_filename != script:
        frames = frames.tb_next
    traceback.print_exception(kind, error, frames or sys.exc_info()[2])


def _execute(path: Path, arguments: Sequence[str]) -> int:
    """Runs the file as ``__main__`` from its own folder; the exit code."""
    name = path.name
    module = types.ModuleType("__main__")
    module.__file__ = name
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    sys.argv = [name, *arguments]
    os.chdir(path.parent)
    sys.path[0] = str(path.parent)
    try:
        exec(compile(path.read_bytes(), name, "exec"), vars(module))
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _show_error(name)
        return 130
    except BaseException:
        _show_error(name)
        return 1
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
    return 0


def run(
    path: Path,
    arguments: Sequence[str],
    course: str | None = None,
    *,
    plain: bool = False,
    quiet: bool = False,
    seed: int | None = None,
    times: str | None = None,
) -> int:
    """Runs a script on the stand-ins of a course, or (`plain`) on its own modules; the exit code.

    At the end, unless `quiet`, stderr says what was replaced, what was left and how long it took. `times`: a file that
    takes the seconds.
    """
    path = path.resolve()
    course = course or detect(path)
    hook = None
    if not plain:
        hook = Hook(
            [course] if course else [c for c in COURSES if c != "dlfs-kr"], missing=course is not None
        )
        sys.meta_path.insert(0, hook)
        _core.pool_arrays_of_numpy(True)
    report_to = Path(times).resolve() if times else None  # before the script's folder is the current one
    _seed(seed)
    began, core = time.perf_counter(), _core.core_seconds()
    code = _execute(path, arguments)
    seconds, core = time.perf_counter() - began, _core.core_seconds() - core
    if report_to:
        report_to.write_text(json.dumps({"seconds": seconds, "core": core}))
    if hook is not None and not quiet:
        report(hook, seconds, core)
    return code


def report(hook: Hook, seconds: float, core: float) -> None:
    """What was replaced and what was left, on stderr."""
    lines = []
    for module, names in hook.replaced.items():
        lines.append(
            f"{module}: all of it is nnfast's" if names == ["*"] else f"{module}: {', '.join(names)}"
        )
    for module, left in hook.left.items():
        told = ", ".join(f"{name} ({why})" for name, why in sorted(left.items()))
        lines.append(f"{module} keeps your {told}")
    if not lines:
        lines.append("nothing was replaced: the script imports no module of a course that nnfast knows")
    lines.append(f"{seconds:.2f} s, {core:.2f} s of them in nnfast's core")
    for line in lines:
        print(f"nnfast: {line}", file=sys.stderr)


# ---- Comparing


def run_compared(
    path: Path, arguments: Sequence[str], course: str | None = None, *, quiet: bool = False, seed: int = 0
) -> int:
    """Runs a script with nnfast, then with plain NumPy, from one seed, and tells on stderr how they differ.

    What the script prints with nnfast goes on to stdout. The exit code is the script's with nnfast, or 1 where the two
    print something different.
    """
    with tempfile.TemporaryDirectory() as folder:
        ours = _run_child(
            path, arguments, course, Path(folder) / "nnfast", seed, ["--quiet"] if quiet else [], True
        )
        theirs = _run_child(path, arguments, course, Path(folder) / "numpy", seed, ["--numpy"], False)
    for name, result in (("nnfast", ours), ("NumPy", theirs)):
        if result.code != 0:
            print(f"nnfast: the run with {name} ended with exit code {result.code}", file=sys.stderr)
    if ours.code or theirs.code:
        return ours.code or theirs.code
    if ours.seconds and theirs.seconds:
        ratio = f", {theirs.seconds / ours.seconds:.1f} times as fast" if theirs.seconds > _SHORT else ""
        print(f"nnfast: NumPy {theirs.seconds:.2f} s, nnfast {ours.seconds:.2f} s{ratio}", file=sys.stderr)
    difference, rounded = compare(theirs.lines, ours.lines)
    count = len(ours.lines)
    if not difference:
        difference = f"the same output, {count} lines"
        if rounded:
            difference += f", but for the last digits of numbers in {rounded} of them"
        print(f"nnfast: {difference}", file=sys.stderr)
        return 0
    print(f"nnfast: {difference}", file=sys.stderr)
    return 1


class _Result:
    def __init__(self, code: int, lines: list[str], seconds: float | None) -> None:
        self.code = code
        self.lines = lines
        self.seconds = seconds


def _run_child(
    path: Path,
    arguments: Sequence[str],
    course: str | None,
    times: Path,
    seed: int,
    options: Sequence[str],
    passed_on: bool,
) -> _Result:
    command = [sys.executable, "-m", "nnfast", "run", "--seed", str(seed), "--times", str(times), *options]
    command += ["--course", course] if course else []
    with subprocess.Popen([*command, str(path), *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = []
        for raw in process.stdout:
            line = raw.decode(errors="replace")
            lines.append(line.rstrip("\r\n"))
            if passed_on:
                sys.stdout.write(line)
                sys.stdout.flush()
    seconds = json.loads(times.read_text())["seconds"] if times.exists() else None
    return _Result(process.returncode, lines, seconds)


def compare(numpy_lines: Sequence[str], nnfast_lines: Sequence[str]) -> tuple[str, int]:
    """The first difference in words, or nothing; and how many lines differ by rounding only."""
    rounded = 0
    for number, (theirs, ours) in enumerate(zip(numpy_lines, nnfast_lines, strict=False), start=1):
        if theirs == ours:
            continue
        if not same_but_for_rounding(theirs, ours, _ROUNDING):
            return f"line {number} differs\n  NumPy:  {theirs}\n  nnfast: {ours}", rounded
        rounded += 1
    if len(numpy_lines) != len(nnfast_lines):
        return f"NumPy prints {len(numpy_lines)} lines, nnfast {len(nnfast_lines)}", rounded
    return "", rounded
