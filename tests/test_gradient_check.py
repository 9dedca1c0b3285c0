"""Numerical gradients, Jacobians, and the check of gradients, whose differences the core takes."""

from __future__ import annotations

import copy

import nnfast as nn
import numpy as np
import pytest
from conftest import assert_same_bits, thread_counts, use_threads
from network_samples import Affine, Scale, batch, network_of_everything
from nnfast import _core
from nnfast.errors import IntegerGradientWarning

# ---- Functions of the courses


def test_numerical_gradient_of_any_shape(rng):
    for shape in [(), (3,), (2, 3), (2, 1, 3)]:
        x = rng.standard_normal(shape)
        before = x.copy()
        gradient = nn.numerical_gradient(lambda v: (v**3).sum(), x)
        np.testing.assert_allclose(gradient, 3 * before**2, atol=1e-7)
        assert gradient.shape == shape
        assert_same_bits(x, before)


def test_numerical_gradient_reads_x_from_where_it_stands(rng):
    """The book's way: f ignores its argument and looks at the network's own W."""
    net = nn.mlp([4, 3], seed=0, dtype=np.float64)
    x, t = rng.random((5, 4)), np.array([0, 1, 2, 0, 1])
    W = net.params["W1"]
    numeric = nn.numerical_gradient(lambda W: net.loss(x, t), W)
    np.testing.assert_allclose(numeric, net.gradient(x, t)["W1"], rtol=1e-7, atol=1e-10)
    strided = np.asfortranarray(rng.standard_normal((3, 4)))[::-1, ::2]
    np.testing.assert_allclose(nn.numerical_gradient(lambda v: (v**2).sum(), strided), 2 * strided, atol=1e-8)


def test_numerical_gradient_puts_back_where_f_fails():
    x = np.array([1.0, 2.0])

    def f(v):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        nn.numerical_gradient(f, x)
    assert x.tolist() == [1.0, 2.0]


