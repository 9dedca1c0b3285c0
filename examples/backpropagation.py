"""Computational graphs: every node knows its local gradient, and multiplies it by what comes back."""

from __future__ import annotations

import nnfast as nn
import numpy as np
from nnfast import graph
from pictures import save


def three_numbers() -> None:
    """f = (x + y) z at x = -2, y = 5, z = -4."""
    x, y, z = graph.variable(-2.0, "x"), graph.variable(5.0, "y"), graph.variable(-4.0, "z")
    f = (x + y) * z
    f.backward()
    f.explain()
    print("df/dx, df/dy, df/dz:", x.grad, y.grad, z.grad)

    def draw(figure):
        graph.draw(f, ax=figure.subplots())

    save("graph_three_numbers", draw, width=4.5, height=2.3)


def shopping() -> None:
    """Two apples at 100, three oranges at 150, 10 % tax: the book's layers, forward and backward."""
    apple, orange = graph.MulLayer(), graph.MulLayer()
    both, tax = graph.AddLayer(), graph.MulLayer()
    apples, oranges = apple.forward(100, 2), orange.forward(150, 3)
    price = tax.forward(both.forward(apples, oranges), 1.1)

    dtotal, dtax = tax.backward(1)
    dapples, doranges = both.backward(dtotal)
    dprice, dcount = apple.backward(dapples)
    print(f"only the apples: {100 * 2 * 1.1:.0f}; everything: {price:.0f}")
    print(f"one apple dearer by 1: {dprice:.1f}; one apple more: {dcount:.0f}; tax: {dtax:.0f}")
    dprice, dcount = orange.backward(doranges)
    print(f"one orange dearer by 1: {dprice:.1f}; one orange more: {dcount:.0f}")

    def draw(figure):
        names = [("apple", 100), ("apples", 2), ("orange", 150), ("oranges", 3), ("tax", 1.1)]
        a, m, o, n, t = (graph.variable(float(value), name) for name, value in names)
        total = (a * m + o * n) * t
        total.backward()
        graph.draw(total, ax=figure.subplots())

    save("graph_shopping", draw, width=6.0, height=3.4)


def sigmoid_in_steps() -> None:
    """1 / (1 + exp(-x)) as five nodes, and as one."""
    x = graph.variable(1.0, "x")
    y = 1 / (1 + graph.exp(-x))
    y.backward()
    y.explain()
    whole = graph.variable(1.0, "x")
    gate = graph.sigmoid(whole)
    gate.backward()
    layer = nn.Sigmoid()
    out = layer.forward(np.array([1.0]))
    print(f"in steps:     {x.grad:.6f}")
    print(f"as one gate:  {whole.grad:.6f}")
    print(f"the layer:    {layer.backward(np.array([1.0]))[0]:.6f}")
    print(f"y (1 - y):    {out[0] * (1 - out[0]):.6f}")

    def draw(figure):
        graph.draw(y, ax=figure.subplots())

    save("graph_sigmoid", draw, width=7.0, height=1.0)


def book_nodes() -> None:
    """The same five nodes with the book's layers."""
    times, exp, plus, div = graph.MulLayer(), graph.ExpLayer(), graph.AddLayer(), graph.DivLayer()
    y = div.forward(plus.forward(exp.forward(times.forward(1.0, -1.0)), 1.0))
    d = div.backward(1.0)
    print(f"after /: {d:.4f} = -y^2")
    d, _ = plus.backward(d)
    print(f"after +: {d:.4f}, passed on")
    d = exp.backward(d)
    print(f"after exp: {d:.4f} = -y^2 exp(-x)")
    d, _ = times.backward(d)
    print(f"after x (-1): {d:.4f} = y^2 exp(-x) = y (1 - y) = {y * (1 - y):.4f}")


def fan_out() -> None:
    """A value that is used twice gets both gradients."""
    x = graph.variable(3.0, "x")
    f = x * x + x
    f.backward()
    print("d(x^2 + x)/dx at 3:", x.grad)


print("-- three numbers")
three_numbers()
print("-- shopping")
shopping()
print("-- sigmoid in steps")
sigmoid_in_steps()
print("-- the book's nodes")
book_nodes()
print("-- fan-out")
fan_out()
