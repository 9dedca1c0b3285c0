"""The layers of CS231n against the same layers in plain NumPy (tests/courses/cs231n)."""

import copy
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_packages import cs231n
from course_reference import agree, dtypes, few, floats, identical, numbers, orders, same_error, seeds
from finite_differences import assert_gradient
from nnfast.compat.cs231n import fast_layers as F
from nnfast.compat.cs231n import layer_utils as U
from nnfast.compat.cs231n import layers as L

R = cs231n().layers
RF = cs231n().fast_layers
RU = cs231n().layer_utils
DTYPES = [np.float64, np.float32]
sizes = st.integers(1, 6)
both = pytest.mark.parametrize("dtype", DTYPES, ids=["f64", "f32"])


def agree_all(got, expected, scale=None, what="", inputs=()):
    assert type(got) is tuple
    assert len(got) == len(expected)
    for i, (a, b) in enumerate(zip(got, expected, strict=True)):
        agree(a, b, scale, f"{what} {i}", inputs)


class unchanged:
    """Nothing in these arguments is written to."""

    def __init__(self, *arguments):
        self.arguments, self.before = arguments, copy.deepcopy(arguments)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if failure[0] is None:
            for a, b in zip(self.arguments, self.before, strict=True):
                np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------------------------------------- affine
@both
def test_affine_flattens_each_sample_and_gives_back_its_shape(dtype):
    x, w, b = numbers(1, (4, 2, 3, 5), dtype), numbers(2, (30, 7), dtype), numbers(3, (7,), dtype)
    dout = numbers(4, (4, 7), dtype)
    with unchanged(x, w, b, dout):
        out, cache = L.affine_forward(x, w, b)
        gradients = L.affine_backward(dout, cache)
    agree(out, R.affine_forward(x, w, b)[0])
    agree_all(gradients, R.affine_backward(dout, (x, w, b)))
    assert [g.shape for g in gradients] == [x.shape, w.shape, b.shape]


def test_affine_cache_is_the_three_arguments_themselves():
    arguments = numbers(1, (4, 3), np.float64), numbers(2, (3, 2), np.float64), np.zeros(2)
    _, cache = L.affine_forward(*arguments)
    assert type(cache) is tuple
    assert [a is b for a, b in zip(cache, arguments, strict=True)] == [True] * 3


def test_affine_weights_are_read_again_at_every_call():
    x, w, b = np.ones((2, 3)), np.ones((3, 2)), np.zeros(2)
    L.affine_forward(x, w, b)
    w[0, 0] += 1
    b[1] = 5
    assert L.affine_forward(x, w, b)[0].tolist() == [[4, 8], [4, 8]]


