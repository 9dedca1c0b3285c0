"""Softmax and log-softmax along any axis: accuracy, special rows, derivatives, bits."""

import itertools

import hypothesis
import hypothesis.extra.numpy
import hypothesis.strategies
import numpy as np
import oracle
import pytest
from conftest import assert_same_bits, thread_counts, use_threads
from finite_differences import assert_gradient
from nnfast import _core

FORWARD = {"softmax": (_core.softmax, oracle.softmax), "log_softmax": (_core.log_softmax, oracle.log_softmax)}
BACKWARD = {
    "softmax": (_core.softmax_backward, oracle.softmax_backward),
    "log_softmax": (_core.log_softmax_backward, oracle.log_softmax_backward),
}
both = pytest.mark.parametrize("name", list(FORWARD))


@both
@pytest.mark.parametrize("cols", [1, 2, 7, 10, 16, 33, 64, 100, 1000])
@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_against_the_formula(name, cols, spread, dtype, isa, rng):
    x = (spread * rng.standard_normal((17, cols))).astype(dtype)
    ours, theirs = FORWARD[name]
    y = ours(x)
    ref = theirs(oracle.wide(x))
    eps = np.finfo(dtype).eps
    if name == "softmax":
        # relative: x - max is exact to half a ULP of itself, which exp carries to its result
        distance = np.abs(x.max(1, keepdims=True) - x)
        assert (np.abs(y - ref) <= ref * eps * (4 + distance + np.log2(cols)) + np.finfo(dtype).tiny).all()
        assert (np.abs(oracle.wide(y).sum(1) - 1) <= cols * eps / 2 + 2 * eps).all()
    else:
        assert (np.abs(y - ref) <= eps * (3 + np.abs(ref) + np.log2(cols))).all()
    dy = rng.standard_normal(x.shape).astype(dtype)
    ours, theirs = BACKWARD[name]
    expected = theirs(oracle.wide(dy), oracle.wide(y))
    np.testing.assert_allclose(
        ours(dy, y), expected.astype(float), rtol=0, atol=8 * eps * (1 + np.sqrt(cols))
    )


@both
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_axis(name, axis, dtype, rng):
    x = rng.standard_normal((3, 5, 4)).astype(dtype)
    ours, _ = FORWARD[name]
    y = ours(x, axis)
    assert y.shape == x.shape
    assert_same_bits(y, np.moveaxis(ours(np.moveaxis(x, axis, -1)), -1, axis))
    dy = rng.standard_normal(x.shape).astype(dtype)
    ours, _ = BACKWARD[name]
    moved = ours(np.moveaxis(dy, axis, -1), np.moveaxis(y, axis, -1))
    assert_same_bits(ours(dy, y, axis), np.moveaxis(moved, -1, axis))


@both
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_gradient_by_finite_differences(name, shape, rng):
    x, w = rng.standard_normal((2, *shape))
    forward, backward = FORWARD[name][0], BACKWARD[name][0]
    for axis in range(len(shape)):
        dx = backward(w, forward(x, axis), axis)
        assert_gradient(dx, lambda axis=axis: np.sum(w * forward(x, axis)), x, name)


