"""Computational graphs: a formula as nodes, computed forward and differentiated backward, with nothing hidden.

::

    from nnfast import graph

    w, x, b = graph.variable(2.0, "w"), graph.variable(-1.0, "x"), graph.variable(-3.0, "b")
    f = graph.sigmoid(w * x + b)  # the value is there at once: f.value
    f.backward()  # w.grad, x.grad, b.grad
    f.explain()  # every node with local gradient, upstream gradient and their product
    graph.draw(f, "sigmoid.svg")  # needs the extra nnfast[plot]

Reverse-mode differentiation on a graph of operations is what backpropagation is (Rumelhart, Hinton and Williams 1986;
CS231n, lecture 4; *Deep Learning from Scratch*, chapter 5): a node knows its own local gradients, gets the gradient of
the loss by its output from the nodes after it (`upstream`), and sends local x upstream to the nodes before it. Where
a value is used more than once, the gradients that come back are added.

Every operation takes nodes, numbers and arrays of real numbers, broadcasts as NumPy does, and returns a :class:`Node`;
shapes that do not fit are a ValueError that names the operation and both. Where a finite input gives nan or infinity
(the logarithm of 0), the value is NumPy's, and an :class:`nnfast.NNFastWarning` says which operation it was, at which
number.

This module is for looking inside, and computes in NumPy; to train a network there is :class:`nnfast.Network`.

The book's layers (``AddLayer``, ``MulLayer``, ``ExpLayer``, ``DivLayer``), the perceptron and the logic gates are here
too.
"""

from ._book import AddLayer, DivLayer, ExpLayer, MulLayer
from ._drawing import draw
from ._functions import (
    add,
    cos,
    div,
    exp,
    log,
    matmul,
    maximum,
    mean,
    mul,
    neg,
    relu,
    sigmoid,
    sin,
    softmax_with_loss,
    sqrt,
    squared_norm,
    sub,
    tanh,
)

# Reached as graph.max; a star import leaves Python's own alone.
from ._functions import max as max
from ._functions import pow as pow
from ._functions import sum as sum
from ._gates import AND, NAND, OR, XOR, Perceptron
from ._node import Node, constant, forward, nodes, variable
from ._table import table

__all__ = [
    "AND",
    "NAND",
    "OR",
    "XOR",
    "AddLayer",
    "DivLayer",
    "ExpLayer",
    "MulLayer",
    "Node",
    "Perceptron",
    "add",
    "constant",
    "cos",
    "div",
    "draw",
    "exp",
    "forward",
    "log",
    "matmul",
    "maximum",
    "mean",
    "mul",
    "neg",
    "nodes",
    "relu",
    "sigmoid",
    "sin",
    "softmax_with_loss",
    "sqrt",
    "squared_norm",
    "sub",
    "table",
    "tanh",
    "variable",
]
