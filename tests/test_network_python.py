"""Networks with layers, losses and optimizers written in Python."""

import copy

import nnfast as nn
import numpy as np
import oracle
import pytest
from conftest import assert_same_bits
from finite_differences import assert_gradient
from network_samples import batch


class PyAffine:
    """The affine layer of the courses."""

    def __init__(self, W, b):
        self.W, self.b, self.dW, self.db = W, b, None, None

    def forward(self, x):
        self.x, self.shape = x.reshape(len(x), -1), x.shape
        return self.x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return (dout @ self.W.T).reshape(self.shape)


class Scale:
    def __init__(self, width):
        self.params, self.grads = {"scale": np.linspace(0.5, 2, width)}, {}
        self.modes = []

    def forward(self, x, train_flg=True):
        self.modes.append(train_flg)
        self.x = x
        return x * self.params["scale"]

    def backward(self, dy):
        self.grads["scale"] = (dy * self.x).sum(0)
        return dy * self.params["scale"]


class Square:
    training = True

    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, dy):
        return 2 * self.x * dy


class MeanSquare:
    """A loss written in Python."""

    def forward(self, y, t):
        self.d = y - t
        return (self.d**2).mean()

    def backward(self, dout=1):
        return 2 * self.d / self.d.size


def mixed(rng):
    return [
        nn.Affine(6, 5, rng=0, dtype=np.float64, bias=False), nn.BatchNormalization(5, dtype=np.float64), Scale(5),
        nn.Tanh(),
        PyAffine(rng.standard_normal((5, 3)), rng.standard_normal(3)), Square(), nn.Dropout(0.2),
        nn.Affine(3, 4, rng=1, dtype=np.float64),
    ]  # fmt: skip


def test_python_layers_have_gradients(rng):
    network = nn.Network(mixed(rng), l1=0.01, l2=0.2)
    x, t = batch(rng)
    assert list(network.params) == ["W1", "gamma1", "beta1", "scale1", "W2", "b2", "W3", "b3"]
    grads = {key: np.array(g) for key, g in network.gradient(x, t).items()}
    network.training_steps = 0
    for key, p in network.params.items():
        assert_gradient(grads[key], lambda: network.loss(x, t, training=True), p, key)


def test_python_layers_are_told_the_mode(rng):
    network = nn.Network(mixed(rng))
    x, t = batch(rng)
    scale, square = network.layers[2], network.layers[5]
    assert isinstance(square, Square)
    network.predict(x)
    assert (scale.modes[-1], square.training) == (False, False)
    network.gradient(x, t)
    assert (scale.modes[-1], square.training) == (True, True)
    network.evaluate(x, t)
    assert scale.modes[-1] is False


@pytest.mark.parametrize("loss", [None, MeanSquare])
def test_python_parts_train_as_the_core_does(loss, rng):
    """Replacing a layer or the loss by its twin in Python changes nothing but the last bits."""
    x, t = batch(rng, 40)
    target = oracle.one_hot(t, 4) if loss else t
    ours = nn.mlp(
        [6, 8, 5, 4], "tanh", dtype=np.float64, seed=3, loss=nn.MeanSquaredError() if loss else None, l2=0.1
    )
    first, act1, second, act2, third = copy.deepcopy(ours.layers)
    layers = [first, act1, PyAffine(second.W, second.b), act2, third]
    theirs = nn.Network(layers, loss() if loss else None)
    compiled = nn.Network(copy.deepcopy(ours.layers), loss() if loss else None, l2=0.1)
    ours = nn.Network(ours.layers, ours.loss_function)
    plain = nn.Network(copy.deepcopy(ours.layers), ours.loss_function, l2=0.1)
    for one, two in ((ours, theirs), (plain, compiled)):
        histories = [
            n.fit(
                x,
                target,
                epochs=3,
                batch_size=16,
                optimizer=nn.Adam(0.01, clip_norm=1.0),
                validation=0.25,
                seed=4,
            )
            for n in (one, two)
        ]
        assert histories[0].keys() == histories[1].keys()
        for key in ("loss", "val_loss", "accuracy", "val_accuracy"):
            np.testing.assert_allclose(histories[1][key], histories[0][key], rtol=1e-10)
        for key, p in one.params.items():
            np.testing.assert_allclose(two.params[key], p, rtol=1e-9, atol=1e-12)


def test_python_layer_that_replaces_its_arrays(rng):
    layer = PyAffine(rng.standard_normal((6, 4)), np.zeros(4))
    network = nn.Network([layer])
    x, t = batch(rng)
    layer.W = rng.standard_normal((6, 4))
    network.gradient(x, t)
    network.params  # noqa: B018
    nn.SGD(1.0).update({"W": layer.W}, {"W": network.grads["W1"]})
    assert network.grads["W1"] is layer.dW
    before = layer.W.copy()
    network.train_step(x, t, nn.SGD(1.0))
    np.testing.assert_allclose(layer.W, before - layer.dW, rtol=1e-12)


def test_subclass_with_its_own_forward_is_python(rng):
    class Doubled(nn.Affine):
        def forward(self, x):
            return 2 * super().forward(x)

        def backward(self, dy):
            return super().backward(2 * dy)

    class Named(nn.Affine):
        pass

    W, b = rng.standard_normal((6, 4)), rng.standard_normal(4)
    x, t = batch(rng)
    network = nn.Network([Doubled(W, b)])
    np.testing.assert_allclose(network.predict(x), 2 * (x @ W + b), rtol=1e-12)
    grads = {key: np.array(g) for key, g in network.gradient(x, t).items()}
    for key, p in network.params.items():
        assert_gradient(grads[key], lambda: network.loss(x, t), p, key)
    assert nn.Network([Named(W, b)])._whole is not None


