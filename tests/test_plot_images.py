"""Grids of images: of weights, of samples, of those that are wrong, of those that a neuron answers to."""

from __future__ import annotations

import nnfast as nn
import numpy as np
import pytest
from test_plot_arrays import mixed_network

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
from matplotlib.figure import Figure
from test_plot import assert_texts_are_apart, no_pyplot_figures, pixels  # noqa: F401


def tiles(ax):
    return [np.asarray(image.get_array()) for image in ax.images]


def labels(ax):
    return [text.get_text() for text in ax.texts]


def assert_images_are_apart(ax, shape=None):
    """In rows from the top, with white between them, none over another, all of the same size."""
    ax.figure.draw_without_rendering()
    boxes = [image.get_window_extent() for image in ax.images]
    for k, a in enumerate(boxes):
        if shape:
            assert a.height / a.width == pytest.approx(shape[0] / shape[1], rel=1e-6)
        assert (a.width, a.height) == pytest.approx((boxes[0].width, boxes[0].height))
        for b in boxes[k + 1 :]:
            assert min(a.x1, b.x1) < max(a.x0, b.x0) or min(a.y1, b.y1) < max(a.y0, b.y0)
        for text in ax.texts:
            word = text.get_window_extent()
            down = min(a.y1, word.y1) - max(a.y0, word.y0)
            assert min(a.x1, word.x1) <= max(a.x0, word.x0) or down < 0.5, text.get_text()
    rows = [round(-box.y1, 3) for box in boxes]
    assert rows == sorted(rows)


@pytest.fixture(scope="module")
def digits():
    """A network that has learnt some, 300 images and their labels."""
    (x, t), (x_test, t_test) = nn.datasets.load_mnist_sample()
    network = nn.mlp([784, 20, 10], seed=0)
    network.fit(x, t, epochs=2, batch_size=100, progress=False)
    return network, x_test[:300], t_test[:300]


# ---------------------------------------------------------------------------------------------- weights
def test_weights_are_the_images_of_the_columns(digits):
    network, _, _ = digits
    ax = nn.plot.weights(network)
    W = network.params["W1"]
    assert labels(ax) == [str(k) for k in range(20)]
    for k, image in enumerate(tiles(ax)):
        assert np.array_equal(image, nn.plot.weight_image(W[:, k]))
    assert ax.get_title() == "W1 (784, 20): red < 0 < green"
    assert_images_are_apart(ax, (1, 1))
    assert_texts_are_apart(ax)
    shown = pixels(ax.figure)[..., :3]
    assert np.any((shown[..., 1] > 0.8) & (shown[..., 0] < 0.1))
    assert np.any((shown[..., 0] > 0.8) & (shown[..., 1] < 0.1))


def test_weights_of_chosen_neurons_of_a_layer_or_an_array(rng):
    network = nn.mlp([6, 9, 4], seed=0)
    ax = nn.plot.weights(network, 2, neurons=[3, 0], limit=0.5)
    W = network.params["W2"]
    assert labels(ax) == ["3", "0"]
    assert np.array_equal(tiles(ax)[0], nn.plot.weight_image(W[:, 3], limit=0.5))
    assert ax.get_title() == "2 columns of W2 (9, 4): red < 0 < green"
    flat = nn.plot.weights(rng.standard_normal((6, 2)), shape=(2, 3))
    assert tiles(flat)[0].shape == (2, 3, 3)
    assert_images_are_apart(flat, (2, 3))
    assert len(tiles(nn.plot.weights(rng.standard_normal((4, 100))))) == 64
    assert len(tiles(nn.plot.weights(rng.standard_normal((4, 100)), neurons=range(100)))) == 100


def test_weights_of_layers_written_in_python_and_of_other_classes(rng):
    network, _, _ = mixed_network(rng)
    ax = nn.plot.weights(network, 2, shape=(1, 5))
    assert np.array_equal(tiles(ax)[3], nn.plot.weight_image(network.layers[5].W[:, 3], (1, 5)))

    class Course:
        """A network as courses write it: a dict of parameters."""

        params = {"W1": rng.standard_normal((4, 3)), "b1": np.zeros(3)}  # noqa: RUF012

    assert len(tiles(nn.plot.weights(Course()))) == 3


