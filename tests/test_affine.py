"""y = x W + b and its derivatives: shapes, dtypes, layouts, bits, misuse."""

import itertools

import numpy as np
import oracle
import pytest
from conftest import LAYOUTS, assert_same_bits, thread_counts, use_threads
from finite_differences import assert_gradient
from nnfast import _core
from test_gemm import fma32, in_order, machine_has_fma

SHAPES = [
    (1, 1, 1),
    (2, 3, 4),
    (64, 784, 50),
    (100, 50, 10),
    (7, 1, 9),
    (9, 33, 1),
    (50, 300, 37),
    (64, 32, 128),
    (129, 65, 67),
]


def make(rng, dtype, batch, inputs, outputs):
    x, W, b, dy = (
        rng.standard_normal(s).astype(dtype)
        for s in [(batch, inputs), (inputs, outputs), outputs, (batch, outputs)]
    )
    return x, W, b, dy


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_the_formula(shape, dtype, isa, threads, rng):
    x, W, b, dy = make(rng, dtype, *shape)
    expected = oracle.affine(*map(oracle.wide, (x, W, b, dy)))
    bounds = oracle.affine(*(np.abs(oracle.wide(a)) for a in (x, W, b, dy)))
    got = (_core.affine(x, W, b), *_core.affine_backward(dy, x, W))
    for name, a, e, bound in zip(["y", "dx", "dW", "db"], got, expected, bounds, strict=True):
        assert a.dtype == dtype
        assert a.shape == e.shape, name
        assert (np.abs(a - e) <= 4 * np.sqrt(max(shape)) * np.finfo(dtype).eps * bound).all(), name


@pytest.mark.parametrize("shape", [(1, 40, 3), (5, 100, 17), (13, 784, 33)], ids=str)
def test_order_of_summation(shape, isa, rng):
    """The bias is added to the finished product; dx, dW and db are sums in the order of out and batch."""
    x, W, b, dy = make(rng, np.float32, *shape)
    fma = fma32 if machine_has_fma() else lambda p, q, r: p * q + r
    assert_same_bits(_core.affine(x, W, b), in_order(x, W, None, 1, 0, fma) + b, "y")
    assert_same_bits(_core.affine(x, W), in_order(x, W, None, 1, 0, fma), "y without bias")
    dx, dW, db = _core.affine_backward(dy, x, W)
    assert_same_bits(dx, in_order(dy, W.T, None, 1, 0, fma), "dx")
    assert_same_bits(dW, in_order(x.T, dy, None, 1, 0, fma), "dW")
    total = np.zeros(shape[2], np.float32)
    for row in dy:
        total = total + row
    assert_same_bits(db, total, "db")


@pytest.mark.parametrize("lead", [(), (6,), (2, 3), (1, 4, 2)])
def test_any_number_of_leading_dimensions(lead, dtype, rng):
    W, b = rng.standard_normal((5, 7)).astype(dtype), rng.standard_normal(7).astype(dtype)
    x, dy = rng.standard_normal((*lead, 5)).astype(dtype), rng.standard_normal((*lead, 7)).astype(dtype)
    y = _core.affine(x, W, b)
    assert y.shape == (*lead, 7)
    assert_same_bits(y.reshape(-1, 7), _core.affine(x.reshape(-1, 5), W, b))
    dx, dW, db = _core.affine_backward(dy, x, W)
    assert (dx.shape, dW.shape, db.shape) == (x.shape, W.shape, (7,))
    flat = _core.affine_backward(dy.reshape(-1, 7), x.reshape(-1, 5), W)
    assert_same_bits(dx.reshape(-1, 5), flat[0])
    assert_same_bits(dW, flat[1])
    assert_same_bits(db, flat[2])


def test_forms_of_the_bias(dtype, rng):
    x, W, b, _ = make(rng, dtype, 5, 4, 3)
    y = _core.affine(x, W, b)
    assert_same_bits(_core.affine(x, W, b[None]), y)
    assert_same_bits(_core.affine(x, W, 0), _core.affine(x, W))
    assert_same_bits(_core.affine(x, W, 2.5), _core.affine(x, W, np.full(3, 2.5, dtype)))
    assert_same_bits(
        _core.affine(x, W, list(map(float, b))),
        _core.affine(x.astype(float), W.astype(float), b)
        if dtype is np.float64
        else _core.affine(x, W, list(map(float, b))),
    )


