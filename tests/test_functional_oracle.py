"""nnfast.functional against the formulas of oracle.py, finite differences and torch: every function, every option."""

import fractions
import inspect

import nnfast as nn
import nnfast.functional as F
import numpy as np
import oracle
import pytest
from conftest import assert_same_bits, thread_counts, use_threads
from finite_differences import assert_gradient
from nnfast import _core

# F's name -> (the oracle's, keywords of both: alpha and beta as the oracle calls them)
ACTIVATIONS = {
    "identity": ("identity", [{}]),
    "step": ("step", [{}]),
    "relu": ("relu", [{}]),
    "leaky_relu": ("leaky_relu", [{}, {"alpha": 0.2}, {"alpha": -0.3}]),
    "elu": ("elu", [{}, {"alpha": 0.5}, {"alpha": -0.5}]),
    "selu": ("selu", [{}, {"alpha": 1.2, "gamma": 0.9}, {"alpha": 1.2, "gamma": -0.9}]),
    "celu": ("celu", [{}, {"alpha": 0.5}, {"alpha": -2.0}]),
    "gelu": ("gelu", [{}, {"approximate": "none"}, {"approximate": "tanh"}]),
    "silu": ("silu", [{}]),
    "swish": ("silu", [{}, {"alpha": 1.702}, {"alpha": -1.0}]),
    "mish": ("mish", [{}]),
    "sigmoid": ("sigmoid", [{}]),
    "logistic": ("sigmoid", [{}]),
    "hard_sigmoid": ("hard_sigmoid", [{}, {"alpha": 1 / 6}, {"alpha": 0.3, "beta": 0.4}]),
    "hard_swish": ("hard_swish", [{}]),
    "log_sigmoid": ("log_sigmoid", [{}]),
    "tanh": ("tanh", [{}]),
    "softplus": ("softplus", [{}]),
    "softsign": ("softsign", [{}]),
}
every_activation = pytest.mark.parametrize(
    ("name", "keywords"), [(name, k) for name, (_, options) in ACTIVATIONS.items() for k in options], ids=str
)


def reference(name, keywords, x, dtype):
    """(y, dy/dx) of wide x, with alpha and beta rounded as the kernels have them."""
    oracle_name = ACTIVATIONS[name][0]
    if keywords.get("approximate") == "tanh":
        oracle_name = "gelu_tanh"
    _, alpha, beta = oracle.ACTIVATIONS[oracle_name]
    alpha, beta = keywords.get("alpha", alpha), keywords.get("gamma", keywords.get("beta", beta))
    return oracle.activation(oracle_name, x, float(dtype(alpha)), float(dtype(beta)))


def backward(name, keywords, dy, x):
    """The function's own backward, with the input or the output, as its signature says."""
    function = getattr(F, f"{name}_backward")
    saved = getattr(F, name)(x, **keywords) if "y" in inspect.signature(function).parameters else x
    return function(dy, saved, **keywords)


def away_from_kinks(x):
    """Not within 0.02 of -3, -2.5, -1.33..., 0, 2, 2.5, 3: the corners of the functions above."""
    for kink in (-3, -3 + 1e-9, -2.5, -4 / 3, 0, 2, 2.5, 3):
        x = np.where(np.abs(x - kink) < 0.02, x + 0.05, x)
    return x


