"""Arrays that the caller gives for a result: `out`, and the c of gemm."""

import copy
import functools
import inspect

import numpy as np
import pytest
from conftest import LAYOUTS, assert_same_bits
from entries import ENTRIES, MORE_LAYOUTS, call, make
from nnfast import functional as F

WITH_OUT = [
    entry
    for entry, (f, _) in ENTRIES.items()
    if isinstance(f, functools.partial) and "out" in inspect.signature(f).parameters
]
IN_PLACE = [entry for entry in WITH_OUT if entry != "affine"]


@pytest.mark.parametrize("entry", WITH_OUT)
def test_out(entry, dtype, rng):
    arguments = make(entry, dtype, rng)
    (expected,) = call(entry, arguments)
    out = np.full_like(expected, np.nan)
    assert ENTRIES[entry][0](**arguments, out=out) is out
    assert_same_bits(out, expected)
    inside = np.full((expected.size + 2,), np.nan, dtype)
    ENTRIES[entry][0](**arguments, out=inside[1:-1].reshape(expected.shape))
    assert np.isnan(inside[[0, -1]]).all()


@pytest.mark.parametrize("entry", WITH_OUT)
def test_out_that_does_not_fit_is_left_alone(entry, dtype, rng):
    arguments = make(entry, dtype, rng)
    (expected,) = call(entry, arguments)
    shape, other = expected.shape, np.float64 if dtype is np.float32 else np.float32
    wrong = [
        (np.zeros(shape, other), TypeError, "out has dtype"),
        (np.zeros(shape, int), TypeError, "out has dtype"),
        (np.zeros(shape, dtype).astype(np.dtype(dtype).newbyteorder(">")), ValueError, "native"),
        (np.zeros((*shape, 1), dtype), ValueError, "out has shape"),
        (
            np.zeros(shape[::-1], dtype) if shape != shape[::-1] else np.zeros((1, *shape), dtype),
            ValueError,
            "out has shape",
        ),
        (np.zeros(shape, dtype, order="F"), ValueError, "C-contiguous"),
        (LAYOUTS["strided"](np.zeros(shape, dtype)), ValueError, "C-contiguous"),
        (LAYOUTS["misaligned"](np.zeros(shape, dtype)), ValueError, "misaligned"),
        (LAYOUTS["read_only"](np.zeros(shape, dtype)), ValueError, "read-only"),
        (np.zeros(shape, dtype).tolist(), TypeError, "out is a list; expected a NumPy array"),
        (1.0, TypeError, "out is a float"),
    ]
    for out, error, message in wrong:
        before = copy.deepcopy(out)
        with pytest.raises(error, match=message):
            ENTRIES[entry][0](**arguments, out=out)
        assert np.array_equal(out, before)


@pytest.mark.parametrize("entry", IN_PLACE)
def test_the_input_itself_as_out(entry, dtype, rng):
    arguments = make(entry, dtype, rng)
    (expected,) = call(entry, arguments)
    for name in arguments:
        work = {n: a.copy() for n, a in arguments.items()}
        ENTRIES[entry][0](**work, out=work[name])
        assert_same_bits(work[name], expected, f"{entry} into {name}")


@pytest.mark.parametrize("entry", WITH_OUT)
def test_out_that_overlaps_otherwise_is_refused(entry, dtype, rng):
    arguments = make(entry, dtype, rng)
    (expected,) = call(entry, arguments)
    for name, value in arguments.items():
        memory = np.zeros(value.size + expected.size, dtype)
        x = memory[: value.size].reshape(value.shape)
        x[...] = value
        before = memory.copy()
        for shift in [1, value.size - 1]:
            with pytest.raises(ValueError, match=f"out overlaps {name} in memory"):
                ENTRIES[entry][0](
                    **arguments | {name: x}, out=memory[shift : shift + expected.size].reshape(expected.shape)
                )
        assert_same_bits(memory, before)
        # next to it is not over it
        ENTRIES[entry][0](**arguments | {name: x}, out=memory[value.size :].reshape(expected.shape))
        assert_same_bits(memory[value.size :], expected.ravel())


def test_out_between_the_rows_of_the_input(dtype, rng):
    """Ranges that overlap without a shared element are fine."""
    memory = rng.standard_normal((6, 4)).astype(dtype)
    x, out = memory[::5], memory[2:4]
    expected = F.tanh(x.copy())
    F.tanh(x, out=out)
    assert_same_bits(out, expected)


# ---------------------------------------------------------------------------------------------- gemm's c
@pytest.mark.parametrize("beta", [0.0, 1.0, -0.7])
@pytest.mark.parametrize("alpha", [1.0, -1.0, 0.3])
@pytest.mark.parametrize("sizes", [(7, 5, 9), (1, 5, 9), (7, 5, 1), (7, 0, 9), (0, 5, 9), (1, 1, 1)])
def test_gemm_into_any_layout(alpha, beta, sizes, dtype, rng):
    m, k, n = sizes
    a, b, c = (rng.standard_normal(s).astype(dtype) for s in [(m, k), (k, n), (m, n)])
    expected = F.gemm(a, b, c.copy(), alpha=alpha, beta=beta)
    writable = ["contiguous", "fortran", "transposed", "strided", "reversed", "reversed_all", "subclass"]
    for layout in [LAYOUTS[name] for name in writable if m > 0] + [
        MORE_LAYOUTS["middle"],
        MORE_LAYOUTS["permuted"],
        MORE_LAYOUTS["negative_last"],
    ]:
        target = layout(c.copy())
        assert F.gemm(a, b, target, alpha=alpha, beta=beta) is target
        assert_same_bits(target, expected)


def test_gemm_refuses_a_c_that_it_cannot_update(dtype):
    a = np.ones((3, 3), dtype)
    for c, error, message in [
        (np.zeros((3, 2), dtype), ValueError, r"c has shape \(3, 2\); expected \(3, 3\)"),
        (LAYOUTS["read_only"](np.zeros((3, 3), dtype)), ValueError, "c is read-only"),
        (np.zeros((3, 3), int), TypeError, "c has dtype int64; expected float32 or float64"),
        ([[0.0] * 3] * 3, TypeError, "c is a list"),
        (a, ValueError, "c overlaps a"),
        (
            np.lib.stride_tricks.as_strided(np.zeros(9, dtype), (3, 3), (0, a.itemsize)),
            ValueError,
            "lie at one place",
        ),
    ]:
        with pytest.raises(error, match=f"gemm: .*{message}"):
            F.gemm(a, np.ones((3, 3), dtype), c)
    with pytest.raises(TypeError, match="gemm: c has dtype float32"):
        F.gemm(np.ones((3, 3)), a, np.zeros((3, 3), np.float32))
    with pytest.raises(ValueError, match=r"gemm: beta is 1.* but c is None"):
        F.gemm(a, a, beta=1.0)


def test_gemm_between_blocks_of_one_matrix(dtype, rng):
    """As blocked algorithms do it: blocks of columns share a range of memory, but no element."""
    M = rng.standard_normal((6, 6)).astype(dtype)
    a, b, c = M[2:, :2], M[:2, 2:], M[2:, 2:]
    expected = F.gemm(a.copy(), b.copy(), c.copy(), alpha=-1.0, beta=1.0)
    F.gemm(a, b, c, alpha=-1.0, beta=1.0)
    assert_same_bits(M[2:, 2:], expected)
    with pytest.raises(ValueError, match="gemm: c overlaps b"):
        F.gemm(M[:2, :2], M[2:4, 2:], M[3:5, 1:5])
