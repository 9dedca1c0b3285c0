"""Networks that people build again and again."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import generator, integer
from .layers import Affine, BatchNormalization, Dropout
from .layers import activation as make_activation
from .network import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._typing import DTypeLike, Initializer, LossLike, Seed

__all__ = ["mlp"]

# Starting values by activation: He et al. 2015 for those that cut off one side, Klambauer et al. 2017 for SELU, Glorot
# and Bengio 2010 for the rest.
_HE = {"Relu", "LeakyRelu", "PRelu", "Elu", "Celu", "Gelu", "Silu", "Mish", "HardSwish", "Softplus", "Maxout"}


def mlp(
    sizes: Sequence[int],
    activation: str | Callable[[], Any] = "relu",
    *,
    init: Initializer | None = None,
    dropout: float = 0.0,
    batch_normalization: bool = False,
    loss: LossLike | None = None,
    dtype: DTypeLike = np.float32,
    l1: float = 0.0,
    l2: float = 0.0,
    seed: Seed = None,
    convention: str = "rows",
) -> Network:
    """A multilayer perceptron: affine layers of the given sizes with an activation between them.

    Each hidden layer is affine, batch normalization if wanted, activation, dropout if wanted, as in the courses; the
    last one is affine.

    Parameters
    ----------
    sizes : list of int
        Inputs, hidden layers, outputs: at least two.
    activation : str or layer class
        "relu", "tanh", "gelu", "leaky_relu", ..., or a class, or a function that makes a layer.
    init : initializer, optional
        Of all weights, see :mod:`nnfast.initializers`. None: "he" for ReLU and its kin, "lecun" for SELU, "xavier"
        for the rest.
    dropout : float
        Share of the hidden values that is dropped in training.
    batch_normalization : bool
    loss : loss, optional
        SoftmaxCrossEntropy() unless given.
    dtype : float32 or float64
    l1, l2 : float
        Penalties of the weights, see :class:`nnfast.Network`.
    seed : int, numpy.random.Generator or None
        Of the weights and of dropout. None: other weights every time.
    convention : {"rows", "columns"}
        Whether samples are rows or columns, see :class:`nnfast.Network`.

    Raises
    ------
    ValueError, TypeError
        Fewer than two sizes, a size that is no positive integer, an unknown name.

    Examples
    --------
    >>> import nnfast as nn
    >>> print(nn.mlp([784, 50, 10], seed=0).summary())
       layer            output  parameters
    --------------------------------------
    0  Affine(784, 50)      50      39,250
    1  Relu()               50           0
    2  Affine(50, 10)       10         510
    --------------------------------------
    39,760 parameters of float32, loss SoftmaxCrossEntropy(reduction='mean', ignore_index=-100, label_smoothing=0.0)
    """
    widths = [integer("mlp", f"sizes[{i}]", size) for i, size in enumerate(sizes)]
    if len(widths) < 2:
        raise ValueError(f"mlp: sizes is {list(sizes)}; expected at least inputs and outputs")
    rng = generator("mlp", seed, "seed")
    example = make_activation("mlp", activation)
    kind, pieces = (
        type(example).__name__,
        getattr(example, "pieces", 1),
    )  # maxout takes several columns for one
    if init is None:
        init = "he" if kind in _HE else "lecun" if kind == "Selu" else "xavier"
    layers: list[Any] = []
    for index, (width_in, width_out) in enumerate(itertools.pairwise(widths)):
        last = index == len(widths) - 2
        columns = width_out if last else width_out * pieces
        layers.append(Affine(width_in, columns, init=init, dtype=dtype, rng=rng))
        if last:
            break
        if batch_normalization:
            layers.append(BatchNormalization(columns, dtype=dtype))
        layers.append(make_activation("mlp", activation))
        if dropout:
            layers.append(Dropout(dropout, seed=0))
    return Network(layers, loss, dtype, l1=l1, l2=l2, seed=int(rng.integers(2**63)), convention=convention)
