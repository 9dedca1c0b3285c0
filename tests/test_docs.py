"""What the documentation shows runs, and what is public is documented."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import nnfast as nn
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = ["nnfast"] + sorted(
    info.name
    for info in pkgutil.walk_packages(nn.__path__, "nnfast.")
    if not info.name.endswith(("._core", ".__main__"))
)
PUBLIC = [name for name in MODULES if not any(part.startswith("_") for part in name.split("."))]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    with np.printoptions(legacy=False):
        result = doctest.testmod(module, optionflags=options)
    assert result.failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) > 60


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_exist_and_are_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(module.__all__) == len(set(module.__all__))
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{name}.{public} has no docstring"
            methods = vars(value) if inspect.isclass(value) else {}
            for key, method in methods.items():
                if inspect.isfunction(method) and not key.startswith("_") and not _inherits_words(value, key):
                    assert method.__doc__, f"{name}.{public}.{key} has no docstring"


def _inherits_words(cls, key):
    """A base class says what forward, backward and update do."""
    return any(getattr(vars(base).get(key), "__doc__", None) for base in cls.__mro__[1:]) or key in (
        "forward",
        "backward",
    )


def python_blocks(name):
    text = (ROOT / name).read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


WITH_CODE = ["README.md", "HACKING.md"] + sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("README.*.md"), *ROOT.glob("docs/**/*.md")]
    if "\n```python\n" in path.read_text()
)


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="not in a source tree")
@pytest.mark.parametrize("name", WITH_CODE)
def test_code_of_the_pages_runs(name, tmp_path, monkeypatch, capsys):
    """As it stands, but on the sample and for one epoch where it asks for more."""
    monkeypatch.chdir(tmp_path)
    sample = nn.datasets.load_mnist_sample()
    monkeypatch.setattr(nn.datasets, "load_mnist", lambda *a, **k: sample)
    blocks = python_blocks(name)
    assert blocks or name == "HACKING.md"
    namespace = {}
    for block in blocks:
        exec(compile(re.sub(r"epochs=\d+", "epochs=2", block), name, "exec"), namespace)
    capsys.readouterr()