@every_activation
def test_activation(name, keywords, dtype, isa, rng):
    x, dy = (
        away_from_kinks(rng.uniform(-6, 6, (31, 33))).astype(dtype),
        rng.standard_normal((31, 33)).astype(dtype),
    )
    y, slope = reference(name, keywords, oracle.wide(x), dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(getattr(F, name)(x, **keywords), y.astype(float), rtol=4 * eps, atol=eps)
    expected = (slope * oracle.wide(dy)).astype(float)
    np.testing.assert_allclose(backward(name, keywords, dy, x), expected, rtol=8 * eps, atol=8 * eps)


@every_activation
def test_activation_gradient_by_finite_differences(name, keywords, rng):
    x, w = away_from_kinks(rng.uniform(-5, 5, (6, 7))), rng.uniform(0.5, 2, (6, 7))
    dx = backward(name, keywords, w, x)
    assert_gradient(dx, lambda: np.sum(w * getattr(F, name)(x, **keywords)), x, f"{name} {keywords}")


def test_selu_function_and_layer_have_the_same_defaults(dtype, rng):
    x = rng.uniform(-3, 3, 100).astype(dtype)
    assert_same_bits(nn.Selu().forward(x), F.selu(x))


def test_activation_gradients_are_torchs(torch, rng):
    f = torch.nn.functional
    theirs = {
        "relu": torch.relu, "leaky_relu": f.leaky_relu, "elu": f.elu, "celu": f.celu, "gelu": f.gelu,
        "silu": f.silu, "mish": f.mish, "sigmoid": torch.sigmoid, "hard_swish": f.hardswish, "tanh": torch.tanh,
        "log_sigmoid": f.logsigmoid, "softplus": f.softplus, "softsign": f.softsign,
    }  # fmt: skip
    x, dy = away_from_kinks(rng.uniform(-5, 5, 500)), rng.standard_normal(500)
    cases = [(name, {}, function) for name, function in theirs.items()]
    cases.append(("gelu", {"approximate": "tanh"}, lambda v: f.gelu(v, approximate="tanh")))
    cases.append(
        ("selu", {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}, f.selu)
    )  # not ONNX's float32s
    for name, keywords, function in cases:
        tensor = torch.tensor(x, requires_grad=True)
        y = function(tensor)
        y.backward(torch.tensor(dy))
        np.testing.assert_allclose(
            getattr(F, name)(x, **keywords), y.detach().numpy(), rtol=1e-12, atol=1e-15
        )
        np.testing.assert_allclose(
            backward(name, keywords, dy, x), tensor.grad.numpy(), rtol=1e-12, atol=1e-14
        )


# --------------------------------------------------------------------------------------------------- prelu
@pytest.mark.parametrize("size", [1, "columns"])
@pytest.mark.parametrize("shape", [(37,), (5, 37), (300, 3), (2, 4, 9), (5000, 17)], ids=str)
def test_prelu(size, shape, dtype, isa, rng):
    x, dy = rng.standard_normal((2, *shape)).astype(dtype)
    alpha = rng.uniform(-0.5, 0.5, 1 if size == 1 else shape[-1]).astype(dtype)
    y, dx, dalpha = oracle.prelu(*map(oracle.wide, (x, alpha, dy)))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(F.prelu(x, alpha), y.astype(float), rtol=eps)
    got_dx, got_dalpha = F.prelu_backward(dy, x, alpha)
    np.testing.assert_allclose(got_dx, dx.astype(float), rtol=eps)
    bound = oracle.prelu(oracle.wide(-np.abs(x)), oracle.wide(alpha), oracle.wide(np.abs(dy)))[2]
    assert got_dalpha.shape == alpha.shape
    assert (np.abs(got_dalpha - dalpha) <= 4 * np.sqrt(x.size) * eps * np.abs(bound)).all()


@pytest.mark.parametrize("size", [1, 4])
def test_prelu_by_finite_differences(size, rng):
    x, w = rng.choice([-1, 1], (6, 4)) * rng.uniform(0.1, 2, (6, 4)), rng.standard_normal((6, 4))
    alpha = rng.uniform(0.1, 0.5, size)
    dx, dalpha = F.prelu_backward(w, x, alpha)
    assert_gradient(dx, lambda: np.sum(w * F.prelu(x, alpha)), x)
    assert_gradient(dalpha, lambda: np.sum(w * F.prelu(x, alpha)), alpha)


@pytest.mark.parametrize("size", [1, "columns"])
@pytest.mark.parametrize("shape", [(5000, 17), (3, 4000), (1, 1), (70, 100)], ids=str)
def test_prelu_has_the_same_bits_on_any_threads_and_fma_instruction_set(size, shape, dtype, rng):
    x, dy = rng.standard_normal((2, *shape)).astype(dtype)
    alpha = rng.uniform(-0.5, 0.5, 1 if size == 1 else shape[-1]).astype(dtype)
    expected = {}
    for isa in _core.supported_isas():
        _core.set_isa(isa)
        for n in thread_counts():
            use_threads(n)
            got = (F.prelu(x, alpha), *F.prelu_backward(dy, x, alpha))
            for a, b in zip(
                got, expected.setdefault("fma" if isa.startswith("avx") else isa, got), strict=True
            ):
                assert_same_bits(a, b, f"{isa}, {n} threads")


@pytest.mark.parametrize("alpha", [np.ones(3), np.ones((2, 2)), np.ones(0)])
def test_prelu_of_wrong_alpha(alpha):
    with pytest.raises(ValueError, match=r"prelu: alpha has shape \("):
        F.prelu(np.ones((5, 4)), alpha)
    with pytest.raises(ValueError, match=r"prelu_backward: alpha has shape \("):
        F.prelu_backward(np.ones((5, 4)), np.ones((5, 4)), alpha)


# ----------------------------------------------------------------------------------- losses by their names
LOSSES = {
    "softmax_cross_entropy": (
        "softmax_cross_entropy",
        {},
        [{}, {"label_smoothing": 0.1}, {"ignore_index": 2}, {"ignore_index": None}],
    ),
    "sigmoid_cross_entropy": ("sigmoid_cross_entropy", {}, [{}]),
    "mean_squared_error": ("squared_error", {}, [{}]),
    "sum_squared_error": ("squared_error", {"factor": 0.5, "reduction": "sum"}, [{}, {"factor": 2.0}]),
    "mean_absolute_error": ("absolute_error", {}, [{}]),
    "huber": ("huber", {}, [{}, {"delta": 0.4}]),
    "hinge": ("hinge", {}, [{}, {"margin": 0.3}, {"ignore_index": 1}]),
}


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("reduction", [None, "mean", "sum", "none", "batch_mean"])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss(name, reduction, weighted, dtype, rng):
    kind, defaults, options = LOSSES[name]
    for option in options:
        y = rng.standard_normal((19, 6)).astype(dtype)
        labels = kind in ("softmax_cross_entropy", "hinge")
        t = rng.integers(0, 6, 19) if labels else rng.random((19, 6)).astype(dtype)
        keywords = dict(option)
        if reduction:
            keywords["reduction"] = reduction
        if weighted:
            keywords["sample_weight"] = rng.uniform(0.1, 2, 19).astype(dtype)
            if labels:
                keywords["class_weight"] = rng.uniform(0.1, 2, 6).astype(dtype)
        expected, expected_dy = oracle.loss(kind, y, t, **{**defaults, **keywords})
        tolerance = 40 * np.finfo(dtype).eps
        np.testing.assert_allclose(getattr(F, name)(y, t, **keywords), expected.astype(float), rtol=tolerance)
        dy = getattr(F, f"{name}_backward")(y, t, **keywords)
        np.testing.assert_allclose(
            dy, expected_dy.astype(float), rtol=tolerance, atol=tolerance * np.abs(expected_dy).max()
        )


# ----------------------------------------------------------------------------------- normalization by name
@pytest.mark.parametrize("training", [False, True])
def test_batch_normalization_by_finite_differences(training, rng):
    x, w = rng.standard_normal((2, 7, 4))
    gamma, beta, mean, var = rng.uniform(0.5, 2, (4, 4))

    def f():
        return np.sum(w * F.batch_normalization(x, gamma, beta, mean.copy(), var.copy(), training=training))

    gradients = F.batch_normalization_backward(w, x, gamma, mean, var, training=training)
    for got, variable in zip(gradients, (x, gamma, beta), strict=True):
        assert_gradient(got, f, variable)


def test_layer_normalization_by_finite_differences(rng):
    x, w = rng.standard_normal((2, 3, 2, 5))
    gamma, beta = rng.uniform(0.5, 2, (2, 5))
    gradients = F.layer_normalization_backward(w, x, gamma)
    for got, variable in zip(gradients, (x, gamma, beta), strict=True):
        assert_gradient(got, lambda: np.sum(w * F.layer_normalization(x, gamma, beta)), variable)


def test_running_statistics_follow_the_formula(dtype, rng):
    mean, var = np.zeros(5, dtype), np.ones(5, dtype)
    expected = [np.zeros(5), np.ones(5)]
    for _ in range(10):
        x = rng.uniform(-1, 3, (8, 5)).astype(dtype)
        F.batch_normalization(x, None, None, mean, var, training=True, momentum=0.7, unbiased=True)
        wide = oracle.wide(x)
        expected = [0.7 * expected[0] + 0.3 * wide.mean(0), 0.7 * expected[1] + 0.3 * wide.var(0, ddof=1)]
    np.testing.assert_allclose(mean, expected[0].astype(float), rtol=1e-5 if dtype is np.float32 else 1e-13)
    np.testing.assert_allclose(var, expected[1].astype(float), rtol=1e-5 if dtype is np.float32 else 1e-13)


def test_dropout_and_its_backward_are_linear(dtype, rng):
    x, dy = rng.standard_normal((2, 30, 7)).astype(dtype)
    y, dx = F.dropout(x, 0.4, seed=3, stream=1, step=9), F.dropout_backward(dy, 0.4, seed=3, stream=1, step=9)
    np.testing.assert_allclose(np.sum(y * oracle.wide(dy)), np.sum(dx * oracle.wide(x)), rtol=1e-5)


# ---------------------------------------------------------------------------------- clip, one_hot, scaling
def test_clip(dtype, isa, rng):
    x = np.concatenate([rng.uniform(-4, 4, 500), [np.inf, -np.inf, -0.0, 0.0, 2.0, -2.0]]).astype(dtype)
    for limit in (0.5, 2.0, 0.0, np.inf):
        assert np.array_equal(F.clip(x, limit), np.clip(x, -dtype(limit), dtype(limit)))
    assert np.isnan(F.clip(np.full(37, np.nan, dtype), 1.0)).all()
    for limit in (-1.0, np.nan):
        with pytest.raises(ValueError, match=r"clip: limit"):
            F.clip(x, limit)


@pytest.mark.parametrize("max_norm", [0.1, 5.0, 1e6])
def test_clip_by_global_norm(max_norm, dtype, rng):
    arrays = [rng.standard_normal(s).astype(dtype) for s in [(30, 40), (40,), (), (5000,)]]
    norm = float(np.sqrt(sum((oracle.wide(a) ** 2).sum() for a in arrays)))
    clipped, got = F.clip_by_global_norm(arrays, max_norm)
    assert got == pytest.approx(norm, rel=1e-6 if dtype is np.float32 else 1e-13)
    scale = oracle.clip_norm_scale(arrays, max_norm)
    for a, b in zip(arrays, clipped, strict=True):
        assert b.shape == a.shape
        np.testing.assert_allclose(b, a * scale, rtol=1e-5 if dtype is np.float32 else 1e-13)
    after = float(np.sqrt(sum((oracle.wide(a) ** 2).sum() for a in clipped)))
    assert after <= max(max_norm, 0) * (1 + 1e-6) or scale == 1


def test_global_norm_does_not_overflow_in_float32():
    """Squares of 1e30 are beyond float32, their norm is not."""
    clipped, norm = F.clip_by_global_norm([np.full(4, 1e30, np.float32)], 1.0)
    assert norm == pytest.approx(2e30, rel=1e-6)
    np.testing.assert_allclose(clipped[0], 0.5, rtol=1e-6)


@pytest.mark.parametrize("out_dtype", [np.float32, np.float64, np.int64, bool])
@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (0,), (4, 0)])
def test_one_hot(out_dtype, shape, rng):
    labels = rng.integers(0, 5, shape)
    got = F.one_hot(labels, 5, out_dtype)
    assert got.dtype == out_dtype
    assert np.array_equal(got, oracle.one_hot(labels, 5, out_dtype))


