"""What the core updates in place, the options that it refuses, and what is safe to do at the same time."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import LAYOUTS, assert_same_bits, use_threads
from nnfast import _core
from nnfast import functional as F

KINDS = {"sgd": 0, "momentum": 1, "nesterov": 1, "adagrad": 1, "rmsprop": 1, "adam": 2}
WRITABLE = [
    "contiguous",
    "fortran",
    "transposed",
    "strided",
    "reversed",
    "reversed_all",
    "offset",
    "subclass",
]


def spec_of(kind, **options):
    return _core.OptimizerSpec(kind, **{"lr": 0.1, "weight_decay": 0.01, "clip_value": 1.5, **options})


def updated(kind, params, grads, states, steps=3):
    for t in range(1, steps + 1):
        _core.optimizer_update(spec_of(kind), t, params, grads, states, 0.5)
    return [params, *states]


# ---------------------------------------------------------------------------------------------- optimizer_update
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("shape", [(7, 5), (40,), (3, 4, 5), ()])
def test_update_in_any_layout(kind, shape, dtype, rng):
    p, g = rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype)
    p, g = np.asarray(p), np.asarray(g)
    zeros = [np.zeros(shape, dtype) for _ in range(KINDS[kind])]
    expected = updated(kind, p.copy(), g, [z.copy() for z in zeros])
    assert not np.array_equal(expected[0], p)
    for form in WRITABLE if shape else ["contiguous"]:
        layout = LAYOUTS[form]
        alike = [layout(p.copy()), g, [layout(z.copy()) for z in zeros]]
        only_params = [layout(p.copy()), g, [z.copy() for z in zeros]]
        only_states = [p.copy(), layout(g), [layout(z.copy()) for z in zeros]]
        for arrays in (alike, only_params, only_states):
            got = updated(kind, *arrays)
            assert got[0] is arrays[0]
            for a, b in zip(got, expected, strict=True):
                assert_same_bits(a, b, form)


@pytest.mark.parametrize("form", list(LAYOUTS))
def test_gradients_in_any_layout(form, dtype, rng):
    p, g = rng.standard_normal((2, 6, 4)).astype(dtype)
    (expected,) = updated("sgd", p.copy(), g, [])
    (got,) = updated("sgd", p.copy(), LAYOUTS[form](g), [])
    assert_same_bits(got, expected)


def test_gradients_follow_the_parameters():
    for dtype, other in [(np.float32, np.float64), (np.float64, np.float32), (np.float32, int)]:
        p, g = np.ones(3, dtype), np.array([1, 2, 3], other)
        (got,) = updated("sgd", p, g, [])
        assert_same_bits(got, updated("sgd", np.ones(3, dtype), g.astype(dtype), [])[0])


def test_memory_around_the_parameters_is_not_touched(dtype):
    big = np.full((9, 9), 7, dtype)
    updated(
        "adam", big[2:-2, 2:-2], np.ones((5, 5), dtype), [np.zeros((5, 5), dtype), np.zeros((5, 5), dtype)]
    )
    inside = np.zeros((9, 9), bool)
    inside[2:-2, 2:-2] = True
    assert (big[~inside] == 7).all()
    assert (big[inside] < 7).all()


def bad_updates(dtype):
    other = np.float64 if dtype is np.float32 else np.float32
    p, m, v = (np.ones(4, dtype) for _ in range(3))
    shared = np.ones(8, dtype)
    yield (np.ones(4, int), p, [m, v]), TypeError, "params has dtype int64; expected float32 or float64"
    yield (np.ones(4, np.float16), p, [m, v]), TypeError, "params has dtype float16"
    yield ([1.0] * 4, p, [m, v]), TypeError, "params is a list; expected a NumPy array"
    yield (LAYOUTS["read_only"](p), p, [m, v]), ValueError, "params is read-only"
    yield (LAYOUTS["misaligned"](p), p, [m, v]), ValueError, "params is misaligned"
    yield (p.astype(p.dtype.newbyteorder(">")), p, [m, v]), ValueError, "native byte order"
    yield (np.broadcast_to(p[:1], 4), p, [m, v]), ValueError, "params is read-only"
    yield (np.lib.stride_tricks.as_strided(p, (4,), (0,)), m, [m, v]), ValueError, "params lie at one place"
    yield (p, np.ones(3), [m, v]), ValueError, r"grads has shape \(3,\) but params has shape \(4,\)"
    yield (p, np.ones((1, 4)), [m, v]), ValueError, r"grads has shape \(1, 4\)"
    yield (p, np.ones(4, complex), [m, v]), TypeError, "grads has dtype complex128"
    yield (p, None, [m, v]), TypeError, "grads is None"
    yield (p, np.ones(4), [m]), ValueError, "states holds 1 arrays; expected 2 for adam"
    yield (p, np.ones(4), []), ValueError, "states holds 0 arrays"
    yield (p, np.ones(4), [m, np.ones(4, other)]), ValueError, "states holds float"
    yield (p, np.ones(4), [m, np.ones(5, dtype)]), ValueError, r"of shape \(5,\)"
    yield (p, np.ones(4), [m, LAYOUTS["read_only"](v)]), ValueError, "states is read-only"
    yield (p, np.ones(4), [m, m]), ValueError, "states overlaps"
    yield (p, np.ones(4), [p, v]), ValueError, "states overlaps params"
    yield (p, p, [m, v]), ValueError, "overlaps grads"
    yield (shared[:4], shared[2:6], [m, v]), ValueError, "overlaps grads"


def test_refused_updates_change_nothing(dtype):
    for (params, grads, states), error, message in bad_updates(dtype):
        before = copy.deepcopy((params, states))
        with pytest.raises(error, match=f"^optimizer_update: .*{message}"):
            _core.optimizer_update(spec_of("adam"), 1, params, grads, states)
        for a, b in zip((params, *states), (before[0], *before[1]), strict=True):
            assert np.array_equal(a, b), message


def test_step_counts_from_one():
    for t in [0, -1]:
        with pytest.raises(ValueError, match=rf"optimizer_update: t is {t}; expected 1, 2"):
            _core.optimizer_update(spec_of("sgd"), t, np.ones(2), np.ones(2), [])


# ---------------------------------------------------------------------------------------------- running statistics
def statistics(dtype, mean=None, var=None):
    mean = np.zeros(3, dtype) if mean is None else mean
    var = np.ones(3, dtype) if var is None else var
    return mean, var


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_running_statistics_keep_their_own_dtype(kind, dtype, rng):
    x = rng.standard_normal((20, 3)).astype(dtype)
    mean, var = statistics(kind)
    y = F.batch_normalization(x, None, None, mean, var, training=True, momentum=0.9)
    assert (mean.dtype, var.dtype, y.dtype) == (kind, kind, dtype)
    np.testing.assert_allclose(mean, 0.1 * x.mean(0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(var, 0.9 + 0.1 * x.var(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("mean", "var", "keywords", "error", "message"),
    [
        (np.zeros(3, int), None, {}, TypeError, "running_mean has dtype int64"),
        ([0.0] * 3, None, {}, TypeError, "running_mean is a list"),
        (None, np.ones(4), {}, ValueError, r"running_var has shape \(4,\); expected \(3,\)"),
        (np.zeros(4), np.ones(4), {}, ValueError, r"running_mean has shape \(4,\); expected \(3,\)"),
        (
            np.zeros(3),
            np.ones(3, np.float32),
            {},
            TypeError,
            "running_var has dtype float32; expected float64",
        ),
        (np.zeros(6)[::2], None, {}, ValueError, "running_mean is not C-contiguous"),
        (LAYOUTS["read_only"](np.zeros(3)), None, {}, ValueError, "running_mean is read-only"),
        (None, None, {"momentum": 1.5}, ValueError, "momentum is 1.5; expected a number in 0..1"),
        (None, None, {"momentum": "a"}, TypeError, "momentum is 'a'; expected a number"),
        (None, None, {"eps": -1e-5}, ValueError, "eps is -1e-05"),
        (None, None, {"eps": np.nan}, ValueError, "eps is nan"),
    ],
)
def test_statistics_that_cannot_be_updated_stay(mean, var, keywords, error, message, rng):
    mean, var = statistics(np.float64, mean, var)
    before = np.array(mean), np.array(var)
    with pytest.raises(error, match=f"^batch_normalization: {message}"):
        F.batch_normalization(rng.standard_normal((4, 3)), None, None, mean, var, training=True, **keywords)
    assert np.array_equal(mean, before[0])
    assert np.array_equal(var, before[1])


def test_statistics_are_given_together():
    for given in [(np.zeros(3), None), (None, np.ones(3))]:
        with pytest.raises(TypeError, match=r"^batch_normalization: running_\w+ is None"):
            F.batch_normalization(np.ones((4, 3)), None, None, *given, training=True)
    with pytest.raises(TypeError, match=r"^batch_normalization: running_mean is None"):
        F.batch_normalization(np.ones((4, 3)))
    shared = np.ones(3)
    with pytest.raises(ValueError, match="running_mean overlaps running_var"):
        F.batch_normalization(np.ones((4, 3)), None, None, shared, shared, training=True)


def test_unbiased_variance_needs_two_rows():
    mean, var = statistics(np.float64)
    with pytest.raises(ValueError, match="batch_normalization: the batch has 1 rows; expected at least 2"):
        F.batch_normalization(np.ones((1, 3)), None, None, mean, var, training=True, unbiased=True)
    assert (mean == 0).all()
    F.batch_normalization(np.ones((1, 3)), None, None, mean, var, training=True)
    np.testing.assert_allclose(var, 0.9)


# ---------------------------------------------------------------------------------------------- options
X = np.ones((2, 3))
OPTION_ERRORS = [
    (lambda: F.leaky_relu(X, alpha=np.nan), ValueError, "leaky_relu: alpha is nan; expected a finite number"),
    (lambda: F.leaky_relu(X, alpha="a"), TypeError, "leaky_relu: alpha is 'a'; expected a number"),
    (lambda: F.elu_backward(X, X, alpha=None), TypeError, "elu_backward: alpha is None"),
    (lambda: F.selu(X, gamma=np.inf), ValueError, "selu: gamma is inf"),
    (lambda: F.celu(X, alpha=0), ValueError, "celu: alpha is 0; expected a number other than 0"),
    (
        lambda: F.gelu(X, approximate="erf"),
        ValueError,
        "gelu: approximate is 'erf'; expected one of 'none', 'tanh'",
    ),
    (lambda: F.gelu_backward(X, X, approximate=True), TypeError, "gelu_backward: approximate is True"),
    (
        lambda: F.softmax(X, axis=2),
        ValueError,
        r"softmax: axis is 2 but x has shape \(2, 3\); expected an axis in -2\.\.1",
    ),
    (lambda: F.log_softmax(X, axis=-3), ValueError, "log_softmax: axis is -3"),
    (lambda: F.softmax_backward(X, X, axis=5), ValueError, "softmax_backward: axis is 5"),
    (
        lambda: F.layer_normalization(X, eps=-1),
        ValueError,
        "layer_normalization: eps is -1.0; expected a number >= 0",
    ),
    (
        lambda: F.layer_normalization_backward(X, X, eps=-1),
        ValueError,
        "layer_normalization_backward: eps is -1",
    ),
    (
        lambda: F.dropout(X, 1.0, seed=0),
        ValueError,
        "dropout: ratio is 1.0; expected a number in 0..1, below 1",
    ),
    (lambda: F.dropout(X, -0.1, seed=0), ValueError, "dropout: ratio is -0.1"),
    (
        lambda: F.dropout(X, seed=-1),
        ValueError,
        "dropout: seed is -1; expected an integer in 0..18446744073709551615",
    ),
    (lambda: F.dropout(X, seed=1.0), TypeError, "dropout: seed is 1.0; expected an integer"),
    (lambda: F.dropout(X, seed=0, stream=2**32), ValueError, "dropout: stream is 4294967296"),
    (
        lambda: F.dropout_backward(X, seed=0, step=2**64),
        ValueError,
        "dropout_backward: step is 18446744073709551616",
    ),
    (lambda: F.clip(X, -1), ValueError, "clip: limit is -1.0; expected a number >= 0"),
    (lambda: F.clip(X, np.nan), ValueError, "clip: limit is nan"),
    (lambda: F.clip_by_global_norm([X], 0), ValueError, "clip_by_global_norm: max_norm is 0.0"),
    (lambda: F.one_hot([0], 1.5), TypeError, "one_hot: num_classes is 1.5"),
    (lambda: F.one_hot([0], -1), ValueError, "one_hot: num_classes is -1"),
    (lambda: F.min_max_scale(X, 3, 3), ValueError, "min_max_scale: lo and hi are both 3.0"),
    (lambda: F.min_max_scale(X, np.nan), ValueError, "min_max_scale: lo is nan"),
    (
        lambda: F.min_max_scale(X, dtype=int),
        TypeError,
        "min_max_scale: dtype is int64; expected float32 or float64",
    ),
    (lambda: F.gemm(X, X.T, alpha=np.inf), ValueError, "gemm: alpha is inf"),
    (lambda: F.gemm(X, X.T, beta="1"), TypeError, "gemm: beta is '1'"),
    (lambda: F.huber(X, X, delta=0), ValueError, "huber: delta is 0.0; expected a number > 0"),
    (lambda: F.huber_backward(X, X, delta=-1), ValueError, "huber_backward: delta is -1"),
    (lambda: F.hinge(X, [0, 1], margin=np.inf), ValueError, "hinge: margin is inf"),
    (lambda: F.hinge(X, [0, 1], ignore_index=1.5), TypeError, "hinge: ignore_index is 1.5"),
    (lambda: F.sum_squared_error(X, X, factor="x"), TypeError, "sum_squared_error: factor is 'x'"),
    (
        lambda: F.mean_squared_error(X, X, reduction="avg"),
        ValueError,
        "mean_squared_error: reduction is 'avg'; expected",
    ),
    (
        lambda: F.mean_absolute_error(X, X, reduction=[]),
        TypeError,
        r"mean_absolute_error: reduction is \[\]; expected",
    ),
    (
        lambda: F.softmax_cross_entropy(X, [0, 1], label_smoothing=1.5),
        ValueError,
        "softmax_cross_entropy: label_smoothing is 1.5",
    ),
    (lambda: _core.vector_math("sin", X), ValueError, "vector_math: name is 'sin'; expected one of 'exp'"),
    (lambda: _core.activation(99, X), ValueError, "activation: f is 99"),
    (
        lambda: _core.activation_backward_from_output(_core.ACTIVATIONS["gelu"], X, X),
        ValueError,
        "output of gelu",
    ),
    (lambda: _core.scale(X, np.nan), ValueError, "scale: factor is nan"),
    (lambda: _core.squared_norm([X, None]), TypeError, "squared_norm: arrays is None"),
    (lambda: _core.set_isa("avx1024"), ValueError, "avx1024"),
    (lambda: _core.set_num_threads(0), ValueError, "set_num_threads: n is 0"),
]


@pytest.mark.parametrize(("misuse", "error", "message"), OPTION_ERRORS, ids=[m for _, _, m in OPTION_ERRORS])
def test_options_out_of_range(misuse, error, message):
    with pytest.raises(error, match=message):
        misuse()


@pytest.mark.parametrize(
    "field",
    ["lr", "momentum", "rho", "beta1", "beta2", "eps", "weight_decay", "l1", "clip_value", "clip_norm"],
)
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_optimizer_settings_out_of_range(field, value):
    with pytest.raises(ValueError, match=rf"adam: {field} is {value}; expected"):
        _core.OptimizerSpec("adam", **{"lr": 0.1, field: value})
    spec = _core.OptimizerSpec("adam", lr=0.1)
    before = getattr(spec, field)
    with pytest.raises(ValueError, match=field):
        setattr(spec, field, value)
    assert getattr(spec, field) == before


def test_specifications_survive_pickle_and_copy():
    loss = _core.LossSpec("huber", reduction="batch_mean", delta=0.5, ignore_index=-7)
    optimizer = _core.OptimizerSpec("adam", lr=0.5, beta1=0.25, eps_outside_hat=True, decoupled=True, l1=3.0)
    for spec in (loss, optimizer):
        names = [n for n in dir(spec) if not n.startswith("_")]
        for twin in (pickle.loads(pickle.dumps(spec)), copy.copy(spec), copy.deepcopy(spec)):
            assert [getattr(twin, n) for n in names] == [getattr(spec, n) for n in names]
            assert twin is not spec
    assert optimizer.states == 2
    for bad in [{"kind": "lbfgs"}, {"kind": ""}]:
        with pytest.raises(ValueError, match="expected one of 'sgd', 'momentum'"):
            _core.OptimizerSpec(**bad, lr=0.1)


# ---------------------------------------------------------------------------------------------- at the same time
def test_calls_from_several_python_threads(dtype, rng):
    x, W = rng.standard_normal((200, 300)).astype(dtype), rng.standard_normal((300, 100)).astype(dtype)
    t = rng.integers(0, 100, 200)

    def work(_):
        y = F.gelu(F.affine(x, W))
        return y, F.softmax_cross_entropy_backward(y, t), *F.affine_backward(y, x, W)

    expected = work(0)
    use_threads(2)
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(work, range(64)):
            for got, wanted in zip(result, expected, strict=True):
                assert_same_bits(got, wanted)


def test_arguments_live_as_long_as_the_call(dtype, rng):
    """Temporaries are the only reference to their memory."""
    x = rng.standard_normal((64, 64)).astype(dtype)
    expected = F.affine(x, x)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: F.affine(x[::-1].copy()[::-1], np.asfortranarray(x)), range(200)):
            assert_same_bits(got, expected)
