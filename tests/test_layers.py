"""Layers as objects: what they keep, what they take, what they refuse."""

import copy
import pickle

import nnfast as nn
import numpy as np
import oracle
import pytest
from conftest import LAYOUTS, assert_same_bits
from finite_differences import assert_gradient

ACTIVATIONS = {
    "identity": nn.Identity(),
    "step": nn.Step(),
    "relu": nn.Relu(),
    "leaky_relu": nn.LeakyRelu(),
    "leaky_relu, alpha < 0": nn.LeakyRelu(-0.3),
    "elu": nn.Elu(),
    "elu, alpha 0.5": nn.Elu(0.5),
    "selu": nn.Selu(),
    "celu": nn.Celu(),
    "celu, alpha 2": nn.Celu(2.0),
    "gelu": nn.Gelu(),
    "gelu_tanh": nn.Gelu("tanh"),
    "silu": nn.Silu(),
    "silu, alpha 1.7": nn.Silu(1.7),
    "mish": nn.Mish(),
    "sigmoid": nn.Sigmoid(),
    "hard_sigmoid": nn.HardSigmoid(),
    "hard_sigmoid, others": nn.HardSigmoid(1 / 6, 0.4),
    "hard_swish": nn.HardSwish(),
    "log_sigmoid": nn.LogSigmoid(),
    "tanh": nn.Tanh(),
    "softplus": nn.Softplus(),
    "softsign": nn.Softsign(),
}


# ------------------------------------------------------------------------------------------------- activations
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_its_formula(name, dtype, rng):
    layer = ACTIVATIONS[name]
    settings = layer._config()
    x = (3 * rng.standard_normal((5, 4, 7))).astype(dtype)
    dy = rng.standard_normal(x.shape).astype(dtype)
    alpha, beta = settings.get("alpha"), settings.get("beta", settings.get("gamma"))
    y, dydx = oracle.activation(name.split(",")[0], oracle.wide(x), alpha, beta)
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(layer.forward(x), y, rtol=tolerance, atol=tolerance)
    dx = layer.backward(dy)
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, dy * dydx, rtol=tolerance, atol=tolerance)


def test_activation_takes_lists_and_scalars():
    relu = nn.Relu()
    assert relu.forward(-1.0) == 0
    assert relu.backward(2.0) == 0
    np.testing.assert_array_equal(relu.forward([[1, -2]]), [[1.0, 0.0]])


def test_activation_leaves_its_arguments_alone(rng):
    x, dy = rng.standard_normal((2, 3, 4))
    for name, layer in ACTIVATIONS.items():
        kept = x.copy(), dy.copy()
        layer.forward(x)
        layer.backward(dy)
        assert np.array_equal(kept[0], x), name
        assert np.array_equal(kept[1], dy), name


def test_backward_uses_the_last_forward(rng):
    layer = nn.Tanh()
    layer.forward(rng.standard_normal((3, 2)))
    layer.forward(np.zeros((1, 2)))
    np.testing.assert_array_equal(layer.backward(np.full((1, 2), 3.0)), [[3.0, 3.0]])