def test_affine_gradients_are_new_arrays_each_time():
    _, cache = L.affine_forward(np.ones((2, 3)), np.ones((3, 2)), np.zeros(2))
    first, second = (L.affine_backward(np.ones((2, 2)), cache) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert not np.shares_memory(a, b)


@both
def test_affine_bias_of_one_row(dtype):
    """The lecture notes' biases are (1, h): their gradient is, too."""
    x, w, b = numbers(1, (4, 3), dtype), numbers(2, (3, 2), dtype), numbers(3, (1, 2), dtype)
    out, cache = L.affine_forward(x, w, b)
    agree(out, x.dot(w) + b)
    dout = numbers(4, (4, 2), dtype)
    agree(L.affine_backward(dout, cache)[2], np.sum(dout, axis=0, keepdims=True))


def test_affine_float32_weights_in_fortran_order():
    x, w, b = numbers(1, (9, 20), np.float32), numbers(2, (20, 8), np.float32, "F"), np.zeros(8, np.float32)
    out, cache = L.affine_forward(x, w, b)
    agree(out, R.affine_forward(x, w, b)[0])
    agree_all(L.affine_backward(out, cache), R.affine_backward(out, cache))


@pytest.mark.parametrize("b", [2.5, [1.0, 2.0], np.ones(1), np.ones((4, 2))], ids=str)
def test_affine_takes_whatever_numpy_adds_as_a_bias(b):
    x, w = numbers(1, (4, 3), np.float64), numbers(2, (3, 2), np.float64)
    agree(L.affine_forward(x, w, b)[0], R.affine_forward(x, w, b)[0])


def test_affine_errors_are_numpys():
    x, w, b = np.ones((4, 3)), np.ones((3, 2)), np.ones(2)
    for bad in [(x, np.ones((4, 2)), b), (x, w, np.ones(3)), ([[1.0]], w, b), (np.ones((0, 3)), w, b)]:
        same_error(lambda bad=bad: R.affine_forward(*bad), lambda bad=bad: L.affine_forward(*bad))
    for bad in [np.ones((4, 3)), np.ones((3, 2))]:
        same_error(
            lambda bad=bad: R.affine_backward(bad, (x, w, b)),
            lambda bad=bad: L.affine_backward(bad, (x, w, b)),
        )


@few
@hypothesis.given(
    sizes, st.lists(sizes, min_size=1, max_size=3), sizes, st.tuples(*[dtypes] * 4), orders, seeds
)
def test_affine_of_anything(n, shape, m, kinds, order, seed):
    x, w = (
        numbers(seed, (n, *shape), kinds[0], order),
        numbers(seed, (int(np.prod(shape)), m), kinds[1], order),
    )
    b, dout = numbers(seed, (m,), kinds[2]), numbers(seed, (n, m), kinds[3], order)
    with unchanged(x, w, b, dout):
        out, cache = L.affine_forward(x, w, b)
        gradients = L.affine_backward(dout, cache)
    expected = R.affine_forward(x, w, b)[0]
    size = 10 * np.abs(x.reshape(n, -1), dtype=float).max() * np.abs(w, dtype=float).sum(0).max() + 1
    agree(out, expected, size, "out", (x, w))
    agree_all(gradients, R.affine_backward(dout, cache), 10 * size, "gradient", (x, w, dout))


# ---------------------------------------------------------------------------------------------- relu
def test_relu_cache_is_x_and_the_derivative_at_zero_is_zero():
    x = np.array([-1.0, 0.0, -0.0, 2.0, np.nan])
    out, cache = L.relu_forward(x)
    assert cache is x
    np.testing.assert_array_equal(out, [0, 0, 0, 2, np.nan])
    dout = np.arange(1.0, 6.0)
    dx = L.relu_backward(dout[:4], cache[:4])
    assert dx.tolist() == [0, 0, 0, 4]
    assert dout.tolist() == [1, 2, 3, 4, 5]
    assert dx is not dout


@few
@hypothesis.given(st.lists(sizes, max_size=4), dtypes, dtypes, orders, seeds)
def test_relu_of_anything(shape, kind, other, order, seed):
    order = order if shape else "C"
    x, dout = numbers(seed, shape, kind, order), numbers(seed + 1, shape, other, order)
    with unchanged(x, dout):
        out, cache = L.relu_forward(x)
        dx = L.relu_backward(dout, cache)
    np.testing.assert_array_equal(out, R.relu_forward(x)[0], strict=bool(shape))
    np.testing.assert_array_equal(dx, R.relu_backward(dout, x), strict=bool(shape))


def test_relu_backward_broadcasts_as_numpy_does():
    x, dout = numbers(1, (3, 4), np.float64), numbers(2, (1, 4), np.float64)
    np.testing.assert_array_equal(L.relu_backward(dout, x), R.relu_backward(dout, x))
    same_error(lambda: R.relu_backward(np.ones(3), x), lambda: L.relu_backward(np.ones(3), x))


# ---------------------------------------------------------------------------------------------- losses
LOSSES = ["softmax_loss", "svm_loss"]


@both
@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_a_scalar_of_the_dtype_of_the_scores(name, dtype):
    x, y = numbers(1, (5, 4), dtype), np.array([0, 3, 1, 2, 2])
    with unchanged(x, y):
        loss, dx = getattr(L, name)(x, y)
    agree(loss, getattr(R, name)(x, y)[0])
    agree(dx, getattr(R, name)(x, y)[1])
    assert type(loss) is dtype
    assert type(getattr(L, name)(x, y)) is tuple


def test_softmax_loss_has_no_epsilon_and_no_overflow():
    loss, dx = L.softmax_loss(np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 1]))
    assert loss == 500
    np.testing.assert_allclose(dx, [[0.5, -0.5], [0, 0]], atol=1e-300)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32, np.int64, np.uint16])