@pytest.mark.parametrize(
    ("net", "more", "kind", "message"),
    [
        ("net", {"layer": 3}, ValueError, "layer is 3; expected one of the 2 affine layers"),
        ("net", {"layer": 0}, ValueError, "layer is 0"),
        ("net", {"layer": 1.0}, TypeError, "layer is 1.0"),
        ("net", {}, ValueError, "an image of W has 6 numbers, no square; expected shape="),
        ("net", {"shape": (2, 2)}, ValueError, r"shape is \(2, 2\), but an image of W has 6 numbers"),
        (
            "net",
            {"layer": 2, "neurons": [4]},
            ValueError,
            r"neurons is \[4\]; expected 1 to 400 numbers in 0..3",
        ),
        ("net", {"layer": 2, "neurons": []}, ValueError, r"neurons is \[\]"),
        ("net", {"layer": 2, "neurons": 3}, TypeError, "neurons is 3; expected a sequence of integers"),
        ("net", {"layer": 2, "neurons": [-1]}, ValueError, r"neurons\[0\] is -1"),
        (np.ones(4), {}, ValueError, r"the weights have shape \(4,\); expected \(in, out\)"),
        ("a", {}, TypeError, "net has dtype"),
    ],
)
def test_weights_errors(net, more, kind, message):
    net = nn.mlp([6, 9, 4], seed=0) if isinstance(net, str) and net == "net" else net
    with pytest.raises(kind, match=r"plot\.weights: " + message):
        nn.plot.weights(net, **more)


# ---------------------------------------------------------------------------------------------- images
def test_images_are_grey_from_black_to_white(dtype):
    x = np.array([[0.0, 0.25, 0.5, 1.0], [1, 1, 1, 1]], dtype)
    ax = nn.plot.images(x)
    assert tiles(ax)[0].tolist() == [[[0] * 3, [64] * 3], [[128] * 3, [255] * 3]]
    assert np.all(tiles(ax)[1] == 255)
    assert labels(ax) == []
    data = np.array([[0, 100, 255, 7]], np.uint8)
    assert tiles(nn.plot.images(data))[0][..., 0].tolist() == [[0, 100], [255, 7]]
    spread = nn.plot.images(np.array([[-2.0, 0.0, 2.0, 2.0]]))  # standardized
    assert tiles(spread)[0][..., 0].tolist() == [[0, 128], [255, 255]]


def test_images_of_all_shapes(digits):
    _, x, _ = digits
    expected = tiles(nn.plot.images(x[:3]))
    for given in (x[:3].reshape(3, 28, 28), x[:3].reshape(3, 1, 28, 28), x[:3].astype(np.float64)):
        assert all(np.array_equal(a, b) for a, b in zip(tiles(nn.plot.images(given)), expected, strict=True))
    assert np.array_equal(tiles(nn.plot.images(x[0]))[0], expected[0])
    assert tiles(nn.plot.images(x[:2], shape=(14, 56)))[0].shape == (14, 56, 3)
    assert tiles(nn.plot.images(np.zeros((2, 3, 5))))[0].shape == (3, 5, 3)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10, 16, 25, 50, 100])
def test_images_are_laid_out_without_overlap(digits, count):
    _, x, t = digits
    ax = nn.plot.images(x[:count], t[:count], title="digits")
    assert labels(ax) == [str(label) for label in t[:count]]
    assert ax.get_title() == "digits"
    assert_images_are_apart(ax, (1, 1))
    assert_texts_are_apart(ax)
    assert pixels(ax.figure)[..., :3].std() > 0.1


@pytest.mark.parametrize("size", [(2, 1.5), (3, 6), (8, 2)])
def test_labels_fit_into_small_axes(digits, size):
    _, x, t = digits
    figure = Figure(figsize=size)
    ax = nn.plot.images(x[:12], [f"label {label}" for label in t[:12]], ax=figure.subplots())
    assert_images_are_apart(ax, (1, 1))
    assert_texts_are_apart(ax)


def test_images_labels_and_columns(digits):
    _, x, t = digits
    ax = nn.plot.images(x[:4], np.eye(10)[t[:4]], columns=4)
    assert labels(ax) == [str(label) for label in t[:4]]
    ax.figure.draw_without_rendering()
    assert len({round(image.get_window_extent().y0, 3) for image in ax.images}) == 1
    assert labels(nn.plot.images(x[:2], ["a", "b"])) == ["a", "b"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((2, 5)),), "an image of x has 5 numbers, no square"),
        ((np.ones((500, 4)),), r"x has 500 samples; expected at most 400, such as x\[:25\]"),
        ((np.ones((0, 4)),), r"x has shape \(0, 4\); expected \(batch, in\)"),
        ((np.ones((2, 4)), [1]), "there are 1 labels; expected one for each of 2 images"),
        ((np.ones((2, 3, 8, 8)),), "an image of x has 192 numbers, no square"),
    ],
)
def test_images_errors(arguments, message):
    with pytest.raises(ValueError, match=r"plot\.images: " + message):
        nn.plot.images(*arguments)