def test_loss_subclass_with_its_own_forward_is_python(rng):
    class Twice(nn.MeanSquaredError):
        def forward(self, y, t, sample_weight=None):
            return 2 * super().forward(y, t, sample_weight)

        def backward(self):
            return 2 * super().backward()

    x, t = rng.standard_normal((8, 6)), rng.standard_normal((8, 4))
    layers = [nn.Affine(6, 4, rng=0, dtype=np.float64)]
    one, two = nn.Network(copy.deepcopy(layers), nn.MeanSquaredError()), nn.Network(layers, Twice())
    assert two.loss(x, t) == pytest.approx(2 * one.loss(x, t), rel=1e-12)
    np.testing.assert_allclose(two.gradient(x, t)["W1"], 2 * one.gradient(x, t)["W1"], rtol=1e-12)


def test_optimizer_written_in_python(rng):
    class Halver:
        def update(self, params, grads):
            for p in params.values():
                p *= 0.5

    network = nn.mlp([6, 4], seed=0)
    before = network.params["W1"].copy()
    x, t = batch(rng)
    network.train_step(x, t, Halver())
    assert_same_bits(network.params["W1"], before / 2)
    network.fit(x, t, epochs=1, batch_size=11, optimizer=Halver())
    assert_same_bits(network.params["W1"], before / 4)


def test_one_sample_goes_through_python_layers(rng):
    network = nn.Network(mixed(rng))
    x, _ = batch(rng)
    y = network.predict(x)
    np.testing.assert_allclose(network.predict(x[2]), y[2], rtol=1e-12)
    assert network.classify(x[2]) == y[2].argmax()


def test_python_layer_decides_the_shape(rng):
    """Images go into a layer in Python; what it gives is flattened for the core, its gradient gets the shape back."""

    class Halve:
        def forward(self, x):
            return x[:, :, ::2, ::2]

        def backward(self, dy):
            assert dy.shape[1:] == (1, 2, 2)
            self.dx = np.zeros((len(dy), 1, 4, 4))
            self.dx[:, :, ::2, ::2] = dy
            return self.dx

    network = nn.Network([Halve(), nn.Flatten(), nn.Relu(), nn.Affine(4, 3, rng=0, dtype=np.float64)])
    x, t = rng.standard_normal((6, 1, 4, 4)), rng.integers(3, size=6)
    pixels = rng.integers(256, size=x.shape).astype(np.uint8)
    assert network.predict(x).shape == (6, 3)
    assert_same_bits(network.predict(pixels), network.predict(pixels * (1 / 255)))
    network.gradient(x, t)
    assert network.layers[0].dx.any()
    history = network.fit(x, t, epochs=2, validation=0.5)
    assert history.keys() >= {"accuracy", "val_accuracy"}
    with pytest.raises(
        ValueError, match=r"layers\[3\] Affine 1: x \(6, 9\) @ W \(4, 3\): 9 != 4; is W transposed\?"
    ):
        network.predict(rng.standard_normal((6, 1, 6, 6)))


def test_layer_without_a_signature_and_with_a_poor_output(rng):
    class Poor:
        forward = staticmethod(np.sum)

        def backward(self, dy):
            return dy

    network = nn.Network([Poor(), nn.Affine(4, 3, rng=0)])
    with pytest.raises(ValueError, match=r"the output of a layer has shape \(\)"):
        network.predict(np.ones((2, 4)))


def test_custom_loss_and_weights(rng):
    network = nn.Network([nn.Affine(6, 4, rng=0)], MeanSquare())
    x = rng.standard_normal((5, 6))
    t = rng.standard_normal((5, 4))
    with pytest.raises(TypeError, match=r"class_weight is given, but .* is written in Python"):
        network.gradient(x, t, class_weight=np.ones(4))
    np.testing.assert_array_equal(network.classify(x), network.predict(x).argmax(1))
    labels = network.classify(x)
    assert network.accuracy(x, labels) == network.accuracy(x, oracle.one_hot(labels, 4)) == 1


def test_keys_that_end_with_digits():
    class Odd(Scale):
        def __init__(self, *keys):
            self.params, self.grads = dict.fromkeys(keys, np.ones(1)), {}

    assert list(nn.Network([Odd("W", "W1"), Odd("W1")]).params) == ["W1", "W1_1", "W1_2"]
    with pytest.raises(ValueError, match="two parameters are named a_1_1"):
        nn.Network([Odd("a_1", "a_1_")])


def test_missing_gradients_are_named(rng):
    class Forgetful(PyAffine):
        def backward(self, dout):
            return dout @ self.W.T

    network = nn.Network([Forgetful(rng.standard_normal((6, 4)), np.zeros(4))])
    with pytest.raises(ValueError, match=r"Forgetful\.backward left no dW"):
        network.gradient(*batch(rng))


def test_summary(rng):
    text = nn.Network(mixed(rng)).summary()
    lines = text.splitlines()
    assert lines[2].split() == ["0", "Affine(6,", "5,", "bias=False)", "5", "30"]
    assert "PyAffine" in lines[6]
    assert lines[-1].startswith("79 parameters of float64")
    assert len(nn.mlp([784, 50, 10], seed=0).summary().splitlines()) == 7
    assert repr(nn.mlp([3, 2], seed=0)).startswith("Network([Affine(3, 2)], loss=SoftmaxCrossEntropy(")