def test_loss_takes_labels_of_any_integer_type(name, kind):
    x, y = numbers(1, (5, 4), np.float64), np.array([0, 3, 1, 2, 2], kind)
    agree_all(getattr(L, name)(x, y), getattr(R, name)(x, y))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    "y", [np.array([-1, -4, 0]), [0, 1, 2], np.array([[0], [1], [2]])], ids=["negative", "list", "column"]
)
def test_labels_that_only_numpy_understands(name, y):
    x = numbers(1, (3, 4), np.float64)
    try:
        expected = getattr(R, name)(x, y)
    except (ValueError, IndexError):
        same_error(lambda: getattr(R, name)(x, y), lambda: getattr(L, name)(x, y))
    else:
        agree_all(getattr(L, name)(x, y), expected)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("y", [np.array([0, 4, 0]), np.array([0.0, 1.0, 2.0]), np.array([0, 1])], ids=str)
def test_loss_errors_are_numpys(name, y):
    x = numbers(1, (3, 4), np.float64)
    same_error(lambda: getattr(R, name)(x, y), lambda: getattr(L, name)(x, y))


@few
@hypothesis.given(st.sampled_from(LOSSES), sizes, st.integers(2, 7), dtypes, orders, seeds)
def test_loss_of_anything(name, n, classes, kind, order, seed):
    x, y = numbers(seed, (n, classes), kind, order), np.random.default_rng(seed).integers(0, classes, n)
    if name == "svm_loss" and np.dtype(kind).kind == "i":
        return  # an integer gradient cannot be divided in place
    with unchanged(x, y):
        got = getattr(L, name)(x, y)
    agree_all(got, getattr(R, name)(x, y), 1.0, inputs=(x,))


@pytest.mark.parametrize("name", LOSSES)
def test_loss_gradients_by_finite_differences(name, rng):
    x, y = rng.standard_normal((5, 4)), np.array([0, 3, 1, 2, 2])
    assert_gradient(getattr(L, name)(x, y)[1], lambda: getattr(L, name)(x, y)[0], x)


# ---------------------------------------------------------------------------------------------- batch normalization
def batch(dtype=np.float64, n=6, d=4, order="C", seed=1):
    x = numbers(seed, (n, d), dtype, order, zeros=False)
    return (
        x,
        numbers(seed + 1, (d,), dtype),
        numbers(seed + 2, (d,), dtype),
        numbers(seed + 3, (n, d), dtype, order),
    )


@both
def test_batchnorm_training_writes_running_statistics_of_the_biased_variance(dtype):
    x, gamma, beta, _ = batch(dtype)
    param = {"mode": "train"}
    with unchanged(x, gamma, beta):
        out, _ = L.batchnorm_forward(x, gamma, beta, param)
    agree(out, R.batchnorm_forward(x, gamma, beta, {"mode": "train"})[0])
    assert list(param) == ["mode", "running_mean", "running_var"]
    agree(param["running_mean"], dtype(1 - 0.9) * x.mean(axis=0), 1.0)
    agree(param["running_var"], dtype(1 - 0.9) * x.var(axis=0), 1.0)
    held = param["running_mean"], param["running_var"]
    before = copy.deepcopy(held)
    L.batchnorm_forward(x + 1, gamma, beta, param)
    assert param["running_mean"] is not held[0]
    assert param["running_var"] is not held[1]
    np.testing.assert_array_equal(held, before)


def test_batchnorm_needs_a_mode_it_knows():
    x, gamma, beta, _ = batch()
    same_error(
        lambda: R.batchnorm_forward(x, gamma, beta, {}), lambda: L.batchnorm_forward(x, gamma, beta, {})
    )
    with pytest.raises(ValueError, match=r'^Invalid forward batchnorm mode "predict"$'):
        L.batchnorm_forward(x, gamma, beta, {"mode": "predict"})
    with pytest.raises(ValueError, match="not enough values"):
        L.batchnorm_forward(np.ones(3), gamma, beta, {"mode": "train"})


