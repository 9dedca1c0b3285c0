"""Perceptrons, logic gates, and why XOR needs a second layer."""

from __future__ import annotations

import warnings

import nnfast as nn
import numpy as np
from nnfast.graph import AND, NAND, OR, XOR, Perceptron
from pictures import save

inputs = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def gates() -> None:
    """Two signals in, one out: 1 if the weighted sum with the bias is above 0."""
    for name, gate in [
        ("AND", Perceptron([0.5, 0.5], -0.7)),
        ("NAND", Perceptron([-0.5, -0.5], 0.7)),
        ("OR", Perceptron([0.5, 0.5], -0.2)),
    ]:
        print(f"{name:4} w = {gate.w}, b = {gate.b}:", gate(inputs))
    print("on the threshold it does not fire:", Perceptron([1.0, 1.0], -2.0)([1, 1]))


def xor() -> None:
    """Two layers: NAND and OR first, AND on what they say."""
    for x1, x2 in [(0, 0), (1, 0), (0, 1), (1, 1)]:
        s1, s2 = NAND(x1, x2), OR(x1, x2)
        print(f"{x1} {x2}: NAND {s1}, OR {s2} -> AND {AND(s1, s2)}   XOR {XOR(x1, x2)}")


def one_layer_is_not_enough() -> None:
    """Of many straight lines, none separates XOR."""
    rng = np.random.default_rng(0)
    w, b = rng.uniform(-1, 1, (100_000, 2)), rng.uniform(-1, 1, (100_000, 1))
    answers = w @ inputs.T + b > 0
    for name, wanted in [("AND", [0, 0, 0, 1]), ("OR", [0, 1, 1, 1]), ("XOR", [0, 1, 1, 0])]:
        found = (answers == wanted).all(axis=1).sum()
        print(f"{name:3}: {'some' if found else 'none'} of 100,000 random perceptrons")


def step_and_sigmoid() -> None:
    """The same neuron, with the jump and without."""
    sums = np.array([-2.0, -0.1, 0.0, 0.1, 2.0])
    print("sum    ", sums)
    print("step   ", nn.Step().forward(sums).astype(int))
    print("sigmoid", nn.Sigmoid().forward(sums).round(2))


def learned_xor() -> nn.Network:
    """A network with a hidden layer finds the weights by itself."""
    net = nn.mlp([2, 4, 1], "sigmoid", loss=nn.SigmoidCrossEntropy(), seed=0)
    t = np.array([[0.0], [1.0], [1.0], [0.0]])
    net.fit(inputs, t, epochs=300, batch_size=4, optimizer=nn.Adam(lr=0.1))
    print("wanted: ", t.ravel().astype(int))
    print("learned:", net.classify(inputs))

    def draw(figure):
        side = np.linspace(-0.5, 1.5, 80)
        x1, x2 = np.meshgrid(side, side)
        grid = np.stack([x1.ravel(), x2.ravel()], axis=1)
        left, right = figure.subplots(1, 2)
        for axes, name, fires, wanted in [
            (left, "OR: a straight line", OR(*grid.T), OR(*inputs.T)),
            (right, "XOR: learned by two layers", net.predict_proba(grid)[:, 0], t[:, 0]),
        ]:
            colours = ["#dddddd", "#9ecae1"]
            axes.contourf(x1, x2, fires.reshape(80, 80), levels=[-0.1, 0.5, 1.1], colors=colours)
            axes.plot(*inputs[wanted == 0].T, "ko", markerfacecolor="w")
            axes.plot(*inputs[wanted == 1].T, "k^")
            axes.set(xlabel="x1", ylabel="x2", aspect="equal")
            axes.set_title(name, fontsize=10)

    save("perceptron_xor", draw, height=3.0)
    return net


def linear_activations() -> None:
    """Without an activation two layers are one: W1 W2 is a single matrix."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deep = nn.Network([nn.Affine(2, 4, rng=0), nn.Affine(4, 1, rng=1)], nn.SigmoidCrossEntropy())
    print("nnfast warned:", *(w.category.__name__ for w in caught))
    (W1, b1), (W2, b2) = ((layer.W, layer.b) for layer in deep.layers)
    one = nn.Network([nn.Affine(W1 @ W2, b1 @ W2 + b2)], nn.SigmoidCrossEntropy())
    print("the same scores:", np.allclose(deep.predict(inputs), one.predict(inputs), atol=1e-6))
    deep.fit(inputs, np.array([[0], [1], [1], [0]]), epochs=300, batch_size=4, optimizer=nn.Adam(lr=0.1))
    print("XOR, as sure as it gets:", deep.predict_proba(inputs).ravel().round(1))


print("-- gates")
gates()
print("-- xor")
xor()
print("-- one layer")
one_layer_is_not_enough()
print("-- step and sigmoid")
step_and_sigmoid()
print("-- learned")
learned_xor()
print("-- linear")
linear_activations()
