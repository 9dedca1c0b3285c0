"""``common/multi_layer_net.py``: a network of affine layers."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core
from . import _chain
from .gradient import numerical_gradient
from .layers import Affine, Relu, Sigmoid, SoftmaxWithLoss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._typing import Array

__all__ = ["MultiLayerNet"]


def init_weights(params: dict[str, Any], widths: Sequence[int], weight_init_std: Any) -> None:
    """W1, b1, W2, ... from the global ``np.random``: scale ``randn(in, out)``, and zeros."""
    for idx in range(1, len(widths)):
        scale = weight_init_std
        if str(weight_init_std).lower() in ("relu", "he"):
            scale = np.sqrt(2.0 / widths[idx - 1])
        elif str(weight_init_std).lower() in ("sigmoid", "xavier"):
            scale = np.sqrt(1.0 / widths[idx - 1])
        params[f"W{idx}"] = scale * np.random.randn(widths[idx - 1], widths[idx])
        params[f"b{idx}"] = np.zeros(widths[idx])


def weight_decay(params: dict[str, Any], count: int, factor: float) -> float:
    """Half the factor times the sum of the squares of W1, ..., W<count>."""
    if factor == 0:
        return 0
    return 0.5 * factor * _core.squared_norm([params[f"W{idx}"] for idx in range(1, count + 1)])


def backward(chain: Any, layers: Sequence[Any], dout: Any) -> None:
    """Through the layers from the last to the first, whose dx nobody needs."""
    if _chain.backward(chain, layers, dout):
        return
    for layer in reversed(layers[1:]):
        dout = layer.backward(dout)
    first = layers[0]
    if type(first) is Affine:
        first._backward_without_dx(dout)
    else:
        first.backward(dout)


def affine_gradients(layers: Any, count: int, factor: float) -> dict[str, Any]:
    """W1: dW + factor W, b1: db, ..."""
    grads = {}
    for idx in range(1, count + 1):
        layer = layers[f"Affine{idx}"]
        grads[f"W{idx}"] = layer.dW + factor * layer.W if factor != 0 else layer.dW
        grads[f"b{idx}"] = layer.db
    return grads


def share_correct(y: Array, t: Array) -> Any:
    """How many rows of y have their largest where the labels or one-hot rows t say."""
    labels = np.argmax(t, axis=1) if t.ndim != 1 else t
    return np.sum(np.argmax(y, axis=1) == labels) / float(len(y))


class MultiLayerNet:
    """Affine layers with Relu or Sigmoid between them, softmax with cross-entropy, weight decay.

    Parameters
    ----------
    input_size : int
    hidden_size_list : list of int
    output_size : int
    activation : {"relu", "sigmoid"}
    weight_init_std : float or str
        The scale of W, or "relu"/"he" for sqrt(2 / in), "sigmoid"/"xavier" for sqrt(1 / in).
    weight_decay_lambda : float
        The loss gets lambda / 2 times the sum of the squares of all W.

    Attributes
    ----------
    params : dict
        W1, b1, W2, ...: float64, the very arrays that the layers compute with.
    layers : OrderedDict
        Affine1, Activation_function1, Affine2, ...
    last_layer : SoftmaxWithLoss
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: list[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: Any = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        self.input_size = input_size
        self.output_size = output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.weight_decay_lambda = weight_decay_lambda
        self.params: dict[str, Any] = {}
        self.__init_weight(weight_init_std)

        activations = {"sigmoid": Sigmoid, "relu": Relu}
        self.layers: OrderedDict[str, Any] = OrderedDict()
        for idx in range(1, self.hidden_layer_num + 1):
            self.layers[f"Affine{idx}"] = Affine(self.params[f"W{idx}"], self.params[f"b{idx}"])
            self.layers[f"Activation_function{idx}"] = activations[activation]()
        idx = self.hidden_layer_num + 1
        self.layers[f"Affine{idx}"] = Affine(self.params[f"W{idx}"], self.params[f"b{idx}"])
        self.last_layer = SoftmaxWithLoss()

    def __init_weight(self, weight_init_std: Any) -> None:
        widths = [self.input_size, *self.hidden_size_list, self.output_size]
        init_weights(self.params, widths, weight_init_std)

    def predict(self, x: Any) -> Any:
        """Scores (N, output_size), before softmax."""
        return _chain.scores(list(self.layers.values()), x)[0]

    def loss(self, x: Any, t: Any) -> Any:
        """Cross-entropy and weight decay for labels or one-hot rows t."""
        y = self.predict(x)
        decay = weight_decay(self.params, self.hidden_layer_num + 1, self.weight_decay_lambda)
        return self.last_layer.forward(y, t) + decay

    def accuracy(self, x: Any, t: Any) -> Any:
        """The share of rows whose largest score is that of t."""
        return share_correct(self.predict(x), t)

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Gradients by central differences; slow."""

        def loss_W(W: Any) -> Any:
            return self.loss(x, t)

        return {name: numerical_gradient(loss_W, value) for name, value in self.params.items()}

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Gradients by backpropagation."""
        layers, chain = list(self.layers.values()), None
        if type(self) is MultiLayerNet:
            y, chain = _chain.scores(layers, x)
            self.last_layer.forward(y, t)
        else:
            self.loss(x, t)
        backward(chain, layers, self.last_layer.backward(1))
        return affine_gradients(self.layers, self.hidden_layer_num + 1, self.weight_decay_lambda)
