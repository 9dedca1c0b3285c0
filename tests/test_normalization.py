"""Batch and layer normalization: values, statistics, derivatives, special shapes, bits."""

import itertools

import numpy as np
import oracle
import pytest
from conftest import assert_same_bits, thread_counts, use_threads
from finite_differences import assert_gradient
from nnfast import _core

SHAPES = [(2, 1), (5, 3), (64, 17), (100, 50), (33, 64), (257, 33), (3, 300)]
EPS = 1e-5


def make(rng, dtype, rows, cols, offset=0.5):
    x = (1.5 * rng.standard_normal((rows, cols)) + offset).astype(dtype)
    gamma, beta = rng.uniform(0.5, 2, cols).astype(dtype), rng.standard_normal(cols).astype(dtype)
    return x, gamma, beta, rng.standard_normal((rows, cols)).astype(dtype)


def close(got, expected, dtype, factor=64.0):
    expected = np.asarray(expected).astype(float)
    tolerance = factor * np.finfo(dtype).eps
    np.testing.assert_allclose(
        got, expected, rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max(initial=0))
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_normalization(shape, dtype, isa, threads, rng):
    x, gamma, beta, dy = make(rng, dtype, *shape)
    y, mean, var, inv_std = _core.batch_normalization_train(x, gamma, beta, EPS)
    dx, dgamma, dbeta = _core.batch_normalization_backward(dy, x, gamma, mean, inv_std)
    e = oracle.normalize(*map(oracle.wide, (x, gamma, beta)), EPS, 0, oracle.wide(dy))
    for got, expected in zip([y, dx, dgamma, dbeta, mean, var], e, strict=True):
        assert got.dtype == dtype
        close(got, expected, dtype, 64 * (1 + 1 / np.sqrt(e[5].min() + EPS).astype(float)))
    close(inv_std, 1 / np.sqrt(e[5] + EPS), dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layer_normalization(shape, dtype, isa, threads, rng):
    rows, cols = shape
    x, gamma, beta, dy = make(rng, dtype, rows, cols)
    y, mean, inv_std = _core.layer_normalization(x, gamma, beta, EPS)
    dx, dgamma, dbeta = _core.layer_normalization_backward(dy, x, gamma, mean, inv_std)
    e = oracle.normalize(*map(oracle.wide, (x, gamma, beta)), EPS, -1, oracle.wide(dy))
    ill = 1 / np.sqrt(e[5].min() + EPS).astype(float)
    for got, expected in zip([y, dx, dgamma, dbeta, mean], e, strict=False):
        assert got.dtype == dtype
        close(got, expected, dtype, 64 * (1 + ill))
    close(inv_std, 1 / np.sqrt(e[5] + EPS), dtype)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_normalization_inference(shape, dtype, isa, rng):
    x, gamma, beta, dy = make(rng, dtype, *shape)
    mean, var = rng.standard_normal(shape[1]).astype(dtype), rng.uniform(0.2, 3, shape[1]).astype(dtype)
    y = _core.batch_normalization_inference(x, gamma, beta, mean, var, EPS)
    gradients = _core.batch_normalization_inference_backward(dy, x, gamma, mean, var, EPS)
    e = oracle.normalize_with(*map(oracle.wide, (x, gamma, beta, mean, var)), EPS, oracle.wide(dy))
    for got, expected in zip([y, *gradients], e, strict=True):
        close(got, expected, dtype)


def test_absent_gamma_and_beta_are_one_and_zero(dtype, rng):
    x, gamma, beta, dy = make(rng, dtype, 20, 9)
    one, zero = np.ones_like(gamma), np.zeros_like(beta)
    for a, b in zip(
        _core.batch_normalization_train(x, None, None, EPS),
        _core.batch_normalization_train(x, one, zero, EPS),
        strict=True,
    ):
        assert_same_bits(a, b)
    _, mean, var, inv_std = _core.batch_normalization_train(x, None, None, EPS)
    assert_same_bits(
        _core.batch_normalization_backward(dy, x, None, mean, inv_std)[0],
        _core.batch_normalization_backward(dy, x, one, mean, inv_std)[0],
    )
    assert_same_bits(
        _core.batch_normalization_inference(x, None, None, mean, var, EPS),
        _core.batch_normalization_inference(x, one, zero, mean, var, EPS),
    )
    for a, b in zip(
        _core.layer_normalization(x, None, None, EPS),
        _core.layer_normalization(x, one, zero, EPS),
        strict=True,
    ):
        assert_same_bits(a, b)
    close(
        _core.batch_normalization_train(x, gamma, None, EPS)[0],
        oracle.normalize(oracle.wide(x), gamma, 0, EPS, 0, dy)[0],
        dtype,
    )


@pytest.mark.parametrize("momentum", [0.9, 0.1, 0.0, 1.0])
@pytest.mark.parametrize("unbiased", [False, True])
def test_running_statistics(momentum, unbiased, dtype, isa, rng):
    mean, var, running_mean, running_var = rng.uniform(0.5, 2, (4, 19)).astype(dtype)
    kept = oracle.wide(running_mean), oracle.wide(running_var)
    _core.update_running_statistics(running_mean, running_var, mean, var, 8, momentum, unbiased)
    entering = oracle.wide(var) * (8 / 7 if unbiased else 1)
    close(running_mean, momentum * kept[0] + (1 - momentum) * oracle.wide(mean), dtype, 4)
    close(running_var, momentum * kept[1] + (1 - momentum) * entering, dtype, 4)


def test_unbiased_variance_of_one_row_is_refused_or_finite(dtype):
    """rows / (rows - 1) of one row is 1/0: never a silent inf or NaN in the running variance."""
    running_mean, running_var = np.zeros(3, dtype), np.ones(3, dtype)
    try:
        _core.update_running_statistics(
            running_mean, running_var, np.ones(3, dtype), np.zeros(3, dtype), 1, 0.9, True
        )
    except ValueError:
        assert np.array_equal(running_var, np.ones(3, dtype))
    assert np.isfinite(running_var).all()


# --------------------------------------------------------------------------------------------- derivatives
def test_batch_normalization_by_finite_differences(rng):
    x, gamma, beta, dy = make(rng, np.float64, 6, 4)

    def f():
        return np.sum(dy * _core.batch_normalization_train(x, gamma, beta, EPS)[0])

    _, mean, _, inv_std = _core.batch_normalization_train(x, gamma, beta, EPS)
    for got, variable in zip(
        _core.batch_normalization_backward(dy, x, gamma, mean, inv_std), (x, gamma, beta), strict=True
    ):
        assert_gradient(got, f, variable)


def test_batch_normalization_inference_by_finite_differences(rng):
    x, gamma, beta, dy = make(rng, np.float64, 6, 4)
    mean, var = rng.standard_normal(4), rng.uniform(0.2, 3, 4)

    def f():
        return np.sum(dy * _core.batch_normalization_inference(x, gamma, beta, mean, var, EPS))

    gradients = _core.batch_normalization_inference_backward(dy, x, gamma, mean, var, EPS)
    for got, variable in zip(gradients, (x, gamma, beta), strict=True):
        assert_gradient(got, f, variable)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 3, 5)])
