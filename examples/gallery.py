"""The pictures of nnfast.plot, of one small network for digits and one for two classes of points."""

from __future__ import annotations

import nnfast as nn
import numpy as np
from pictures import save

(x_train, t_train), (x_test, t_test) = nn.datasets.load_mnist_sample()


def digits() -> nn.Network:
    """784-64-32-10, trained for six epochs."""
    net = nn.mlp([784, 64, 32, 10], seed=0)
    history = net.fit(
        x_train,
        t_train,
        epochs=6,
        batch_size=50,
        optimizer=nn.Adam(lr=0.002),
        validation=(x_test, t_test),
        step_losses=True,
        seed=0,
    )
    print(f"test accuracy {history['val_accuracy'][-1]:.1%}")
    save("gallery_history", lambda figure: history.plot(ax=figure.subplots()), height=3.4, colors=32)
    return net


def mistakes(net: nn.Network) -> None:
    """Who is taken for whom, and how these look."""
    counts = nn.plot.confusion_matrix(t_test, net.classify(x_test))
    print("right:", counts.trace(), "of", counts.sum())
    np.fill_diagonal(counts, 0)
    truth, guess = (int(i) for i in np.unravel_index(counts.argmax(), counts.shape))
    print(f"most often a {truth} is taken for a {guess}: {counts[truth, guess]} times")

    def draw(figure):
        left, right = figure.subplots(1, 2)
        nn.plot.confusion(net, x_test, t_test, ax=left)
        nn.plot.misclassified(net, x_test, t_test, count=16, ax=right)

    save("gallery_mistakes", draw, width=9.0, height=4.4, colors=32)


def activations(net: nn.Network) -> None:
    """How the units of each layer are spread."""
    net.forward(x_test)
    for layer in (1, 2):
        silent = np.mean(net.a[layer] == 0)
        print(f"layer {layer}: {silent:.0%} of the activations are 0")
    save(
        "gallery_activations",
        lambda figure: nn.plot.activation_histograms(net, x_test, axes=figure.subplots(1, 2)),
        height=2.4,
    )


def functions() -> None:
    """Activation functions and their derivatives."""
    print("relu'(-1), relu'(1):", *nn.functional.relu_backward([1.0, 1.0], [0.0, 1.0]))

    def draw(figure):
        nn.plot.activation_functions(axes=figure.subplots(2, 3))

    save("gallery_functions", draw, height=4.0, colors=32)


def boundary() -> None:
    """Two half moons."""
    rng = np.random.default_rng(0)
    angle = rng.random(300) * np.pi
    t = np.arange(300) % 2
    x = np.where(t, [1 - np.cos(angle), 0.5 - np.sin(angle)], [np.cos(angle), np.sin(angle)]).T
    x = x + 0.12 * rng.standard_normal(x.shape)
    net = nn.mlp([2, 16, 16, 2], "tanh", seed=0, dtype=np.float64)
    net.fit(x, t, epochs=60, batch_size=20, optimizer=nn.Adam(lr=0.01), seed=0)
    print(f"half moons: {net.accuracy(x, t):.0%} right")
    save(
        "gallery_boundary",
        lambda figure: nn.plot.decision_boundary(net, x, t, ax=figure.subplots()),
        width=5.0,
        height=3.4,
        colors=24,
    )


print("-- digits")
net = digits()
print("-- mistakes")
mistakes(net)
print("-- activations")
activations(net)
print("-- functions")
functions()
print("-- boundary")
boundary()
