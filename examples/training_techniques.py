"""Optimizers, starting weights, batch normalization, weight decay, dropout, hyper-parameters."""

from __future__ import annotations

import warnings
from itertools import pairwise

import nnfast as nn
import numpy as np
from pictures import save

(x_train, t_train), (x_test, t_test) = nn.datasets.load_mnist_sample()


def optimizers() -> None:
    """A long valley, f = x^2 / 20 + y^2, from (-7, 2), 30 steps."""
    rules = {
        "SGD": nn.SGD(lr=0.95),
        "Momentum": nn.Momentum(lr=0.1),
        "Nesterov": nn.Nesterov(lr=0.1),
        "AdaGrad": nn.AdaGrad(lr=1.5),
        "RMSprop": nn.RMSprop(lr=0.3),
        "Adam": nn.Adam(lr=0.3),
    }
    paths = {}
    for name, rule in rules.items():
        params = {"x": np.array(-7.0), "y": np.array(2.0)}
        path = paths[name] = []
        for _ in range(30):
            path.append((float(params["x"]), float(params["y"])))
            rule.update(params, {"x": params["x"] / 10, "y": 2 * params["y"]})
        zigzag = sum(a[1] * b[1] < 0 for a, b in pairwise(path))
        distance = np.hypot(params["x"], params["y"])
        print(f"{name:9} ends {distance:.1f} from the lowest point; crosses the valley {zigzag} times")

    def draw(figure):
        x, y = np.linspace(-8, 8, 80), np.linspace(-3, 3, 60)
        height = x**2 / 20 + y[:, None] ** 2
        for axes, (name, path) in zip(figure.subplots(2, 3).flat, paths.items(), strict=True):
            axes.contour(x, y, height, levels=12, colors="lightgrey", linewidths=0.7)
            axes.plot(*np.array(path).T, "o-", ms=2.5, lw=0.8)
            axes.set_title(name, fontsize=9)

    save("optimizers", draw, height=3.4)


def sigmoid_or_relu() -> None:
    """Four hidden layers, the same steps; only the activation differs."""
    curves = {}
    for activation in ("sigmoid", "relu"):
        net = nn.mlp([784, 50, 50, 50, 50, 10], activation, seed=0)
        history = net.fit(x_train, t_train, epochs=5, batch_size=50, optimizer=nn.SGD(lr=0.1))
        curves[activation] = history["loss"]
        print(f"{activation:7} loss {history['loss'][-1]:.1f}, right {net.accuracy(x_test, t_test):.0%}")

    def draw(figure):
        axes = figure.subplots()
        for (name, losses), style in zip(curves.items(), ("--", "-"), strict=True):
            axes.plot(range(1, 6), losses, style, label=name)
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend()

    save("sigmoid_or_relu", draw, width=4.5, height=2.6)


def starting_weights() -> None:
    """1,000 samples go through five layers of 100 sigmoids, from weights of three spreads."""
    x = np.random.default_rng(0).standard_normal((1000, 100))
    activations = {}
    for init in (1.0, 0.01, "lecun"):  # the book's Xavier is lecun here: std = sqrt(1 / in)
        a, activations[init] = x, []
        for layer in range(5):
            a = nn.Affine(100, 100, init=init, dtype=np.float64, rng=layer).forward(a)
            a = nn.functional.sigmoid(a)
            activations[init].append(a)
        ends = np.mean((a < 0.1) | (a > 0.9))
        print(f"init={init!s:5}  last layer: spread {a.std():.2f}, {ends:.0%} of the values near 0 or 1")

    def draw(figure):
        rows = figure.subplots(3, 5, sharex=True)
        for row, (init, layers) in zip(rows, activations.items(), strict=True):
            for axes, a in zip(row, layers, strict=True):
                axes.hist(a.ravel(), 30, range=(0, 1))
                axes.set_yticks([])
            row[0].set_ylabel(f"init={init}", fontsize=8)
        for layer, axes in enumerate(rows[0], 1):
            axes.set_title(f"layer {layer}", fontsize=9)

    save("starting_weights", draw, height=3.6)