def test_promotion_is_numpys(rng):
    x, W, b, dy = make(rng, np.float32, 6, 4, 3)
    W64, x64 = W.astype(float), x.astype(float)
    assert _core.affine(x, W64, b).dtype == np.float64
    assert_same_bits(_core.affine(x, W64, b), _core.affine(x64, W64, b.astype(float)))
    assert _core.affine(x, W, b.astype(float)).dtype == np.float64
    assert _core.affine(x.astype(np.float16), W, b).dtype == np.float32
    assert _core.affine(np.arange(4), W64).dtype == np.float64
    assert np.array_equal(_core.affine([[1, 2]], [[1, 2], [3, 4]], [1, 1]), [[8, 11]])
    for arrays in itertools.product([0, 1], repeat=3):
        a, c, d = (v.astype(float) if wide else v for v, wide in zip((dy, x, W), arrays, strict=True))
        dx, dW, db = _core.affine_backward(a, c, d)
        assert {g.dtype for g in (dx, dW, db)} <= {np.dtype(np.float32), np.dtype(np.float64)}
        assert dx.dtype == np.result_type(a, d) or dx.dtype == np.result_type(a, c, d)


@pytest.mark.parametrize("shape", [(0, 3, 4), (5, 0, 4), (5, 3, 0), (0, 0, 0), (0, 3, 0)])
def test_zero_sizes(shape, dtype, isa):
    batch, inputs, outputs = shape
    x, W, b, dy = (
        np.ones((batch, inputs), dtype),
        np.ones((inputs, outputs), dtype),
        np.ones(outputs, dtype),
        np.ones((batch, outputs), dtype),
    )
    assert np.array_equal(_core.affine(x, W, b), x @ W + b)
    dx, dW, db = _core.affine_backward(dy, x, W)
    assert np.array_equal(dx, dy @ W.T)
    assert np.array_equal(dW, x.T @ dy)
    assert np.array_equal(db, dy.sum(0))


def test_gradients_by_finite_differences(rng):
    x, W, b, dy = make(rng, np.float64, 4, 5, 3)
    dx, dW, db = _core.affine_backward(dy, x, W)
    for got, variable in [(dx, x), (dW, W), (db, b)]:
        assert_gradient(got, lambda: np.sum(dy * _core.affine(x, W, b)), variable)


def test_gradients_are_torchs(torch, rng):
    x, W, b, dy = make(rng, np.float64, 60, 50, 40)
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, W, b)]
    (tensors[0] @ tensors[1] + tensors[2]).backward(torch.tensor(dy))
    for got, tensor in zip(_core.affine_backward(dy, x, W), tensors, strict=True):
        np.testing.assert_allclose(got, tensor.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "forms", [("fortran", "contiguous"), ("contiguous", "fortran"), ("fortran", "fortran")]
)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fortran_order_gives_the_same_bits(forms, shape, dtype, isa, rng):
    x, W, b, dy = make(rng, dtype, *shape)
    first, second = (LAYOUTS[form] for form in forms)
    assert_same_bits(_core.affine(first(x), second(W), b), _core.affine(x, W, b))
    for got, expected in zip(
        _core.affine_backward(first(dy), second(x), first(W)), _core.affine_backward(dy, x, W), strict=True
    ):
        assert_same_bits(got, expected)


def test_layouts(dtype, layout, rng):
    x, W, b, dy = make(rng, dtype, 9, 13, 11)
    y, gradients = _core.affine(x, W, b), _core.affine_backward(dy, x, W)
    assert_same_bits(_core.affine(layout(x), layout(W), layout(b)), y)
    for got, expected in zip(_core.affine_backward(layout(dy), layout(x), layout(W)), gradients, strict=True):
        assert_same_bits(got, expected)
    stack, stacked_dy = np.stack([x, x + 1]), np.stack([dy, dy - 1])
    assert_same_bits(_core.affine(layout(stack), W, b), _core.affine(stack, W, b))
    for got, expected in zip(
        _core.affine_backward(layout(stacked_dy), layout(stack), W),
        _core.affine_backward(stacked_dy, stack, W),
        strict=True,
    ):
        assert_same_bits(got, expected)