@both
def test_gradient_is_torchs(name, torch, rng):
    x, dy = rng.standard_normal((2, 30, 17))
    tensor = torch.tensor(x, requires_grad=True)
    y = getattr(torch, name)(tensor, 1)
    y.backward(torch.tensor(dy))
    ours = FORWARD[name][0](x)
    np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(BACKWARD[name][0](dy, ours), tensor.grad.numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cols", [3, 16, 37])
def test_special_rows(cols, dtype, isa, rng):
    """What torch, jax and ONNX Runtime agree on."""
    base = rng.standard_normal(cols).astype(dtype)
    for position in {0, 1, cols // 2, cols - 1}:
        for value in (np.nan, np.inf):
            x = base.copy()
            x[position] = value
            assert np.isnan(_core.softmax(x[None])).all(), (value, position)
            assert np.isnan(_core.log_softmax(x[None])).all(), (value, position)
        x = base.copy()
        x[position] = -np.inf
        y, log_y = _core.softmax(x[None])[0], _core.log_softmax(x[None])[0]
        assert y[position] == 0
        assert log_y[position] == -np.inf
        others = np.arange(cols) != position
        np.testing.assert_allclose(
            y[others], oracle.softmax(oracle.wide(base[others])).astype(float), rtol=1e-5
        )
        x = base.copy()
        x[position] = 1e30
        y = _core.softmax(x[None])[0]
        assert np.array_equal(y, (np.arange(cols) == position).astype(dtype))
    assert np.isnan(_core.softmax(np.full((1, cols), -np.inf, dtype))).all()
    assert np.isnan(_core.log_softmax(np.full((1, cols), -np.inf, dtype))).all()
    top = np.finfo(dtype).max
    x = np.array([[top, -top, top], [-top, -top, -top]], dtype)
    np.testing.assert_allclose(_core.softmax(x), [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)
    np.testing.assert_allclose(_core.softmax(np.zeros((1, cols), dtype)), 1 / cols, rtol=1e-6)


def test_rows_with_nan_leave_the_others_alone(dtype, isa, rng):
    x = rng.standard_normal((40, 13)).astype(dtype)
    clean = {name: ours(x) for name, (ours, _) in FORWARD.items()}
    x[11, 5] = np.nan
    for name, (ours, _) in FORWARD.items():
        rest = np.arange(40) != 11
        assert_same_bits(ours(x)[rest], clean[name][rest])


@both
def test_shift_by_a_power_of_two_changes_nothing(name, dtype, isa, rng):
    x = rng.integers(-8, 8, (20, 30)).astype(dtype)
    assert_same_bits(FORWARD[name][0](x + dtype(4096)), FORWARD[name][0](x))


@both
@pytest.mark.parametrize("cols", [1, 10, 37, 1000])
def test_same_bits_on_any_threads_instruction_set_and_split(name, cols, dtype, rng):
    x, dy = rng.standard_normal((2, 2003, cols)).astype(dtype)
    forward, backward = FORWARD[name][0], BACKWARD[name][0]
    expected = {}
    for isa, n in itertools.product(_core.supported_isas(), thread_counts()):
        _core.set_isa(isa)
        use_threads(n)
        y = forward(x)
        got = (y, backward(dy, y))
        first = expected.setdefault("fma" if isa.startswith("avx") else isa, got)
        for a, b in zip(got, first, strict=True):
            assert_same_bits(a, b, f"{isa}, {n} threads")
        for rows in [slice(0, 1), slice(2002, 2003), slice(700, 707)]:
            assert_same_bits(forward(x[rows]), y[rows])
            assert_same_bits(backward(dy[rows], y[rows]), got[1][rows])


@both
def test_layouts(name, dtype, layout, rng):
    x, dy = rng.standard_normal((2, 6, 5)).astype(dtype)
    forward, backward = FORWARD[name][0], BACKWARD[name][0]
    y = forward(x)
    assert_same_bits(forward(layout(x)), y)
    assert_same_bits(backward(layout(dy), layout(y)), backward(dy, y))


@both
@pytest.mark.parametrize("shape", [(0, 5), (0,), (5, 0), (2, 0, 3)])
def test_empty(name, shape, dtype):
    x = np.ones(shape, dtype)
    assert FORWARD[name][0](x).shape == shape
    assert BACKWARD[name][0](x, x).shape == shape


@both
def test_out(name, dtype, rng):
    x = rng.standard_normal((6, 5)).astype(dtype)
    for axis in (0, 1):
        out, expected = np.empty_like(x), FORWARD[name][0](x, axis)
        assert FORWARD[name][0](x, axis, out) is out
        assert_same_bits(out, expected)
        work = x.copy()
        FORWARD[name][0](work, axis, work)
        assert_same_bits(work, expected)


@both
@pytest.mark.parametrize(
    ("x", "axis", "error", "names"),
    [
        (np.ones(()), -1, ValueError, r"\(\)"),
        (np.ones((2, 3)), 2, (ValueError, IndexError), "axis"),
        (np.ones((2, 3)), -3, (ValueError, IndexError), "axis"),
        (np.ones((2, 3), complex), -1, TypeError, "complex"),
        (None, -1, TypeError, "x"),
    ],
)
def test_misuse(name, x, axis, error, names):
    with pytest.raises(error, match=names) as caught:
        FORWARD[name][0](x, axis)
    assert name in str(caught.value)


@both
def test_shapes_that_do_not_match(name):
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)|\(3, 2\).*\(2, 3\)"):
        BACKWARD[name][0](np.ones((2, 3)), np.ones((3, 2)))


@hypothesis.given(
    hypothesis.extra.numpy.arrays(
        hypothesis.strategies.sampled_from([np.float32, np.float64]),
        hypothesis.extra.numpy.array_shapes(min_dims=1, max_dims=3, max_side=40),
        elements=hypothesis.strategies.floats(-1e6, 1e6, width=32),
    )
)
@hypothesis.settings(max_examples=200, deadline=None)
def test_rows_sum_to_one(x):
    y = _core.softmax(x)
    cols = x.shape[-1]
    assert (y >= 0).all()
    assert (y <= 1).all()
    assert (np.abs(oracle.wide(y).sum(-1) - 1) <= (cols + 2) * np.finfo(x.dtype).eps).all()
    log_y = _core.log_softmax(x)
    assert (log_y <= 0).all()
    total = np.exp(oracle.wide(log_y)).sum(-1)
    scale = 1 + np.abs(oracle.wide(log_y)).min(-1)
    assert (np.abs(total - 1) <= (cols + 2) * np.finfo(x.dtype).eps * scale).all()