@pytest.mark.parametrize(
    "layer",
    [
        nn.Relu(),
        nn.Gelu(),
        nn.Affine(2, 3),
        nn.Dropout(),
        nn.BatchNormalization(3),
        nn.LayerNormalization(3),
        nn.PRelu(),
        nn.Softmax(),
        nn.LogSoftmax(),
        nn.Flatten(),
    ],
)
def test_backward_before_forward(layer):
    with pytest.raises(RuntimeError, match="before forward"):
        layer.backward(np.ones((1, 3)))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: nn.LeakyRelu("a"), "LeakyRelu: alpha"),
        (lambda: nn.Elu(np.nan), "Elu: alpha is nan"),
        (lambda: nn.Celu(0), "Celu: alpha"),
        (lambda: nn.Gelu("erf"), "Gelu: approximate is 'erf'; expected one of 'none', 'tanh'"),
        (lambda: nn.Softmax(0.5), "Softmax: axis"),
        (lambda: nn.Dropout(1.0), "Dropout: ratio is 1.0"),
        (lambda: nn.Dropout(-0.1), "Dropout: ratio"),
        (lambda: nn.Dropout(0.5, seed=-1), "Dropout: seed is -1"),
        (lambda: nn.Dropout(0.5, seed=2**64), "Dropout: seed"),
        (lambda: nn.PRelu(np.ones((2, 2))), r"PRelu: alpha has shape \(2, 2\)"),
        (lambda: nn.BatchNormalization(0), "BatchNormalization: width"),
        (lambda: nn.BatchNormalization(3, momentum=1.5), "BatchNormalization: momentum"),
        (lambda: nn.BatchNormalization(3, eps=-1), "BatchNormalization: eps"),
        (
            lambda: nn.BatchNormalization(3, running_mean=np.ones(2)),
            r"running_mean has shape \(2,\); expected \(3,\)",
        ),
        (lambda: nn.BatchNormalization(np.ones(3), np.ones(2)), r"BatchNormalization: beta has shape \(2,\)"),
        (lambda: nn.LayerNormalization(3, np.ones(3)), "LayerNormalization: beta is given with a width"),
        (lambda: nn.Affine(3), "Affine: the number of outputs"),
        (lambda: nn.Affine(3, 0), "Affine: the number of outputs is 0"),
        (lambda: nn.Affine(-1, 2), "Affine: the number of inputs is -1"),
        (lambda: nn.Affine(3, 2, init="best"), "init is 'best'"),
        (
            lambda: nn.Affine(3, 2, init=lambda shape, rng: np.ones(2)),
            r"init returned an array of shape \(2,\)",
        ),
        (lambda: nn.Affine(3, 2, dtype=np.float16), "Affine: dtype is float16"),
        (lambda: nn.Affine(3, 2, rng="0"), "Affine: rng"),
        (lambda: nn.Affine(np.ones(3)), r"Affine: W has shape \(3,\); expected \(in, out\)"),
        (
            lambda: nn.Affine(np.ones((3, 2)), np.ones(3)),
            r"Affine: b has shape \(3,\) but W has shape \(3, 2\)",
        ),
        (lambda: nn.Affine(np.ones((3, 2), complex)), "Affine: W has dtype complex128"),
        (lambda: nn.Affine([["a"]]), "Affine: W has dtype <U1"),
    ],
)
def test_constructors_say_what_is_wrong(make, names):
    with pytest.raises((ValueError, TypeError), match=names):
        make()


# ------------------------------------------------------------------------------------------------- affine
def affine(rng, dtype=np.float64, sizes=(5, 3)):
    return rng.standard_normal(sizes).astype(dtype), rng.standard_normal(sizes[1]).astype(dtype)


def test_affine_keeps_the_very_arrays(rng):
    W, b = affine(rng)
    layer = nn.Affine(W, b)
    x = rng.standard_normal((4, 5))
    assert layer.W is W
    assert layer.b is b
    layer.forward(x)
    layer.backward(np.ones((4, 3)))
    assert layer.W is W
    W -= 0.5 * layer.dW
    b += 1
    np.testing.assert_allclose(layer.forward(x), x @ W + b, rtol=1e-14)


def test_affine_gives_new_gradients_each_time(rng):
    layer = nn.Affine(*affine(rng))
    x = rng.standard_normal((4, 5))
    layer.forward(x)
    layer.backward(np.ones((4, 3)))
    dW, db, values = layer.dW, layer.db, layer.dW.copy()
    layer.backward(2 * np.ones((4, 3)))
    assert layer.dW is not dW
    assert layer.db is not db
    np.testing.assert_array_equal(dW, values)


@pytest.mark.parametrize("form", list(LAYOUTS))
def test_affine_of_any_layout(form, dtype, rng):
    W, b = affine(rng, dtype)
    x, dy = rng.standard_normal((4, 5)).astype(dtype), rng.standard_normal((4, 3)).astype(dtype)
    plain, other = nn.Affine(W, b), nn.Affine(LAYOUTS[form](W), b)
    assert_same_bits(other.forward(LAYOUTS[form](x)), plain.forward(x))
    assert_same_bits(other.backward(LAYOUTS[form](dy)), plain.backward(dy))
    assert_same_bits(other.dW, plain.dW)
    assert_same_bits(other.db, plain.db)