def test_layer_normalization_by_finite_differences(shape, rng):
    x, dy = rng.standard_normal((2, *shape))
    gamma, beta = rng.uniform(0.5, 2, 5), rng.standard_normal(5)

    def f():
        return np.sum(dy * _core.layer_normalization(x, gamma, beta, EPS)[0])

    _, mean, inv_std = _core.layer_normalization(x, gamma, beta, EPS)
    assert mean.shape == inv_std.shape == shape[:-1]
    for got, variable in zip(
        _core.layer_normalization_backward(dy, x, gamma, mean, inv_std), (x, gamma, beta), strict=True
    ):
        assert_gradient(got, f, variable)


def test_both_are_torchs(torch, rng):
    x, gamma, beta, dy = make(rng, np.float64, 40, 17)
    f = torch.nn.functional
    for kind in ("batch", "layer"):
        tensors = [torch.tensor(a, requires_grad=True) for a in (x, gamma, beta)]
        if kind == "batch":
            running = torch.zeros(17, dtype=torch.float64), torch.ones(17, dtype=torch.float64)
            out = f.batch_norm(
                tensors[0], *running, tensors[1], tensors[2], training=True, momentum=0.1, eps=EPS
            )
            y, mean, var, inv_std = _core.batch_normalization_train(x, gamma, beta, EPS)
            ours = _core.batch_normalization_backward(dy, x, gamma, mean, inv_std)
            running_mean, running_var = np.zeros(17), np.ones(17)
            _core.update_running_statistics(running_mean, running_var, mean, var, 40, 0.9, True)
            np.testing.assert_allclose(running_mean, running[0].numpy(), rtol=1e-12)
            np.testing.assert_allclose(running_var, running[1].numpy(), rtol=1e-12)
        else:
            out = f.layer_norm(tensors[0], (17,), tensors[1], tensors[2], EPS)
            y, mean, inv_std = _core.layer_normalization(x, gamma, beta, EPS)
            ours = _core.layer_normalization_backward(dy, x, gamma, mean, inv_std)
        out.backward(torch.tensor(dy))
        np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-12, atol=1e-13)
        for got, tensor in zip(ours, tensors, strict=True):
            np.testing.assert_allclose(got, tensor.grad.numpy(), rtol=1e-12, atol=1e-12)


