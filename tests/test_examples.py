"""The examples run and print what the pages show."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import nnfast as nn
import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path for path in ROOT.glob("examples/*.py") if path.stem != "pictures")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")

pytestmark = pytest.mark.skipif(not EXAMPLES, reason="not in a source tree")


def run(path, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", path, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def words(text):
    return NUMBER.sub("#", text).split()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_prints_what_the_pages_show(path):
    """To the last digit; within a few per cent where the processor rounds twice per step."""
    printed, shown = run(path), (path.parent / "output" / f"{path.stem}.txt").read_text()
    config = nn.show_config("dicts")
    if config["isa"] in ("avx2", "avx512"):
        assert printed == shown
        return
    assert words(printed) == words(shown)
    for got, expected in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        assert math.isclose(float(got), float(expected), rel_tol=0.05, abs_tol=0.05), (got, expected)


def test_every_output_has_its_script():
    shown = {path.stem for path in ROOT.glob("examples/output/*.txt")}
    assert shown == {path.stem for path in EXAMPLES}


def test_pictures_are_written_where_they_are_asked_for(tmp_path):
    pytest.importorskip("matplotlib")
    run(ROOT / "examples" / "gradient_descent.py", "--out", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"gradient_descent.png", "why_not_accuracy.png"}


def test_pictures_are_small_and_all_shown():
    pictures = {path.name: path.stat().st_size for path in ROOT.glob("docs/pictures/*.png")}
    assert max(pictures.values()) <= 60_000
    assert sum(pictures.values()) <= 1_200_000
    for pages in ("docs/*.md", "docs/ko/*.md"):
        shown = re.findall(r"\(\S*pictures/(\S+?)\)", "".join(path.read_text() for path in ROOT.glob(pages)))
        assert set(shown) == set(pictures)