def test_batchnorm_test_mode_has_no_cache_and_writes_the_statistics_back():
    x, gamma, beta, _ = batch()
    param = {"mode": "test", "running_mean": np.arange(4.0), "running_var": np.arange(4.0) + 1}
    held = dict(param)
    out, cache = L.batchnorm_forward(x, gamma, beta, param)
    assert cache is None
    agree(out, R.batchnorm_forward(x, gamma, beta, dict(param))[0])
    assert all(param[key] is held[key] for key in held)
    fresh = {"mode": "test"}
    agree(
        L.batchnorm_forward(x, gamma, beta, fresh)[0],
        R.batchnorm_forward(x, gamma, beta, {"mode": "test"})[0],
    )
    assert fresh["running_mean"].tolist() == fresh["running_var"].tolist() == [0, 0, 0, 0]


@both
def test_batchnorm_running_statistics_start_at_zero_in_the_dtype_of_x(dtype):
    x, gamma, beta, _ = batch(dtype)
    for mode in ("train", "test"):
        param = {"mode": mode}
        L.batchnorm_forward(x, gamma, beta, param)
        assert param["running_mean"].dtype == param["running_var"].dtype == dtype


def test_batchnorm_takes_eps_momentum_and_keys_of_nobody():
    """The starter code of 2016 wrote bn_param[mode] = mode."""
    x, gamma, beta, _ = batch()
    plain, ours = (
        {"mode": "train", "train": "train", "eps": 0.3, "momentum": 0.25, "x": 1} for _ in range(2)
    )
    for _ in range(2):
        agree(L.batchnorm_forward(x, gamma, beta, ours)[0], R.batchnorm_forward(x, gamma, beta, plain)[0])
    assert list(ours) == list(plain)
    agree(ours["running_mean"], plain["running_mean"])
    agree(ours["running_var"], plain["running_var"])


def test_batchnorm_of_one_sample_is_beta():
    x, gamma, beta, dout = batch(n=1)
    out, cache = L.batchnorm_forward(x, gamma, beta, {"mode": "train"})
    np.testing.assert_array_equal(out, beta[None])
    dx, dgamma, dbeta = L.batchnorm_backward(dout, cache)
    assert not dx.any()
    assert not dgamma.any()
    identical(dbeta, dout[0])


@pytest.mark.parametrize("eps", [0.0, -0.001, np.float64(1e-3)])
def test_batchnorm_takes_any_eps(eps):
    x, gamma, beta, dout = batch(n=8)
    got = L.batchnorm_forward(x, gamma, beta, {"mode": "train", "eps": eps})
    expected = R.batchnorm_forward(x, gamma, beta, {"mode": "train", "eps": eps})
    agree(got[0], expected[0], 10.0)
    agree_all(L.batchnorm_backward(dout, got[1]), R.batchnorm_backward(dout, expected[1]), 100.0)


@few
@hypothesis.given(st.integers(2, 7), sizes, st.tuples(*[dtypes] * 4), orders, seeds, st.booleans())
def test_batchnorm_of_anything(n, d, kinds, order, seed, alt):
    x, gamma = numbers(seed, (n, d), kinds[0], order), numbers(seed + 1, (d,), kinds[1])
    beta, dout = numbers(seed + 2, (d,), kinds[2]), numbers(seed + 3, (n, d), kinds[3], order)
    plain, ours = {"mode": "train", "eps": 0.1}, {"mode": "train", "eps": 0.1}
    with unchanged(x, gamma, beta, dout):
        out, cache = L.batchnorm_forward(x, gamma, beta, ours)
        got = (L.batchnorm_backward_alt if alt else L.batchnorm_backward)(dout, cache)
    expected, plain_cache = R.batchnorm_forward(x, gamma, beta, plain)
    agree(out, expected, 30.0, "out", (x, gamma, beta))
    for key in ("running_mean", "running_var"):
        agree(ours[key], plain[key], 30.0, key, (x,))
    for a, b in zip(got, R.batchnorm_backward(dout, plain_cache), strict=True):
        agree(a, b.astype(a.dtype), 300.0, "gradient", (x, gamma, dout))


