"""``ch05/two_layer_net.py``: the network of chapter 5, affine - relu - affine - softmax."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .gradient import numerical_gradient
from .layers import Affine, Relu, SoftmaxWithLoss
from .multi_layer_net import backward, init_weights, share_correct

__all__ = ["TwoLayerNet"]


class TwoLayerNet:
    """Two affine layers with Relu between them, softmax with cross-entropy.

    Parameters
    ----------
    input_size, hidden_size, output_size : int
    weight_init_std : float
        The scale of the weights, drawn from the global ``np.random``; biases start at 0.

    Attributes
    ----------
    params : dict
        W1, b1, W2, b2: float64, the very arrays that the layers compute with.
    layers : OrderedDict
        Affine1, Relu1, Affine2.
    lastLayer : SoftmaxWithLoss

    Examples
    --------
    >>> import numpy as np
    >>> net = TwoLayerNet(4, 3, 2)
    >>> sorted(net.gradient(np.ones((5, 4)), np.zeros(5, int)))
    ['W1', 'W2', 'b1', 'b2']
    """

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01
    ) -> None:
        self.params: dict[str, Any] = {}
        init_weights(self.params, (input_size, hidden_size, output_size), weight_init_std)
        params = self.params
        self.layers: OrderedDict[str, Any] = OrderedDict()
        self.layers["Affine1"] = Affine(params["W1"], params["b1"])
        self.layers["Relu1"] = Relu()
        self.layers["Affine2"] = Affine(params["W2"], params["b2"])
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x: Any) -> Any:
        """Scores (N, output_size), before softmax."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Any, t: Any) -> Any:
        """Cross-entropy for labels or one-hot rows t."""
        return self.lastLayer.forward(self.predict(x), t)

    def accuracy(self, x: Any, t: Any) -> Any:
        """The share of rows whose largest score is that of t."""
        return share_correct(self.predict(x), t)

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Gradients by central differences; slow."""

        def loss_W(W: Any) -> Any:
            return self.loss(x, t)

        return {name: numerical_gradient(loss_W, self.params[name]) for name in ("W1", "b1", "W2", "b2")}

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Gradients by backpropagation."""
        self.loss(x, t)
        backward(None, list(self.layers.values()), self.lastLayer.backward(1))
        first, second = self.layers["Affine1"], self.layers["Affine2"]
        return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}
