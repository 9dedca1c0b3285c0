"""``common/multi_layer_net_extend.py``: the same with batch normalization and dropout."""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _chain
from .gradient import numerical_gradient
from .layers import Affine, BatchNormalization, Dropout, Relu, Sigmoid, SoftmaxWithLoss
from .multi_layer_net import (
    affine_gradients,
    backward,
    init_weights,
    share_correct,
    weight_decay,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MultiLayerNetExtend"]


def both_spellings(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, whose two arguments may be called x and t or, as the Korean edition does, X and T."""
    names = list(inspect.signature(method).parameters)[1:]
    others = {name.swapcase(): name for name in names}

    @functools.wraps(method)
    def accepting(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method(self, *args, **{others.get(name, name): value for name, value in kwargs.items()})

    return accepting


class MultiLayerNetExtend:
    """Affine layers, each but the last with batch normalization, Relu or Sigmoid, and dropout, as wanted.

    Parameters
    ----------
    input_size, hidden_size_list, output_size, activation, weight_init_std, weight_decay_lambda
        As in :class:`~nnfast.compat.dlfs.multi_layer_net.MultiLayerNet`.
    use_dropout : bool
    dropout_ration : float
        The share that is dropped. The book's spelling.
    use_batchnorm : bool

    Attributes
    ----------
    params : dict
        W1, b1, W2, ..., then gamma1, beta1, ...
    layers : OrderedDict
        Affine1, BatchNorm1, Activation_function1, Dropout1, Affine2, ...
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
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        self.input_size = input_size
        self.output_size = output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.use_dropout = use_dropout
        self.weight_decay_lambda = weight_decay_lambda
        self.use_batchnorm = use_batchnorm
        self.params: dict[str, Any] = {}
        self.__init_weight(weight_init_std)

        activations = {"sigmoid": Sigmoid, "relu": Relu}
        self.layers: OrderedDict[str, Any] = OrderedDict()
        for idx in range(1, self.hidden_layer_num + 1):
            self.layers[f"Affine{idx}"] = Affine(self.params[f"W{idx}"], self.params[f"b{idx}"])
            if use_batchnorm:
                width = hidden_size_list[idx - 1]
                self.params[f"gamma{idx}"] = np.ones(width)
                self.params[f"beta{idx}"] = np.zeros(width)
                self.layers[f"BatchNorm{idx}"] = BatchNormalization(
                    self.params[f"gamma{idx}"], self.params[f"beta{idx}"]
                )
            self.layers[f"Activation_function{idx}"] = activations[activation]()
            if use_dropout:
                self.layers[f"Dropout{idx}"] = Dropout(dropout_ration)
        idx = self.hidden_layer_num + 1
        self.layers[f"Affine{idx}"] = Affine(self.params[f"W{idx}"], self.params[f"b{idx}"])
        self.last_layer = SoftmaxWithLoss()

    def __init_weight(self, weight_init_std: Any) -> None:
        widths = [self.input_size, *self.hidden_size_list, self.output_size]
        init_weights(self.params, widths, weight_init_std)

    def predict(self, x: Any, train_flg: bool = False) -> Any:
        """Scores (N, output_size), before softmax."""
        return self.__forward(x, train_flg)[0]

    def __forward(self, x: Any, train_flg: bool) -> tuple[Any, Any]:
        """The scores, and the chain that has made them where it was one."""
        chain = _chain.forward(list(self.layers.values()), x, train_flg)
        if chain is not None:
            return chain.y, chain
        for key, layer in self.layers.items():
            x = layer.forward(x, train_flg) if "Dropout" in key or "BatchNorm" in key else layer.forward(x)
        return x, None

    def loss(self, x: Any, t: Any, train_flg: bool = False) -> Any:
        """Cross-entropy and weight decay for labels or one-hot rows t."""
        y = self.predict(x, train_flg)
        decay = weight_decay(self.params, self.hidden_layer_num + 1, self.weight_decay_lambda)
        return self.last_layer.forward(y, t) + decay

    @both_spellings
    def accuracy(self, x: Any, t: Any) -> Any:
        """The share of rows whose largest score is that of t."""
        return share_correct(self.predict(x, train_flg=False), t)

    @both_spellings
    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Gradients by central differences, in training mode; slow."""

        def loss_W(W: Any) -> Any:
            return self.loss(x, t, train_flg=True)

        return {name: numerical_gradient(loss_W, self.params[name]) for name in self.__names()}

    def __names(self) -> list[str]:
        """Of the parameters, layer by layer."""
        kinds = ("W", "b", "gamma", "beta") if self.use_batchnorm else ("W", "b")
        names = [f"{kind}{idx}" for idx in range(1, self.hidden_layer_num + 2) for kind in kinds]
        return [name for name in names if name in self.params]

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Gradients by backpropagation, in training mode."""
        chain = None
        if type(self) is MultiLayerNetExtend:
            y, chain = self.__forward(x, True)
            self.last_layer.forward(y, t)
        else:
            self.loss(x, t, train_flg=True)
        backward(chain, list(self.layers.values()), self.last_layer.backward(1))
        grads = affine_gradients(self.layers, self.hidden_layer_num + 1, self.weight_decay_lambda)
        if self.use_batchnorm:
            for idx in range(1, self.hidden_layer_num + 1):
                grads[f"gamma{idx}"] = self.layers[f"BatchNorm{idx}"].dgamma
                grads[f"beta{idx}"] = self.layers[f"BatchNorm{idx}"].dbeta
        return {name: grads[name] for name in self.__names()}
