"""What nnfast.plot computes: arrays, activations, targets as labels; and what it says without matplotlib."""

from __future__ import annotations

import subprocess
import sys

import nnfast as nn
import numpy as np
import pytest
from nnfast.plot import _values


class Scale:
    """A layer written in Python, with a parameter and something that it keeps."""

    def __init__(self, n):
        self.params, self.grads = {"scale": np.linspace(0.5, 2, n).astype(np.float32)}, {}
        self.x = None
        self.seen = None

    def forward(self, x, training=True):
        self.x, self.seen = x, training
        return x * self.params["scale"]

    def backward(self, dy):
        self.grads["scale"] = (dy * self.x).sum(axis=0)
        return dy * self.params["scale"]


class PythonAffine:
    def __init__(self, W, b):
        self.W, self.b, self.dW, self.db = W, b, None, None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dy):
        self.dW, self.db = self.x.T @ dy, dy.sum(axis=0)
        return dy @ self.W.T


def mixed_network(rng):
    """Batch normalization with statistics, dropout, a layer written in Python, one of them affine."""
    layers = [
        nn.Affine(6, 5, rng=1),
        nn.BatchNormalization(5),
        nn.Relu(),
        nn.Dropout(0.5),
        Scale(5),
        PythonAffine(rng.standard_normal((5, 4)).astype(np.float32), np.ones(4, np.float32)),
        nn.Tanh(),
        nn.Affine(4, 3, rng=2),
    ]
    network = nn.Network(layers)
    x, t = rng.standard_normal((32, 6)).astype(np.float32), rng.integers(0, 3, 32)
    network.fit(x, t, epochs=2, progress=False)
    return network, x, t


# ---------------------------------------------------------------------------------------------- weight_image
def test_weight_image_has_exactly_these_colours():
    image = nn.plot.weight_image([[-2.0, -1.0, 0.0, 1.0, 2.0]])
    assert image.dtype == np.uint8
    assert image.shape == (1, 5, 3)
    assert image[0].tolist() == [[255, 0, 0], [128, 0, 0], [0, 0, 0], [0, 128, 0], [0, 255, 0]]


def test_weight_image_is_symmetric_and_monotone(rng, dtype):
    w = rng.standard_normal(784).astype(dtype)
    image = nn.plot.weight_image(w)
    assert image.shape == (28, 28, 3)
    assert np.array_equal(nn.plot.weight_image(-w), image[..., [1, 0, 2]])
    assert np.array_equal(image[..., 2], np.zeros((28, 28)))
    assert not np.any((image[..., 0] > 0) & (image[..., 1] > 0))
    brightness = image[..., 1].astype(int).ravel() - image[..., 0].ravel()
    assert np.all(np.diff(brightness[np.argsort(w)]) >= 0)
    for index in (0, 100, 783):  # row by row from the top
        row, column = divmod(index, 28)
        expected = round(255 * abs(float(w[index])) / float(np.abs(w).max()))
        assert abs(int(image[row, column].max()) - expected) <= 1


def test_weight_image_limit_and_shape():
    assert nn.plot.weight_image([1.0, -4.0], (1, 2), limit=2).tolist() == [[[0, 128, 0], [255, 0, 0]]]
    assert nn.plot.weight_image(np.arange(6), shape=(2, 3)).shape == (2, 3, 3)
    assert nn.plot.weight_image(np.arange(6).reshape(3, 2), shape=(2, 3)).shape == (2, 3, 3)
    assert nn.plot.weight_image(np.zeros((2, 5))).tolist() == np.zeros((2, 5, 3)).tolist()
    assert nn.plot.weight_image(np.array([-128, 127, 0, 0], np.int8))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            ([1.0, 2.0],),
            ValueError,
            r"plot.weight_image: an image of w has 2 numbers, no square; expected shape=",
        ),
        (([1.0, 2.0], (2, 2)), ValueError, r"shape is \(2, 2\), but an image of w has 2 numbers"),
        (([1.0, 2.0], 2), TypeError, r"shape is 2; expected \(rows, columns\)"),
        (([1.0, 2.0], (2, 1.0)), TypeError, r"shape\[1\] is 1.0"),
        (([np.nan],), ValueError, "not finite"),
        ((["a"],), TypeError, "expected real numbers"),
        (([],), ValueError, "0 numbers"),
    ],
)
def test_weight_image_errors(arguments, kind, message):
    with pytest.raises(kind, match=message):
        nn.plot.weight_image(*arguments)


@pytest.mark.parametrize("limit", [0, -1, np.nan, np.inf])
def test_weight_image_limit_errors(limit):
    with pytest.raises(ValueError, match=r"plot\.weight_image: limit is"):
        nn.plot.weight_image([1.0], limit=limit)