def test_inputs_are_unchanged_and_results_are_new(dtype, rng):
    arrays = make(rng, dtype, 9, 13, 11)
    before = [a.copy() for a in arrays]
    x, W, b, dy = arrays
    results = [_core.affine(x, W, b), *_core.affine_backward(dy, x, W), *_core.affine_backward(dy, x, W)]
    for a, e in zip(arrays, before, strict=True):
        assert_same_bits(a, e)
    for i, result in enumerate(results):
        assert result.flags.c_contiguous
        assert not any(np.shares_memory(result, other) for other in [*arrays, *results[i + 1 :]])


def test_out(dtype, rng):
    x, W, b, _ = make(rng, dtype, 9, 13, 13)
    expected = _core.affine(x, W, b)
    out = np.full((9, 13), np.nan, dtype)
    assert _core.affine(x, W, b, out) is out
    assert_same_bits(out, expected)
    for bad in [
        np.empty((13, 9), dtype),
        np.empty((9, 13), np.int64),
        np.empty((18, 13), dtype)[::2],
        np.asfortranarray(out),
    ]:
        with pytest.raises((ValueError, TypeError), match="out"):
            _core.affine(x, W, b, bad)
    work = x.copy()
    try:
        _core.affine(work, W, b, work)
    except ValueError:
        assert_same_bits(work, x)
    else:
        assert_same_bits(work, expected)


def test_same_bits_on_any_threads_and_fma_instruction_set(dtype, rng):
    for shape in SHAPES:
        x, W, b, dy = make(rng, dtype, *shape)
        expected = {}
        for isa, n in itertools.product(_core.supported_isas(), thread_counts()):
            _core.set_isa(isa)
            use_threads(n)
            got = (_core.affine(x, W, b), *_core.affine_backward(dy, x, W))
            first = expected.setdefault("fma" if isa.startswith("avx") else isa, got)
            for a, e in zip(got, first, strict=True):
                assert_same_bits(a, e, f"{shape} on {isa}, {n} threads")


@pytest.mark.parametrize(
    ("x", "W", "b", "names"),
    [
        (np.ones((5, 3)), np.ones((4, 2)), None, r"x.*\(5, 3\)|W.*\(4, 2\)"),
        (np.ones((5, 3)), np.ones((3, 2)), np.ones(3), r"b.*\(3,\)"),
        (np.ones((5, 3)), np.ones((3, 2)), np.ones((5, 2)), r"b.*\(5, 2\)"),
        (np.ones((5, 3)), np.ones(3), None, r"W.*\(3,\)"),
        (np.ones((5, 3)), np.ones((3, 2, 1)), None, r"W.*\(3, 2, 1\)"),
        (np.ones(()), np.ones((1, 2)), None, r"x.*\(\)"),
    ],
)
def test_wrong_shapes_are_named(x, W, b, names):
    with pytest.raises(ValueError, match=names) as caught:
        _core.affine(x, W, b)
    assert "affine" in str(caught.value)
    assert "expected" in str(caught.value)


def test_wrong_shapes_are_named_backward():
    dy, x, W = np.ones((5, 2)), np.ones((5, 3)), np.ones((3, 2))
    for bad in [
        (np.ones((4, 2)), x, W),
        (np.ones((5, 3)), x, W),
        (dy, np.ones((5, 4)), W),
        (dy, x, np.ones((2, 3))),
        (np.ones(2), x, W),
        (dy, x[0], W),
        (dy, x, np.ones(3)),
    ]:
        with pytest.raises(ValueError, match=r"affine_backward: .*expected"):
            _core.affine_backward(*bad)


@pytest.mark.parametrize(
    "bad", [np.ones((2, 2), complex), np.full((2, 2), "a"), np.full((2, 2), None), None, {}]
)
def test_wrong_dtypes_are_named(bad):
    good = np.ones((2, 2))
    for arguments, name in [((bad, good, None), "x"), ((good, bad, None), "W")]:
        with pytest.raises((TypeError, ValueError), match=rf"affine: {name}"):
            _core.affine(*arguments)