# --------------------------------------------------------------------------------------------- hard inputs
def test_large_mean_and_small_variance(dtype, isa, rng):
    """E[x^2] - E[x]^2 would lose everything here; two passes lose what the storage of x lost."""
    rows = 1000
    offset = 1e4 if dtype is np.float32 else 1e9
    x = (offset + rng.standard_normal((rows, 5))).astype(dtype)
    _, mean, var, _ = _core.batch_normalization_train(x, None, None, EPS)
    np.testing.assert_allclose(var, oracle.wide(x).var(0).astype(float), rtol=1e-4)
    np.testing.assert_allclose(mean, oracle.wide(x).mean(0).astype(float), rtol=4 * np.finfo(dtype).eps)
    _, mean, inv_std = _core.layer_normalization(np.ascontiguousarray(x.T), None, None, EPS)
    np.testing.assert_allclose(inv_std, 1 / np.sqrt(oracle.wide(x).var(0).astype(float) + EPS), rtol=1e-4)


def test_constant_input_gives_beta(dtype, isa):
    x = np.full((10, 7), 3.7, dtype)
    beta = np.arange(7, dtype=dtype)
    y, _, _, inv_std = _core.batch_normalization_train(x, np.full(7, 2, dtype), beta, EPS)
    assert np.isfinite(inv_std).all()
    np.testing.assert_allclose(y, np.broadcast_to(beta, (10, 7)), atol=2e-3 if dtype is np.float32 else 1e-10)
    y, _, inv_std = _core.layer_normalization(x, np.full(7, 2, dtype), beta, EPS)
    assert np.isfinite(inv_std).all()
    np.testing.assert_allclose(y, np.broadcast_to(beta, (10, 7)), atol=2e-3 if dtype is np.float32 else 1e-10)


def test_batch_of_one_gives_exactly_beta(dtype, isa, rng):
    x, gamma, beta, dy = make(rng, dtype, 1, 37)
    y, mean, var, inv_std = _core.batch_normalization_train(x, gamma, beta, EPS)
    assert_same_bits(y, beta[None])
    assert_same_bits(mean, x[0])
    assert (var == 0).all()
    dx, dgamma, dbeta = _core.batch_normalization_backward(dy, x, gamma, mean, inv_std)
    assert np.array_equal(dx, np.zeros_like(x))
    assert np.array_equal(dgamma, np.zeros_like(gamma))
    assert np.array_equal(dbeta, dy[0])


def test_nan_stays_in_its_column_or_row(dtype, isa, rng):
    x, gamma, beta, _ = make(rng, dtype, 30, 37)
    batch, layer = (
        _core.batch_normalization_train(x, gamma, beta, EPS)[0],
        _core.layer_normalization(x, gamma, beta, EPS)[0],
    )
    for i, j in [(0, 0), (29, 36), (13, 17)]:
        dirty = x.copy()
        dirty[i, j] = np.nan
        y = _core.batch_normalization_train(dirty, gamma, beta, EPS)[0]
        assert np.isnan(y[:, j]).all()
        assert_same_bits(np.delete(y, j, 1), np.delete(batch, j, 1))
        y = _core.layer_normalization(dirty, gamma, beta, EPS)[0]
        assert np.isnan(y[i]).all()
        assert_same_bits(np.delete(y, i, 0), np.delete(layer, i, 0))


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_empty(shape, dtype):
    """Layer normalization of no rows is no rows; the statistics of an empty batch do not exist."""
    x, gamma = np.ones(shape, dtype), np.ones(shape[1], dtype)
    if shape[1]:
        assert _core.layer_normalization(x, gamma, gamma, EPS)[0].shape == shape
        assert _core.batch_normalization_inference(x, gamma, gamma, gamma, gamma, EPS).shape == shape
    try:
        y = _core.batch_normalization_train(x, gamma, gamma, EPS)[0]
    except ValueError as error:
        assert "batch_normalization" in str(error)  # noqa: PT017
    else:
        assert y.shape == shape


# ---------------------------------------------------------------------------------------------------- bits
def operations(x, gamma, beta, dy):
    y, mean, var, inv_std = _core.batch_normalization_train(x, gamma, beta, EPS)
    results = [y, mean, var, inv_std, *_core.batch_normalization_backward(dy, x, gamma, mean, inv_std)]
    results += [_core.batch_normalization_inference(x, gamma, beta, mean, var, EPS)]
    results += _core.batch_normalization_inference_backward(dy, x, gamma, mean, var, EPS)
    y, mean, inv_std = _core.layer_normalization(x, gamma, beta, EPS)
    return [*results, y, mean, inv_std, *_core.layer_normalization_backward(dy, x, gamma, mean, inv_std)]