# ---------------------------------------------------------------------------------------------- confusion_matrix
def test_confusion_matrix_against_a_loop(rng):
    t, y = rng.integers(0, 5, 300), rng.integers(0, 4, 300)
    expected = [[0] * 5 for _ in range(5)]
    for truth, guess in zip(t, y, strict=True):
        expected[truth][guess] += 1
    counts = nn.plot.confusion_matrix(t, y)
    assert counts.dtype == np.int64
    assert counts.tolist() == expected
    assert nn.plot.confusion_matrix(t, y, 7).shape == (7, 7)
    assert nn.plot.confusion_matrix(t, y, 7)[:5, :5].tolist() == expected


def test_confusion_matrix_against_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    t, y = rng.integers(0, 10, 500), rng.integers(0, 10, 500)
    assert np.array_equal(nn.plot.confusion_matrix(t, y), metrics.confusion_matrix(t, y))


def test_confusion_matrix_takes_one_hot_rows_and_scores(rng):
    t, scores = rng.integers(0, 3, 50), rng.standard_normal((50, 4))
    expected = nn.plot.confusion_matrix(t, scores.argmax(axis=1), 4)
    assert np.array_equal(nn.plot.confusion_matrix(t, scores), expected)
    assert np.array_equal(nn.plot.confusion_matrix(np.eye(4)[t], scores), expected)
    assert np.array_equal(nn.plot.confusion_matrix(t[:, None], scores), expected)
    assert np.array_equal(nn.plot.confusion_matrix(t.astype(np.float32), scores), expected)
    assert nn.plot.confusion_matrix([True, False], [True, True]).tolist() == [[0, 1], [0, 1]]
    assert nn.plot.confusion_matrix([], []).tolist() == [[0]]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (([0, 1], [0]), ValueError, r"plot.confusion_matrix: y has shape \(1,\); expected labels \(2,\)"),
        (([0, -1], [0, 1]), ValueError, r"t has labels in -1..0; expected 0..1"),
        (([0, 1], [0, 3], 3), ValueError, r"y has labels in 0..3; expected 0..2"),
        (([0.5, 1], [0, 1]), TypeError, "t has dtype float64 and fractions"),
        (([0], [0], 0), ValueError, "classes is 0"),
        ((np.zeros((2, 2, 2)), [0, 1]), ValueError, r"t has shape \(2, 2, 2\)"),
    ],
)
def test_confusion_matrix_errors(arguments, kind, message):
    with pytest.raises(kind, match=message):
        nn.plot.confusion_matrix(*arguments)