@pytest.mark.parametrize(
    ("x_dtype", "W_dtype", "expected"),
    [
        (np.float32, np.float32, np.float32),
        (np.float32, np.float64, np.float64),
        (np.float64, np.float32, np.float64),
        (np.uint8, np.float32, np.float32),
        (np.int64, np.float64, np.float64),
        (np.float32, np.int64, np.float64),
        (np.float16, np.float32, np.float32),
    ],
)
def test_affine_computes_in_the_promotion(x_dtype, W_dtype, expected, rng):
    W = (4 * rng.standard_normal((5, 3))).astype(W_dtype)
    x = (4 * rng.random((4, 5))).astype(x_dtype)
    layer = nn.Affine(W, np.zeros(3, W_dtype))
    y = layer.forward(x)
    assert y.dtype == expected
    np.testing.assert_allclose(y, x.astype(expected) @ W.astype(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "shape", [(4, 6), (6,), (2, 4, 6), (4, 2, 3), (4, 6, 1, 1), (0, 6), (0, 2, 3), (1, 6)]
)
def test_affine_shapes(shape, rng):
    W, b = affine(rng, sizes=(6, 3))
    layer = nn.Affine(W, b)
    x = rng.standard_normal(shape)
    rows = x if shape[-1] == 6 else x.reshape(shape[0], 6)
    y = layer.forward(x)
    np.testing.assert_allclose(y, rows @ W + b, rtol=1e-13, atol=1e-14)
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(dy)
    assert dx.shape == shape
    np.testing.assert_allclose(dx, (dy @ W.T).reshape(shape), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(layer.dW, rows.reshape(-1, 6).T @ dy.reshape(-1, 3), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(layer.db, dy.reshape(-1, 3).sum(0), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("b_shape", [(3,), (1, 3), ()])
def test_affine_gradient_of_the_bias_has_its_shape(b_shape, rng):
    W, b = rng.standard_normal((5, 3)), rng.standard_normal(b_shape)
    layer = nn.Affine(W, b)
    x, dy = rng.standard_normal((4, 5)), rng.standard_normal((4, 3))
    np.testing.assert_allclose(layer.forward(x), x @ W + b, rtol=1e-13)
    layer.backward(dy)
    assert layer.db.shape == b_shape
    np.testing.assert_allclose(layer.db, dy.sum(0).reshape(b_shape) if b_shape else dy.sum(), rtol=1e-13)


def test_affine_without_bias(rng):
    layer = nn.Affine(4, 2, bias=False, rng=0)
    x = rng.standard_normal((3, 4)).astype(np.float32)
    assert layer.b is None
    np.testing.assert_allclose(layer.forward(x), x @ layer.W, rtol=1e-5, atol=1e-6)
    layer.backward(np.ones((3, 2), np.float32))
    assert layer.db is None


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (np.ones((4, 6)), ValueError),
        (np.ones((4, 5), complex), TypeError),
        (np.ones((4, 5), object), TypeError),
        ([["a"] * 5], TypeError),
        (1.0, ValueError),
        ([[1.0, 2.0], [1.0]], ValueError),
        (np.ma.masked_less(np.zeros((4, 5)), 1), ValueError),
    ],
)
def test_affine_refuses(x, error, rng):
    layer = nn.Affine(*affine(rng))
    with pytest.raises(error, match=r"Affine\.forward: x "):
        layer.forward(x)


def test_names_of_the_same_layer():
    assert nn.Dense is nn.Linear is nn.Affine
    assert nn.Swish is nn.Silu


# ------------------------------------------------------------------------------------------------- gradients
def check_layer_gradient(layer, x, parameters=()):
    """dx and the parameters' gradients against finite differences of sum(y * weight)."""
    weight = np.random.default_rng(1).standard_normal(np.shape(layer.forward(x)))

    def total():
        return float((layer.forward(x) * weight).sum())

    total()
    dx = layer.backward(weight)
    grads = {name: getattr(layer, "d" + name).copy() for name in parameters}
    assert_gradient(dx, total, x, "dx")
    for name in parameters:
        assert_gradient(grads[name], total, getattr(layer, name), "d" + name)


@pytest.mark.parametrize("shape", [(4, 6), (3, 4, 6), (4, 2, 3)])
def test_affine_gradients(shape, rng):
    check_layer_gradient(nn.Affine(6, 5, dtype=np.float64, rng=0), rng.standard_normal(shape), ("W", "b"))


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if n != "step"])
def test_activation_gradients(name, rng):
    x = rng.standard_normal((4, 6))
    x += 0.05 * np.sign(x)  # away from kinks at 0
    check_layer_gradient(ACTIVATIONS[name], x)


