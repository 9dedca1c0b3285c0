"""Threads and configuration; what `import nnfast` shows."""

import importlib
import subprocess
import sys

import nnfast as nn
import pytest


def test_num_threads():
    nn.set_num_threads(3)
    assert nn.get_num_threads() == 3
    with nn.num_threads(1) as nothing:
        assert nothing is None
        assert nn.get_num_threads() == 1
        with nn.num_threads(2):
            assert nn.get_num_threads() == 2
        assert nn.get_num_threads() == 1
    assert nn.get_num_threads() == 3
    with pytest.raises(LookupError), nn.num_threads(2):
        raise LookupError
    assert nn.get_num_threads() == 3


def test_the_same_context_twice():
    context = nn.num_threads(1)
    nn.set_num_threads(4)
    with context:
        nn.set_num_threads(3)
        with context:
            assert nn.get_num_threads() == 1
        assert nn.get_num_threads() == 3
    assert nn.get_num_threads() == 4


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-1, ValueError), (1.0, TypeError), ("2", TypeError),
                                          (True, TypeError), (None, TypeError)])  # fmt: skip
def test_wrong_numbers(n, error):
    before = nn.get_num_threads()
    with pytest.raises(error, match="set_num_threads: n is"):
        nn.set_num_threads(n)
    with pytest.raises(error, match="num_threads: n is"):
        nn.num_threads(n)
    assert nn.get_num_threads() == before


def test_show_config(capsys):
    assert nn.show_config() is None
    printed = capsys.readouterr().out
    config = nn.show_config("dicts")
    assert capsys.readouterr().out == ""
    assert config["version"] == nn.__version__
    assert config["isa"] in config["isas_supported"]
    assert set(config["isas_supported"]) <= set(config["isas_compiled"])
    assert config["threads"] == nn.get_num_threads()
    assert isinstance(config["openmp"], bool)
    for name in config:
        assert name.replace("_", " ") in printed
    with pytest.raises(ValueError, match="show_config: mode is 'json'"):
        nn.show_config("json")


def test_every_name_is_there():
    for name in nn.__all__:
        assert getattr(nn, name) is not None, name
    assert set(nn.__all__) <= set(dir(nn))
    with pytest.raises(AttributeError, match="has no attribute 'conv2d'"):
        nn.conv2d  # noqa: B018


@pytest.mark.parametrize("module", ["activations", "layers", "losses", "optimizers", "initializers", "schedules",
                                    "callbacks", "network", "models", "errors", "history", "runtime"])  # fmt: skip
def test_modules_say_what_is_public(module):
    if module == "activations":
        module = "_activations"
    loaded = importlib.import_module(f"nnfast.{module}")
    for name in loaded.__all__:
        assert getattr(loaded, name).__doc__ or isinstance(getattr(loaded, name), str), name


def test_import_brings_nothing_heavy():
    code = (
        "import sys, numpy; before = set(sys.modules); import nnfast; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(loaded) <= {"nnfast", "__future__", "copy", "mkl"}