# ---------------------------------------------------------------------------------------------- what networks are asked
def test_activations_against_numpy(rng, dtype):
    network = nn.mlp([6, 5, 4, 3], activation="tanh", dtype=dtype, seed=0)
    x = rng.standard_normal((8, 6)).astype(dtype)
    a = _values.activations("here", network, x)
    p = network.params
    first = np.tanh(x @ p["W1"] + p["b1"])
    second = np.tanh(first @ p["W2"] + p["b2"])
    assert [v.shape for v in a] == [(8, 6), (8, 5), (8, 4), (8, 3)]
    assert {v.dtype for v in a} == {np.dtype(dtype)}
    for got, expected in zip(a, (x, first, second, second @ p["W3"] + p["b3"]), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_activations_of_any_layer_list(rng):
    network, x, t = mixed_network(rng)
    network.gradient(x, t)
    before = {name: np.array(value) for name, value in network.params.items()}
    a = _values.activations("here", network, x)
    assert [v.shape for v in a] == [(32, 6), (32, 5), (32, 4), (32, 3)]
    np.testing.assert_allclose(a[-1], network.predict(x), rtol=1e-5, atol=1e-6)
    p, norm = network.params, network.layers[1]
    z = x @ p["W1"] + p["b1"]
    z = (z - norm.running_mean) / np.sqrt(norm.running_var + norm.eps) * p["gamma1"] + p["beta1"]
    expected = np.maximum(z, 0) * p["scale1"]
    np.testing.assert_allclose(a[1], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(a[2], np.tanh(expected @ p["W2"] + p["b2"]), rtol=1e-4, atol=1e-5)
    assert all(np.array_equal(before[name], network.params[name]) for name in before)


def test_activations_leave_what_layers_keep_for_backward(rng):
    network, x, _ = mixed_network(rng)
    scale, relu = network.layers[4], network.layers[2]
    scale.x, scale.seen = "kept", "kept"
    y = relu.forward(np.array([[-1.0, 1.0]]))
    _values.activations("here", network, x)
    assert (scale.x, scale.seen) == ("kept", "kept")
    assert relu.backward(np.ones_like(y)).tolist() == [[0, 1]]
    assert all(layer.training for layer in network.layers if hasattr(layer, "training"))


def test_activations_are_those_of_inference():
    class Mode:
        """Told by an attribute, as layers of some courses are."""

        training = True

        def forward(self, x):
            return -x if self.training else x

        def backward(self, dy):
            return dy

    network = nn.Network([nn.Affine(2, 2, rng=0), Mode(), Scale(2), nn.Affine(2, 2, rng=1)])
    x = np.ones((1, 2), np.float32)
    a = _values.activations("here", network, x)
    np.testing.assert_allclose(a[-1], network.predict(x), rtol=1e-6)
    np.testing.assert_allclose(a[1], (x @ network.params["W1"]) * [0.5, 2], rtol=1e-6)
    assert network.layers[1].training is False  # since predict


def test_activations_read_bytes_and_images(rng):
    network = nn.mlp([4, 3, 2], seed=0)
    x = rng.integers(0, 256, (5, 2, 2), dtype=np.uint8)
    a = _values.activations("here", network, x)
    np.testing.assert_allclose(a[0], x.reshape(5, 4) / 255, rtol=1e-6)
    np.testing.assert_allclose(a[-1], network.predict(x), rtol=1e-5, atol=1e-6)


def test_weights_are_those_that_somebody_has_put_into_a_layer(rng):
    network, _, _ = mixed_network(rng)
    W = np.full((6, 5), 3.0, np.float32)
    network.layers[0].W = W
    network.layers[5].W = np.full((5, 4), 2.0, np.float32)
    found = _values.weights_of(network)
    assert [w.shape for w in found] == [(6, 5), (5, 4), (4, 3)]
    assert np.array_equal(found[0], W)
    assert np.all(found[1] == 2)


def test_losses_of_single_samples(rng):
    network = nn.mlp([4, 3, 2], seed=0)
    x, t = rng.standard_normal((6, 4)).astype(np.float32), rng.integers(0, 2, 6)
    losses = _values.losses(network, x, t)
    assert losses.shape == (6,)
    y = network.predict(x).astype(np.float64)
    expected = np.log(np.exp(y).sum(axis=1)) - y[np.arange(6), t]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_several_sigmoid_outputs_are_one_against_the_rest(rng):
    network = nn.mlp([4, 3], loss=nn.SigmoidCrossEntropy(), seed=0)
    x = rng.standard_normal((20, 4)).astype(np.float32)
    assert np.array_equal(_values.predicted("here", network, x), network.predict(x).argmax(axis=1))
    single = nn.mlp([4, 1], loss=nn.SigmoidCrossEntropy(), seed=0)
    assert np.array_equal(_values.predicted("here", single, x), (single.predict(x)[:, 0] > 0).astype(int))


# ---------------------------------------------------------------------------------------------- without matplotlib
def calls():
    """Every function that draws, with arguments that will do."""
    rng = np.random.default_rng(0)
    x, t = rng.random((12, 4)).astype(np.float32), np.arange(12) % 3
    network = nn.mlp([4, 6, 3], seed=0)
    flat = nn.mlp([2, 6, 3], seed=0)
    log = {"loss": [2.0, 1.0], "val_loss": [2.0, 1.5], "accuracy": [0.1, 0.6], "val_accuracy": [0.2, 0.5]}
    plot = nn.plot
    return {
        "activation_functions": lambda **axes: plot.activation_functions(("relu",), **axes),
        "activation_histograms": lambda **axes: plot.activation_histograms(network, x, **axes),
        "confusion": lambda **ax: plot.confusion(network, x, t, **ax),
        "decision_boundary": lambda **ax: plot.decision_boundary(flat, x[:, :2], t, resolution=20, **ax),
        "descent": lambda **ax: plot.descent(lambda x: x[0] ** 2 + x[1] ** 2, x[:, :2], resolution=10, **ax),
        "histories": lambda **ax: plot.histories({"a": log}, **ax),
        "history": lambda **ax: plot.history(log, **ax),
        "images": lambda **ax: plot.images(x, t, **ax),
        "misclassified": lambda **ax: plot.misclassified(network, x, t, **ax),
        "most_activating": lambda **ax: plot.most_activating(network, x, 1, 0, **ax),
        "network": lambda **ax: plot.network(network, x[0], **ax),
        "weights": lambda **ax: plot.weights(network, **ax),
    }


def test_every_public_function_is_tested():
    assert set(nn.plot.__all__) == {*calls(), "weight_image", "confusion_matrix"}


@pytest.mark.parametrize("name", calls())
def test_without_matplotlib_the_error_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=rf"plot.{name}: matplotlib is missing: pip install nnfast\[plot\]"):
        calls()[name]()


def test_arrays_need_no_matplotlib():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import nnfast as nn\n"
        "print(nn.plot.weight_image([[1.0]]).tolist(), nn.plot.confusion_matrix([0], [0]).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "[[[0, 255, 0]]] [[1]]\n"
