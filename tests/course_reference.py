"""The learner's projects of tests/courses as modules that leave no `common` behind, and how results are compared."""

import contextlib
import functools
import importlib
import importlib.util
import pathlib
import sys
import types

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from conftest import assert_same_bits

COURSES = pathlib.Path(__file__).parent / "courses"
MODULES = [
    "functions",
    "layers",
    "gradient",
    "optimizer",
    "trainer",
    "util",
    "multi_layer_net",
    "multi_layer_net_extend",
]
RTOL = {np.float16: 4e-3, np.float32: 1e-5, np.float64: 1e-12}

few = hypothesis.settings(max_examples=50, deadline=None, derandomize=True)


@contextlib.contextmanager
def _untouched_imports():
    """Afterwards sys.path, and whatever was called `common` before, are as they were."""

    def ours():
        return [name for name in sys.modules if name.partition(".")[0] == "common"]

    path, before = sys.path.copy(), {name: sys.modules.pop(name) for name in ours()}
    try:
        yield
    finally:
        for name in ours():
            del sys.modules[name]
        sys.modules.update(before)
        sys.path[:] = path


def _load(*folders):
    package = types.ModuleType("common")
    package.__path__ = [str(COURSES / folder / "common") for folder in folders]
    with _untouched_imports():
        sys.modules["common"] = package
        modules = {name: importlib.import_module("common." + name) for name in MODULES}
    spec = importlib.util.spec_from_file_location("_naive", COURSES / folders[-1] / "ch05" / "layer_naive.py")
    modules["layer_naive"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(modules["layer_naive"])
    return types.SimpleNamespace(**modules)


@functools.cache
def japanese():
    return _load("dlfs")


@functools.cache
def korean():
    return _load("dlfs_kr", "dlfs")


def agree(got, expected, scale=None, what="", inputs=()):
    """The same type, dtype, shape, and values up to RTOL of `scale`: the size of the terms, or of the result.

    A float64 result of something that was rounded to float32 on the way is as good as float32: `inputs` are
    the arguments that may cause it.
    """
    assert type(got) is type(expected), f"{what}: {type(got)} is not {type(expected)}"
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype, f"{what}: {got.dtype} is not {expected.dtype}"
    assert got.shape == expected.shape, f"{what}: {got.shape} is not {expected.shape}"
    if expected.dtype.kind != "f" or expected.size == 0:
        np.testing.assert_array_equal(got, expected, what)
        return
    finite = np.abs(expected[np.isfinite(expected)], dtype=np.float64)
    size = max(finite.max(initial=0), 0 if scale is None else float(np.max(scale)))
    rtol = max(RTOL.get(np.asarray(x).dtype.type, 0) for x in (expected, *inputs))
    np.testing.assert_allclose(
        got.astype(np.float64), expected.astype(np.float64), 0, rtol * size, err_msg=what
    )


def identical(got, expected, what=""):
    """The same type, dtype, shape and bits."""
    assert type(got) is type(expected), f"{what}: {type(got)} is not {type(expected)}"
    if np.asarray(expected).dtype in (np.float32, np.float64):
        assert_same_bits(got, expected, what)
    else:
        assert got.dtype == expected.dtype, what
        np.testing.assert_array_equal(got, expected, what, strict=True)


def same_error(plain, ours):
    """Both calls fail with one type and one text."""
    with pytest.raises(Exception) as expected:
        plain()
    with pytest.raises(expected.type) as got:
        ours()
    assert got.type is expected.type
    assert str(got.value).strip() == str(expected.value).strip()


def same_random_state(plain, ours, seed=7):
    """The results of both, each from the same global state, which both leave in the same place."""
    results, states = [], []
    for call in (plain, ours):
        np.random.seed(seed)  # noqa: NPY002
        results.append(call())
        states.append(np.random.get_state())  # noqa: NPY002
    assert states[0][0] == states[1][0]
    np.testing.assert_array_equal(states[0][1], states[1][1])
    assert states[0][2:] == states[1][2:]
    return results


def _every_second(x):
    big = np.zeros([2 * n for n in x.shape], x.dtype)
    view = big[(slice(None, None, 2),) * x.ndim]
    view[...] = x
    return view


ORDERS = {
    "C": lambda x: x.copy(),
    "F": np.asfortranarray,
    "reversed": lambda x: x[(slice(None, None, -1),) * x.ndim].copy()[(slice(None, None, -1),) * x.ndim],
    "strided": _every_second,
    "swapped": lambda x: np.swapaxes(np.swapaxes(x, 0, -1).copy(), 0, -1),
}
orders = st.sampled_from(sorted(ORDERS))
floats = st.sampled_from([np.float64, np.float32])
dtypes = st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.int32])
seeds = st.integers(0, 2**32 - 1)


def numbers(seed, shape, dtype, order="C", zeros=True):
    """Values about 1 with zeros of both signs among them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) * (3 if np.dtype(dtype).kind == "i" else 1)
    if zeros:
        x = np.where(rng.random(shape) < 0.1, rng.choice([0.0, -0.0]), x)
    return ORDERS[order](np.asarray(x).astype(dtype))


@st.composite
def arrays(draw, min_dims=1, max_dims=4, min_size=1, max_size=6, kinds=dtypes):
    shape = draw(st.lists(st.integers(min_size, max_size), min_size=min_dims, max_size=max_dims))
    return numbers(draw(seeds), tuple(shape), draw(kinds), draw(orders) if shape else "C")


def samples(n=20, width=6, classes=3, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n).astype(np.uint8)
    x = rng.standard_normal((n, width)) + labels[:, None] * rng.standard_normal(width)
    return x.astype(dtype), labels


def built(Plain, Ours, settings, sizes=(6, [5, 4], 3)):
    """Both from the same seed; the draws have to be the same."""
    return same_random_state(lambda: Plain(*sizes, **settings), lambda: Ours(*sizes, **settings))