@pytest.mark.parametrize("shape", [(3000, 37), (1, 5), (600, 512), (20_000, 3), (129, 1), (5, 3000)], ids=str)
def test_same_bits_on_any_threads_and_fma_instruction_set(shape, dtype, rng):
    arrays = make(rng, dtype, *shape)
    expected = {}
    for isa, n in itertools.product(_core.supported_isas(), thread_counts()):
        _core.set_isa(isa)
        use_threads(n)
        got = operations(*arrays)
        first = expected.setdefault("fma" if isa.startswith("avx") else isa, got)
        for i, (a, b) in enumerate(zip(got, first, strict=True)):
            assert_same_bits(a, b, f"result {i} on {isa}, {n} threads")


def test_rows_and_columns_do_not_know_each_other(dtype, isa, rng):
    """Inference and layer normalization of a row alone; batch statistics of a column alone."""
    x, gamma, beta, _ = make(rng, dtype, 70, 37)
    _, mean, var, _ = _core.batch_normalization_train(x, gamma, beta, EPS)
    whole = (
        _core.batch_normalization_inference(x, gamma, beta, mean, var, EPS),
        _core.layer_normalization(x, gamma, beta, EPS)[0],
    )
    for rows in [slice(0, 1), slice(69, 70), slice(21, 28)]:
        assert_same_bits(
            _core.batch_normalization_inference(x[rows], gamma, beta, mean, var, EPS), whole[0][rows]
        )
        assert_same_bits(_core.layer_normalization(x[rows], gamma, beta, EPS)[0], whole[1][rows])
    for j in [0, 16, 36]:
        column = slice(j, j + 1)
        _, m, v, _ = _core.batch_normalization_train(
            np.ascontiguousarray(x[:, column]), gamma[column], beta[column], EPS
        )
        assert_same_bits(m, mean[column])
        assert_same_bits(v, var[column])


def test_layouts(dtype, layout, rng):
    x, gamma, beta, dy = make(rng, dtype, 12, 7)
    for got, expected in zip(
        operations(layout(x), layout(gamma), layout(beta), layout(dy)),
        operations(x, gamma, beta, dy),
        strict=True,
    ):
        assert_same_bits(got, expected)


# -------------------------------------------------------------------------------------------------- misuse
def test_wrong_shapes_are_named():
    x, v, short = np.ones((5, 3)), np.ones(3), np.ones(2)
    calls = [
        (_core.batch_normalization_train, (x, short, v, EPS)),
        (_core.batch_normalization_train, (x, v, short, EPS)),
        (_core.batch_normalization_train, (np.ones((5, 0, 3)), v, v, EPS)),
        (_core.batch_normalization_train, (np.ones(()), None, None, EPS)),
        (_core.batch_normalization_inference, (x, v, v, short, v, EPS)),
        (_core.batch_normalization_inference, (x, v, v, v, short, EPS)),
        (_core.batch_normalization_backward, (x[:4], x, v, v, v)),
        (_core.batch_normalization_backward, (x, x, v, short, v)),
        (_core.layer_normalization, (x, short, v, EPS)),
        (_core.layer_normalization, (np.ones(()), None, None, EPS)),
        (_core.layer_normalization_backward, (x, x, v, v, np.ones(5))),
        (_core.layer_normalization_backward, (x[:, :2], x, v, np.ones(5), np.ones(5))),
    ]
    for function, arguments in calls:
        with pytest.raises(
            ValueError, match=rf"{function.__name__.removesuffix('_train').replace('_inference', '.*')}.*\("
        ):
            function(*arguments)


@pytest.mark.parametrize("eps", [-1e-5, np.nan, np.inf])
def test_wrong_eps(eps):
    x, v = np.ones((5, 3)), np.ones(3)
    for call in (
        lambda: _core.batch_normalization_train(x, v, v, eps),
        lambda: _core.layer_normalization(x, v, v, eps),
        lambda: _core.batch_normalization_inference(x, v, v, v, v, eps),
    ):
        with pytest.raises(ValueError, match="eps"):
            call()


def test_running_statistics_must_be_writable_arrays():
    good, v = np.zeros(3), np.ones(3)
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    for bad in [frozen, np.zeros(3, int), [0.0] * 3, np.zeros(4), np.zeros(6)[::2], np.zeros(3, ">f8")]:
        for arguments in [(bad, good), (good, bad)]:
            with pytest.raises((ValueError, TypeError), match="running"):
                _core.update_running_statistics(*arguments, v, v, 5, 0.9, False)
    assert (good == 0).all()
    for momentum in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="momentum"):
            _core.update_running_statistics(good, good.copy(), v, v, 5, momentum, False)