def test_batchnorm_gradients_by_finite_differences(rng):
    x, gamma, beta, dout = (rng.standard_normal(s) for s in [(7, 3), 3, 3, (7, 3)])

    def run():
        return np.sum(dout * L.batchnorm_forward(x, gamma, beta, {"mode": "train"})[0])

    _, cache = L.batchnorm_forward(x, gamma, beta, {"mode": "train"})
    for backward in (L.batchnorm_backward, L.batchnorm_backward_alt):
        for got, at in zip(backward(dout, cache), (x, gamma, beta), strict=True):
            assert_gradient(got, run, at)


# ---------------------------------------------------------------------------------------------- layer, group norm
@pytest.mark.parametrize("param", [{}, {"mode": "train"}, {"mode": "test", "eps": 0.3}], ids=str)
@both
def test_layernorm_looks_at_eps_only(param, dtype):
    x, gamma, beta, dout = batch(dtype)
    given = dict(param)
    with unchanged(x, gamma, beta, dout):
        out, cache = L.layernorm_forward(x, gamma, beta, given)
        got = L.layernorm_backward(dout, cache)
    assert given == param
    expected, plain = R.layernorm_forward(x, gamma, beta, param)
    agree(out, expected)
    agree_all(got, R.layernorm_backward(dout, plain), 10.0)


@few
@hypothesis.given(sizes, st.integers(2, 7), st.tuples(*[dtypes] * 4), orders, seeds)
def test_layernorm_of_anything(n, d, kinds, order, seed):
    x, gamma = numbers(seed, (n, d), kinds[0], order), numbers(seed + 1, (d,), kinds[1])
    beta, dout = numbers(seed + 2, (d,), kinds[2]), numbers(seed + 3, (n, d), kinds[3], order)
    out, cache = L.layernorm_forward(x, gamma, beta, {"eps": 0.1})
    expected, plain = R.layernorm_forward(x, gamma, beta, {"eps": 0.1})
    agree(out, expected, 30.0, "out", (x, gamma, beta))
    for a, b in zip(L.layernorm_backward(dout, cache), R.layernorm_backward(dout, plain), strict=True):
        agree(a, b.astype(a.dtype), 300.0, "gradient", (x, gamma, dout))


@few
@hypothesis.given(sizes, st.integers(1, 3), sizes, sizes, sizes, floats, orders, seeds)
def test_groupnorm_of_anything(n, groups, each, height, width, kind, order, seed):
    shape = (n, groups * each, height, width)
    x, dout = numbers(seed, shape, kind, order), numbers(seed + 1, shape, kind, order)
    gamma, beta = (numbers(seed + k, (1, shape[1], 1, 1), kind) for k in (2, 3))
    with unchanged(x, gamma, beta, dout):
        out, cache = L.spatial_groupnorm_forward(x, gamma, beta, groups, {"eps": 0.1})
        got = L.spatial_groupnorm_backward(dout, cache)
    expected, plain = R.spatial_groupnorm_forward(x, gamma, beta, groups, {"eps": 0.1})
    agree(out, expected, 30.0)
    agree_all(got, R.spatial_groupnorm_backward(dout, plain), 300.0)


def test_groupnorm_of_flat_gamma_and_of_mixed_dtypes():
    x, gamma, beta = (
        numbers(1, (2, 4, 2, 3), np.float32),
        numbers(2, (4,), np.float64),
        numbers(3, (4,), np.float64),
    )
    out, cache = L.spatial_groupnorm_forward(x, gamma, beta, 2, {})
    full = gamma.reshape(1, 4, 1, 1), beta.reshape(1, 4, 1, 1)
    expected, plain = R.spatial_groupnorm_forward(x, *full, 2, {})
    agree(out, expected, 3.0, inputs=(x,))
    dx, dgamma, dbeta = L.spatial_groupnorm_backward(out, cache)
    for got, wanted in zip((dx, dgamma, dbeta), R.spatial_groupnorm_backward(out, plain), strict=True):
        agree(got, wanted.reshape(got.shape), 30.0, inputs=(x,))


