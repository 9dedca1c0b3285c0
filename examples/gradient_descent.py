"""Slopes by numerical differentiation, and the way down."""

from __future__ import annotations

import nnfast as nn
import numpy as np
from pictures import save


def slope() -> None:
    """The slope of a function of one number."""
    f = lambda x: x**2  # noqa: E731
    for h in (1e-1, 1e-4):
        forward = (f(-2.0 + h) - f(-2.0)) / h
        print(f"h = {h:g}: forward {forward:.4f}, central {nn.numerical_diff(f, -2.0, h):.4f}   (true: -4)")
    print("h = 1e-50 in float32:", np.float32(1e-50), "- nothing is left to divide by")


def bowl(x):
    """f(x0, x1) = x0^2 + x1^2: the book's bowl, lowest at (0, 0)."""
    return np.sum(x**2)


def gradient() -> None:
    """All partial derivatives in one array, at one place."""
    for place in ([3.0, 4.0], [0.0, 2.0], [3.0, 0.0]):
        print("gradient at", place, "is", nn.numerical_gradient(bowl, np.array(place)).round(4))
    place, down = np.array([3.0, 4.0]), np.array([-0.6, -0.8])
    for name, v in [("downhill", down), ("along x0", [1.0, 0.0]), ("level", [0.8, -0.6])]:
        print(f"slope {name}: {nn.directional_derivative(bowl, place, np.array(v)):.2f}")


def descent() -> None:
    """x = x - lr * gradient, a hundred times."""
    start = np.array([-3.0, 4.0])
    paths = {}
    for lr in (0.1, 10.0, 1e-10):
        x, paths[lr] = nn.gradient_descent(bowl, start.copy(), lr=lr, step_num=100)
        distance = np.linalg.norm(x)
        print(f"lr = {lr:g}: ends", f"{distance:.1g} from the lowest point" if distance < 1e9 else "far away")
    paths[1.03] = nn.gradient_descent(bowl, start.copy(), lr=1.03, step_num=7)[1]
    paths[0.01] = nn.gradient_descent(bowl, start.copy(), lr=0.01, step_num=25)[1]

    def draw(figure):
        side = np.linspace(-7, 7, 60)
        height = side[:, None] ** 2 + side**2
        for axes, lr in zip(figure.subplots(1, 3), (0.1, 0.01, 1.03), strict=True):
            axes.contour(side, side, height, levels=10, colors="lightgrey", linewidths=0.7)
            axes.plot(*paths[lr][:25].T, "o-", ms=3, lw=0.8)
            axes.set_title(f"lr = {lr:g}", fontsize=10)
            axes.set(aspect="equal", xlim=(-7, 7), ylim=(-7, 7))

    save("gradient_descent", draw, height=2.7)


def two_parameters() -> None:
    """w = 3, b = 5, and a gradient that somebody has computed: dw = 2, db = -4."""
    params = {"w": np.array(3.0), "b": np.array(5.0)}
    nn.SGD(lr=0.1).update(params, {"w": np.array(2.0), "b": np.array(-4.0)})
    print(f"w = 3 - 0.1 * 2    = {params['w']:.1f}")
    print(f"b = 5 - 0.1 * (-4) = {params['b']:.1f}")


def why_not_accuracy() -> None:
    """The same small change of one weight, seen by the loss and by the accuracy."""
    (x, t), _ = nn.datasets.load_mnist_sample(dtype=np.float64)
    x, t = x[:100], t[:100]
    net = nn.mlp([784, 10], dtype=np.float64, seed=0)
    W = net.params["W1"]
    curves = []
    for change in np.linspace(-2, 2, 101):
        W[406, 3] += change
        curves.append((change, net.loss(x, t), net.accuracy(x, t)))
        W[406, 3] -= change
    change, loss, accuracy = np.array(curves).T
    around = slice(50, 53)
    print("change  ", change[around].round(2))
    print("loss    ", loss[around].round(5))
    print("accuracy", accuracy[around].round(2))
    print(f"of {len(loss)} values of the accuracy {len(np.unique(accuracy))} are different,", end=" ")
    print(f"of the loss {len(np.unique(loss.round(6)))}")

    def draw(figure):
        left, right = figure.subplots(1, 2)
        left.plot(change, loss)
        left.set(xlabel="change of one weight", title="loss")
        right.plot(change, accuracy, drawstyle="steps-mid")
        right.set(xlabel="change of one weight", title="accuracy")

    save("why_not_accuracy", draw, height=2.6)


print("-- slope")
slope()
print("-- gradient")
gradient()
print("-- descent")
descent()
print("-- two parameters")
two_parameters()
print("-- why not accuracy")
why_not_accuracy()