def test_numerical_gradient_of_integers_teaches():
    x = np.array([3, 4])
    with pytest.warns(
        IntegerGradientWarning, match=r"x has dtype int64, in which x \+ h is x.*astype\(float\)"
    ) as caught:
        gradient = nn.numerical_gradient(lambda v: (v**2).sum(), x)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(gradient, [6, 8], atol=1e-8)
    assert x.tolist() == [3, 4]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: nn.numerical_gradient(lambda x: x, np.ones(3)),
            ValueError,
            r"f gives float64 of shape \(3,\)",
        ),
        (
            lambda: nn.numerical_gradient(np.sum, np.ones(3), h=0),
            ValueError,
            "h is 0.0; expected a number > 0",
        ),
        (lambda: nn.numerical_gradient(np.sum, ["a"]), TypeError, "x has dtype <U1"),
        (
            lambda: nn.directional_derivative(np.sum, np.ones(3), np.ones(2)),
            ValueError,
            r"v has shape \(2,\) but x",
        ),
        (lambda: nn.gradient_descent(np.sum, np.ones(3), step_num=-1), ValueError, "step_num is -1"),
        (lambda: nn.jacobian(3, np.ones(3)), TypeError, "f is 3; expected a function or a layer"),
        (lambda: nn.jacobian(np.sin, np.ones(3), numeric=False), TypeError, "has no backward"),
        (lambda: nn.check_gradients(3, np.ones(3)), TypeError, "3 has no forward"),
        (lambda: nn.check_gradients(nn.Relu, np.ones(3)), TypeError, "expected a Network or a layer"),
        (lambda: nn.check_gradients(nn.mlp([3, 2]), np.ones((1, 3))), TypeError, "t is missing"),
        (lambda: nn.check_gradients(nn.Relu(), np.ones(3), np.ones(2)), ValueError, r"t has shape \(2,\)"),
        (lambda: nn.check_gradients(nn.Relu(), np.ones(3), samples=0), ValueError, "samples is 0"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_derivatives_of_the_book():
    assert nn.numerical_diff(lambda x: 0.01 * x**2 + 0.1 * x, 5) == pytest.approx(0.2, abs=1e-9)
    assert nn.numerical_diff(lambda x: 0.01 * x**2 + 0.1 * x, 10) == pytest.approx(0.3, abs=1e-9)

    def f(x):
        return x[0] ** 2 + x[1] ** 2

    for at, expected in (([3.0, 4.0], [6, 8]), ([0.0, 2.0], [0, 4]), ([3.0, 0.0], [6, 0])):
        np.testing.assert_allclose(nn.numerical_gradient(f, np.array(at)), expected, atol=1e-8)
    x, history = nn.gradient_descent(f, np.array([-3.0, 4.0]), lr=0.1, step_num=100)
    np.testing.assert_allclose(x, [-6.11110793e-10, 8.14814391e-10], rtol=1e-6)
    assert history.shape == (100, 2)
    np.testing.assert_allclose(history[:2], [[-3, 4], [-2.4, 3.2]], rtol=1e-9)
    far, _ = nn.gradient_descent(f, [-3.0, 4.0], lr=10.0, step_num=100)
    near, _ = nn.gradient_descent(f, [-3.0, 4.0], lr=1e-10, step_num=100)
    assert np.abs(far).max() > 1e10
    np.testing.assert_allclose(near, [-3, 4], rtol=1e-6)


def test_directional_derivative_is_the_dot_product(rng):
    x, v = rng.standard_normal((2, 5))

    def f(x):
        return np.sin(x).sum() + x[0] * x[1]

    gradient = nn.numerical_gradient(f, x.copy())
    assert nn.directional_derivative(f, x, v) == pytest.approx(gradient @ v, rel=1e-7)
    uphill = gradient / np.linalg.norm(gradient)
    for other in rng.standard_normal((50, 5)):
        assert (
            nn.directional_derivative(f, x, other / np.linalg.norm(other))
            <= nn.directional_derivative(f, x, uphill) + 1e-7
        )


# ---- Jacobians

LAYERS = [
    nn.Affine(4, 3, rng=0, dtype=np.float64), nn.Relu(), nn.Sigmoid(), nn.Gelu(), nn.Softmax(), nn.LogSoftmax(),
    nn.LayerNormalization(4), nn.BatchNormalization(4), nn.PRelu(0.2),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_jacobian_by_backward_and_by_differences(layer, rng):
    x = rng.standard_normal((3, 4))
    J = nn.jacobian(layer, x)
    y = layer.forward(x)
    assert J.shape == y.shape + x.shape
    np.testing.assert_allclose(J, nn.jacobian(layer, x, numeric=True), rtol=1e-5, atol=1e-7)
    dout = rng.standard_normal(y.shape)
    np.testing.assert_allclose(np.tensordot(dout, J, axes=2), layer.backward(dout), rtol=1e-6, atol=1e-9)


def test_jacobian_of_vectors_is_a_matrix(rng):
    net = nn.mlp([5, 7, 3], "tanh", seed=0, dtype=np.float64)
    x = rng.standard_normal(5)
    J = nn.jacobian(net, x)
    assert J.shape == (3, 5)
    np.testing.assert_allclose(J, nn.jacobian(net.predict, x), rtol=1e-6, atol=1e-9)
    a = np.tanh(net.W[1] @ x + net.b[1])
    np.testing.assert_allclose(J, net.W[2] @ np.diag(1 - a**2) @ net.W[1], rtol=1e-12)
    columns = nn.mlp([5, 7, 3], "tanh", seed=0, dtype=np.float64, convention="columns")
    many = rng.standard_normal((5, 2))
    J = nn.jacobian(columns, many)
    assert J.shape == (3, 2, 5, 2)
    np.testing.assert_allclose(J, nn.jacobian(columns.predict, many), rtol=1e-6, atol=1e-9)


def test_jacobian_of_a_function_leaves_x_alone():
    x = np.array([1, 2])
    np.testing.assert_allclose(
        nn.jacobian(lambda v: np.array([v[0] * v[1], v[0] + v[1], 3.0]), x),
        [[2, 1], [1, 1], [0, 0]],
        atol=1e-9,
    )
    assert x.tolist() == [1, 2]


# ---- The differences of the core


LOSSES = [
    (nn.SoftmaxCrossEntropy(label_smoothing=0.1, class_weight=[1.0, 2.0, 0.5, 3.0]), "labels"),
    (nn.SigmoidCrossEntropy(), "rows"),
    (nn.MeanSquaredError(), "rows"),
    (nn.MeanAbsoluteError(), "rows"),
    (nn.Huber(), "rows"),
    (nn.Hinge(), "labels"),
    (nn.SumSquaredError(reduction="sum"), "rows"),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("loss", "targets"), LOSSES, ids=repr)
def test_differences_of_the_core_are_those_of_the_loss(loss, targets, training, rng):
    """Every parameter of a network with every kind of layer, against two losses of the whole network."""
    net = network_of_everything(loss=loss, seed=3)
    for p in net.params.values():
        p += 0.1 * rng.standard_normal(p.shape)
    x, t = batch(rng)
    t = t if targets == "labels" else rng.random((len(x), 4))
    net._flat_state[...] = rng.random(net._flat_state.shape) + 0.5
    h = 1e-4
    for name, p in net.params.items():
        offset = net._layout.offset(name)
        entries = np.arange(p.size)
        numeric, kink = _core.loss_differences(
            6, net._whole.nodes, net._flat_params, net._flat_state, x, t, loss._spec, offset + entries, h,
            training=training, seed=net.seed, step=net.training_steps, class_weight=loss.class_weight,
        )  # fmt: skip
        assert kink.min() >= -1
        for i in entries:
            place = np.unravel_index(i, p.shape)
            before = p[place]
            p[place] = before + h
            above = net.loss(x, t, training=training)
            p[place] = before - h
            below = net.loss(x, t, training=training)
            p[place] = before
            assert numeric[i] == pytest.approx((above - below) / (2 * h), rel=1e-7, abs=1e-9), (name, place)


def test_differences_do_not_depend_on_threads_or_on_company(rng):
    net = network_of_everything()
    x, t = batch(rng)
    entries = np.concatenate([net._layout.offset(name) + np.arange(p.size) for name, p in net.params.items()])

    def differences(chosen):
        return _core.loss_differences(
            6,
            net._whole.nodes,
            net._flat_params,
            net._flat_state,
            x,
            t,
            net.loss_function._spec,
            chosen,
            1e-5,
        )[0]

    everything = differences(entries)
    for n in thread_counts(3):
        use_threads(n)
        assert_same_bits(differences(entries), everything)
    order = rng.permutation(len(entries))
    assert_same_bits(differences(entries[order]), everything[order])
    for i in order[:20]:
        assert_same_bits(differences(entries[i : i + 1]), everything[i : i + 1])
    assert differences(entries[:0]).shape == (0,)


def test_differences_refuse_bad_arguments(rng):
    net = nn.mlp([6, 5, 4], dtype=np.float64, seed=0)
    x, t = batch(rng)
    plan = net._whole.nodes, net._flat_params, net._flat_state
    spec = net.loss_function._spec
    zero = np.zeros(1, int)
    for element in (-1, net._flat_params.size):
        with pytest.raises(IndexError, match=rf"elements\[0\] is {element}, no parameter"):
            _core.loss_differences(6, *plan, x, t, spec, np.array([element]), 1e-5)
    with pytest.raises(ValueError, match=r"h is 0\.0; expected"):
        _core.loss_differences(6, *plan, x, t, spec, zero, 0.0)
    with pytest.raises(ValueError, match=r"layers\[0\] takes 6 columns but gets 5"):
        _core.loss_differences(5, *plan, x[:, :5], t, spec, zero, 1e-5)
    with pytest.raises(ValueError, match="params is float32"):
        _core.loss_differences(6, plan[0], plan[1].astype("f4"), plan[2], x, t, spec, zero, 1e-5)
    with pytest.raises(IndexError, match=r"t\[0\] is 9"):
        _core.loss_differences(6, *plan, x, t * 0 + 9, spec, zero, 1e-5)


# ---- The check


def test_the_books_network_is_right(rng):
    net = nn.mlp([784, 50, 10], seed=0)
    x, t = rng.random((3, 784)).astype(np.float32), np.array([5, 0, 4])
    check = nn.check_gradients(net, x, t)
    assert check.ok
    assert check.error < 1e-6
    assert sum(p.checked for p in check.parameters.values()) == 39760
    assert check.verdict.startswith("the gradients are right: the largest relative error is ")
    assert "W1  (784, 50)   39,200" in str(check)


@pytest.mark.parametrize(("loss", "targets"), LOSSES, ids=repr)
def test_networks_of_every_layer_are_right_and_stay_as_they_were(loss, targets, rng):
    net = network_of_everything(np.float32, loss=loss, l1=0.01, l2=0.1, seed=4)
    x, t = batch(rng)
    t = t if targets == "labels" else rng.random((len(x), 4))
    net.gradient(x, t)
    before = net._snapshot()
    grads = {name: g.copy() for name, g in net.grads.items()}
    check = nn.check_gradients(net, x, t)
    assert check.ok, str(check)
    assert check.error < 1e-5
    assert list(check.parameters) == list(net.params)
    for now, then in zip(net._snapshot(), before, strict=True):
        assert_same_bits(now, then)
    for name, gradient in grads.items():
        assert_same_bits(net.grads[name], gradient)
    assert net.training_steps == 1


class Broken(nn.Relu):
    """Every seventh entry is wrong by a tenth."""

    def backward(self, dy):
        dx = np.array(super().backward(dy))
        dx.flat[::7] *= 1.1
        return dx


def test_a_wrong_backward_is_found(rng):
    x, t = batch(rng)
    net = nn.Network([nn.Affine(6, 5, rng=0), Broken(), nn.Affine(5, 4, rng=1)])
    check = nn.check_gradients(net, x, t)
    assert not check
    assert check.parameters["W1"].verdict in ("wrong", "doubtful")
    assert check.parameters["W2"].verdict == "right"
    assert "the gradient of" in check.verdict
    assert "backpropagation gives" in str(check)
    single = nn.check_gradients(Broken(), rng.standard_normal((4, 5)) + 3)
    assert single.parameters["x"].index in [(0, 0), (1, 2), (2, 4)]
    assert single.error == pytest.approx(0.1 / 2.1, rel=1e-4)

    class NoBias(nn.Affine):
        def backward(self, dy):
            dx = super().backward(dy)
            self.db = self.db / 2
            return dx

    check = nn.check_gradients(NoBias(6, 4, rng=0), x)
    assert [name for name, p in check.parameters.items() if p.verdict == "wrong"] == ["b"]


class Forgets(nn.Dropout):
    """Scales in backward as if it were test time."""

    def backward(self, dy):
        return super().backward(dy) * (1 - self.ratio)


def test_wrong_in_every_entry(rng):
    assert not nn.check_gradients(Forgets(0.3, seed=0), rng.standard_normal((4, 5)))
    assert nn.check_gradients(nn.Dropout(0.3, seed=0), rng.standard_normal((4, 5)))


def test_kinks_are_told_and_not_counted():
    """A unit so near to 0 that a step of h switches it."""
    net = nn.Network(
        [nn.Affine([[1.0]], [2e-6], dtype=np.float64), nn.Relu(), nn.Affine([[3.0]], [0.0])],
        nn.MeanSquaredError(),
    )
    x, t = np.array([[0.0]]), np.array([[1.0]])
    naive = nn.numerical_gradient(lambda b: net.loss(x, t), net.params["b1"], h=1e-5)
    assert (
        abs(naive[0] / net.gradient(x, t)["b1"][0] - 1) > 0.3
    )  # what a check without kinks would call wrong
    check = nn.check_gradients(net, x, t, h=1e-5)
    assert check.ok
    assert check.parameters["b1"].crossed == 1
    assert check.parameters["b1"].kinks == ["layers[1] Relu"]
    assert "b1: 1 steps crossed a kink of layers[1] Relu; smaller steps were taken there" in str(check)

    net.params["b1"][0] = 0.0
    check = nn.check_gradients(net, x, t)
    assert check.ok
    assert check.parameters["b1"].at_kink == 1
    assert "there is no derivative to compare" in str(check)


@pytest.mark.parametrize(
    ("layer", "places"),
    [
        (nn.Relu(), [0.0]),
        (nn.LeakyRelu(0.1), [0.0]),
        (nn.Elu(0.5), [0.0]),
        (nn.Selu(), [0.0]),
        (nn.PRelu(0.2), [0.0]),
        (nn.HardSigmoid(), [-2.5, 2.5]),
        (nn.HardSwish(), [-3.0, 3.0]),
    ],
    ids=repr,
)
def test_kinks_of_every_activation(layer, places):
    """In the core, which knows them, and from outside, where only the differences tell."""
    for place in places:
        net = nn.Network(
            [nn.Affine([[1.0]], [place + 3e-6]), copy.deepcopy(layer), nn.Affine([[1.0]], [0.0])],
            nn.SumSquaredError(),
            np.float64,
        )
        check = nn.check_gradients(net, [[0.0]], [[1.0]])
        assert check.ok, str(check)
        assert check.parameters["b1"].crossed == 1
        outside = nn.check_gradients(layer, [[place + 3e-6]])
        assert outside.ok, str(outside)
        assert outside.parameters["x"].crossed == 1
        away = nn.check_gradients(layer, [[place + 0.1]])
        assert away.ok
        assert away.parameters["x"].crossed == 0


def test_kinks_of_losses_and_of_the_penalty():
    x = np.array([[1.0]])
    absolute = nn.Network([nn.Affine([[1.0]], [2e-6])], nn.MeanAbsoluteError(), np.float64)
    check = nn.check_gradients(absolute, x, [[1.0]])
    assert check.ok, str(check)
    assert check.parameters["b1"].kinks == ["MeanAbsoluteError"]
    hinge = nn.Network([nn.Affine([[0.0, 1.0 + 2e-6]], [0.0, 0.0])], nn.Hinge(), np.float64)
    check = nn.check_gradients(hinge, x, [1])
    assert check.ok, str(check)
    assert check.parameters["b1"].kinks == ["Hinge"]
    lasso = nn.Network([nn.Affine([[2e-6, 1.0]], [0.0, 0.0])], l1=0.5, dtype=np.float64)
    check = nn.check_gradients(lasso, x, [1])
    assert check.ok, str(check)
    assert check.parameters["W1"].kinks == ["the penalty |W|"]


def test_samples_are_drawn_by_seed(rng):
    net = nn.mlp([6, 30, 4], seed=0)
    x, t = batch(rng)
    few = nn.check_gradients(net, x, t, samples=10, seed=1)
    assert [p.checked for p in few.parameters.values()] == [10, 10, 10, 4]
    assert str(few) == str(nn.check_gradients(net, x, t, samples=10, seed=1))
    assert str(few) != str(nn.check_gradients(net, x, t, samples=10, seed=2))


def test_layers_and_losses_written_in_python(rng):
    x, t = batch(rng)
    scale = Scale(np.full(5, 1.5, np.float32))
    book = Affine(rng.standard_normal((5, 4)).astype(np.float32), np.zeros(4, np.float32))
    net = nn.Network([nn.Affine(6, 5, rng=0), scale, nn.Relu(), book], l2=0.1)
    check = nn.check_gradients(net, x, t)
    assert check.ok, str(check)
    assert check.error < 1e-5
    assert list(check.parameters) == ["W1", "b1", "scale1", "W2", "b2"]
    assert scale.params["scale"].dtype == np.float32
    assert not hasattr(book, "dW") or book.dW.dtype == np.float32
    for layer, width in ((scale, 5), (book, 5)):
        own = nn.check_gradients(layer, rng.standard_normal((3, width)))
        assert own.ok, str(own)
        assert len(own.parameters) == (2 if layer is scale else 3)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers_alone_are_right(layer, rng):
    check = nn.check_gradients(copy.deepcopy(layer), rng.standard_normal((3, 4)))
    assert check.ok, str(check)
    assert check.error < 1e-6
    assert list(check.parameters) == ["x", *[k for k in layer._param_names if getattr(layer, k) is not None]]


# ---- Odd cases


class Scaled:
    """An affine layer in Python whose dW is too large by `factor`."""

    def __init__(self, width_in, width_out, factor, seed=0):
        rng = np.random.default_rng(seed)
        self.W, self.b, self.factor = rng.standard_normal((width_in, width_out)), np.zeros(width_out), factor

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.factor * (self.x.T @ dy), dy.sum(0)
        return dy @ self.W.T


@pytest.mark.parametrize("size", [1.0, 1e5, 1e8])
@pytest.mark.parametrize("factor", [1.01, -1.0, 0.0])
def test_a_large_loss_hides_no_mistake(size, factor, rng):
    x, t = rng.standard_normal((6, 4)), size * (3 + rng.random((6, 1)))
    check = nn.check_gradients(
        nn.Network([Scaled(4, 6, factor), nn.Tanh(), nn.Affine(6, 1, rng=0)], nn.MeanSquaredError()), x, t
    )
    W = check.parameters["W1"]
    assert not check.ok or W.compared == 0, str(check)
    assert W.crossed == 0
    right = nn.check_gradients(
        nn.Network([Scaled(4, 6, 1.0), nn.Tanh(), nn.Affine(6, 1, rng=0)], nn.MeanSquaredError()), x, t
    )
    assert right.error < 1e-4, str(right)


def test_vanishing_derivatives_are_said_to_be_too_small(rng):
    layers = [Scaled(4, 4, -1.0)]
    for i in range(14):
        layers += [nn.Sigmoid(), nn.Affine(4, 4, init=0.5, rng=i, dtype=np.float64)]
    check = nn.check_gradients(nn.Network(layers), rng.standard_normal((6, 4)), rng.integers(4, size=6))
    W = check.parameters["W1"]
    assert not check.ok or W.compared == 0, str(check)
    assert W.crossed == 0


def test_a_step_that_is_too_short_compares_nothing(rng):
    x, t = batch(rng)
    check = nn.check_gradients(nn.mlp([6, 5, 4], "tanh", seed=0), x, t, h=1e-15)
    assert not check.ok
    assert check.verdict != "right"


def test_one_array_under_two_names(rng):
    class Both:
        def __init__(self):
            self.W = rng.standard_normal((4, 5)).astype(np.float32)
            self.params, self.grads, self.also = {"W": self.W}, {}, [self.W]

        def forward(self, x):
            self.x = x
            return x @ self.also[0]

        def backward(self, dy):
            self.grads["W"] = self.x.T @ dy
            return dy @ self.W.T

    x = rng.standard_normal((3, 4))
    check = nn.check_gradients(Both(), x)
    assert check.ok, str(check)
    assert set(check.parameters) == {"x", "W"}

    class Stale(Both):
        def forward(self, x):
            self.x = x
            return x @ self.copy

        def __init__(self):
            super().__init__()
            self.copy = self.W.copy()

    check = nn.check_gradients(Stale(), x)
    assert "changing it changes nothing" in check.verdict


def test_shapes_are_compared(rng):
    class Transposed(Scaled):
        def backward(self, dy):
            dx = super().backward(dy)
            self.dW, self.db = self.dW.T, self.db[None]
            return dx

    check = nn.check_gradients(Transposed(4, 3, 1.0), rng.standard_normal((5, 4)))
    assert not check.ok
    assert check.parameters["W"].problem == "dW has shape (3, 4), W has (4, 3)"
    assert check.parameters["b"].problem == "db has shape (1, 3), b has (3,)"
    assert "is wrong: d" in check.verdict


def test_layers_that_work_in_place(rng):
    class Leaky:
        def forward(self, x):
            self.mask = x < 0
            return np.where(self.mask, 0.1 * x, x)

        def backward(self, dy):
            dy[self.mask] *= 0.1
            return dy

    x, up = rng.standard_normal((6, 4)), np.ones((6, 4))
    assert nn.check_gradients(Leaky(), x, up).ok
    assert (up == 1).all()
    net = nn.Network([nn.Affine(4, 5, rng=0), Leaky(), nn.Affine(5, 3, rng=1)])
    assert nn.check_gradients(net, x, [0, 1, 2, 0, 1, 2]).ok
    wishes = net.per_sample_gradient(x, np.array([0, 1, 2, 0, 1, 2]))
    np.testing.assert_allclose(
        wishes["W1"].mean(0), net.gradient(x, [0, 1, 2, 0, 1, 2])["W1"], rtol=1e-4, atol=1e-6
    )


def test_nothing_compared_is_not_right(rng):
    net = nn.Network([nn.Affine(4, 3, rng=0, dtype=np.float64)], nn.MeanAbsoluteError())
    x = rng.standard_normal((6, 4))
    check = nn.check_gradients(net, x, net.predict(x))
    assert not check.ok
    assert check.verdict == "nothing could be compared"


def test_a_gradient_of_ones_own_is_checked(rng):
    class Mine(nn.Network):
        def gradient(self, x, t, **weights):
            grads = super().gradient(x, t, **weights)
            grads["W1"] *= -1
            return grads

    x, t = batch(rng)
    check = nn.check_gradients(Mine([nn.Affine(6, 4, rng=0)]), x, t)
    assert check.parameters["W1"].verdict == "wrong"
    assert check.parameters["b1"].verdict == "right"


def test_a_network_that_gave_its_layers_away_is_checked_with_its_own_values(rng):
    net = nn.mlp([4, 6, 3], seed=0, dtype=np.float64)
    x, t = rng.standard_normal((20, 4)), rng.integers(3, size=20)
    other = nn.Network(net.layers[:2])
    for p in other.params.values():
        p += 1.0
    grads = {name: g.copy() for name, g in net.gradient(x, t).items()}
    assert nn.check_gradients(net, x, t).ok
    assert_same_bits(net.forward(x), net.predict(x))
    for name, value in net.sensitivity(x, t).items():
        np.testing.assert_allclose(value, grads[name], rtol=1e-12, atol=1e-15)


def test_jacobians_change_nothing_and_repeat_themselves(rng):
    x = rng.standard_normal((5, 4))
    layer = nn.BatchNormalization(4)
    for numeric in (True, False):
        nn.jacobian(layer, x, numeric=numeric)
    assert (layer.running_mean == 0).all()
    drop = nn.Dropout(0.5, seed=1)
    np.testing.assert_allclose(nn.jacobian(drop, x, numeric=True), nn.jacobian(drop, x), atol=1e-8)

    class Own:
        def __init__(self):
            self.params, self.grads = {"s": np.ones(4)}, {"s": "kept"}

        def forward(self, x):
            self.x = x
            return x * self.params["s"]

        def backward(self, dy):
            self.grads["s"] = (dy * self.x).sum(0)
            dy *= self.params["s"]
            return dy

    own = Own()
    np.testing.assert_allclose(nn.jacobian(own, x[0]), np.eye(4))
    assert own.grads == {"s": "kept"}


def test_jacobians_of_networks_take_inputs_as_the_network_does(rng):
    net = nn.mlp([6, 5, 3], "tanh", seed=0)
    pixels = rng.integers(0, 256, 6).astype(np.uint8)
    J = nn.jacobian(net, pixels)
    np.testing.assert_allclose(J, nn.jacobian(net, pixels / 255), rtol=1e-5)
    np.testing.assert_allclose(J, nn.jacobian(net, pixels, numeric=True), rtol=1e-4, atol=1e-6)
    assert nn.jacobian(lambda v: v**2, 3.0) == pytest.approx(6.0)


def test_floats_of_few_digits_teach(rng):
    with pytest.warns(
        IntegerGradientWarning, match=r"x\[0\] is 4096.0 of dtype float32, in which x \+ h is x"
    ):
        nn.numerical_gradient(np.sum, np.array([4096.0], np.float32))
    fixed = np.ones(3)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match=r"x is read-only, but is changed in place; expected x.copy\(\)"):
        nn.numerical_gradient(np.sum, fixed)


def test_parameters_without_a_gradient_are_told(rng):
    class Typo(Scaled):
        def backward(self, dy):
            self.dw, self.db = self.x.T @ dy, dy.sum(0)  # dw: a typo
            return dy @ self.W.T

    x = rng.standard_normal((3, 4))
    check = nn.check_gradients(Typo(4, 5, 1.0), x)
    assert not check.ok
    assert check.parameters["W"].problem == "backward left no dW"
    assert check.parameters["b"].verdict == "right"

    class Half(Typo):
        def __init__(self):
            super().__init__(4, 5, 1.0)
            self.params, self.grads = {"W": self.W, "b": self.b}, {}

        def backward(self, dy):
            self.grads["b"] = dy.sum(0)
            return dy @ self.W.T

    check = nn.check_gradients(Half(), x)
    assert check.parameters["W"].problem == "backward left no dW"


def test_weights_under_other_names_are_told(rng):
    class Two:
        def __init__(self):
            self.W1, self.W2 = rng.standard_normal((4, 5)), rng.standard_normal((5, 3))

        def forward(self, x):
            return x @ self.W1 @ self.W2

        def backward(self, dy):
            return dy @ self.W2.T @ self.W1.T

    check = nn.check_gradients(Two(), rng.standard_normal((3, 4)))
    assert "Two has W1, W2, which are not seen as parameters" in str(check)
    with pytest.warns(
        nn.errors.UnseenParametersWarning, match=r"layers\[0\] Two has W1, W2, which the network does not"
    ):
        nn.Network([Two()])


def test_a_missing_return_is_told(rng):
    class Nothing:
        def forward(self, x):
            self.x = x

        def backward(self, dy):
            return dy

    class NothingBack(Nothing):
        def forward(self, x):
            return x

        def backward(self, dy):
            pass

    x = rng.standard_normal((3, 4))
    with pytest.raises(
        TypeError, match=r"^Nothing.forward gives None; expected an array: is there a return\?"
    ):
        nn.check_gradients(Nothing(), x)
    with pytest.raises(TypeError, match=r"^NothingBack.backward gives None"):
        nn.check_gradients(NothingBack(), x)
    with pytest.raises(TypeError, match=r"^Network: Nothing.forward gives None"):
        nn.Network([nn.Affine(4, 3, rng=0), Nothing()]).predict(x)
    net = nn.Network([nn.Affine(4, 3, rng=0), NothingBack()])
    for ask in (net.gradient, net.input_gradient):
        with pytest.raises(TypeError, match=r"^Network: NothingBack.backward gives None"):
            ask(x, [0, 1, 2])