@few
@hypothesis.given(st.integers(2, 5), sizes, sizes, sizes, floats, orders, seeds)
def test_spatial_batchnorm_of_anything(n, c, height, width, kind, order, seed):
    x, dout = (numbers(seed + k, (n, c, height, width), kind, order) for k in (0, 1))
    gamma, beta = numbers(seed + 2, (c,), kind), numbers(seed + 3, (c,), kind)
    plain, ours = {"mode": "train", "eps": 0.1}, {"mode": "train", "eps": 0.1}
    with unchanged(x, gamma, beta, dout):
        out, cache = L.spatial_batchnorm_forward(x, gamma, beta, ours)
        got = L.spatial_batchnorm_backward(dout, cache)
    expected, plain_cache = R.spatial_batchnorm_forward(x, gamma, beta, plain)
    agree(out, expected, 30.0)
    agree_all(got, R.spatial_batchnorm_backward(dout, plain_cache), 300.0)
    agree(ours["running_var"], plain["running_var"], 1.0)
    ours["mode"] = plain["mode"] = "test"
    out, cache = L.spatial_batchnorm_forward(x, gamma, beta, ours)
    assert cache is None
    agree(out, R.spatial_batchnorm_forward(x, gamma, beta, plain)[0], 30.0)


# ---------------------------------------------------------------------------------------------- dropout
def after(seed, call):
    """What the call gives from this state of the global generator, and the next draw."""
    np.random.seed(seed)
    return call(), np.random.rand()


@both
def test_dropout_draws_one_rand_of_the_shape_and_keeps_with_probability_p(dtype):
    x = numbers(1, (5, 4, 3), dtype)
    param = {"mode": "train", "p": 0.7}
    (out, cache), next_draw = after(3, lambda: L.dropout_forward(x, param))
    (expected, (_, mask)), expected_draw = after(3, lambda: R.dropout_forward(x, param))
    identical(out, expected)
    assert next_draw == expected_draw
    assert out.dtype == dtype
    assert type(cache) is tuple
    assert cache[0] is param
    identical(cache[1], mask)
    assert set(np.unique(cache[1])) == {0.0, 1 / 0.7}