@pytest.mark.parametrize("alpha", [0.25, np.array([0.1, -0.2, 0.3, 0.0, 0.5, 1.0])])
def test_prelu_gradients(alpha, rng):
    x = rng.standard_normal((4, 6))
    x += 0.05 * np.sign(x)
    check_layer_gradient(nn.PRelu(alpha, dtype=np.float64), x, ("alpha",))


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("kind", [nn.Softmax, nn.LogSoftmax])
def test_softmax_gradients(kind, axis, rng):
    x = rng.standard_normal((3, 4, 5))
    layer = kind(axis)
    formula = oracle.softmax if kind is nn.Softmax else oracle.log_softmax
    np.testing.assert_allclose(layer.forward(x), formula(x, axis), rtol=1e-13)
    check_layer_gradient(layer, x)


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 6), (5, 2, 3), (5, 6, 1)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_normalization_gradients(training, shape, rng):
    layer = nn.BatchNormalization(
        rng.standard_normal(6),
        rng.standard_normal(6),
        running_mean=rng.standard_normal(6),
        running_var=rng.random(6) + 0.5,
    )
    layer.training = training
    check_layer_gradient(layer, rng.standard_normal(shape), ("gamma", "beta"))


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 6), (6,), (5, 2, 3)])
def test_layer_normalization_gradients(shape, rng):
    layer = nn.LayerNormalization(rng.standard_normal(6), rng.standard_normal(6))
    check_layer_gradient(layer, rng.standard_normal(shape), ("gamma", "beta"))