def batch_normalization() -> None:
    """Weights that are far too small: only the network that normalizes learns."""
    curves = {}
    for normalize in (False, True):
        net = nn.mlp([784, 100, 100, 100, 10], init=0.001, batch_normalization=normalize, seed=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", nn.NNFastWarning)  # of units that are dead, as these are
            history = net.fit(
                x_train[:1000], t_train[:1000], epochs=10, batch_size=100, optimizer=nn.SGD(lr=0.1)
            )
        curves[normalize] = history["accuracy"]
        name = "with" if normalize else "without"
        print(f"{name:7} batch normalization: {history['accuracy'][-1]:.0%} of the training images")

    def draw(figure):
        axes = figure.subplots()
        axes.plot(curves[True], label="with batch normalization")
        axes.plot(curves[False], "--", label="without")
        axes.set(xlabel="epoch", ylabel="training accuracy")
        axes.legend()

    save("batch_normalization", draw, width=4.5)


def overfitting() -> None:
    """300 images and a large network: it learns them by heart. Two ways against it."""
    curves = {}
    for name, options in {
        "nothing": {},
        "weight decay": {"l2": 0.03},
        "dropout": {"dropout": 0.3},
    }.items():
        net = nn.mlp([784, 100, 100, 100, 10], seed=0, **options)
        history = net.fit(
            x_train[:300],
            t_train[:300],
            epochs=60,
            batch_size=50,
            optimizer=nn.SGD(lr=0.1),
            validation=(x_test, t_test),
        )
        train, test = net.accuracy(x_train[:300], t_train[:300]), net.accuracy(x_test, t_test)
        size = np.sqrt(sum(np.sum(net.params[f"W{k}"] ** 2) for k in range(1, 5)))
        loss = nn.SoftmaxCrossEntropy().forward(net.predict(x_test), t_test)
        print(
            f"{name:12} training {train:.0%}, test {test:.0%}, test loss {loss:.2f}, length of all weights {size:.0f}"
        )
        curves[name] = (history["accuracy"], history["val_accuracy"])

    def draw(figure):
        for axes, (name, (train, test)) in zip(
            figure.subplots(1, 3, sharey=True), curves.items(), strict=True
        ):
            axes.plot(train, label="training")
            axes.plot(test, "--", label="test")
            axes.set_title(name, fontsize=10)
            axes.set_xlabel("epoch")
        axes.legend()

    save("overfitting", draw, height=2.6)


def hyper_parameters() -> None:
    """Learning rate and weight decay drawn at random, on a log scale, judged by a validation split."""
    rng = np.random.default_rng(0)
    order = rng.permutation(1000)
    train, valid = order[200:], order[:200]  # 20 % are set aside; the test images are not touched
    trials = []
    for _ in range(20):
        lr, l2 = 10 ** rng.uniform(-4, 0), 10 ** rng.uniform(-8, -1)
        net = nn.mlp([784, 50, 10], l2=l2, seed=0)
        net.fit(x_train[train], t_train[train], epochs=5, batch_size=50, optimizer=nn.SGD(lr=lr))
        trials.append((net.accuracy(x_train[valid], t_train[valid]), lr, l2))
    trials.sort(reverse=True)
    for accuracy, lr, l2 in [*trials[:3], trials[-1]]:
        print(f"{accuracy:.0%}  lr = {lr:.4f}, l2 = {l2:.1e}")


print("-- optimizers")
optimizers()
print("-- sigmoid or relu")
sigmoid_or_relu()
print("-- starting weights")
starting_weights()
print("-- batch normalization")
batch_normalization()
print("-- overfitting")
overfitting()
print("-- hyper-parameters")
hyper_parameters()