def test_dropout_seed_seeds_the_global_generator():
    x = np.ones((4, 4))
    found = [
        after(s, lambda: L.dropout_forward(x, {"mode": "train", "p": 0.5, "seed": 9})[0]) for s in (1, 2)
    ]
    identical(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    np.random.seed(9)
    identical(found[0][0], x * ((np.random.rand(4, 4) < 0.5) / 0.5))


def test_dropout_test_mode_gives_x_itself_and_draws_nothing():
    x, param = np.ones((3, 3)), {"mode": "test", "p": 0.5}
    (out, cache), draw = after(1, lambda: L.dropout_forward(x, param))
    assert out is x
    assert cache[1] is None
    np.random.seed(1)
    assert draw == np.random.rand()
    dout = np.ones((3, 3))
    assert L.dropout_backward(dout, cache) is dout


def test_dropout_backward_looks_the_mode_up_when_it_runs():
    x, param = np.ones((3, 3)), {"mode": "train", "p": 0.5, "seed": 1}
    out, cache = L.dropout_forward(x, param)
    identical(L.dropout_backward(x, cache), out)
    param["mode"] = "test"
    assert L.dropout_backward(x, cache) is x


def test_dropout_without_a_known_mode_fails_as_in_the_course():
    for param in ({"mode": "x", "p": 0.5}, {"p": 0.5}, {"mode": "train"}):
        same_error(
            lambda param=param: R.dropout_forward(np.ones(3), param),
            lambda param=param: L.dropout_forward(np.ones(3), param),
        )


def test_dropout_of_2016_drops_with_probability_p(monkeypatch):
    monkeypatch.setattr(L, "DROPOUT_P", "drop")
    x = np.ones((200, 50))
    out, (_, mask) = L.dropout_forward(x, {"mode": "train", "p": 0.25, "seed": 0})
    assert abs((out == 0).mean() - 0.25) < 0.02
    np.random.seed(0)
    identical(mask, (np.random.rand(200, 50) >= 0.25) / 0.75)


# ---------------------------------------------------------------------------------------------- convolution, pooling
@st.composite
def convolutions(draw):
    stride, pad, height, width = (
        draw(st.integers(1, 3)),
        draw(st.integers(0, 2)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
    )
    x = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    return x, (draw(st.integers(1, 3)), x[1], height, width), {"stride": stride, "pad": pad}


@few
@hypothesis.given(convolutions(), st.sampled_from(["naive", "fast"]), floats, orders, seeds)
def test_convolution_of_anything(case, name, kind, order, seed):
    x_shape, w_shape, param = case
    x, w, b = (numbers(seed, s, kind, order if len(s) > 1 else "C") for s in (x_shape, w_shape, w_shape[:1]))
    forward, backward = getattr(U, f"conv_forward_{name}"), getattr(U, f"conv_backward_{name}")
    expected, plain = R.conv_forward_naive(x, w, b, param)
    dout = numbers(seed, expected.shape, kind, order)
    with unchanged(x, w, b, dout):
        out, cache = forward(x, w, b, param)
        got = backward(dout, cache)
    agree(out, expected, 30.0)
    agree_all(got, R.conv_backward_naive(dout, plain), 100.0)


def test_naive_caches_are_the_arguments():
    x, w, b, param = np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2)), np.zeros(1), {"stride": 1, "pad": 0}
    cache = L.conv_forward_naive(x, w, b, param)[1]
    assert [a is c for a, c in zip(cache, (x, w, b, param), strict=True)] == [True] * 4
    pool = {"pool_height": 2, "pool_width": 2, "stride": 2}
    cache = L.max_pool_forward_naive(x, pool)[1]
    assert [a is c for a, c in zip(cache, (x, pool), strict=True)] == [True] * 2


def test_fast_convolution_goes_by_all_the_names_of_the_starter_code():
    x, w, b = (numbers(1, s, np.float64) for s in [(2, 3, 5, 5), (4, 3, 3, 3), (4,)])
    out, cache = F.conv_forward_im2col(x, w, b, {"stride": 2, "pad": 1})
    agree(out, RF.conv_forward_strides(x, w, b, {"stride": 2, "pad": 1})[0])
    agree_all(F.conv_backward_im2col(out, cache), F.conv_backward_strides(out, cache))
    assert F.conv_forward_fast is F.conv_forward_strides
    with pytest.raises(AssertionError, match="width does not work"):
        F.conv_forward_im2col(x[:, :, :, :4], w, b, {"stride": 2, "pad": 1})
    with pytest.raises(AssertionError, match="height does not work"):
        F.conv_forward_im2col(x[:, :, :4], w, b, {"stride": 2, "pad": 1})


POOLS = [(2, 2, 2), (3, 3, 3), (2, 2, 1), (3, 2, 1), (2, 4, 2)]


@both
@pytest.mark.parametrize("size", POOLS, ids=str)
def test_pooling(size, dtype):
    param = dict(zip(("pool_height", "pool_width", "stride"), size, strict=True))
    x = numbers(1, (3, 2, 6, 6), dtype)
    with unchanged(x):
        out, cache = F.max_pool_forward_fast(x, param)
        naive, naive_cache = L.max_pool_forward_naive(x, param)
        dout = numbers(2, out.shape, dtype)
        dx, naive_dx = F.max_pool_backward_fast(dout, cache), L.max_pool_backward_naive(dout, naive_cache)
    expected, plain = RF.max_pool_forward_fast(x, param)
    assert cache[0] == plain[0]
    np.testing.assert_array_equal(out, expected, strict=True)
    np.testing.assert_array_equal(naive, expected, strict=True)
    agree(dx, RF.max_pool_backward_fast(dout, plain), 5.0)
    agree(naive_dx, R.max_pool_backward_naive(dout, naive_cache), 5.0)