# ------------------------------------------------------------------------------------------------- normalization
def test_batch_normalization_follows_the_batches(dtype, rng):
    gamma, beta = rng.standard_normal(4).astype(dtype), rng.standard_normal(4).astype(dtype)
    layer = nn.BatchNormalization(gamma, beta, momentum=0.8, eps=1e-3)
    assert layer.gamma is gamma
    assert layer.beta is beta
    mean, var = np.zeros(4), np.ones(4)
    tolerance = {np.float32: 1e-4, np.float64: 1e-12}[dtype]
    for _ in range(3):
        x = rng.standard_normal((7, 4)).astype(dtype)
        dy = rng.standard_normal((7, 4)).astype(dtype)
        y, dx, dgamma, dbeta, batch_mean, batch_var = oracle.normalize(
            oracle.wide(x), oracle.wide(gamma), oracle.wide(beta), 1e-3, 0, oracle.wide(dy)
        )
        np.testing.assert_allclose(layer.forward(x), y, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(layer.backward(dy), dx, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(layer.dgamma, dgamma, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(layer.dbeta, dbeta, rtol=tolerance, atol=tolerance)
        mean, var = 0.8 * mean + 0.2 * batch_mean, 0.8 * var + 0.2 * batch_var
    np.testing.assert_allclose(layer.running_mean, mean, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.running_var, var, rtol=tolerance)
    assert layer.running_mean.dtype == dtype
    before = layer.running_mean.copy()
    y = layer.forward(x, training=False)
    expected, *_ = oracle.normalize_with(x, gamma, beta, mean, var, 1e-3, dy)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(layer.running_mean, before)


def test_batch_normalization_is_torchs(torch, rng):
    x, dy = rng.standard_normal((2, 9, 5))
    theirs = torch.nn.BatchNorm1d(5, dtype=torch.float64)
    ours = nn.BatchNormalization(5, momentum=0.9, unbiased=True, dtype=np.float64)
    tx = torch.tensor(x, requires_grad=True)
    ty = theirs(tx)
    ty.backward(torch.tensor(dy))
    np.testing.assert_allclose(ours.forward(x), ty.detach(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ours.backward(dy), tx.grad, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(ours.dgamma, theirs.weight.grad, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ours.running_mean, theirs.running_mean, rtol=1e-12)
    np.testing.assert_allclose(ours.running_var, theirs.running_var, rtol=1e-12)
    theirs.eval()
    ours.training = False
    np.testing.assert_allclose(ours.forward(x), theirs(tx).detach(), rtol=1e-12, atol=1e-13)


def test_batch_of_one_is_beta():
    layer = nn.BatchNormalization(np.ones(3), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(layer.forward([[5.0, 6.0, 7.0]]), [[1.0, 2.0, 3.0]])


def test_batch_normalization_without_gamma(rng):
    layer = nn.BatchNormalization(3, affine=False, dtype=np.float64)
    x = rng.standard_normal((6, 3))
    y, dx, *_ = oracle.normalize(x, 1.0, 0.0, 1e-5, 0, x)
    np.testing.assert_allclose(layer.forward(x), y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(layer.backward(x), dx, rtol=1e-9, atol=1e-12)
    assert layer.gamma is layer.beta is layer.dgamma is layer.dbeta is None


def test_running_statistics_may_be_set_to_anything(rng):
    layer = nn.BatchNormalization(3)
    layer.running_mean = [1, 2, 3]
    layer.running_var = np.ones((3, 2))[:, 0]
    x = rng.standard_normal((6, 3))
    layer.forward(x)
    np.testing.assert_allclose(layer.running_mean, 0.9 * np.array([1, 2, 3]) + 0.1 * x.mean(0), rtol=1e-12)


def test_layer_normalization_is_its_formula(dtype, rng):
    x, dy = rng.standard_normal((2, 3, 5, 4)).astype(dtype)
    gamma, beta = rng.standard_normal((2, 4)).astype(dtype)
    layer = nn.LayerNormalization(gamma, beta)
    y, dx, dgamma, dbeta, *_ = oracle.normalize(*(oracle.wide(a) for a in (x, gamma, beta)), 1e-5, -1, dy)
    tolerance = {np.float32: 2e-4, np.float64: 1e-11}[dtype]
    np.testing.assert_allclose(layer.forward(x), y, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.dgamma, dgamma, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(layer.dbeta, dbeta, rtol=tolerance, atol=tolerance)


# ------------------------------------------------------------------------------------------------- dropout, flatten
def test_dropout_drops_and_scales(dtype):
    layer = nn.Dropout(0.3, seed=3)
    x = np.ones((200, 50), dtype)
    y = layer.forward(x)
    assert y.dtype == dtype
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / 0.7, rtol=1e-6)
    # 10,000 draws: 7,000 +- 46 kept
    assert abs(kept.sum() - 7000) < 5 * 46
    np.testing.assert_array_equal(layer.backward(x), y)


def test_dropout_draws_anew_each_time_and_again_with_the_seed():
    x = np.ones(1000)
    one, two = nn.Dropout(seed=5), nn.Dropout(seed=5)
    first, second = one.forward(x), one.forward(x)
    assert (first != second).any()
    np.testing.assert_array_equal(first, two.forward(x))
    np.testing.assert_array_equal(second, two.forward(x))
    assert (nn.Dropout().forward(x) != nn.Dropout().forward(x)).any()


def test_dropout_is_nothing_outside_training():
    layer = nn.Dropout(0.9)
    x = np.arange(4.0)
    np.testing.assert_array_equal(layer.forward(x, training=False), x)
    np.testing.assert_array_equal(layer.backward(x), x)
    layer.training = False
    np.testing.assert_array_equal(layer.forward(x), x)
    assert (layer.forward(np.ones(1000), training=True) == 0).any()


def test_dropout_of_ratio_zero_keeps_all():
    x = np.arange(5.0)
    np.testing.assert_array_equal(nn.Dropout(0).forward(x), x)


def test_flatten(rng):
    layer = nn.Flatten()
    x = rng.standard_normal((3, 2, 4))
    assert layer.forward(x).shape == (3, 8)
    assert np.shares_memory(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(x.reshape(3, 8)), x)
    assert layer.forward(np.empty((0, 2, 4))).shape == (0, 8)
    with pytest.raises(ValueError, match=r"Flatten\.forward: x has shape \(\)"):
        layer.forward(1.0)


# ------------------------------------------------------------------------------------------------- as objects
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_layers_and_losses_can_be_copied(again, rng):
    x = rng.standard_normal((5, 6))
    layers = [
        nn.Affine(6, 6, rng=0),
        nn.Gelu("tanh"),
        nn.LeakyRelu(0.2),
        nn.PRelu(0.1),
        nn.BatchNormalization(6),
        nn.LayerNormalization(6),
        nn.Dropout(0.5, seed=1),
        nn.Softmax(0),
        nn.Flatten(),
    ]
    for layer in layers:
        mode = {"training": False} if isinstance(layer, nn.Dropout) else {}
        expected = layer.forward(x, **mode)
        other = again(layer)
        assert repr(other) == repr(layer)
        assert "_kept" not in vars(other)
        assert_same_bits(other.forward(x, **mode), expected)
    loss = nn.SoftmaxCrossEntropy([1, 2, 3, 4, 5, 6], label_smoothing=0.1)
    t = rng.integers(6, size=5)
    assert again(loss).forward(x, t) == loss.forward(x, t)


def test_reprs_can_be_evaluated():
    for layer in [*ACTIVATIONS.values(), nn.Affine(3, 2), nn.Dropout(0.1), nn.Softmax()]:
        assert repr(eval(repr(layer), vars(nn))) == repr(layer)


def test_own_layer_base():
    class Mine(nn.Layer):
        pass

    assert Mine().training
    with pytest.raises(NotImplementedError, match="Mine has no forward"):
        Mine().forward(1)
    with pytest.raises(NotImplementedError, match="Mine has no backward"):
        Mine().backward(1)