# ---------------------------------------------------------------------------------------------- misclassified
def test_misclassified_are_those_that_are_wrong_the_worst_first(digits):
    network, x, t = digits
    ax = nn.plot.misclassified(network, x, t, count=9)
    guess = network.classify(x)
    wrong = [i for i in range(len(x)) if guess[i] != t[i]]
    y = network.predict(x).astype(np.float64)
    loss = np.log(np.exp(y).sum(axis=1)) - y[np.arange(len(x)), t]
    worst = sorted(wrong, key=lambda i: -loss[i])[:9]
    assert labels(ax) == [f"{t[i]} → {guess[i]}" for i in worst]
    expected = tiles(nn.plot.images(x[worst]))
    assert all(np.array_equal(a, b) for a, b in zip(tiles(ax), expected, strict=True))
    assert ax.get_title() == f"{len(wrong)} of 300 wrong, the largest loss first"
    assert_images_are_apart(ax, (1, 1))
    assert_texts_are_apart(ax)
    in_order = nn.plot.misclassified(network, x, np.eye(10)[t], worst_first=False)
    assert labels(in_order) == [f"{t[i]} → {guess[i]}" for i in wrong[:25]]
    assert in_order.get_title() == f"{len(wrong)} of 300 wrong"


def test_misclassified_where_nothing_is(digits):
    network, x, _ = digits
    ax = nn.plot.misclassified(network, x, network.classify(x))
    assert ax.get_title() == "0 of 300 wrong"
    assert not ax.images
    assert_texts_are_apart(ax)


def test_misclassified_of_other_losses(rng):
    x = rng.random((30, 4)).astype(np.float32)
    t = rng.integers(0, 2, 30)
    one = nn.mlp([4, 1], loss=nn.SigmoidCrossEntropy(), seed=0)
    ax = nn.plot.misclassified(one, x, t)
    assert len(ax.images) == min(25, int(np.sum(one.classify(x) != t)))
    squared = nn.mlp([4, 2], loss=nn.MeanSquaredError(), seed=0)
    rows = np.eye(2, dtype=np.float32)[t]
    ax = nn.plot.misclassified(squared, x, rows, count=3)
    wrong = np.flatnonzero(squared.classify(x) != t)
    loss = ((squared.predict(x) - rows) ** 2).mean(axis=1)[wrong]
    expected = wrong[np.argsort(-loss, kind="stable")][:3]
    assert labels(ax) == [f"{t[i]} → {squared.classify(x)[i]}" for i in expected]
    ignored = np.where(np.arange(30) < 15, -100, t)
    ax = nn.plot.misclassified(nn.mlp([4, 2], seed=0), x, ignored, count=100)
    assert not any(label.startswith("-100") for label in labels(ax))
    mixed, x, t = mixed_network(rng)
    assert nn.plot.misclassified(mixed, x, t, shape=(2, 3)).images


def test_misclassified_errors(digits):
    network, x, t = digits
    with pytest.raises(
        ValueError, match=r"plot\.misclassified: t has shape \(299,\); expected labels \(300,\)"
    ):
        nn.plot.misclassified(network, x, t[1:])
    with pytest.raises(ValueError, match=r"plot\.misclassified: count is 0"):
        nn.plot.misclassified(network, x, t, count=0)
    with pytest.raises(TypeError, match=r"plot\.misclassified: net is 3"):
        nn.plot.misclassified(3, x, t)


# ---------------------------------------------------------------------------------------------- most_activating
def test_most_activating_are_the_samples_with_the_largest_activation(digits):
    network, x, _ = digits
    p = network.params
    hidden = np.maximum(x @ p["W1"] + p["b1"], 0)
    strongest = np.argsort(-hidden[:, 5], kind="stable")[:16]
    ax = nn.plot.most_activating(network, x, 1, 5)
    expected = tiles(nn.plot.images(x[strongest]))
    assert all(np.array_equal(a, b) for a, b in zip(tiles(ax), expected, strict=True))
    np.testing.assert_allclose([float(v) for v in labels(ax)], hidden[strongest, 5], rtol=6e-3)
    assert ax.get_title() == "layer 1, neuron 5: what it answers to most"
    assert_images_are_apart(ax, (1, 1))
    assert_texts_are_apart(ax)
    scores = network.predict(x)
    top = nn.plot.most_activating(network, x.reshape(-1, 28, 28), 2, 3, count=4)
    np.testing.assert_allclose([float(v) for v in labels(top)], np.sort(scores[:, 3])[::-1][:4], rtol=6e-3)


def test_most_activating_of_any_layer_list(rng):
    network, x, _ = mixed_network(rng)
    for layer in (1, 2, 3):
        assert len(nn.plot.most_activating(network, x, layer, 0, shape=(2, 3)).images) == 16


@pytest.mark.parametrize(
    ("layer", "neuron", "kind", "message"),
    [
        (3, 0, ValueError, "layer is 3; expected 1..2"),
        (0, 0, ValueError, "layer is 0"),
        (1, 20, ValueError, "neuron is 20; expected 0..19"),
        (1, -1, ValueError, "neuron is -1"),
        ("W1", 0, TypeError, "layer is 'W1'"),
    ],
)
def test_most_activating_errors(digits, layer, neuron, kind, message):
    network, x, _ = digits
    with pytest.raises(kind, match=r"plot\.most_activating: " + message):
        nn.plot.most_activating(network, x, layer, neuron)