def test_equal_values_in_a_window():
    """ "reshape" divides the gradient, "im2col" and the naive one give it to the first."""
    x, dout = np.array([[[[1.0, 1.0], [0.0, 1.0]]]]), np.array([[[[6.0]]]])
    tiles = {"pool_height": 2, "pool_width": 2, "stride": 2}
    out, cache = F.max_pool_forward_fast(x, tiles)
    assert cache[0] == "reshape"
    assert F.max_pool_backward_fast(dout, cache).tolist() == [[[[2, 2], [0, 2]]]]
    assert F.max_pool_backward_im2col(dout, F.max_pool_forward_im2col(x, tiles)[1]).tolist() == [
        [[[6, 0], [0, 0]]]
    ]
    assert L.max_pool_backward_naive(dout, (x, tiles)).tolist() == [[[[6, 0], [0, 0]]]]
    assert out.tolist() == [[[[1]]]]


def test_pooling_says_what_does_not_fit():
    x = np.ones((1, 1, 5, 4))
    for name, size, text in [
        ("im2col", (2, 2, 2), "Invalid height"),
        ("im2col", (1, 3, 2), "Invalid width"),
        ("reshape", (2, 1, 2), "Invalid pool params"),
    ]:
        with pytest.raises(AssertionError, match=text):
            getattr(F, f"max_pool_forward_{name}")(
                x, dict(zip(("pool_height", "pool_width", "stride"), size, strict=True))
            )
    with pytest.raises(ValueError, match=r'^Unrecognized method "x"$'):
        F.max_pool_backward_fast(x, ("x", None))


# ---------------------------------------------------------------------------------------------- layer_utils
def test_affine_relu_has_the_caches_of_its_parts():
    x, w, b = (numbers(1, s, np.float64) for s in [(4, 2, 3), (6, 5), (5,)])
    out, cache = U.affine_relu_forward(x, w, b)
    fc_cache, relu_cache = cache
    assert [a is c for a, c in zip(fc_cache, (x, w, b), strict=True)] == [True] * 3
    agree(relu_cache, L.affine_forward(x, w, b)[0])
    expected, plain = RU.affine_relu_forward(x, w, b)
    agree(out, expected)
    dout = numbers(2, out.shape, np.float64)
    agree_all(U.affine_relu_backward(dout, cache), RU.affine_relu_backward(dout, plain))


@both
def test_convolutional_sandwiches(dtype):
    x, w, b = (numbers(k, s, dtype) for k, s in enumerate([(3, 2, 6, 6), (4, 2, 3, 3), (4,)]))
    gamma, beta = numbers(8, (4,), dtype), numbers(9, (4,), dtype)
    conv, pool = {"stride": 1, "pad": 1}, {"pool_height": 2, "pool_width": 2, "stride": 2}
    for name, arguments in [
        ("conv_relu", (x, w, b, conv)),
        ("conv_relu_pool", (x, w, b, conv, pool)),
        ("conv_bn_relu", (x, w, b, gamma, beta, conv, {"mode": "train"})),
    ]:
        out, cache = getattr(U, f"{name}_forward")(*arguments)
        expected, plain = getattr(RU, f"{name}_forward")(*arguments)
        assert len(cache) == len(plain)
        agree(out, expected)
        dout = numbers(3, out.shape, dtype)
        agree_all(
            getattr(U, f"{name}_backward")(dout, cache), getattr(RU, f"{name}_backward")(dout, plain), 50.0
        )


def test_star_imports_bring_what_the_courses_files_bring():
    names = {}
    exec("from nnfast.compat.cs231n.layer_utils import *", names)
    wanted = {name for module in (R, RF, RU) for name in vars(module) if not name.startswith("_")}
    assert wanted - set(names) == {
        "affine_norm_relu_forward",
        "affine_norm_relu_backward",
    }  # the learner's own


def test_caches_can_be_pickled_and_copied():
    x, gamma, beta, dout = batch()
    _, cache = L.batchnorm_forward(x, gamma, beta, {"mode": "train"})
    expected = L.batchnorm_backward(dout, cache)
    for again in (pickle.loads(pickle.dumps(cache)), copy.deepcopy(cache)):
        for a, b in zip(L.batchnorm_backward(dout, again), expected, strict=True):
            identical(a, b)