@pytest.mark.parametrize(
    "x_dtype", [np.uint8, np.int8, np.int32, np.uint16, np.float16, np.float32, np.float64, bool]
)
def test_min_max_scale(x_dtype, dtype, rng):
    x = rng.integers(0, 2 if x_dtype is bool else 100, (9, 11)).astype(x_dtype)
    for low, high in [(0, 255), (-50, 77), (0.5, 0.25), (100, 0)]:
        got = F.min_max_scale(x, low, high, dtype)
        assert got.dtype == dtype
        exact = (x.astype(float) - low) / (high - low)
        np.testing.assert_allclose(
            got,
            exact,
            rtol=4 * np.finfo(dtype).eps,
            atol=4 * np.finfo(dtype).eps * max(abs(low / (high - low)), 1),
        )


def test_min_max_scale_of_bytes_is_rounded_once():
    """What every course writes: x / 255."""
    pixels = np.arange(256, dtype=np.uint8)
    exact = np.array([float(fractions.Fraction(int(p), 255)) for p in pixels])
    assert_same_bits(F.min_max_scale(pixels, dtype=np.float64), exact)
    assert_same_bits(F.min_max_scale(pixels), exact.astype(np.float32))


@pytest.mark.parametrize("x_dtype", [np.float64, np.int64])
def test_min_max_scale_subtracts_before_it_rounds(x_dtype):
    """Times, prices, coordinates: large numbers a little apart must not become equal on their way to float32."""
    x = np.array([1_700_000_000, 1_700_000_001, 1_700_000_002], x_dtype)
    assert np.array_equal(F.min_max_scale(x, 1_700_000_000, 1_700_000_002), [0, 0.5, 1])


@pytest.mark.parametrize(("low", "high"), [(1, 1), (np.nan, 1), (0, np.inf)])
def test_min_max_scale_of_nothing(low, high):
    with pytest.raises(ValueError, match="min_max_scale"):
        F.min_max_scale(np.ones(3), low, high)
